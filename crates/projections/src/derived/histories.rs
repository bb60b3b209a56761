//! The streams a partnership's reviews, triggers and marks are derived from, or the trigger of a case that
//! names none.

use std::collections::BTreeSet;

use dutyledger_domain::depends::further;
use dutyledger_domain::streams::{Direction, Partnership};
use dutyledger_domain::{Histories, History, StreamKind};
use dutyledger_record::{Stream, StreamId, StreamType};

use crate::cache::Loader;
use crate::database::{Tx, sql};
use crate::error::ProjectionError;
use crate::kinds::Kept;
use crate::rules::Own;
use crate::values::parsed;
use dutyledger_domain::{Listed, by_kind};

/// The partnership's own stream; the strategies, assessments and directions that belong to it; the
/// assessments its strategies rest on; every area it was ever for; and the authorities a trigger
/// could be about. A stream that has no entry yet is named among those depended on, and has no
/// history.
pub(crate) async fn of(
    loader: &mut Loader<'_>,
    own: &Own,
    whose: StreamId,
    belonging: &BTreeSet<Stream>,
) -> Result<(Histories, Vec<Stream>), ProjectionError> {
    let mut all = Histories {
        dates: own.dates.clone(),
        ..Histories::default()
    };
    if let Some(rules) = &own.rules {
        all.rules = rules.clone();
    }
    if !belonging.contains(&Stream::new(Direction::TYPE, whose)) {
        add::<Partnership>(&mut all, loader, [whose]).await?;
    }
    for stream in belonging {
        by_kind!(
            stream.stream_type.as_str(),
            K => add::<K>(&mut all, loader, [stream.id]).await?,
            else {}
        );
    }
    loop {
        let mut further = further(whose, &all);
        further.retain(|stream| !all.holds(stream));
        if further.is_empty() {
            break;
        }
        for stream in further {
            by_kind!(
                stream.stream_type.as_str(),
                K => add::<K>(&mut all, loader, [stream.id]).await?,
                else {}
            );
        }
    }
    let mut depends_on = all.versions();
    for stream in depends_on.iter().filter(|stream| stream.version == 0) {
        by_kind!(
            stream.stream_type.as_str(),
            K => { K::among(&mut all).remove(&stream.id); },
            else {}
        );
    }
    // What is no partnership, or none yet, does not depend on itself.
    depends_on.retain(|on| on.version > 0 || on.id != whose);
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

/// The streams that say they belong to a partnership; or a case that says it belongs to none.
pub(crate) async fn belonging(
    tx: &mut Tx,
    whose: StreamId,
) -> Result<BTreeSet<Stream>, ProjectionError> {
    let found = tx
        .all::<(String, String)>(
            sql(
                "SELECT stream_type, stream_id FROM stream_row WHERE partnership_id = $1 \
                 UNION ALL \
                 SELECT stream_type, stream_id FROM stream_row \
                 WHERE stream_type = 'direction' AND stream_id = $1 AND partnership_id IS NULL",
            )
            .bind(whose),
        )
        .await?;
    found
        .into_iter()
        .map(|(stream_type, id)| Ok(Stream::new(StreamType::read(&stream_type), parsed(&id)?)))
        .collect()
}
