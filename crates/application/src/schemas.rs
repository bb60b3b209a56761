//! The files that describe what this program writes: the JSON Schema of every event.
//!
//! Pure: paths and contents, so that a test can compare them with the committed files.

use serde_json::{Map, Value};

use dutyledger_domain::rules::{self, Layer, Mode, Row};
use dutyledger_domain::streams::event_schemas;
use dutyledger_domain::{EventSchema, in_words, kebab_case};

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

/// Every row of every rule pack in its newest revision, as a page people read: what it says, its
/// citation, and where it is enforced or derived.
#[must_use]
pub fn rules_page() -> String {
    let mut page = String::from(
        "# The rules\n\nWritten from the rule packs. A row that is *enforced* refuses a decision \
         that does not meet it, or asks for a reason. One that is *derived* is shown by the record: \
         who owes what by when is answered under `/v1/partnerships/{id}/obligations`. What cannot \
         be recorded here yet says so; that says nothing about whether it was done.\n",
    );
    for name in [rules::ENACTED, rules::DRAFT] {
        let Some((pack, sha256)) = rules::newest(name) else {
            continue;
        };
        let in_force = pack.in_force_from.map_or_else(
            || "in force on no date: it is applied where somebody asks for it by name".to_owned(),
            |from| format!("in force from {}", in_words(from)),
        );
        page.push_str(&format!(
            "\n## `{name}`, revision {}\n\n{} rows, {in_force}. SHA-256 `{sha256}`.\n\n\
             | Row | Citation | Mode | Says | Where |\n|---|---|---|---|---|\n",
            pack.revision,
            pack.rows.len(),
        ));
        for row in &pack.rows {
            page.push_str(&rules_line(row));
        }
    }
    page
}

fn rules_line(row: &Row) -> String {
    let ids = std::iter::once(&row.id).chain(&row.also);
    let ids: Vec<_> = ids.map(|id| format!("`{id}`")).collect();
    let section = row.section.as_ref().map(|section| format!("s.{section}"));
    let draft = row.draft_section.as_ref();
    let draft = draft.map(|section| format!("draft clause {section}"));
    let guidance = row.guidance.as_ref().map(|at| format!("guidance {at}"));
    let citation: Vec<_> = [section, draft, guidance, row.source.clone()]
        .into_iter()
        .flatten()
        .collect();
    let mode = match row.gate {
        Some(gate) => format!("{} (its gate: {})", word(&row.mode), word(&gate)),
        None => word(&row.mode),
    };
    let status = row.status.map(|status| word(&status)).unwrap_or_default();
    let mut place = Vec::new();
    if rules::is_enforced(row.id.as_str()) {
        place.push("enforced".to_owned());
    }
    if let Some(evidence) = &row.evidence {
        let in_part = row.leaves_out.as_ref().map_or("", |_| ", in part");
        place.push(format!("derived: {}{in_part}", word(&evidence.by)));
    }
    if place.is_empty() {
        place.push(
            match (row.mode, row.layer) {
                (Mode::Fact, _) => "a fact",
                (_, Layer::Local) => "held throughout",
                _ => "not recorded here yet",
            }
            .to_owned(),
        );
    }
    format!(
        "| {} | {} | {mode}{} | {} | {} |\n",
        ids.join(", "),
        citation.join("; "),
        if status.is_empty() {
            String::new()
        } else {
            format!(", {status}")
        },
        row.says,
        place.join("; ")
    )
}

/// A word of a vocabulary, as people read it.
fn word<T: serde::Serialize>(value: &T) -> String {
    let word = serde_json::to_value(value).ok();
    let word = word.as_ref().and_then(Value::as_str).unwrap_or_default();
    word.replace('_', " ")
}

/// Indented JSON that ends in a line break.
fn pretty(value: &Value) -> String {
    // The alternate form of a JSON value is its indented text, members in the order they have.
    format!("{value:#}\n")
}
