//! Consultations and publications.

use dutyledger_record::StreamId;

use super::{after_id, asked, optional_id, page};
use crate::database::sql;
use crate::error::QueryError;
use crate::projections::Projections;
use crate::rows::{ConsultationRow, Page, PublishedRow};
use crate::values::{number, parsed};

/// authority_id, strategy_id, version, partnership_id
type Columns = (String, String, i64, Option<String>);

fn row(
    (authority, strategy, version, partnership): Columns,
) -> Result<ConsultationRow, QueryError> {
    Ok(ConsultationRow {
        authority: parsed(&authority)?,
        strategy: parsed(&strategy)?,
        version: number(version)?,
        partnership: optional_id(partnership.as_deref())?,
    })
}

/// strategy_id, partnership_id, version, published_on
type PublishedColumns = (String, Option<String>, i64, String);

fn published(
    (strategy, partnership, version, on): PublishedColumns,
) -> Result<PublishedRow, QueryError> {
    Ok(PublishedRow {
        strategy: parsed(&strategy)?,
        partnership: optional_id(partnership.as_deref())?,
        version: number(version)?,
        on: parsed(&on)?,
    })
}

impl Projections {
    /// The versions of strategies an authority was consulted on.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn consultations_of(
        &self,
        authority: StreamId,
        after: Option<(StreamId, u32)>,
        limit: u32,
    ) -> Result<Page<ConsultationRow, (StreamId, u32)>, QueryError> {
        let found = self
            .rows
            .all::<Columns>(
                sql(
                    "SELECT authority_id, strategy_id, version, partnership_id FROM consulted \
             WHERE authority_id = $1 AND (strategy_id, version) > ($2, $3) \
             ORDER BY strategy_id, version LIMIT $4",
                )
                .bind(authority)
                .bind(after_id(after.map(|(strategy, _)| strategy)))
                .bind(after.map_or(0, |(_, version)| version))
                .bind(asked(limit)),
            )
            .await?;
        page(found, limit, row, |row| (row.strategy, row.version))
    }

    /// Whether an authority was consulted on any version of a strategy.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn was_consulted(
        &self,
        authority: StreamId,
        strategy: StreamId,
    ) -> Result<bool, QueryError> {
        let (consulted,) = self
            .rows
            .one::<(bool,)>(
                sql("SELECT EXISTS (SELECT 1 FROM consulted \
                                    WHERE authority_id = $1 AND strategy_id = $2)")
                .bind(authority)
                .bind(strategy),
            )
            .await?;
        Ok(consulted)
    }

    /// The strategies with a published version, in the order of their ids.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn published_strategies(
        &self,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<PublishedRow, StreamId>, QueryError> {
        let found = self
            .rows
            .all::<PublishedColumns>(
                sql(
                    "SELECT strategy_id, partnership_id, version, published_on FROM published \
             WHERE strategy_id > $1 ORDER BY strategy_id LIMIT $2",
                )
                .bind(after_id(after))
                .bind(asked(limit)),
            )
            .await?;
        page(found, limit, published, |row| row.strategy)
    }

    /// The newest published version of a strategy; none if it has none.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn published(&self, strategy: StreamId) -> Result<Option<PublishedRow>, QueryError> {
        let found = self
            .rows
            .optional::<PublishedColumns>(
                sql(
                    "SELECT strategy_id, partnership_id, version, published_on FROM published \
             WHERE strategy_id = $1",
                )
                .bind(strategy),
            )
            .await?;
        found.map(published).transpose()
    }
}
