//! The relay: finds the stream, checks it, publishes, and begins again where something went wrong.

use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, Context};
use dutyledger_ledger::{LedgerReader, ReadError};
use dutyledger_messages::MESSAGE_BYTES_MAX;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::ApiError;
use crate::connection::{ANSWER, Connection};
use crate::note::NotedStream;
use crate::publish::{WINDOW, publish};
use crate::pull::PullError;
use crate::standing::{Counts, Standing, State, Trouble, Watch};
use crate::stream::{self, Found};
use crate::verify::{is_ours, verify};

/// How long to wait before trying again what failed.
const RETRY: Duration = Duration::from_millis(250);
/// How often to look whether what it stands still for was put right.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often a relay that follows another looks how far it is.
const FOLLOW: Duration = Duration::from_millis(100);
/// How often it has to see no progress before it takes over.
const PATIENCE: u32 = 3;
/// How often the stream is looked at, though nothing be published and all be acknowledged: whoever
/// changes or wipes it does not say so.
const LOOK: Duration = Duration::from_secs(5);
/// How often what was acknowledged is noted.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// A step of the relay, for tests that stop it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The entry at this position was read and is about to be published.
    Read(u64),
    /// Its message was handed to the connection.
    Sent(u64),
    /// Its acknowledgement came, and was the right one.
    Acknowledged(u64),
}

/// Why publishing stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// For something that passes by itself.
    Passing(String),
    /// Somebody else published: another relay, or a stranger.
    Lost(String),
    /// For something that somebody has to put right.
    Standing(Trouble),
}

impl Stop {
    pub(crate) fn passing(why: impl Into<String>) -> Self {
        Self::Passing(why.into())
    }
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        if error.is_no_jetstream() {
            let why = error.to_string();
            return Self::Standing(Trouble::NoJetStream { why });
        }
        Self::Passing(error.to_string())
    }
}

impl From<PullError> for Stop {
    fn from(error: PullError) -> Self {
        Self::Passing(error.to_string())
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Passing(format!("the ledger cannot be read: {error}"))
    }
}

/// Publishes a ledger's entries. It only ever reads the ledger, so nothing here delays a command.
pub struct Relay {
    pub(crate) ledger: LedgerReader,
    pub(crate) tail: watch::Receiver<u64>,
    connection: Connection,
    note: Option<PathBuf>,
    replicas: u32,
    standing: watch::Sender<Standing>,
    counts: Arc<Counts>,
    observe: Option<Box<dyn Fn(Step) + Send + Sync>>,
    /// Of which stream, and up to which sequence, it is known that all is right.
    right: (u32, u64),
    /// Whether that was found by this process, rather than noted by one before.
    found_right: bool,
    noted: Option<(NotedStream, Instant)>,
    /// Whether the last attempt lost a race.
    lost: bool,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("connection", &self.connection)
            .field("right", &self.right)
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// A relay of a ledger, with the ledger's tail as it moves. A stream it makes is kept on as many
    /// servers as `replicas` says.
    #[must_use]
    pub fn new(
        ledger: LedgerReader,
        tail: watch::Receiver<u64>,
        connection: Connection,
        replicas: u32,
    ) -> Self {
        Self {
            ledger,
            tail,
            connection,
            note: None,
            replicas,
            standing: watch::Sender::default(),
            counts: Arc::default(),
            observe: None,
            right: (0, 0),
            found_right: false,
            noted: None,
            lost: false,
        }
    }

    /// Notes in a file what was acknowledged, so that a stream which lost it is told from a new one;
    /// see [`NotedStream`].
    #[must_use]
    pub fn noting(mut self, file: PathBuf) -> Self {
        self.note = Some(file);
        self
    }

    /// Tells every step.
    #[must_use]
    pub fn observed(mut self, observe: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.observe = Some(Box::new(observe));
        self
    }

    /// A look at how it stands.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            standing: self.standing.subscribe(),
            counts: Arc::clone(&self.counts),
            ledger: self.ledger.clone(),
        }
    }

    /// Publishes until `shutdown` completes.
    ///
    /// It may be stopped at any await, or killed: what is in the stream says where to go on.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = shutdown => {}
            never = self.work() => match never {},
        }
        self.write_note(Duration::ZERO).await;
    }

    async fn work(&mut self) -> Infallible {
        let mut failing = false;
        loop {
            let reconnects = Arc::clone(&self.counts.reconnects);
            let client = match self.connection.connect(reconnects).await {
                Ok(client) => client,
                Err(error) if error.is_refusal() => {
                    let why = error.to_string();
                    self.stand_still(&Trouble::Refused { why });
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
                Err(error) => {
                    self.failed(error.to_string(), &mut failing);
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            };
            // The client makes a lost connection anew by itself.
            loop {
                // A window of its own: whatever an earlier round left off waiting for keeps its place
                // in that round's until it is given up.
                let js = jetstream::context::ContextBuilder::new()
                    .timeout(ANSWER)
                    .ack_timeout(ANSWER)
                    .max_ack_inflight(WINDOW)
                    .backpressure_on_inflight(true)
                    .build(client.clone());
                let round = self.round(&js, &client, &mut failing).await;
                self.write_note(Duration::ZERO).await;
                self.lost = matches!(round, Err(Stop::Lost(_)));
                let Err(stopped) = round else { continue };
                match stopped {
                    Stop::Lost(why) => {
                        self.counts.failures.fetch_add(1, Ordering::Relaxed);
                        tracing::debug!(why, "another relay publishes, or a stranger");
                    }
                    Stop::Passing(why) => {
                        self.failed(why, &mut failing);
                        tokio::time::sleep(RETRY).await;
                    }
                    Stop::Standing(trouble) => {
                        self.stand_still(&trouble);
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                }
            }
        }
    }

    /// Finds the stream, checks it up to its end, and publishes from there until it is time to look
    /// again.
    async fn round(
        &mut self,
        js: &Context,
        client: &Client,
        failing: &mut bool,
    ) -> Result<(), Stop> {
        let takes = client.server_info().max_payload;
        if takes < MESSAGE_BYTES_MAX {
            return Err(Stop::Standing(Trouble::NoRoom {
                takes: takes as u64,
                needed: MESSAGE_BYTES_MAX as u64,
            }));
        }
        let mut found = self.find(js).await?;
        self.check(js, client, &found).await?;
        let mut waited = 0;
        while self.lost {
            self.set(State::Following);
            tokio::time::sleep(FOLLOW).await;
            let before = std::mem::replace(&mut found, self.find(js).await?);
            self.check(js, client, &found).await?;
            let behind = found.last < *self.tail.borrow();
            let still = found.last == before.last && found.generation == before.generation;
            waited = if behind && still { waited + 1 } else { 0 };
            self.lost = waited < PATIENCE;
        }
        if std::mem::take(failing) || self.standing.borrow().state != State::Publishing {
            tracing::info!(stream = %found.name, position = found.last, "publishing notifications");
        }
        self.set(State::Publishing);
        let until = Instant::now() + LOOK;
        publish(self, js, &found.name, found.last, until).await
    }

    /// The stream, made where there has never been one.
    async fn find(&mut self, js: &Context) -> Result<Found, Stop> {
        let known = self.known()?;
        if let Some(found) = stream::find(js).await? {
            return Ok(found);
        }
        match known {
            Some(known) if known.sequence > 0 => {
                let (stream, head) = (stream::name_of(known.generation), self.head().await?);
                Err(Stop::Standing(match known.sequence > head {
                    // Nothing in the ledger is what was in it.
                    true => Trouble::Ahead {
                        stream,
                        last: known.sequence,
                        head,
                    },
                    false => Trouble::Wiped {
                        stream,
                        noted: known.sequence,
                    },
                }))
            }
            _ => {
                let generation = stream::last_generation(js).await? + 1;
                let ledger = self.ledger.id();
                Ok(stream::create(js, ledger, generation, self.replicas).await?)
            }
        }
    }

    /// Checks a stream up to its end. What was found right before is not read again.
    async fn check(&mut self, js: &Context, client: &Client, found: &Found) -> Result<(), Stop> {
        found.check(self.ledger.id()).map_err(Stop::Standing)?;
        let (known, head) = (self.known()?, self.head().await?);
        let ahead = |last| {
            Stop::Standing(Trouble::Ahead {
                stream: found.name.clone(),
                last,
                head,
            })
        };
        if let Some(known) = known
            && known.generation == found.generation
            && known.sequence > head
        {
            return Err(ahead(known.sequence.max(found.last)));
        }
        found.check_noted(known).map_err(Stop::Standing)?;
        if self.right.0 != found.generation {
            let same = known.filter(|known| known.generation == found.generation);
            self.right = (found.generation, same.map_or(0, |known| known.sequence));
            self.found_right = false;
        }
        // The last one is looked at in any case, once: a ledger that was restored has another there.
        let from = match self.found_right {
            true => self.right.1 + 1,
            false => (self.right.1 + 1).min(found.last.max(1)),
        };
        let to = found.last.min(head);
        verify(js, client, &self.ledger, &found.name, (from, to)).await?;
        if found.last > head {
            let (ledger, name, next) = (self.ledger.id(), &found.name, head + 1);
            return Err(match is_ours(js, client, ledger, name, next).await? {
                true => ahead(found.last),
                false => Stop::Standing(Trouble::Foreign {
                    stream: name.clone(),
                    sequence: next,
                }),
            });
        }
        self.found_right = true;
        self.reached(found.last).await;
        Ok(())
    }

    /// Knows that all is right up to a sequence.
    pub(crate) async fn reached(&mut self, sequence: u64) {
        self.right.1 = sequence;
        self.standing.send_if_modified(|standing| {
            let moved = standing.published != sequence;
            standing.published = sequence;
            moved
        });
        self.write_note(NOTE_EVERY).await;
    }

    pub(crate) fn step(&self, step: Step) {
        if let Some(observe) = &self.observe {
            observe(step);
        }
    }

    fn set(&self, state: State) {
        self.standing.send_if_modified(|standing| {
            let changed = standing.state != state;
            standing.state = state;
            changed
        });
    }

    /// Says once that NATS cannot be reached, and counts it.
    fn failed(&self, why: String, failing: &mut bool) {
        if !std::mem::replace(failing, true) {
            self.counts.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(why, "notifications wait: NATS gives no right answer");
        }
        self.set(State::Unreachable { why });
    }

    /// Says once why it stands still. The figures of a trouble may change while it is the same.
    fn stand_still(&self, trouble: &Trouble) {
        let state = State::StandingStill(trouble.clone());
        if self.standing.borrow().state.name() != trouble.name() {
            self.counts.failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                state = trouble.name(),
                "notifications stand still: {trouble}"
            );
        }
        if let Some(right) = trouble.right_up_to() {
            self.standing.send_modify(|standing| {
                standing.published = standing.published.min(right);
            });
        }
        self.set(state);
    }

    async fn head(&self) -> Result<u64, Stop> {
        Ok(self.ledger.last_position().await?)
    }

    /// How far the stream went: what was noted, or what this process has seen since. A note that
    /// could not be written does not let a stream go back.
    fn known(&self) -> Result<Option<NotedStream>, Stop> {
        let seen = NotedStream {
            ledger: self.ledger.id(),
            generation: self.right.0,
            sequence: self.right.1,
        };
        let seen = Some(seen).filter(|seen| seen.generation > 0 && self.found_right);
        let noted = self.read_note()?;
        let far = |known: &NotedStream| (known.generation, known.sequence);
        Ok(seen.into_iter().chain(noted).max_by_key(far))
    }

    fn read_note(&self) -> Result<Option<NotedStream>, Stop> {
        let Some(file) = &self.note else {
            return Ok(None);
        };
        NotedStream::read(file, self.ledger.id()).map_err(|error| {
            let why = format!("{}: {error}", file.display());
            Stop::Standing(Trouble::Note { why })
        })
    }

    /// Notes what is right, where it was not noted for some time.
    async fn write_note(&mut self, every: Duration) {
        let (Some(file), (generation, sequence)) = (&self.note, self.right) else {
            return;
        };
        let note = NotedStream {
            ledger: self.ledger.id(),
            generation,
            sequence,
        };
        let due = match &self.noted {
            Some((noted, _)) if *noted == note => false,
            Some((_, at)) => at.elapsed() >= every,
            None => true,
        };
        if generation == 0 || !due {
            return;
        }
        self.noted = Some((note, Instant::now()));
        let path = file.clone();
        // Syncing a file blocks.
        let written = tokio::task::spawn_blocking(move || note.write(&path)).await;
        if let Ok(Err(error)) = written {
            tracing::error!(%error, note = %file.display(), "what was published was not noted");
        }
    }
}
