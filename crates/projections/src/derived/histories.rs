//! The streams a partnership's reviews, triggers and marks are derived from.

use std::collections::BTreeSet;

use dutyledger_domain::streams::partnership::PartnershipEvent;
use dutyledger_domain::streams::{Area, Authority, Partnership};
use dutyledger_domain::{Class, Histories, History};
use dutyledger_record::{RulePackRef, Stream, StreamId, StreamType};

use crate::cache::Loader;
use crate::database::{Tx, sql};
use crate::error::ProjectionError;
use crate::kinds::Kept;
use crate::streams::FOLDS_ALL;
use crate::values::parsed;
use dutyledger_domain::{Listed, by_kind};

/// The partnership's own stream; the strategies, assessments and directions that belong to it; the
/// assessments its strategies rest on; every area it was ever for; and the authorities a trigger
/// could be about. A stream that has no entry yet is named among those depended on, and has no
/// history.
pub(crate) async fn of(
    loader: &mut Loader<'_>,
    rules: Option<&RulePackRef>,
    partnership: StreamId,
    belonging: &BTreeSet<Stream>,
) -> Result<(Histories, Vec<Stream>), ProjectionError> {
    let mut all = Histories::default();
    if let Some(rules) = rules {
        all.rules = rules.clone();
    }
    add::<Partnership>(&mut all, loader, [partnership]).await?;
    for stream in belonging {
        by_kind!(
            stream.stream_type.as_str(),
            K => add::<K>(&mut all, loader, [stream.id]).await?,
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
    let depends_on = depends_on
        .into_iter()
        .map(|on| Stream::new(on.stream_type, on.id));
    Ok((all, depends_on.collect()))
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
pub(super) async fn belonging(
    tx: &mut Tx,
    partnership: StreamId,
) -> Result<BTreeSet<Stream>, ProjectionError> {
    let found = tx
        .all::<(String, String)>(
            sql("SELECT stream_type, stream_id FROM stream_row WHERE partnership_id = $1")
                .bind(partnership),
        )
        .await?;
    found
        .into_iter()
        .map(|(stream_type, id)| Ok(Stream::new(StreamType::read(&stream_type), parsed(&id)?)))
        .collect()
}

fn assessments(all: &Histories) -> BTreeSet<StreamId> {
    let strategies = all
        .strategies
        .values()
        .map(|history| history.state(FOLDS_ALL));
    let mut found = BTreeSet::new();
    for strategy in strategies {
        let versions = strategy.versions.values();
        found.extend(versions.flat_map(|version| version.assessments.iter().copied()));
    }
    found
}

/// Every area an entry ever named: an old decision is looked at with the areas of its own date.
fn areas(all: &Histories, partnership: StreamId) -> BTreeSet<StreamId> {
    let history = all.partnerships.get(&partnership);
    history
        .into_iter()
        .flat_map(History::entries)
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
        found.extend(history.state(FOLDS_ALL).members.keys());
    }
    for area in all.areas.values() {
        let area = area.state(FOLDS_ALL);
        let recorded = area.authorities.iter();
        let specified = recorded.filter(|(_, a)| a.capacity.class() == Class::Specified);
        found.extend(specified.map(|(id, _)| *id));
    }
    for strategy in all.strategies.values() {
        let actions = &strategy.state(FOLDS_ALL).actions;
        found.extend(
            actions
                .values()
                .flat_map(|action| action.authorities.keys()),
        );
    }
    found.extend(
        all.directions
            .values()
            .filter_map(|d| d.state(FOLDS_ALL).authority),
    );
    found
}
