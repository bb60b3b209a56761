//! The kinds of stream that have rows, and what is particular to each.

use std::future::Future;

use dutyledger_domain::streams::{
    Area, AreaState, Authority, AuthorityState, Direction, DirectionState, NeedsAssessment,
    NeedsAssessmentState, Partnership, PartnershipState, Strategy, StrategyState,
};
use dutyledger_domain::{Capacity, Listed, by_kind};
use dutyledger_record::{PublicText, StreamId};

use crate::database::Tx;
use crate::error::ProjectionError;
use crate::streams::links;

/// A kind of stream that has rows.
pub(crate) trait Kept: Listed {
    /// Whose rows are derived from it, besides those that depend on it.
    fn belongs_to(id: StreamId, state: &Self::State) -> Option<StreamId> {
        Self::partnership(id, state)
    }

    /// What lists show.
    fn name(_state: &Self::State) -> Option<&PublicText> {
        None
    }

    /// What authorities are filtered by.
    fn capacity(_state: &Self::State) -> Option<Capacity> {
        None
    }

    /// Writes what the state says about other streams as rows of their own, where it is not what
    /// the state before said.
    fn write_links(
        _id: StreamId,
        _before: Option<&Self::State>,
        _state: &Self::State,
        _tx: &mut Tx,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send {
        async { Ok(()) }
    }
}

/// Whether streams of this type have rows.
pub(crate) fn is_kept(stream_type: &str) -> bool {
    fn yes<K: Kept>() -> bool {
        true
    }
    by_kind!(stream_type, K => yes::<K>(), else false)
}

impl Kept for Area {
    fn name(state: &AreaState) -> Option<&PublicText> {
        state.name.as_ref()
    }

    async fn write_links(
        id: StreamId,
        before: Option<&AreaState>,
        state: &AreaState,
        tx: &mut Tx,
    ) -> Result<(), ProjectionError> {
        links::area(id, before, state, tx).await
    }
}

impl Kept for Authority {
    fn name(state: &AuthorityState) -> Option<&PublicText> {
        state.body.as_ref()
    }

    fn capacity(state: &AuthorityState) -> Option<Capacity> {
        state.capacity
    }
}

impl Kept for Partnership {
    fn name(state: &PartnershipState) -> Option<&PublicText> {
        state.name.as_ref()
    }

    async fn write_links(
        id: StreamId,
        before: Option<&PartnershipState>,
        state: &PartnershipState,
        tx: &mut Tx,
    ) -> Result<(), ProjectionError> {
        links::partnership(id, before, state, tx).await
    }
}

impl Kept for NeedsAssessment {
    fn name(state: &NeedsAssessmentState) -> Option<&PublicText> {
        state.title.as_ref()
    }
}

impl Kept for Strategy {
    fn name(state: &StrategyState) -> Option<&PublicText> {
        state.title.as_ref()
    }

    async fn write_links(
        id: StreamId,
        before: Option<&StrategyState>,
        state: &StrategyState,
        tx: &mut Tx,
    ) -> Result<(), ProjectionError> {
        links::strategy(id, before, state, tx).await
    }
}

impl Kept for Direction {
    fn belongs_to(id: StreamId, state: &DirectionState) -> Option<StreamId> {
        Some(state.belongs_to(id))
    }
}
