//! The kinds of stream, one module each: its events, its state, its commands and its gates.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{EntryId, ListDigest, PlainText, Sealed, StreamId};

use crate::values::ItemId;

/// Declares the payload of an event.
macro_rules! event {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty),* }
    };
}

/// Declares the particulars of a command. Members of type `Option` may be left out.
macro_rules! command {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty),* }
    };
}

pub mod access;
pub mod area;
pub mod authority;
pub mod deadline;
pub mod direction;
pub mod erasure;
pub mod ledger;
pub mod needs_assessment;
pub mod partnership;
pub mod strategy;
pub mod trigger;

pub use access::{Access, AccessState};
pub use area::{Area, AreaState};
pub use authority::{Authority, AuthorityState};
pub use deadline::{Deadline, DeadlineState};
pub use direction::{Direction, DirectionState};
pub use erasure::{Erasure, ErasureState};
pub use ledger::{LedgerState, LedgerStream};
pub use needs_assessment::{NeedsAssessment, NeedsAssessmentState};
pub use partnership::{Partnership, PartnershipState};
pub use strategy::{Strategy, StrategyState};
pub use trigger::{TriggerAnnounced, TriggerStream};

/// An earlier entry of this stream was wrong and is withdrawn from here on; the envelope names it.
/// Both stay, and a replay "as known then" still shows the mistake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryCorrected {
    /// Why, sealed.
    pub reason: Option<Sealed>,
}

/// Withdraws an earlier entry of the stream. What was right is then recorded anew.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectEntry {
    /// The entry that was wrong.
    pub entry_id: EntryId,
    /// Why. It is sealed.
    #[serde(default)]
    pub reason: Option<PlainText>,
}

/// The lists whose entries are closed by one with date, count and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// The areas a partnership is for.
    Areas,
    /// The relevant authorities to consult (s.8(4), 9(4)).
    RelevantAuthoritiesToConsult,
    /// The needs assessments a version rests on.
    Assessments,
    /// The kinds of serious violence of a version.
    Kinds,
    /// The causes of serious violence of a version.
    Causes,
    /// The authorities consulted at one time.
    AuthoritiesConsulted,
    /// The authorities an action touches.
    AuthoritiesTouched,
    /// The authorities a local policing body or an area is recorded with.
    Authorities,
}

/// Closes a list made of the entries just before it in the same append.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListClosed {
    /// How many entries the list has.
    pub count: u32,
    /// SHA-256 over the RFC 8785 JSON array of the ids the entries name, in their order.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub digest: String,
    /// Which list.
    pub list: List,
    /// The item the list belongs to, where there are several.
    pub item: Option<ItemId>,
    /// The date the list was drawn up.
    pub on: NaiveDate,
    /// The version of the strategy it belongs to, where it has one.
    pub strategy_version: Option<u32>,
}

impl ListClosed {
    fn new(list: List, on: NaiveDate, ids: &[StreamId]) -> Self {
        Self {
            count: u32::try_from(ids.len()).unwrap_or(u32::MAX),
            digest: ListDigest::of(ids),
            list,
            item: None,
            on,
            strategy_version: None,
        }
    }

    fn of_item(self, item: ItemId) -> Self {
        Self {
            item: Some(item),
            ..self
        }
    }

    fn of_version(self, version: u32) -> Self {
        Self {
            strategy_version: Some(version),
            ..self
        }
    }
}

/// The most rows a list in one command may have.
pub const LIST_ROWS_MAX: usize = 2_000;

/// Refuses a list that is empty, too long, or names something twice; errors by row.
fn check_list<T: Ord>(
    pointer: &str,
    rows: impl ExactSizeIterator<Item = T>,
) -> Result<(), crate::Refusal> {
    let count = rows.len();
    if count == 0 {
        return Err(crate::Refusal::invalid(
            pointer,
            "The list must have at least one row.",
        ));
    }
    if count > LIST_ROWS_MAX {
        return Err(crate::Refusal::invalid(
            pointer,
            format!("The list has {count} rows; the most in one command is {LIST_ROWS_MAX}."),
        ));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (row, item) in rows.enumerate() {
        if !seen.insert(item) {
            return Err(crate::Refusal::invalid(
                &format!("{pointer}/{row}"),
                "This row repeats an earlier one.",
            ));
        }
    }
    Ok(())
}

/// When something was, taken from the entry that says so.
pub(crate) fn shown<P>(entry: &dutyledger_record::Envelope<P>) -> crate::Shown {
    let s = &entry.standing;
    crate::Shown {
        assumed: s.occurred_on.assumed,
        entry_id: entry.entry_id,
        on: s.occurred_on.date,
        reported: s.reported,
        past_fact: s.basis == dutyledger_record::Basis::PastFact,
    }
}

/// Refuses work under a partnership that is not there, not formed yet, or dissolved.
fn check_partnership(id: StreamId, scene: &crate::Scene<'_>) -> Result<(), crate::Refusal> {
    let pointer = "/particulars/partnership";
    match scene.world.partnerships.get(&id) {
        None => Err(crate::Refusal::not_found("There is no such partnership.").at(pointer)),
        Some(p) if p.formed.is_none() => Err(crate::Refusal::state(format!(
            "The partnership is not formed on {}.",
            crate::in_words(scene.on)
        ))
        .at(pointer)),
        Some(p) => match &p.dissolved {
            Some(at) => Err(crate::Refusal::state(format!(
                "The partnership was dissolved on {}.",
                crate::in_words(at.on)
            ))
            .at(pointer)),
            None => Ok(()),
        },
    }
}

/// The schemas of every version of every event, with the kinds of stream it may stand in.
#[must_use]
pub fn event_schemas() -> Vec<(crate::EventSchema, Vec<&'static str>)> {
    use crate::history::{Payload, StreamKind};
    fn of<K: StreamKind>(all: &mut Vec<(crate::EventSchema, Vec<&'static str>)>) {
        for schema in K::Event::schemas() {
            let same = |(known, _): &&mut (crate::EventSchema, Vec<&'static str>)| {
                known.event_type == schema.event_type
                    && known.schema_version == schema.schema_version
            };
            match all.iter_mut().find(same) {
                Some((_, kinds)) => kinds.push(K::NAME),
                None => all.push((schema, vec![K::NAME])),
            }
        }
    }
    let mut all = Vec::new();
    of::<LedgerStream>(&mut all);
    of::<Area>(&mut all);
    of::<Authority>(&mut all);
    of::<Partnership>(&mut all);
    of::<NeedsAssessment>(&mut all);
    of::<Strategy>(&mut all);
    of::<Direction>(&mut all);
    of::<Deadline>(&mut all);
    of::<TriggerStream>(&mut all);
    of::<Erasure>(&mut all);
    of::<Access>(&mut all);
    all
}
