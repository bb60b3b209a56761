//! The names a file gives to streams and items, and where they stand for an id.

use serde_json::Value;
use uuid::Uuid;

/// What begins a name that stands for an id.
const MARK: char = '$';
/// The most characters a name may have.
const CHARACTERS_MAX: usize = 64;

/// What an item's name takes to stand for the entry recorded, for a later correction.
pub(super) const ENTRY: &str = "entry";

/// Whether a name may be given: lower-case letters, digits and hyphens, beginning with a letter.
pub(super) fn proper(name: &str) -> bool {
    name.len() <= CHARACTERS_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The name a text stands for: `$name`. A text that begins with `$$` is the text without its first
/// character.
pub(super) fn marked(text: &str) -> Option<&str> {
    text.strip_prefix(MARK)
        .filter(|rest| !rest.starts_with(MARK))
}

/// A name that stands for nothing, and where it was met.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) pointer: String,
    pub(super) name: String,
}

/// Puts ids in the place of names, everywhere within a value.
pub(super) fn resolve(
    value: &mut Value,
    pointer: &str,
    id: &impl Fn(&str) -> Option<Uuid>,
) -> Result<(), Unknown> {
    match value {
        Value::String(text) => {
            if let Some(name) = marked(text) {
                let Some(id) = id(name) else {
                    return Err(Unknown {
                        pointer: pointer.to_owned(),
                        name: name.to_owned(),
                    });
                };
                *text = id.to_string();
            } else if text.starts_with(MARK) {
                text.remove(0);
            }
            Ok(())
        }
        Value::Array(rows) => rows
            .iter_mut()
            .enumerate()
            .try_for_each(|(row, value)| resolve(value, &format!("{pointer}/{row}"), id)),
        Value::Object(members) => members
            .iter_mut()
            .try_for_each(|(name, value)| resolve(value, &format!("{pointer}/{name}"), id)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_stand_for_ids_wherever_they_are() {
        let mut value = json!({"a": ["$one", "two"], "b": {"c": "$one"}, "d": "$$5"});
        let one = Uuid::from_u128(1);
        resolve(&mut value, "", &|name| (name == "one").then_some(one)).unwrap();
        let id = one.to_string();
        assert_eq!(value, json!({"a": [id, "two"], "b": {"c": id}, "d": "$5"}));
    }

    #[test]
    fn a_name_that_stands_for_nothing_is_found_in_its_place() {
        let mut value = json!({"authorities": ["x", "$nobody"]});
        let unknown = resolve(&mut value, "/particulars", &|_| None).unwrap_err();
        assert_eq!(unknown.pointer, "/particulars/authorities/1");
        assert_eq!(unknown.name, "nobody");
    }

    #[test]
    fn names_are_plain() {
        assert!(proper("night-patrols-2"));
        for wrong in ["", "2-patrols", "Night", "a b", "a$", &"a".repeat(65)] {
            assert!(!proper(wrong), "{wrong}");
        }
    }
}
