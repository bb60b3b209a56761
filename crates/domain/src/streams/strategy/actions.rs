//! Actions: proposed, agreed or declined by each authority they touch, carried out.

use chrono::NaiveDate;
use dutyledger_record::{PlainText, PublicText, Sealed, StreamId};

use super::Strategy;
use super::commands::{action, not_superseded, version_in_preparation};
use super::events::{
    ActionAgreed, ActionAuthorityNamed, ActionCostAssessed, ActionDateSet, ActionDated,
    ActionDeclined, ActionLeftOut, ActionProgressed, ActionProposed, ExceptionClaimed,
    ExceptionEnded, StrategyEvent,
};
use super::state::StrategyState;
use crate::decide::{Actor, Actors, Particulars};
use crate::refusal::{Refusal, Unmet};
use crate::scene::Scene;
use crate::streams::{List, ListClosed, check_list};
use crate::values::{ActionStatus, ExceptedDuty, ExceptionGround, ItemId};

command! {
    /// Proposes an action for a version.
    ProposeAction {
        /// The version.
        version: u32,
        /// A short title, for publication. Names no person.
        title: PublicText,
        /// What is to be done, for publication. Names no person.
        description: PublicText,
        /// The authority that carries it out.
        owner: StreamId,
        /// The date by which it is to be done, where the strategy gives one.
        #[serde(default)]
        by: Option<NaiveDate>,
        /// The other authorities it touches.
        #[serde(default)]
        #[schemars(length(max = 2000))]
        authorities: Vec<StreamId>,
    }
}

impl Particulars<Strategy> for ProposeAction {
    const NAME: &'static str = "propose-action";
    const ACTORS: Actors = Actors {
        own: &[Actor::SpecifiedAuthority, Actor::Subject],
        reportable: true,
        past_fact: true,
    };
    const RESTS_ON_AREAS: bool = true;

    /// A relevant authority may propose an action for itself.
    fn subject(&self, _: &StrategyState) -> Option<StreamId> {
        Some(self.owner)
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        version_in_preparation(state, self.version)?;
        let touched: Vec<_> = std::iter::once(self.owner)
            .chain(self.authorities)
            .collect();
        check_list("/particulars/authorities", touched.iter())?;
        let partnership = state
            .partnership
            .and_then(|id| scene.world.partnerships.get(&id));
        if self.by.is_some_and(|by| by < scene.on) {
            return Err(Refusal::invalid(
                "/particulars/by",
                "An action is not proposed for a day that has passed.",
            ));
        }
        let id = scene.ids.next();
        let mut events: Vec<StrategyEvent> = vec![
            ActionProposed {
                action: id,
                description: self.description,
                owner: self.owner,
                title: self.title,
                version: self.version,
            }
            .into(),
        ];
        events.extend(self.by.map(|by| {
            let (action, version) = (id, self.version);
            StrategyEvent::from(ActionDated {
                action,
                by,
                version,
            })
        }));
        for (row, authority) in touched.iter().enumerate() {
            let capacity = partnership.and_then(|p| p.capacity_of(*authority, scene.world));
            let Some(capacity) = capacity else {
                let pointer = match row {
                    0 => "/particulars/owner".to_owned(),
                    row => format!("/particulars/authorities/{}", row - 1),
                };
                return Err(Refusal::not_found(
                    "This is neither a member nor an authority of the partnership's areas.",
                )
                .at(&pointer));
            };
            let authority = *authority;
            events.push(
                ActionAuthorityNamed {
                    action: id,
                    authority,
                    capacity,
                }
                .into(),
            );
        }
        let closed = ListClosed::new(List::AuthoritiesTouched, scene.on, &touched);
        events.push(closed.of_item(id).of_version(self.version).into());
        Ok(events)
    }
}

command! {
    /// Leaves an action out of a version that is being prepared. A revision begins with all that the
    /// version before has; what it should not have any more is left out of it.
    LeaveOutAction {
        /// The version.
        version: u32,
        /// The action.
        action: ItemId,
    }
}

impl Particulars<Strategy> for LeaveOutAction {
    const NAME: &'static str = "leave-out-action";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        let version = version_in_preparation(state, self.version)?;
        if !version.actions.contains(&self.action) {
            return Err(
                Refusal::not_found("The version has no such action.").at("/particulars/action")
            );
        }
        Ok(vec![
            ActionLeftOut {
                action: self.action,
                version: self.version,
            }
            .into(),
        ])
    }
}

/// Checks that an authority has a say on an action: it is touched, or a specified authority.
fn check_say(
    state: &StrategyState,
    id: ItemId,
    authority: StreamId,
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    let action = action(state, id)?;
    let partnership = state
        .partnership
        .and_then(|id| scene.world.partnerships.get(&id));
    let touched = action.authorities.contains_key(&authority);
    if touched || partnership.is_some_and(|p| p.has_specified(authority)) {
        return Ok(());
    }
    Err(
        Refusal::not_found("This authority is not touched by the action.")
            .at("/particulars/authority")
            .under(vec![Unmet::new(
                "R-31.1",
                "The specified authorities and those an action touches agree it.",
                "Propose the action anew with this authority named.",
            )]),
    )
}

command! {
    /// Agrees an action, each authority for itself.
    AgreeAction {
        /// The action.
        action: ItemId,
        /// The authority that agrees.
        authority: StreamId,
    }
}

impl Particulars<Strategy> for AgreeAction {
    const NAME: &'static str = "agree-action";
    const ACTORS: Actors = Actors::SUBJECT;

    fn subject(&self, _: &StrategyState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        check_say(state, self.action, self.authority, scene)?;
        Ok(vec![
            ActionAgreed {
                action: self.action,
                authority: self.authority,
            }
            .into(),
        ])
    }
}

command! {
    /// Declines an action, each authority for itself.
    DeclineAction {
        /// The action.
        action: ItemId,
        /// The authority that declines.
        authority: StreamId,
        /// Why. It is sealed.
        reason: Option<PlainText>,
    }
}

impl Particulars<Strategy> for DeclineAction {
    const NAME: &'static str = "decline-action";
    const ACTORS: Actors = Actors::SUBJECT;

    fn subject(&self, _: &StrategyState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        check_say(state, self.action, self.authority, scene)?;
        Ok(vec![
            ActionDeclined {
                action: self.action,
                authority: self.authority,
                reason: self.reason.map(Sealed::from),
            }
            .into(),
        ])
    }
}

command! {
    /// Claims an exception (s.15(7)): the duty holder alone.
    ClaimException {
        /// The authority that claims it.
        authority: StreamId,
        /// The duty it is claimed against.
        duty: ExceptedDuty,
        /// The ground.
        ground: ExceptionGround,
        /// The action it is about, where it is about one.
        action: Option<ItemId>,
        /// The enactment, for the first ground.
        enactment: Option<PublicText>,
        /// To what extent. It is sealed.
        extent: Option<PlainText>,
        /// Whether the cumulative effect of all duties was considered (R-fn8.2).
        #[serde(default)]
        cumulative_effect_considered: bool,
    }
}

impl Particulars<Strategy> for ClaimException {
    const NAME: &'static str = "claim-exception";
    const ACTORS: Actors = Actors::SUBJECT_ONLY;
    const RESTS_ON_AREAS: bool = true;

    fn subject(&self, _: &StrategyState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        if let Some(id) = self.action {
            check_say(state, id, self.authority, scene)?;
        } else if self.duty == ExceptedDuty::CarryOutActions {
            return Err(Refusal::invalid(
                "/particulars/action",
                "An exception from s.15(4) is about an action: name it.",
            ));
        }
        Ok(vec![
            ExceptionClaimed {
                action: self.action,
                authority: self.authority,
                cumulative_effect_considered: self.cumulative_effect_considered,
                duty: self.duty,
                enactment: self.enactment,
                extent: self.extent.map(Sealed::from),
                ground: self.ground,
            }
            .into(),
        ])
    }
}

command! {
    /// Says that the ground of an exception claimed has ceased: the duty holder alone.
    EndException {
        /// The authority that claimed it.
        authority: StreamId,
        /// The duty it was claimed against.
        duty: ExceptedDuty,
        /// The action it was about, where it was about one.
        action: Option<ItemId>,
    }
}

impl Particulars<Strategy> for EndException {
    const NAME: &'static str = "end-exception";
    const ACTORS: Actors = Actors::SUBJECT_ONLY;

    fn subject(&self, _: &StrategyState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        let claimed = match self.action {
            Some(id) => {
                let touched = action(state, id)?.authorities.get(&self.authority);
                touched.and_then(|touched| touched.exception.as_ref())
            }
            None => state.exceptions.get(&self.authority),
        };
        if !claimed.is_some_and(|held| held.duty == self.duty && held.ended.is_none()) {
            return Err(Refusal::state(
                "This authority claims no such exception that has not ended.",
            ));
        }
        Ok(vec![
            ExceptionEnded {
                action: self.action,
                authority: self.authority,
                duty: self.duty,
            }
            .into(),
        ])
    }
}

command! {
    /// Records that the cost of an action on a school, prison or secure setting was assessed and
    /// agreed.
    AssessActionCost {
        /// The action.
        action: ItemId,
    }
}

impl Particulars<Strategy> for AssessActionCost {
    const NAME: &'static str = "assess-action-cost";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        action(state, self.action)?;
        Ok(vec![
            ActionCostAssessed {
                action: self.action,
            }
            .into(),
        ])
    }
}

command! {
    /// Gives an action a date by which it is to be done, or another date: whoever carries it out, for
    /// itself.
    SetActionDate {
        /// The action.
        action: ItemId,
        /// The date.
        by: NaiveDate,
        /// Why an earlier date moves. It is sealed.
        #[serde(default)]
        reason: Option<PlainText>,
    }
}

impl Particulars<Strategy> for SetActionDate {
    const NAME: &'static str = "set-action-date";
    const ACTORS: Actors = Actors::SUBJECT_ONLY;

    fn subject(&self, state: &StrategyState) -> Option<StreamId> {
        state.actions.get(&self.action).map(|a| a.owner)
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        not_superseded(state)?;
        let action = action(state, self.action)?;
        if action.is_completed() {
            return Err(Refusal::state("The action is done.").at("/particulars/action"));
        }
        if action.by == Some(self.by) {
            return Err(Refusal::already("The action has this date.").at("/particulars/by"));
        }
        if !scene.past_fact && self.by < scene.on {
            return Err(Refusal::invalid(
                "/particulars/by",
                "An action is not given a day that has passed: give today or a later one.",
            ));
        }
        if !scene.past_fact && action.by.is_some() && self.reason.is_none() {
            return Err(Refusal::invalid(
                "/particulars/reason",
                "The action has an earlier date: say why it moves.",
            ));
        }
        Ok(vec![
            ActionDateSet {
                action: self.action,
                by: self.by,
                owner: action.owner,
                reason: self.reason.map(Sealed::from),
            }
            .into(),
        ])
    }
}

command! {
    /// Records how far an action has come. Its owner does; the coordinator may report it.
    ProgressAction {
        /// The action.
        action: ItemId,
        /// How far it has come.
        status: ActionStatus,
        /// More about it, for publication. Names no person.
        note: Option<PublicText>,
    }
}

impl Particulars<Strategy> for ProgressAction {
    const NAME: &'static str = "progress-action";
    const ACTORS: Actors = Actors::SUBJECT;

    fn subject(&self, state: &StrategyState) -> Option<StreamId> {
        state.actions.get(&self.action).map(|a| a.owner)
    }

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        not_superseded(state)?;
        let owner = action(state, self.action)?.owner;
        let adopted = state
            .versions
            .values()
            .any(|v| v.adopted.is_some() && v.actions.contains(&self.action));
        if !adopted {
            return Err(Refusal::state("The action is in no adopted version yet.")
                .at("/particulars/action"));
        }
        Ok(vec![
            ActionProgressed {
                action: self.action,
                note: self.note,
                owner,
                status: self.status,
            }
            .into(),
        ])
    }
}
