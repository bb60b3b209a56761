//! An entry's envelope, and the leaf data made of it.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::canonical::{CanonicalError, canonical_json};
use crate::form;
use crate::ids::{EntryId, KeyId, LedgerId, StreamId, StreamType};
use crate::leaf::Members;
use crate::sealed::Sealed;
use crate::text::PublicText;

/// The version of the record format itself.
pub const FORMAT: u32 = 1;
/// The most bytes the leaf data of one entry may have.
pub const ENTRY_BYTES_MAX: usize = 60_000;
/// Bytes of the largest position and of an instant, for which room is kept before they are known.
const POSITION_BYTES_MAX: usize = 16;
const INSTANT_BYTES: usize = 27;

/// The civil date something happened in Europe/London.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OccurredOn {
    /// Whether the date is assumed rather than stated by a source.
    pub assumed: bool,
    /// The date.
    pub date: NaiveDate,
}

/// What kind of principal acted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// An authority in its capacity; `id` is its stream.
    Authority,
    /// A partnership's coordinator; `id` is the partnership.
    Coordinator,
    /// A local policing body; `id` is its authority stream.
    LocalPolicingBody,
    /// The Secretary of State.
    SecretaryOfState,
    /// The Welsh Ministers.
    WelshMinisters,
    /// An inspectorate.
    Inspectorate,
    /// An auditor.
    Auditor,
    /// The operator of the service.
    Operator,
    /// The service itself: the opening and the clock.
    System,
}

/// Who gave the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// The authority's or the partnership's stream, where the kind has one.
    pub id: Option<StreamId>,
    /// The API key it was given with.
    pub key_id: Option<KeyId>,
    /// Its kind.
    pub kind: PrincipalKind,
}

impl Principal {
    /// The service itself.
    pub const SYSTEM: Self = Self {
        id: None,
        key_id: None,
        kind: PrincipalKind::System,
    };
}

/// On what footing an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Decided through the system: the gates held.
    Decision,
    /// Happened elsewhere and is recorded with its source.
    PastFact,
    /// Opening, keys, access, erasure, announcements.
    Administrative,
}

/// What shows that something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The date of the source.
    pub date: NaiveDate,
    /// Where to find it: a reference or an address.
    pub reference: PublicText,
    /// The SHA-256 of the document, if known, as 64 hexadecimal digits.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
    /// Its title.
    pub title: PublicText,
}

/// How a breach of a row by a past fact is known.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The record lacks the evidence; no answer calls it a breach.
    NotEvidenced,
    /// The body's own document admits it.
    Admitted,
    /// A court, an inspectorate or a monitor found it.
    Found,
}

/// What a past fact leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PastFact {
    /// How a breach is known; comes from the source, otherwise `not_evidenced`.
    pub mark: Mark,
    /// The rows whose gates would have refused it as a decision, on the record as it stood.
    pub unmet: Vec<String>,
}

/// A row that warned, and the reason given for going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// The reason, sealed.
    pub reason: Sealed,
    /// The row.
    pub rule: String,
}

/// A stream the decision rested on, at the version it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestsOn {
    /// Its id.
    pub id: StreamId,
    /// Its type.
    #[serde(rename = "type")]
    pub stream_type: StreamType,
    /// Its version when the decision was made; 0 for a stream that had no entry.
    pub version: u64,
}

/// The rule pack a decision was made under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulePackRef {
    /// Its name.
    pub pack: String,
    /// Its revision.
    pub revision: u32,
}

/// Names a stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Its id.
    pub id: StreamId,
    /// Its type.
    #[serde(rename = "type")]
    pub stream_type: StreamType,
}

impl Stream {
    /// Names a stream.
    #[must_use]
    pub const fn new(stream_type: StreamType, id: StreamId) -> Self {
        Self { id, stream_type }
    }
}

/// The type of an event and the version of its payload's schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of the payload's schema, from 1.
    pub schema_version: u32,
    /// PascalCase.
    #[serde(rename = "type")]
    pub event_type: String,
}

/// How a decision came about, apart from what was decided: who, for whom, on what footing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// On what footing the entry stands.
    pub basis: Basis,
    /// The entry that caused this one.
    pub causation_id: Option<EntryId>,
    /// What the caller was doing.
    pub correlation_id: Uuid,
    /// The entry this one withdraws.
    pub corrects: Option<EntryId>,
    /// The civil date it happened.
    pub occurred_on: OccurredOn,
    /// The authorities it was done for.
    pub on_behalf_of: Vec<StreamId>,
    /// The partnerships it concerns.
    pub partnerships: Vec<StreamId>,
    /// For a past fact, what it leaves open.
    pub past_fact: Option<PastFact>,
    /// Who gave the command.
    pub principal: Principal,
    /// Whether it is reported rather than the principal's own.
    pub reported: bool,
    /// The streams it rested on.
    pub rests_on: Vec<RestsOn>,
    /// The rule pack it was decided under.
    pub rules: RulePackRef,
    /// What shows it, for a past fact or a report.
    pub source: Option<Source>,
    /// The rows that warned.
    pub warnings: Vec<Warning>,
}

/// An entry without its position and instant, its payload of type `P`: what an aggregate applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope<P> {
    /// The entry's id.
    pub entry_id: EntryId,
    /// The stream it stands in.
    pub stream: Stream,
    /// Its version in that stream, from 1.
    pub version: u64,
    /// How it came about.
    pub standing: Standing,
    /// What happened.
    pub payload: P,
}

/// Why an entry has no leaf data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The payload or a text steps outside the format.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// More than [`ENTRY_BYTES_MAX`] bytes.
    #[error("the entry would have {found} bytes; the most is {ENTRY_BYTES_MAX}")]
    TooLarge {
        /// How many bytes it would have at the most.
        found: usize,
    },
    /// A part could not be written as JSON.
    #[error("cannot be written as JSON: {0}")]
    Json(String),
    /// The text is not a record of this format.
    #[error("not a record of format {FORMAT}: {0}")]
    Malformed(String),
}

/// Leaf data that lacks only its position and instant: everything that needs no order is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The entry's id.
    pub entry_id: EntryId,
    /// The stream it stands in.
    pub stream: Stream,
    /// Its version in that stream.
    pub version: u64,
    /// Its event.
    pub event: Event,
    /// The civil date it happened.
    pub occurred_on: NaiveDate,
    before_position: String,
    before_instant: String,
    after_instant: String,
}

impl Draft {
    /// Encodes an entry.
    ///
    /// # Errors
    /// When it steps outside the format or is too large.
    pub fn new(
        ledger: LedgerId,
        event: Event,
        entry: &Envelope<Value>,
    ) -> Result<Self, EntryError> {
        form::check(ledger, &event, entry)?;
        let members = Members::of(ledger, &event, entry);
        let draft = Self {
            entry_id: entry.entry_id,
            stream: entry.stream.clone(),
            version: entry.version,
            occurred_on: entry.standing.occurred_on.date,
            before_position: members.before_position()?,
            before_instant: members.before_instant()?,
            after_instant: members.after_instant()?,
            event,
        };
        let parts = [
            &draft.before_position,
            &draft.before_instant,
            &draft.after_instant,
        ];
        if cfg!(debug_assertions) || parts.into_iter().any(|part| is_suspect(part)) {
            check_whole(&draft.leaf_data(1, DateTime::UNIX_EPOCH))?;
        }
        check_size(draft.bytes_max())?;
        Ok(draft)
    }

    /// The most bytes the leaf data can have.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        let known = self.before_position.len() + self.before_instant.len();
        known + self.after_instant.len() + POSITION_BYTES_MAX + INSTANT_BYTES
    }

    /// The leaf data, now that its place is known.
    #[must_use]
    pub fn leaf_data(&self, position: u64, recorded_at: DateTime<Utc>) -> String {
        format!(
            "{}{position}{}{}{}",
            self.before_position,
            self.before_instant,
            format_instant(recorded_at),
            self.after_instant
        )
    }
}

/// Whether JSON may hold what steps outside the format, a NUL, a signed year or an odd name, and is to be
/// looked at member by member. Nearly none does.
fn is_suspect(text: &str) -> bool {
    ["\\u0000", "\"+", "\"-", "\"$"]
        .iter()
        .any(|part| text.contains(part))
}

/// Looks at leaf data member by member.
fn check_whole(text: &str) -> Result<(), EntryError> {
    let value = serde_json::from_str(text)?;
    form::check_texts(&value, "")?;
    let canonical = canonical_json(&value)?;
    debug_assert_eq!(canonical, text, "members are declared in canonical order");
    Ok(())
}

/// Checks how many bytes leaf data has at the most, whatever its position.
const fn check_size(found: usize) -> Result<(), EntryError> {
    if found > ENTRY_BYTES_MAX {
        return Err(EntryError::TooLarge { found });
    }
    Ok(())
}

/// Writes an instant inside a payload as the format does, for `#[serde(serialize_with)]`.
///
/// # Errors
/// When the serializer fails.
pub fn serialize_instant<S: Serializer>(
    instant: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_instant(*instant))
}

/// An instant as the format writes it: UTC with six decimals and `Z`; finer parts are cut off.
#[must_use]
pub fn format_instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A whole record, read back from leaf data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The ledger.
    pub ledger_id: LedgerId,
    /// Its position, from 1 without gaps.
    pub position: u64,
    /// The instant it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Its event.
    pub event: Event,
    /// The rest.
    pub entry: Envelope<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    basis: Basis,
    causation_id: Option<EntryId>,
    correlation_id: Uuid,
    corrects: Option<EntryId>,
    entry_id: EntryId,
    event: Event,
    format: u32,
    ledger_id: LedgerId,
    occurred_on: OccurredOn,
    on_behalf_of: Vec<StreamId>,
    partnerships: Vec<StreamId>,
    past_fact: Option<PastFact>,
    payload: Value,
    position: u64,
    principal: Principal,
    recorded_at: DateTime<Utc>,
    reported: bool,
    rests_on: Vec<RestsOn>,
    rules: RulePackRef,
    source: Option<Source>,
    stream: Stream,
    version: u64,
    warnings: Vec<Warning>,
}

impl Record {
    /// Reads leaf data and checks that it is exactly what this format writes: the canonical form,
    /// every member with a value it may have, and no more bytes than are allowed.
    ///
    /// # Errors
    /// When it is not.
    pub fn verify(leaf_data: &str) -> Result<Self, EntryError> {
        let record = Self::parse(leaf_data)?;
        let Self {
            ledger_id,
            position,
            recorded_at,
            event,
            entry,
        } = &record;
        form::check_place(*position, *recorded_at)?;
        form::check(*ledger_id, event, entry)?;
        let digits = position.to_string().len();
        check_size(leaf_data.len() - digits + POSITION_BYTES_MAX)?;
        let members = Members::of(*ledger_id, event, entry);
        if !members.are_written_as(leaf_data, *position, *recorded_at)? {
            return Err(EntryError::Malformed(
                "it is not in the canonical form".to_owned(),
            ));
        }
        if is_suspect(leaf_data) {
            check_whole(leaf_data)?;
        }
        Ok(record)
    }

    /// Reads leaf data this ledger wrote itself. [`Self::verify`] is for what others hand over.
    ///
    /// # Errors
    /// When it is not a record of this format.
    pub fn parse(leaf_data: &str) -> Result<Self, EntryError> {
        let f: Flat =
            serde_json::from_str(leaf_data).map_err(|e| EntryError::Malformed(e.to_string()))?;
        if f.format != FORMAT {
            return Err(EntryError::Malformed(format!(
                "it is of format {}",
                f.format
            )));
        }
        Ok(Self {
            ledger_id: f.ledger_id,
            position: f.position,
            recorded_at: f.recorded_at,
            event: f.event,
            entry: Envelope {
                entry_id: f.entry_id,
                stream: f.stream,
                version: f.version,
                standing: Standing {
                    basis: f.basis,
                    causation_id: f.causation_id,
                    correlation_id: f.correlation_id,
                    corrects: f.corrects,
                    occurred_on: f.occurred_on,
                    on_behalf_of: f.on_behalf_of,
                    partnerships: f.partnerships,
                    past_fact: f.past_fact,
                    principal: f.principal,
                    reported: f.reported,
                    rests_on: f.rests_on,
                    rules: f.rules,
                    source: f.source,
                    warnings: f.warnings,
                },
                payload: f.payload,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use serde_json::json;

    /// A UUIDv7 by its number.
    fn id(number: u128) -> Uuid {
        Uuid::from_u128(0x0193_1c2e_5a00_7000_8000_0000_0000_0000 | number)
    }

    fn sample(payload: Value) -> Envelope<Value> {
        Envelope {
            entry_id: EntryId::new(id(2)),
            stream: Stream::new(StreamType::of("strategy"), StreamId::new(id(3))),
            version: 4,
            standing: Standing {
                basis: Basis::Decision,
                causation_id: None,
                correlation_id: id(5),
                corrects: None,
                occurred_on: OccurredOn {
                    assumed: false,
                    date: NaiveDate::from_ymd_opt(2024, 1, 31).unwrap(),
                },
                on_behalf_of: vec![],
                partnerships: vec![StreamId::new(id(6))],
                past_fact: None,
                principal: Principal::SYSTEM,
                reported: false,
                rests_on: vec![],
                rules: RulePackRef {
                    pack: "enacted-2022".into(),
                    revision: 1,
                },
                source: None,
                warnings: vec![],
            },
            payload,
        }
    }

    fn event() -> Event {
        Event {
            schema_version: 1,
            event_type: "StrategyAdopted".into(),
        }
    }

    #[test]
    fn leaf_data_is_the_canonical_form_of_the_whole_record_and_reads_back() {
        let entry = sample(json!({"z": 1, "a": "é"}));
        let ledger = LedgerId::new(id(1));
        let draft = Draft::new(ledger, event(), &entry).unwrap();
        let at = Utc.with_ymd_and_hms(2026, 11, 21, 9, 30, 0).unwrap();
        let text = draft.leaf_data(17, at);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(canonical_json(&value).unwrap(), text);
        assert_eq!(value["recorded_at"], "2026-11-21T09:30:00.000000Z");
        assert_eq!(value["position"], 17);
        let record = Record::parse(&text).unwrap();
        assert_eq!(record.entry, entry);
        assert_eq!(record.position, 17);
    }

    #[test]
    fn a_standing_holds_no_nul_no_signed_year_and_no_version_beyond_2_to_the_53() {
        let ledger = LedgerId::new(id(1));
        let refused = |change: &dyn Fn(&mut Standing)| {
            let mut entry = sample(json!({}));
            change(&mut entry.standing);
            let text = serde_json::to_string(&entry.standing).unwrap();
            (
                Draft::new(ledger, event(), &entry).is_err(),
                is_suspect(&text),
            )
        };
        assert_eq!(refused(&|_| ()), (false, false));
        assert_eq!(
            refused(&|s| s.rules.pack = "enacted\0".into()),
            (true, true)
        );
        let far = NaiveDate::from_ymd_opt(12_024, 1, 31).unwrap();
        assert_eq!(refused(&|s| s.occurred_on.date = far), (true, true));
        let rests_on = |version| {
            vec![RestsOn {
                id: StreamId::new(id(7)),
                stream_type: StreamType::of("area"),
                version,
            }]
        };
        let most = 9_007_199_254_740_991;
        assert!(!refused(&|s| s.rests_on = rests_on(most)).0);
        assert!(refused(&|s| s.rests_on = rests_on(most + 1)).0);
    }

    #[test]
    fn an_entry_of_more_than_60_000_bytes_is_refused() {
        let ledger = LedgerId::new(id(1));
        let overhead = Draft::new(ledger, event(), &sample(json!({"text": ""})))
            .unwrap()
            .bytes_max();
        let fits = "x".repeat(ENTRY_BYTES_MAX - overhead);
        assert!(Draft::new(ledger, event(), &sample(json!({"text": fits}))).is_ok());
        let one_more = format!("{fits}x");
        assert_eq!(
            Draft::new(ledger, event(), &sample(json!({"text": one_more}))),
            Err(EntryError::TooLarge {
                found: ENTRY_BYTES_MAX + 1
            })
        );
    }

    #[test]
    fn a_record_with_an_unknown_member_or_another_format_is_not_read() {
        let draft = Draft::new(LedgerId::new(id(1)), event(), &sample(json!({}))).unwrap();
        let text = draft.leaf_data(1, Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap());
        let unknown = text.replacen("{\"basis\"", "{\"aaa\":1,\"basis\"", 1);
        assert!(matches!(
            Record::parse(&unknown),
            Err(EntryError::Malformed(_))
        ));
        let other = text.replacen("\"format\":1", "\"format\":2", 1);
        assert!(matches!(
            Record::parse(&other),
            Err(EntryError::Malformed(_))
        ));
    }

    #[test]
    fn only_the_exact_text_is_verified() {
        let draft = Draft::new(LedgerId::new(id(1)), event(), &sample(json!({}))).unwrap();
        let at = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
        let text = draft.leaf_data(1, at);
        assert!(Record::verify(&text).is_ok());
        for altered in [
            text.replacen("{\"basis\"", "{ \"basis\"", 1),
            text.replacen("\"causation_id\":null,", "", 1),
            text.replacen(".000000Z", "Z", 1),
            text.replacen("\"payload\":{}", "\"payload\":{\"a\":1,\"a\":1}", 1),
            draft.leaf_data(0, at),
        ] {
            assert!(Record::verify(&altered).is_err(), "{altered}");
        }
    }

    #[test]
    fn a_date_has_a_year_of_four_digits() {
        let ledger = LedgerId::new(id(1));
        for bad in [
            "+12024-01-01",
            "-0044-03-15",
            "+20000-01-01T00:00:00.000000Z",
        ] {
            let entry = sample(json!({ "on": bad }));
            assert!(Draft::new(ledger, event(), &entry).is_err(), "{bad}");
        }
        for plain in [
            "+44 20-7946 and -1000-foot",
            "-2024-25 plan",
            "+2024-25",
            "-2024-01-01, or before",
            "+44200-25-10T",
        ] {
            let entry = sample(json!({ "title": plain }));
            assert!(Draft::new(ledger, event(), &entry).is_ok(), "{plain}");
        }
        let entry = sample(json!({ "days": [{ "on": "+12024-01-01" }] }));
        let told = Draft::new(ledger, event(), &entry).unwrap_err().to_string();
        assert!(told.contains("/payload/days/0/on"), "{told}");
    }

    /// The leaf data of a sample with that payload, written as the format would if it were of it.
    fn written(payload: &str) -> String {
        let draft = Draft::new(LedgerId::new(id(1)), event(), &sample(json!({}))).unwrap();
        let text = draft.leaf_data(1, DateTime::UNIX_EPOCH);
        text.replacen("\"payload\":{}", &format!("\"payload\":{payload}"), 1)
    }

    #[test]
    fn no_name_begins_with_a_dollar_sign_and_nothing_stands_deeper_than_127() {
        let ledger = LedgerId::new(id(1));
        assert!(Record::verify(&written("{\"a\":\"$5\"}")).is_ok());
        for odd in [
            "{\"$a\":1}",
            "{\"a\":[{\"#\":1,\"$serde_json::private::RawValue\":\"1\"}]}",
            "{\"$serde_json::private::RawValue\":\"{}\"}",
        ] {
            assert!(Record::verify(&written(odd)).is_err(), "{odd}");
        }
        assert!(Draft::new(ledger, event(), &sample(json!({ "$a": 1 }))).is_err());
        for (lists, sound) in [(125, true), (126, false)] {
            let text = format!("{{\"a\":{}{}}}", "[".repeat(lists), "]".repeat(lists));
            assert_eq!(Record::verify(&written(&text)).is_ok(), sound);
            let deep = (0..lists).fold(Value::Null, |inner, _| json!([inner]));
            let deep = deep.as_array().unwrap()[0].clone();
            let entry = sample(json!({ "a": [deep] }));
            assert_eq!(Draft::new(ledger, event(), &entry).is_ok(), sound);
        }
    }

    #[test]
    fn a_minute_has_sixty_seconds_at_the_most() {
        let text = written("{}");
        assert!(Record::verify(&text).is_ok());
        for second in ["60.000000Z", "60.500000Z"] {
            let leap = text.replacen("T00:00:00.000000Z", &format!("T23:59:{second}"), 1);
            assert_ne!(leap, text);
            assert!(Record::verify(&leap).is_err(), "{leap}");
        }
    }

    #[test]
    fn an_event_type_is_pascal_case_and_versions_count_from_1() {
        let ledger = LedgerId::new(id(1));
        let bad = Event {
            schema_version: 1,
            event_type: "strategy-adopted".into(),
        };
        assert!(Draft::new(ledger, bad, &sample(json!({}))).is_err());
        let mut entry = sample(json!({}));
        entry.version = 0;
        assert!(Draft::new(ledger, event(), &entry).is_err());
    }
}
