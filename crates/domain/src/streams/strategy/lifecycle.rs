//! Adoption, publication, review, revision, succession.

use dutyledger_record::{PlainText, PublicText, Sealed, Stream, StreamId};

use super::commands::{not_superseded, version, version_in_preparation};
use super::events::{
    ReviewCompleted, RevisionStarted, StrategyAdopted, StrategyEvent, StrategyPositionRecorded,
    StrategyPublished, StrategySuperseded, Tally,
};
use super::state::StrategyState;
use super::{Strategy, gates};
use crate::decide::{Actor, Actors, Particulars};
use crate::refusal::Refusal;
use crate::scene::Scene;
use crate::streams::needs_assessment;
use crate::values::{Position, PublicationForm, ReviewDecision, ReviewScope};
use crate::world::World;

command! {
    /// Records a specified authority's position on adopting a version, with its own key (L-3).
    RecordStrategyPosition {
        /// The version.
        version: u32,
        /// The authority.
        authority: StreamId,
        /// Its position.
        position: Position,
        /// Why. It is sealed.
        reason: Option<PlainText>,
    }
}

impl Particulars<Strategy> for RecordStrategyPosition {
    const NAME: &'static str = "record-strategy-position";
    const ACTORS: Actors = Actors::SUBJECT;
    const RESTS_ON_AREAS: bool = true;

    fn subject(&self, _: &StrategyState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        version_in_preparation(state, self.version)?;
        let partnership = state
            .partnership
            .and_then(|id| scene.world.partnerships.get(&id));
        let maker = partnership.is_some_and(|p| {
            gates::makers(state, p, scene.world, scene.on).contains(&self.authority)
        });
        if !maker {
            return Err(Refusal::not_permitted(
                "Only a specified authority that makes the strategy has a position on adopting it.",
            )
            .at("/particulars/authority"));
        }
        Ok(vec![
            StrategyPositionRecorded {
                authority: self.authority,
                position: self.position,
                reason: self.reason.map(Sealed::from),
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Adopts a version, when the specified authorities' positions meet their decision rule.
    AdoptVersion {
        /// The version.
        version: u32,
    }
}

impl Particulars<Strategy> for AdoptVersion {
    const NAME: &'static str = "adopt-version";
    /// Never a policing body, a relevant authority, a unit or a coordinator (s.8(3)(c), 9(3)(c)).
    const ACTORS: Actors = Actors {
        own: &[Actor::SpecifiedAuthority],
        reportable: false,
        past_fact: true,
    };
    const RESTS_ON_AREAS: bool = true;

    fn needs(&self, state: &StrategyState, _: &World) -> Vec<Stream> {
        let version = state.versions.get(&self.version);
        version
            .into_iter()
            .flat_map(|v| v.assessments.iter())
            .map(|id| needs_assessment::stream(*id))
            .collect()
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        let version = version_in_preparation(state, self.version)?;
        let Some(partnership) = state
            .partnership
            .and_then(|id| scene.world.partnerships.get(&id))
        else {
            return Err(Refusal::state(
                "The strategy has no partnership on that date.",
            ));
        };
        let makers = gates::makers(state, partnership, scene.world, scene.on);
        let held = |position: Option<Position>| {
            let n = makers
                .iter()
                .filter(|id| {
                    let own = version.positions.get(*id).filter(|held| held.at.own());
                    own.map(|held| held.position) == position
                })
                .count();
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        let tally = Tally {
            abstained: held(Some(Position::Abstain)),
            agreed: held(Some(Position::Agree)),
            objected: held(Some(Position::Object)),
            silent: held(None),
        };
        Ok(vec![
            StrategyAdopted {
                decide_by: partnership.decision_rule(),
                tally: (!scene.past_fact).then_some(tally),
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Publishes an adopted version (s.8(7)(a), 9(8)(a)).
    PublishVersion {
        /// The version.
        version: u32,
        /// In what form.
        form: PublicationForm,
        /// Where it is found: an address or a reference.
        locator: PublicText,
    }
}

impl Particulars<Strategy> for PublishVersion {
    const NAME: &'static str = "publish-version";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        not_superseded(state)?;
        if version(state, self.version)?.published.is_some() {
            return Err(Refusal::already("This version is already published."));
        }
        Ok(vec![
            StrategyPublished {
                form: self.form,
                locator: self.locator,
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Completes a review with its decision.
    CompleteReview {
        /// The version reviewed.
        version: u32,
        /// What it looked at. Only a whole review moves the next one's date.
        scope: ReviewScope,
        /// What it decided.
        decision: ReviewDecision,
    }
}

impl Particulars<Strategy> for CompleteReview {
    const NAME: &'static str = "complete-review";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        not_superseded(state)?;
        let in_force = state.in_force().map(|(number, _)| number);
        if version(state, self.version)?.adopted.is_none() {
            return Err(
                Refusal::state("Only an adopted version is reviewed.").at("/particulars/version")
            );
        }
        if let Some(number) = in_force.filter(|number| *number != self.version) {
            let why =
                format!("Version {number} is in force on that date, and is what is reviewed.");
            return Err(Refusal::state(why).at("/particulars/version"));
        }
        Ok(vec![
            ReviewCompleted {
                decision: self.decision,
                review: scene.ids.next(),
                scope: self.scope,
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Begins a revised version with the content of the one in force (s.8(7)(c), 8(11)).
    StartRevision {}
}

impl Particulars<Strategy> for StartRevision {
    const NAME: &'static str = "start-revision";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        not_superseded(state)?;
        match state.latest() {
            Some((number, latest)) if latest.adopted.is_some() => Ok(vec![
                RevisionStarted {
                    from_version: number,
                    version: number + 1,
                }
                .into(),
            ]),
            Some((number, _)) => Err(Refusal::state(format!(
                "Version {number} is still being prepared; a revision starts from an adopted one."
            ))),
            None => Err(Refusal::state("The strategy has no version on that date.")),
        }
    }
}

command! {
    /// Records that another strategy of the partnership took this one's place.
    SupersedeStrategy {
        /// The strategy that supersedes it.
        by: StreamId,
    }
}

impl Particulars<Strategy> for SupersedeStrategy {
    const NAME: &'static str = "supersede-strategy";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn needs(&self, _: &StrategyState, _: &World) -> Vec<Stream> {
        vec![super::stream(self.by)]
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        not_superseded(state)?;
        let other = scene.world.strategies.get(&self.by);
        let fits = self.by != scene.stream
            && other.is_some_and(|s| {
                s.partnership == state.partnership
                    && s.superseded.is_none()
                    && s.in_force().is_some()
            });
        if !fits {
            return Err(Refusal::not_found(
                "The partnership has no other strategy in force by that id.",
            )
            .at("/particulars/by"));
        }
        Ok(vec![StrategySuperseded { by: self.by }.into()])
    }
}
