//! What is said of an entry, held against the published schemas and the frozen samples of every event.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::collections::BTreeMap;

use serde_json::Value;

use dutyledger_application::sealing::sealed_texts;
use dutyledger_domain::kebab_case;
use dutyledger_messages::{MESSAGE_BYTES_MAX, Message, message, schema_files};
use dutyledger_record::{Record, StreamId, sha256_hex};
use dutyledger_tests::repository;

/// The JSON files of a folder: name to text.
fn json_files(folder: &str) -> BTreeMap<String, String> {
    let folder = repository().join("schemas").join(folder);
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    json.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    })
    .collect()
}

fn samples() -> BTreeMap<String, Record> {
    let files = json_files("events/samples");
    let samples = files
        .into_iter()
        .map(|(name, text)| (name, Record::parse(&text).unwrap()));
    samples.collect()
}

fn header<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    let mut found = message.headers.iter().filter(|(own, _)| *own == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

/// The message as it goes over the wire, headers and all.
fn bytes(message: &Message) -> String {
    let mut bytes = format!("{}\r\n", message.subject);
    for (name, value) in &message.headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    bytes.push_str("\r\n");
    bytes.push_str(&message.data);
    bytes
}

#[test]
fn the_committed_schemas_of_messages_are_those_of_the_code() {
    let committed = json_files("messages");
    let generated: BTreeMap<_, _> = schema_files()
        .into_iter()
        .map(|(path, text)| (path.trim_start_matches("messages/").to_owned(), text))
        .collect();
    for (name, text) in &generated {
        assert!(
            committed.get(name) == Some(text),
            "schemas/messages/{name} is not what the code gives: cargo run -- schemas"
        );
    }
    let over = committed.keys().find(|name| !generated.contains_key(*name));
    assert_eq!(over, None, "no event of this program has this schema");
}

#[test]
fn the_committed_asyncapi_document_is_that_of_the_code() {
    let committed = std::fs::read_to_string(repository().join("schemas/asyncapi.json"));
    assert!(
        committed.unwrap_or_default() == format!("{:#}\n", dutyledger_messages::asyncapi()),
        "write it anew: cargo run -- schemas"
    );
}

#[test]
fn every_event_has_a_message_that_its_schema_describes() {
    let schemas: BTreeMap<_, _> = schema_files().into_iter().collect();
    let mut met = 0;
    for (name, record) in samples() {
        let said = message(&record).unwrap_or_else(|e| panic!("{name}: {e}"));
        let event = kebab_case(&record.event.event_type);
        let version = record.event.schema_version;
        let schema = &schemas[&format!("messages/{event}.v{version}.json")];
        let schema: Value = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let data: Value = serde_json::from_str(&said.data).unwrap();
        let wrong: Vec<_> = validator
            .iter_errors(&data)
            .map(|e| e.to_string())
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");

        assert_eq!(header(&said, "ce-specversion"), Some("1.0"));
        assert_eq!(header(&said, "Nats-Msg-Id"), header(&said, "ce-id"));
        let id = record.entry.entry_id.to_string();
        assert_eq!(header(&said, "ce-id"), Some(id.as_str()));
        assert_eq!(header(&said, "ce-dataschema"), schema["$id"].as_str());
        assert_eq!(header(&said, "ce-time"), data["recorded_at"].as_str());
        let of_type = format!("dutyledger.{event}.v{version}");
        assert_eq!(header(&said, "ce-type"), Some(of_type.as_str()));
        for (name, value) in &said.headers {
            let attribute = name.strip_prefix("ce-").unwrap_or("x");
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            assert!(attribute.bytes().all(plain), "{name}");
            assert!(!value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()));
        }
        assert!(bytes(&said).len() <= MESSAGE_BYTES_MAX);
        met += 1;
    }
    assert!(met >= schema_files().len(), "{met} samples");
}

#[test]
fn a_subject_says_the_stream_the_event_and_the_partnership() {
    for (name, mut record) in samples() {
        let kind = record.entry.stream.stream_type.as_str().to_owned();
        let event = kebab_case(&record.event.event_type);
        let one = StreamId::new(record.ledger_id.uuid());
        let another = record.entry.stream.id;
        for (concerned, token) in [
            (vec![], "none".to_owned()),
            (vec![one], one.to_string()),
            (vec![one, another], "several".to_owned()),
        ] {
            let listed: Vec<_> = concerned.iter().map(ToString::to_string).collect();
            record.entry.standing.partnerships = concerned;
            let said = message(&record).unwrap();
            assert_eq!(
                said.subject,
                format!("dutyledger.v1.{kind}.{event}.{token}"),
                "{name}"
            );
            let all = (!listed.is_empty()).then(|| listed.join(","));
            assert_eq!(header(&said, "ce-partnerships"), all.as_deref(), "{name}");
        }
    }
}

#[test]
fn no_text_of_an_entry_is_in_its_message() {
    // Every text that somebody may write is one that nothing else says.
    fn mark(value: &mut Value, marked: &mut usize) {
        match value {
            Value::String(text) if text.contains(' ') || text.contains("://") => {
                *text = format!("written by somebody {marked}");
                *marked += 1;
            }
            Value::Array(items) => items.iter_mut().for_each(|item| mark(item, marked)),
            Value::Object(members) => members.values_mut().for_each(|value| mark(value, marked)),
            _ => {}
        }
    }
    let mut marked = 0;
    for (name, mut record) in samples() {
        let sealed = sealed_texts(&record);
        mark(&mut record.entry.payload, &mut marked);
        let said = bytes(&message(&record).unwrap());
        assert!(!said.contains("written by somebody"), "{name}: {said}");
        for (_, sealed) in sealed {
            let sealed = serde_json::to_value(sealed).unwrap();
            for member in ["ciphertext", "nonce", "key_id"] {
                let secret = sealed[member].as_str().unwrap();
                assert!(!said.contains(secret), "{name}: {member}");
            }
        }
        if let Some(key) = record.entry.standing.principal.key_id {
            assert!(!said.contains(&key.to_string()), "{name}: whose key it was");
        }
    }
    assert!(marked > 30, "only {marked} texts were met");
}

#[test]
fn an_event_this_program_does_not_know_has_no_message() {
    let (_, mut record) = samples().pop_first().unwrap();
    record.event.schema_version = 99;
    let refused = message(&record).unwrap_err().to_string();
    assert!(refused.contains("version 99 is unknown"), "{refused}");
}

/// A stream that is filled anew holds the same bytes, whichever version of the program fills it.
#[test]
fn the_message_of_a_released_event_never_changes() {
    let path = repository().join("tests/record/messages.sha256");
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    let made: String = samples()
        .iter()
        .map(|(name, record)| {
            let hash = sha256_hex(bytes(&message(record).unwrap()).as_bytes());
            format!("{hash}  {name}\n")
        })
        .collect();
    for line in listed.lines() {
        assert!(
            made.contains(line),
            "the message of this sample changed: {line}"
        );
    }
    let missing: Vec<_> = made.lines().filter(|line| !listed.contains(line)).collect();
    assert!(
        missing.is_empty(),
        "add the messages of new events to tests/record/messages.sha256:\n{}",
        missing.join("\n")
    );
}

/// The subjects of the documentation's table of needs.
fn documented() -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("schemas/notifications.md")).unwrap();
    let quoted = text
        .split('`')
        .filter(|quoted| quoted.starts_with("dutyledger.v1."));
    quoted.map(str::to_owned).collect()
}

#[test]
fn every_subject_of_the_documentation_is_one_that_is_published_to() {
    let events = dutyledger_domain::streams::event_schemas();
    let subjects = documented();
    assert!(subjects.len() > 12, "{subjects:?}");
    for subject in subjects
        .iter()
        .filter(|subject| !subject.contains("<stream-type>"))
    {
        let words: Vec<_> = subject
            .trim_start_matches("dutyledger.v1.")
            .split('.')
            .collect();
        let known = events.iter().any(|(event, kinds)| {
            let name = kebab_case(event.event_type);
            let of = |kind: &str| matches!(words[0], "*" | ">") || words[0] == kind;
            let is = words
                .get(1)
                .is_none_or(|word| matches!(*word, "*" | ">") || *word == name);
            is && kinds.iter().any(|kind| of(kind))
        });
        assert!(known, "{subject}");
    }
}
