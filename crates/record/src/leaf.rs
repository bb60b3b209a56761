//! The text of leaf data, written or compared with a text that is there.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};
use uuid::Uuid;

use crate::canonical;
use crate::entry::{
    Basis, EntryError, Envelope, Event, FORMAT, OccurredOn, PastFact, Principal, RestsOn,
    RulePackRef, Source, Stream, Warning, format_instant,
};
use crate::ids::{EntryId, LedgerId, StreamId};

/// The members of a record in the order RFC 8785 gives them: between three groups stand the payload
/// and the two that only the writer knows. What they hold is declared in that order too.
pub(crate) struct Members<'a> {
    before_payload: BeforePayload<'a>,
    payload: &'a Value,
    before_instant: BeforeInstant,
    after_instant: AfterInstant<'a>,
}

#[derive(Serialize)]
struct BeforePayload<'a> {
    basis: Basis,
    causation_id: Option<EntryId>,
    corrects: Option<EntryId>,
    correlation_id: Uuid,
    entry_id: EntryId,
    event: &'a Event,
    format: u32,
    ledger_id: LedgerId,
    occurred_on: OccurredOn,
    on_behalf_of: &'a [StreamId],
    partnerships: &'a [StreamId],
    past_fact: Option<&'a PastFact>,
}

#[derive(Serialize)]
struct BeforeInstant {
    principal: Principal,
}

#[derive(Serialize)]
struct AfterInstant<'a> {
    reported: bool,
    rests_on: &'a [RestsOn],
    rules: &'a RulePackRef,
    source: Option<&'a Source>,
    stream: &'a Stream,
    version: u64,
    warnings: &'a [Warning],
}

impl<'a> Members<'a> {
    pub(crate) fn of(ledger: LedgerId, event: &'a Event, entry: &'a Envelope<Value>) -> Self {
        let s = &entry.standing;
        Self {
            before_payload: BeforePayload {
                basis: s.basis,
                causation_id: s.causation_id,
                corrects: s.corrects,
                correlation_id: s.correlation_id,
                entry_id: entry.entry_id,
                event,
                format: FORMAT,
                ledger_id: ledger,
                occurred_on: s.occurred_on,
                on_behalf_of: &s.on_behalf_of,
                partnerships: &s.partnerships,
                past_fact: s.past_fact.as_ref(),
            },
            payload: &entry.payload,
            before_instant: BeforeInstant {
                principal: s.principal,
            },
            after_instant: AfterInstant {
                reported: s.reported,
                rests_on: &s.rests_on,
                rules: &s.rules,
                source: s.source.as_ref(),
                stream: &entry.stream,
                version: entry.version,
                warnings: &s.warnings,
            },
        }
    }

    /// The text up to its position.
    pub(crate) fn before_position(&self) -> Result<String, EntryError> {
        written(|out| self.write_before_position(out))
    }

    /// The text between its position and its instant.
    pub(crate) fn before_instant(&self) -> Result<String, EntryError> {
        written(|out| self.write_before_instant(out))
    }

    /// The text after its instant.
    pub(crate) fn after_instant(&self) -> Result<String, EntryError> {
        written(|out| self.write_after_instant(out))
    }

    /// Whether all of it, at a position and an instant, is written as a text has it.
    ///
    /// # Errors
    /// When it has no text of this format.
    pub(crate) fn are_written_as(
        &self,
        text: &str,
        position: u64,
        recorded_at: DateTime<Utc>,
    ) -> Result<bool, EntryError> {
        let mut expected = Expected {
            rest: text.as_bytes(),
            differs: false,
        };
        let out = &mut expected;
        self.write_before_position(out)?;
        write!(out, "{position}")?;
        self.write_before_instant(out)?;
        write!(out, "{}", format_instant(recorded_at))?;
        self.write_after_instant(out)?;
        Ok(expected.rest.is_empty() && !expected.differs)
    }

    fn write_before_position(&self, out: &mut impl Write) -> Result<(), EntryError> {
        out.write_all(b"{")?;
        write_members(&self.before_payload, out)?;
        out.write_all(b",\"payload\":")?;
        canonical::write(self.payload, out)?;
        Ok(out.write_all(b",\"position\":")?)
    }

    fn write_before_instant(&self, out: &mut impl Write) -> Result<(), EntryError> {
        out.write_all(b",")?;
        write_members(&self.before_instant, out)?;
        Ok(out.write_all(b",\"recorded_at\":\"")?)
    }

    fn write_after_instant(&self, out: &mut impl Write) -> Result<(), EntryError> {
        out.write_all(b"\",")?;
        write_members(&self.after_instant, out)?;
        Ok(out.write_all(b"}")?)
    }
}

impl From<io::Error> for EntryError {
    fn from(error: io::Error) -> Self {
        Self::Json(error.to_string())
    }
}

impl From<serde_json::Error> for EntryError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

fn written(
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EntryError>,
) -> Result<String, EntryError> {
    let mut text = Vec::with_capacity(512);
    write(&mut text)?;
    String::from_utf8(text).map_err(|error| EntryError::Json(error.to_string()))
}

/// Writes some members without the braces around them.
fn write_members(group: &impl Serialize, out: &mut impl Write) -> Result<(), EntryError> {
    let mut writer = Serializer::with_formatter(out, Open { depth: 0 });
    Ok(group.serialize(&mut writer)?)
}

/// Leaves out the outermost braces.
struct Open {
    depth: usize,
}

impl Formatter for Open {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        match self.depth {
            1 => Ok(()),
            _ => CompactFormatter.begin_object(writer),
        }
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        match self.depth {
            0 => Ok(()),
            _ => CompactFormatter.end_object(writer),
        }
    }
}

/// What is still to be written if it is to be as a text has it.
struct Expected<'a> {
    rest: &'a [u8],
    differs: bool,
}

impl Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => self.rest = rest,
            None => self.differs = true,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
