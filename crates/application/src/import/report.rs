//! What an import came to.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::StreamId;

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// The history's name.
    pub name: String,
    /// What it tells and what it rests on, with the attribution its sources ask for.
    pub about: String,
    /// The SHA-256 of the file, as 64 hexadecimal digits.
    pub sha256: String,
    /// Whether what it tells is fictional.
    pub fictional: bool,
    /// The date its sources reach.
    pub covers_until: NaiveDate,
    /// How many steps the file has.
    pub steps: usize,
    /// How many of them an earlier run of the same file had already recorded.
    pub repeated: usize,
    /// The steps left out because the ledger already holds what they say.
    pub skipped: Vec<SkippedStep>,
    /// How many entries this run recorded.
    pub entries_recorded: usize,
    /// The streams it opened, or found already open.
    pub streams: Vec<ImportedStream>,
}

/// A step left out because the ledger already holds what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkippedStep {
    /// The step, counted from 1.
    pub step: usize,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Why, in plain English.
    pub why: String,
}

/// A stream an import opened, or found already open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportedStream {
    /// Its name in the file, where it has one.
    pub name: Option<String>,
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: StreamId,
}
