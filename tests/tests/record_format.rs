//! The worked examples of `schemas/record.md`, made by the code and held against the document.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs;
use std::path::Path;
use std::process::Command;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use dutyledger_domain::Country;
use dutyledger_domain::deadlines::Dated;
use dutyledger_domain::rules::{Provenance, RuleId};
use dutyledger_domain::streams::area::area_id;
use dutyledger_domain::streams::deadline::{AreaDeadline, DeadlineKind, DeadlineSet, WhatIsDue};
use dutyledger_record::{
    Basis, Binding, DataKey, Draft, ENTRY_BYTES_MAX, EntryId, Envelope, Event, KeyId, LedgerId,
    ListDigest, Mark, NaturalKey, OccurredOn, PastFact, PlainText, Principal, PrincipalKind,
    PublicText, Record, RestsOn, RulePackRef, SealedBox, Source, Standing, Stream, StreamId,
    StreamType, canonical_json, hex, leaf_hash, sha256_hex, unwrap_key, wrap_key,
};

const LEDGER: &str = "01931c2e-5a00-7000-8000-000000000001";
const PARTNERSHIP: &str = "01931c2e-5a00-7000-8000-000000000002";
const STRATEGY: &str = "01931c2e-5a00-7000-8000-000000000003";
const AUTHORITY: &str = "01931c2e-5a00-7000-8000-000000000004";
const SCHOOL: &str = "01931c2e-5a00-7000-8000-000000000005";
const COLLEGE: &str = "01931c2e-5a00-7000-8000-000000000006";
const API_KEY: &str = "01931c2e-5a00-7000-8000-000000000007";
const DATA_KEY: &str = "01931c2e-5a00-7000-8000-000000000008";
const LIST: &str = "01931c2e-5a00-7000-8000-000000000009";
const ACTION: &str = "01931c2e-5a00-7000-8000-00000000000a";
const CORRELATION: &str = "01931c2e-5a00-7000-8000-00000000000b";
const WRONG_ENTRY: &str = "01931c2e-5a00-7000-8000-0000000000e2";

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/record.md");
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn uuid(text: &str) -> Uuid {
    text.parse().unwrap()
}

fn stream_id(text: &str) -> StreamId {
    StreamId::new(uuid(text))
}

fn ledger() -> LedgerId {
    LedgerId::new(uuid(LEDGER))
}

fn entry_id(number: u8) -> EntryId {
    EntryId::new(uuid(&format!(
        "01931c2e-5a00-7000-8000-0000000000{:02x}",
        0xe0 + number
    )))
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn text(words: &str) -> PublicText {
    PublicText::new(words).unwrap()
}

/// An entry of a specified authority's own, on a partnership's strategy or on the partnership.
fn entry(
    number: u8,
    stream: (&'static str, &str),
    version: u64,
    payload: Value,
) -> Envelope<Value> {
    let rests_on = RestsOn {
        id: stream_id(PARTNERSHIP),
        stream_type: StreamType::of("partnership"),
        version: 12,
    };
    Envelope {
        entry_id: entry_id(number),
        stream: Stream::new(StreamType::of(stream.0), stream_id(stream.1)),
        version,
        standing: Standing {
            basis: Basis::Decision,
            causation_id: None,
            correlation_id: uuid(CORRELATION),
            corrects: None,
            occurred_on: OccurredOn {
                assumed: false,
                date: date("2024-11-11"),
            },
            on_behalf_of: vec![],
            partnerships: vec![stream_id(PARTNERSHIP)],
            past_fact: None,
            principal: Principal {
                id: Some(stream_id(AUTHORITY)),
                key_id: Some(KeyId::new(uuid(API_KEY))),
                kind: PrincipalKind::Authority,
            },
            reported: false,
            rests_on: if stream.0 == "strategy" {
                vec![rests_on]
            } else {
                vec![]
            },
            rules: RulePackRef {
                pack: "enacted-2022".to_owned(),
                revision: 1,
            },
            source: None,
            warnings: vec![],
        },
        payload,
    }
}

fn leaf_data(event_type: &str, position: u64, entry: &Envelope<Value>) -> String {
    let event = Event {
        schema_version: 1,
        event_type: event_type.to_owned(),
    };
    let at: DateTime<Utc> = "2024-11-11T09:30:00.5Z".parse().unwrap();
    Draft::new(ledger(), event, entry)
        .unwrap()
        .leaf_data(position, at)
}

/// A ledger's first entry.
fn opening() -> String {
    let mut entry = entry(
        1,
        ("ledger", LEDGER),
        1,
        json!({
            "ledger_id": LEDGER,
            "mode": "sandbox",
            "pack": "enacted-2022",
            "pack_sha256": dutyledger_domain::rules::pack("enacted-2022", 1).unwrap().1,
            "revision": 1,
        }),
    );
    entry.standing.basis = Basis::Administrative;
    entry.standing.partnerships.clear();
    entry.standing.principal = Principal::SYSTEM;
    leaf_data("LedgerOpened", 1, &entry)
}

/// A decision.
fn decision() -> String {
    let payload = json!({
        "form": "stand_alone",
        "locator": "https://eastmere.example/strategy\u{2014}2024",
        "version": 1,
    });
    leaf_data(
        "StrategyPublished",
        17,
        &entry(3, ("strategy", STRATEGY), 16, payload),
    )
}

/// A past fact.
fn past_fact() -> String {
    let mut entry = entry(
        4,
        ("strategy", STRATEGY),
        17,
        json!({
            "abstained": 0,
            "agreed": 0,
            "decide_by": { "rule": "unanimous" },
            "objected": 0,
            "silent": 7,
            "version": 1,
        }),
    );
    let standing = &mut entry.standing;
    standing.basis = Basis::PastFact;
    standing.occurred_on = OccurredOn {
        assumed: true,
        date: date("2024-01-31"),
    };
    standing.past_fact = Some(PastFact {
        mark: Mark::NotEvidenced,
        unmet: vec!["L-3".to_owned(), "R-10.6".to_owned()],
    });
    standing.principal.kind = PrincipalKind::Coordinator;
    standing.principal.id = Some(stream_id(PARTNERSHIP));
    standing.source = Some(Source {
        date: date("2024-02-14"),
        reference: text("https://eastmere.example/strategy.pdf"),
        sha256: Some(sha256_hex(b"the strategy's text")),
        title: text("Serious violence strategy 2024 to 2027"),
    });
    leaf_data("StrategyAdopted", 18, &entry)
}

const PLAIN: &str = "The cost falls on the school alone.";

fn data_key() -> DataKey {
    DataKey(std::array::from_fn(|at| u8::try_from(at).unwrap()))
}

fn nonce() -> [u8; 24] {
    std::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap())
}

fn binding() -> Binding {
    Binding {
        ledger: ledger(),
        entry: entry_id(5),
        member: "/payload/reason".to_owned(),
    }
}

fn sealed_box() -> SealedBox {
    let text = PlainText::new(PLAIN).unwrap();
    SealedBox::seal(
        &text,
        KeyId::new(uuid(DATA_KEY)),
        &data_key(),
        nonce(),
        &binding(),
    )
}

/// An entry with a sealed text.
fn sealed() -> String {
    let payload = json!({
        "action": ACTION,
        "authority": SCHOOL,
        "reason": serde_json::to_value(sealed_box()).unwrap(),
    });
    let mut entry = entry(5, ("strategy", STRATEGY), 18, payload);
    entry.standing.principal.id = Some(stream_id(SCHOOL));
    leaf_data("ActionDeclined", 19, &entry)
}

fn listed_ids() -> [StreamId; 2] {
    [stream_id(SCHOOL), stream_id(COLLEGE)]
}

/// The entry that closes a list of two.
fn list_closed() -> String {
    let payload = json!({
        "count": 2,
        "digest": ListDigest::of(&listed_ids()),
        "item": LIST,
        "list": "relevant_authorities_to_consult",
        "on": "2024-11-11",
        "strategy_version": null,
    });
    leaf_data(
        "ListClosed",
        22,
        &entry(8, ("partnership", PARTNERSHIP), 15, payload),
    )
}

/// A correction.
fn correction() -> String {
    let mut entry = entry(9, ("strategy", STRATEGY), 19, json!({ "reason": null }));
    entry.standing.corrects = Some(EntryId::new(uuid(WRONG_ENTRY)));
    leaf_data("EntryCorrected", 23, &entry)
}

fn examples() -> Vec<(&'static str, String)> {
    vec![
        ("the opening", opening()),
        ("a decision", decision()),
        ("a past fact", past_fact()),
        ("a sealed text", sealed()),
        ("the end of a list", list_closed()),
        ("a correction", correction()),
    ]
}

#[test]
fn the_document_shows_every_example_as_the_code_makes_it() {
    let document = document();
    for (name, leaf_data) in examples() {
        let expected = format!(
            "```json\n{leaf_data}\n```\n\n- length: {} bytes\n- SHA-256 of the leaf data: `{}`\n\
             - leaf hash: `{}`\n",
            leaf_data.len(),
            sha256_hex(leaf_data.as_bytes()),
            hex(&leaf_hash(&leaf_data)),
        );
        assert!(
            document.contains(&expected),
            "schemas/record.md should show {name} as\n{expected}"
        );
    }
}

#[test]
fn every_record_in_the_document_reads_back_and_has_the_length_and_hashes_given() {
    let document = document();
    let mut found = 0;
    for block in document.split("```json\n{\"basis\"").skip(1) {
        let (rest, after) = block.split_once("\n```\n\n").expect("a block that ends");
        let leaf_data = format!("{{\"basis\"{rest}");
        let mut lines = after.lines();
        let length = format!("- length: {} bytes", leaf_data.len());
        assert_eq!(lines.next(), Some(length.as_str()));
        let digest = format!(
            "- SHA-256 of the leaf data: `{}`",
            sha256_hex(leaf_data.as_bytes())
        );
        assert_eq!(lines.next(), Some(digest.as_str()));
        let hash = format!("- leaf hash: `{}`", hex(&leaf_hash(&leaf_data)));
        assert_eq!(lines.next(), Some(hash.as_str()));
        let record = Record::parse(&leaf_data).unwrap();
        let draft = Draft::new(record.ledger_id, record.event, &record.entry).unwrap();
        assert_eq!(
            draft.leaf_data(record.position, record.recorded_at),
            leaf_data
        );
        found += 1;
    }
    assert_eq!(found, examples().len());
}

#[test]
fn the_document_gives_the_keys_digests_and_ciphertexts_of_the_code() {
    let master = DataKey([0xaa; 32]);
    let key_id = KeyId::new(uuid(DATA_KEY));
    let wrapped = wrap_key(&master, key_id, &data_key(), [0xbb; 24]);
    assert_eq!(unwrap_key(&master, key_id, &wrapped), Ok(data_key()));
    assert_eq!(wrapped.len(), 72);
    let sealed = sealed_box();
    assert_eq!(
        sealed.open(&data_key(), &binding()).unwrap().reveal(),
        PLAIN
    );
    let area = area_id(Country::England, " City of London ");
    assert_eq!(
        area,
        NaturalKey(&["area", "england", "city of london"]).stream_id()
    );
    let trigger = NaturalKey(&[
        "trigger",
        AUTHORITY,
        "8(7)(a)",
        &area.to_string(),
        &entry_id(3).to_string(),
    ]);
    let announcement = NaturalKey(&["deadline", "annual_review", STRATEGY, "2025-01-31", ""]);
    let array = json!([SCHOOL, COLLEGE]);
    let digest = sha256_hex(canonical_json(&array).unwrap().as_bytes());
    assert_eq!(digest, ListDigest::of(&listed_ids()));
    let facts = [
        (
            "the canonical form",
            canonical_json(&canonical_example()).unwrap(),
        ),
        ("the key of a text", hex(&data_key().0)),
        ("the nonce of a text", hex(&nonce())),
        ("the ciphertext", sealed.ciphertext),
        ("the wrapped key", hex(&wrapped)),
        ("the area's id", area.to_string()),
        ("the trigger's id", trigger.stream_id().to_string()),
        (
            "the announcement's id",
            announcement.stream_id().to_string(),
        ),
        ("the SHA-256 of the area's key", {
            sha256_hex("area\u{1f}england\u{1f}city of london".as_bytes())
        }),
        ("the list", canonical_json(&array).unwrap()),
        ("the list's digest", digest),
        ("the leaf hash of nothing", hex(&leaf_hash(""))),
    ];
    let document = document();
    let given = |value: &str| {
        document.contains(&format!("`{value}`")) || document.contains(&format!("\n{value}\n"))
    };
    for (what, value) in facts {
        assert!(
            given(&value),
            "schemas/record.md should give {what} as `{value}`"
        );
    }
}

/// What shows how strings and members are written.
fn canonical_example() -> Value {
    json!({
        "count": 2,
        "b": [true, null],
        "a": "line\nbreak, tab\t, \"quotes\", back\\slash, slash/, \u{e9}, \u{2014}, \u{1f}",
    })
}

/// One whose id changed would have everything in it announced again.
#[test]
fn a_deadline_is_announced_in_a_stream_named_by_obligation_and_date() {
    let own = |kind, version| {
        WhatIsDue::Own(DeadlineSet {
            about: stream_id(STRATEGY),
            authority: None,
            counted_from: entry_id(1),
            due_on: date("2025-01-31"),
            kind,
            partnership: Some(stream_id(PARTNERSHIP)),
            provenance: Provenance::Guidance,
            rule: RuleId::of("R-42.1"),
            version,
        })
    };
    let area = area_id(Country::England, "City of London");
    let of_area = WhatIsDue::Area(AreaDeadline {
        area,
        counted_from: entry_id(1),
        due_on: date("2024-01-31"),
        partnership: stream_id(PARTNERSHIP),
        provenance: Provenance::Guidance,
        rule: RuleId::of("R-129.1"),
    });
    let area = area.to_string();
    // A review and a direction are of no version: that part is empty.
    for (set, key, id) in [
        (
            own(DeadlineKind::AnnualReview, Some(1)),
            ["deadline", "annual_review", STRATEGY, "2025-01-31", ""],
            "1bf5c4c5-f7ca-85af-8fc7-641989f286d7",
        ),
        (
            own(DeadlineKind::ConsultationCloses, Some(1)),
            [
                "deadline",
                "consultation_closes",
                STRATEGY,
                "2025-01-31",
                "1",
            ],
            "9905cdf8-810b-86d9-a81a-43c20b043ab0",
        ),
        (
            own(DeadlineKind::DirectionCompliance, None),
            [
                "deadline",
                "direction_compliance",
                STRATEGY,
                "2025-01-31",
                "",
            ],
            "e7c1b373-6b86-8122-81e4-39d18a084824",
        ),
        (
            of_area,
            ["deadline", "R-129.1", PARTNERSHIP, &area, "2024-01-31"],
            "c77a8889-f5d1-8731-9b02-0e99c227e965",
        ),
    ] {
        let dated = Dated {
            set,
            causes: vec![],
            ended: None,
            known_until: None,
        };
        assert_eq!(dated.stream().to_string(), id, "{key:?}");
        assert_eq!(NaturalKey(&key).stream_id().to_string(), id, "{key:?}");
    }
}

/// What a record may not say: the rule of `schemas/record.md`, the member it is about, the example it
/// is broken in, and what stands there instead of what.
const BROKEN: &[(&str, &str, &str, &str, &str)] = &[
    (
        "Ids: an entry is named by UUIDv7",
        "entry_id",
        "a decision",
        "-7000-8000-0000000000e3",
        "-4000-8000-0000000000e3",
    ),
    (
        "Ids: a UUID's variant is that of RFC 9562",
        "entry_id",
        "a decision",
        "7000-8000-0000000000e3",
        "7000-c000-0000000000e3",
    ),
    (
        "Ids: a ledger is named by UUIDv7",
        "ledger_id",
        "a decision",
        "\"ledger_id\":\"01931c2e-5a00-7",
        "\"ledger_id\":\"01931c2e-5a00-4",
    ),
    (
        "Ids: a stream is named by UUIDv7 or UUIDv8",
        "stream/id",
        "a decision",
        "\"stream\":{\"id\":\"01931c2e-5a00-7",
        "\"stream\":{\"id\":\"01931c2e-5a00-4",
    ),
    (
        "Ids: an API key is named by UUIDv7",
        "principal/key_id",
        "a decision",
        "\"key_id\":\"01931c2e-5a00-7",
        "\"key_id\":\"01931c2e-5a00-8",
    ),
    (
        "Ids: a data key is named by UUIDv7",
        "payload/reason",
        "a sealed text",
        "\"key_id\":\"01931c2e-5a00-7000-8000-000000000008",
        "\"key_id\":\"01931c2e-5a00-4000-8000-000000000008",
    ),
    (
        "Members: partnerships are streams",
        "partnerships",
        "a decision",
        "\"partnerships\":[\"01931c2e-5a00-7",
        "\"partnerships\":[\"01931c2e-5a00-1",
    ),
    (
        "Members: what it rests on are streams",
        "rests_on",
        "a decision",
        "\"rests_on\":[{\"id\":\"01931c2e-5a00-7",
        "\"rests_on\":[{\"id\":\"01931c2e-5a00-1",
    ),
    (
        "Members: corrects names an entry",
        "corrects",
        "a correction",
        "\"corrects\":\"01931c2e-5a00-7",
        "\"corrects\":\"01931c2e-5a00-8",
    ),
    (
        "Members: causation_id names an entry",
        "causation_id",
        "a decision",
        "\"causation_id\":null",
        "\"causation_id\":\"01931c2e-5a00-4000-8000-0000000000e1\"",
    ),
    (
        "Members: correlation_id is a UUID of a version",
        "correlation_id",
        "a decision",
        "\"correlation_id\":\"01931c2e-5a00-7",
        "\"correlation_id\":\"01931c2e-5a00-0",
    ),
    (
        "Canonical form: there is no year 0000 (occurred_on)",
        "occurred_on",
        "a decision",
        "\"date\":\"2024-11-11\"",
        "\"date\":\"0000-11-11\"",
    ),
    (
        "Canonical form: there is no year 0000 (source)",
        "source/date",
        "a past fact",
        "\"date\":\"2024-02-14\"",
        "\"date\":\"0000-02-14\"",
    ),
    (
        "Canonical form: there is no year 0000 (recorded_at)",
        "recorded_at",
        "a decision",
        "\"recorded_at\":\"2024-",
        "\"recorded_at\":\"0000-",
    ),
    (
        "Canonical form: seconds go up to 59",
        "recorded_at",
        "a decision",
        "\"recorded_at\":\"2024-11-11T09:30:00",
        "\"recorded_at\":\"2024-11-11T09:30:60",
    ),
    (
        "Members: a past fact says what it leaves open",
        "past_fact",
        "a decision",
        "\"basis\":\"decision\"",
        "\"basis\":\"past_fact\"",
    ),
    (
        "Members: a past fact has a source",
        "source",
        "a past fact",
        "\"source\":{\"date\":\"2024-02-14\",\"reference\":\"https://eastmere.example/strategy.pdf\",\"sha256\":\"aca8a2bd51ff944ed064277add92327188506aa6ac86a4e1825ca87f0201e62c\",\"title\":\"Serious violence strategy 2024 to 2027\"}",
        "\"source\":null",
    ),
    (
        "Members: nothing but a past fact leaves anything open",
        "past_fact",
        "a past fact",
        "\"basis\":\"past_fact\"",
        "\"basis\":\"decision\"",
    ),
    (
        "Members: revisions count from 1",
        "rules/revision",
        "a decision",
        "\"revision\":1},\"source\"",
        "\"revision\":0},\"source\"",
    ),
    (
        "Members: a source's digest is SHA-256",
        "source/sha256",
        "a past fact",
        "\"sha256\":\"aca8",
        "\"sha256\":\"ACA8",
    ),
    (
        "Members: a stream's type is words",
        "stream/type",
        "a decision",
        "\"type\":\"strategy\"",
        "\"type\":\"Strategy\"",
    ),
    (
        "Members: an event is PascalCase",
        "event/type",
        "a decision",
        "\"type\":\"StrategyPublished\"",
        "\"type\":\"StrategyPublished2\"",
    ),
    (
        "Members: positions count from 1",
        "position",
        "a decision",
        "\"position\":17",
        "\"position\":0",
    ),
    (
        "Sealed text: a nonce has 24 bytes",
        "payload/reason",
        "a sealed text",
        "\"nonce\":\"QEFC",
        "\"nonce\":\"",
    ),
    (
        "Sealed text: one algorithm",
        "payload/reason",
        "a sealed text",
        "xchacha20-poly1305",
        "xchacha20-poly1306",
    ),
    (
        "Members: whom it was done for are streams",
        "on_behalf_of",
        "a decision",
        "\"on_behalf_of\":[]",
        "\"on_behalf_of\":[\"01931c2e-5a00-4000-8000-000000000004\"]",
    ),
    (
        "Members: a principal is a stream",
        "principal/id",
        "a decision",
        "\"principal\":{\"id\":\"01931c2e-5a00-7",
        "\"principal\":{\"id\":\"01931c2e-5a00-4",
    ),
    (
        "Members: the type of a stream it rests on is words",
        "rests_on",
        "a decision",
        "\"type\":\"partnership\",\"version\":12",
        "\"type\":\"Partnership\",\"version\":12",
    ),
    (
        "Members: versions count from 1",
        "version",
        "a decision",
        "\"version\":16,\"warnings\"",
        "\"version\":0,\"warnings\"",
    ),
    (
        "Members: versions of schemas count from 1",
        "event/schema_version",
        "a decision",
        "\"schema_version\":1",
        "\"schema_version\":0",
    ),
    (
        "Members: a payload is an object",
        "payload",
        "a correction",
        "\"payload\":{\"reason\":null}",
        "\"payload\":[]",
    ),
    (
        "Sealed text: a reason for going on is sealed by one algorithm",
        "warnings",
        "a decision",
        "\"warnings\":[]",
        "\"warnings\":[{\"reason\":{\"alg\":\"none\",\"ciphertext\":\"\",\"key_id\":\"01931c2e-5a00-7000-8000-000000000008\",\"nonce\":\"QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX\"},\"rule\":\"R-31.1\"}]",
    ),
];

/// The rule that each broken record breaks, the member it is about, and the record.
fn broken() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let examples = examples();
    BROKEN.iter().map(move |(rule, member, example, from, to)| {
        let (_, sound) = examples.iter().find(|(name, _)| name == example).unwrap();
        let broken = sound.replacen(from, to, 1);
        assert_ne!(&broken, sound, "{rule}");
        (*rule, *member, broken)
    })
}

/// Runs the independent reader on a folder.
fn independently(folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("record/check_record.py");
    let output = Command::new("python3").arg(script).arg(folder).output();
    let output = output.unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn both_readers_refuse_what_the_document_does_not_allow() {
    let (right, wrong) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (at, (_, leaf_data)) in examples().iter().enumerate() {
        assert!(Record::verify(leaf_data).is_ok());
        fs::write(right.path().join(format!("{at}.json")), leaf_data).unwrap();
    }
    for (at, (rule, member, broken)) in broken().enumerate() {
        let refused = Record::verify(&broken).unwrap_err().to_string();
        let named = format!(": {member} is not what the format has there");
        assert!(refused.ends_with(&named), "{rule}: {refused}");
        fs::write(wrong.path().join(format!("{at:02}.json")), broken).unwrap();
    }
    let (right, wrong) = (independently(right.path()), independently(wrong.path()));
    assert!(right.contains(", 0 of them wrong"), "{right}");
    for (at, (rule, ..)) in BROKEN.iter().enumerate() {
        assert!(
            wrong.contains(&format!("{at:02}.json: ")),
            "{rule}: {wrong}"
        );
    }
}

/// What is recorded stays for ever, so what no reader would take is refused before it is: all but the
/// place, which the ledger itself gives.
#[test]
fn an_entry_that_no_reader_would_take_is_never_drafted() {
    for (rule, member, broken) in broken() {
        let record = Record::parse(&broken).unwrap();
        let drafted = Draft::new(record.ledger_id, record.event, &record.entry);
        match (member, drafted) {
            ("position" | "recorded_at", Ok(_)) => {}
            (_, Err(refused)) => assert!(
                refused.to_string().contains(&format!(": {member} is not")),
                "{rule}: {refused}"
            ),
            (_, Ok(_)) => panic!("{rule}: {broken}"),
        }
    }
}

#[test]
fn the_document_gives_the_limits_of_the_code() {
    let document = document();
    assert_eq!(ENTRY_BYTES_MAX, 60_000);
    assert!(document.contains("60,000 bytes"));
    assert!(document.contains("9007199254740991"));
}

#[test]
fn the_document_names_every_member_of_the_record() {
    let document = document();
    let Value::Object(record) = serde_json::from_str(&sealed()).unwrap() else {
        panic!("a record is an object")
    };
    for member in record.keys() {
        assert!(
            document.contains(&format!("\n| `{member}` |")),
            "no row for {member}"
        );
    }
}
