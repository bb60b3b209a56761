//! What follows from several streams of a partnership together: reviews, triggers and marks.
//!
//! A partnership's rows are one function of the streams it depends on. A case that names none has rows of
//! its own, under its own id where the others stand under a partnership's. Those are written down
//! beside the rows, so that a change of any of them is known to concern it.

mod histories;
mod shown;

use std::collections::BTreeSet;

use dutyledger_domain::triggers::{EntryMark, marks};
use dutyledger_domain::{Coverage, Histories, reviews};
use dutyledger_record::{EntryId, Stream, StreamId};

use crate::cache::Loader;
use crate::database::{Tx, sql};
use crate::error::ProjectionError;
use crate::rules::Own;
use crate::streams::FOLDS_ALL;
use crate::values::{parsed, rows, word};
pub(crate) use histories::belonging;
use shown::{Shown, shown};

/// Finds what depends on any stream of a list. SQLite takes the tables of a CROSS
/// JOIN in the order they are named.
pub(crate) const DEPENDENTS: &str = "SELECT DISTINCT depends.partnership_id \
     FROM json_each($1) AS touched CROSS JOIN depends \
     WHERE depends.stream_type = touched.value ->> 0 \
         AND depends.stream_id = touched.value ->> 1";

/// The partnerships that depend on any of these streams, and the cases that name none.
pub(crate) async fn dependents(
    tx: &mut Tx,
    streams: impl Iterator<Item = &Stream>,
) -> Result<Vec<StreamId>, ProjectionError> {
    let streams = rows(streams.map(|s| (s.stream_type.as_str(), s.id)))?;
    let found = tx.all::<(String,)>(sql(DEPENDENTS).bind(streams)).await?;
    Ok(found
        .iter()
        .map(|(id,)| parsed(id))
        .collect::<Result<_, _>>()?)
}

/// Writes a partnership's rows anew, those that change. Its streams' own rows are written already.
pub(crate) async fn write(
    tx: &mut Tx,
    loader: &mut Loader<'_>,
    own: &Own,
    partnership: StreamId,
) -> Result<(), ProjectionError> {
    let (belonging, before) = match loader.cache.recall(partnership) {
        Some(known) => (known.belonging, Some(known.derived)),
        None => (belonging(tx, partnership).await?, None),
    };
    let (histories, depends_on) = histories::of(loader, own, partnership, &belonging).await?;
    let derived = Derived::of(partnership, &histories, depends_on);
    derived.write(tx, partnership, before.as_ref()).await?;
    loader.cache.put_all(histories);
    let known = Known { belonging, derived };
    loader.cache.remember(partnership, known);
    Ok(())
}

/// What is known of a partnership's rows without reading them.
#[derive(Debug)]
pub(crate) struct Known {
    /// The streams that say they belong to it.
    pub(crate) belonging: BTreeSet<Stream>,
    derived: Derived,
}

/// What a partnership's rows say.
#[derive(Debug)]
struct Derived {
    reviews: Vec<(StreamId, reviews::ReviewDue)>,
    coverage: Option<Coverage>,
    triggers: Vec<Shown>,
    marks: Vec<(StreamId, Vec<EntryMark>)>,
    depends_on: Vec<Stream>,
}

impl Derived {
    fn of(partnership: StreamId, histories: &Histories, depends_on: Vec<Stream>) -> Self {
        let state = histories
            .partnerships
            .get(&partnership)
            .map(|history| history.state(FOLDS_ALL))
            .unwrap_or_default();
        let mut due = Vec::new();
        for (id, history) in &histories.strategies {
            let strategy = history.state(FOLDS_ALL);
            if strategy.superseded.is_none() && state.dissolved.is_none() {
                due.extend(reviews::due(&strategy).map(|due| (*id, due)));
            }
        }
        Self {
            reviews: due,
            coverage: state.coverage.clone(),
            triggers: shown(partnership, histories),
            marks: histories
                .strategies
                .keys()
                .map(|id| (*id, marks(*id, histories)))
                .collect(),
            depends_on,
        }
    }

    /// Writes the tables whose rows are not those that were there before, or of which that is not
    /// known.
    async fn write(
        &self,
        tx: &mut Tx,
        of: StreamId,
        before: Option<&Self>,
    ) -> Result<(), ProjectionError> {
        if before.is_none_or(|b| b.reviews != self.reviews || b.coverage != self.coverage) {
            self.write_reviews(tx, of).await?;
        }
        if before.is_none_or(|before| before.triggers != self.triggers) {
            self.write_triggers(tx, of).await?;
        }
        if before.is_none_or(|before| before.marks != self.marks) {
            self.write_marks(tx, of).await?;
        }
        if before.is_none_or(|before| before.depends_on != self.depends_on) {
            self.write_depends(tx, of).await?;
        }
        Ok(())
    }

    async fn write_reviews(&self, tx: &mut Tx, of: StreamId) -> Result<(), ProjectionError> {
        tx.execute(sql("DELETE FROM review WHERE partnership_id = $1").bind(of))
            .await?;
        let due = self
            .reviews
            .iter()
            .map(|(id, due)| (id, due.on, due.counted_from, due.assumed, due.entry_id));
        let coverage = self.coverage.as_ref();
        let insert = sql(
            "INSERT INTO review (partnership_id, covers_until, fictional, strategy_id, due_on, \
                                 counted_from, assumed, entry_id) \
             SELECT $1, $2, $3, value ->> 0, value ->> 1, value ->> 2, \
                    CAST(value ->> 3 AS boolean), value ->> 4 \
             FROM json_each($4)",
        )
        .bind(of)
        .bind(coverage.map(|c| c.covers_until.to_string()))
        .bind(coverage.is_some_and(|c| c.fictional))
        .bind(rows(due)?);
        tx.execute(insert).await?;
        Ok(())
    }

    async fn write_triggers(&self, tx: &mut Tx, of: StreamId) -> Result<(), ProjectionError> {
        tx.execute(sql("DELETE FROM trigger_row WHERE partnership_id = $1").bind(of))
            .await?;
        let mut found = Vec::with_capacity(self.triggers.len());
        for Shown {
            from,
            until,
            trigger,
        } in &self.triggers
        {
            found.push((
                from,
                until,
                trigger.since,
                trigger.id,
                trigger.authority,
                word(&trigger.duty)?,
                trigger.area,
                serde_json::to_string(trigger)?,
            ));
        }
        let insert = sql(
            "INSERT INTO trigger_row (partnership_id, shown_from, shown_until, since, trigger_id, \
                                      authority_id, duty, area_id, json) \
             SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
                    value ->> 5, value ->> 6, value ->> 7 \
             FROM json_each($2)",
        );
        tx.execute(insert.bind(of).bind(rows(found)?)).await?;
        Ok(())
    }

    async fn write_marks(&self, tx: &mut Tx, of: StreamId) -> Result<(), ProjectionError> {
        tx.execute(sql("DELETE FROM mark WHERE partnership_id = $1").bind(of))
            .await?;
        let mut found: Vec<(StreamId, EntryId, usize, String)> = Vec::new();
        for (strategy, marks) in &self.marks {
            for (place, mark) in marks.iter().enumerate() {
                let json = serde_json::to_string(mark)?;
                found.push((*strategy, mark.entry_id, place, json));
            }
        }
        let insert = sql(
            "INSERT INTO mark (partnership_id, strategy_id, entry_id, place, json) \
             SELECT $1, value ->> 0, value ->> 1, CAST(value ->> 2 AS bigint), value ->> 3 \
             FROM json_each($2)",
        );
        tx.execute(insert.bind(of).bind(rows(found)?)).await?;
        Ok(())
    }

    async fn write_depends(&self, tx: &mut Tx, of: StreamId) -> Result<(), ProjectionError> {
        tx.execute(sql("DELETE FROM depends WHERE partnership_id = $1").bind(of))
            .await?;
        let on = self.depends_on.iter();
        let on = on.map(|s| (s.stream_type.as_str(), s.id));
        let insert = sql(
            "INSERT INTO depends (partnership_id, stream_type, stream_id) \
             SELECT $1, value ->> 0, value ->> 1 FROM json_each($2)",
        );
        tx.execute(insert.bind(of).bind(rows(on)?)).await?;
        Ok(())
    }
}
