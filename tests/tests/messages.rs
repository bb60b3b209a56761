//! What is said of an entry, held against the published schemas and the frozen samples of every event.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

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

/// The places of a message that take any text by their schemas, and are ids all the same: those of
/// rules and rule packs.
const IDS_OF_RULES: [&str; 4] = [
    "/rules/pack",
    "/rules/unmet",
    "/rules/warned",
    "/particulars/pack",
];

/// The ids of the envelope that are said of an entry. Not said are the key it was recorded with, on
/// whose behalf, what it rests on and what it belongs together with.
const IDS_SAID: [&str; 6] = [
    "/corrects",
    "/entry_id",
    "/ledger_id",
    "/partnerships/0",
    "/principal/id",
    "/stream/id",
];

/// The JSON pointers of the texts in a value.
fn texts(value: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        let below = texts(value).into_iter();
        below
            .map(move |rest| format!("/{name}{rest}"))
            .collect::<Vec<_>>()
    };
    match value {
        Value::String(_) => vec![String::new()],
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(at, item)| below(&at.to_string(), item))
                .collect()
        }
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| below(name, value))
            .collect(),
        _ => Vec::new(),
    }
}

/// A record, written anew with what nothing else says in the place of each text that may be another:
/// something that somebody wrote, or an id where the place takes nothing else. What stands where.
fn marked(record: &str) -> (Record, Vec<(String, String)>) {
    let mut value: Value = serde_json::from_str(record).unwrap();
    let mut marks = Vec::new();
    let named = ["/event/type", "/stream/type"];
    for at in texts(&value)
        .into_iter()
        .filter(|at| !named.contains(&at.as_str()))
    {
        let number = marks.len();
        let before = value.pointer(&at).unwrap().clone();
        let written = format!("written by somebody {number};");
        let id = format!("f0000000-0000-7000-8000-{number:012}");
        let fits = [written, id].into_iter().find(|mark| {
            *value.pointer_mut(&at).unwrap() = mark.as_str().into();
            Record::parse(&value.to_string()).is_ok()
        });
        match fits {
            Some(mark) => marks.push((at, mark)),
            // A date, or a word of a closed list.
            None => *value.pointer_mut(&at).unwrap() = before,
        }
    }
    (Record::parse(&value.to_string()).unwrap(), marks)
}

#[test]
fn no_text_of_an_entry_is_in_its_message_and_no_id_that_is_not_said() {
    let schemas: BTreeMap<_, _> = schema_files().into_iter().collect();
    let (mut written, mut said_of_payloads) = (0, 0);
    for (name, text) in json_files("events/samples") {
        let (record, marks) = marked(&text);
        let said = message(&record).unwrap();
        let data: Value = serde_json::from_str(&said.data).unwrap();
        let event = kebab_case(&record.event.event_type);
        let schema = &schemas[&format!("messages/{event}.v{}.json", record.event.schema_version)];
        let schema: Value = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        // Whatever somebody may write has no place where a message takes ids, kinds and dates alone.
        let refused: Vec<_> = validator
            .iter_errors(&data)
            .map(|error| error.instance_path().to_string())
            .filter(|at| !["", "/particulars"].contains(&at.as_str()))
            .collect();
        let taken = texts(&data);
        for (from, mark) in &marks {
            let in_message = bytes(&said).contains(mark.as_str());
            let of_payload = from.starts_with("/payload/");
            written += usize::from(mark.starts_with("written"));
            if in_message && !of_payload && mark.starts_with('f') {
                assert!(IDS_SAID.contains(&from.as_str()), "{name}: {from} is said");
            }
            if !mark.starts_with("written") {
                continue;
            }
            let places = taken.iter().filter(|at| {
                let text = data.pointer(at).and_then(Value::as_str);
                text.is_some_and(|text| text.contains(mark.as_str()))
            });
            let mut places = places.peekable();
            assert_eq!(
                in_message,
                places.peek().is_some(),
                "{name}: {from}: in a header"
            );
            for place in places {
                said_of_payloads += usize::from(of_payload);
                let refuses = refused.iter().any(|at| place.starts_with(at.as_str()));
                let rules = IDS_OF_RULES.iter().any(|at| place.starts_with(at));
                assert!(refuses || rules, "{name}: {from} is said as {place}");
            }
        }
    }
    // Of the texts in payloads some are ids and kinds that are said; most are not.
    assert!(written > 400, "only {written} texts were met");
    assert!(
        (50..written / 2).contains(&said_of_payloads),
        "{said_of_payloads}"
    );
}

#[test]
fn nothing_sealed_is_in_a_message() {
    for (name, record) in samples() {
        let said = bytes(&message(&record).unwrap());
        for (_, sealed) in sealed_texts(&record) {
            let sealed = serde_json::to_value(sealed).unwrap();
            for member in ["ciphertext", "nonce", "key_id"] {
                let secret = sealed[member].as_str().unwrap();
                assert!(!said.contains(secret), "{name}: {member}");
            }
        }
    }
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

/// The subjects that the samples are published to, with `<partnership>` for the id of one, and `several`
/// beside it.
fn published_to() -> BTreeSet<String> {
    let mut subjects = BTreeSet::new();
    for (_, record) in samples() {
        let subject = message(&record).unwrap().subject;
        let (event, concerned) = subject.rsplit_once('.').unwrap();
        if concerned == "none" {
            subjects.insert(subject);
        } else {
            subjects.insert(format!("{event}.<partnership>"));
            subjects.insert(format!("{event}.several"));
        }
    }
    subjects
}

/// Whether a subject with `*` and `>` stands for another.
fn stands_for(filter: &str, subject: &str) -> bool {
    let (mut filter, mut subject) = (filter.split('.'), subject.split('.'));
    loop {
        match (filter.next(), subject.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(word)) if wanted == word => {}
            _ => return false,
        }
    }
}

#[test]
fn every_subject_of_the_documentation_is_one_that_is_published_to() {
    let published = published_to();
    let subjects = documented();
    assert!(subjects.len() > 12, "{subjects:?}");
    let form = "dutyledger.v1.<stream-type>.<event-type>.<partnership>";
    for subject in subjects.iter().filter(|subject| *subject != form) {
        let known = published.iter().any(|one| stands_for(subject, one));
        assert!(known, "{subject}");
    }
}

/// What AsyncAPI 3.0 says of the objects that the document has: their members, and no others. Written
/// from the specification, <https://www.asyncapi.com/docs/reference/specification/v3.0.0>.
fn asyncapi_3() -> Value {
    let text = json!({ "type": "string" });
    let reference = json!({ "type": "object", "required": ["$ref"], "additionalProperties": false,
        "properties": { "$ref": { "type": "string", "format": "uri-reference" } } });
    let object = |required: &[&str], properties: Value| {
        json!({ "type": "object", "required": required, "properties": properties,
            "additionalProperties": false })
    };
    // Names that may stand in a reference.
    let map = |of: &Value| {
        json!({ "type": "object", "additionalProperties": of,
            "propertyNames": { "pattern": r"^[\w.-]+$" } })
    };
    let parameter = object(
        &[],
        json!({ "description": text, "default": text, "location": text,
            "enum": { "type": "array", "items": text, "minItems": 1, "uniqueItems": true } }),
    );
    let channel = object(
        &["address", "messages"],
        json!({ "address": text, "title": text, "summary": text, "description": text,
            "messages": map(&reference), "parameters": map(&parameter) }),
    );
    let operation = object(
        &["action", "channel"],
        json!({ "action": { "enum": ["send", "receive"] }, "channel": reference, "title": text,
            "summary": text, "description": text,
            "messages": { "type": "array", "items": reference } }),
    );
    let message = object(
        &["headers", "payload"],
        json!({ "headers": reference, "payload": reference, "contentType": text, "name": text,
            "title": text, "summary": text, "description": text }),
    );
    let components = object(
        &[],
        json!({ "messages": map(&message), "schemas": map(&json!({ "type": "object" })) }),
    );
    object(
        &["asyncapi", "info"],
        json!({ "asyncapi": { "const": "3.0.0" },
            "info": object(&["title", "version"],
                json!({ "title": text, "version": text, "description": text })),
            "defaultContentType": text, "channels": map(&channel), "operations": map(&operation),
            "components": components }),
    )
}

/// Every reference in a value, wherever it stands.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            found.extend(reference.map(str::to_owned));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_asyncapi_document_is_one_and_all_it_refers_to_is_there() {
    let document = std::fs::read_to_string(repository().join("schemas/asyncapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let described = jsonschema::validator_for(&asyncapi_3()).unwrap();
    let wrong: Vec<_> = described.iter_errors(&document).collect();
    assert!(wrong.is_empty(), "{wrong:?}");

    let mut all = Vec::new();
    references(&document, &mut all);
    let files = json_files("messages");
    for reference in &all {
        let found = match reference.strip_prefix("./messages/") {
            Some(file) => files.contains_key(file),
            None => reference
                .strip_prefix('#')
                .is_some_and(|at| document.pointer(at).is_some()),
        };
        assert!(found, "{reference} is not there");
    }
    for file in files.keys() {
        let reference = format!("./messages/{file}");
        assert!(all.contains(&reference), "{file} is no message's");
    }
    for (name, text) in &files {
        let schema: Value = serde_json::from_str(text).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        // What AsyncAPI takes a schema for that does not say.
        assert!(jsonschema::draft7::meta::is_valid(&schema), "{name}");
    }
    let headers = &document["components"]["schemas"]["headers"];
    assert!(jsonschema::draft7::meta::is_valid(headers));
}

#[test]
fn the_channels_of_the_asyncapi_document_are_the_subjects_with_their_messages() {
    let document = dutyledger_messages::asyncapi();
    let channels = document["channels"].as_object().unwrap();
    for (name, channel) in channels {
        let address = channel["address"].as_str().unwrap();
        let declared = channel["parameters"].as_object().unwrap();
        let named: BTreeSet<_> = address
            .split('.')
            .filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let declared: BTreeSet<_> = declared.keys().map(String::as_str).collect();
        assert_eq!(named, declared, "{name}");
        let about = format!("#/channels/{name}");
        let operations = document["operations"].as_object().unwrap().values();
        let about = operations.filter(|one| one["channel"]["$ref"] == about.as_str());
        assert!(about.map(|one| &one["action"]).eq(["send"]), "{name}");
    }
    let operations = document["operations"].as_object().unwrap();
    assert_eq!(operations.len(), channels.len());

    let headers = jsonschema::validator_for(&document["components"]["schemas"]["headers"]).unwrap();
    for (name, record) in samples() {
        let said = message(&record).unwrap();
        let event = kebab_case(&record.event.event_type);
        let channel = &channels[&event];
        let kind = record.entry.stream.stream_type.as_str();
        let kinds = channel["parameters"]["stream_type"]["enum"]
            .as_array()
            .unwrap();
        assert!(kinds.iter().any(|one| one == kind), "{name}: {kind}");
        let address = channel["address"].as_str().unwrap();
        let address = address.replace("{stream_type}", kind);
        let address = address.replace("{partnership}", "*");
        assert!(stands_for(&address, &said.subject), "{name}: {address}");
        let key = format!("{event}.v{}", record.event.schema_version);
        let of = channel["messages"][&key]["$ref"].as_str().unwrap();
        let of = document.pointer(of.trim_start_matches('#')).unwrap();
        assert_eq!(of["name"].as_str(), header(&said, "ce-type"), "{name}");
        let payload = format!("./messages/{event}.v{}.json", record.event.schema_version);
        assert_eq!(of["payload"]["$ref"], payload.as_str(), "{name}");
        let sent = said
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)));
        let sent = Value::Object(sent.collect());
        assert!(headers.is_valid(&sent), "{name}: {sent}");
        let known = headers_named(&document);
        let other = said.headers.iter().find(|(name, _)| !known.contains(*name));
        assert_eq!(other, None, "{name}: a header that is not described");
    }
}

/// The headers that the AsyncAPI document describes.
fn headers_named(document: &Value) -> BTreeSet<&str> {
    let headers = &document["components"]["schemas"]["headers"]["properties"];
    headers
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}
