//! Writing what a state says about other streams.

use dutyledger_domain::streams::{AreaState, PartnershipState, StrategyState};
use dutyledger_record::StreamId;
use sqlx::sqlite::SqliteConnection;

use crate::error::ProjectionError;
use crate::values::rows;

pub(crate) async fn area(
    id: StreamId,
    state: &AreaState,
    conn: &mut SqliteConnection,
) -> Result<(), ProjectionError> {
    let of = id.to_string();
    sqlx::query("DELETE FROM area_authority WHERE area_id = ?1")
        .bind(&of)
        .execute(&mut *conn)
        .await?;
    let authorities = state
        .authorities
        .iter()
        .map(|(id, a)| (id, a.capacity, a.from, a.until));
    sqlx::query(
        "INSERT INTO area_authority (area_id, authority_id, capacity, from_on, until) \
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)",
    )
    .bind(&of)
    .bind(rows(authorities)?)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn partnership(
    id: StreamId,
    state: &PartnershipState,
    conn: &mut SqliteConnection,
) -> Result<(), ProjectionError> {
    let of = id.to_string();
    sqlx::query("DELETE FROM member WHERE partnership_id = ?1")
        .bind(&of)
        .execute(&mut *conn)
        .await?;
    let members = state
        .members
        .iter()
        .map(|(id, m)| (id, m.capacity, m.standing, m.since.on, m.until));
    sqlx::query(
        "INSERT INTO member (partnership_id, authority_id, capacity, standing, since, until) \
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 \
         FROM json_each(?2)",
    )
    .bind(&of)
    .bind(rows(members)?)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM partnership_area WHERE partnership_id = ?1")
        .bind(&of)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO partnership_area (partnership_id, area_id) \
         SELECT ?1, value FROM json_each(?2)",
    )
    .bind(&of)
    .bind(rows(&state.areas)?)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn strategy(
    id: StreamId,
    state: &StrategyState,
    conn: &mut SqliteConnection,
) -> Result<(), ProjectionError> {
    let of = id.to_string();
    let partnership = state.partnership.map(|id| id.to_string());
    let consulted = rows(state.versions.iter().flat_map(|(number, version)| {
        version
            .consultation
            .consulted
            .keys()
            .map(move |authority| (number, authority))
    }))?;
    // A strategy may have thousands of these and seldom changes one: those that stay are left alone.
    sqlx::query(
        "DELETE FROM consulted WHERE strategy_id = ?1 AND (version, authority_id) NOT IN \
             (SELECT value ->> 0, value ->> 1 FROM json_each(?2))",
    )
    .bind(&of)
    .bind(&consulted)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO consulted (strategy_id, version, authority_id, partnership_id) \
         SELECT ?1, value ->> 0, value ->> 1, ?3 FROM json_each(?2) WHERE true \
         ON CONFLICT (strategy_id, version, authority_id) DO UPDATE SET \
             partnership_id = excluded.partnership_id \
             WHERE partnership_id IS NOT excluded.partnership_id",
    )
    .bind(&of)
    .bind(consulted)
    .bind(&partnership)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM published WHERE strategy_id = ?1")
        .bind(&of)
        .execute(&mut *conn)
        .await?;
    if let Some((number, version)) = state.newest_published()
        && let Some(publication) = &version.published
    {
        sqlx::query(
            "INSERT INTO published (strategy_id, partnership_id, version, published_on) \
             VALUES (?1, ?2, ?3, ?4)",
        )
        .bind(&of)
        .bind(partnership)
        .bind(number)
        .bind(publication.at.on.to_string())
        .execute(conn)
        .await?;
    }
    Ok(())
}
