//! What is to be announced of one partnership.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use dutyledger_application::{Bus, CommandError, Request, Target, load, london_date};
use dutyledger_domain::deadlines::{Announced, Dated, deadlines};
use dutyledger_domain::streams::deadline::{AnnounceDeadline, Announcement};
use dutyledger_domain::streams::trigger::{AnnounceTrigger, TriggerSet};
use dutyledger_domain::streams::{Deadline, TriggerStream};
use dutyledger_domain::triggers::{Trigger, triggers};
use dutyledger_domain::{RefusalCode, StreamKind};
use dutyledger_record::{EntryId, OccurredOn, Principal, Stream, StreamId};

use crate::{Clock, ClockError, Looked};

/// Whether a stream holds announcements, which change nothing the clock looks at.
pub(crate) fn is_announcement(stream: &Stream) -> bool {
    stream.stream_type == Deadline::TYPE || stream.stream_type == TriggerStream::TYPE
}

impl Clock {
    /// Announces what is to be announced of a partnership, on a day and as known at a position.
    pub(crate) async fn look_at(
        &self,
        partnership: StreamId,
        looked: Looked,
    ) -> Result<(), ClockError> {
        let streams = self.projections.depends_on(partnership).await?;
        let histories = load::histories(self.bus.ledger(), streams, looked.position).await?;
        let mut said: BTreeMap<StreamId, Vec<String>> = BTreeMap::new();
        for (stream, event) in self.projections.announced(partnership).await? {
            said.entry(stream.id).or_default().push(event);
        }
        for dated in deadlines(partnership, &histories) {
            let events = said.get(&dated.stream());
            let announced = Announced::of(events.into_iter().flatten());
            self.announce_deadline(&dated, announced, looked.on).await?;
        }
        let found = triggers(partnership, &histories, looked.on);
        let open: Vec<_> = found
            .into_iter()
            .filter(|trigger| trigger.is_open() && trigger.since <= looked.on)
            .collect();
        let last =
            |events: &Vec<String>| events.last().map(String::as_str) == Some("TriggerOpened");
        let was_open: BTreeSet<_> = said
            .iter()
            .filter(|(_, events)| last(events))
            .map(|(id, _)| *id)
            .collect();
        self.announce_triggers(&open, &was_open, looked.on).await
    }

    async fn announce_deadline(
        &self,
        dated: &Dated,
        announced: Announced,
        today: NaiveDate,
    ) -> Result<(), ClockError> {
        // Nothing of it is to be said yet, whenever it was recorded.
        if dated
            .to_announce(NaiveDate::MIN, announced, today)
            .is_empty()
        {
            return Ok(());
        }
        let Some(recorded_on) = self.recorded_on(dated.set.counted_from).await? else {
            return Ok(());
        };
        for (announcement, on) in dated.to_announce(recorded_on, announced, today) {
            let by = match announcement {
                Announcement::Met { by, .. } | Announcement::Lifted { by } => by,
                _ => dated.set.counted_from,
            };
            let command = AnnounceDeadline {
                deadline: dated.set.clone(),
                announcement,
            };
            let request = request(dated.stream(), on, Some(by), command.into());
            announce::<Deadline>(&self.bus, request).await?;
        }
        Ok(())
    }

    async fn announce_triggers(
        &self,
        open: &[Trigger],
        was_open: &BTreeSet<StreamId>,
        today: NaiveDate,
    ) -> Result<(), ClockError> {
        for trigger in open {
            let id = StreamId::new(trigger.id);
            let Some(counted_from) = trigger.evidence.first().filter(|_| !was_open.contains(&id))
            else {
                continue;
            };
            let set = TriggerSet {
                area: trigger.area,
                authority: trigger.authority,
                counted_from: *counted_from,
                duty: trigger.duty,
                partnership: trigger.partnership,
            };
            let command = AnnounceTrigger {
                trigger: set,
                open: true,
            };
            let request = request(id, today, Some(*counted_from), command.into());
            announce::<TriggerStream>(&self.bus, request).await?;
        }
        for id in was_open {
            if open.iter().any(|trigger| trigger.id == id.uuid()) {
                continue;
            }
            let history = load::history::<TriggerStream>(self.bus.ledger(), *id, None).await?;
            let Some(trigger) = history.state(NaiveDate::MAX).trigger.clone() else {
                continue;
            };
            let command = AnnounceTrigger {
                trigger,
                open: false,
            };
            let request = request(*id, today, None, command.into());
            announce::<TriggerStream>(&self.bus, request).await?;
        }
        Ok(())
    }

    /// The day in Europe/London on which an entry was recorded.
    async fn recorded_on(&self, entry: EntryId) -> Result<Option<NaiveDate>, ClockError> {
        let stored = self.bus.ledger().entry(entry).await?;
        let record = stored.map(|stored| stored.record()).transpose()?;
        Ok(record.map(|record| london_date(record.recorded_at)))
    }
}

fn request<C>(stream: StreamId, on: NaiveDate, cause: Option<EntryId>, command: C) -> Request<C> {
    Request {
        occurred_on: Some(OccurredOn {
            assumed: false,
            date: on,
        }),
        causation_id: cause,
        ..Request::plain(Principal::SYSTEM, Target::Stream(stream), command)
    }
}

/// Announces something, unless it has been by now.
async fn announce<K: StreamKind>(
    bus: &Bus,
    request: Request<K::Command>,
) -> Result<(), ClockError> {
    match bus.execute::<K>(request).await {
        Ok(_) => Ok(()),
        Err(CommandError::Refused { refusal, .. }) if refusal.code == RefusalCode::AlreadySo => {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
