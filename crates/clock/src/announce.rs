//! What is to be announced of one partnership, or of one case that names none.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use dutyledger_application::{Bus, CommandError, Request, Target, load, london_date};
use dutyledger_domain::deadlines::{Dated, deadlines};
use dutyledger_domain::streams::deadline::{self, AnnounceDeadline, Announced, Announcement};
use dutyledger_domain::streams::trigger::{
    self, AnnounceTrigger, CaseTriggerSet, TriggerSet, WhatIsShown,
};
use dutyledger_domain::streams::{Deadline, Direction, TriggerStream};
use dutyledger_domain::triggers::{Trigger, cleared_by, ids_of_case, triggers};
use dutyledger_domain::{Histories, History, RefusalCode, StreamKind};
use dutyledger_record::{EntryError, EntryId, OccurredOn, Principal, Stream, StreamId};

use crate::{Clock, ClockError};

/// Whether a stream holds announcements, which change nothing the clock looks at.
pub(crate) fn is_announcement(stream: &Stream) -> bool {
    stream.stream_type == Deadline::TYPE || stream.stream_type == TriggerStream::TYPE
}

/// What was announced of each stream: its events, in order. There is one for each version.
type Said = BTreeMap<StreamId, Vec<String>>;

impl Clock {
    /// Announces what is to be announced of a partnership, or of a case that names none, on a day.
    pub(crate) async fn look_at(
        &self,
        whose: StreamId,
        today: NaiveDate,
    ) -> Result<(), ClockError> {
        // What was said before what was known: nothing is said again for want of knowing why it was.
        let mut said = Said::new();
        for (stream, event) in self.projections.announced(whose).await? {
            said.entry(stream.id).or_default().push(event);
        }
        let streams = self.projections.depends_on(whose).await?;
        let head = self.bus.ledger().last_position().await?;
        let histories = load::histories(self.bus.ledger(), streams, head).await?;
        let dates = deadlines(whose, &histories);
        if let Some(case) = histories.directions.get(&whose) {
            said.extend(self.said_of_case(case, &dates, head).await?);
        }
        for dated in dates {
            let events = said.get(&dated.stream()).map_or(&[][..], Vec::as_slice);
            self.announce_deadline(&dated, events, today).await?;
        }
        let mut open = triggers(whose, &histories, today);
        open.retain(|trigger| trigger.is_open() && trigger.since <= today);
        self.announce_triggers(whose, &open, &said, &histories, today)
            .await
    }

    /// What was announced of a case that names no partnership, up to a position. No timeline has it, so
    /// the few streams are asked that it may have been announced in.
    async fn said_of_case(
        &self,
        case: &History<Direction>,
        dates: &[Dated],
        up_to: u64,
    ) -> Result<Said, ClockError> {
        let dates = dates.iter().map(|dated| deadline::stream(dated.stream()));
        let triggers = ids_of_case(case).into_iter().map(trigger::stream);
        let mut said = Said::new();
        for stream in dates.chain(triggers) {
            let stored = self.bus.ledger().read_stream(&stream, Some(up_to)).await?;
            let events = stored
                .iter()
                .map(|stored| Ok(stored.record()?.event.event_type));
            let events = events.collect::<Result<Vec<_>, EntryError>>()?;
            if !events.is_empty() {
                said.insert(stream.id, events);
            }
        }
        Ok(said)
    }

    async fn announce_deadline(
        &self,
        dated: &Dated,
        said: &[String],
        today: NaiveDate,
    ) -> Result<(), ClockError> {
        let mut announced = Announced::default();
        for event in said {
            announced.hear(event);
        }
        // Nothing of it is to be said yet, whenever it was recorded.
        if dated
            .to_announce(NaiveDate::MIN, announced, today)
            .is_empty()
        {
            return Ok(());
        }
        let mut recorded_on = NaiveDate::MIN;
        for cause in &dated.causes {
            let Some(on) = self.recorded_on(*cause).await? else {
                return Ok(());
            };
            recorded_on = recorded_on.max(on);
        }
        let all = dated.to_announce(recorded_on, announced, today);
        for (version, (announcement, on)) in (said.len()..).zip(all) {
            let cause = match announcement {
                Announcement::Met { by, .. } | Announcement::Lifted { by } => by,
                _ => dated.set.counted_from(),
            };
            let command = AnnounceDeadline {
                deadline: dated.set.clone(),
                announcement,
            };
            let to = (dated.stream(), version);
            announce::<Deadline>(&self.bus, to, on, Some(cause), command.into()).await?;
        }
        Ok(())
    }

    /// For one authority, duty and area one is announced as open, whatever it is counted from by now: a
    /// case about what was shown already neither opens it again nor clears it.
    async fn announce_triggers(
        &self,
        whose: StreamId,
        open: &[Trigger],
        said: &Said,
        histories: &Histories,
        today: NaiveDate,
    ) -> Result<(), ClockError> {
        let version = |id: &StreamId| said.get(id).map_or(0, Vec::len);
        let was_open = |id: &StreamId| {
            let last = said.get(id).and_then(|events| events.last());
            last.is_some_and(|event| matches!(&**event, "TriggerOpened" | "CaseTriggerOpened"))
        };
        let is_open = |id: &StreamId| open.iter().any(|trigger| trigger.id == id.uuid());
        let mut told_of = BTreeSet::new();
        for id in said.keys().filter(|id| was_open(id) && !is_open(id)) {
            let history = load::history::<TriggerStream>(self.bus.ledger(), *id, None).await?;
            let Some(trigger) = history.state(NaiveDate::MAX).trigger.clone() else {
                continue;
            };
            let goes_on = open.iter().find(|one| one.key() == trigger.key());
            // One stream goes on telling of it: this one, unless its own does already.
            if goes_on.is_some_and(|one| {
                !was_open(&StreamId::new(one.id)) && told_of.insert(trigger.key())
            }) {
                continue;
            }
            if self.said_after(*id, today).await? {
                continue;
            }
            let cause = goes_on
                .is_none()
                .then(|| cleared_by(&trigger, histories, today))
                .flatten();
            let command = AnnounceTrigger {
                trigger,
                open: false,
            };
            let to = (*id, version(id));
            announce::<TriggerStream>(&self.bus, to, today, cause, command.into()).await?;
        }
        for trigger in open {
            let id = StreamId::new(trigger.id);
            let news = !was_open(&id) && !told_of.contains(&trigger.key());
            let Some(counted_from) = trigger.evidence.first().filter(|_| news) else {
                continue;
            };
            if said.contains_key(&id) && self.said_after(id, today).await? {
                continue;
            }
            let (area, authority, duty) = (trigger.area, trigger.authority, trigger.duty);
            let counted_from = *counted_from;
            let set = match trigger.partnership {
                Some(partnership) => WhatIsShown::Partnership(TriggerSet {
                    area,
                    authority,
                    counted_from,
                    duty,
                    partnership,
                }),
                None => WhatIsShown::Case(CaseTriggerSet {
                    area,
                    authority,
                    case: whose,
                    counted_from,
                    duty,
                }),
            };
            let command = AnnounceTrigger {
                trigger: set,
                open: true,
            };
            let (to, cause) = ((id, version(&id)), Some(counted_from));
            announce::<TriggerStream>(&self.bus, to, today, cause, command.into()).await?;
        }
        Ok(())
    }

    /// Whether something was announced of a trigger with a later date than today: then the machine's
    /// clock was set back, and until it is there again nothing is taken back or said once more.
    async fn said_after(&self, id: StreamId, today: NaiveDate) -> Result<bool, ClockError> {
        let stream = Stream::new(TriggerStream::TYPE, id);
        for stored in self.bus.ledger().read_stream(&stream, None).await? {
            if stored.record()?.entry.standing.occurred_on.date > today {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The day in Europe/London on which an entry was recorded.
    async fn recorded_on(&self, entry: EntryId) -> Result<Option<NaiveDate>, ClockError> {
        let stored = self.bus.ledger().entry(entry).await?;
        let record = stored.map(|stored| stored.record()).transpose()?;
        Ok(record.map(|record| london_date(record.recorded_at)))
    }
}

/// Announces something in a stream at the version that was seen. Where another has announced
/// something there since, that one leads, and looks at everything.
async fn announce<K: StreamKind>(
    bus: &Bus,
    (stream, version): (StreamId, usize),
    on: NaiveDate,
    cause: Option<EntryId>,
    command: K::Command,
) -> Result<(), ClockError> {
    let request = Request {
        occurred_on: Some(OccurredOn {
            assumed: false,
            date: on,
        }),
        causation_id: cause,
        // A usize is at most 64 bits wide on every platform Rust has.
        if_match: Some(version as u64),
        ..Request::plain(Principal::SYSTEM, Target::Stream(stream), command)
    };
    match bus.execute::<K>(request).await {
        Ok(_) | Err(CommandError::Stale { .. }) => Ok(()),
        // The machine's clock was set back to before anything was said of it. That is no reason to be
        // silent about everything else.
        Err(CommandError::Refused { refusal, .. })
            if refusal.code == RefusalCode::DateBeforeOpening =>
        {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
