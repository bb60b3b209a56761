//! Carrying out one cell.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dutyledger_ledger::{LedgerReader, Place};
use dutyledger_test_postgres::{Database, Postgres};

use crate::Fallible;
use crate::audit::{self, Asked, Handed};
use crate::cell::{By, Cell, Handing, Work};
use crate::check::{Due, check};
use crate::child::{Append, Child};
use crate::fill::{How, filled};
use crate::hogs::Hogs;
use crate::http::Server;
use crate::limit::{PlainClient, PostgresWriter, SqliteWriter};
use crate::load::{Client, drive};
use crate::notify;
use crate::ours::Ours;
use crate::peer::Peer;
use crate::replay;
use crate::rows::{Rows, Template};
use crate::sample::Sample;
use crate::settings::Settings;
use crate::store::{Db, Store};

/// How many entries a long stream has.
const LONG: usize = 5_000;
/// How many clients make it so.
const LONG_BY: usize = 50;
/// How often a ledger is opened to give its first command.
const COLD_TIMES: usize = 10;
/// How many clients give commands where the memory of it is looked at.
const MANY: usize = 32;
/// How many hogs there are.
const HOGS: usize = 2;

/// Everything that cells stand on.
pub(crate) struct Bench {
    settings: Settings,
    time: Duration,
    template: Template,
    server: Option<Postgres>,
    peer: Option<Peer>,
    /// The number of clients the peer does best with.
    peer_best: Option<usize>,
    /// Ledgers that were filled for this group, by their database and number of entries.
    filled: BTreeMap<(Db, u64), Store>,
    /// The peer's events, for its replay.
    peer_filled: Option<Database>,
    /// Ledgers of those that are ready to be handed over.
    handed: BTreeMap<(Db, u64), Handed>,
    /// Nations that are asked.
    asked: BTreeMap<Db, Asked>,
    /// What there is to say besides figures.
    told: Vec<String>,
}

impl Bench {
    /// With a PostgreSQL server if one is needed.
    pub(crate) async fn new(settings: &Settings, postgres: bool) -> Fallible<Self> {
        let server = postgres.then(|| {
            Postgres::start_with(&[
                ("shared_buffers", &settings.shared_buffers),
                ("max_wal_size", &settings.max_wal_size),
            ])
        });
        let store = Store::new(Db::Sqlite, None)?;
        let ours = Ours::open_alone(&store).await?;
        let template = ours.template().await?;
        ours.close().await?;
        let peer = settings.peer.as_deref();
        Ok(Self {
            time: settings.time(),
            template,
            server,
            peer: peer.map(|program| Peer::new(program, settings.streams)),
            peer_best: None,
            filled: BTreeMap::new(),
            peer_filled: None,
            handed: BTreeMap::new(),
            asked: BTreeMap::new(),
            told: Vec::new(),
            settings: settings.clone(),
        })
    }

    /// The PostgreSQL server.
    pub(crate) const fn server(&self) -> Option<&Postgres> {
        self.server.as_ref()
    }

    /// The number of clients the peer does best with, once it is known.
    pub(crate) const fn peer_best(&self) -> Option<usize> {
        self.peer_best
    }

    /// What there is to say besides figures.
    pub(crate) fn told(&self) -> &[String] {
        &self.told
    }

    /// How many bytes a leaf of the raw driver's has.
    pub(crate) fn leaf_bytes(&self) -> usize {
        Rows::new(&self.template, 1)
            .row(1, chrono::DateTime::UNIX_EPOCH)
            .leaf_data
            .len()
    }

    /// What cells need that takes long: done once, before the rounds of their group.
    pub(crate) async fn prepare(&mut self, cells: &[Cell]) -> Fallible<()> {
        self.handed.clear();
        for store in std::mem::take(&mut self.filled).into_values() {
            store.remove(self.server());
        }
        for asked in std::mem::take(&mut self.asked).into_values() {
            asked.remove(self.server());
        }
        for cell in cells {
            match *cell {
                Cell::Peer { clients: None } if self.peer_best.is_none() => {
                    if let (Some(peer), Some(server)) = (&self.peer, &self.server) {
                        self.peer_best = Some(peer.best(server).await?);
                    }
                }
                Cell::Replay { by: By::Peer, .. } if self.peer_filled.is_none() => {
                    if let (Some(peer), Some(server)) = (&self.peer, &self.server) {
                        let events = self.settings.replayed();
                        self.peer_filled = Some(peer.filled(server, events).await?);
                    }
                }
                Cell::Drain { db, .. } => {
                    self.fill(db, self.settings.backlog(), How::Entries).await?;
                }
                Cell::Replay { db, .. } => {
                    self.fill(db, self.settings.replayed(), How::Entries)
                        .await?;
                }
                Cell::Grown { db, entries, .. } | Cell::Apart { db, entries, .. } => {
                    self.fill(db, entries, How::Named).await?;
                }
                Cell::Verify { db, .. } => {
                    self.fill(db, self.settings.audited(), How::Adopted).await?;
                }
                Cell::Hand { db, entries, .. } => self.hand(db, entries).await?,
                Cell::AsOf { db, .. } => self.ask(db).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Has a ledger ready to be handed over.
    async fn hand(&mut self, db: Db, entries: u64) -> Fallible<()> {
        self.fill(db, entries, How::Adopted).await?;
        if let Some(store) = self.filled.get(&(db, entries))
            && !self.handed.contains_key(&(db, entries))
        {
            let handed = Handed::ready(store, entries).await?;
            self.handed.insert((db, entries), handed);
        }
        Ok(())
    }

    /// Has a nation ready to be asked.
    async fn ask(&mut self, db: Db) -> Fallible<()> {
        if !self.asked.contains_key(&db) {
            eprintln!("  filling {} with a nation", db.name());
            let (size, count) = (self.settings.nation(), self.settings.questions());
            let asked = Asked::ready(db, self.server.as_ref(), size, count).await?;
            eprintln!("  {}", asked.filled);
            self.told.push(asked.filled.clone());
            self.asked.insert(db, asked);
        }
        Ok(())
    }

    async fn fill(&mut self, db: Db, entries: u64, how: How) -> Fallible<()> {
        if !self.filled.contains_key(&(db, entries)) {
            eprintln!("  filling {} with {entries} entries", db.name());
            let server = self.server.as_ref();
            let store = filled(db, server, entries, how).await?;
            if how == How::Named {
                let each = store.bytes().await? / entries;
                let told = format!("{}: {entries} entries take {each} bytes each", db.name());
                self.told.push(told);
            }
            self.filled.insert((db, entries), store);
        }
        Ok(())
    }

    fn filled_with(&self, db: Db, entries: u64) -> Fallible<&Store> {
        let store = self.filled.get(&(db, entries));
        Ok(store.ok_or("nothing was filled")?)
    }

    /// Carries out a cell on a new database. `None` where it cannot run yet.
    pub(crate) async fn run(&self, cell: Cell) -> Fallible<Option<Sample>> {
        match cell {
            Cell::Ours { db, clients } => self.ours_anew(db, clients, Way::Bus, self.time).await,
            Cell::Hot { db, clients } => self.ours_anew(db, clients, Way::Hot, self.time).await,
            Cell::Long { db, cold } => {
                let long = async |store: &Store| self.long(store, cold).await.map(Some);
                self.anew(db, long).await
            }
            Cell::Http { db, connections } => {
                self.ours_anew(db, connections, Way::Http, self.time).await
            }
            Cell::Limit { db, rows } => {
                let limit = async |store: &Store| self.limit(store, rows).await.map(Some);
                self.anew(db, limit).await
            }
            Cell::Peer { clients } => {
                match (&self.peer, &self.server, clients.or(self.peer_best)) {
                    (Some(peer), Some(server), Some(clients)) => {
                        peer.append(server, clients, self.time).await.map(Some)
                    }
                    _ => Ok(None),
                }
            }
            Cell::OursBesideHogs { clients } => {
                let _hogs = Hogs::at_work(HOGS)?;
                self.ours_anew(Db::Postgres, clients, Way::Bus, self.time)
                    .await
            }
            Cell::PlainBesideHogs { connections } => {
                let _hogs = Hogs::at_work(HOGS)?;
                let plain = async |store: &Store| self.plain(store, connections).await.map(Some);
                self.anew(Db::Postgres, plain).await
            }
            Cell::Replay { by: By::Peer, .. } => match (&self.peer, &self.peer_filled) {
                (Some(peer), Some(database)) => {
                    let events = self.settings.replayed();
                    peer.replay(database, events).await.map(Some)
                }
                _ => Ok(None),
            },
            Cell::Replay { db, by, decoded } => {
                let entries = self.settings.replayed();
                let store = self.filled_with(db, entries)?;
                let replayed = match by {
                    By::Ours => replay::ours(store, decoded, entries).await,
                    _ => replay::raw(store, decoded, entries).await,
                };
                replayed.map(Some)
            }
            Cell::Drain { db, by } => {
                let entries = self.settings.backlog();
                let store = self.filled_with(db, entries)?;
                let drained = match by {
                    By::Ours => notify::drain(store).await,
                    _ => notify::drain_raw(store).await,
                };
                drained.map(Some)
            }
            Cell::Live { db, clients } => {
                let (streams, time) = (self.settings.streams, self.settings.live());
                let live = async |store: &Store| {
                    notify::live(store, clients, streams, time).await.map(Some)
                };
                self.anew(db, live).await
            }
            Cell::Silent { db, clients } => {
                let time = self.settings.live();
                self.ours_anew(db, clients, Way::Bus, time).await
            }
            Cell::Notice { by: By::Ours, db } => {
                let notice = async |store: &Store| notify::notice(store, self.time).await.map(Some);
                self.anew(db, notice).await
            }
            Cell::Notice { .. } => notify::notice_raw(&self.template, self.time)
                .await
                .map(Some),
            Cell::Verify { db, by } => {
                let entries = self.settings.audited();
                let store = self.filled_with(db, entries)?;
                let verified = match by {
                    By::Ours => audit::verifying(store, entries).await,
                    _ => audit::hashing(store, entries).await,
                };
                verified.map(Some)
            }
            Cell::AsOf { db, by } => {
                let asked = self.asked.get(&db).ok_or("nobody to ask")?;
                let answered = match by {
                    By::Ours => asked.answers().await,
                    _ => asked.entries().await,
                };
                answered.map(Some)
            }
            Cell::Hand { db, entries, what } => {
                let handed = self.handed.get(&(db, entries));
                let handed = handed.ok_or("nothing to hand over")?;
                let done = match what {
                    Handing::Export => handed.export().await,
                    Handing::Check => handed.check().await,
                    Handing::Copy => handed.copy().await,
                };
                done.map(Some)
            }
            Cell::Grown {
                db,
                entries,
                clients,
            } => {
                let store = self.filled_with(db, entries)?;
                self.ours(store, clients, Way::Bus, self.time)
                    .await
                    .map(Some)
            }
            Cell::Apart { db, entries, work } => {
                let store = self.filled_with(db, entries)?;
                self.apart(store, work).await.map(Some)
            }
        }
    }

    /// Does something on a new database, which is removed afterwards.
    async fn anew(
        &self,
        db: Db,
        work: impl AsyncFnOnce(&Store) -> Fallible<Option<Sample>>,
    ) -> Fallible<Option<Sample>> {
        let store = Store::new(db, self.server())?;
        let outcome = work(&store).await;
        store.remove(self.server());
        outcome
    }

    /// Our commands on a new database.
    async fn ours_anew(
        &self,
        db: Db,
        clients: usize,
        way: Way,
        time: Duration,
    ) -> Fallible<Option<Sample>> {
        self.anew(db, async |store: &Store| {
            self.ours(store, clients, way, time).await.map(Some)
        })
        .await
    }

    /// Our commands, read back.
    async fn ours(
        &self,
        store: &Store,
        clients: usize,
        way: Way,
        time: Duration,
    ) -> Fallible<Sample> {
        let ours = Ours::open(store).await?;
        let streams = ours.warm(self.settings.streams.max(clients)).await?;
        let (sample, after, answered) = match way {
            Way::Http => {
                let server = Server::start(&ours).await?;
                let after = ours.head();
                let clients = server.clients(clients, &streams).await?;
                let (sample, clients) = drive(clients, time).await?;
                let answered: Vec<_> = clients.into_iter().map(|c| c.answered).collect();
                server.end().await?;
                (sample, after, answered)
            }
            Way::Bus | Way::Hot => {
                let after = ours.head();
                let hot = streams.first().filter(|_| matches!(way, Way::Hot));
                let clients = match hot {
                    Some(stream) => ours.clients_of_one(clients, *stream),
                    None => ours.clients(clients, &streams),
                };
                let (sample, clients) = drive(clients, time).await?;
                let answered = clients.into_iter().map(|c| c.answered).collect();
                (sample, after, answered)
            }
        };
        ours.close().await?;
        check(store, after, &commands(answered)?).await?;
        Ok(sample)
    }

    /// Work in a process of its own, and what it appended read back.
    async fn apart(&self, store: &Store, work: Work) -> Fallible<Sample> {
        let ledger = store.address();
        if work == Work::Append {
            let append = Append {
                ledger,
                folder: store.folder().to_owned(),
                clients: MANY,
                streams: self.settings.streams,
                seconds: self.time.as_secs_f64(),
            };
            let (sample, after, rows) = append.done().await?;
            check(store, after, &Due::Rows(rows)).await?;
            return Ok(sample);
        }
        let reader = LedgerReader::open(Place::parse(&ledger)?).await?;
        let entries = reader.last_position().await?;
        reader.close().await;
        let child = match work {
            Work::Verify => Child::Verify { ledger },
            Work::Replay | Work::Append => Child::Replay { ledger },
        };
        child.done(entries).await
    }

    /// Our commands on a stream that is long already, read back.
    async fn long(&self, store: &Store, cold: bool) -> Fallible<Sample> {
        let mut ours = Ours::open_alone(store).await?;
        let stream = *ours.warm(1).await?.first().ok_or("no stream")?;
        let after = ours.head();
        let fillers = ours.clients_of_one(LONG_BY, stream).into_iter();
        let filling = fillers.map(|mut filler| {
            tokio::spawn(async move {
                for _ in 0..LONG / LONG_BY {
                    filler.ask().await?;
                }
                Fallible::Ok(filler.answered)
            })
        });
        let mut answered = Vec::new();
        for filled in filling.collect::<Vec<_>>() {
            answered.push(filled.await??);
        }
        let sample = if cold {
            let mut latencies = Vec::new();
            for _ in 0..COLD_TIMES {
                ours.close().await?;
                ours = Ours::open_alone(store).await?;
                let mut first = ours.clients_of_one(1, stream).pop().ok_or("no client")?;
                let since = Instant::now();
                first.ask().await?;
                latencies.push(since.elapsed());
                answered.push(first.answered);
            }
            let all = latencies.iter().sum();
            Sample::of(latencies, 1, all)
        } else {
            let (sample, clients) = drive(ours.clients_of_one(1, stream), self.time).await?;
            answered.extend(clients.into_iter().map(|client| client.answered));
            sample
        };
        ours.close().await?;
        check(store, after, &commands(answered)?).await?;
        Ok(sample)
    }

    /// What one connection of the raw driver commits, read back.
    async fn limit(&self, store: &Store, rows_each: usize) -> Fallible<Sample> {
        store.make_tables().await?;
        let rows = Rows::new(&self.template, self.settings.streams);
        let (sample, position) = match store {
            Store::Sqlite { .. } => {
                let writer = SqliteWriter::found(store.sqlite()?, rows, rows_each)?;
                let (sample, writers) = drive(vec![writer], self.time).await?;
                (sample, writers.first().map(SqliteWriter::position))
            }
            Store::Postgres { .. } => {
                let connection = store.postgres().await?;
                let writer = PostgresWriter::found(connection, rows, rows_each).await?;
                let (sample, writers) = drive(vec![writer], self.time).await?;
                (sample, writers.first().map(PostgresWriter::position))
            }
        };
        check(store, 0, &Due::Rows(position.unwrap_or(0))).await?;
        Ok(sample)
    }

    /// What many connections commit a row at a time, read back.
    async fn plain(&self, store: &Store, connections: usize) -> Fallible<Sample> {
        store.make_tables().await?;
        let rows = Rows::new(&self.template, self.settings.streams);
        let found = PostgresWriter::found(store.postgres().await?, rows, 1).await?;
        let positions = Arc::new(AtomicU64::new(found.position()));
        drop(found);
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            let rows = Rows::new(&self.template, self.settings.streams / connections);
            let connection = store.postgres().await?;
            clients.push(PlainClient::new(connection, rows, Arc::clone(&positions)).await?);
        }
        let (sample, _) = drive(clients, self.time).await?;
        let position = positions.load(Ordering::Relaxed);
        check(store, 0, &Due::Rows(position)).await?;
        Ok(sample)
    }
}

/// What is due where clients were answered under idempotency keys.
fn commands(answered: Vec<Vec<String>>) -> Fallible<Due> {
    let count = answered.iter().map(Vec::len).sum::<usize>();
    let keys: HashSet<String> = answered.into_iter().flatten().collect();
    if keys.len() != count {
        return Err("two commands had the same idempotency key".into());
    }
    Ok(Due::Commands(keys))
}

/// How our commands are given.
#[derive(Clone, Copy)]
enum Way {
    /// To the bus, while the projections follow.
    Bus,
    /// The same, all of them on one stream.
    Hot,
    /// Over HTTP.
    Http,
}
