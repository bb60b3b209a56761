//! How the record shows whether a row is met: part of a rule pack.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use dutyledger_record::PrincipalKind;

use super::Status;
use crate::rules::{Bearer, Mode, Row, RuleId};
use crate::values::{Bases, Capacity};

/// How a row is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// An entry of one of the events is there.
    Entries,
    /// None of the gates named would stand in the way of adopting the strategy's newest version.
    Adoption,
    /// The same, of a revised version.
    RevisedAnew,
    /// The authorities to be consulted that are of a kind looked at were consulted on the strategy's
    /// newest version.
    ConsultedOfKind,
    /// A version of the strategy is adopted.
    Adopted,
    /// The actions of the version in force are carried out.
    Implemented,
    /// The version in force is published.
    Published,
    /// The strategy is reviewed as a whole every year.
    AnnualReview,
    /// The strategy is kept under review, for which the Act sets no period.
    KeptUnderReview,
    /// What a review decided to revise is revised and published.
    Revised,
    /// Material that might do harm is left out of the newest version.
    Material,
    /// The strategy is wider than one area.
    Wider,
    /// A post is the strategic education representative.
    EducationRepresentative,
    /// Each authority of a kind looked at is represented by a post.
    Representative,
    /// Each specified authority is recognised as the member it is by law.
    Membership,
    /// Each authority of a kind looked at takes part in its own right in the partnership, which is
    /// formed.
    TakesPart,
    /// The partnership has a lead and a structure.
    LeadAndRoute,
    /// The partnership works through a structure that was there before.
    ExistingRoute,
    /// An office of a kind looked at is recorded for each area.
    RegisteredForEachArea,
    /// Each authority carries out the actions that the strategy in force specifies for it.
    OwnActions,
    /// Each authority that an action touches agreed it; or, where asking is the partnership's, answered.
    OwnConsent,
    /// An authority claimed an exception.
    Claimed,
    /// Each claim considered the cumulative effect.
    CumulativeEffect,
    /// The office is held by somebody beyond direction.
    BeyondDirection,
    /// The Welsh Ministers consented before a devolved Welsh authority was directed.
    WelshConsent,
    /// Whoever is directed complied, which the Secretary of State accepts.
    Directed,
}

/// What an entry must have happened in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// The partnership's own stream.
    Partnership,
    /// A needs assessment of the partnership, or one its strategies rest on.
    NeedsAssessment,
    /// A strategy of the partnership; each is looked at for itself.
    Strategy,
    /// A case about a direction.
    Direction,
}

/// What a duty waits for: before, it is not yet due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Once {
    /// The partnership is formed.
    Formed,
    /// A version of the strategy is adopted.
    Adopted,
    /// A needs assessment is complete.
    Assessed,
}

/// What a strategy must be made under for the row to arise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MadeUnder {
    /// Section 8.
    #[serde(rename = "section_8")]
    Section8,
    /// Section 9.
    #[serde(rename = "section_9")]
    Section9,
    /// Section 6 of the Crime and Disorder Act 1998.
    #[serde(rename = "crime_and_disorder_act_section_6")]
    CrimeAndDisorderActSection6,
}

impl MadeUnder {
    /// Whether a strategy is made under it.
    #[must_use]
    pub const fn is_among(self, bases: Bases) -> bool {
        match self {
            Self::Section8 => bases.section_8,
            Self::Section9 => bases.section_9,
            Self::CrimeAndDisorderActSection6 => bases.crime_and_disorder_act_section_6,
        }
    }

    /// As it is cited.
    #[must_use]
    pub const fn cited(self) -> &'static str {
        match self {
            Self::Section8 => "s.8",
            Self::Section9 => "s.9",
            Self::CrimeAndDisorderActSection6 => "section 6 of the Crime and Disorder Act 1998",
        }
    }
}

/// How the record shows whether a row is met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// How it is judged.
    pub by: By,
    /// The events that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// What they happen in.
    pub within: Within,
    /// The members their payload must have; any one of a list will do.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub r#where: Map<String, Value>,
    /// Who must have recorded them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<PrincipalKind>,
    /// The rows of the gate on adoption; the row's own where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<RuleId>,
    /// The kinds of authority looked at; the row's bearers where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Bearer>,
    /// What the row stands like where entries show it, if not as its mode has it. Earlier revisions
    /// said so of powers that a gate stands before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<Status>,
    /// What the row stands like where no entry shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Status>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
    /// What the strategy must be made under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_under: Option<MadeUnder>,
}

impl Evidence {
    /// The same, of entries that also have a member of this value.
    pub(super) fn having(&self, member: &str, value: impl Into<Value>) -> Self {
        let mut evidence = self.clone();
        evidence.r#where.insert(member.to_owned(), value.into());
        evidence
    }

    /// Whether an entry by itself, whatever else is known, is among those that show the row.
    #[must_use]
    pub fn is_shown_by(&self, event: &str, payload: &Value, by: PrincipalKind) -> bool {
        let named = self.events.iter().any(|one| one == event);
        named && self.may_be_told_by(by) && self.has_members(payload)
    }

    /// Whether this kind of principal may be who recorded it.
    pub(super) fn may_be_told_by(&self, by: PrincipalKind) -> bool {
        self.told_by.is_none_or(|told_by| told_by == by)
    }

    /// Whether a payload has the members it must have.
    pub(super) fn has_members(&self, payload: &Value) -> bool {
        let has = |(member, wanted): (&String, &Value)| match (payload.get(member), wanted) {
            (Some(is), Value::Array(any)) => any.contains(is),
            (is, wanted) => is == Some(wanted),
        };
        self.r#where.iter().all(has)
    }

    /// Whether an office of this capacity is looked at.
    pub(super) fn is_of(&self, row: &Row, capacity: Capacity) -> bool {
        let kinds = if self.of.is_empty() {
            &row.bearers
        } else {
            &self.of
        };
        kinds.iter().any(|kind| kind.is(capacity))
    }

    /// Whether a row of the gate on adoption is one of those it is judged by.
    pub(super) fn is_gate(&self, row: &Row, gate: &RuleId) -> bool {
        if self.gates.is_empty() {
            row.id == *gate
        } else {
            self.gates.contains(gate)
        }
    }

    /// What the row stands like where entries show it: a power is used, an exclusion applies, and a
    /// duty is met.
    pub(super) fn something_shown(&self, row: &Row) -> Status {
        self.present.unwrap_or(match row.mode {
            Mode::May => Status::Used,
            Mode::Excluded => Status::Applies,
            _ => Status::Satisfied,
        })
    }

    /// What the row stands like where nothing shows it: a power is not used, an exclusion does not
    /// apply, and a duty stands as said.
    pub(super) fn nothing_shown(&self, row: &Row, duty: Status) -> Status {
        self.absent.unwrap_or(match row.mode {
            Mode::May => Status::NotUsed,
            Mode::Excluded => Status::DoesNotApply,
            _ => duty,
        })
    }
}
