//! The kinds of stream that have rows, and what is particular to each.

use std::collections::BTreeMap;
use std::future::Future;

use dutyledger_domain::streams::{
    Area, AreaState, Authority, AuthorityState, Direction, NeedsAssessment, NeedsAssessmentState,
    Partnership, PartnershipState, Strategy, StrategyState,
};
use dutyledger_domain::{Capacity, Histories, History, StreamKind};
use dutyledger_record::{PublicText, StreamId};
use sqlx::sqlite::SqliteConnection;

use crate::error::ProjectionError;
use crate::streams::links;

/// A kind of stream that has rows.
pub(crate) trait Kept: StreamKind {
    /// Where its histories are among others.
    fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>>;

    /// What lists show.
    fn name(_state: &Self::State) -> Option<&PublicText> {
        None
    }

    /// What authorities are filtered by.
    fn capacity(_state: &Self::State) -> Option<Capacity> {
        None
    }

    /// Writes what the state says about other streams as rows of their own.
    fn write_links(
        _id: StreamId,
        _state: &Self::State,
        _conn: &mut SqliteConnection,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send {
        async { Ok(()) }
    }
}

/// Does something with the kind a stream type names, or something else if it names none.
macro_rules! by_kind {
    ($name:expr, $kind:ident => $then:expr, else $other:expr) => {
        $crate::kinds::by_kind!(
            @ $name, $kind => $then, else $other,
            Area Authority Partnership NeedsAssessment Strategy Direction
        )
    };
    (@ $name:expr, $kind:ident => $then:expr, else $other:expr, $($each:ident)+) => {
        match $name {
            $(<dutyledger_domain::streams::$each as dutyledger_domain::StreamKind>::NAME => {
                type $kind = dutyledger_domain::streams::$each;
                $then
            })+
            _ => $other,
        }
    };
}
pub(crate) use by_kind;

/// Whether streams of this type have rows.
pub(crate) fn is_kept(stream_type: &str) -> bool {
    fn yes<K: Kept>() -> bool {
        true
    }
    by_kind!(stream_type, K => yes::<K>(), else false)
}

impl Kept for Area {
    fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>> {
        &mut histories.areas
    }

    fn name(state: &AreaState) -> Option<&PublicText> {
        state.name.as_ref()
    }

    async fn write_links(
        id: StreamId,
        state: &AreaState,
        conn: &mut SqliteConnection,
    ) -> Result<(), ProjectionError> {
        links::area(id, state, conn).await
    }
}

impl Kept for Authority {
    fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>> {
        &mut histories.authorities
    }

    fn name(state: &AuthorityState) -> Option<&PublicText> {
        state.body.as_ref()
    }

    fn capacity(state: &AuthorityState) -> Option<Capacity> {
        state.capacity
    }
}

impl Kept for Partnership {
    fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>> {
        &mut histories.partnerships
    }

    fn name(state: &PartnershipState) -> Option<&PublicText> {
        state.name.as_ref()
    }

    async fn write_links(
        id: StreamId,
        state: &PartnershipState,
        conn: &mut SqliteConnection,
    ) -> Result<(), ProjectionError> {
        links::partnership(id, state, conn).await
    }
}

impl Kept for NeedsAssessment {
    fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>> {
        &mut histories.assessments
    }

    fn name(state: &NeedsAssessmentState) -> Option<&PublicText> {
        state.title.as_ref()
    }
}

impl Kept for Strategy {
    fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>> {
        &mut histories.strategies
    }

    fn name(state: &StrategyState) -> Option<&PublicText> {
        state.title.as_ref()
    }

    async fn write_links(
        id: StreamId,
        state: &StrategyState,
        conn: &mut SqliteConnection,
    ) -> Result<(), ProjectionError> {
        links::strategy(id, state, conn).await
    }
}

impl Kept for Direction {
    fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>> {
        &mut histories.directions
    }
}
