//! The clock: what passes because days pass becomes an entry, once.
//!
//! A date that comes, passes, is met or is lifted, and a direction trigger that opens or clears, is
//! announced in a stream of its own, so that it stands in nobody's way. What is to be announced is a
//! function of the record and of today ([`deadlines`], [`triggers`]); whether it has been is decided
//! by the stream it is announced in. So it is announced once, however often anybody looks, and the
//! clock keeps nothing that could be lost: it looks at every partnership when it starts and when a
//! day begins, and at those that entries have touched in between.
//!
//! Of several processes over one ledger, the one that writes the projections runs it.

mod announce;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::time::{MissedTickBehavior, interval};

use dutyledger_application::{Bus, CommandError, LoadError};
use dutyledger_domain::streams::Partnership;
use dutyledger_ledger::ReadError;
use dutyledger_projections::{PAGE_ROWS_MAX, Projections, ProjectorGone, QueryError};
use dutyledger_record::{EntryError, StreamId};

/// How often it is asked whether a day has begun.
const TICK: Duration = Duration::from_secs(1);
/// How long the clock waits after something failed, before it looks at everything again.
const RETRY: Duration = Duration::from_secs(5);
/// How many entries are read at a time to see what they touch.
const ENTRIES: u32 = 1_000;

/// Why the clock could not look.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A stream could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An entry is no record of this format.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The projections could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// What was to be announced was not recorded.
    #[error("an announcement was not recorded: {0}")]
    Command(#[from] CommandError),
    /// Nobody moves the projections any more.
    #[error(transparent)]
    Gone(#[from] ProjectorGone),
}

/// The clock.
#[derive(Clone)]
pub struct Clock {
    bus: Bus,
    projections: Projections,
}

/// How far the clock has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// As of this day.
    pub on: NaiveDate,
    /// Up to this position.
    pub position: u64,
}

impl Clock {
    /// A clock that announces through a bus what the projections help it find.
    #[must_use]
    pub const fn new(bus: Bus, projections: Projections) -> Self {
        Self { bus, projections }
    }

    /// Runs until `shutdown` completes. It may be stopped at any await.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let work = async {
            loop {
                match self.follow().await {
                    Err(ClockError::Gone(_)) => return,
                    Err(error) => {
                        tracing::warn!(%error, "the clock does not get on");
                        tokio::time::sleep(RETRY).await;
                    }
                    Ok(()) => {}
                }
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = work => {}
        }
    }

    /// Looks at everything, and then at what changes, for as long as this process leads.
    async fn follow(&self) -> Result<(), ClockError> {
        self.projections.leading_past(0).await?;
        let mut looked = self.look_at_all().await?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.projections.leads() {
            tokio::select! {
                _ = tick.tick() => {
                    if self.bus.edge().today() != looked.on {
                        looked = self.look_at_all().await?;
                    }
                }
                moved = self.projections.leading_past(looked.position) => {
                    moved?;
                    looked = self.look_since(looked).await?;
                }
            }
        }
        Ok(())
    }

    /// Looks at every partnership, and announces what is to be announced.
    ///
    /// # Errors
    /// See [`ClockError`]. What was announced by then stays announced.
    pub async fn look_at_all(&self) -> Result<Looked, ClockError> {
        let looked = self.now();
        let mut after = None;
        loop {
            let page = self
                .projections
                .streams::<Partnership>(after, PAGE_ROWS_MAX)
                .await?;
            for row in &page.rows {
                self.look_at(row.id, looked).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(looked);
            }
        }
    }

    /// Looks at the partnerships that entries have touched since.
    ///
    /// # Errors
    /// See [`ClockError`].
    pub async fn look_since(&self, before: Looked) -> Result<Looked, ClockError> {
        let looked = self.now();
        for partnership in self.touched(before.position, looked.position).await? {
            self.look_at(partnership, looked).await?;
        }
        Ok(looked)
    }

    fn now(&self) -> Looked {
        Looked {
            on: self.bus.edge().today(),
            position: self.projections.position(),
        }
    }

    /// The partnerships whose dates and triggers may be others than before.
    async fn touched(&self, after: u64, up_to: u64) -> Result<BTreeSet<StreamId>, ClockError> {
        let mut all = BTreeSet::new();
        let mut after = after;
        while after < up_to {
            let page = self.bus.ledger().read(after, ENTRIES).await?;
            let mut streams = BTreeSet::new();
            for stored in page.iter().filter(|stored| stored.position <= up_to) {
                let stream = stored.record()?.entry.stream;
                if !announce::is_announcement(&stream) {
                    streams.insert(stream);
                }
            }
            let streams: Vec<_> = streams.into_iter().collect();
            all.extend(self.projections.dependents(&streams).await?);
            let Some(last) = page.last() else { break };
            after = last.position;
        }
        Ok(all)
    }
}
