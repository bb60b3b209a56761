//! Random courses of a ledger on both databases, with writers that alternate and die, compared with
//! the smallest thing that could be called a ledger.
//!
//! What became of a commit whose answer was lost is not known, so the model is the set of all
//! worlds that agree with the answers so far. Each answer takes away those it contradicts; one must
//! always be left.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use dutyledger_record::{KeyId, leaf_hash};
use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tempfile::TempDir;
use tokio::runtime;
use uuid::Uuid;

use super::silent::PATIENCE;
use super::*;
use crate::append::{Idempotency, Invalid, StreamAppend};
use crate::key::{ApiKey, KeyChange};
use crate::place::PostgresUrl;
use crate::postgres::migrate;
use crate::store::{Answers, Questions, StoreError};
use crate::testing::{draft, number, opening, stream};

/// How many writers take turns where a database allows it.
const WRITERS: usize = 2;

/// Where a writer dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    BeforeAsking,
    AfterHolding,
    BeforeCommit,
    /// The database was told to commit, and nobody waited for its answer.
    InCommit,
    AfterCommit,
}

/// A store whose writer dies at a point: from there on it does nothing.
struct Mortal<S> {
    inner: Option<S>,
    dies: Arc<Mutex<Option<Point>>>,
}

impl<S: Store> Mortal<S> {
    /// The store, unless its writer died earlier or does so here.
    fn alive(&mut self, at: Point) -> Result<&mut S, StoreError> {
        self.pass(at)?;
        self.inner.as_mut().ok_or_else(|| "it died".into())
    }

    fn pass(&mut self, at: Point) -> Result<(), StoreError> {
        let mut dies = self.dies.lock().unwrap_or_else(PoisonError::into_inner);
        if *dies == Some(at) {
            *dies = None;
            self.inner = None;
        }
        match self.inner {
            Some(_) => Ok(()),
            None => Err("it died".into()),
        }
    }

    fn dies(&self, at: Point) -> bool {
        *self.dies.lock().unwrap_or_else(PoisonError::into_inner) == Some(at)
    }
}

impl<S: Store> Store for Mortal<S> {
    const SHARED: bool = S::SHARED;

    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        match &mut self.inner {
            Some(inner) => inner.head().await,
            None => Err("it died".into()),
        }
    }

    async fn hold(&mut self) -> Result<Head, StoreError> {
        let inner = self.inner.as_mut().ok_or("it died")?;
        let head = inner.hold().await?;
        self.pass(Point::AfterHolding)?;
        Ok(head)
    }

    async fn root(&mut self, position: u64) -> Result<Option<[u8; 32]>, StoreError> {
        let inner = self.inner.as_mut().ok_or("it died")?;
        inner.root(position).await
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        self.inner.as_mut().ok_or("it died")?.release().await
    }

    async fn ask(&mut self, questions: &Questions<'_>) -> Result<Answers, StoreError> {
        self.alive(Point::BeforeAsking)?.ask(questions).await
    }

    async fn found(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        self.inner.as_mut().ok_or("it died")?.found(batch).await
    }

    async fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        // A file's commit goes on when nobody waits for it, although its owner is gone: not so in a
        // process that was killed.
        let dies_within = S::SHARED && self.dies(Point::InCommit);
        let inner = self.alive(Point::BeforeCommit)?;
        if dies_within {
            {
                let mut told = std::pin::pin!(inner.commit(batch));
                std::future::poll_fn(|cx| {
                    let _ = told.as_mut().poll(cx);
                    std::task::Poll::Ready(())
                })
                .await;
            }
            self.pass(Point::InCommit)?;
        }
        let committed = self.inner.as_mut().ok_or("it died")?.commit(batch).await?;
        if committed != Committed::Refused {
            self.pass(Point::AfterCommit)?;
        }
        Ok(committed)
    }

    async fn close(mut self) -> Result<(), StoreError> {
        match self.inner.take() {
            Some(inner) => inner.close().await,
            None => Err("it died".into()),
        }
    }
}

/// An append: streams, each with by how much its expected version is wrong and a number of entries,
/// and perhaps an idempotency key with a digest, by how much the position it comes next to is wrong,
/// and a change of an API key.
#[derive(Clone, Debug)]
struct Step {
    streams: Vec<(u128, i64, u64)>,
    name: Option<(u8, u8)>,
    next_to: Option<i64>,
    key: Option<(u8, Change)>,
}

/// What becomes of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Issued,
    Revoked,
}

#[derive(Clone, Debug)]
enum Transition {
    /// A writer is given appends that queue in this order.
    Append(usize, Vec<Step>),
    /// The same, and the writer dies there if it comes that way.
    Die(usize, Point, Vec<Step>),
    /// Whatever was asked last is asked again, word for word, of this writer.
    Again(usize),
    /// A writer closes and opens again.
    Reopen(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let wrong = prop_oneof![6 => Just(0i64), 1 => 1..3i64, 3 => -2..0i64];
    let streams = prop::collection::btree_map(1..7u128, (wrong, 0..3u64), 0..3);
    let name = prop::option::weighted(0.5, (0..4u8, 0..2u8));
    let next_to = prop::option::weighted(0.15, prop_oneof![3 => Just(0i64), 1 => -1..2i64]);
    let change = prop_oneof![Just(Change::Issued), Just(Change::Revoked)];
    let key = prop::option::weighted(0.2, (0..4u8, change));
    (streams, name, next_to, key).prop_map(|(streams, name, next_to, key)| Step {
        streams: streams
            .into_iter()
            .map(|(n, (wrong, count))| (n, wrong, count))
            .collect(),
        name,
        next_to,
        key,
    })
}

/// The courses. What they lead to is judged beside them, by the answers.
#[derive(Debug)]
struct Courses;

impl ReferenceStateMachine for Courses {
    type State = ();
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions(_: &()) -> BoxedStrategy<Transition> {
        // Most are few, so that writers come to hold for true what another has changed.
        let few = || prop::collection::vec(step(), 1..3);
        let many = || prop::collection::vec(step(), 1..8);
        let steps = || prop_oneof![3 => few(), 1 => many()];
        let writer = || 0..WRITERS;
        let point = prop::sample::select(vec![
            Point::BeforeAsking,
            Point::AfterHolding,
            Point::BeforeCommit,
            Point::InCommit,
            Point::AfterCommit,
        ]);
        prop_oneof![
            10 => (writer(), steps()).prop_map(|(w, steps)| Transition::Append(w, steps)),
            3 => (writer(), point, steps())
                .prop_map(|(w, point, steps)| Transition::Die(w, point, steps)),
            2 => writer().prop_map(Transition::Again),
            1 => writer().prop_map(Transition::Reopen),
        ]
        .boxed()
    }

    fn apply((): (), _: &Transition) {}
}

/// What a ledger does, in as few words as possible: a stream and an entry for each position.
#[derive(Clone, Debug, Default, PartialEq)]
struct World {
    entries: Vec<(u128, u128)>,
    names: HashMap<u8, (u8, u64, u64)>,
    /// The API keys that were issued, and what became of them last.
    keys: BTreeMap<u8, Change>,
}

/// An append as it was made: the parts as (stream, expected version, number of entries, first
/// entry), and the rest.
#[derive(Clone, Debug)]
struct Asked {
    parts: Vec<(u128, u64, u64, u128)>,
    name: Option<(u8, u8)>,
    next_to: Option<u64>,
    key: Option<(u8, Change)>,
}

/// A first and a last position, and whether they are repeated.
type Answer = Result<(u64, u64, bool), AppendError>;

impl World {
    fn version(&self, n: u128) -> u64 {
        self.entries.iter().filter(|(of, _)| *of == n).count() as u64
    }

    /// The opening is at position 1.
    fn head(&self) -> u64 {
        1 + self.entries.len() as u64
    }

    fn append(&mut self, asked: &Asked) -> Answer {
        if let Some((key, digest)) = asked.name
            && let Some(&(known, first, last)) = self.names.get(&key)
        {
            return match known == digest {
                true => Ok((first, last, true)),
                false => Err(AppendError::IdempotencyMismatch),
            };
        }
        let head = self.head();
        if let Some(next_to) = asked.next_to.filter(|next_to| *next_to != head) {
            return Err(AppendError::NotNext { next_to, head });
        }
        for &(n, expected, ..) in &asked.parts {
            let actual = self.version(n);
            if actual != expected {
                return Err(AppendError::Conflict {
                    stream: stream(n),
                    expected,
                    actual,
                });
            }
        }
        if let Some(invalid) = self.refuses_key(asked) {
            return Err(invalid.into());
        }
        self.keys.extend(asked.key);
        let before = self.head();
        for &(n, _, count, entry) in &asked.parts {
            self.entries
                .extend((entry..entry + u128::from(count)).map(|entry| (n, entry)));
        }
        let (first, last) = (self.head().min(before + 1), self.head());
        if let Some((key, digest)) = asked.name {
            self.names.insert(key, (digest, first, last));
        }
        Ok((first, last, false))
    }

    /// Why the change of an API key cannot be, if it cannot.
    fn refuses_key(&self, asked: &Asked) -> Option<Invalid> {
        let (n, change) = asked.key?;
        match (change, self.keys.contains_key(&n)) {
            (Change::Issued, true) => Some(Invalid::KeyTwice(key_id(n))),
            (Change::Revoked, false) => Some(Invalid::KeyUnknown(key_id(n))),
            _ => None,
        }
    }

    /// Whether this answer may be given here. Of several conflicts any may be named, and what cannot be
    /// for its key may be told for that: whether a stream is new is left to the commit to say.
    fn allows(&self, asked: &Asked, judged: &Answer, answer: &Answer) -> bool {
        match (judged, answer) {
            (
                Err(AppendError::Conflict { .. }),
                Err(AppendError::Conflict {
                    stream: named,
                    expected,
                    actual,
                }),
            ) => asked.parts.iter().any(|&(n, wanted, ..)| {
                stream(n) == *named
                    && wanted == *expected
                    && self.version(n) == *actual
                    && wanted != *actual
            }),
            (Err(AppendError::Conflict { .. }), Err(AppendError::Invalid(invalid))) => {
                self.refuses_key(asked).as_ref() == Some(invalid)
            }
            _ => judged == answer,
        }
    }
}

/// Which database a test is on.
trait Base {
    fn prepare(runtime: &Runtime) -> Ground;
}

/// A place, and what keeps it there.
struct Ground {
    place: Place,
    _folder: TempDir,
    database: Option<Database>,
}

#[derive(Debug)]
struct OnSqlite;
#[derive(Debug)]
struct OnPostgres;

impl Base for OnSqlite {
    fn prepare(_: &Runtime) -> Ground {
        let folder = tempfile::tempdir().unwrap();
        Ground {
            place: Place::Sqlite(folder.path().join("ledger.db")),
            _folder: folder,
            database: None,
        }
    }
}

impl Base for OnPostgres {
    fn prepare(runtime: &Runtime) -> Ground {
        let database = Postgres::shared().database();
        let url = |role| match Place::parse(&database.url(role)) {
            Ok(Place::Postgres(url)) => url,
            other => panic!("{other:?}"),
        };
        let owner: PostgresUrl = url(OWNER);
        runtime.block_on(migrate(&owner, APPLICATION)).unwrap();
        Ground {
            place: Place::Postgres(url(APPLICATION)),
            _folder: tempfile::tempdir().unwrap(),
            database: Some(database),
        }
    }
}

type Runtime = runtime::Runtime;

/// A ledger with its writers, and what may be in it.
struct Subject {
    // Dropped before what keeps the place.
    writers: Vec<(Ledger, Arc<Mutex<Option<Point>>>)>,
    worlds: Vec<World>,
    last: Vec<Asked>,
    entry: u128,
    ground: Ground,
    runtime: Runtime,
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }
}

async fn open(place: &Place) -> (Ledger, Arc<Mutex<Option<Point>>>) {
    let dies = Arc::new(Mutex::new(None));
    let options = Options::at(place);
    let clock = Arc::new(Noon);
    let ledger = match place {
        Place::Sqlite(path) => {
            let path = true_path(path).unwrap();
            let lock = Arc::new(OwnerLock::take(&path).await.unwrap());
            let store = Mortal {
                inner: Some(SqliteStore::open(&path).await.unwrap()),
                dies: Arc::clone(&dies),
            };
            Ledger::over(store, Some(lock), options, clock, opening).await
        }
        Place::Postgres(url) => {
            let store = Mortal {
                inner: Some(PostgresStore::open(url).await.unwrap()),
                dies: Arc::clone(&dies),
            };
            Ledger::over(store, None, options, clock, opening).await
        }
    };
    (ledger.unwrap(), dies)
}

impl Subject {
    fn writer(&self, n: usize) -> usize {
        n % self.writers.len()
    }

    /// Gives the appends to a writer in order, and takes away the worlds its answers contradict.
    fn ask(&mut self, writer: usize, asked: Vec<Asked>) {
        let ledger = self.writers[writer].0.clone();
        let answers: Vec<Answer> = self.runtime.block_on(async {
            // Spawned in order on one thread, they queue in order and share batches.
            let sent: Vec<_> = asked
                .iter()
                .map(|one| {
                    let (ledger, one) = (ledger.clone(), append(one));
                    tokio::spawn(async move { ledger.append(one).await })
                })
                .collect();
            let mut answers = Vec::new();
            for one in sent {
                let answer = one.await.unwrap();
                answers.push(answer.map(|r| (r.first_position, r.last_position, r.replayed)));
            }
            answers
        });
        // A batch whose outcome is unknown is there whole or not at all.
        let unknown = |answer: &Answer| *answer == Err(AppendError::OutcomeUnknown);
        let mut worlds = Vec::new();
        for world in &self.worlds {
            let happened = if answers.iter().any(unknown) {
                &[false, true][..]
            } else {
                &[true]
            };
            worlds.extend(happened.iter().filter_map(|&happened| {
                let mut world = world.clone();
                for (one, answer) in asked.iter().zip(&answers) {
                    match answer {
                        Err(AppendError::Stopped) => {}
                        Err(AppendError::OutcomeUnknown) if !happened => {}
                        Err(AppendError::OutcomeUnknown) => drop(world.append(one)),
                        answer => {
                            let before = world.clone();
                            let judged = world.append(one);
                            if !before.allows(one, &judged, answer) {
                                return None;
                            }
                        }
                    }
                }
                Some(world)
            }));
        }
        worlds.dedup();
        assert!(
            !worlds.is_empty(),
            "{answers:?} to {asked:?} cannot be, where this may be: {:?}",
            self.worlds
        );
        self.worlds = worlds;
        self.last = asked;
    }

    /// Writes the steps out against the first world that may be.
    fn written(&mut self, steps: Vec<Step>) -> Vec<Asked> {
        let mut world = self.worlds[0].clone();
        let mut asked = Vec::new();
        for step in steps {
            let mut parts = Vec::new();
            for (n, wrong, count) in step.streams {
                let expected = world.version(n).saturating_add_signed(wrong);
                parts.push((n, expected, count, self.entry));
                self.entry += 10;
            }
            let head = world.head();
            let one = Asked {
                parts,
                name: step.name,
                next_to: step.next_to.map(|wrong| head.saturating_add_signed(wrong)),
                key: step.key,
            };
            let _ = world.append(&one);
            asked.push(one);
        }
        asked
    }

    fn reopen(&mut self, writer: usize) {
        let (ledger, _) = self.writers.remove(writer);
        let opened = self.runtime.block_on(async {
            ledger.close().await;
            open(&self.ground.place).await
        });
        self.writers.insert(writer, opened);
    }

    /// Waits until the server has ended what a writer that died had told it.
    fn rest(&self) {
        let Some(database) = &self.ground.database else {
            return;
        };
        let busy = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND state = 'active' \
                          AND pid <> pg_backend_pid()";
        let since = std::time::Instant::now();
        while database.sql("postgres", busy).unwrap() != "0" {
            assert!(since.elapsed() < PATIENCE, "the server does not rest");
        }
    }

    /// The ledger is one of the worlds, hashes and roots included.
    fn compare(&mut self) {
        let (ledger, _) = &self.writers[0];
        let (stored, roots, last, keys) = self.runtime.block_on(async {
            let stored = ledger.read(0, u32::MAX).await.unwrap();
            let roots = ledger.roots(0, u32::MAX).await.unwrap();
            let keys = ledger.api_keys(None, u32::MAX).await.unwrap();
            let last = ledger.last_position().await.unwrap();
            (stored, roots, last, keys)
        });
        let roots: HashMap<u64, [u8; 32]> = roots.into_iter().collect();
        let mut frontier = Frontier::empty();
        let mut found = Vec::new();
        for (entry, position) in stored.iter().zip(1..) {
            let record = entry.record().unwrap();
            assert_eq!((entry.position, record.position), (position, position));
            assert_eq!(entry.leaf_hash, leaf_hash(&entry.leaf_data));
            frontier.push(entry.leaf_hash);
            if let Some(root) = roots.get(&position) {
                assert_eq!(*root, frontier.root());
            }
            found.push((
                number(record.entry.stream.id.uuid()),
                number(record.entry.entry_id.uuid()),
            ));
        }
        assert_eq!(last, found.len() as u64);
        assert_eq!(roots.get(&last), Some(&frontier.root()));
        found.remove(0);
        let keys: BTreeMap<u8, Change> = keys
            .iter()
            .map(|key| {
                let change = key.revoked_at.map_or(Change::Issued, |_| Change::Revoked);
                (key.hash[0], change)
            })
            .collect();
        self.worlds
            .retain(|world| world.entries == found && world.keys == keys);
        assert!(
            !self.worlds.is_empty(),
            "it holds what no answer allows: {found:?}, {keys:?}"
        );
    }
}

/// The test on one of the databases.
struct Model<B>(std::marker::PhantomData<B>);

impl<B: Base> StateMachineTest for Model<B> {
    type SystemUnderTest = Subject;
    type Reference = Courses;

    fn init_test((): &()) -> Subject {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let ground = B::prepare(&runtime);
        let writers = match ground.place {
            Place::Sqlite(_) => 1,
            Place::Postgres(_) => WRITERS,
        };
        let writers = (0..writers)
            .map(|_| runtime.block_on(open(&ground.place)))
            .collect();
        Subject {
            writers,
            worlds: vec![World::default()],
            last: Vec::new(),
            entry: 1_000,
            ground,
            runtime,
        }
    }

    fn apply(mut subject: Subject, (): &(), transition: Transition) -> Subject {
        match transition {
            Transition::Append(writer, steps) => {
                let (writer, asked) = (subject.writer(writer), subject.written(steps));
                subject.ask(writer, asked);
            }
            Transition::Die(writer, point, steps) => {
                let (writer, asked) = (subject.writer(writer), subject.written(steps));
                *subject.writers[writer].1.lock().unwrap() = Some(point);
                subject.ask(writer, asked);
                subject.reopen(writer);
                if point == Point::InCommit {
                    subject.rest();
                }
            }
            Transition::Again(writer) => {
                let (writer, asked) = (subject.writer(writer), subject.last.clone());
                subject.ask(writer, asked);
            }
            Transition::Reopen(writer) => {
                let writer = subject.writer(writer);
                subject.reopen(writer);
            }
        }
        subject
    }

    fn teardown(mut subject: Subject, (): ()) {
        subject.compare();
        subject.runtime.block_on(async {
            for (ledger, _) in subject.writers.drain(..) {
                ledger.close().await;
            }
        });
    }
}

fn config() -> ProptestConfig {
    #[expect(clippy::disallowed_methods, reason = "the tests' one setting")]
    let long = std::env::var("DUTYLEDGER_TEST_SIZE").as_deref() == Ok("long");
    ProptestConfig {
        cases: if long { 400 } else { 24 },
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    }
}

type SqliteModel = Model<OnSqlite>;
type PostgresModel = Model<OnPostgres>;

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn a_ledger_in_a_file_behaves_like_its_model_whenever_its_writer_dies(
        sequential 1..40 => SqliteModel
    );

    #[test]
    fn a_ledger_on_a_server_behaves_like_its_model_whenever_its_writers_die(
        sequential 1..40 => PostgresModel
    );
}

fn append(asked: &Asked) -> Append {
    let streams = asked.parts.iter().map(|&(n, expected, count, entry)| {
        let versions = expected + 1..=expected + count;
        StreamAppend {
            stream: stream(n),
            expected_version: expected,
            drafts: versions
                .zip(entry..)
                .map(|(version, entry)| draft(n, version, entry).unwrap())
                .collect(),
        }
    });
    Append {
        streams: streams.collect(),
        idempotency: asked.name.map(|(key, digest)| Idempotency {
            scope: "model".into(),
            key: key.to_string(),
            digest: [digest; 32],
            lasting: digest == 0,
        }),
        keys: asked.key.map(changed).into_iter().collect(),
        next_to: asked.next_to,
    }
}

fn key_id(n: u8) -> KeyId {
    KeyId::new(Uuid::from_u128(n.into()))
}

fn changed((n, change): (u8, Change)) -> KeyChange {
    let at = Noon.now();
    match change {
        Change::Issued => KeyChange::Issue(ApiKey {
            key_id: key_id(n),
            hash: [n; 32],
            kind: "auditor".into(),
            principal_id: None,
            label: "model".into(),
            issued_at: at,
            expires_at: None,
            revoked_at: None,
        }),
        Change::Revoked => KeyChange::Revoke {
            key_id: key_id(n),
            at,
        },
    }
}
