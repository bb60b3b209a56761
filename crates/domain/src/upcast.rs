//! Old versions of events, read as newer ones.
//!
//! What was recorded is never rewritten, so a program meets records of every version that was ever
//! released. It knows one version of each event, the one it writes today. Older ones are turned
//! into it as they are read, one step at a time, by the [`Upcaster`]s of the kind of stream
//! ([`StreamKind::UPCASTERS`](crate::StreamKind::UPCASTERS)).
//!
//! # Changing an event
//!
//! A changed event is a new version. That goes for a member added too: a record has every member
//! of its payload and no other, so the shape of a released version is fixed.
//!
//! 1. Change the type of its payload, and state the version where the kind declares its events:
//!    `AreaAmended version 2`.
//! 2. Add a step from version 1 at the **end** of the kind's upcasters. An event that belongs to
//!    several kinds gets it in each.
//! 3. Keep the schema and the samples of version 1: they are released and never change. Make those
//!    of version 2 (`cargo run -- schemas`), and test that the sample of version 1 is read.
//! 4. Leave the steps of earlier releases as they are. Version 1 goes through them to version 2 and
//!    from there through the newer ones to version 3.
//!
//! An event that is given up is renamed, split or dropped in the same way. Where nobody can say
//! what an old record means today, the step refuses it, and every stream that has one stops at it:
//! that is for records which must not be there.
//!
//! # What a step may not do
//!
//! - **It decides by the payload alone**, always alike: otherwise the state of a stream would not
//!   be one.
//! - **A sealed member keeps its name** and stays in a part that has it: a sealed text opens only at
//!   the place in the record it was sealed for.
//! - **It makes up nothing.** A new member is given the value that says it was not recorded, `null`
//!   as a rule, and never one that somebody might have recorded.
//!
//! # What becomes of the envelope
//!
//! A step changes an event and its payload, never who recorded it, when, or on what footing. The
//! parts of a split share all of that, with the entry's id and its version, so a correction of the
//! entry withdraws all its parts. They are folded at the entry's place in the order of their dates
//! and versions, one after another as the step lists them. A record that is dropped still counts
//! for the version of its stream. A stream's opening is not dropped, and neither is a correction:
//! what it withdrew would count again.
//!
//! # Why it always ends
//!
//! The steps are tried in the order they are listed in, and an event that came out of one is only
//! looked up among those after it. So a record goes through each step at most once. A chain that
//! would lead back ends at an event the program does not know, which is an error like any other
//! such event.

use serde_json::Value;

use dutyledger_record::Event;

#[cfg(test)]
mod tests;

/// One step: how an event of one type and version is read as something newer.
#[derive(Clone, Copy, Debug)]
pub struct Upcaster {
    /// The type of the event it reads.
    pub event_type: &'static str,
    /// The version it reads.
    pub schema_version: u32,
    /// What becomes of it.
    pub step: fn(Versioned) -> Upcast,
}

impl Upcaster {
    fn reads(&self, event: &Event) -> bool {
        self.event_type == event.event_type && self.schema_version == event.schema_version
    }
}

/// What becomes of an event of an old version.
#[derive(Clone, Debug, PartialEq)]
pub enum Upcast {
    /// A newer event, or a newer version of it.
    Becomes(Versioned),
    /// Several, in the order they are folded in.
    Splits(Vec<Versioned>),
    /// Nothing: it says nothing that is of use today.
    Drops,
    /// It cannot be read as anything newer, for this reason.
    Refuses(&'static str),
}

/// An event of some version, with its payload as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned {
    /// Its type and version.
    pub event: Event,
    /// Its payload.
    pub payload: Value,
}

impl Versioned {
    /// The same payload as another event, or as another version of it.
    #[must_use]
    pub fn into_event(self, event_type: &str, schema_version: u32) -> Self {
        Self {
            event: Event {
                schema_version,
                event_type: event_type.to_owned(),
            },
            ..self
        }
    }

    /// Gives a member another name. Where it is missing nothing changes, and the payload then does
    /// not fit the event it is read as.
    #[must_use]
    pub fn rename(mut self, from: &str, to: &str) -> Self {
        if let Value::Object(members) = &mut self.payload
            && let Some(value) = members.remove(from)
        {
            members.insert(to.to_owned(), value);
        }
        self
    }

    /// Adds a member that the old version does not have.
    #[must_use]
    pub fn with(mut self, member: &str, value: Value) -> Self {
        if let Value::Object(members) = &mut self.payload {
            members.entry(member).or_insert(value);
        }
        self
    }

    /// Leaves out all members but these: one part of a split.
    #[must_use]
    pub fn only(mut self, kept: &[&str]) -> Self {
        if let Value::Object(members) = &mut self.payload {
            members.retain(|member, _| kept.contains(&member.as_str()));
        }
        self
    }
}

/// What an event is read as after every step that applies, in the order of the fold; or why it
/// cannot be.
pub(crate) fn newest(steps: &[Upcaster], old: Versioned) -> Result<Vec<Versioned>, &'static str> {
    let Some(at) = steps.iter().position(|step| step.reads(&old.event)) else {
        return Ok(vec![old]);
    };
    let parts = match (steps[at].step)(old) {
        Upcast::Becomes(newer) => vec![newer],
        Upcast::Splits(parts) => parts,
        Upcast::Drops => Vec::new(),
        Upcast::Refuses(reason) => return Err(reason),
    };
    let mut all = Vec::with_capacity(parts.len());
    for part in parts {
        all.extend(newest(&steps[at + 1..], part)?);
    }
    Ok(all)
}
