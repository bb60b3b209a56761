//! Making the rows anew, beside those that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dutyledger_ledger::{LedgerReader, Place, beside};
use dutyledger_record::{Stream, StreamId};

use crate::cache::{Cache, Loader};
use crate::database::{Pool, Tx, postgres, sql, sqlite};
use crate::error::ProjectionError;
use crate::lock::lock;
use crate::page::{self, PageOf};
use crate::projector::PAGE_ENTRIES_MAX;
use crate::streams::{Grown, StreamRows};
use crate::turn::Turn;
use crate::{checkpoint, derived, rules};
use dutyledger_domain::by_kind;

/// How many streams or partnerships are written in one step.
const CHUNK: usize = 200;

/// Makes the rows at a place anew from the whole ledger, beside those that are there, and puts them
/// in their place. It may be killed at any moment: either the old rows are there then, or the new
/// ones. Answers the position of the new rows.
///
/// Nobody may have the rows of a file open; what a killed rebuild left beside it is cleared away the
/// next time they are opened or rebuilt. In PostgreSQL the rows are served meanwhile, as they were;
/// the process that writes them waits, and goes on from the new ones.
///
/// This is also the quickest way to rows that were never there: each stream is folded once.
///
/// `progress` is told how many steps are done and how many there are; the number of steps grows
/// once the number of streams is known.
///
/// # Errors
/// When the rows are in use, the file is one of something else, an entry cannot be understood, or
/// the database cannot be written. The old rows are then still there.
pub async fn rebuild(
    place: impl Into<Place>,
    ledger: &LedgerReader,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<u64, ProjectionError> {
    match place.into() {
        Place::Sqlite(path) => in_file(&path, ledger, progress).await,
        Place::Postgres(url) => {
            let rows = postgres::builder(&url).await?;
            let built = fill(&rows, ledger, progress).await;
            rows.close().await;
            built
        }
    }
}

async fn in_file(
    path: &Path,
    ledger: &LedgerReader,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<u64, ProjectionError> {
    let _lock = lock(path)?;
    sqlite::settle(path).await?;
    clear_left_over(path)?;
    let fresh = fresh(path);
    let rows = sqlite::writer(&fresh).await?;
    let built = fill(&rows, ledger, progress).await;
    rows.close().await;
    let position = built?;
    // Everything into the one file that is renamed, and the same for the one it replaces: a log
    // that outlived its file would be taken for the new file's.
    sqlite::settle(&fresh).await?;
    sqlite::settle(path).await?;
    swap(&fresh, path)?;
    Ok(position)
}

/// Replaces whatever rows there are, in one transaction: nobody sees the new ones before they are
/// complete.
async fn fill(
    rows: &Pool,
    ledger: &LedgerReader,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<u64, ProjectionError> {
    let mut tx = rows.begin().await?;
    // The checkpoint first: whoever writes the rows waits for this, and this for their page.
    checkpoint::reset(&mut tx, ledger).await?;
    clear(&mut tx).await?;
    let rebuild = Rebuild {
        tx: &mut tx,
        ledger,
        progress,
        done: 0,
        total: 0,
    };
    let position = rebuild.run().await?;
    tx.commit().await?;
    Ok(position)
}

pub(crate) async fn clear(tx: &mut Tx) -> Result<(), sqlx::Error> {
    for delete in [
        "DELETE FROM stream_row",
        "DELETE FROM member",
        "DELETE FROM partnership_area",
        "DELETE FROM area_authority",
        "DELETE FROM consulted",
        "DELETE FROM published",
        "DELETE FROM review",
        "DELETE FROM trigger_row",
        "DELETE FROM mark",
        "DELETE FROM depends",
        "DELETE FROM rules",
        "DELETE FROM timeline",
    ] {
        tx.execute(sql(delete)).await?;
    }
    Ok(())
}

/// Where the rows are made.
fn fresh(path: &Path) -> PathBuf {
    beside(path, ".rebuild")
}

/// Removes what a rebuild that was killed has left.
pub(crate) fn clear_left_over(path: &Path) -> io::Result<()> {
    let fresh = fresh(path);
    for suffix in ["", "-journal", "-wal", "-shm"] {
        match fs::remove_file(beside(&fresh, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

struct Rebuild<'a, P> {
    tx: &'a mut Tx,
    ledger: &'a LedgerReader,
    progress: P,
    done: u64,
    total: u64,
}

impl<P: FnMut(u64, u64) + Send> Rebuild<'_, P> {
    /// Nobody sees the rows before they are complete, so each stream is folded once, at the end.
    async fn run(mut self) -> Result<u64, ProjectionError> {
        let head = self.ledger.last_position().await?;
        self.total = head;
        let mut found = Found::default();
        let position = self.read(head, &mut found).await?;
        let mut cache = Cache::default();
        self.total += (found.streams.len() + found.partnerships.len()) as u64;
        if let Some(ledger) = found.ledger {
            rules::write(self.tx, self.ledger, &mut cache, ledger, position).await?;
        }
        self.write_streams(position, &mut cache, &mut found).await?;
        self.total = self.done + found.partnerships.len() as u64;
        self.write_derived(position, &mut cache, found.partnerships)
            .await?;
        (self.progress)(self.done, self.total);
        Ok(position)
    }

    async fn read(&mut self, head: u64, found: &mut Found) -> Result<u64, ProjectionError> {
        let mut position = 0;
        while position < head {
            let page = page::next(self.ledger, position, PAGE_ENTRIES_MAX).await?;
            let Some(last) = page.last() else { break };
            let of_page = PageOf::read(&page)?;
            of_page.timeline.write(self.tx).await?;
            if !Turn::Alone.advance(self.tx, position, last).await? {
                return Err(ProjectionError::Moved);
            }
            found.partnerships.extend(of_page.partnerships);
            found.ledger = of_page.ledger.or(found.ledger);
            for (stream, touched) in of_page.streams {
                found.streams.insert(stream, touched.position);
            }
            position = last.position;
            self.step(page.len());
        }
        Ok(position)
    }

    async fn write_streams(
        &mut self,
        up_to: u64,
        cache: &mut Cache,
        found: &mut Found,
    ) -> Result<(), ProjectionError> {
        let all: Vec<_> = std::mem::take(&mut found.streams).into_iter().collect();
        for chunk in all.chunks(CHUNK) {
            let mut loader = Loader {
                ledger: self.ledger,
                cache,
                up_to,
            };
            let mut rows = StreamRows::default();
            for (stream, position) in chunk {
                by_kind!(
                    stream.stream_type.as_str(),
                    K => {
                        let history = loader.load::<K>(stream.id).await?;
                        // There is no row of it.
                        let before = Some(Arc::default());
                        let grown = Grown { history, before };
                        rows.add(self.tx, stream.id, &grown, *position).await?;
                        loader.cache.put(stream.id, grown.history);
                    },
                    else {}
                );
            }
            found
                .partnerships
                .extend(rows.write(self.tx, loader.cache).await?);
            self.step(chunk.len());
        }
        Ok(())
    }

    async fn write_derived(
        &mut self,
        up_to: u64,
        cache: &mut Cache,
        partnerships: BTreeSet<StreamId>,
    ) -> Result<(), ProjectionError> {
        let mut loader = Loader {
            ledger: self.ledger,
            cache,
            up_to,
        };
        let own = rules::read(self.tx, &mut loader).await?;
        let all: Vec<_> = partnerships.into_iter().collect();
        for chunk in all.chunks(CHUNK) {
            let mut loader = Loader {
                ledger: self.ledger,
                cache,
                up_to,
            };
            for partnership in chunk {
                derived::write(self.tx, &mut loader, &own, *partnership).await?;
            }
            self.step(chunk.len());
        }
        Ok(())
    }

    fn step(&mut self, by: usize) {
        self.done += by as u64;
        self.total = self.total.max(self.done);
        (self.progress)(self.done, self.total);
    }
}

/// What the entries touched: the streams with the positions of their last entries.
#[derive(Default)]
struct Found {
    streams: BTreeMap<Stream, u64>,
    partnerships: BTreeSet<StreamId>,
    ledger: Option<StreamId>,
}

/// Puts a finished file in the place of another, at once and for good.
fn swap(fresh: &Path, path: &Path) -> io::Result<()> {
    File::open(fresh)?.sync_all()?;
    fs::rename(fresh, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
