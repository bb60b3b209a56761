//! Who owes what by when: every row of a rule pack, judged for a partnership and for each authority
//! in it, as true on a date and as known by the histories it is given.
//!
//! How the record shows whether a row is met is part of the pack ([`Evidence`]). What is not
//! recorded here yet says so. Missing evidence is never a breach: nothing here says that anybody
//! failed, and past what a history's sources reach nothing is known.

mod directed;
mod entries;
mod evidence;
mod judge;
mod members;
mod strategy;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{EntryId, StreamId};

use crate::rules::{Bearer, Layer, LegalStatus, Mode, Provenance, Row, RuleId, RulePack};
use crate::streams::StrategyState;
use crate::streams::strategy::makers;
use crate::values::{Capacity, Class};
use crate::world::Histories;

use directed::Case;
use entries::Entries;
pub use evidence::{By, Evidence, MadeUnder, Once, Within};
use judge::Judge;

/// How a row stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A duty: its date has passed and the record does not show it met.
    Overdue,
    /// A duty: it is owed, and the record does not show it met. Where it has a date, that is today;
    /// where it has none, it is owed from when it arose.
    Due,
    /// A duty: it has not arisen, or its date is ahead.
    NotYetDue,
    /// A duty: an exception is claimed. Whether it holds is not decided here.
    Excepted,
    /// A duty: the record shows it met.
    Satisfied,
    /// It does not arise here, for the reason given.
    NotApplicable,
    /// Not known: the sources do not reach that far, or a date is assumed.
    NotKnown,
    /// What it speaks of cannot be recorded here yet.
    NotRecordedYet,
    /// A power: used.
    Used,
    /// A power: not used. That is nobody's failure.
    NotUsed,
    /// An exclusion: it applies.
    Applies,
    /// An exclusion: nothing shows that it applies.
    DoesNotApply,
    /// A statement of fact: it has no status.
    Fact,
}

impl Status {
    /// Whether something is to be done now.
    #[must_use]
    pub const fn asks_for_something(self) -> bool {
        matches!(self, Self::Overdue | Self::Due)
    }
}

/// A date something is due on, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Due {
    /// The date; it is overdue from the next day.
    pub on: NaiveDate,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The entry that set it in place of the rule pack's date, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<EntryId>,
}

impl Due {
    /// A date that no entry set in place of another.
    #[must_use]
    pub const fn from_pack(on: NaiveDate, provenance: Provenance) -> Self {
        Self {
            on,
            provenance,
            set_by: None,
        }
    }
}

/// A row as it stands for a partnership or for one authority in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Obligation {
    /// The row.
    pub rule: RuleId,
    /// The ids of other paragraphs that say the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<RuleId>,
    /// How strong it is.
    pub mode: Mode,
    /// Where it comes from.
    pub layer: Layer,
    /// How far it holds in law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_law: Option<LegalStatus>,
    /// The section of the enacted Act, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The paragraph of the guidance, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<String>,
    /// What it says.
    pub says: String,
    /// Whom it is about.
    pub bearers: Vec<Bearer>,
    /// The authority it is looked at for, where each is looked at for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<StreamId>,
    /// The strategy or the case it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<StreamId>,
    /// How it stands.
    pub status: Status,
    /// Why it stands so, in plain English.
    pub why: String,
    /// The date it is due, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// The entries that show it, in the order of the record.
    pub evidence: Vec<EntryId>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What was found about a row.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    status: Status,
    why: String,
    authority: Option<StreamId>,
    about: Option<StreamId>,
    due: Option<Due>,
    evidence: Vec<EntryId>,
    next: Option<String>,
}

impl Found {
    fn new(status: Status, why: impl Into<String>) -> Self {
        Self {
            status,
            why: why.into(),
            authority: None,
            about: None,
            due: None,
            evidence: Vec::new(),
            next: None,
        }
    }

    fn by(mut self, evidence: Vec<EntryId>) -> Self {
        self.evidence = evidence;
        self
    }

    fn of(mut self, authority: StreamId) -> Self {
        self.authority = Some(authority);
        self
    }

    fn about(mut self, stream: StreamId) -> Self {
        self.about = Some(stream);
        self
    }

    fn due(mut self, due: Option<Due>) -> Self {
        self.due = due;
        self
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// Every row of a pack but our own, as it stands for a partnership on a date, with what the
/// histories know. A row that each authority meets for itself is there once for each it arises for.
#[must_use]
pub fn obligations(
    partnership: StreamId,
    histories: &Histories,
    pack: &RulePack,
    on: NaiveDate,
) -> Vec<Obligation> {
    let world = histories.on(on);
    let Some(judge) = Judge::new(partnership, histories, &world, on) else {
        return Vec::new();
    };
    let rows = pack.rows.iter().filter(|row| row.layer != Layer::Local);
    rows.flat_map(|row| {
        let found = if pack.applies(row, on) {
            judge.found(row)
        } else {
            let why = "It is looked at from the day it is in force, which was still to come.";
            vec![Found::new(Status::NotApplicable, why)]
        };
        found.into_iter().map(|found| obligation(row, found))
    })
    .collect()
}

/// What a case asks of whoever is directed in it, as true on a date and as known by the histories: the
/// rows about that alone. For a case that names no partnership, in whose obligations they would stand.
#[must_use]
pub fn obligations_in_case(
    case: StreamId,
    histories: &Histories,
    pack: &RulePack,
    on: NaiveDate,
) -> Vec<Obligation> {
    let Some(history) = histories.directions.get(&case) else {
        return Vec::new();
    };
    let state = history.state(on);
    let case = Case {
        id: case,
        state: &state,
        entries: Entries::of(history, on),
    };
    let rows = pack.rows.iter().filter(|row| pack.applies(row, on));
    rows.filter_map(|row| {
        let evidence = row.evidence.as_ref().filter(|e| e.by == By::Directed)?;
        let found = case.directed(row, evidence, on)?;
        Some(obligation(row, found))
    })
    .collect()
}

/// Of a partnership's obligations on a date, those of one authority: of those that each meets for
/// itself, its own; while it is of the partnership, the rows about its capacity; and those about the
/// partnership if it is one of those who make it up. What has ended or was succeeded is of it no more, and
/// a strategy under s.9 alone is the affair of those who make it (s.9(1)).
#[must_use]
pub fn of_authority(
    mut all: Vec<Obligation>,
    partnership: StreamId,
    (authority, capacity): (StreamId, Capacity),
    histories: &Histories,
    on: NaiveDate,
) -> Vec<Obligation> {
    let world = histories.on(on);
    let state = world.partnerships.get(&partnership);
    let is_of_it = state.is_some_and(|state| state.has(authority, &world, on));
    let makes_it_up = state.is_some_and(|state| {
        let specified = state.specified_authorities(&world, on);
        specified.contains(&authority)
    });
    let makes = |strategy: &StrategyState| {
        state.is_none_or(|state| makers(strategy, state, &world, on).contains(&authority))
    };
    let others = world.strategies.iter();
    let others = others.filter(|(_, one)| capacity.class() == Class::Specified && !makes(one));
    let others: BTreeSet<_> = others.map(|(id, _)| *id).collect();
    all.retain(|one| match one.authority {
        Some(whose) => whose == authority,
        None => one.bearers.iter().any(|bearer| match bearer {
            Bearer::Partnership => makes_it_up,
            other => {
                is_of_it && other.is(capacity) && one.about.is_none_or(|id| !others.contains(&id))
            }
        }),
    });
    all
}

fn obligation(row: &Row, found: Found) -> Obligation {
    Obligation {
        rule: row.id.clone(),
        also: row.also.clone(),
        mode: row.mode,
        layer: row.layer,
        in_law: row.status,
        section: row.section.clone(),
        guidance: row.guidance.clone(),
        says: row.says.clone(),
        bearers: row.bearers.clone(),
        authority: found.authority,
        about: found.about,
        status: found.status,
        why: found.why,
        due: found.due,
        evidence: found.evidence,
        next: found.next,
    }
}
