//! Reading a whole ledger in order.

use std::hint::black_box;
use std::time::Instant;

use dutyledger_ledger::LedgerReader;
use dutyledger_record::Record;

use crate::Fallible;
use crate::ours::Ours;
use crate::sample::Sample;
use crate::store::Store;

/// How many entries a page has.
const PAGE: u32 = 5_000;

/// Ours: the ledger's reader.
pub(crate) async fn ours(store: &Store, decoded: bool, entries: u64) -> Fallible<Sample> {
    let ours = Ours::open_alone(store).await?;
    let since = Instant::now();
    let position = replayed(ours.bus().ledger(), decoded).await?;
    let sample = Sample::through(position, since.elapsed());
    ours.close().await?;
    complete(position, entries)?;
    Ok(sample)
}

/// Reads every entry in order, and says how many there were.
pub(crate) async fn replayed(ledger: &LedgerReader, decoded: bool) -> Fallible<u64> {
    let mut position = 0;
    loop {
        let page = ledger.read(position, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(position);
        };
        position = last.position;
        for stored in &page {
            take(&stored.leaf_data, decoded)?;
        }
    }
}

/// The raw driver: the same pages of the same table.
pub(crate) async fn raw(store: &Store, decoded: bool, entries: u64) -> Fallible<Sample> {
    let since = Instant::now();
    let position = match store {
        Store::Sqlite { .. } => sqlite(store, decoded)?,
        Store::Postgres { .. } => postgres(store, decoded).await?,
    };
    complete(position, entries)?;
    Ok(Sample::through(position, since.elapsed()))
}

fn sqlite(store: &Store, decoded: bool) -> Fallible<u64> {
    let file = store.sqlite()?;
    let mut statement = file.prepare(
        "SELECT position, leaf_data, leaf_hash FROM entry WHERE position > ?1 \
         ORDER BY position LIMIT ?2",
    )?;
    let mut position: i64 = 0;
    loop {
        let before = position;
        let mut rows = statement.query((position, PAGE))?;
        while let Some(row) = rows.next()? {
            position = row.get(0)?;
            take(row.get_ref(1)?.as_str()?, decoded)?;
            black_box(row.get_ref(2)?.as_blob()?);
        }
        if position == before {
            return Ok(position.try_into()?);
        }
    }
}

async fn postgres(store: &Store, decoded: bool) -> Fallible<u64> {
    let client = store.postgres().await?;
    let statement = client
        .prepare(
            "SELECT position, leaf_data, leaf_hash FROM ledger.entry WHERE position > $1 \
             ORDER BY position LIMIT $2",
        )
        .await?;
    let mut position: i64 = 0;
    loop {
        let page = client
            .query(&statement, &[&position, &i64::from(PAGE)])
            .await?;
        let Some(last) = page.last() else {
            return Ok(position.try_into()?);
        };
        position = last.get(0);
        for row in &page {
            take(row.get(1), decoded)?;
            black_box(row.get::<_, &[u8]>(2));
        }
    }
}

fn take(leaf_data: &str, decoded: bool) -> Fallible<()> {
    if decoded {
        black_box(Record::parse(leaf_data)?);
    } else {
        black_box(leaf_data);
    }
    Ok(())
}

/// A replay that leaves something out is none.
fn complete(position: u64, entries: u64) -> Fallible<()> {
    if position != entries {
        return Err(format!("the replay ended at {position} of {entries}").into());
    }
    Ok(())
}
