//! Writing what a state says about other streams. Nothing is written where it says what it said
//! before.

use dutyledger_domain::streams::{AreaState, PartnershipState, StrategyState};
use dutyledger_record::StreamId;

use crate::database::{Tx, sql};
use crate::error::ProjectionError;
use crate::values::rows;

pub(crate) async fn area(
    id: StreamId,
    before: Option<&AreaState>,
    state: &AreaState,
    tx: &mut Tx,
) -> Result<(), ProjectionError> {
    if before.is_some_and(|before| before.authorities == state.authorities) {
        return Ok(());
    }
    tx.execute(sql("DELETE FROM area_authority WHERE area_id = $1").bind(id))
        .await?;
    let authorities = state
        .authorities
        .iter()
        .map(|(id, a)| (id, a.capacity, a.from, a.until));
    let insert = sql(
        "INSERT INTO area_authority (area_id, authority_id, capacity, from_on, until) \
         SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($2)",
    );
    tx.execute(insert.bind(id).bind(rows(authorities)?)).await?;
    Ok(())
}

pub(crate) async fn partnership(
    id: StreamId,
    before: Option<&PartnershipState>,
    state: &PartnershipState,
    tx: &mut Tx,
) -> Result<(), ProjectionError> {
    if before.is_none_or(|before| before.members != state.members) {
        members(id, state, tx).await?;
    }
    if before.is_none_or(|before| before.areas != state.areas) {
        areas(id, state, tx).await?;
    }
    Ok(())
}

async fn members(
    id: StreamId,
    state: &PartnershipState,
    tx: &mut Tx,
) -> Result<(), ProjectionError> {
    tx.execute(sql("DELETE FROM member WHERE partnership_id = $1").bind(id))
        .await?;
    let members = state
        .members
        .iter()
        .map(|(id, m)| (id, m.capacity, m.standing, m.since.on, m.until));
    let insert = sql(
        "INSERT INTO member (partnership_id, authority_id, capacity, standing, since, until) \
         SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 \
         FROM json_each($2)",
    );
    tx.execute(insert.bind(id).bind(rows(members)?)).await?;
    Ok(())
}

async fn areas(id: StreamId, state: &PartnershipState, tx: &mut Tx) -> Result<(), ProjectionError> {
    tx.execute(sql("DELETE FROM partnership_area WHERE partnership_id = $1").bind(id))
        .await?;
    let insert = sql("INSERT INTO partnership_area (partnership_id, area_id) \
                      SELECT $1, value ->> 0 FROM json_each($2)");
    let areas = state.areas.iter().map(|area| (area,));
    tx.execute(insert.bind(id).bind(rows(areas)?)).await?;
    Ok(())
}

pub(crate) async fn strategy(
    id: StreamId,
    before: Option<&StrategyState>,
    state: &StrategyState,
    tx: &mut Tx,
) -> Result<(), ProjectionError> {
    let moved = before.is_none_or(|before| before.partnership != state.partnership);
    if moved || before.is_none_or(|before| !consulted(before).eq(consulted(state))) {
        write_consulted(id, state, tx).await?;
    }
    if moved || before.is_none_or(|before| published(before) != published(state)) {
        write_published(id, state, tx).await?;
    }
    Ok(())
}

/// The versions and the authorities consulted on them.
fn consulted(state: &StrategyState) -> impl Iterator<Item = (u32, StreamId)> {
    state.versions.iter().flat_map(|(number, version)| {
        let consulted = version.consultation.consulted.keys();
        consulted.map(move |authority| (*number, *authority))
    })
}

/// The newest published version, and since when.
fn published(state: &StrategyState) -> Option<(u32, String)> {
    let (number, version) = state.newest_published()?;
    let published = version.published.as_ref()?;
    Some((number, published.at.on.to_string()))
}

async fn write_consulted(
    id: StreamId,
    state: &StrategyState,
    tx: &mut Tx,
) -> Result<(), ProjectionError> {
    let consulted = rows(consulted(state))?;
    // A strategy may have thousands of these and seldom changes one: those that stay are left alone.
    let delete = sql(
        "DELETE FROM consulted WHERE strategy_id = $1 AND (version, authority_id) NOT IN \
             (SELECT CAST(value ->> 0 AS bigint), value ->> 1 FROM json_each($2))",
    );
    tx.execute(delete.bind(id).bind(consulted.clone())).await?;
    let insert = sql(
        "INSERT INTO consulted (strategy_id, version, authority_id, partnership_id) \
         SELECT $1, CAST(value ->> 0 AS bigint), value ->> 1, $3 FROM json_each($2) WHERE true \
         ON CONFLICT (strategy_id, version, authority_id) DO UPDATE SET \
             partnership_id = excluded.partnership_id \
             WHERE consulted.partnership_id IS DISTINCT FROM excluded.partnership_id",
    );
    let partnership = state.partnership.map(|id| id.to_string());
    tx.execute(insert.bind(id).bind(consulted).bind(partnership))
        .await?;
    Ok(())
}

async fn write_published(
    id: StreamId,
    state: &StrategyState,
    tx: &mut Tx,
) -> Result<(), ProjectionError> {
    tx.execute(sql("DELETE FROM published WHERE strategy_id = $1").bind(id))
        .await?;
    if let Some((number, on)) = published(state) {
        let insert = sql(
            "INSERT INTO published (strategy_id, partnership_id, version, published_on) \
             VALUES ($1, $2, $3, $4)",
        );
        let partnership = state.partnership.map(|id| id.to_string());
        tx.execute(insert.bind(id).bind(partnership).bind(number).bind(on))
            .await?;
    }
    Ok(())
}
