//! The kit of those who subscribe: every event that its filters let through, once and in order.
//!
//! What was handled is kept on the subscriber's own disk, outside NATS: consumers are made anew from
//! there, and nothing at or below it is handled again, whatever becomes of the server and its store.
//! Each filter has a consumer of its own, since old servers know no more than one filter in each; their
//! messages are merged by the sequence in the stream, which is the order of the ledger.

mod event;
mod merge;
mod position;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use async_nats::{Client, Message};
use futures_util::stream::{SelectAll, select_all};
use futures_util::{FutureExt, StreamExt};

use crate::connection::{ANSWER, ConnectError, Connection, SettingsError};
use crate::pull::{PAUSE, Pull, PullError, Taken};
use crate::stream::{SUBJECTS, current_name};

pub use event::Event;
use merge::Merge;
use position::{Handled, PositionFile};

/// How long a quiet subscriber waits until it looks whether it was only not told.
const LOOK: Duration = Duration::from_secs(1);

/// What to subscribe to, and where to keep what was handled.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How NATS is reached.
    pub connection: Connection,
    /// The subjects, with NATS wildcards; all of them where there is none.
    pub filters: Vec<String>,
    /// What the consumers are called: this, and a number for each filter.
    pub name: String,
    /// The file in which it is kept what was handled. One subscriber has it at a time.
    pub position_file: PathBuf,
    /// Where to begin where nothing was handled yet: at this position, or with what comes next.
    pub from: Option<u64>,
}

/// Why a subscription cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file of credentials.
    #[error(transparent)]
    Credentials(ConnectError),
    /// The name cannot be a consumer's.
    #[error("{0:?} cannot name a consumer: it takes letters, digits, - and _")]
    Name(String),
    /// The file of what was handled.
    #[error("{file}: {cause}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: std::io::Error,
    },
    /// The events are of another ledger than those that were handled.
    #[error(
        "the events are those of {found}, and those handled before were of {handled}: use another \
         position file"
    )]
    OtherLedger {
        /// Whose they were.
        handled: String,
        /// Whose they are.
        found: String,
    },
    /// The ledger was restored from a backup: what was handled is no longer in it.
    #[error(
        "position {position} is no longer the entry that was handled: the ledger was restored from \
         a backup. Look at what was done for positions up to {position}, then begin again with \
         another position file and --from"
    )]
    HistoryChanged {
        /// The last position that was handled.
        position: u64,
    },
    /// A message is none of Dutyledger's.
    #[error("sequence {sequence} is no message of dutyledger's: {why}")]
    Foreign {
        /// Its sequence.
        sequence: u64,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A subscription.
pub struct Subscription {
    settings: Settings,
    file: PositionFile,
    handled: Handled,
    /// Whether the entry that was handled last was met again since the consumers were made, or they
    /// begin after it.
    met: bool,
    /// Up to where events were handed out.
    given: u64,
    client: Option<Client>,
    attached: Option<Attached>,
    failing: bool,
}

/// What is held while connected to a stream.
struct Attached {
    js: Context,
    stream: String,
    merge: Merge,
    /// What is published on the subjects: it tells that there is something to take.
    news: SelectAll<async_nats::Subscriber>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("settings", &self.settings)
            .field("handled", &self.handled)
            .finish_non_exhaustive()
    }
}

impl Subscription {
    /// Opens a subscription, without connecting yet.
    ///
    /// # Errors
    /// When the settings are not right, or the position file cannot be read or is in use.
    pub fn open(mut settings: Settings) -> Result<Self, SubscribeError> {
        settings.connection.check()?;
        if settings.filters.is_empty() {
            settings.filters.push(SUBJECTS.to_owned());
        }
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if settings.name.is_empty() || !settings.name.bytes().all(word) {
            return Err(SubscribeError::Name(settings.name));
        }
        let file = PositionFile::open(&settings.position_file)?;
        let mut handled = file.read()?.unwrap_or_default();
        if handled.position == 0
            && let Some(from) = settings.from
        {
            handled.position = from.saturating_sub(1);
            handled.begun = true;
        }
        if handled.filters != settings.filters {
            // What was handled last may be nothing that these filters let through.
            handled.entry_id = None;
            handled.filters.clone_from(&settings.filters);
        }
        Ok(Self {
            given: handled.position,
            settings,
            file,
            handled,
            met: false,
            client: None,
            attached: None,
            failing: false,
        })
    }

    /// The last position that was handled, or that it began after.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.handled.position
    }

    /// Waits for events and gives them in the order of the ledger, at least one. Where NATS cannot be
    /// reached it tries again, for as long as it takes.
    ///
    /// # Errors
    /// When it cannot go on: see [`SubscribeError`].
    pub async fn next(&mut self) -> Result<Vec<Event>, SubscribeError> {
        loop {
            let events = self.look().await?;
            if !events.is_empty() {
                return Ok(events);
            }
            self.wait().await;
        }
    }

    /// The events there are now, in the order of the ledger; none means that all were given.
    ///
    /// # Errors
    /// When it cannot go on: see [`SubscribeError`].
    pub async fn ready(&mut self) -> Result<Vec<Event>, SubscribeError> {
        self.look().await
    }

    /// Keeps that an event, and all before it, were handled: durably, before this returns.
    ///
    /// # Errors
    /// When the position file cannot be written.
    pub fn handled(&mut self, event: &Event) -> Result<(), SubscribeError> {
        self.handled.position = event.position;
        self.handled.entry_id = Some(event.entry_id.clone());
        self.handled.source = Some(event.source.clone());
        self.handled.begun = true;
        self.file.write(&self.handled)
    }

    /// Takes what there is, connecting first where that is needed, for as long as it takes.
    async fn look(&mut self) -> Result<Vec<Event>, SubscribeError> {
        loop {
            let failed = match self.try_look().await {
                Ok(taken) => {
                    self.failing = false;
                    return self.events(taken);
                }
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Passing(why)) => why,
            };
            self.attached = None;
            if !std::mem::replace(&mut self.failing, true) {
                tracing::warn!(why = failed, "waiting for NATS");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn try_look(&mut self) -> Result<Vec<Taken>, Failed> {
        if self.attached.is_none() {
            self.attach().await?;
        }
        match &mut self.attached {
            Some(attached) => Ok(attached.merge.round().await?),
            None => Err(Failed::Passing("not connected".to_owned())),
        }
    }

    /// Makes the consumers, from where events were handled or given.
    async fn attach(&mut self) -> Result<(), Failed> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => {
                let connected = self.settings.connection.connect(Arc::default()).await;
                let client = connected.map_err(|error| match error {
                    ConnectError::Nats(error) => Failed::Passing(error.to_string()),
                    error => Failed::Final(SubscribeError::Credentials(error)),
                })?;
                self.client.insert(client).clone()
            }
        };
        let js = jetstream::context::ContextBuilder::new()
            .timeout(ANSWER)
            .build(client.clone());
        let stream = current_name(&js).await.map_err(PullError::Api)?;
        let stream = stream.ok_or_else(|| Failed::Passing("there is no stream yet".to_owned()))?;
        // What is told before a consumer is there is found by it.
        let mut news = Vec::new();
        for filter in &self.settings.filters {
            let told = client.subscribe(filter.clone()).await;
            news.push(told.map_err(|error| Failed::Passing(error.to_string()))?);
        }
        let mut from = self.begin();
        let mut pulls = Vec::new();
        for (number, filter) in self.settings.filters.clone().iter().enumerate() {
            let name = format!("{}-{number}", self.settings.name);
            let made = Pull::create(&js, &client, &stream, &name, filter, from).await;
            let (pull, end) = made?;
            pulls.push(pull);
            if from.is_none() {
                // All begin at the same place, which is kept: what comes from now on is not missed.
                from = Some(end + 1);
                self.begun_after(end).map_err(Failed::Final)?;
            }
        }
        self.met = !self.handled.begun || self.handled.entry_id.is_none();
        self.attached = Some(Attached {
            js,
            stream,
            merge: Merge::new(pulls),
            news: select_all(news),
        });
        Ok(())
    }

    /// The sequence the consumers begin at: the last one handled, so that it is seen whether it is
    /// still the same.
    fn begin(&self) -> Option<u64> {
        match (self.handled.begun, &self.handled.entry_id) {
            (false, _) => None,
            (true, Some(_)) => Some(self.handled.position.max(1)),
            (true, None) => Some(self.handled.position + 1),
        }
    }

    fn begun_after(&mut self, end: u64) -> Result<(), SubscribeError> {
        self.handled.position = end;
        self.handled.begun = true;
        self.given = end;
        self.file.write(&self.handled)
    }

    /// Waits until there may be something to take; makes the consumers anew where another stream has
    /// the subjects now.
    async fn wait(&mut self) {
        let Some(attached) = &mut self.attached else {
            return;
        };
        let told = tokio::time::timeout(LOOK, attached.news.next()).await;
        if let Ok(Some(Message { .. })) = told {
            // One look takes what all of these tell of.
            while let Some(Some(_)) = attached.news.next().now_or_never() {}
            return;
        }
        match current_name(&attached.js).await {
            Ok(Some(name)) if name == attached.stream => {}
            _ => self.attached = None,
        }
    }

    /// What was taken as events, without what was handled or given before.
    fn events(&mut self, taken: Vec<Taken>) -> Result<Vec<Event>, SubscribeError> {
        let mut events = Vec::new();
        for taken in taken {
            let event = Event::of(taken)?;
            match &self.handled.source {
                Some(handled) if *handled != event.source => {
                    return Err(SubscribeError::OtherLedger {
                        handled: handled.clone(),
                        found: event.source,
                    });
                }
                _ => {}
            }
            let position = self.handled.position;
            if let Some(entry) = &self.handled.entry_id
                && !self.met
                && event.position >= position
            {
                if event.position != position || event.entry_id != *entry {
                    return Err(SubscribeError::HistoryChanged { position });
                }
                self.met = true;
            }
            if event.position > self.given {
                self.given = event.position;
                events.push(event);
            }
        }
        Ok(events)
    }
}

/// Why a look came to nothing.
enum Failed {
    Passing(String),
    Final(SubscribeError),
}

impl From<PullError> for Failed {
    fn from(error: PullError) -> Self {
        Self::Passing(error.to_string())
    }
}
