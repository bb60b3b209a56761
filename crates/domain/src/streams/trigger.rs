//! A direction trigger that opens or clears: announced in a stream of its own, and never folded into
//! the state of what it speaks of. A trigger decides nothing (s.18).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{EntryId, Envelope, Stream, StreamId, StreamType};

use super::shown;
use crate::decide::{Actors, Opens, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::scene::Scene;
use crate::triggers::TriggerKey;
use crate::values::{Duty, Shown};

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriggerStream;

/// Whose trigger it is, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerSet {
    /// The area.
    pub area: StreamId,
    /// The authority.
    pub authority: StreamId,
    /// The entry it is counted from.
    pub counted_from: EntryId,
    /// The duty.
    pub duty: Duty,
    /// The partnership.
    pub partnership: StreamId,
}

event! {
    /// The record shows something that bears on a direction. Whether there is a failure is for the
    /// Secretary of State alone (s.18(1)).
    TriggerOpened {
        /// Whose it is, and for what.
        trigger: TriggerSet,
    }
}
event! {
    /// The record no longer shows it, or the case about it is closed.
    TriggerCleared {
        /// Whose it was, and for what.
        trigger: TriggerSet,
    }
}

events! {
    /// The events of a trigger.
    TriggerEvent { TriggerOpened, TriggerCleared }
}

/// What has been announced of a trigger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerAnnounced {
    /// Whose it is, and for what.
    pub trigger: Option<TriggerSet>,
    /// When it was announced that it is open, unless it was cleared since.
    pub open: Option<Shown>,
}

/// Announces that a trigger opened or cleared. Given by the service itself.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceTrigger {
    /// Whose it is, and for what.
    pub trigger: TriggerSet,
    /// Whether it is open.
    pub open: bool,
}

impl Particulars<TriggerStream> for AnnounceTrigger {
    const NAME: &'static str = "announce-trigger";
    const ACTORS: Actors = Actors::SYSTEM;
    const OPENS: Opens = Opens::Either;
    const ADMINISTRATIVE: bool = true;

    fn partnership(&self) -> Option<StreamId> {
        Some(self.trigger.partnership)
    }

    fn decide(self, state: &TriggerAnnounced, _: &Scene<'_>) -> Result<Vec<TriggerEvent>, Refusal> {
        if state.open.is_some() == self.open {
            return Err(Refusal::already("This is already announced."));
        }
        let trigger = self.trigger;
        Ok(vec![if self.open {
            TriggerOpened { trigger }.into()
        } else {
            TriggerCleared { trigger }.into()
        }])
    }
}

commands! {
    /// The commands on a trigger.
    TriggerCommand of TriggerStream { AnnounceTrigger }
}

impl TriggerSet {
    /// Whose it is, for which duty and which area.
    #[must_use]
    pub const fn key(&self) -> TriggerKey {
        (self.authority, self.duty, self.area)
    }
}

/// Names a trigger's stream.
#[must_use]
pub fn stream(id: StreamId) -> Stream {
    Stream::new(TriggerStream::TYPE, id)
}

impl StreamKind for TriggerStream {
    const TYPE: StreamType = StreamType::of("trigger");
    const NAME: &'static str = "trigger";
    type Event = TriggerEvent;
    type State = TriggerAnnounced;
    type Command = TriggerCommand;

    fn evolve(state: &mut TriggerAnnounced, entry: &Envelope<TriggerEvent>) {
        match &entry.payload {
            TriggerEvent::TriggerOpened(e) => {
                state.trigger = Some(e.trigger.clone());
                state.open = Some(shown(entry));
            }
            TriggerEvent::TriggerCleared(e) => {
                state.trigger = Some(e.trigger.clone());
                state.open = None;
            }
            TriggerEvent::EntryCorrected(_) | TriggerEvent::ListClosed(_) => {}
        }
    }

    fn unmet(_: &TriggerEvent, _: &TriggerAnnounced, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &TriggerEvent) -> (Actors, Option<StreamId>) {
        (Actors::SYSTEM, None)
    }

    fn partnership(_: StreamId, state: &TriggerAnnounced) -> Option<StreamId> {
        Some(state.trigger.as_ref()?.partnership)
    }
}
