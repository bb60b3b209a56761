//! The schemas and the frozen samples of every event, held against today's code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

#[path = "../record/released.rs"]
mod released;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use dutyledger_application::schemas::event_schema_files;
use dutyledger_application::sealing::sealed_texts;
use dutyledger_domain::streams::event_schemas;
use dutyledger_domain::{EventSchema, History, Payload, StreamKind, kebab_case};
use dutyledger_record::{
    Binding, Draft, ENTRY_BYTES_MAX, Record, canonical_json, hex, leaf_hash, sha256_hex,
};

use released::{
    SAMPLE_KEY, hashes_file, json_files, listed, nullable, read, released_file, root,
    samples_folder, schemas_folder, to_release, with_kind,
};

const REGENERATE: &str = "Write the schemas anew with `cargo run -- schemas`. If the event was \
    released, do not: give it a further version instead.";
const MAKE_MISSING: &str = "Make the samples that are missing and list what is new with `cargo \
    run -p dutyledger-tests --example make-samples`; nothing that is there already is changed by it.";

fn stem(schema: &EventSchema) -> String {
    format!(
        "{}.v{}",
        kebab_case(schema.event_type),
        schema.schema_version
    )
}

/// The samples of an event: file name to leaf data.
fn samples_of(schema: &EventSchema) -> BTreeMap<String, String> {
    let beginning = format!("{}.", stem(schema));
    let mut all = json_files(&samples_folder());
    all.retain(|name, _| name.starts_with(&beginning));
    all
}

fn parse(name: &str, leaf_data: &str) -> Record {
    Record::parse(leaf_data).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn the_committed_schemas_are_those_of_the_code() {
    let committed = json_files(&schemas_folder());
    let generated: BTreeMap<_, _> = event_schema_files()
        .into_iter()
        .map(|(path, text)| (path.trim_start_matches("events/").to_owned(), text))
        .collect();
    for (name, text) in &generated {
        let same = committed.get(name) == Some(text);
        assert!(
            same,
            "schemas/events/{name} is not what the code gives. {REGENERATE}"
        );
    }
    let over: Vec<_> = committed
        .keys()
        .filter(|name| !generated.contains_key(*name))
        .collect();
    assert!(
        over.is_empty(),
        "no event of this program has the schemas {over:?}; none is taken out"
    );
}

#[test]
fn every_event_is_pascal_case_and_has_a_schema_and_samples() {
    let mut files = BTreeSet::new();
    for (schema, kinds) in event_schemas() {
        let event = schema.event_type;
        assert!(
            event.starts_with(|c: char| c.is_ascii_uppercase()),
            "{event}"
        );
        assert!(event.chars().all(|c| c.is_ascii_alphabetic()), "{event}");
        let pascal: String = kebab_case(event)
            .split('-')
            .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
            .collect();
        assert_eq!(
            pascal, event,
            "the kebab-case form leads back to the event type"
        );
        assert!(!kinds.is_empty(), "{event} stands in no kind of stream");
        assert_eq!(schema.schema["title"], event);
        assert!(files.insert(stem(&schema)), "two schemas of {event}");
        let full = format!("{}.json", stem(&schema));
        assert!(
            samples_of(&schema).contains_key(&full),
            "no sample {full}. {MAKE_MISSING}"
        );
    }
    for name in json_files(&samples_folder()).keys() {
        let known = files
            .iter()
            .any(|stem| name.starts_with(&format!("{stem}.")));
        assert!(known, "the sample {name} is of no event this program knows");
    }
}

#[test]
fn an_event_with_members_that_may_be_null_has_a_sample_where_they_are() {
    for (schema, _) in event_schemas() {
        let Some(members) = schema.schema["properties"].as_object() else {
            continue;
        };
        let may_be_null: Vec<_> = members
            .iter()
            .filter(|(_, s)| nullable(s))
            .map(|(name, _)| name)
            .collect();
        let payloads: Vec<_> = samples_of(&schema)
            .iter()
            .map(|(name, text)| parse(name, text).entry.payload)
            .collect();
        for member in may_be_null {
            let event = schema.event_type;
            assert!(
                payloads.iter().any(|p| p[member].is_null()),
                "{event}.{member} is never null"
            );
            assert!(
                payloads.iter().any(|p| !p[member].is_null()),
                "{event}.{member} is always null"
            );
        }
    }
}

#[test]
fn every_sample_is_the_canonical_leaf_data_of_a_record_that_is_written_the_same_today() {
    for (name, text) in json_files(&samples_folder()) {
        let record = parse(&name, &text);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            canonical_json(&value).as_deref(),
            Ok(text.as_str()),
            "{name}"
        );
        assert!(text.len() <= ENTRY_BYTES_MAX, "{name}");
        let draft = Draft::new(record.ledger_id, record.event.clone(), &record.entry).unwrap();
        assert_eq!(
            draft.leaf_data(record.position, record.recorded_at),
            text,
            "{name}"
        );
    }
}

#[test]
fn every_sample_has_the_listed_leaf_hash() {
    let listed = listed(&read(&hashes_file()));
    let samples = json_files(&samples_folder());
    for (name, text) in &samples {
        let hash = hex(&leaf_hash(text));
        assert_eq!(listed.get(name), Some(&hash), "{name}. {MAKE_MISSING}");
    }
    for name in listed.keys() {
        assert!(
            samples.contains_key(name),
            "the sample {name} is listed and missing"
        );
    }
}

#[test]
fn every_sample_fits_its_schema_and_loads_in_every_kind_of_stream_it_may_stand_in() {
    for (schema, kinds) in event_schemas() {
        let path = schemas_folder().join(format!("{}.json", stem(&schema)));
        let committed: Value = serde_json::from_str(&read(&path)).unwrap();
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&committed)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for (name, text) in samples_of(&schema) {
            let record = parse(&name, &text);
            assert_eq!(record.event.event_type, schema.event_type, "{name}");
            assert_eq!(record.event.schema_version, schema.schema_version, "{name}");
            assert!(
                kinds.contains(&record.entry.stream.stream_type.as_str()),
                "{name}"
            );
            if let Err(error) = validator.validate(&record.entry.payload) {
                panic!("{name}: {error} at {}", error.instance_path());
            }
            for kind in &kinds {
                with_kind!(*kind, K => loads::<K>(&name, &record));
            }
        }
    }
}

/// Reads a record as an entry of a kind of stream and folds it.
fn loads<K: StreamKind>(name: &str, record: &Record) {
    let history = History::<K>::read([record.clone()]).unwrap_or_else(|e| panic!("{name}: {e}"));
    let entry = history.opening().expect("one entry");
    let mut state = K::State::default();
    K::evolve(&mut state, entry);
    K::evolve(&mut state, entry);
    let _ = K::recordable_by(&entry.payload);
    let _ = K::partnership(entry.stream.id, &state);
    let _ = history.state(entry.standing.occurred_on.date);
    assert_eq!(entry.payload.event(), record.event, "{name}");
}

#[test]
fn every_payload_is_written_today_as_it_was() {
    for (schema, kinds) in event_schemas() {
        for (name, text) in samples_of(&schema) {
            let record = parse(&name, &text);
            let written = with_kind!(kinds[0], K => written_again::<K>(&record));
            assert_eq!(
                written, record.entry.payload,
                "{name} would be written otherwise today"
            );
        }
    }
}

fn written_again<K: StreamKind>(record: &Record) -> Value {
    let read = K::Event::read(&record.event, record.entry.payload.clone()).unwrap();
    read.unwrap().to_payload().unwrap()
}

#[test]
fn the_sealed_members_of_the_code_are_those_of_the_schemas_and_open_in_their_place() {
    for (schema, kinds) in event_schemas() {
        let event = schema.event_type;
        let empty = serde_json::Map::new();
        let members = schema.schema["properties"].as_object().unwrap_or(&empty);
        let in_schema: BTreeSet<String> = members
            .iter()
            .filter(|(_, s)| refers_to(s, "SealedBox"))
            .map(|(name, _)| format!("/{name}"))
            .collect();
        for (name, text) in samples_of(&schema) {
            let record = parse(&name, &text);
            for kind in &kinds {
                let in_code = with_kind!(*kind, K => sealed_pointers::<K>(&record));
                let given: BTreeSet<_> = in_schema
                    .iter()
                    .filter(|at| {
                        record
                            .entry
                            .payload
                            .pointer(at)
                            .is_some_and(|v| !v.is_null())
                    })
                    .cloned()
                    .collect();
                assert_eq!(in_code, given, "{event} in {kind}");
            }
            for (member, sealed) in sealed_texts(&record) {
                let (ledger, entry) = (record.ledger_id, record.entry.entry_id);
                let binding = Binding {
                    ledger,
                    entry,
                    member,
                };
                assert!(
                    sealed.open(&SAMPLE_KEY, &binding).is_ok(),
                    "{name} {}",
                    binding.member
                );
            }
        }
    }
}

fn sealed_pointers<K: StreamKind>(record: &Record) -> BTreeSet<String> {
    let read = K::Event::read(&record.event, record.entry.payload.clone()).unwrap();
    read.unwrap()
        .sealed()
        .into_iter()
        .map(|(pointer, _)| pointer.to_owned())
        .collect()
}

/// Members that hold free text anybody may read, in any event. Each is of public text, of which the
/// API says that no person may be named in it; a further one is a decision to be made here.
const PUBLIC_TEXTS: &[&str] = &[
    "body",
    "code",
    "description",
    "detail",
    "devolved_welsh_authority",
    "enactment",
    "finding",
    "gap",
    "label",
    "locator",
    "name",
    "note",
    "part",
    "reference",
    "requires",
    "route_detail",
    "title",
    "why",
];

/// Words of a member's name that could tell of a person.
const PERSONAL_WORDS: &[&str] = &[
    "address",
    "author",
    "chair",
    "contact",
    "dob",
    "email",
    "forename",
    "holder",
    "initials",
    "name",
    "nominee",
    "officer",
    "owner",
    "person",
    "phone",
    "postcode",
    "representative",
    "signatory",
    "surname",
    "telephone",
    "user",
];

/// Members whose name has such a word and which tell of none: event, member, and what it is.
const NOT_PERSONAL: &[(&str, &str, Is)] = &[
    ("ActionDateSet", "owner", Is::Id),
    ("ActionProgressed", "owner", Is::Id),
    ("ActionProposed", "owner", Is::Id),
    ("AreaAmended", "name", Is::NameOfArea),
    ("AreaCodeRecorded", "name", Is::NameOfArea),
    ("AreaRegistered", "name", Is::NameOfArea),
    ("PartnershipAmended", "name", Is::NameOfPartnership),
    ("PartnershipFormed", "name", Is::NameOfPartnership),
    ("PartnershipProposed", "name", Is::NameOfPartnership),
    ("RepresentativeEnded", "representative", Is::Id),
    ("RepresentativeNamed", "contact", Is::Sealed),
    ("RepresentativeNamed", "representative", Is::Id),
];

/// What a member with a suspicious name is in truth.
#[derive(Clone, Copy, Debug)]
enum Is {
    /// The id of a stream or an item.
    Id,
    /// The name of an area.
    NameOfArea,
    /// The name of a partnership.
    NameOfPartnership,
    /// Sealed text.
    Sealed,
}

#[test]
fn no_member_of_any_payload_could_name_a_person_in_the_clear() {
    let mut used = BTreeSet::new();
    for (schema, _) in event_schemas() {
        let event = schema.event_type;
        for (member, found) in members(&schema.schema) {
            let free_text = refers_to(&found, "PublicText");
            if free_text {
                let known = PUBLIC_TEXTS.contains(&member.as_str());
                assert!(
                    known,
                    "{event}.{member} is free text that nobody has decided on"
                );
            }
            let personal = member.split('_').any(|word| PERSONAL_WORDS.contains(&word));
            if !personal {
                continue;
            }
            let is = NOT_PERSONAL
                .iter()
                .find(|(e, m, _)| (*e, *m) == (event, member.as_str()));
            let Some((_, _, is)) = is else {
                panic!("{event}.{member} could name a person")
            };
            used.insert((event.to_owned(), member.clone()));
            let holds = match is {
                Is::Id => found["format"] == "uuid",
                Is::NameOfArea => free_text && event.starts_with("Area"),
                Is::NameOfPartnership => free_text && event.starts_with("Partnership"),
                Is::Sealed => refers_to(&found, "SealedBox"),
            };
            assert!(holds, "{event}.{member} should be {is:?}");
        }
    }
    for (event, member, _) in NOT_PERSONAL {
        let pair = ((*event).to_owned(), (*member).to_owned());
        assert!(
            used.contains(&pair),
            "{event}.{member} is gone; take it off the list"
        );
    }
}

/// Members whose name says that their text is meant for few.
const MEANT_FOR_FEW: &[&str] = &[
    "account",
    "contact",
    "extent",
    "reason",
    "reasons",
    "response",
    "statement",
    "summary",
];

#[test]
fn texts_meant_for_few_are_sealed_and_no_other_string_is_free() {
    for (schema, _) in event_schemas() {
        let event = schema.event_type;
        for (member, found) in members(&schema.schema) {
            let few = MEANT_FOR_FEW.contains(&member.as_str());
            assert!(
                !few || refers_to(&found, "SealedBox"),
                "{event}.{member} is not sealed"
            );
            let kind = &found["type"];
            let is_string = kind == "string"
                || kind
                    .as_array()
                    .is_some_and(|k| k.contains(&"string".into()));
            let bounded = ["format", "pattern", "const", "enum"]
                .iter()
                .any(|k| !found[*k].is_null());
            // A rule pack's name and the digest of areas come from the program, never from a user.
            let made = ["pack", "digest"].contains(&member.as_str());
            assert!(
                !is_string || bounded || made,
                "{event}.{member} is a string of any length"
            );
        }
    }
}

/// Every member of a payload's schema, and of the objects in it other than the sealed.
fn members(schema: &Value) -> Vec<(String, Value)> {
    fn walk(at: &Value, found: &mut Vec<(String, Value)>) {
        match at {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    found.extend(properties.iter().map(|(name, s)| (name.clone(), s.clone())));
                }
                for (_, value) in object.iter().filter(|(name, _)| *name != "SealedBox") {
                    walk(value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(schema, &mut found);
    found
}

fn refers_to(schema: &Value, definition: &str) -> bool {
    let path = format!("#/$defs/{definition}");
    let any_of = schema["anyOf"].as_array();
    schema["$ref"] == path.as_str()
        || any_of.is_some_and(|all| all.iter().any(|s| s["$ref"] == path.as_str()))
}

/// Every file that is released and never changes: its path from the top folder, and its text.
#[test]
fn what_is_released_is_as_it_was_and_everything_is_listed() {
    let listed = listed(&read(&released_file()));
    let files = to_release();
    for (path, text) in &files {
        let Some(digest) = listed.get(path) else {
            panic!("{path} is not listed in schemas/released.sha256. {MAKE_MISSING}");
        };
        let found = sha256_hex(text.as_bytes());
        assert_eq!(
            *digest, found,
            "{path} is released and was changed; make a new version instead"
        );
    }
    for path in listed.keys() {
        assert!(files.contains_key(path), "{path} is released and missing");
    }
}

/// Runs the independent reader.
fn check_record(arguments: &[&Path]) -> (bool, String) {
    let script = root().join("tests/record/check_record.py");
    let output = Command::new("python3")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap_or_else(|e| panic!("python3 is needed to check the record independently: {e}"));
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn an_independent_reader_agrees_with_every_sample() {
    let (good, said) = check_record(&[Path::new("--hashes"), &hashes_file(), &samples_folder()]);
    assert!(good, "{said}");
}

#[test]
fn the_independent_reader_refuses_what_is_not_of_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.jsonl");
    let sound = read(&samples_folder().join("ledger-opened.v1.json"));
    let ledger_opened = |text: &str| {
        fs::write(&file, format!("{text}\n")).unwrap();
        check_record(&[&file])
    };
    let (good, said) = ledger_opened(&sound);
    assert!(good, "{said}");
    let broken = [
        ("a space", sound.replacen("\":", "\": ", 1)),
        (
            "another order",
            sound
                .replacen("{\"basis\":\"administrative\",", "{", 1)
                .replacen(
                    ",\"version\":1",
                    ",\"version\":1,\"basis\":\"administrative\"",
                    1,
                ),
        ),
        (
            "a fraction",
            sound.replacen("\"version\":1", "\"version\":1.0", 1),
        ),
        (
            "too large a number",
            sound.replacen("\"version\":1", "\"version\":9007199254740992", 1),
        ),
        (
            "a member twice",
            sound.replacen("{\"basis\"", "{\"basis\":\"decision\",\"basis\"", 1),
        ),
        (
            "a member too many",
            sound.replacen("{\"basis\"", "{\"aaa\":1,\"basis\"", 1),
        ),
        (
            "a member too few",
            sound.replacen("\"corrects\":null,", "", 1),
        ),
        (
            "another format",
            sound.replacen("\"format\":1", "\"format\":2", 1),
        ),
        ("U+0000", sound.replacen("enacted-2022", "\\u0000", 1)),
        (
            "a name outside ASCII",
            sound.replacen("\"mode\"", "\"mode\u{e9}\"", 1),
        ),
        (
            "an instant without decimals",
            sound.replacen(".123400Z", "Z", 1),
        ),
        (
            "a UUID in capitals",
            sound.replacen(
                "\"key_id\":null",
                "\"key_id\":\"018D5F2A-0000-7000-8000-00000000000A\"",
                1,
            ),
        ),
        (
            "too many bytes",
            sound.replacen("enacted-2022", &"x".repeat(60_000), 1),
        ),
        (
            "a gap",
            format!(
                "{sound}\n{}",
                sound.replacen("\"position\":1", "\"position\":3", 1)
            ),
        ),
    ];
    for (what, text) in broken {
        assert_ne!(text, sound, "{what}: the sample has changed its form");
        let (good, said) = ledger_opened(&text);
        assert!(!good, "{what} was let through: {said}");
    }
}
