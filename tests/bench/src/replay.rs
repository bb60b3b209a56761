//! Reading a whole ledger in order.

use std::hint::black_box;
use std::mem;
use std::time::{Duration, Instant};

use dutyledger_ledger::LedgerReader;
use dutyledger_record::Record;

use crate::Fallible;
use crate::ours::Ours;
use crate::sample::Sample;
use crate::store::Store;

/// How many entries a page has.
const PAGE: u32 = 5_000;

/// What has been read of a ledger, in order and without a gap.
struct Replay {
    decoded: bool,
    entries: u64,
    began: Instant,
    page_began: Instant,
    /// How long each page took.
    pages: Vec<Duration>,
}

impl Replay {
    fn begin(decoded: bool) -> Self {
        let now = Instant::now();
        Self {
            decoded,
            entries: 0,
            began: now,
            page_began: now,
            pages: Vec::new(),
        }
    }

    /// Takes the next entry. A replay that leaves something out is none.
    fn take(&mut self, position: u64, leaf_data: &str) -> Fallible<()> {
        self.entries += 1;
        if position != self.entries {
            return Err(format!("{position} comes after {}", self.entries - 1).into());
        }
        if self.decoded {
            black_box(Record::parse(leaf_data)?);
        } else {
            black_box(leaf_data);
        }
        Ok(())
    }

    fn end_page(&mut self) {
        let began = mem::replace(&mut self.page_began, Instant::now());
        self.pages.push(began.elapsed());
    }

    /// What it came to, if it has as many entries as that; a page is what is waited for.
    fn end(self, entries: u64) -> Fallible<Sample> {
        let took = self.page_began.duration_since(self.began);
        if self.entries != entries {
            return Err(format!("{} of {entries} were replayed", self.entries).into());
        }
        Ok(Sample {
            rate: entries as f64 / took.as_secs_f64(),
            ..Sample::of(self.pages, 0, took)
        })
    }
}

/// Ours: the ledger's reader.
pub(crate) async fn ours(store: &Store, decoded: bool, entries: u64) -> Fallible<Sample> {
    let ours = Ours::open_alone(store).await?;
    let replay = read(ours.bus().ledger(), decoded).await;
    ours.close().await?;
    replay?.end(entries)
}

/// Reads every entry in order, and says how many there were.
pub(crate) async fn replayed(ledger: &LedgerReader, decoded: bool) -> Fallible<u64> {
    Ok(read(ledger, decoded).await?.entries)
}

async fn read(ledger: &LedgerReader, decoded: bool) -> Fallible<Replay> {
    let mut replay = Replay::begin(decoded);
    loop {
        let page = ledger.read(replay.entries, PAGE).await?;
        if page.is_empty() {
            return Ok(replay);
        }
        for stored in &page {
            replay.take(stored.position, &stored.leaf_data)?;
        }
        replay.end_page();
    }
}

/// The raw driver: the same pages of the same table.
pub(crate) async fn raw(store: &Store, decoded: bool, entries: u64) -> Fallible<Sample> {
    let replay = match store {
        Store::Sqlite { .. } => sqlite(store, decoded)?,
        Store::Postgres { .. } => postgres(store, decoded).await?,
    };
    replay.end(entries)
}

fn sqlite(store: &Store, decoded: bool) -> Fallible<Replay> {
    let file = store.sqlite()?;
    let mut replay = Replay::begin(decoded);
    let mut statement = file.prepare(
        "SELECT position, leaf_data, leaf_hash FROM entry WHERE position > ?1 \
         ORDER BY position LIMIT ?2",
    )?;
    loop {
        let before = replay.entries;
        let mut rows = statement.query((i64::try_from(before)?, PAGE))?;
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(0)?;
            replay.take(position.try_into()?, row.get_ref(1)?.as_str()?)?;
            black_box(row.get_ref(2)?.as_blob()?);
        }
        if replay.entries == before {
            return Ok(replay);
        }
        replay.end_page();
    }
}

async fn postgres(store: &Store, decoded: bool) -> Fallible<Replay> {
    let client = store.postgres().await?;
    let mut replay = Replay::begin(decoded);
    let statement = client
        .prepare(
            "SELECT position, leaf_data, leaf_hash FROM ledger.entry WHERE position > $1 \
             ORDER BY position LIMIT $2",
        )
        .await?;
    loop {
        let after = i64::try_from(replay.entries)?;
        let page = client
            .query(&statement, &[&after, &i64::from(PAGE)])
            .await?;
        if page.is_empty() {
            return Ok(replay);
        }
        for row in &page {
            replay.take(row.get::<_, i64>(0).try_into()?, row.get(1))?;
            black_box(row.get::<_, &[u8]>(2));
        }
        replay.end_page();
    }
}
