//! Deciding a command again, as it was decided: on the streams as known at a position, and without
//! recording anything. There is no way to the ledger's writer from here.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use serde_json::{Value, json};
use uuid::Uuid;

use dutyledger_domain::streams::ledger::{IssueCalendarToken, IssueKey, LedgerCommand};
use dutyledger_domain::streams::{Access, Deadline, Erasure, LedgerStream, TriggerStream};
use dutyledger_domain::{Ids, Particulars, Payload, StreamKind, Surroundings, decide};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{KeyId, StreamId};

use crate::bus::{Deciding, Request, Streams, Target, refused};
use crate::error::CommandError;
use crate::import::command::{self, Command, Kind, tagged, with};

/// When a command was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// On what was known when the ledger went to this position.
    pub known_at: u64,
    /// On this day in Europe/London.
    pub today: NaiveDate,
}

/// Ids of things that never come to be.
#[derive(Debug, Default)]
struct Unused(AtomicU64);

impl Ids for Unused {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(0, self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Decides a command again, and says what would have happened: the events, in order.
///
/// # Errors
/// As [`Bus::execute`](crate::Bus::execute) would have refused it then.
pub async fn decide_again<K: StreamKind>(
    ledger: &LedgerReader,
    request: Request<K::Command>,
    when: When,
) -> Result<Vec<String>, CommandError> {
    let deciding = Deciding {
        ledger,
        streams: Streams::KnownAt(when.known_at),
        today: when.today,
    };
    let ids = Unused::default();
    let id = match request.target {
        Target::New => StreamId::new(ids.next()),
        Target::Stream(id) | Target::Existing(id) => id,
    };
    let at = |error: CommandError| error.decided_at(when.known_at);
    let loaded = deciding.load::<K>(&request, id).await?;
    deciding.admit(&request, &loaded).map_err(at)?;
    let surroundings = Surroundings {
        stream: id,
        today: when.today,
        rests_on: loaded.rests_on,
        rules: loaded.rules.0,
        ids: Box::new(ids),
    };
    let given = request.given(request.correlation_id.unwrap_or_default());
    let entries = decide::<K>(&loaded.history, given, &surroundings)
        .map_err(|refusal| at(refused(refusal, loaded.on, when.today)))?;
    let events = entries.iter().map(|entry| entry.payload.event().event_type);
    Ok(events.collect())
}

/// Why a command that is written down cannot be decided again.
#[derive(Debug, thiserror::Error)]
pub enum WrittenError {
    /// No commands are given on such a stream.
    #[error("there is no kind of stream called {0}")]
    Kind(String),
    /// A refusal on such a stream does not follow from what was known at a position.
    #[error("a refusal on a stream of the type {kind} is not decided again: {why}")]
    NotDecided {
        /// The type.
        kind: String,
        /// Why not.
        why: &'static str,
    },
    /// It is no command of that kind of stream.
    #[error("it cannot be read as a command: {0}")]
    Command(#[from] serde_json::Error),
    /// How it was decided.
    #[error(transparent)]
    Decided(#[from] CommandError),
}

/// A command that is written down: one that a history may hold, or one on the ledger's own stream.
enum Written {
    Told(Command),
    Ledger(LedgerCommand),
}

impl Written {
    fn read(kind: &str, (command, particulars): (&str, Value)) -> Result<Self, WrittenError> {
        if let Some(known) = Kind::of(kind) {
            return Ok(Self::Told(known.read(command, particulars)?));
        }
        let why = match kind {
            LedgerStream::NAME => return Ok(Self::Ledger(of_ledger(command, particulars)?)),
            Erasure::NAME => {
                "it rests on which texts are sealed in the entry, which the entry itself shows, and on \
                 no rule"
            }
            Access::NAME | Deadline::NAME | TriggerStream::NAME => {
                "only the service gives commands there, and nobody is answered with their refusal"
            }
            _ => return Err(WrittenError::Kind(kind.to_owned())),
        };
        Err(WrittenError::NotDecided {
            kind: kind.to_owned(),
            why,
        })
    }
}

/// Reads a command on the ledger's own stream. The id of a new key or calendar is made by the service,
/// so whoever asked for one has none to give; nothing is decided by it.
fn of_ledger(command: &str, mut particulars: Value) -> Result<LedgerCommand, serde_json::Error> {
    let made = match command {
        IssueKey::NAME => Some("key_id"),
        IssueCalendarToken::NAME => Some("token_id"),
        _ => None,
    };
    if let (Some(member), Value::Object(members)) = (made, &mut particulars) {
        let none = KeyId::new(Uuid::nil());
        members.entry(member).or_insert_with(|| json!(none));
    }
    serde_json::from_value(tagged(command, particulars))
}

/// The partnership that a command names which opens something for one: what it comes to hangs on who
/// may see that.
///
/// # Errors
/// When it cannot be read.
pub fn partnership_named(
    kind: &str,
    written: (&str, Value),
) -> Result<Option<StreamId>, WrittenError> {
    match Written::read(kind, written)? {
        Written::Told(command) => Ok(command.partnership()),
        Written::Ledger(_) => Ok(None),
    }
}

/// Decides a command again that is written down: its name in kebab-case, and its particulars.
///
/// # Errors
/// When it cannot be read, or was refused.
pub async fn decide_written(
    ledger: &LedgerReader,
    kind: &str,
    written: (&str, Value),
    about: Request<()>,
    when: When,
) -> Result<Vec<String>, WrittenError> {
    let decided = match Written::read(kind, written)? {
        Written::Told(command) => command::decide_again(ledger, command, about, when).await,
        Written::Ledger(command) => {
            let own = Request {
                target: Target::Stream(StreamId::new(ledger.id().uuid())),
                ..about
            };
            decide_again::<LedgerStream>(ledger, with(own, command), when).await
        }
    };
    Ok(decided?)
}
