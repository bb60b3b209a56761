//! The clock: what passes because days pass becomes an entry, once.
//!
//! A date that comes, passes, is met or is lifted, and a direction trigger that opens or clears, is
//! announced in a stream of its own, so that it stands in nobody's way. What is to be announced is a
//! function of the record and of today ([`deadlines`], [`triggers`]); whether it has been is decided
//! by the stream it is announced in, at the version that was seen. So it is announced once, however
//! often anybody looks, and the clock keeps nothing that could be lost: it looks at every partnership,
//! and every case that names none, when it begins to lead and when a day begins, and at those that
//! entries have touched in between.
//!
//! Of several processes over one ledger, the one that writes the projections runs it: when that one
//! dies or is stopped, another goes on within 15 s.

mod announce;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::time::{MissedTickBehavior, interval};

use dutyledger_application::{Bus, CommandError, LoadError, london_date};
use dutyledger_domain::StreamKind;
use dutyledger_domain::streams::{LedgerStream, Partnership};
use dutyledger_ledger::ReadError;
use dutyledger_projections::{PAGE_ROWS_MAX, Projections, QueryError};
use dutyledger_record::{EntryError, StreamId};

/// How often it looks whether a day has begun, or entries have touched something. What passes passes
/// by the day, so entries may gather: a partnership is looked at once for many.
const EVERY: Duration = Duration::from_secs(5);
/// The events of the ledger's own stream that bear on every partnership: other rules, and dates that
/// are one for all, set or withdrawn.
const FOR_ALL: [&str; 3] = ["RulePackAdopted", "DeadlineDateSet", "EntryCorrected"];
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
}

/// The clock.
#[derive(Clone)]
pub struct Clock {
    bus: Bus,
    projections: Projections,
}

/// How far the clock has looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// As of this day.
    pub on: NaiveDate,
    /// Up to this position.
    pub position: u64,
    /// The partnerships, and cases that name none, it could not look at: it tries them again the next
    /// time, and goes on with the others meanwhile.
    pub failed: BTreeSet<StreamId>,
}

impl Clock {
    /// A clock that announces through a bus what the projections help it find.
    #[must_use]
    pub const fn new(bus: Bus, projections: Projections) -> Self {
        Self { bus, projections }
    }

    /// Runs until `shutdown` completes. It may be stopped at any await. What fails is tried again,
    /// from the beginning.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let work = async {
            let mut every = interval(EVERY);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut looked = None;
            loop {
                every.tick().await;
                looked = match self.look(looked).await {
                    Ok(looked) => looked,
                    Err(error) => {
                        tracing::warn!(%error, "the clock does not get on");
                        None
                    }
                };
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = work => {}
        }
    }

    /// Looks at what there is to look at since it last did, if this process leads.
    async fn look(&self, before: Option<Looked>) -> Result<Option<Looked>, ClockError> {
        if !self.projections.leads() {
            return Ok(None);
        }
        let today = self.bus.edge().today();
        let looked = match before.filter(|before| before.on == today) {
            Some(before) => self.look_since(before).await?,
            None => self.look_at_all().await?,
        };
        Ok(Some(looked))
    }

    /// Looks at every partnership, and at every case that names none, and announces what is to be
    /// announced.
    ///
    /// # Errors
    /// See [`ClockError`]. What was announced by then stays announced.
    pub async fn look_at_all(&self) -> Result<Looked, ClockError> {
        let mut looked = self.now();
        if self.went_back(looked.on).await? {
            return Ok(looked);
        }
        let mut failed = Vec::new();
        let mut after = None;
        loop {
            let page = self
                .projections
                .streams::<Partnership>(after, PAGE_ROWS_MAX)
                .await?;
            for row in &page.rows {
                self.try_at(row.id, looked.on, &mut failed).await;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = self.projections.cases_alone(after, PAGE_ROWS_MAX).await?;
            for row in &page.rows {
                self.try_at(row.id, looked.on, &mut failed).await;
            }
            after = page.next;
            if after.is_none() {
                looked.failed = reported(failed);
                return Ok(looked);
            }
        }
    }

    /// Looks at the partnerships and cases that entries have touched since; at all of them where the
    /// rules, or the dates that are one for all, have changed.
    ///
    /// # Errors
    /// See [`ClockError`].
    pub async fn look_since(&self, before: Looked) -> Result<Looked, ClockError> {
        let mut looked = self.now();
        if self.went_back(looked.on).await? {
            return Ok(before);
        }
        let Some(touched) = self.touched(before.position, looked.position).await? else {
            return self.look_at_all().await;
        };
        let mut failed = Vec::new();
        for whose in touched.union(&before.failed) {
            self.try_at(*whose, looked.on, &mut failed).await;
        }
        looked.failed = reported(failed);
        Ok(looked)
    }

    /// Looks at one partnership or case. Where that fails the others are looked at all the same.
    async fn try_at(
        &self,
        whose: StreamId,
        today: NaiveDate,
        failed: &mut Vec<(StreamId, ClockError)>,
    ) {
        if let Err(error) = self.look_at(whose, today).await {
            failed.push((whose, error));
        }
    }

    /// Whether the day lies before one on which something was recorded. Until it comes again there is
    /// nothing to say: what had come would seem to be ahead, and what was open to be cleared.
    async fn went_back(&self, today: NaiveDate) -> Result<bool, ClockError> {
        let ledger = self.bus.ledger();
        let head = ledger.last_position().await?;
        let page = ledger.read(head.saturating_sub(1), 1).await?;
        let last = page.first().map(|stored| stored.record()).transpose()?;
        Ok(last.is_some_and(|record| london_date(record.recorded_at) > today))
    }

    fn now(&self) -> Looked {
        Looked {
            on: self.bus.edge().today(),
            position: self.projections.position(),
            failed: BTreeSet::new(),
        }
    }

    /// The partnerships and cases whose dates and triggers may be others than before; nothing where
    /// they may be so for all.
    async fn touched(
        &self,
        after: u64,
        up_to: u64,
    ) -> Result<Option<BTreeSet<StreamId>>, ClockError> {
        let mut all = BTreeSet::new();
        let mut after = after;
        while after < up_to {
            let page = self.bus.ledger().read_on(after, ENTRIES).await?;
            let mut streams = BTreeSet::new();
            for stored in page.iter().filter(|stored| stored.position <= up_to) {
                let record = stored.record()?;
                let stream = record.entry.stream;
                let event = record.event.event_type.as_str();
                if stream.stream_type == LedgerStream::TYPE && FOR_ALL.contains(&event) {
                    return Ok(None);
                }
                if !announce::is_announcement(&stream) {
                    streams.insert(stream);
                }
            }
            let streams: Vec<_> = streams.into_iter().collect();
            all.extend(self.projections.dependents(&streams).await?);
            let Some(last) = page.last() else { break };
            after = last.position;
        }
        Ok(Some(all))
    }
}

/// Reports once that some could not be looked at, with the first of them: what fails one may fail all.
fn reported(failed: Vec<(StreamId, ClockError)>) -> BTreeSet<StreamId> {
    if let Some((whose, error)) = failed.first() {
        let count = failed.len();
        tracing::warn!(%whose, %error, count, "the clock could not look at a partnership or a case");
    }
    failed.into_iter().map(|(whose, _)| whose).collect()
}
