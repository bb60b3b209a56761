//! Streams as they stand.

use dutyledger_domain::streams::{
    Area, AreaState, Authority, AuthorityState, Direction, DirectionState, Partnership,
    PartnershipState,
};
use dutyledger_domain::{Capacity, StreamKind};
use dutyledger_record::StreamId;
use serde::de::DeserializeOwned;

use super::{after_id, asked, optional_id, page};
use crate::database::sql;
use crate::error::QueryError;
use crate::projections::Projections;
use crate::rows::{Page, Row};
use crate::values::{corrupt, number, parsed, read_json, word};

/// stream_id, partnership_id, version, position, name, state
type Columns = (String, Option<String>, i64, i64, Option<String>, String);

fn row<S: DeserializeOwned>(columns: Columns) -> Result<Row<S>, QueryError> {
    let (id, partnership, version, position, name, state) = columns;
    Ok(Row {
        id: parsed(&id)?,
        partnership: optional_id(partnership.as_deref())?,
        version: number(version)?,
        position: number(position)?,
        name,
        state: read_json(&state)?,
    })
}

impl Projections {
    /// A stream as it stands; none if it has no entry.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn stream<K>(&self, id: StreamId) -> Result<Option<Row<K::State>>, QueryError>
    where
        K: StreamKind<State: DeserializeOwned>,
    {
        let found = self.rows.optional::<Columns>(sql(
            "SELECT stream_id, partnership_id, version, position, name, state FROM stream_row \
             WHERE stream_type = $1 AND stream_id = $2",
        )
        .bind(K::NAME)
        .bind(id)).await?;
        found.map(row).transpose()
    }

    /// The streams of a kind, in the order of their ids.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn streams<K>(
        &self,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<Row<K::State>, StreamId>, QueryError>
    where
        K: StreamKind<State: DeserializeOwned>,
    {
        let found = self.rows.all::<Columns>(sql(
            "SELECT stream_id, partnership_id, version, position, name, state FROM stream_row \
             WHERE stream_type = $1 AND stream_id > $2 ORDER BY stream_id LIMIT $3",
        )
        .bind(K::NAME)
        .bind(after_id(after))
        .bind(asked(limit))).await?;
        page(found, limit, row, |row| row.id)
    }

    /// The streams of a kind that belong to a partnership, in the order of their ids.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn streams_of<K>(
        &self,
        partnership: StreamId,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<Row<K::State>, StreamId>, QueryError>
    where
        K: StreamKind<State: DeserializeOwned>,
    {
        let found = self.rows.all::<Columns>(sql(
            "SELECT stream_id, partnership_id, version, position, name, state FROM stream_row \
             WHERE partnership_id = $1 AND stream_type = $2 AND stream_id > $3 \
             ORDER BY stream_id LIMIT $4",
        )
        .bind(partnership)
        .bind(K::NAME)
        .bind(after_id(after))
        .bind(asked(limit))).await?;
        page(found, limit, row, |row| row.id)
    }

    /// The partnerships.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn partnerships(
        &self,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<Row<PartnershipState>, StreamId>, QueryError> {
        self.streams::<Partnership>(after, limit).await
    }

    /// The cases that name no partnership, in the order of their ids.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn cases_alone(
        &self,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<Row<DirectionState>, StreamId>, QueryError> {
        let found = self.rows.all::<Columns>(sql(
            "SELECT stream_id, partnership_id, version, position, name, state FROM stream_row \
             WHERE partnership_id IS NULL AND stream_type = $1 AND stream_id > $2 \
             ORDER BY stream_id LIMIT $3",
        )
        .bind(Direction::NAME)
        .bind(after_id(after))
        .bind(asked(limit))).await?;
        page(found, limit, row, |row| row.id)
    }

    /// The areas.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn areas(
        &self,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<Row<AreaState>, StreamId>, QueryError> {
        self.streams::<Area>(after, limit).await
    }

    /// The directions, those that concern no partnership included.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn directions(
        &self,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<Row<DirectionState>, StreamId>, QueryError> {
        self.streams::<Direction>(after, limit).await
    }

    /// The authorities, or those of one capacity.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn authorities(
        &self,
        capacity: Option<Capacity>,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<Row<AuthorityState>, StreamId>, QueryError> {
        let Some(capacity) = capacity else {
            return self.streams::<Authority>(after, limit).await;
        };
        let found = self.rows.all::<Columns>(sql(
            "SELECT stream_id, partnership_id, version, position, name, state FROM stream_row \
             WHERE stream_type = $1 AND capacity = $2 AND stream_id > $3 \
             ORDER BY stream_id LIMIT $4",
        )
        .bind(Authority::NAME)
        .bind(word(&capacity).map_err(|e| corrupt("a capacity", e))?)
        .bind(after_id(after))
        .bind(asked(limit))).await?;
        page(found, limit, row, |row| row.id)
    }
}
