//! Rule packs: rows as data, each with its citation.

use std::fmt;
use std::sync::LazyLock;

use chrono::NaiveDate;
use dutyledger_record::{RulePackRef, sha256_hex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names a row: `R-…` of the register of the guidance, `A-…` of the Act alone, `L-…` our own.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct RuleId(#[schemars(length(min = 3, max = 20))] String);

impl RuleId {
    /// Names a row.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How strong a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refuses.
    Must,
    /// Warns and asks for a reason.
    Should,
    /// Neither.
    May,
    /// Warns and asks for a reason.
    Encouraged,
    /// Refuses.
    Excluded,
    /// States a fact.
    Fact,
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The Act.
    Act,
    /// The statutory guidance.
    Guidance,
    /// The draft guidance of May 2021, not seen in the final one.
    DraftGuidance,
    /// Our own.
    Local,
}

/// A row of a rule pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its id.
    pub id: RuleId,
    /// How strong it is.
    pub mode: Mode,
    /// Where it comes from.
    pub layer: Layer,
    /// The section of the enacted Act, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The paragraph of the guidance, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance: Option<String>,
    /// What it says, in our words.
    pub says: String,
}

/// A rule pack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulePack {
    /// Its name.
    pub name: String,
    /// Its revision, from 1.
    pub revision: u32,
    /// The date from which its rows are in force. Rows of the local layer always are.
    pub in_force_from: NaiveDate,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// The files of every released revision, oldest first. None is ever taken out: what was decided
/// under a revision is explained by it.
const RELEASED: &[&str] = &[include_str!("../packs/enacted-2022.r1.json")];

static PACKS: LazyLock<Vec<(RulePack, String)>> = LazyLock::new(|| {
    let read = |text: &&str| {
        let pack = serde_json::from_str(text)
            .unwrap_or_else(|e| unreachable!("packs are compiled in and read by a test: {e}"));
        (pack, sha256_hex(text.as_bytes()))
    };
    RELEASED.iter().map(read).collect()
});

/// A released revision of a rule pack, and the SHA-256 of its file.
#[must_use]
pub fn pack(name: &str, revision: u32) -> Option<(&'static RulePack, &'static str)> {
    let found = PACKS
        .iter()
        .find(|(p, _)| p.name == name && p.revision == revision);
    found.map(|(pack, sha256)| (pack, sha256.as_str()))
}

/// The newest revision of the enacted pack, and the SHA-256 of its file.
#[must_use]
pub fn enacted() -> (&'static RulePack, &'static str) {
    let newest = PACKS.iter().rev().find(|(p, _)| p.name == ENACTED);
    let (pack, sha256) = newest.unwrap_or_else(|| unreachable!("the enacted pack is compiled in"));
    (pack, sha256)
}

const ENACTED: &str = "enacted-2022";

/// The newest revision of the enacted pack, by name.
#[must_use]
pub fn enacted_ref() -> RulePackRef {
    let (pack, _) = enacted();
    RulePackRef {
        pack: pack.name.clone(),
        revision: pack.revision,
    }
}

/// A row of the newest revision of the enacted pack, for its citation.
#[must_use]
pub fn row(id: &str) -> Option<&'static Row> {
    enacted().0.rows.iter().find(|row| row.id.as_str() == id)
}

/// What a row that is not met does to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// It refuses.
    Refuses,
    /// It asks for a reason.
    Warns,
    /// Nothing.
    Silent,
}

/// What a row of a pack does on a date. A pack is never applied to a time before it was in force; a
/// row that is not in the pack does nothing, so every gate's row must be there (a test sees to it).
/// A ledger that adopted a pack this program does not hold is not opened in the first place.
#[must_use]
pub fn strength(rules: &RulePackRef, id: &str, on: NaiveDate) -> Strength {
    let (pack, _) = pack(&rules.pack, rules.revision).unwrap_or_else(enacted);
    let Some(row) = pack.rows.iter().find(|row| row.id.as_str() == id) else {
        return Strength::Silent;
    };
    if row.layer != Layer::Local && on < pack.in_force_from {
        return Strength::Silent;
    }
    match row.mode {
        Mode::Must | Mode::Excluded => Strength::Refuses,
        Mode::Should | Mode::Encouraged => Strength::Warns,
        Mode::May | Mode::Fact => Strength::Silent,
    }
}
