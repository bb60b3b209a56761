//! Ledgers that are full before anything is measured.

use dutyledger_ledger::{LedgerReader, Place};
use dutyledger_record::Frontier;
use dutyledger_test_postgres::Postgres;

use crate::Fallible;
use crate::audit::adopt;
use crate::limit::{PostgresWriter, SqliteWriter};
use crate::ours::{Ours, home};
use crate::rows::Rows;
use crate::store::{Db, Store};

/// How a ledger is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// With entries, many in a commit.
    Entries,
    /// With idempotency rows as well.
    Named,
    /// With as few entries in a commit as a busy server's have, and so with as many roots; it has
    /// adopted a key first.
    Adopted,
}

impl How {
    /// How many rows a transaction writes.
    const fn rows_each(self) -> usize {
        match self {
            Self::Entries | Self::Named => 10_000,
            Self::Adopted => 32,
        }
    }
}

/// How many entries a stream has in the end.
const STREAM_ENTRIES: u64 = 100;

/// A ledger with so many entries: founded by ours, and filled by the raw driver as ours would have,
/// with right hashes.
pub(crate) async fn filled(
    db: Db,
    server: Option<&Postgres>,
    entries: u64,
    how: How,
) -> Fallible<Store> {
    let store = Store::new(db, server)?;
    let ours = Ours::open_alone(&store).await?;
    let template = ours.template().await?;
    if how == How::Adopted {
        adopt(&ours).await?;
    }
    ours.close().await?;
    let (position, tree) = tree(&store).await?;
    let streams = usize::try_from(entries / STREAM_ENTRIES)?;
    let rows = Rows::hashed(&template, streams, tree);
    fill(&store, rows, position, entries, how).await?;
    if how == How::Named {
        // Or the projections would have all of it before them where commands are given.
        let ledger = LedgerReader::open(Place::parse(&store.address())?).await?;
        let projections = home(&store)?.projections;
        dutyledger_projections::rebuild(projections, &ledger, |_, _| {}).await?;
        ledger.close().await;
    }
    store.settle(server).await?;
    Ok(store)
}

/// The position of the head, and the tree of what is there.
async fn tree(store: &Store) -> Fallible<(u64, Frontier)> {
    let hashes: Vec<Vec<u8>> = match store {
        Store::Sqlite { .. } => {
            let file = store.sqlite()?;
            let mut statement = file.prepare("SELECT leaf_hash FROM entry ORDER BY position")?;
            let hashes = statement.query_map([], |row| row.get(0))?;
            hashes.collect::<Result<_, _>>()?
        }
        Store::Postgres { .. } => {
            let client = store.postgres().await?;
            let sql = "SELECT leaf_hash FROM ledger.entry ORDER BY position";
            let rows = client.query(sql, &[]).await?;
            rows.iter().map(|row| row.get(0)).collect()
        }
    };
    let mut tree = Frontier::empty();
    for hash in &hashes {
        tree.push(hash.as_slice().try_into()?);
    }
    Ok((tree.size(), tree))
}

async fn fill(store: &Store, rows: Rows, after: u64, until: u64, how: How) -> Fallible<()> {
    let (rows_each, names) = (how.rows_each(), how == How::Named);
    let next = |position: u64| {
        let left = usize::try_from(until.saturating_sub(position)).unwrap_or(usize::MAX);
        Some(left.min(rows_each)).filter(|count| *count > 0)
    };
    match store {
        Store::Sqlite { .. } => {
            let file = store.sqlite()?;
            file.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000")?;
            let mut writer = SqliteWriter::after(file, rows, after, rows_each, names);
            while let Some(count) = next(writer.position()) {
                writer.commit(count)?;
            }
        }
        Store::Postgres { .. } => {
            let client = store.postgres().await?;
            client.batch_execute("SET synchronous_commit = off").await?;
            let mut writer = PostgresWriter::after(client, rows, after, rows_each, names).await?;
            while let Some(count) = next(writer.position()) {
                writer.commit(count).await?;
            }
        }
    }
    Ok(())
}
