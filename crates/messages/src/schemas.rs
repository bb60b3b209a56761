//! The JSON Schema of every message.

use std::collections::BTreeSet;

use schemars::schema_for;
use serde_json::{Map, Value, json};

use dutyledger_domain::streams::event_schemas;
use dutyledger_domain::{EventSchema, kebab_case};

use crate::notice::Notice;
use crate::particulars::said;

/// The schema of the message of every version of every event: its path below the folder of schemas,
/// and its text.
#[must_use]
pub fn schema_files() -> Vec<(String, String)> {
    let files = event_schemas().into_iter().filter_map(|(event, kinds)| {
        let schema = schema(&event, &kinds)?;
        Some((path(&event), format!("{schema:#}\n")))
    });
    files.collect()
}

/// Where a message's schema is, below the folder of schemas.
pub(crate) fn path(event: &EventSchema) -> String {
    let (name, version) = (kebab_case(event.event_type), event.schema_version);
    format!("messages/{name}.v{version}.json")
}

/// The schema of an event's message, if this program says anything of it.
pub(crate) fn schema(event: &EventSchema, kinds: &[&str]) -> Option<Value> {
    let members = said(event.event_type, event.schema_version)?;
    let name = kebab_case(event.event_type);
    let version = event.schema_version;
    let mut schema = schema_for!(Notice).to_value();
    let mut particulars = Map::new();
    let mut named = BTreeSet::new();
    for member in members {
        let of_event = event.schema.pointer(&format!("/properties/{member}"))?;
        references(of_event, &mut named);
        particulars.insert((*member).to_owned(), of_event.clone());
    }
    schema["$id"] = format!("urn:dutyledger:message:{name}:v{version}").into();
    schema["title"] = event.event_type.into();
    schema["description"] = event.schema["description"].clone();
    schema["$defs"]["EventNamed"]["properties"]["type"] = json!({ "const": event.event_type });
    schema["$defs"]["EventNamed"]["properties"]["version"] = json!({ "const": version });
    schema["$defs"]["StreamNamed"]["properties"]["type"] = json!({ "enum": kinds });
    schema["properties"]["particulars"] = json!({
        "description": "The ids, kinds, dates and versions of this event.",
        "type": "object",
        "properties": particulars,
        "required": members,
        "additionalProperties": false,
    });
    // A definition may refer to others.
    let mut taken = BTreeSet::new();
    while let Some(name) = named.pop_first() {
        let definition = &event.schema["$defs"][&name];
        references(definition, &mut named);
        schema["$defs"][&name] = definition.clone();
        taken.insert(name);
        named.retain(|name| !taken.contains(name));
    }
    close(&mut schema);
    Some(schema)
}

/// The definitions a schema refers to itself.
fn references(schema: &Value, named: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|name| name.strip_prefix("#/$defs/")) {
                named.insert(name.to_owned());
            }
            members.values().for_each(|value| references(value, named));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Says of every object that it has all its members and no others: nothing is left out, one without
/// a value is null.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                let all: Vec<_> = properties.keys().cloned().collect();
                members.insert("required".to_owned(), all.into());
                members.insert("additionalProperties".to_owned(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::particulars::rows;

    /// How the schemas write the id of a row of the rules, and a kind of an open set.
    const WRITTEN_SO: [&str; 2] = ["^[RAL]-[0-9A-Za-z.-]{1,12}$", "^[a-z0-9]+(-[a-z0-9]+)*$"];

    /// What a member that is said may be: an id, a date, a number of a version, yes or no, one of
    /// a closed list of kinds, or several of these together.
    fn is_plain(schema: &Value, defs: &Value) -> bool {
        if let Some(name) = schema["$ref"].as_str() {
            return is_plain(&defs[name.trim_start_matches("#/$defs/")], defs);
        }
        if let Some(kinds) = schema["oneOf"].as_array() {
            return kinds.iter().all(|kind| kind["const"].is_string());
        }
        if let Some(members) = schema["properties"].as_object() {
            return members.values().all(|member| is_plain(member, defs));
        }
        let formats = ["uuid", "date", "date-time", "uint32"];
        schema["enum"].is_array()
            || WRITTEN_SO
                .iter()
                .any(|pattern| schema["pattern"] == *pattern)
            || schema["type"] == "boolean"
            || schema["format"]
                .as_str()
                .is_some_and(|f| formats.contains(&f))
    }

    #[test]
    fn everything_is_said_of_every_event_that_may_be_said_and_nothing_else() {
        let events = event_schemas();
        assert_eq!(rows().len(), events.len());
        for (event, _) in events {
            let of = event.event_type;
            let members = said(of, event.schema_version).unwrap_or_else(|| panic!("{of}"));
            assert!(members.is_sorted(), "{of}: alphabetical order");
            for member in members {
                let schema = &event.schema["properties"][*member];
                // The name of a rule pack is an id in all but its schema.
                let pack = *member == "pack";
                let plain = is_plain(schema, &event.schema["$defs"]);
                assert!(
                    plain || pack,
                    "{of}/{member} is no id, kind, date or version"
                );
            }
        }
    }

    #[test]
    fn nothing_that_names_a_person_or_says_why_is_said() {
        let never = [
            "account",
            "contact",
            "description",
            "detail",
            "extent",
            "ground",
            "harms",
            "label",
            "name",
            "note",
            "part",
            "post",
            "reason",
            "reasons",
            "representative",
            "requires",
            "response",
            "summary",
            "title",
            "why",
        ];
        for (of, _, members) in rows() {
            let found = members.iter().find(|member| never.contains(member));
            assert_eq!(found, None, "{of}");
        }
    }
}
