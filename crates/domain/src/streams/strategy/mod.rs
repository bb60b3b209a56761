//! A strategy: drafted, consulted on, adopted, published, carried out, reviewed and revised.
//!
//! It is versioned, and a revised version is a strategy: everything is done again (s.8(11)).

mod actions;
mod commands;
mod consultation;
mod events;
mod gates;
mod lifecycle;
mod material;
mod state;

use dutyledger_record::{Envelope, Stream, StreamId, StreamType};

use crate::decide::{Actor, Actors};
use crate::history::StreamKind;
use crate::refusal::Unmet;
use crate::scene::Scene;

pub use actions::*;
pub use commands::*;
pub use consultation::*;
pub use events::*;
pub use lifecycle::*;
pub use material::*;
pub use state::*;

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strategy;

/// Names a strategy's stream.
#[must_use]
pub fn stream(id: StreamId) -> Stream {
    Stream::new(Strategy::TYPE, id)
}

impl StreamKind for Strategy {
    const TYPE: StreamType = StreamType::of("strategy");
    const NAME: &'static str = "strategy";
    type Event = StrategyEvent;
    type State = StrategyState;
    type Command = StrategyCommand;

    fn evolve(state: &mut StrategyState, entry: &Envelope<StrategyEvent>) {
        state.apply(entry);
    }

    fn unmet(event: &StrategyEvent, before: &StrategyState, scene: &Scene<'_>) -> Vec<Unmet> {
        gates::unmet(event, before, scene)
    }

    fn already(event: &StrategyEvent, latest: &StrategyState) -> Option<String> {
        let version = |n: &u32| latest.versions.get(n);
        let (what, at) = match event {
            StrategyEvent::StrategyAdopted(e) => {
                ("adopted", version(&e.version)?.adopted.as_ref()?.at)
            }
            StrategyEvent::StrategyPublished(e) => {
                ("published", version(&e.version)?.published.as_ref()?.at)
            }
            StrategyEvent::RevisionStarted(e) => ("started", version(&e.version)?.started?),
            _ => return None,
        };
        Some(format!(
            "This version is recorded as {what} on {}.",
            crate::in_words(at.on)
        ))
    }

    fn gated(event: &StrategyEvent) -> bool {
        matches!(
            event,
            StrategyEvent::StrategyAdopted(_)
                | StrategyEvent::StrategyPublished(_)
                | StrategyEvent::ExceptionClaimed(_)
        )
    }

    fn recordable_by(event: &StrategyEvent) -> (Actors, Option<StreamId>) {
        match event {
            StrategyEvent::ConsultationResponseRecorded(e) => (Actors::SUBJECT, Some(e.authority)),
            StrategyEvent::ActionAgreed(e) => (Actors::SUBJECT, Some(e.authority)),
            StrategyEvent::ActionDeclined(e) => (Actors::SUBJECT, Some(e.authority)),
            StrategyEvent::StrategyPositionRecorded(e) => (Actors::SUBJECT, Some(e.authority)),
            StrategyEvent::ObjectionRaised(e) => (Actors::SUBJECT, Some(e.authority)),
            StrategyEvent::ExceptionClaimed(e) => (Actors::SUBJECT_ONLY, Some(e.authority)),
            StrategyEvent::ActionProgressed(e) => (Actors::SUBJECT, Some(e.owner)),
            StrategyEvent::StrategyAdopted(_)
            | StrategyEvent::MaterialConsidered(_)
            | StrategyEvent::MaterialRemoved(_)
            | StrategyEvent::ObjectionDetermined(_) => (
                Actors {
                    own: &[Actor::SpecifiedAuthority],
                    reportable: false,
                    past_fact: true,
                },
                None,
            ),
            _ => (Actors::SPECIFIED, None),
        }
    }

    fn about(event: &StrategyEvent) -> Option<StreamId> {
        match event {
            StrategyEvent::AssessmentLinked(e) => Some(e.assessment),
            StrategyEvent::ViolenceKindIdentified(e) => e.assessment,
            StrategyEvent::ViolenceCauseIdentified(e) => e.assessment,
            _ => None,
        }
    }

    fn partnership(_: StreamId, state: &StrategyState) -> Option<StreamId> {
        state.partnership
    }
}
