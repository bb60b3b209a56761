//! Reading a request's JSON: where something is wrong is said as a JSON pointer.

use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::problem::{Code, Problem};

/// A JSON object. Without this, the members of a type could also be given as an array.
#[derive(Clone, Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Object<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Reads a body. That it is JSON at all comes first: of a body that is broken off, nothing is said to
/// be missing or unknown.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| wrong(&error, String::new()))?;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Object(read) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        wrong(error.inner(), pointer)
    })?;
    reader.end().map_err(|error| wrong(&error, String::new()))?;
    Ok(read)
}

fn wrong(error: &serde_json::Error, pointer: String) -> Problem {
    let text = error.to_string();
    // The place within the text helps where it is not JSON; where it is, the pointer does.
    let reason = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(reason, _)| reason);
    match error.classify() {
        Category::Data => {
            let (pointer, detail) = member(pointer, reason);
            Problem::member(Code::Invalid, pointer, detail)
        }
        Category::Syntax | Category::Eof | Category::Io => Problem::new(
            Code::MalformedJson,
            format!("The body is not JSON: {text}."),
        ),
    }
}

/// Where and what: a member that is missing or unknown is pointed at itself.
fn member(pointer: String, reason: &str) -> (String, String) {
    let named = |what: &str| {
        let rest = reason.strip_prefix(what)?.strip_prefix('`')?;
        rest.split_once('`')
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
    };
    let below = |name: &str| {
        let step = format!("/{}", escaped(name));
        if pointer.ends_with(&step) {
            pointer.clone()
        } else {
            format!("{pointer}{step}")
        }
    };
    if let Some((name, _)) = named("missing field ") {
        return (below(&name), "This member is missing.".to_owned());
    }
    if let Some((name, rest)) = named("unknown field ") {
        let known = rest.trim_start_matches(", ").replace('`', "");
        return (below(&name), format!("This member is unknown: {known}."));
    }
    if let Some((name, _)) = named("duplicate field ") {
        return (below(&name), "This member stands here twice.".to_owned());
    }
    let reason = reason.replace('`', "");
    let mut letters = reason.chars();
    let first = letters
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    (pointer, format!("{first}{}.", letters.as_str()))
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// A step of a JSON pointer (RFC 6901).
fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "read, not used")]
        rows: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "read, not used")]
        count: u32,
    }

    fn wrong_at(body: &str) -> (Code, String) {
        let problem = read::<Outer>(body.as_bytes()).unwrap_err();
        (
            problem.code,
            problem
                .errors
                .first()
                .map(|e| e.pointer.clone())
                .unwrap_or_default(),
        )
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let invalid = |pointer: &str| (Code::Invalid, pointer.to_owned());
        assert_eq!(
            wrong_at(r#"{"rows":[{"count":1},{"count":"x"}]}"#),
            invalid("/rows/1/count")
        );
        assert_eq!(
            wrong_at(r#"{"rows":[{"count":1},{}]}"#),
            invalid("/rows/1/count")
        );
        assert_eq!(
            wrong_at(r#"{"rows":[{"count":1,"a/b":2}]}"#),
            invalid("/rows/0/a~1b")
        );
        assert_eq!(wrong_at(r#"{"rows":[],"extra":1}"#), invalid("/extra"));
        assert_eq!(wrong_at(r#"{"rows":[],"rows":[]}"#), invalid("/rows"));
        assert_eq!(wrong_at("{}"), invalid("/rows"));
        assert_eq!(wrong_at("[[]]"), invalid(""));
        assert_eq!(wrong_at("7"), invalid(""));
        for broken in [
            "{\"rows\"",
            "{\"a\"",
            "{\"a\":1",
            "{\"rows\":[{\"count\":\"x\"",
        ] {
            assert_eq!(wrong_at(broken), (Code::MalformedJson, String::new()));
        }
        assert_eq!(
            wrong_at("{\"rows\":[]} x"),
            (Code::MalformedJson, String::new())
        );
    }
}
