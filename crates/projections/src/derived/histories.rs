//! The streams a partnership's reviews, triggers and marks are derived from.

use std::collections::BTreeSet;

use dutyledger_domain::streams::partnership::PartnershipEvent;
use dutyledger_domain::streams::{Area, Authority, Partnership};
use dutyledger_domain::{Class, Histories, History};
use dutyledger_record::{RestsOn, StreamId};
use sqlx::sqlite::SqliteConnection;

use crate::cache::Loader;
use crate::error::ProjectionError;
use crate::kinds::{Kept, by_kind};
use crate::rules;
use crate::streams::FOLDS_ALL;
use crate::values::parsed;

/// The partnership's own stream; the strategies, assessments and directions that belong to it; the
/// assessments its strategies rest on; every area it was ever for; and the authorities a trigger
/// could be about. A stream that has no entry yet is named among those depended on, and has no
/// history.
pub(crate) async fn of(
    conn: &mut SqliteConnection,
    loader: &mut Loader<'_>,
    partnership: StreamId,
) -> Result<(Histories, Vec<RestsOn>), ProjectionError> {
    let mut all = Histories::default();
    if let Some(rules) = rules::read(conn).await? {
        all.rules = rules;
    }
    add::<Partnership>(&mut all, loader, [partnership]).await?;
    for (stream_type, id) in belonging(conn, partnership).await? {
        by_kind!(
            stream_type.as_str(),
            K => add::<K>(&mut all, loader, [id]).await?,
            else {}
        );
    }
    let assessments = assessments(&all);
    add::<dutyledger_domain::streams::NeedsAssessment>(&mut all, loader, assessments).await?;
    let areas = areas(&all, partnership);
    add::<Area>(&mut all, loader, areas).await?;
    let authorities = authorities(&all, partnership);
    add::<Authority>(&mut all, loader, authorities).await?;
    let depends_on = all.versions();
    for stream in depends_on.iter().filter(|stream| stream.version == 0) {
        by_kind!(
            stream.stream_type.as_str(),
            K => { K::among(&mut all).remove(&stream.id); },
            else {}
        );
    }
    Ok((all, depends_on))
}

async fn add<K: Kept>(
    all: &mut Histories,
    loader: &mut Loader<'_>,
    ids: impl IntoIterator<Item = StreamId, IntoIter: Send> + Send,
) -> Result<(), ProjectionError> {
    for id in ids {
        if K::among(all).contains_key(&id) {
            continue;
        }
        let history: History<K> = loader.load(id).await?;
        K::among(all).insert(id, history);
    }
    Ok(())
}

/// The streams that say they belong to it.
async fn belonging(
    conn: &mut SqliteConnection,
    partnership: StreamId,
) -> Result<Vec<(String, StreamId)>, ProjectionError> {
    let found = sqlx::query_as::<_, (String, String)>(
        "SELECT stream_type, stream_id FROM stream_row WHERE partnership_id = ?1 \
         ORDER BY stream_type, stream_id",
    )
    .bind(partnership.to_string())
    .fetch_all(conn)
    .await?;
    found
        .into_iter()
        .map(|(stream_type, id)| Ok((stream_type, parsed(&id)?)))
        .collect()
}

fn assessments(all: &Histories) -> BTreeSet<StreamId> {
    let strategies = all
        .strategies
        .values()
        .map(|history| history.state(FOLDS_ALL));
    strategies
        .flat_map(|strategy| strategy.versions.into_values())
        .flat_map(|version| version.assessments)
        .collect()
}

/// Every area an entry ever named: an old decision is looked at with the areas of its own date.
fn areas(all: &Histories, partnership: StreamId) -> BTreeSet<StreamId> {
    let entries = all
        .partnerships
        .get(&partnership)
        .map_or(&[][..], History::entries);
    entries
        .iter()
        .filter_map(|entry| match &entry.payload {
            PartnershipEvent::PartnershipAreaNamed(named) => Some(named.area),
            _ => None,
        })
        .collect()
}

/// The members, the specified authorities of the areas, the authorities actions touch, and those
/// a direction is about. The schools of a county are not read unless something is about them.
pub(super) fn authorities(all: &Histories, partnership: StreamId) -> BTreeSet<StreamId> {
    let mut found = BTreeSet::new();
    if let Some(history) = all.partnerships.get(&partnership) {
        found.extend(history.state(FOLDS_ALL).members.into_keys());
    }
    for area in all.areas.values() {
        let recorded = area.state(FOLDS_ALL).authorities.into_iter();
        let specified = recorded.filter(|(_, a)| a.capacity.class() == Class::Specified);
        found.extend(specified.map(|(id, _)| id));
    }
    for strategy in all.strategies.values() {
        let actions = strategy.state(FOLDS_ALL).actions.into_values();
        found.extend(actions.flat_map(|action| action.authorities.into_keys()));
    }
    found.extend(
        all.directions
            .values()
            .filter_map(|d| d.state(FOLDS_ALL).authority),
    );
    found
}
