//! What is measured: one figure each.

use std::fmt;

use crate::store::Db;

/// Who replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    Ours,
    Raw,
    Peer,
}

/// What is done with a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Handing {
    Export,
    Check,
    /// The text of its entries alone.
    Copy,
}

/// What is done in a process whose memory is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// Our commands, as the many clients of a busy server give them.
    Append,
    /// Every entry read in order and decoded.
    Replay,
    /// Every entry verified.
    Verify,
}

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// Our commands by so many clients, each on streams of its own.
    Ours { db: Db, clients: usize },
    /// Our commands by so many clients on one stream.
    Hot { db: Db, clients: usize },
    /// Our commands by one client on one long stream: held warm, or each the first after the ledger
    /// was opened.
    Long { db: Db, cold: bool },
    /// Our commands over HTTP.
    Http { db: Db, connections: usize },
    /// The raw driver with so many rows a transaction.
    Limit { db: Db, rows: usize },
    /// The peer's commands by so many clients; by its best number of them where none is said.
    Peer { clients: Option<usize> },
    /// Our commands beside hogs.
    OursBesideHogs { clients: usize },
    /// Plain connections beside hogs.
    PlainBesideHogs { connections: usize },
    /// A replay.
    Replay { db: Db, by: By, decoded: bool },
    /// A backlog published to NATS.
    Drain { db: Db, by: By },
    /// Notifications delivered while so many clients give commands.
    Live { db: Db, clients: usize },
    /// Our commands without notifications, for as long as those are followed.
    Silent { db: Db, clients: usize },
    /// Notifications of single commands, or messages, at a steady rate.
    Notice { db: Db, by: By },
    /// Every entry verified, or merely hashed.
    Verify { db: Db, by: By },
    /// Answers as of moments about partnerships of a nation, or the entries they rest on.
    AsOf { db: Db, by: By },
    /// A ledger of so many entries handed over.
    Hand { db: Db, entries: u64, what: Handing },
    /// Our commands, one client after another's, in a ledger of so many entries.
    Grown {
        db: Db,
        entries: u64,
        clients: usize,
    },
    /// Work on a ledger of so many entries, in a process of its own.
    Apart { db: Db, entries: u64, work: Work },
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours { db, clients } => write!(f, "{}: ours, {clients} clients", db.name()),
            Self::Hot { db, clients } => {
                write!(f, "{}: ours, {clients} clients on one stream", db.name())
            }
            Self::Long { db, cold } => {
                let how = if *cold { "cold" } else { "warm" };
                write!(f, "{}: ours, 1 client on a long {how} stream", db.name())
            }
            Self::Http { db, connections } => {
                write!(
                    f,
                    "{}: ours over HTTP, {connections} connections",
                    db.name()
                )
            }
            Self::Limit { db, rows } => {
                write!(f, "{}: raw driver, {rows} rows a transaction", db.name())
            }
            Self::Peer { clients: Some(n) } => write!(f, "PostgreSQL: stock peer, {n} clients"),
            Self::Peer { clients: None } => f.write_str("PostgreSQL: stock peer at its best"),
            Self::OursBesideHogs { clients } => {
                write!(f, "PostgreSQL: ours, {clients} clients beside two hogs")
            }
            Self::PlainBesideHogs { connections } => {
                write!(
                    f,
                    "PostgreSQL: {connections} plain connections beside two hogs"
                )
            }
            Self::Replay { db, by, decoded } => {
                let by = match by {
                    By::Ours => "ours",
                    By::Raw => "raw driver",
                    By::Peer => "stock peer",
                };
                let how = if *decoded { "decoded" } else { "as text" };
                write!(f, "{}: replay by {by}, {how}", db.name())
            }
            Self::Drain { db, by: By::Ours } => {
                write!(f, "{}: a backlog published by ours", db.name())
            }
            Self::Drain { db, .. } => {
                write!(
                    f,
                    "{}: the same messages published by the raw client",
                    db.name()
                )
            }
            Self::Live { db, clients } => {
                write!(
                    f,
                    "{}: notifications while {clients} clients append",
                    db.name()
                )
            }
            Self::Silent { db, clients } => {
                write!(
                    f,
                    "{}: {clients} clients append without notifications",
                    db.name()
                )
            }
            Self::Notice { db, by: By::Ours } => {
                write!(f, "{}: notifications at a steady rate", db.name())
            }
            Self::Notice { db, .. } => {
                write!(f, "{}: raw messages at a steady rate", db.name())
            }
            Self::Verify { db, by } => {
                let what = match by {
                    By::Ours => "verified",
                    _ => "read and hashed",
                };
                write!(f, "{}: every entry {what}", db.name())
            }
            Self::AsOf { db, by } => {
                let what = match by {
                    By::Ours => "answers as of moments",
                    _ => "the entries they rest on, read",
                };
                write!(f, "{}: {what}", db.name())
            }
            Self::Hand { db, entries, what } => {
                let what = match what {
                    Handing::Export => "exported",
                    Handing::Check => "checked in a bundle",
                    Handing::Copy => "copied",
                };
                write!(f, "{}: {entries} entries {what}", db.name())
            }
            Self::Apart { db, entries, work } => {
                let work = match work {
                    Work::Append => "appending to",
                    Work::Replay => "replaying",
                    Work::Verify => "verifying",
                };
                write!(f, "{}: {work} {entries} entries", db.name())
            }
            Self::Grown {
                db,
                entries,
                clients,
            } => {
                let db = db.name();
                write!(
                    f,
                    "{db}: ours, {clients} clients in a ledger of {entries} entries"
                )
            }
        }
    }
}
