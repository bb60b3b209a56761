//! Refusals: what was wrong, where, which row, and what to do.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{RuleId, row};

/// A row an event does not meet, on the record as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unmet {
    /// The row.
    pub rule: RuleId,
    /// What is missing or in the way, in plain English.
    pub detail: String,
    /// What to do next.
    pub next: String,
    /// The JSON pointer of the command's member it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pointer: Option<String>,
}

impl Unmet {
    /// A row that is not met.
    #[must_use]
    pub fn new(rule: &'static str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            rule: RuleId::of(rule),
            detail: detail.into(),
            next: next.into(),
            pointer: None,
        }
    }

    /// Points at the member of the command it is about.
    #[must_use]
    pub fn at(mut self, pointer: &str) -> Self {
        self.pointer = Some(pointer.to_owned());
        self
    }
}

/// The kinds of refusal, each with a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    /// A row that must be met is not.
    RuleNotMet,
    /// A row that should be met is not, and no reason was given for going on.
    ReasonRequired,
    /// The date is after today (L-4).
    DateAfterToday,
    /// The date is before the stream was opened.
    DateBeforeOpening,
    /// The thing the command is about is not there.
    NotFound,
    /// The thing is already so.
    AlreadySo,
    /// The thing is not in a state where this can happen.
    WrongState,
    /// Something in the command does not fit.
    Invalid,
    /// The principal may not give this command (L-2 and the table of who may do what).
    NotPermitted,
    /// A past fact or a report was given without a source.
    SourceRequired,
}

impl RefusalCode {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::RuleNotMet,
        Self::ReasonRequired,
        Self::DateAfterToday,
        Self::DateBeforeOpening,
        Self::NotFound,
        Self::AlreadySo,
        Self::WrongState,
        Self::Invalid,
        Self::NotPermitted,
        Self::SourceRequired,
    ];

    /// The code as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RuleNotMet => "rule-not-met",
            Self::ReasonRequired => "reason-required",
            Self::DateAfterToday => "date-after-today",
            Self::DateBeforeOpening => "date-before-opening",
            Self::NotFound => "not-found",
            Self::AlreadySo => "already-so",
            Self::WrongState => "wrong-state",
            Self::Invalid => "invalid",
            Self::NotPermitted => "not-permitted",
            Self::SourceRequired => "source-required",
        }
    }
}

/// A row behind a refusal, with its citation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleNotMet {
    /// The row and what is missing.
    #[serde(flatten)]
    pub unmet: Unmet,
    /// The section of the enacted Act, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub section: Option<String>,
    /// The guidance paragraph, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub guidance: Option<String>,
}

/// Something wrong with one member of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PointedError {
    /// The member, as a JSON pointer.
    pub pointer: String,
    /// What is wrong, in plain English.
    pub detail: String,
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// Its kind.
    pub code: RefusalCode,
    /// In plain English.
    pub detail: String,
    /// The member of the command it is about, as a JSON pointer.
    pub pointer: Option<String>,
    /// Further members that are wrong, as in a list each row of which is.
    pub also: Vec<PointedError>,
    /// The rows behind it.
    pub rules: Vec<RuleNotMet>,
    /// The date it was decided for; set by `decide`.
    pub decided_for: Option<NaiveDate>,
    /// The day it was decided on, in Europe/London; set by `decide`.
    pub decided_on: Option<NaiveDate>,
}

impl Refusal {
    /// A refusal with no row behind it.
    #[must_use]
    pub fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            pointer: None,
            also: Vec::new(),
            rules: Vec::new(),
            decided_for: None,
            decided_on: None,
        }
    }

    /// Something the command names is not there.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(RefusalCode::NotFound, detail)
    }

    /// Already so.
    #[must_use]
    pub fn already(detail: impl Into<String>) -> Self {
        Self::new(RefusalCode::AlreadySo, detail)
    }

    /// Not in a state where this can happen.
    #[must_use]
    pub fn state(detail: impl Into<String>) -> Self {
        Self::new(RefusalCode::WrongState, detail)
    }

    /// Something in the command does not fit.
    #[must_use]
    pub fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        Self::new(RefusalCode::Invalid, detail).at(pointer)
    }

    /// The principal may not.
    #[must_use]
    pub fn not_permitted(detail: impl Into<String>) -> Self {
        Self::new(RefusalCode::NotPermitted, detail).under(vec![Unmet::new(
            "L-2",
            "A principal acts in its own office and capacity.",
            "Use the key of an authority that may do this, or report it as the coordinator where \
             that is allowed.",
        )])
    }

    /// Points at the member of the command it is about.
    #[must_use]
    pub fn at(mut self, pointer: &str) -> Self {
        self.pointer = Some(pointer.to_owned());
        self
    }

    /// The first refusal of a list's rows, with the others behind it; nothing when none is refused.
    #[must_use]
    pub fn of_rows(mut rows: Vec<Self>) -> Option<Self> {
        if rows.is_empty() {
            return None;
        }
        let mut first = rows.remove(0);
        first.also = rows
            .into_iter()
            .map(|row| PointedError {
                pointer: row.pointer.unwrap_or_default(),
                detail: row.detail,
            })
            .collect();
        Some(first)
    }

    /// Names the rows behind it.
    #[must_use]
    pub fn under(mut self, unmet: Vec<Unmet>) -> Self {
        self.rules = unmet
            .into_iter()
            .map(|unmet| {
                let row = row(unmet.rule.as_str());
                RuleNotMet {
                    section: row.and_then(|r| r.section.clone()),
                    guidance: row.and_then(|r| r.guidance.clone()),
                    unmet,
                }
            })
            .collect();
        self
    }
}
