//! How the relay stands, for those who watch it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dutyledger_ledger::{LedgerReader, ReadError};
use tokio::sync::watch;

/// Why the relay stands still: it publishes nothing until somebody has put it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server takes no message as large as the largest.
    NoRoom {
        /// The most bytes it takes.
        takes: u64,
        /// The most bytes a message may have.
        needed: u64,
    },
    /// The stream's settings are not those it was made with, or the server did not understand them.
    Settings {
        /// The stream.
        stream: String,
        /// What is otherwise.
        differences: Vec<String>,
    },
    /// The stream holds the entries of another ledger.
    OtherLedger {
        /// The stream.
        stream: String,
    },
    /// Somebody else published to the stream, or it was restored with other entries.
    Foreign {
        /// The stream.
        stream: String,
        /// The first sequence that is not what the mapping makes of the entry.
        sequence: u64,
    },
    /// The stream holds an entry of this ledger as it was before it was restored from a backup.
    OtherHistory {
        /// The stream.
        stream: String,
        /// The first sequence whose entry the ledger no longer has.
        sequence: u64,
    },
    /// A sequence is missing from the stream.
    Skipped {
        /// The stream.
        stream: String,
        /// How many messages it holds.
        messages: u64,
        /// Its last sequence.
        last: u64,
    },
    /// The stream goes further than the ledger, which was restored from a backup.
    Ahead {
        /// The stream.
        stream: String,
        /// Its last sequence.
        last: u64,
        /// The ledger's last position.
        head: u64,
    },
    /// The stream, or all that was in it, is gone.
    Wiped {
        /// The stream.
        stream: String,
        /// What it went to.
        noted: u64,
    },
    /// The stream lacks the end that was acknowledged: it was restored from an old copy, or the
    /// server lost what it had not yet written.
    OlderCopy {
        /// The stream there is.
        stream: String,
        /// Its last sequence.
        last: u64,
        /// The stream there was.
        noted_stream: String,
        /// What it went to.
        noted: u64,
    },
    /// An entry has no message.
    Unpublishable {
        /// Its position.
        position: u64,
        /// Why.
        why: String,
    },
    /// The server does not let the relay in.
    Refused {
        /// What it says.
        why: String,
    },
    /// The server keeps no streams for this account.
    NoJetStream {
        /// What it says.
        why: String,
    },
    /// The note of what was published cannot be read.
    Note {
        /// Why, with the file.
        why: String,
    },
}

impl Trouble {
    /// Its name, for logs and alerts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoRoom { .. } => "max-payload",
            Self::Settings { .. } => "other-settings",
            Self::OtherLedger { .. } => "other-ledger",
            Self::Foreign { .. } => "foreign-message",
            Self::Skipped { .. } => "skipped-sequence",
            Self::Ahead { .. } => "stream-ahead",
            Self::Wiped { .. } => "stream-wiped",
            Self::OlderCopy { .. } => "stream-older-copy",
            Self::OtherHistory { .. } => "other-history",
            Self::Unpublishable { .. } => "unpublishable-entry",
            Self::Refused { .. } => "refused",
            Self::NoJetStream { .. } => "no-jetstream",
            Self::Note { .. } => "note-unreadable",
        }
    }

    /// Up to which sequence the stream can still be right; nothing where that is as it was.
    pub(crate) fn right_up_to(&self) -> Option<u64> {
        match self {
            Self::Settings { .. }
            | Self::NoRoom { .. }
            | Self::Unpublishable { .. }
            | Self::Refused { .. }
            | Self::NoJetStream { .. }
            | Self::Note { .. } => None,
            Self::Foreign { sequence, .. } | Self::OtherHistory { sequence, .. } => {
                Some(sequence - 1)
            }
            Self::Ahead { head, .. } => Some(*head),
            Self::OlderCopy { last, .. } => Some(*last),
            Self::OtherLedger { .. } | Self::Skipped { .. } | Self::Wiped { .. } => Some(0),
        }
    }
}

const REBUILD: &str = "run `dutyledger notifications rebuild`, which leaves it as it is and fills a \
                       stream of the next generation";
const REFILL: &str = "run `dutyledger notifications refill`, which publishes what is missing again";

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom { takes, needed } => write!(
                f,
                "NATS takes messages of {takes} bytes at the most, and one may have {needed}: set \
                 max_payload of the server to at least that"
            ),
            Self::Settings {
                stream,
                differences,
            } => write!(
                f,
                "the stream {stream} is not as it was made ({}): set it right, or {REBUILD}",
                differences.join("; ")
            ),
            Self::OtherLedger { stream } => write!(
                f,
                "the stream {stream} holds the entries of another ledger: give this ledger an \
                 account of its own in NATS, or {REBUILD}"
            ),
            Self::Foreign { stream, sequence } => write!(
                f,
                "sequence {sequence} of the stream {stream} is not what the ledger makes of the \
                 entry at that position: find out who published it, then {REBUILD}"
            ),
            Self::Skipped {
                stream,
                messages,
                last,
            } => write!(
                f,
                "the stream {stream} goes up to sequence {last} and holds {messages} messages, so \
                 some are missing: {REBUILD}"
            ),
            Self::OtherHistory { stream, sequence } => write!(
                f,
                "sequence {sequence} of the stream {stream} is an entry that this ledger had there \
                 before: it was restored from a backup. Once it is as it should be, {REBUILD}"
            ),
            Self::Ahead { stream, last, head } => write!(
                f,
                "the stream {stream} went up to sequence {last} and the ledger goes only to \
                 position {head}: it was restored from a backup. Once it is as it should be, \
                 {REBUILD}"
            ),
            Self::Wiped { stream, noted } => write!(
                f,
                "the stream {stream} went up to sequence {noted} and is gone or empty: {REFILL}"
            ),
            Self::OlderCopy {
                stream,
                last,
                noted_stream,
                noted,
            } => write!(
                f,
                "the stream {stream} goes up to sequence {last}, and {noted_stream} went up to \
                 {noted}: NATS was restored from an old copy, or lost what it had acknowledged: \
                 {}",
                // One that was retired is not filled again: subscribers went on from it.
                if stream == noted_stream {
                    REFILL
                } else {
                    REBUILD
                }
            ),
            Self::Unpublishable { position, why } => write!(
                f,
                "the entry at position {position} cannot be published: {why}. Run a version of \
                 dutyledger that knows it"
            ),
            Self::Refused { why } => write!(
                f,
                "NATS does not let this program in: {why}. Set its credentials right, or the \
                 server's permissions"
            ),
            Self::NoJetStream { why } => write!(
                f,
                "NATS keeps no streams for this account: {why}. Turn JetStream on"
            ),
            Self::Note { why } => write!(
                f,
                "the note of what was published cannot be read: {why}. Put it right; if it is lost, \
                 remove it, and look that no stream was wiped"
            ),
        }
    }
}

/// What the relay is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It has not reached NATS yet.
    #[default]
    Starting,
    /// It cannot reach NATS, or gets no answer. It tries again for as long as it takes.
    Unreachable {
        /// Why.
        why: String,
    },
    /// It publishes what is recorded.
    Publishing,
    /// Another relay publishes, and this one sees that it does.
    Following,
    /// It stands still.
    StandingStill(Trouble),
}

impl State {
    /// Its name, for logs and alerts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Unreachable { .. } => "unreachable",
            Self::Publishing => "publishing",
            Self::Following => "following",
            Self::StandingStill(trouble) => trouble.name(),
        }
    }
}

/// How the relay stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What it is doing.
    pub state: State,
    /// Up to which position the stream is known to hold what it should.
    pub published: u64,
}

/// How the relay stands, with what hangs on the ledger and the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// How it stands.
    pub standing: Standing,
    /// How many entries are not published.
    pub lag_entries: u64,
    /// How many milliseconds ago the oldest of them was recorded; 0 where there is none.
    pub lag_millis: u64,
    /// How often it left off publishing because something was not as it should be.
    pub failures: u64,
    /// How often the connection was lost and made again.
    pub reconnects: u64,
}

/// Looks at a relay.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) ledger: LedgerReader,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) failures: AtomicU64,
    pub(crate) reconnects: Arc<AtomicU64>,
}

impl Watch {
    /// How the relay stands, without asking the ledger.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Waits until the relay stands as it is asked for; nothing where it ends first.
    pub async fn until(&self, stands: impl FnMut(&Standing) -> bool) -> Option<Standing> {
        let mut standing = self.standing.clone();
        let reached = standing.wait_for(stands).await;
        reached.ok().map(|standing| standing.clone())
    }

    /// How the relay stands at an instant, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn look(&self, now_millis: i64) -> Result<Look, ReadError> {
        let standing = self.standing();
        let head = self.ledger.last_position().await?;
        let lag_entries = head.saturating_sub(standing.published);
        let oldest = match lag_entries {
            0 => None,
            _ => self
                .ledger
                .read(standing.published, 1)
                .await?
                .into_iter()
                .next(),
        };
        let recorded = oldest.and_then(|entry| entry.record().ok());
        let lag = recorded.map_or(0, |record| {
            now_millis - record.recorded_at.timestamp_millis()
        });
        Ok(Look {
            standing,
            lag_entries,
            lag_millis: u64::try_from(lag).unwrap_or(0),
            failures: self.counts.failures.load(Ordering::Relaxed),
            reconnects: self.counts.reconnects.load(Ordering::Relaxed),
        })
    }
}
