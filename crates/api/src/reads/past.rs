//! Partnerships and areas as true on a date and as known at a position, folded from the ledger. They
//! are to decide with: who may see them is decided elsewhere, by how things stand now.

use std::collections::BTreeSet;
use std::sync::Arc;

use dutyledger_application::load;
use dutyledger_domain::streams::{
    Area, Direction, NeedsAssessment, Partnership, PartnershipState, Strategy,
};
use dutyledger_domain::{Histories, StreamKind, World};
use dutyledger_record::{Stream, StreamId};

use super::state::AsOf;
use crate::app::App;
use crate::problem::{Problem, internal};

/// A partnership as of then; nothing where nothing was known of it by then.
pub(super) async fn partnership(
    app: &App,
    id: Option<StreamId>,
    as_of: AsOf,
) -> Result<Option<PartnershipState>, Problem> {
    let Some(id) = id else {
        return Ok(None);
    };
    let history = load::history::<Partnership>(app.bus.ledger(), id, Some(as_of.known_at))
        .await
        .map_err(internal)?;
    Ok((history.version() > 0).then(|| Arc::unwrap_or_clone(history.state(as_of.on))))
}

/// Everything a partnership's reviews, triggers and obligations hang on, as known at a position. The
/// rows tell which streams belong to it; what was recorded after them is read.
pub(super) async fn histories(
    app: &App,
    id: StreamId,
    known_at: u64,
) -> Result<Histories, Problem> {
    let belongs = |stream: &Stream| {
        let kinds = [Strategy::TYPE, NeedsAssessment::TYPE, Direction::TYPE];
        kinds.contains(&stream.stream_type)
    };
    // The position first: the rows then hold at least what was recorded up to it.
    let position = app.projections.position();
    let streams = app.projections.depends_on(id).await.map_err(internal)?;
    let mut belonging: BTreeSet<_> = streams.into_iter().filter(belongs).collect();
    let ledger = app.bus.ledger();
    if position < known_at {
        let known = (belonging, position);
        let found = dutyledger_audit::belonging(ledger, id, known, |_, _| {}).await;
        belonging = found.map_err(internal)?;
    }
    load::of_partnership(ledger, id, belonging, known_at)
        .await
        .map_err(internal)
}

/// A partnership with the areas it then had, all as of then.
pub(super) async fn world(app: &App, id: StreamId, as_of: AsOf) -> Result<World, Problem> {
    let mut world = World::default();
    let Some(state) = partnership(app, Some(id), as_of).await? else {
        return Ok(world);
    };
    for area in &state.areas {
        let history = load::history::<Area>(app.bus.ledger(), *area, Some(as_of.known_at))
            .await
            .map_err(internal)?;
        if history.version() > 0 {
            world.areas.insert(*area, history.state(as_of.on));
        }
    }
    world.partnerships.insert(id, Arc::new(state));
    Ok(world)
}
