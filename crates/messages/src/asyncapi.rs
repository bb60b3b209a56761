//! The AsyncAPI document: every message, its subject and where its schema is.

use serde_json::{Map, Value, json};

use dutyledger_domain::kebab_case;
use dutyledger_domain::streams::event_schemas;

use crate::message::{NONE, SEVERAL, SUBJECT_PREFIX};
use crate::schemas::path;

/// The AsyncAPI 3.0 document. It depends on nothing but the program.
#[must_use]
pub fn asyncapi() -> Value {
    let (mut channels, mut messages) = (Map::new(), Map::new());
    for (event, kinds) in event_schemas() {
        let name = kebab_case(event.event_type);
        let version = event.schema_version;
        let key = format!("{name}.v{version}");
        messages.insert(key.clone(), message(&event, &name));
        let channel = channels
            .entry(name.clone())
            .or_insert_with(|| channel(&name, &kinds));
        channel["messages"][&key] = json!({ "$ref": format!("#/components/messages/{key}") });
    }
    let operations: Map<_, _> = channels
        .keys()
        .map(|name| {
            let channel = json!({ "$ref": format!("#/channels/{name}") });
            let publish = json!({ "action": "send", "channel": channel });
            (format!("publish-{name}"), publish)
        })
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dutyledger notifications",
            "version": "1",
            "description": "Each entry of the ledger has one message, a CloudEvents 1.0 event in \
                binary content mode, published in the order of the ledger to one JetStream stream. \
                The sequence of a message in the stream is the position of its entry. A message \
                carries ids, kinds, dates, rule ids and links; who may read more asks the API.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": { "headers": headers() },
        },
    })
}

fn channel(name: &str, kinds: &[&str]) -> Value {
    json!({
        "address": format!("{SUBJECT_PREFIX}.{{stream_type}}.{name}.{{partnership}}"),
        "messages": {},
        "parameters": {
            "stream_type": {
                "description": "The kind of stream it happened in.",
                "enum": kinds,
            },
            "partnership": {
                "description": format!(
                    "The id of the partnership the entry concerns; {NONE} where it concerns none, \
                     {SEVERAL} where it concerns more than one."
                ),
            },
        },
    })
}

fn message(event: &dutyledger_domain::EventSchema, name: &str) -> Value {
    json!({
        "name": format!("dutyledger.{name}.v{}", event.schema_version),
        "title": event.event_type,
        "summary": event.schema["description"],
        "contentType": "application/json",
        "headers": { "$ref": "#/components/schemas/headers" },
        "payload": { "$ref": format!("./{}", path(event)) },
    })
}

/// The headers every message has.
fn headers() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "type": "object",
        "properties": {
            "Nats-Msg-Id": text("The entry's id."),
            "ce-specversion": { "const": "1.0" },
            "ce-id": text("The entry's id."),
            "ce-source": text("urn:dutyledger:ledger:<ledger id>"),
            "ce-type": text("dutyledger.<event-type>.v<version>"),
            "ce-time": text("The instant the entry was recorded."),
            "ce-subject": text("<stream type>/<stream id>"),
            "ce-datacontenttype": { "const": "application/json" },
            "ce-dataschema": text("The $id of the schema of the data."),
            "ce-partnerships": text(
                "The ids of all partnerships the entry concerns, with commas between them; left \
                 out where there is none."
            ),
        },
        "required": [
            "Nats-Msg-Id", "ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time",
            "ce-subject", "ce-datacontenttype", "ce-dataschema",
        ],
    })
}
