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

use crate::decide::{Actor, Actors, Particulars};
use crate::history::StreamKind;
use crate::refusal::Unmet;
use crate::scene::Scene;

pub use actions::*;
pub use commands::*;
pub use consultation::*;
pub use events::*;
pub use gates::makers;
pub use lifecycle::*;
pub use material::*;
pub use state::*;

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strategy;

/// The rows that would stand in the way of adopting a version on the record as it is, and those
/// that would ask for a reason. Whether the authorities agree is not among them.
#[must_use]
pub fn unmet_to_adopt(version: u32, state: &StrategyState, scene: &Scene<'_>) -> Vec<Unmet> {
    gates::to_adopt(version, state, scene)
}

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

    fn unmet_to_withdraw(
        entry: &Envelope<StrategyEvent>,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Vec<Unmet> {
        let partnership = state
            .partnership
            .and_then(|id| scene.world.partnerships.get(&id));
        let entry_id = entry.entry_id;
        match (&entry.payload, partnership) {
            (StrategyEvent::StrategyAdopted(_), Some(p)) => {
                p.together(&crate::Matter::Correction { entry_id }, scene)
            }
            _ => Vec::new(),
        }
    }

    fn already(event: &StrategyEvent, latest: &StrategyState, scene: &Scene<'_>) -> Option<String> {
        let version = |n: &u32| latest.versions.get(n);
        let past_fact = scene.past_fact;
        let published = |n: &u32| Some(version(n)?.published.as_ref()?.at);
        let (what, at) = match event {
            StrategyEvent::StrategyAdopted(e) => {
                ("adopted", version(&e.version)?.adopted.as_ref()?.at)
            }
            StrategyEvent::StrategyPublished(e) => {
                ("published", version(&e.version)?.published.as_ref()?.at)
            }
            StrategyEvent::RevisionStarted(e) => ("started", version(&e.version)?.started?),
            StrategyEvent::StrategyAmended(e) if !past_fact && e.bases != latest.bases => {
                let (number, adopted) = latest.in_force()?;
                return Some(format!(
                    "Version {number} is recorded as adopted on {}, which settled what the strategy is \
                     made under.",
                    crate::in_words(adopted.adopted.as_ref()?.at.on)
                ));
            }
            // What a version says, and who was asked, is settled once it is adopted: what is
            // remembered later is told as a past fact, with its source.
            StrategyEvent::AssessmentLinked(AssessmentLinked { version: n, .. })
            | StrategyEvent::ViolenceKindIdentified(ViolenceKindIdentified {
                version: n, ..
            })
            | StrategyEvent::ViolenceCauseIdentified(ViolenceCauseIdentified {
                version: n, ..
            })
            | StrategyEvent::CauseRecordedAsUnknown(CauseRecordedAsUnknown {
                version: n, ..
            })
            | StrategyEvent::AuthorityConsulted(AuthorityConsulted { version: n, .. })
            | StrategyEvent::ActionProposed(ActionProposed { version: n, .. })
            | StrategyEvent::ActionLeftOut(ActionLeftOut { version: n, .. })
            | StrategyEvent::ActionDated(ActionDated { version: n, .. })
            | StrategyEvent::StrategyPositionRecorded(StrategyPositionRecorded {
                version: n,
                ..
            }) if !past_fact => ("adopted", version(n)?.adopted.as_ref()?.at),
            // What was in it when it was published, and what was thought of that, likewise.
            StrategyEvent::MaterialConsidered(MaterialConsidered { version: n, .. })
            | StrategyEvent::MaterialRemoved(MaterialRemoved { version: n, .. })
            | StrategyEvent::ObjectionDetermined(ObjectionDetermined { version: n, .. })
                if !past_fact && published(n).is_some_and(|at| scene.on < at.on) =>
            {
                ("published", published(n)?)
            }
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
            StrategyEvent::ExceptionEnded(e) => (Actors::SUBJECT_ONLY, Some(e.authority)),
            StrategyEvent::ActionProgressed(e) => (Actors::SUBJECT, Some(e.owner)),
            StrategyEvent::ActionDateSet(e) => (Actors::SUBJECT_ONLY, Some(e.owner)),
            StrategyEvent::ActionProposed(e) => (ProposeAction::ACTORS, Some(e.owner)),
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

    fn concerns(state: &StrategyState, authority: StreamId) -> bool {
        let mut versions = state.versions.values();
        versions.any(|v| v.consultation.consulted.contains_key(&authority))
            || state
                .actions
                .values()
                .any(|a| a.owner == authority || a.authorities.contains_key(&authority))
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
