//! What a principal sees, now. What it saw at an earlier date never widens that.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use dutyledger_application::access::{self, Sight};
use dutyledger_domain::streams::{
    Area, AreaState, Direction, DirectionState, NeedsAssessment, NeedsAssessmentState, Partnership,
    PartnershipState, Strategy, StrategyState,
};
use dutyledger_domain::{AssessmentPublication, StreamKind, World};
use dutyledger_record::{Principal, PrincipalKind, StreamId};

use crate::app::App;
use crate::problem::{Problem, internal};

/// Looks on behalf of a principal, and remembers what it has looked up for one request.
pub(crate) struct Seer<'a> {
    app: &'a App,
    principal: Principal,
    pub(crate) today: NaiveDate,
    areas: BTreeMap<StreamId, AreaState>,
    partnerships: BTreeMap<StreamId, Option<(PartnershipState, Sight)>>,
}

impl<'a> Seer<'a> {
    pub(crate) fn new(app: &'a App, principal: Principal) -> Self {
        Self {
            app,
            principal,
            today: app.bus.edge().today(),
            areas: BTreeMap::new(),
            partnerships: BTreeMap::new(),
        }
    }

    /// How much of a partnership's record the principal sees, and the partnership.
    async fn look(&mut self, id: StreamId) -> Result<Option<&(PartnershipState, Sight)>, Problem> {
        if !self.partnerships.contains_key(&id) {
            let row = self
                .app
                .projections
                .stream::<Partnership>(id)
                .await
                .map_err(internal)?;
            let looked = match row {
                None => None,
                Some(row) => {
                    let sight = self.sight_of(id, &row.state).await?;
                    Some((row.state, sight))
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
                world.areas.insert(id, area.clone());
            }
        }
        Ok(world)
    }

    async fn area(&mut self, id: StreamId) -> Result<Option<&AreaState>, Problem> {
        if !self.areas.contains_key(&id) {
            let row = self
                .app
                .projections
                .stream::<Area>(id)
                .await
                .map_err(internal)?;
            if let Some(row) = row {
                self.areas.insert(id, row.state);
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
        world.partnerships.insert(partnership, state);
        Ok(world)
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

    /// Whether the principal sees a direction.
    pub(crate) async fn direction(&mut self, state: &DirectionState) -> Result<bool, Problem> {
        let mut world = match state.partnership {
            Some(partnership) => self.world_of(partnership).await?,
            None => World::default(),
        };
        if let Some(id) = state.area
            && let Some(area) = self.area(id).await?
        {
            world.areas.insert(id, area.clone());
        }
        Ok(access::sees_direction(
            self.principal,
            state,
            &world,
            self.today,
        ))
    }
}

/// Whether a principal may read a stream of a kind.
pub(crate) async fn stream(
    app: &App,
    principal: Principal,
    kind: &str,
    id: StreamId,
) -> Result<bool, Problem> {
    let mut seer = Seer::new(app, principal);
    let rows = &app.projections;
    match kind {
        Partnership::NAME => seer.whole(Some(id)).await,
        Strategy::NAME => match rows.stream::<Strategy>(id).await.map_err(internal)? {
            Some(row) => Ok(seer.strategy(&row.state).await?.is_some()),
            None => Ok(false),
        },
        NeedsAssessment::NAME => {
            match rows.stream::<NeedsAssessment>(id).await.map_err(internal)? {
                Some(row) => seer.assessment(&row.state).await,
                None => Ok(false),
            }
        }
        Direction::NAME => match rows.stream::<Direction>(id).await.map_err(internal)? {
            Some(row) => seer.direction(&row.state).await,
            None => Ok(false),
        },
        _ => Ok(true),
    }
}
