//! What the values of a record's members are, beyond what their types say: `schemas/record.md`,
//! “Canonical form”, “Members” and “Ids”. Every reader is to refuse the same.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::{Uuid, Variant};

use crate::canonical::{CanonicalError, INTEGER_MAX, is_sha256_hex};
use crate::entry::{Basis, EntryError, Envelope, Event, Standing};
use crate::ids::{EntryId, LedgerId, StreamId};
use crate::sealed::{Sealed, SealedBox};

/// How deep lists and objects stand in each other at the most, the record itself among them. Readers of
/// JSON have bounds of their own, and what one of them reads the others are to read.
const DEPTH_MAX: usize = 127;
/// The nanoseconds of a second; those beyond are of a leap second.
const SECOND: u32 = 1_000_000_000;

/// Checks the members that are known before an entry has its place.
pub(crate) fn check(
    ledger: LedgerId,
    event: &Event,
    entry: &Envelope<Value>,
) -> Result<(), EntryError> {
    need(ledger.is_of_format(), "ledger_id")?;
    need(entry.entry_id.is_of_format(), "entry_id")?;
    need(entry.stream.id.is_of_format(), "stream/id")?;
    need(are_words(entry.stream.stream_type.as_str()), "stream/type")?;
    need(is_pascal_case(&event.event_type), "event/type")?;
    need(event.schema_version > 0, "event/schema_version")?;
    need(entry.version > 0, "version")?;
    check_versions(entry)?;
    check_standing(&entry.standing)?;
    let members = entry.payload.as_object();
    for (name, member) in members.ok_or_else(|| wrong("payload"))? {
        let sound = member.get("alg").is_none()
            || SealedBox::deserialize(member).is_ok_and(|one| one.is_of_format());
        need(sound, &format!("payload/{name}"))?;
    }
    need(depth(&entry.payload) < DEPTH_MAX, "payload")
}

/// How deep a value's lists and objects stand in each other.
fn depth(value: &Value) -> usize {
    let deepest = |inner: Option<usize>| 1 + inner.unwrap_or(0);
    match value {
        Value::Array(items) => deepest(items.iter().map(depth).max()),
        Value::Object(members) => deepest(members.values().map(depth).max()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Checks names and texts, wherever they stand: no name is one that a reader of JSON might keep for
/// itself, and no date or instant has a year that not every reader reads alike.
pub(crate) fn check_texts(value: &Value, at: &str) -> Result<(), EntryError> {
    match value {
        Value::String(text) if is_signed_date(text) => Err(EntryError::Malformed(format!(
            "{at} is a date without a year of four digits: {text}"
        ))),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(place, item)| check_texts(item, &format!("{at}/{place}"))),
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            let at = format!("{at}/{name}");
            need(!name.starts_with('$'), &at)?;
            check_texts(member, &at)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Whether all of a text is a date, or an instant, as programs write those of years beyond 9999 and
/// before 0: with a sign. What only begins so is a text like any other.
fn is_signed_date(text: &str) -> bool {
    let Some(unsigned) = text.strip_prefix(['+', '-']) else {
        return false;
    };
    let (date, time) = match unsigned.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (unsigned, None),
    };
    let parts: Vec<_> = date.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    let dated = year.len() >= 4 && [month, day].iter().all(|two| two.len() == 2);
    dated && parts.iter().all(|part| is_decimal(part)) && time.is_none_or(is_time)
}

/// Whether a text is a time of day in UTC: `09:30:00Z`, or with any number of decimals.
fn is_time(text: &str) -> bool {
    let Some(text) = text.strip_suffix('Z') else {
        return false;
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<_> = whole.split(':').collect();
    let two = |part: &&str| part.len() == 2 && is_decimal(part);
    parts.len() == 3 && parts.iter().all(two) && is_decimal(decimals)
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Checks the place an entry was given.
pub(crate) fn check_place(position: u64, recorded_at: DateTime<Utc>) -> Result<(), EntryError> {
    let counted = |at| (1..=INTEGER_MAX).contains(&at);
    need(i64::try_from(position).is_ok_and(counted), "position")?;
    let read_alike = has_year(recorded_at.date_naive()) && !is_leap_second(recorded_at);
    need(read_alike, "recorded_at")
}

/// Whether an instant is within a leap second, which not every reader knows.
#[must_use]
pub fn is_leap_second(instant: DateTime<Utc>) -> bool {
    instant.nanosecond() >= SECOND
}

/// Versions are integers that every reader of JSON agrees on.
fn check_versions(entry: &Envelope<Value>) -> Result<(), CanonicalError> {
    let agreed = |version: &u64| i64::try_from(*version).is_ok_and(|v| v <= INTEGER_MAX);
    let versions = entry.standing.rests_on.iter().map(|on| on.version);
    match versions.chain([entry.version]).find(|one| !agreed(one)) {
        None => Ok(()),
        Some(large) => Err(CanonicalError::Number(large.to_string())),
    }
}

fn check_standing(standing: &Standing) -> Result<(), EntryError> {
    let s = standing;
    let is_entry = |id: Option<EntryId>| id.is_none_or(EntryId::is_of_format);
    let are_streams = |ids: &[StreamId]| ids.iter().all(|id| id.is_of_format());
    need(is_entry(s.causation_id), "causation_id")?;
    need(is_entry(s.corrects), "corrects")?;
    need(is_uuid(s.correlation_id), "correlation_id")?;
    need(are_streams(&s.on_behalf_of), "on_behalf_of")?;
    need(are_streams(&s.partnerships), "partnerships")?;
    need(are_streams(s.principal.id.as_slice()), "principal/id")?;
    let key = s.principal.key_id;
    need(key.is_none_or(|id| id.is_of_format()), "principal/key_id")?;
    let mut rested = s.rests_on.iter();
    let sound = rested.all(|on| on.id.is_of_format() && are_words(on.stream_type.as_str()));
    need(sound, "rests_on")?;
    need(has_year(s.occurred_on.date), "occurred_on")?;
    need(s.rules.revision > 0, "rules/revision")?;
    if let Some(source) = &s.source {
        need(has_year(source.date), "source/date")?;
        let digest = source.sha256.as_deref();
        need(digest.is_none_or(is_sha256_hex), "source/sha256")?;
    }
    let past_fact = s.past_fact.is_some();
    need(past_fact == (s.basis == Basis::PastFact), "past_fact")?;
    need(!past_fact || s.source.is_some(), "source")?;
    let mut reasons = s.warnings.iter().map(|warning| &warning.reason);
    let closed = |reason: &Sealed| matches!(reason, Sealed::Closed(one) if one.is_of_format());
    need(reasons.all(closed), "warnings")
}

/// A UUID of any version.
#[must_use]
pub fn is_uuid(id: Uuid) -> bool {
    id.get_version_num() > 0 && id.get_variant() == Variant::RFC4122
}

/// A year of four digits from 0001: not every reader knows the year 0.
fn has_year(date: NaiveDate) -> bool {
    (1..=9999).contains(&date.year())
}

/// Lower-case words joined by hyphens.
fn are_words(name: &str) -> bool {
    name.split('-')
        .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
}

/// Letters alone, the first one large.
fn is_pascal_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphabetic())
}

fn need(holds: bool, what: &str) -> Result<(), EntryError> {
    match holds {
        true => Ok(()),
        false => Err(wrong(what)),
    }
}

fn wrong(what: &str) -> EntryError {
    EntryError::Malformed(format!("{what} is not what the format has there"))
}
