//! Makes sample records: one of every event, from its schema, the same on every run.
//!
//! A sample is frozen once it is committed. This is how the samples of a new event are made, and
//! never how an old one is made again.

use chrono::{NaiveDate, TimeZone, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::released::{SAMPLE_KEY, nullable, with_kind};
use dutyledger_domain::streams::area::area_id;
use dutyledger_domain::{Actor, Actors, Country, EventSchema, Payload, StreamKind};
use dutyledger_record::{
    Basis, Binding, Draft, EntryId, Envelope, Event, KeyId, LedgerId, ListDigest, Mark, OccurredOn,
    PastFact, PlainText, Principal, PrincipalKind, PublicText, RestsOn, RulePackRef, Sealed,
    SealedBox, Source, Standing, Stream, StreamId, StreamType, Warning, sha256_hex, unhex,
};

/// Events that may open a stream: their samples are of version 1.
const OPENINGS: &[&str] = &[
    "LedgerOpened",
    "AreaRegistered",
    "AuthorityRegistered",
    "PartnershipProposed",
    "NeedsAssessmentOpened",
    "StrategyDrafted",
    "FindingRecorded",
    "SecretaryOfStateSatisfied",
    "DeadlineApproached",
    "TriggerOpened",
    "CaseTriggerOpened",
    "SealedTextErased",
    "SealedTextServed",
    "ExportServed",
];

/// What a sample shows besides its event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// Every member has a value.
    Full,
    /// Every member that may be null is.
    Minimal,
    /// A past fact with rows unmet.
    PastFact,
}

/// The samples of an event, which may stand in these kinds of stream: file names and leaf data.
pub(crate) fn samples(schema: &EventSchema, kinds: &[&str]) -> Vec<(String, String)> {
    let name = dutyledger_domain::kebab_case(schema.event_type);
    let stem = format!("{name}.v{}", schema.schema_version);
    // An event of every kind of stream is shown in a strategy, and in a partnership.
    let (kind, other) = if kinds.len() > 1 {
        ("strategy", "partnership")
    } else {
        (kinds[0], kinds[0])
    };
    let mut made = vec![(
        format!("{stem}.json"),
        sample(schema, kind, &stem, Variant::Full),
    )];
    let members = schema.schema["properties"].as_object();
    if members.is_some_and(|members| members.values().any(nullable)) {
        let file = format!("{stem}.minimal.json");
        made.push((file, sample(schema, other, &stem, Variant::Minimal)));
    }
    if ["PartnershipFormed", "StrategyAdopted", "StrategyPublished"].contains(&schema.event_type) {
        let file = format!("{stem}.past-fact.json");
        made.push((file, sample(schema, kind, &stem, Variant::PastFact)));
    }
    made
}

fn sample(schema: &EventSchema, kind: &str, stem: &str, variant: Variant) -> String {
    let ledger = LedgerId::new(id("ledger"));
    let suffix = match variant {
        Variant::Full => "full",
        Variant::Minimal => "minimal",
        Variant::PastFact => "past fact",
    };
    let entry_id = EntryId::new(id(&format!("entry {stem} {suffix}")));
    let maker = Maker {
        root: &schema.schema,
        event: schema.event_type,
        ledger,
        entry_id,
        variant,
    };
    let payload = maker.payload();
    let event = Event {
        schema_version: schema.schema_version,
        event_type: schema.event_type.to_owned(),
    };
    let (actors, subject) = with_kind!(kind, K => recordable_by::<K>(&event, payload.clone()));
    let opening = OPENINGS.contains(&schema.event_type);
    let entry = Envelope {
        entry_id,
        stream: Stream::new(StreamType::read(kind), stream_id(kind)),
        version: if opening { 1 } else { 9 },
        standing: maker.standing(kind, actors, subject, &payload),
        payload,
    };
    let draft = Draft::new(ledger, event, &entry).expect("a sample keeps to the format");
    let place = u64::from_str_radix(&digest(&format!("place {stem} {suffix}"))[..4], 16);
    let position = if schema.event_type == "LedgerOpened" {
        1
    } else {
        2 + place.unwrap()
    };
    let recorded_at = Utc.with_ymd_and_hms(2024, 1, 31, 10, 15, 30).unwrap()
        + chrono::Duration::microseconds(123_400);
    draft.leaf_data(position, recorded_at)
}

fn recordable_by<K: StreamKind>(event: &Event, payload: Value) -> (Actors, Option<StreamId>) {
    let read = K::Event::read(event, payload).expect("a known event");
    K::recordable_by(&read.expect("a payload that fits its schema"))
}

struct Maker<'a> {
    root: &'a Value,
    event: &'a str,
    ledger: LedgerId,
    entry_id: EntryId,
    variant: Variant,
}

impl Maker<'_> {
    fn payload(&self) -> Value {
        let empty = Map::new();
        let members = self.root["properties"].as_object().unwrap_or(&empty);
        let value = |(name, schema): (&String, &Value)| {
            let value = if self.variant == Variant::Minimal && nullable(schema) {
                Value::Null
            } else {
                self.value(name, schema)
            };
            (name.clone(), value)
        };
        let mut payload: Map<_, _> = members.iter().map(value).collect();
        // What goes with the members that are null.
        let bound = ["KeyIssued", "SealedTextServed", "ExportServed"];
        if self.variant == Variant::Minimal && bound.contains(&self.event) {
            payload.insert("principal_kind".to_owned(), json!("inspectorate"));
        }
        if self.variant == Variant::Minimal && self.event == "ListClosed" {
            payload.insert("list".to_owned(), json!("areas"));
        }
        Value::Object(payload)
    }

    fn value(&self, name: &str, schema: &Value) -> Value {
        let own = |(event, member, _): &&(&str, &str, Value)| {
            (*event == self.event || event.is_empty()) && *member == name
        };
        if let Some((_, _, value)) = plausible().iter().find(own) {
            return value.clone();
        }
        if let Some(some) = schema["anyOf"].as_array() {
            return self.value(name, &some[0]);
        }
        if let Some(path) = schema["$ref"].as_str() {
            if path.ends_with("/SealedBox") {
                return self.sealed(&format!("/payload/{name}"), "A reason kept sealed.");
            }
            assert!(
                !path.ends_with("/PublicText"),
                "give {}.{name} a text",
                self.event
            );
            let target = self.root.pointer(&path[1..]).expect("a definition");
            return self.value(name, target);
        }
        if let Some(words) = schema["oneOf"].as_array() {
            return self.value(name, &words[0]);
        }
        if !schema["const"].is_null() {
            return schema["const"].clone();
        }
        let kinds = &schema["type"];
        match kinds.as_str().or_else(|| kinds[0].as_str()) {
            Some("boolean") => json!(true),
            Some("integer") => json!(3),
            Some("array") => json!([self.value(name, &schema["items"])]),
            Some("object") => {
                let members = schema["properties"].as_object().expect("members");
                members
                    .iter()
                    .map(|(n, s)| (n.clone(), self.value(n, s)))
                    .collect()
            }
            Some("string") => match schema["format"].as_str() {
                Some("uuid") => json!(member_id(name)),
                Some("date") => json!("2024-01-31"),
                _ if schema["pattern"] == "^[0-9a-f]{64}$" => json!(digest(name)),
                _ => panic!("give {}.{name} a value", self.event),
            },
            _ => panic!("{}.{name} has a schema that is not known here", self.event),
        }
    }

    fn sealed(&self, member: &str, text: &str) -> Value {
        serde_json::to_value(self.sealed_box(member, text)).unwrap()
    }

    fn sealed_box(&self, member: &str, text: &str) -> SealedBox {
        let seed = digest(&format!("nonce {} {member}", self.entry_id));
        let mut nonce = [0; 24];
        nonce.copy_from_slice(&bytes(&seed)[..24]);
        let binding = Binding {
            ledger: self.ledger,
            entry: self.entry_id,
            member: member.to_owned(),
        };
        let key_id = KeyId::new(id(&format!("key {}", self.entry_id)));
        let text = PlainText::new(text).unwrap();
        SealedBox::seal(&text, key_id, &SAMPLE_KEY, nonce, &binding)
    }

    fn standing(
        &self,
        kind: &str,
        actors: Actors,
        subject: Option<StreamId>,
        payload: &Value,
    ) -> Standing {
        let past = kind != "ledger" && actors.past_fact && self.variant != Variant::Full;
        let reported =
            !past && kind != "ledger" && actors.reportable && actors.own[0] == Actor::Subject;
        // What the operator decides, with a source; all else it does to the ledger is administration.
        let dates = self.event == "DeadlineDateSet";
        let basis = match kind {
            _ if dates => Basis::Decision,
            "ledger" | "deadline" | "trigger" | "erasure" | "access" => Basis::Administrative,
            _ if past => Basis::PastFact,
            _ => Basis::Decision,
        };
        let unmet = match (self.event, self.variant) {
            ("PartnershipFormed", Variant::PastFact) => vec!["L-3".to_owned()],
            ("StrategyAdopted", Variant::PastFact) => vec!["L-3".to_owned(), "R-10.6".to_owned()],
            _ => Vec::new(),
        };
        let mark = if self.event == "StrategyAdopted" {
            Mark::Admitted
        } else {
            Mark::NotEvidenced
        };
        let correction = self.event == "EntryCorrected";
        Standing {
            basis,
            causation_id: (self.event == "ListClosed").then(|| EntryId::new(id("cause"))),
            correlation_id: id("correlation"),
            corrects: correction.then(|| EntryId::new(id("corrected"))),
            occurred_on: OccurredOn {
                assumed: self.variant == Variant::PastFact,
                date: NaiveDate::from_ymd_opt(2024, 1, if past { 9 } else { 31 }).unwrap(),
            },
            on_behalf_of: if reported {
                subject.into_iter().collect()
            } else {
                Vec::new()
            },
            partnerships: self.partnerships(kind, payload),
            past_fact: past.then_some(PastFact { mark, unmet }),
            principal: self.principal(kind, actors, subject, past, reported),
            reported,
            rests_on: self.rests_on(kind),
            rules: RulePackRef {
                pack: "enacted-2022".to_owned(),
                revision: 1,
            },
            source: (past || reported || dates).then(|| Source {
                date: NaiveDate::from_ymd_opt(2024, 1, 10).unwrap(),
                reference: text("https://eastmere.example/minutes/2024-01-09"),
                sha256: reported.then(|| digest("minutes")),
                title: text("Minutes of the partnership board, 9 January 2024"),
            }),
            warnings: self.warnings(),
        }
    }

    fn principal(
        &self,
        stream: &str,
        actors: Actors,
        subject: Option<StreamId>,
        past: bool,
        reported: bool,
    ) -> Principal {
        if self.event == "LedgerOpened" {
            return Principal::SYSTEM;
        }
        let partnership = StreamId::new(id("partnership"));
        let (kind, id_) = match actors.own[0] {
            _ if past && stream == "direction" => (PrincipalKind::Operator, None),
            _ if past || reported => (PrincipalKind::Coordinator, Some(partnership)),
            Actor::SpecifiedAuthority => (
                PrincipalKind::Authority,
                Some(StreamId::new(id("authority"))),
            ),
            Actor::Subject => (
                PrincipalKind::Authority,
                Some(subject.unwrap_or_else(|| StreamId::new(id("authority")))),
            ),
            Actor::LocalPolicingBody => (
                PrincipalKind::LocalPolicingBody,
                Some(StreamId::new(id("policing body"))),
            ),
            Actor::Inspectorate => (PrincipalKind::Inspectorate, None),
            Actor::SecretaryOfState => (PrincipalKind::SecretaryOfState, None),
            Actor::WelshMinisters => (PrincipalKind::WelshMinisters, None),
            Actor::Operator => (PrincipalKind::Operator, None),
            Actor::System => return Principal::SYSTEM,
        };
        Principal {
            id: id_,
            key_id: Some(KeyId::new(id("api key"))),
            kind,
        }
    }

    fn partnerships(&self, kind: &str, payload: &Value) -> Vec<StreamId> {
        let unknown = payload.get("partnership").is_some_and(Value::is_null);
        match kind {
            "ledger" | "area" | "authority" | "access" => Vec::new(),
            _ if unknown => Vec::new(),
            _ => vec![StreamId::new(id("partnership"))],
        }
    }

    fn rests_on(&self, kind: &str) -> Vec<RestsOn> {
        let at = |kind: &str, version| RestsOn {
            id: stream_id(kind),
            stream_type: StreamType::read(kind),
            version,
        };
        match (kind, self.event) {
            ("ledger", "KeyIssued") | ("area", "AuthorityRecorded") => vec![at("authority", 2)],
            ("partnership", _) => vec![at("area", 5)],
            ("needs-assessment" | "strategy", _) => vec![at("area", 5), at("partnership", 12)],
            ("direction", _) => vec![at("area", 5), at("authority", 2)],
            ("erasure", _) if self.variant == Variant::Minimal => Vec::new(),
            ("deadline" | "trigger" | "erasure", _) => vec![at("partnership", 12)],
            _ => Vec::new(),
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        if (self.event, self.variant) != ("StrategyAdopted", Variant::Full) {
            return Vec::new();
        }
        let warning = |(row, rule): (usize, &str)| Warning {
            reason: Sealed::Closed(Box::new(
                self.sealed_box(&format!("/warnings/{row}/reason"), "A reason kept sealed."),
            )),
            rule: rule.to_owned(),
        };
        ["R-31.1", "R-45.1"]
            .into_iter()
            .enumerate()
            .map(warning)
            .collect()
    }
}

/// Values for members whose schema alone gives none that reads well: event (empty for any),
/// member, value.
fn plausible() -> Vec<(&'static str, &'static str, Value)> {
    let part = "section 4, paragraph 2";
    let ids = ["first", "second", "third"].map(|word| StreamId::new(id(word)));
    let vkey = |name: &str, hash: &str| format!("{name}+{hash}+{}", "A".repeat(44));
    vec![
        (
            "CheckpointKeyAdopted",
            "key",
            json!(vkey("eastmere.example/duty-2", "0badcafe")),
        ),
        (
            "CheckpointKeyAdopted",
            "replaces",
            json!({
                "key": vkey("eastmere.example/duty-1", "cafebabe"),
                "root": digest("root"),
                "size": 4_200,
            }),
        ),
        ("ExportServed", "export", json!("bundle")),
        ("LedgerOpened", "mode", json!("live")),
        ("LedgerOpened", "ledger_id", json!(id("ledger"))),
        ("", "pack", json!("enacted-2022")),
        ("LedgerOpened", "revision", json!(1)),
        ("RulePackAdopted", "revision", json!(2)),
        ("", "expires_at", json!("2025-01-30T23:59:59.000000Z")),
        (
            "",
            "label",
            json!("Community safety team, Eastmere Council"),
        ),
        ("", "principal_id", json!(id("authority"))),
        ("AreaCodeRecorded", "code", json!("E06000999")),
        ("AreaCodeRecorded", "from", json!("2019-04-01")),
        ("AreaCodeRecorded", "until", json!("2023-03-31")),
        ("AreaRegistered", "name", json!("Eastmere")),
        ("AreaAmended", "name", json!("Eastmere and Westmere")),
        ("AreaCodeRecorded", "name", json!("Eastmere")),
        (
            "AreaSucceeded",
            "successor",
            json!(area_id(Country::England, "Eastmere and Westmere")),
        ),
        ("AuthorityRecorded", "from", json!("2023-01-31")),
        ("", "body", json!("Glanfor Council")),
        (
            "",
            "devolved_welsh_authority",
            json!("Government of Wales Act 2006, s.157A"),
        ),
        ("", "digest", json!(ListDigest::of(&ids))),
        ("ListClosed", "list", json!("authorities_touched")),
        (
            "AuthorityConsulted",
            "capacity",
            json!("educational_authority"),
        ),
        (
            "RelevantAuthorityListed",
            "capacity",
            json!("educational_authority"),
        ),
        ("", "capacity", json!("local_authority")),
        ("ExceptionClaimed", "duty", json!("15(4)")),
        ("ExceptionEnded", "duty", json!("15(4)")),
        ("ActionDated", "by", json!("2024-09-30")),
        ("ActionDateSet", "by", json!("2024-12-31")),
        ("RevisionStarted", "version", json!(2)),
        (
            "",
            "name",
            json!("Eastmere Serious Violence Duty Partnership"),
        ),
        (
            "",
            "route_detail",
            json!("Eastmere Community Safety Partnership board"),
        ),
        (
            "",
            "detail",
            json!("Eastmere Community Safety Partnership board"),
        ),
        (
            "",
            "on_matter",
            json!({"matter": "lead", "authority": id("authority")}),
        ),
        (
            "RepresentativeNamed",
            "post",
            json!({
                "body": "Eastmere Council",
                "capacity": "educational_authority",
                "title": "Head of Inclusion",
            }),
        ),
        (
            "DecisionRuleRecorded",
            "decide_by",
            json!({"rule": "at_least", "count": 5}),
        ),
        ("CoverageStated", "covers_until", json!("2024-01-10")),
        (
            "PartnershipDissolved",
            "note",
            json!("The partnership of the two areas takes its place."),
        ),
        (
            "NeedsAssessmentOpened",
            "title",
            json!("Strategic needs assessment 2023"),
        ),
        (
            "NeedsAssessmentAmended",
            "title",
            json!("Strategic needs assessment 2023 to 2024"),
        ),
        (
            "",
            "finding",
            json!("Most robberies take place between 15:00 and 18:00 — near stations."),
        ),
        (
            "",
            "gap",
            json!("Hospital data on injuries are missing for the second half of 2023."),
        ),
        (
            "StrategyDrafted",
            "title",
            json!("Serious violence strategy 2024 to 2027"),
        ),
        (
            "StrategyAmended",
            "title",
            json!("Serious violence prevention strategy 2024 to 2027"),
        ),
        (
            "",
            "bases",
            json!({
                "crime_and_disorder_act_section_6": false,
                "section_8": true,
                "section_9": false,
            }),
        ),
        (
            "ActionProposed",
            "title",
            json!("Youth workers in two hospitals"),
        ),
        ("", "version", json!(1)),
        ("", "strategy_version", json!(1)),
        ("RevisionStarted", "from_version", json!(1)),
        ("ViolenceKindIdentified", "category", json!("knife_crime")),
        (
            "ViolenceKindIdentified",
            "description",
            json!("Knife crime among people aged 14 to 24."),
        ),
        (
            "ViolenceCauseIdentified",
            "description",
            json!("Exclusion from school."),
        ),
        (
            "ActionProposed",
            "description",
            json!("Youth workers meet young people in the emergency departments of two hospitals."),
        ),
        (
            "",
            "why",
            json!("The assessment found too few cases to tell causes from chance."),
        ),
        ("", "responses_by", json!("2024-03-15")),
        (
            "ExceptionClaimed",
            "enactment",
            json!("Education Act 2002, s.175"),
        ),
        (
            "ActionProgressed",
            "note",
            json!("The first youth workers have started."),
        ),
        ("", "part", json!(part)),
        ("StrategyAdopted", "abstained", json!(0)),
        ("StrategyAdopted", "agreed", json!(5)),
        ("StrategyAdopted", "decide_by", json!({"rule": "majority"})),
        ("StrategyAdopted", "objected", json!(1)),
        ("StrategyAdopted", "silent", json!(1)),
        (
            "",
            "locator",
            json!("https://eastmere.example/serious-violence-strategy"),
        ),
        ("DirectionIssued", "comply_by", json!("2024-06-30")),
        ("DeadlineDateSet", "due_on", json!("2024-03-31")),
        ("DeadlineDateSet", "provenance", json!("regulations")),
        ("DeadlineDateSet", "rule", json!("R-10.4")),
        ("AreaDeadlineApproached", "rule", json!("R-10.4")),
        ("AreaDeadlineReached", "rule", json!("R-10.4")),
        ("AreaDeadlinePassed", "rule", json!("R-10.4")),
        ("AreaDeadlineMet", "rule", json!("R-10.4")),
        ("AreaDeadlineLifted", "rule", json!("R-10.4")),
        ("ActionDeadlineApproached", "rule", json!("R-19.4")),
        ("ActionDeadlineReached", "rule", json!("R-19.4")),
        ("ActionDeadlinePassed", "rule", json!("R-19.4")),
        ("ActionDeadlineMet", "rule", json!("R-19.4")),
        ("ActionDeadlineLifted", "rule", json!("R-19.4")),
        ("ActionDeadlineApproached", "due_on", json!("2024-09-30")),
        ("ActionDeadlineReached", "due_on", json!("2024-09-30")),
        ("ActionDeadlinePassed", "due_on", json!("2024-09-30")),
        ("ActionDeadlineMet", "due_on", json!("2024-09-30")),
        ("ActionDeadlineLifted", "due_on", json!("2024-09-30")),
        ("", "due_on", json!("2024-01-30")),
        ("", "met_on", json!("2024-01-31")),
        ("", "rule", json!("R-42.1")),
        ("DirectionVaried", "comply_by", json!("2024-09-30")),
        (
            "",
            "requires",
            json!("To publish the strategy adopted on 31 January 2024."),
        ),
        (
            "DirectionWithdrawn",
            "note",
            json!("The strategy was published on 1 May 2024."),
        ),
        (
            "",
            "reference",
            json!("High Court, Administrative Court, AC-2024-LON-000000"),
        ),
    ]
}

fn member_id(name: &str) -> Uuid {
    match name {
        "area" => stream_id("area").uuid(),
        name => id(name),
    }
}

fn stream_id(kind: &str) -> StreamId {
    match kind {
        "area" => area_id(Country::England, "Eastmere"),
        kind => StreamId::new(id(kind)),
    }
}

/// A UUIDv7 that is the same for the same words.
fn id(words: &str) -> Uuid {
    let mut random = [0; 10];
    random.copy_from_slice(&bytes(&digest(words))[..10]);
    // 31 January 2024, 10:15 UTC.
    uuid::Builder::from_unix_timestamp_millis(1_706_696_100_000, &random).into_uuid()
}

fn digest(words: &str) -> String {
    sha256_hex(format!("dutyledger sample {words}").as_bytes())
}

fn bytes(digits: &str) -> [u8; 32] {
    unhex(digits.as_bytes()).expect("a digest has 64 digits")
}

fn text(words: &str) -> PublicText {
    PublicText::new(words).unwrap()
}
