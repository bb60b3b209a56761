//! What the bench is asked for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use dutyledger_test_nation::Size;

use crate::child::Child;

/// Measures the ledger against the database it stands on, and against the stock framework.
///
/// For each workload it prints our figure, the limit's or the peer's, their ratio and the ratio that
/// is wanted: medians of rounds whose order moves on from round to round, with the spread
/// (max - min) / median. Every database is read back; where one does not hold exactly what was
/// acknowledged there is no figure, and the bench fails. A workload that cannot run yet says so. A
/// ratio that is missed is shown and is no failure.
///
/// Without --large: 3 rounds of 2 s a cell, replays of 200 000 entries, 100 000 entries verified and
/// handed over, a nation of 10 areas, no growth. With it: 5 rounds of 5 s, replays, backlogs, verifying
/// and bundles of 1 000 000 entries, a minute of notifications, England and Wales for ten years (3 000 000
/// entries), and growth to 10 000 000 entries, which needs 60 GB, with the memory of appending, replaying
/// and verifying there.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench", bin_name = "./ops/bench")]
pub(crate) struct Settings {
    /// The full sizes.
    #[arg(long)]
    pub(crate) large: bool,
    /// Writes every round of every cell here, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Only workloads whose name holds this, such as "sqlite", "postgres 32 clients" or "replay".
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Option<String>,
    /// Lists the workloads and does nothing else.
    #[arg(long)]
    pub(crate) list: bool,
    /// How many rounds, instead of the usual number.
    #[arg(long)]
    rounds: Option<usize>,
    /// How many seconds a cell lasts, instead of the usual number.
    #[arg(long)]
    seconds: Option<f64>,
    /// How many streams are warm before a cell begins.
    #[arg(long, default_value_t = 1024)]
    pub(crate) streams: usize,
    /// PostgreSQL's shared_buffers, the same for all cells.
    #[arg(long, default_value = "512MB")]
    pub(crate) shared_buffers: String,
    /// PostgreSQL's max_wal_size, the same for all cells: how much of its log it writes between two
    /// checkpoints, after each of which every page that changes goes into the log whole, once.
    #[arg(long, default_value = "1GB")]
    pub(crate) max_wal_size: String,
    /// The program of the stock peer; without it the peer's cells are left out.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) peer: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program does besides.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Keeps a core busy until the input ends.
    #[command(hide = true)]
    Hog,
    /// Does one thing, and tells how much memory it took.
    #[command(hide = true, subcommand)]
    Child(Child),
}

impl Settings {
    /// How many rounds a group has that asks for at least so many.
    pub(crate) fn rounds(&self, least: usize) -> usize {
        let usual = if self.large { 5 } else { 3 };
        self.rounds.unwrap_or_else(|| usual.max(least))
    }

    /// How long a cell lasts.
    pub(crate) fn time(&self) -> Duration {
        let usual = if self.large { 5.0 } else { 2.0 };
        Duration::from_secs_f64(self.seconds.unwrap_or(usual))
    }

    /// How long notifications are followed while commands are given.
    pub(crate) fn live(&self) -> Duration {
        let usual = if self.large { 60.0 } else { 5.0 };
        Duration::from_secs_f64(self.seconds.unwrap_or(usual))
    }

    /// How many entries the backlog has that is published.
    pub(crate) const fn backlog(&self) -> u64 {
        if self.large { 1_000_000 } else { 100_000 }
    }

    /// How many entries are verified and handed over.
    pub(crate) const fn audited(&self) -> u64 {
        if self.large { 1_000_000 } else { 100_000 }
    }

    /// The nation that questions are asked of. Where it is small it is as long, so that a partnership
    /// has as many entries.
    pub(crate) const fn nation(&self) -> Size {
        if self.large {
            Size::FULL
        } else {
            Size {
                areas: 10,
                ..Size::FULL
            }
        }
    }

    /// How many questions are asked of it.
    pub(crate) const fn questions(&self) -> usize {
        if self.large { 500 } else { 50 }
    }

    /// How many entries are replayed.
    pub(crate) const fn replayed(&self) -> u64 {
        if self.large { 1_000_000 } else { 200_000 }
    }
}
