//! Putting a stream right that the relay stands still for.

use std::time::Duration;

use async_nats::jetstream;
use dutyledger_ledger::{LedgerReader, ReadError};
use tokio::sync::watch;

use crate::api::ApiError;
use crate::connection::{ConnectError, Connection};
use crate::relay::Relay;
use crate::standing::{Standing, State, Trouble};
use crate::stream;

/// How often the ledger's head is looked for.
const FOLLOW: Duration = Duration::from_millis(200);

/// Why a stream was not put right.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// NATS.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// JetStream.
    #[error("JetStream did not do it: {0}")]
    Api(String),
    /// The ledger.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] ReadError),
    /// What has our subjects was not made by Dutyledger.
    #[error(
        "the stream {0} takes subjects that begin with dutyledger.v1 and was not made by \
         dutyledger: give it other subjects, or this ledger an account of its own in NATS"
    )]
    NotOurs(String),
    /// What was restored is a stream that was retired: relays and subscribers went on from it.
    #[error(
        "{found} is there, and {noted} was in its place: NATS was restored from a copy that is older \
         than the last rebuilding. Run `dutyledger notifications rebuild`"
    )]
    Retired {
        /// The stream there is.
        found: String,
        /// The one there was.
        noted: String,
    },
    /// It cannot be filled as it is.
    #[error("{0}")]
    StandsStill(Trouble),
}

impl From<ApiError> for RebuildError {
    fn from(error: ApiError) -> Self {
        Self::Api(error.to_string())
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The stream that is filled now.
    pub stream: String,
    /// Up to which position.
    pub position: u64,
    /// The subjects that the stream before has now, where there was one.
    pub retired: Option<String>,
}

/// Retires the stream there is, whose messages stay, and fills one of the next generation. Servers may
/// run meanwhile: their relays find it by its subjects.
///
/// # Errors
/// See [`RebuildError`].
pub async fn rebuild(
    ledger: &LedgerReader,
    connection: &Connection,
    replicas: u32,
    at_least: u32,
    progress: impl FnMut(u64, u64),
) -> Result<Rebuilt, RebuildError> {
    let client = connection.connect(std::sync::Arc::default()).await?;
    let js = jetstream::new(client);
    let mut retired = None;
    let generation = stream::last_generation(&js).await?.max(at_least) + 1;
    if let Some(found) = stream::find(&js).await? {
        if !found.is_ours() {
            return Err(RebuildError::NotOurs(found.name));
        }
        retired = Some(stream::retire(&js, &found).await?);
    }
    let made = stream::create(&js, ledger.id(), generation, replicas).await?;
    let position = fill(ledger, connection, replicas, progress).await?;
    Ok(Rebuilt {
        stream: made.name,
        position,
        retired,
    })
}

/// Publishes again what a stream lost, in the stream there is, or where there is none in one of the
/// generation that was lost.
///
/// # Errors
/// See [`RebuildError`]; also where the stream holds anything but the beginning of the ledger.
pub async fn refill(
    ledger: &LedgerReader,
    connection: &Connection,
    replicas: u32,
    at_least: u32,
    progress: impl FnMut(u64, u64),
) -> Result<Rebuilt, RebuildError> {
    let client = connection.connect(std::sync::Arc::default()).await?;
    let js = jetstream::new(client);
    let found = match stream::find(&js).await? {
        Some(found) => found,
        None => {
            let existing = stream::last_generation(&js).await?;
            let generation = at_least.max(existing + 1);
            stream::create(&js, ledger.id(), generation, replicas).await?
        }
    };
    if found.generation < at_least {
        return Err(RebuildError::Retired {
            found: found.name,
            noted: stream::name_of(at_least),
        });
    }
    let position = fill(ledger, connection, replicas, progress).await?;
    Ok(Rebuilt {
        stream: found.name,
        position,
        retired: None,
    })
}

/// Publishes up to the ledger's head, without regard to what was noted.
async fn fill(
    ledger: &LedgerReader,
    connection: &Connection,
    replicas: u32,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, RebuildError> {
    let head = ledger.last_position().await?;
    let (_tail, receiver) = watch::channel(head);
    let mut relay = Relay::new(ledger.clone(), receiver, connection.clone(), replicas);
    let watched = relay.watch();
    let (done, stop) = watch::channel(false);
    let mut stop = stop;
    let running = relay.run(async move {
        let _ = stop.wait_for(|stop| *stop).await;
    });
    let watching = async {
        let ended = |standing: &Standing| {
            standing.published >= head || matches!(standing.state, State::StandingStill(_))
        };
        loop {
            let waited = tokio::time::timeout(FOLLOW, watched.until(ended)).await;
            let standing = watched.standing();
            progress(standing.published, head);
            if waited.is_ok() {
                let _ = done.send(true);
                return standing;
            }
        }
    };
    let ((), standing) = tokio::join!(running, watching);
    match standing.state {
        State::StandingStill(trouble) => Err(RebuildError::StandsStill(trouble)),
        _ => Ok(standing.published),
    }
}
