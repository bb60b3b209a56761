//! What auditors ask, and what proves the ledger to others.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand, ValueEnum};

use dutyledger_application::{Checkpoints, Home};
use dutyledger_proofs::VerifierKey;
use dutyledger_record::StreamId;

use super::{Kind, Place};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// What was true on a date, as known at a position or an instant.
    Replay(ReplaySettings),
    /// What changed between two moments.
    Diff(DiffSettings),
    /// Why something stands as it does, and why a command was refused.
    #[command(subcommand)]
    Explain(ExplainCommand),
    /// Search the log.
    Search(SearchSettings),
    /// Make a key that signs checkpoints, and record that the ledger adopts it, in place of the one
    /// there is. Stop every server first.
    NewKey(CheckpointSettings),
    /// Sign a checkpoint of all there is, where no server does, and write it.
    Checkpoint(SignSettings),
    /// Write the proof that an entry is in the ledger, up to the newest checkpoint.
    /// `dutyledger-verify inclusion` checks it anywhere.
    Prove(ProveSettings),
    /// Write a bundle for an inspection: the ledger, or one partnership, up to the newest checkpoint.
    /// `dutyledger-verify` checks it anywhere. Who took it is recorded: through the running server if
    /// one holds the ledger.
    Export(ExportSettings),
    /// Watch a ledger's checkpoints from another machine, and end with code 8 if it was rolled back
    /// or forked, with 10 if it hands out hashes that contradict its own checkpoint.
    Watch(WatchSettings),
}

/// Where the checkpoints are, and what they are made with.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckpointFiles {
    /// The file of the key that signs checkpoints.
    #[arg(long, env = "DUTYLEDGER_SIGNING_KEY_FILE")]
    pub(crate) signing_key_file: Option<PathBuf>,
    /// The folder of the hashes that checkpoints and proofs are made of.
    #[arg(long, env = "DUTYLEDGER_TILES")]
    pub(crate) tiles: Option<PathBuf>,
}

impl CheckpointFiles {
    /// The files, beside the noted head where they are not named.
    pub(crate) fn of(&self, place: &Place, home: &Home) -> Checkpoints {
        let usual = home.checkpoints();
        let named = |file: &Option<PathBuf>, usual| file.clone().unwrap_or(usual);
        Checkpoints {
            signing_key: named(&self.signing_key_file, usual.signing_key),
            newest: place.newest_checkpoint(home),
            tiles: named(&self.tiles, usual.tiles),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) files: CheckpointFiles,
}

#[derive(Debug, Args)]
pub(crate) struct SignSettings {
    #[command(flatten)]
    pub(crate) checkpoint: CheckpointSettings,
    /// Say that no checkpoint of this ledger was ever published, where the file of the newest is
    /// missing. Were there one, this could sign another history under the same key.
    #[arg(long)]
    pub(crate) none_was_published: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProveSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) files: CheckpointFiles,
    /// The entry.
    pub(crate) entry_id: uuid::Uuid,
}

#[derive(Debug, Args)]
pub(crate) struct ExportSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) files: CheckpointFiles,
    /// An auditor's or inspectorate's key, for when a running server holds the ledger.
    #[arg(long, env = "DUTYLEDGER_AUDITOR_KEY", hide_env_values = true)]
    pub(crate) auditor_key: Option<String>,
    /// The file to write; it must not be there yet.
    pub(crate) file: PathBuf,
    /// Only this partnership, each entry with its proof. The whole ledger where left out.
    #[arg(long)]
    pub(crate) partnership: Option<StreamId>,
    /// The date the report's figures are true on; today where left out.
    #[arg(long)]
    pub(crate) on: Option<NaiveDate>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchSettings {
    /// The address of the log, such as https://dutyledger.example/log.
    #[arg(long)]
    pub(crate) log: String,
    /// The ledger's key, as somebody you trust gave it to you.
    #[arg(long)]
    pub(crate) trusted_key: VerifierKey,
    /// The file of the last checkpoint that was trusted.
    #[arg(long)]
    pub(crate) state: PathBuf,
    /// A folder to keep the hashes of the entries in, 32 bytes each. With them `dutyledger ledger
    /// verify` names every entry that was changed.
    #[arg(long)]
    pub(crate) tiles: Option<PathBuf>,
    /// Look again every so many seconds, until something is wrong. Once where left out.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) every: Option<u32>,
}

/// What a replay is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplayOf {
    /// A partnership's own record.
    Partnership,
    /// A strategy.
    Strategy,
    /// A partnership's obligations.
    Obligations,
    /// A partnership's reviews that are due or overdue.
    Reviews,
    /// A partnership's direction triggers.
    Triggers,
}

/// As of when.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MomentSettings {
    /// As true on this date; today where left out.
    #[arg(long)]
    pub(crate) on: Option<NaiveDate>,
    /// As known when the ledger ended at this position; now where left out.
    #[arg(long, conflicts_with = "known_by")]
    pub(crate) known_at: Option<u64>,
    /// As known at this instant, such as 2026-03-31T12:00:00Z.
    #[arg(long)]
    pub(crate) known_by: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplaySettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) moment: MomentSettings,
    /// What it is of.
    #[arg(value_enum)]
    pub(crate) of: ReplayOf,
    /// The partnership, or the strategy.
    pub(crate) id: StreamId,
}

#[derive(Debug, Args)]
pub(crate) struct DiffSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The partnership.
    pub(crate) id: StreamId,
    /// The first moment: as true on this date.
    #[arg(long)]
    pub(crate) from_on: NaiveDate,
    /// The first moment: as known at this position; as at the second where left out.
    #[arg(long, conflicts_with = "from_known_by")]
    pub(crate) from_known_at: Option<u64>,
    /// The first moment: as known at this instant.
    #[arg(long)]
    pub(crate) from_known_by: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub(crate) to: MomentSettings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExplainCommand {
    /// Why an obligation stands as it does.
    Obligation(ExplainObligationSettings),
    /// Why a direction trigger is shown.
    Trigger(ExplainTriggerSettings),
    /// Why a command was refused: it is decided again, as known at the position its answer named.
    Refusal(ExplainRefusalSettings),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainObligationSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) moment: MomentSettings,
    /// The partnership.
    pub(crate) id: StreamId,
    /// The row, such as.
    pub(crate) rule: String,
    /// The obligation of this authority, where each is looked at for itself.
    #[arg(long)]
    pub(crate) authority: Option<StreamId>,
    /// The obligation about this strategy or case.
    #[arg(long)]
    pub(crate) about: Option<StreamId>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainTriggerSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) moment: MomentSettings,
    /// The partnership.
    pub(crate) id: StreamId,
    /// The trigger's id.
    pub(crate) trigger: uuid::Uuid,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainRefusalSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A file with the command and what its answer named: the body of `POST /v1/audit/refusals`.
    pub(crate) file: PathBuf,
}

/// How found entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FoundFormat {
    /// As lines to read.
    Text,
    /// As JSON, one entry a line.
    JsonLines,
    /// As a list for spreadsheets, in which no text is taken for a formula.
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct SearchSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Entries that concern this partnership.
    #[arg(long)]
    pub(crate) partnership: Option<StreamId>,
    /// Entries that this authority recorded, that were recorded for it, or that name it.
    #[arg(long)]
    pub(crate) authority: Option<StreamId>,
    /// Entries of this event, such as StrategyAdopted.
    #[arg(long)]
    pub(crate) event: Option<String>,
    /// Entries that cite this row or bear on it.
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Entries that this kind of principal recorded.
    #[arg(long, value_enum)]
    pub(crate) principal_kind: Option<Kind>,
    /// Entries that this principal recorded.
    #[arg(long)]
    pub(crate) principal: Option<StreamId>,
    /// Entries of one thing the caller was doing.
    #[arg(long)]
    pub(crate) correlation_id: Option<uuid::Uuid>,
    /// Entries that happened on this date or later.
    #[arg(long)]
    pub(crate) occurred_from: Option<NaiveDate>,
    /// Entries that happened on this date or earlier.
    #[arg(long)]
    pub(crate) occurred_until: Option<NaiveDate>,
    /// Entries recorded at this instant or later.
    #[arg(long)]
    pub(crate) recorded_from: Option<DateTime<Utc>>,
    /// Entries recorded at this instant or earlier.
    #[arg(long)]
    pub(crate) recorded_until: Option<DateTime<Utc>>,
    /// How they are written.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: FoundFormat,
}
