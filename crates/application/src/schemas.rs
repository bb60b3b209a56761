//! The files that describe what this program writes: the JSON Schema of every event.
//!
//! Pure: paths and contents, so that a test can compare them with the committed files.

use serde_json::{Map, Value};

use dutyledger_domain::EventSchema;
use dutyledger_domain::streams::event_schemas;

/// The kebab-case form of a PascalCase event type, as file names and subjects have it.
#[must_use]
pub fn kebab_case(event_type: &str) -> String {
    let mut kebab = String::with_capacity(event_type.len() + 8);
    for (at, letter) in event_type.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// The schema of every version of every event: its path below the folder of schemas, and its text.
#[must_use]
pub fn event_schema_files() -> Vec<(String, String)> {
    event_schemas()
        .iter()
        .map(|(schema, _)| event_schema_file(schema))
        .collect()
}

fn event_schema_file(event: &EventSchema) -> (String, String) {
    let (name, version) = (kebab_case(event.event_type), event.schema_version);
    let mut members = Map::new();
    members.insert(
        "$id".to_owned(),
        format!("urn:dutyledger:event:{name}:v{version}").into(),
    );
    if let Value::Object(schema) = &event.schema {
        members.extend(schema.clone());
    }
    // A record leaves out no member: one without a value is written as null.
    if let Some(Value::Object(properties)) = members.get("properties") {
        let all: Vec<&str> = properties.keys().map(String::as_str).collect();
        members.insert("required".to_owned(), all.into());
    }
    (
        format!("events/{name}.v{version}.json"),
        pretty(&Value::Object(members)),
    )
}

/// Indented JSON that ends in a line break.
fn pretty(value: &Value) -> String {
    // The alternate form of a JSON value is its indented text, members in the order they have.
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_type_is_written_in_kebab_case() {
        assert_eq!(kebab_case("StrategyAdopted"), "strategy-adopted");
        assert_eq!(
            kebab_case("SecretaryOfStateSatisfied"),
            "secretary-of-state-satisfied"
        );
        assert_eq!(kebab_case("Opened"), "opened");
    }
}
