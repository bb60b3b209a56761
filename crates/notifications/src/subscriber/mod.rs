//! The kit of those who subscribe: every event that its filters let through, once and in order.
//!
//! What was handled is kept on the subscriber's own disk, outside NATS: consumers are made anew from
//! there, and nothing at or below it is handled again, whatever becomes of the server and its store.
//! Each filter has a consumer of its own, since old servers know no more than one filter in each; their
//! messages are merged by the sequence in the stream, which is the order of the ledger.

mod event;
mod merge;
mod position;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use async_nats::{Client, Message};
use futures_util::stream::{SelectAll, select_all};
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;

use crate::connection::{ANSWER, ConnectError, Connection, SettingsError};
use crate::pull::{PAUSE, Pull, PullError, Taken, lets_through};
use crate::stream::{SUBJECTS, current_name};

pub use event::Event;
use merge::{Merge, Source};
use position::{Entry, Handled, PositionFile};

/// How long a quiet subscriber waits until it looks whether it was only not told.
const LOOK: Duration = Duration::from_secs(1);

/// What to subscribe to, and where to keep what was handled.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How NATS is reached.
    pub connection: Connection,
    /// The subjects, with NATS wildcards; all of them where there is none.
    pub filters: Vec<String>,
    /// What the consumers are called, where permissions name them: this, and a number for each filter.
    /// No two subscribers of a stream may have the same; without it each has one of its own.
    pub name: Option<String>,
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
    /// Up to where events of each filter were handed out.
    given: BTreeMap<String, u64>,
    /// Since when it was told of something and nothing came.
    in_vain: Option<Instant>,
    client: Option<Client>,
    attached: Option<Attached>,
    failing: bool,
}

/// What is held while connected to a stream.
struct Attached {
    js: Context,
    stream: String,
    merge: Merge<Pull>,
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
        if let Some(name) = &settings.name
            && (name.is_empty() || !name.bytes().all(word))
        {
            return Err(SubscribeError::Name(name.clone()));
        }
        let file = PositionFile::open(&settings.position_file)?;
        let mut handled = file.read()?.unwrap_or_default();
        if handled.position == 0
            && let Some(from) = settings.from
        {
            handled.position = from.saturating_sub(1);
            handled.begun = true;
        }
        let before = std::mem::take(&mut handled.filters);
        let so_far = |filter: &String| match before.get(filter) {
            Some(position) => (filter.clone(), *position),
            // A filter that is new begins where the others are.
            None => (filter.clone(), handled.position),
        };
        handled.filters = settings.filters.iter().map(so_far).collect();
        if !handled.filters.keys().eq(before.keys()) {
            // What was handled last may be nothing that these filters let through.
            handled.entry = None;
        }
        Ok(Self {
            given: handled.filters.clone(),
            settings,
            file,
            handled,
            met: false,
            in_vain: None,
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
                self.in_vain = None;
                return Ok(events);
            }
            // What tells of news goes on where the consumers are gone, or another stream has the
            // subjects now.
            if self.in_vain.is_some_and(|since| since.elapsed() >= LOOK) {
                self.in_vain = None;
                self.attached = None;
            }
            if self.wait().await {
                self.in_vain.get_or_insert_with(Instant::now);
            } else {
                self.in_vain = None;
            }
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
        reach(&mut self.handled.filters, event);
        // One that came late is not the last.
        if event.position >= self.handled.position {
            self.handled.position = event.position;
            self.handled.entry = Some(Entry {
                id: event.entry_id.clone(),
                recorded_at: event.recorded_at,
            });
        }
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
                    let nothing = taken.is_empty();
                    let events = self.events(taken)?;
                    // Where all of it was handled before, there may be more behind it.
                    if nothing || !events.is_empty() {
                        return Ok(events);
                    }
                    continue;
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
        let base = match &self.settings.name {
            Some(name) => name.clone(),
            // The name of an inbox is one that nobody else has.
            None => client.new_inbox().replace('.', "-"),
        };
        let names = (0..).map(|number| format!("{base}-{number}"));
        let consumers: Vec<_> = names.zip(self.settings.filters.clone()).collect();
        // One that is never used tells where the stream ends.
        let Some((name, filter)) = consumers.first() else {
            return Err(Failed::Passing("nothing to subscribe to".to_owned()));
        };
        let (_, end) = Pull::create(&js, &client, &stream, name, filter, None).await?;
        if !self.handled.begun {
            // All begin at the same place, which is kept: what comes from now on is not missed.
            self.begun_after(end).map_err(Failed::Final)?;
        }
        let position = self.handled.position;
        if end < position {
            tracing::warn!(
                end,
                position,
                "the stream ends before what was handled: it is being filled again, or the ledger \
                 was restored from a backup"
            );
        }
        let mut pulls = Vec::new();
        for (name, filter) in &consumers {
            // What was handled comes again then, and whether it is the same is seen.
            let from = if end < position {
                1
            } else {
                self.begin(filter)
            };
            let made = Pull::create(&js, &client, &stream, name, filter, Some(from)).await?;
            pulls.push(made.0);
        }
        self.met = self.handled.entry.is_none();
        self.attached = Some(Attached {
            js,
            stream,
            merge: Merge::new(pulls),
            news: select_all(news),
        });
        Ok(())
    }

    /// The sequence a filter's consumer begins at: after what was handled, or with what was handled
    /// last, so that it is seen whether it is still the same.
    fn begin(&self, filter: &str) -> u64 {
        let handled = self.handled.filters.get(filter).copied().unwrap_or(0);
        match self.handled.entry {
            Some(_) if handled == self.handled.position => handled.max(1),
            _ => handled + 1,
        }
    }

    fn begun_after(&mut self, end: u64) -> Result<(), SubscribeError> {
        self.handled.position = end;
        self.handled.begun = true;
        self.handled.filters.values_mut().for_each(|at| *at = end);
        self.given.clone_from(&self.handled.filters);
        self.file.write(&self.handled)
    }

    /// Waits until there may be something to take, and tells whether it was told so; makes the
    /// consumers anew where another stream has the subjects now.
    async fn wait(&mut self) -> bool {
        let Some(attached) = &mut self.attached else {
            return false;
        };
        let told = tokio::time::timeout(LOOK, attached.news.next()).await;
        if let Ok(Some(Message { .. })) = told {
            // One look takes what all of these tell of.
            while let Some(Some(_)) = attached.news.next().now_or_never() {}
            return true;
        }
        match current_name(&attached.js).await {
            Ok(Some(name)) if name == attached.stream => {}
            _ => self.attached = None,
        }
        false
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
            if let Some(entry) = &self.handled.entry {
                let same = event.position == position && event.entry_id == entry.id;
                // It is the first that a filter gives which let it through.
                let last = |(filter, at): (&String, &u64)| {
                    *at == position && lets_through(filter, &event.nats_subject)
                };
                let first = !self.met
                    && event.position >= position
                    && self.handled.filters.iter().any(last);
                // A ledger's instants never go back.
                let changed = match event.position.cmp(&position) {
                    Ordering::Less => event.recorded_at > entry.recorded_at,
                    Ordering::Equal => !same,
                    Ordering::Greater => event.recorded_at < entry.recorded_at,
                };
                if changed || (first && !same) {
                    return Err(SubscribeError::HistoryChanged { position });
                }
                self.met |= first;
            }
            if !self.was_given(&event) {
                if self.given.values().any(|given| *given > event.position) {
                    tracing::warn!(position = event.position, "NATS gave an event late");
                }
                reach(&mut self.given, &event);
                events.push(event);
            }
        }
        Ok(events)
    }
}

impl Subscription {
    /// Whether an event was handed out or handled before, as one of any filter that lets it through.
    fn was_given(&self, event: &Event) -> bool {
        let lets = |filter: &str| lets_through(filter, &event.nats_subject);
        let mut filters = self.given.iter();
        filters.any(|(filter, given)| event.position <= *given && lets(filter))
    }
}

/// Takes in that an event was reached by every filter that lets it through.
fn reach(filters: &mut BTreeMap<String, u64>, event: &Event) {
    for (filter, at) in filters {
        if lets_through(filter, &event.nats_subject) {
            *at = event.position.max(*at);
        }
    }
}

impl Source for Pull {
    async fn take(&mut self, limit: usize) -> Result<Vec<Taken>, PullError> {
        Self::take(self, limit).await
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
