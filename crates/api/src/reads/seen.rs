//! What a principal sees, now. What it saw at an earlier date never widens that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use dutyledger_application::access::{self, Sight};
use dutyledger_application::load;
use dutyledger_domain::streams::deadline::{ActionDeadline, DeadlineKind, DeadlineSet, WhatIsDue};
use dutyledger_domain::streams::{
    Area, AreaState, Direction, DirectionState, NeedsAssessment, NeedsAssessmentState, Partnership,
    PartnershipState, Strategy, StrategyState,
};
use dutyledger_domain::{AssessmentPublication, Histories, StreamKind, World};
use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::{Principal, PrincipalKind, StreamId};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Problem, internal};

/// Looks on behalf of a principal, and remembers what it has looked up for one request.
pub(crate) struct Seer<'a> {
    app: &'a App,
    pub(crate) principal: Principal,
    pub(crate) today: NaiveDate,
    /// Whether it looks in the ledger itself, which is never behind, rather than in the rows.
    in_ledger: bool,
    areas: BTreeMap<StreamId, AreaState>,
    partnerships: BTreeMap<StreamId, Option<(PartnershipState, Sight)>>,
}

impl<'a> Seer<'a> {
    pub(crate) fn new(app: &'a App, principal: Principal) -> Self {
        Self {
            app,
            principal,
            today: app.bus.edge().today(),
            in_ledger: false,
            areas: BTreeMap::new(),
            partnerships: BTreeMap::new(),
        }
    }

    /// The same, but looking in the ledger itself: what was recorded a moment ago is in it.
    pub(crate) fn in_ledger(app: &'a App, principal: Principal) -> Self {
        Self {
            in_ledger: true,
            ..Self::new(app, principal)
        }
    }

    /// A stream as it stands; nothing where it has no entry.
    async fn state<K>(&self, id: StreamId) -> Result<Option<K::State>, Problem>
    where
        K: StreamKind<State: DeserializeOwned>,
    {
        if self.in_ledger {
            let history = load::history::<K>(self.app.bus.ledger(), id, None).await;
            let history = history.map_err(internal)?;
            let state = (history.version() > 0).then(|| history.state(NaiveDate::MAX));
            return Ok(state.map(Arc::unwrap_or_clone));
        }
        let row = self.app.projections.stream::<K>(id).await;
        Ok(row.map_err(internal)?.map(|row| row.state))
    }

    /// How much of a partnership's record the principal sees, and the partnership.
    async fn look(&mut self, id: StreamId) -> Result<Option<&(PartnershipState, Sight)>, Problem> {
        if !self.partnerships.contains_key(&id) {
            let looked = match self.state::<Partnership>(id).await? {
                None => None,
                Some(state) => {
                    let sight = self.sight_of(id, &state).await?;
                    Some((state, sight))
                }
            };
            self.partnerships.insert(id, looked);
        }
        Ok(self.partnerships.get(&id).and_then(Option::as_ref))
    }

    /// How much of a partnership's record the principal sees. Areas are looked up only where it
    /// hangs on them.
    pub(crate) async fn sight_of(
        &mut self,
        id: StreamId,
        partnership: &PartnershipState,
    ) -> Result<Sight, Problem> {
        let without = World::default();
        let sight = access::sight(self.principal, id, partnership, &without, self.today);
        let through_areas = matches!(
            self.principal.kind,
            PrincipalKind::Authority
                | PrincipalKind::LocalPolicingBody
                | PrincipalKind::WelshMinisters
        );
        if sight == Sight::Whole || !through_areas {
            return Ok(sight);
        }
        let world = self.with_areas(partnership.areas.iter().copied()).await?;
        Ok(access::sight(
            self.principal,
            id,
            partnership,
            &world,
            self.today,
        ))
    }

    /// A world of areas.
    pub(crate) async fn with_areas(
        &mut self,
        ids: impl IntoIterator<Item = StreamId>,
    ) -> Result<World, Problem> {
        let mut world = World::default();
        for id in ids {
            if let Some(area) = self.area(id).await? {
                world.areas.insert(id, Arc::new(area.clone()));
            }
        }
        Ok(world)
    }

    async fn area(&mut self, id: StreamId) -> Result<Option<&AreaState>, Problem> {
        if !self.areas.contains_key(&id) {
            let state = self.state::<Area>(id).await?;
            if let Some(state) = state {
                self.areas.insert(id, state);
            }
        }
        Ok(self.areas.get(&id))
    }

    /// Whether the principal sees the whole record of a partnership.
    pub(crate) async fn whole(&mut self, partnership: Option<StreamId>) -> Result<bool, Problem> {
        let Some(id) = partnership else {
            return Ok(false);
        };
        Ok(self
            .look(id)
            .await?
            .is_some_and(|(_, sight)| *sight == Sight::Whole))
    }

    /// Whether the principal sees the whole record of any of these partnerships.
    pub(crate) async fn any_whole(&mut self, partnerships: &[StreamId]) -> Result<bool, Problem> {
        for partnership in partnerships {
            if self.whole(Some(*partnership)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The partnership, where the principal sees the whole of its record.
    pub(crate) async fn partnership(
        &mut self,
        id: StreamId,
    ) -> Result<Option<PartnershipState>, Problem> {
        let looked = self.look(id).await?;
        Ok(looked
            .filter(|(_, sight)| *sight == Sight::Whole)
            .map(|(state, _)| state.clone()))
    }

    /// A partnership with its areas as a world, whoever asks: to decide with, never to show.
    pub(crate) async fn world_of(&mut self, partnership: StreamId) -> Result<World, Problem> {
        let Some((state, _)) = self.look(partnership).await? else {
            return Ok(World::default());
        };
        let state = state.clone();
        let mut world = self.with_areas(state.areas.iter().copied()).await?;
        world.partnerships.insert(partnership, Arc::new(state));
        Ok(world)
    }

    /// How the principal stands to the record of a partnership.
    async fn stands(&mut self, partnership: Option<StreamId>) -> Result<Stands, Problem> {
        if self.whole(partnership).await? {
            return Ok(Stands::Whole);
        }
        let (Some(id), kind, own) = (partnership, self.principal.kind, self.principal.id) else {
            return Ok(Stands::Outside);
        };
        if kind == PrincipalKind::Operator {
            return Ok(Stands::LetIn);
        }
        let Some(own) = own.filter(|_| kind == PrincipalKind::Authority) else {
            return Ok(Stands::Outside);
        };
        let (world, today) = (self.world_of(id).await?, self.today);
        let mut areas = world.areas.values();
        let of_an_area = areas.any(|area| {
            let recorded = area.authorities.get(&own);
            recorded.is_some_and(|authority| authority.exists_on(today))
        });
        Ok(if of_an_area {
            Stands::LetIn
        } else {
            Stands::Outside
        })
    }

    /// A strategy as the principal sees it.
    pub(crate) async fn strategy(
        &mut self,
        state: &StrategyState,
    ) -> Result<Option<(StrategyState, Sight)>, Problem> {
        let sight = if self.whole(state.partnership).await? {
            Sight::Whole
        } else {
            Sight::Part
        };
        Ok(access::strategy_seen(state, sight, self.principal).map(|seen| (seen, sight)))
    }

    /// Whether the principal sees a needs assessment: its partnership's, or one that is published.
    pub(crate) async fn assessment(
        &mut self,
        state: &NeedsAssessmentState,
    ) -> Result<bool, Problem> {
        let published = state.completed.is_some()
            && state.publication == Some(AssessmentPublication::Published);
        Ok(published || self.whole(state.partnership).await?)
    }

    /// The partnerships it reads in part where something is about it: a strategy on which it is
    /// consulted, or an action of which touches it, or a case it sees.
    pub(crate) async fn in_part(&mut self) -> Result<BTreeSet<StreamId>, Problem> {
        let mut found = BTreeSet::new();
        if self.principal.kind == PrincipalKind::Authority {
            let mut after = None;
            loop {
                let rows = &self.app.projections;
                let page = rows.streams::<Strategy>(after, PAGE_ROWS_MAX).await;
                let page = page.map_err(internal)?;
                let takes_part = |state| access::takes_part(state, self.principal);
                let own = page.rows.iter().filter(|row| takes_part(&row.state));
                found.extend(own.filter_map(|row| row.state.partnership));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        let mut after = None;
        loop {
            let page = self.app.projections.directions(after, PAGE_ROWS_MAX).await;
            let page = page.map_err(internal)?;
            for row in page.rows {
                if row.state.partnership.is_some() && self.direction(&row.state).await? {
                    found.extend(row.state.partnership);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut in_part = BTreeSet::new();
        for id in found {
            if !self.whole(Some(id)).await? {
                in_part.insert(id);
            }
        }
        Ok(in_part)
    }

    /// Whether it sees a date of a partnership that it reads in part: what the date is about is what
    /// it reads.
    pub(crate) async fn date_in_part(
        &mut self,
        set: &WhatIsDue,
        histories: &Histories,
    ) -> Result<bool, Problem> {
        match set {
            WhatIsDue::Own(own) if own.kind == DeadlineKind::DirectionCompliance => {
                match histories.directions.get(&own.about) {
                    Some(case) => self.direction(&case.state(NaiveDate::MAX)).await,
                    None => Ok(false),
                }
            }
            WhatIsDue::Own(DeadlineSet { about: of, .. })
            | WhatIsDue::Action(ActionDeadline { strategy: of, .. }) => {
                let strategy = histories.strategies.get(of);
                let state = strategy.map(|history| history.state(NaiveDate::MAX));
                let sees = |state: Arc<StrategyState>| {
                    access::sees_date_in_part(&state, set, self.principal)
                };
                Ok(state.is_some_and(sees))
            }
            WhatIsDue::Area(_) => Ok(false),
        }
    }

    /// Whether the principal sees the direction of a stream.
    pub(crate) async fn direction_of(&mut self, id: StreamId) -> Result<bool, Problem> {
        match self.state::<Direction>(id).await? {
            Some(state) => self.direction(&state).await,
            None => Ok(false),
        }
    }

    /// Of the cases wanted that name no partnership, those it sees.
    pub(crate) async fn cases_alone(
        &mut self,
        wanted: impl Fn(&DirectionState) -> bool,
    ) -> Result<Vec<StreamId>, Problem> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let found = self.app.projections.cases_alone(after, PAGE_ROWS_MAX).await;
            let found = found.map_err(internal)?;
            for row in found.rows {
                if wanted(&row.state) && self.direction(&row.state).await? {
                    all.push(row.id);
                }
            }
            after = found.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Whether the principal sees a direction.
    pub(crate) async fn direction(&mut self, state: &DirectionState) -> Result<bool, Problem> {
        let mut world = match state.partnership {
            Some(partnership) => self.world_of(partnership).await?,
            None => World::default(),
        };
        if let Some(id) = state.area
            && let Some(area) = self.area(id).await?
        {
            world.areas.insert(id, Arc::new(area.clone()));
        }
        Ok(access::sees_direction(
            self.principal,
            state,
            &world,
            self.today,
        ))
    }
}

/// How a principal stands to a stream it gives a command on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// It sees the stream whole.
    Whole,
    /// It takes part: it is consulted, or an action touches it.
    TakesPart,
    /// It may give some commands without seeing the stream: an authority of one of the partnership's
    /// areas for itself, the operator what happened elsewhere.
    LetIn,
    /// It may not know that the stream is there. What is merely published is read, and not given
    /// commands on, so that a refusal tells no more than the publication does.
    Outside,
}

/// How a principal stands to a stream of a kind, by the ledger itself.
pub(crate) async fn stands(
    app: &App,
    principal: Principal,
    kind: &str,
    id: StreamId,
) -> Result<Stands, Problem> {
    let mut seer = Seer::in_ledger(app, principal);
    match kind {
        Partnership::NAME => seer.stands(Some(id)).await,
        Strategy::NAME => {
            let state = seer.state::<Strategy>(id).await?.unwrap_or_default();
            match seer.stands(state.partnership).await? {
                Stands::Whole => Ok(Stands::Whole),
                _ if access::takes_part(&state, principal) => Ok(Stands::TakesPart),
                other => Ok(other),
            }
        }
        NeedsAssessment::NAME => {
            let state = seer.state::<NeedsAssessment>(id).await?.unwrap_or_default();
            seer.stands(state.partnership).await
        }
        Direction::NAME => {
            let state = seer.state::<Direction>(id).await?.unwrap_or_default();
            if seer.direction(&state).await? {
                Ok(Stands::Whole)
            } else if principal.kind == PrincipalKind::Operator {
                Ok(Stands::LetIn)
            } else {
                Ok(Stands::Outside)
            }
        }
        _ => Ok(Stands::Whole),
    }
}
