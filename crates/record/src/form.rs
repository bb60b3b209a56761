//! What the values of a record's members are, beyond what their types say: `schemas/record.md`,
//! “Canonical form”, “Members” and “Ids”. Every reader is to refuse the same.

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;
use serde_json::Value;
use uuid::{Uuid, Variant};

use crate::canonical::INTEGER_MAX;
use crate::entry::{Basis, EntryError, Record, Standing};
use crate::sealed::{Sealed, SealedBox};

/// Checks the values of a record's members.
pub(crate) fn check(record: &Record) -> Result<(), EntryError> {
    let (entry, standing) = (&record.entry, &record.entry.standing);
    need(
        i64::try_from(record.position).is_ok_and(|at| (1..=INTEGER_MAX).contains(&at)),
        "position",
    )?;
    need(record.ledger_id.is_of_format(), "ledger_id")?;
    need(entry.entry_id.is_of_format(), "entry_id")?;
    need(entry.stream.id.is_of_format(), "stream/id")?;
    need(are_words(entry.stream.stream_type.as_str()), "stream/type")?;
    let event = record.event.event_type.bytes();
    need(event.into_iter().all(|b| b.is_ascii_alphabetic()), "event")?;
    need(has_year(record.recorded_at.date_naive()), "recorded_at")?;
    check_standing(standing)?;
    let members = entry.payload.as_object();
    let members = members.ok_or_else(|| wrong("payload"))?;
    for member in members.values().filter(|one| one.get("alg").is_some()) {
        check_sealed(member)?;
    }
    let mut reasons = standing.warnings.iter().map(|warning| &warning.reason);
    let closed = |reason: &Sealed| matches!(reason, Sealed::Closed(one) if one.is_of_format());
    need(reasons.all(closed), "warnings")
}

fn check_standing(standing: &Standing) -> Result<(), EntryError> {
    let entries = standing.causation_id.iter().chain(&standing.corrects);
    need(entries.into_iter().all(|id| id.is_of_format()), "an entry")?;
    need(is_uuid(standing.correlation_id), "correlation_id")?;
    let streams = standing.on_behalf_of.iter().chain(&standing.partnerships);
    let mut streams = streams
        .chain(&standing.principal.id)
        .chain(standing.rests_on.iter().map(|one| &one.id));
    need(streams.all(|id| id.is_of_format()), "a stream")?;
    let mut types = standing.rests_on.iter().map(|one| one.stream_type.as_str());
    need(types.all(are_words), "rests_on")?;
    let key = standing.principal.key_id;
    need(key.is_none_or(|id| id.is_of_format()), "principal/key_id")?;
    need(has_year(standing.occurred_on.date), "occurred_on")?;
    need(standing.rules.revision > 0, "rules/revision")?;
    if let Some(source) = &standing.source {
        need(has_year(source.date), "source/date")?;
        let digest = |text: &String| {
            let digits = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            text.len() == 64 && text.bytes().all(digits)
        };
        need(source.sha256.as_ref().is_none_or(digest), "source/sha256")?;
    }
    let past_fact = standing.past_fact.is_some();
    need(
        past_fact == (standing.basis == Basis::PastFact),
        "past_fact",
    )?;
    need(!past_fact || standing.source.is_some(), "source")
}

fn check_sealed(member: &Value) -> Result<(), EntryError> {
    need(
        SealedBox::deserialize(member).is_ok_and(|one| one.is_of_format()),
        "a sealed text",
    )
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

fn need(holds: bool, what: &str) -> Result<(), EntryError> {
    match holds {
        true => Ok(()),
        false => Err(wrong(what)),
    }
}

fn wrong(what: &str) -> EntryError {
    EntryError::Malformed(format!("{what} is not what the format has there"))
}
