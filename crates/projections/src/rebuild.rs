//! Making the rows anew, beside those that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use dutyledger_ledger::LedgerReader;
use dutyledger_record::{Stream, StreamId};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::cache::{Cache, Loader};
use crate::error::ProjectionError;
use crate::kinds::by_kind;
use crate::lock::{Lock, beside};
use crate::page::{self, PageOf};
use crate::projector::PAGE_ENTRIES_MAX;
use crate::{checkpoint, database, derived, rules, streams};

/// How many streams or partnerships one transaction writes.
const CHUNK: usize = 200;

/// Makes the rows at `path` anew from the whole ledger, in a file beside them, and puts it in their
/// place. Nobody may have the rows open. It may be killed at any moment: either the old rows are
/// there then, or the new ones, and what was left beside them is cleared away the next time they
/// are opened or rebuilt. Answers the position of the new rows.
///
/// This is also the quickest way to rows that were never there: each stream is folded once.
///
/// `progress` is told how many steps are done and how many there are; the number of steps grows
/// once the number of streams is known.
///
/// # Errors
/// When the rows are in use, the file is one of something else, an entry cannot be understood, or a
/// file cannot be written. The old rows are then still there.
pub async fn rebuild(
    path: &Path,
    ledger: &LedgerReader,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<u64, ProjectionError> {
    let _lock = Lock::take(path)?;
    database::settle(path).await?;
    clear_left_over(path)?;
    let fresh = fresh(path);
    let mut conn = database::writer(&fresh).await?;
    checkpoint::open(&fresh, &mut conn, ledger).await?;
    let built = Rebuild {
        conn: &mut conn,
        ledger,
        progress,
        done: 0,
        total: 0,
    }
    .run()
    .await;
    conn.close().await?;
    let position = built?;
    // Everything into the one file that is renamed, and the same for the one it replaces: a log
    // that outlived its file would be taken for the new file's.
    database::settle(&fresh).await?;
    database::settle(path).await?;
    swap(&fresh, path)?;
    Ok(position)
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
    conn: &'a mut SqliteConnection,
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
            rules::write(self.conn, self.ledger, ledger, position).await?;
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
            let mut tx = self.conn.begin().await?;
            of_page.timeline.write(&mut tx).await?;
            checkpoint::advance(&mut tx, position, last).await?;
            tx.commit().await?;
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
            let mut tx = self.conn.begin().await?;
            for (stream, position) in chunk {
                by_kind!(
                    stream.stream_type.as_str(),
                    K => {
                        let history = loader.load::<K>(stream.id).await?;
                        let partnerships = &mut found.partnerships;
                        streams::write(&mut tx, stream.id, &history, *position, partnerships)
                            .await?;
                        loader.cache.put(stream.id, history);
                    },
                    else {}
                );
            }
            tx.commit().await?;
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
        let all: Vec<_> = partnerships.into_iter().collect();
        for chunk in all.chunks(CHUNK) {
            let mut loader = Loader {
                ledger: self.ledger,
                cache,
                up_to,
            };
            let mut tx = self.conn.begin().await?;
            for partnership in chunk {
                derived::write(&mut tx, &mut loader, *partnership).await?;
            }
            tx.commit().await?;
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
