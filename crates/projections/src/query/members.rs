//! Who has to do with which partnership.

use dutyledger_record::{Stream, StreamId, StreamType};

use super::{after_id, asked, page};
use crate::database::sql;
use crate::error::QueryError;
use crate::projections::Projections;
use crate::rows::{AreaAuthorityRow, MemberRow, Page};
use crate::values::{parsed, read_word};

/// partnership_id, authority_id, capacity, standing, since, until
type Columns = (String, String, String, String, String, Option<String>);

fn row(columns: Columns) -> Result<MemberRow, QueryError> {
    let (partnership, authority, capacity, standing, since, until) = columns;
    Ok(MemberRow {
        partnership: parsed(&partnership)?,
        authority: parsed(&authority)?,
        capacity: read_word(&capacity)?,
        standing: read_word(&standing)?,
        since: parsed(&since)?,
        until: until.as_deref().map(parsed).transpose()?,
    })
}

/// partnership_id, area_id, authority_id, capacity, from_on, until
type AreaColumns = (String, String, String, String, String, Option<String>);

fn area_row(columns: AreaColumns) -> Result<AreaAuthorityRow, QueryError> {
    let (partnership, area, authority, capacity, from, until) = columns;
    Ok(AreaAuthorityRow {
        partnership: parsed(&partnership)?,
        area: parsed(&area)?,
        authority: parsed(&authority)?,
        capacity: read_word(&capacity)?,
        from: parsed(&from)?,
        until: until.as_deref().map(parsed).transpose()?,
    })
}

impl Projections {
    /// The members of a partnership, those that have ceased included, in the order of their ids.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn members(
        &self,
        partnership: StreamId,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<MemberRow, StreamId>, QueryError> {
        let found = self.rows.all::<Columns>(sql(
            "SELECT partnership_id, authority_id, capacity, standing, since, until FROM member \
             WHERE partnership_id = $1 AND authority_id > $2 ORDER BY authority_id LIMIT $3",
        )
        .bind(partnership)
        .bind(after_id(after))
        .bind(asked(limit))).await?;
        page(found, limit, row, |row| row.authority)
    }

    /// One member of a partnership; none if the authority never was one.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn member(
        &self,
        partnership: StreamId,
        authority: StreamId,
    ) -> Result<Option<MemberRow>, QueryError> {
        let found = self.rows.optional::<Columns>(sql(
            "SELECT partnership_id, authority_id, capacity, standing, since, until FROM member \
             WHERE partnership_id = $1 AND authority_id = $2",
        )
        .bind(partnership)
        .bind(authority)).await?;
        found.map(row).transpose()
    }

    /// The partnerships an authority is or was a member of, in the order of their ids.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn partnerships_of(
        &self,
        authority: StreamId,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<MemberRow, StreamId>, QueryError> {
        let found = self.rows.all::<Columns>(sql(
            "SELECT partnership_id, authority_id, capacity, standing, since, until FROM member \
             WHERE authority_id = $1 AND partnership_id > $2 ORDER BY partnership_id LIMIT $3",
        )
        .bind(authority)
        .bind(after_id(after))
        .bind(asked(limit))).await?;
        page(found, limit, row, |row| row.partnership)
    }

    /// The partnerships for an area of which an authority is recorded, whether it is a member or
    /// not: local policing bodies, relevant authorities, and specified authorities not yet
    /// recognised. In the order of partnership and area.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn partnerships_in_areas_of(
        &self,
        authority: StreamId,
        after: Option<(StreamId, StreamId)>,
        limit: u32,
    ) -> Result<Page<AreaAuthorityRow, (StreamId, StreamId)>, QueryError> {
        let found = self.rows.all::<AreaColumns>(sql(
            "SELECT p.partnership_id, p.area_id, a.authority_id, a.capacity, a.from_on, a.until \
             FROM area_authority AS a JOIN partnership_area AS p ON p.area_id = a.area_id \
             WHERE a.authority_id = $1 AND (p.partnership_id, p.area_id) > ($2, $3) \
             ORDER BY p.partnership_id, p.area_id LIMIT $4",
        )
        .bind(authority)
        .bind(after_id(after.map(|(partnership, _)| partnership)))
        .bind(after_id(after.map(|(_, area)| area)))
        .bind(asked(limit))).await?;
        page(found, limit, area_row, |row| (row.partnership, row.area))
    }

    /// The partnerships an authority has to do with, as a member or as an authority of one of their
    /// areas, now or once, in the order of their ids.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn partnerships_concerning(
        &self,
        authority: StreamId,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Page<StreamId, StreamId>, QueryError> {
        let found = self.rows.all::<(String,)>(sql(
            "SELECT partnership_id FROM member WHERE authority_id = $1 AND partnership_id > $2 \
             UNION SELECT p.partnership_id \
             FROM area_authority AS a JOIN partnership_area AS p ON p.area_id = a.area_id \
             WHERE a.authority_id = $1 AND p.partnership_id > $2 \
             ORDER BY partnership_id LIMIT $3",
        )
        .bind(authority)
        .bind(after_id(after))
        .bind(asked(limit))).await?;
        page(found, limit, |(id,)| parsed(&id), |id| *id)
    }

    /// The streams a partnership's reviews, triggers and obligations are derived from, or the date and the
    /// trigger of a case that names none.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn depends_on(&self, whose: StreamId) -> Result<Vec<Stream>, QueryError> {
        let found = self
            .rows
            .all::<(String, String)>(
                sql(
                    "SELECT stream_type, stream_id FROM depends WHERE partnership_id = $1 \
             ORDER BY stream_type, stream_id",
                )
                .bind(whose),
            )
            .await?;
        found
            .iter()
            .map(|(stream_type, id)| Ok(Stream::new(StreamType::read(stream_type), parsed(id)?)))
            .collect()
    }
}
