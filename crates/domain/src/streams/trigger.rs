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

/// Whose trigger it is, and for what, where a case that names no partnership shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseTriggerSet {
    /// The area.
    pub area: StreamId,
    /// The authority.
    pub authority: StreamId,
    /// The case.
    pub case: StreamId,
    /// The entry it is counted from.
    pub counted_from: EntryId,
    /// The duty.
    pub duty: Duty,
}

event! {
    /// A case that names no partnership shows something that bears on a direction. Whether there is a
    /// failure is for the Secretary of State alone (s.18(1)).
    CaseTriggerOpened {
        /// Whose it is, and for what.
        trigger: CaseTriggerSet,
    }
}
event! {
    /// A case that names no partnership no longer shows it, or is closed.
    CaseTriggerCleared {
        /// Whose it was, and for what.
        trigger: CaseTriggerSet,
    }
}

events! {
    /// The events of a trigger.
    TriggerEvent { TriggerOpened, TriggerCleared, CaseTriggerOpened, CaseTriggerCleared }
}

/// What is shown: for a partnership, or by a case that names none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WhatIsShown {
    /// For a partnership.
    Partnership(TriggerSet),
    /// By a case that names none.
    Case(CaseTriggerSet),
}

impl WhatIsShown {
    /// Whose it is, for which duty and which area.
    #[must_use]
    pub const fn key(&self) -> TriggerKey {
        match self {
            Self::Partnership(of) => (of.authority, of.duty, of.area),
            Self::Case(of) => (of.authority, of.duty, of.area),
        }
    }

    /// The authority.
    #[must_use]
    pub const fn authority(&self) -> StreamId {
        self.key().0
    }

    /// The entry it is counted from.
    #[must_use]
    pub const fn counted_from(&self) -> EntryId {
        match self {
            Self::Partnership(of) => of.counted_from,
            Self::Case(of) => of.counted_from,
        }
    }

    /// The partnership, where there is one.
    #[must_use]
    pub const fn partnership(&self) -> Option<StreamId> {
        match self {
            Self::Partnership(of) => Some(of.partnership),
            Self::Case(_) => None,
        }
    }
}

/// What has been announced of a trigger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerAnnounced {
    /// Whose it is, and for what.
    pub trigger: Option<WhatIsShown>,
    /// When it was announced that it is open, unless it was cleared since.
    pub open: Option<Shown>,
}

/// Announces that a trigger opened or cleared. Given by the service itself.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceTrigger {
    /// Whose it is, and for what.
    pub trigger: WhatIsShown,
    /// Whether it is open.
    pub open: bool,
}

impl Particulars<TriggerStream> for AnnounceTrigger {
    const NAME: &'static str = "announce-trigger";
    const ACTORS: Actors = Actors::SYSTEM;
    const OPENS: Opens = Opens::Either;
    const ADMINISTRATIVE: bool = true;

    fn partnership(&self) -> Option<StreamId> {
        self.trigger.partnership()
    }

    fn decide(self, state: &TriggerAnnounced, _: &Scene<'_>) -> Result<Vec<TriggerEvent>, Refusal> {
        if state.open.is_some() == self.open {
            return Err(Refusal::already("This is already announced."));
        }
        Ok(vec![match (self.trigger, self.open) {
            (WhatIsShown::Partnership(trigger), true) => TriggerOpened { trigger }.into(),
            (WhatIsShown::Partnership(trigger), false) => TriggerCleared { trigger }.into(),
            (WhatIsShown::Case(trigger), true) => CaseTriggerOpened { trigger }.into(),
            (WhatIsShown::Case(trigger), false) => CaseTriggerCleared { trigger }.into(),
        }])
    }
}

commands! {
    /// The commands on a trigger.
    TriggerCommand of TriggerStream { AnnounceTrigger }
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
        use TriggerEvent as E;
        let of_partnership = |trigger: &TriggerSet| WhatIsShown::Partnership(trigger.clone());
        let of_case = |trigger: &CaseTriggerSet| WhatIsShown::Case(trigger.clone());
        let (trigger, open) = match &entry.payload {
            E::TriggerOpened(e) => (of_partnership(&e.trigger), true),
            E::TriggerCleared(e) => (of_partnership(&e.trigger), false),
            E::CaseTriggerOpened(e) => (of_case(&e.trigger), true),
            E::CaseTriggerCleared(e) => (of_case(&e.trigger), false),
            E::EntryCorrected(_) | E::ListClosed(_) => return,
        };
        state.trigger = Some(trigger);
        state.open = open.then(|| shown(entry));
    }

    fn unmet(_: &TriggerEvent, _: &TriggerAnnounced, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &TriggerEvent) -> (Actors, Option<StreamId>) {
        (Actors::SYSTEM, None)
    }

    fn partnership(_: StreamId, state: &TriggerAnnounced) -> Option<StreamId> {
        state.trigger.as_ref()?.partnership()
    }
}
