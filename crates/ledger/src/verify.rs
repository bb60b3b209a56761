//! Verifying a ledger against itself: nothing is trusted but the entries' own text.
//!
//! What is checked: positions from 1 without gaps, and none below; each entry the exact text the
//! format writes, of this ledger, at its position, its instant never before the one before; each
//! stream's versions from 1 without gaps; each leaf hash; the columns that repeat parts of the text;
//! every root of the Merkle tree, and the head, which is at the last entry and left a root; and that
//! the indexes, by which everybody else reads, lead to the same entries. Somebody who recomputed all
//! of that is found only by comparing the root with one kept elsewhere.

use std::collections::HashMap;
use std::mem;
use std::panic::resume_unwind;
use std::thread;

use chrono::{DateTime, Utc};
use dutyledger_record::{Frontier, LedgerId, Record, Stream, StreamId, StreamType, leaf_hash};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::error::ReadError;
use crate::reader::{LedgerReader, Row};

/// How many entries are read at once.
const PAGE: u32 = 5_000;
/// Of how many streams the entries are counted at once.
const STREAMS: usize = 1_000;
/// The most findings that are told; one that is there more often says the same.
const FINDINGS_MAX: u32 = 100;

/// Something that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The position it was found at; 0 for what is below the first one.
    pub position: u64,
    /// What is wrong there.
    pub what: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Which ledger.
    pub ledger: LedgerId,
    /// How many entries there are.
    pub entries: u64,
    /// How many streams they are in.
    pub streams: u64,
    /// How many roots of commits were compared.
    pub roots: u64,
    /// The root of the Merkle tree over all entries, computed from their text.
    pub root: [u8; 32],
    /// What is wrong, in the order of the positions; at most 100.
    pub findings: Vec<Finding>,
    /// What is wrong with the database around the entries: an index that does not lead to one hides it.
    pub damaged: Vec<String>,
}

/// Verifies a whole ledger. `progress` is told how many entries are done, and how many there are.
///
/// # Errors
/// When the ledger cannot be read; what is wrong in it is told in [`Verified::findings`].
pub async fn verify(
    ledger: &LedgerReader,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Verified, ReadError> {
    // What is appended meanwhile is left for the next time.
    let (head, frontier) = match ledger.frontier().await {
        Ok((head, frontier)) => (head, Some(frontier)),
        Err(ReadError::Corrupt(_)) => (ledger.last_position().await?, None),
        Err(error) => return Err(error),
    };
    let mut check = Check::new(ledger.id());
    below(ledger, &mut check).await?;
    let mut roots = Roots::default();
    let id = ledger.id();
    let checking = ledger.clone();
    let integrity = tokio::spawn(async move { checking.integrity().await });
    // While entries are compared with each other, those that follow are read and verified each on
    // its own, on as many threads as there are cores.
    let (mut pages, reading) = pages(ledger.clone(), head);
    let pages = stream::poll_fn(move |context| pages.poll_recv(context));
    let facts = pages.map(|page| async move {
        let page = page?;
        let verifying = tokio::task::spawn_blocking(move || page.facts(id));
        Ok::<_, ReadError>(verifying.await.unwrap_or_else(goes_on))
    });
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut facts = facts.buffered(cores);
    while let Some(page) = facts.try_next().await? {
        for fact in page {
            check.entry(fact);
            roots.compare(ledger, &mut check).await?;
        }
        progress(check.position, head);
    }
    reading.await.unwrap_or_else(goes_on);
    check.end(head, frontier.as_ref());
    if check.position == head && roots.last != head {
        check.found(head, "no root was left at the head: a commit is not whole");
    }
    beyond(ledger, head, &mut check).await?;
    let mut damaged = integrity.await.unwrap_or_else(goes_on)?;
    // Where rows are not right themselves, what leads to them need not be.
    if check.findings.is_empty() {
        damaged.extend(hidden(ledger, &check).await?);
    }
    Ok(check.verified(roots.compared, damaged))
}

/// The streams of which an index leads to other entries than there are. Entries are verified in the order
/// of their positions, and everybody who asks for a stream is led to them by another index.
async fn hidden(ledger: &LedgerReader, check: &Check) -> Result<Vec<String>, ReadError> {
    let streams: Vec<_> = check.streams().collect();
    let mut found = Vec::new();
    for some in streams.chunks(STREAMS) {
        let Some(led_to) = ledger.led_to(some).await? else {
            break;
        };
        for ((Stream { stream_type, id }, there), led_to) in some.iter().zip(led_to) {
            if led_to != *there && found.len() < FINDINGS_MAX as usize {
                found.push(format!(
                    "of the {there} entries of the stream {stream_type} {id} its index leads to {led_to}"
                ));
            }
        }
    }
    Ok(found)
}

/// Looks for what is below the first position. No root covers it, and no other read of entries comes by
/// it, whatever streams and ids it claims.
async fn below(ledger: &LedgerReader, check: &mut Check) -> Result<(), ReadError> {
    for at in ledger.below_first(FINDINGS_MAX).await? {
        check.found(
            0,
            format!("a row is at position {at}: positions begin at 1"),
        );
    }
    Ok(())
}

/// Looks for what is beyond the head: it moves with what it is the head of, so that whatever is
/// seen is never beyond a head that is asked for afterwards.
async fn beyond(ledger: &LedgerReader, head: u64, check: &mut Check) -> Result<(), ReadError> {
    let entry = match Page::read(ledger, head, u64::MAX).await? {
        Page::Rows(rows) => rows.first().map(|row| row.stored.position),
        Page::Meaningless { position, .. } => Some(position),
    };
    let root = ledger.roots(head, 1).await?;
    let now = ledger.last_position().await?;
    for at in entry.into_iter().chain(root.first().map(|(at, _)| *at)) {
        if at > now {
            check.found(
                at,
                format!("it is beyond the head, which is at position {now}"),
            );
        }
    }
    Ok(())
}

/// A panic in a task is a defect of this program and no finding; it goes on in this thread.
fn goes_on<T>(error: JoinError) -> T {
    resume_unwind(error.into_panic())
}

/// The pages up to a position in their order, each read while the one before it is worked on.
fn pages(
    ledger: LedgerReader,
    head: u64,
) -> (mpsc::Receiver<Result<Page, ReadError>>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(1);
    let reading = tokio::spawn(async move {
        let mut after = 0;
        while after < head {
            let page = Page::read(&ledger, after, head).await;
            let last = page.as_ref().ok().and_then(Page::last);
            // Nobody listens any more where something failed.
            if page.is_ok() && last.is_none() || sender.send(page).await.is_err() {
                return;
            }
            let Some(last) = last else { return };
            after = last;
        }
    });
    (receiver, reading)
}

/// Entries that were read together.
enum Page {
    Rows(Vec<Row>),
    /// One that cannot be read, and why.
    Meaningless {
        position: u64,
        why: String,
    },
}

impl Page {
    /// Reads what follows a position, up to another. Where some row there has no meaning, what is
    /// before it is read, or then it alone.
    async fn read(ledger: &LedgerReader, after: u64, to: u64) -> Result<Self, ReadError> {
        let mut limit = PAGE;
        loop {
            match ledger.rows(after, limit).await {
                Ok(mut rows) => {
                    rows.retain(|row| row.stored.position <= to);
                    return Ok(Self::Rows(rows));
                }
                Err(error) if !is_meaningless(&error) => return Err(error),
                Err(_) if after >= to => return Ok(Self::Rows(Vec::new())),
                Err(error) if limit == 1 => {
                    return Ok(Self::Meaningless {
                        position: after + 1,
                        why: error.to_string(),
                    });
                }
                Err(_) => limit /= 2,
            }
        }
    }

    fn last(&self) -> Option<u64> {
        match self {
            Self::Rows(rows) => rows.last().map(|row| row.stored.position),
            Self::Meaningless { position, .. } => Some(*position),
        }
    }

    fn facts(self, ledger: LedgerId) -> Vec<Fact> {
        match self {
            Self::Rows(rows) => rows.iter().map(|row| read_row(ledger, row)).collect(),
            Self::Meaningless { position, why } => vec![Fact {
                position,
                leaf_hash: [0; 32],
                record: None,
                wrong: vec![why],
            }],
        }
    }
}

/// Whether what was read is the trouble, not the reading.
fn is_meaningless(error: &ReadError) -> bool {
    match error {
        ReadError::Corrupt(_) => true,
        ReadError::Database(cause) => matches!(
            cause.downcast_ref(),
            Some(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        ),
    }
}

/// What one row says of itself.
struct Fact {
    position: u64,
    leaf_hash: [u8; 32],
    record: Option<(Stream, u64, DateTime<Utc>)>,
    wrong: Vec<String>,
}

fn read_row(ledger: LedgerId, row: &Row) -> Fact {
    let mut wrong = Vec::new();
    let Row { stored, columns } = row;
    let computed = leaf_hash(&stored.leaf_data);
    if computed != stored.leaf_hash {
        wrong.push("the text does not have the leaf hash beside it".to_owned());
    }
    let record = match Record::verify(&stored.leaf_data) {
        Ok(record) => {
            if record.position != stored.position {
                wrong.push(format!("the text says position {}", record.position));
            }
            if record.ledger_id != ledger {
                wrong.push(format!("the text is of ledger {}", record.ledger_id));
            }
            if !columns.repeat(&record) {
                wrong.push("a column beside the text says something else".to_owned());
            }
            let entry = record.entry;
            Some((entry.stream, entry.version, record.recorded_at))
        }
        Err(error) => {
            wrong.push(format!("the text is no entry: {error}"));
            None
        }
    };
    Fact {
        position: stored.position,
        leaf_hash: computed,
        record,
        wrong,
    }
}

/// What the entries say together.
struct Check {
    ledger: LedgerId,
    position: u64,
    recorded_at: DateTime<Utc>,
    /// The last version of each stream, by the streams' types: these are few.
    versions: HashMap<StreamType, HashMap<StreamId, u64>>,
    frontier: Frontier,
    findings: Vec<Finding>,
}

impl Check {
    fn new(ledger: LedgerId) -> Self {
        Self {
            ledger,
            position: 0,
            recorded_at: DateTime::UNIX_EPOCH,
            versions: HashMap::new(),
            frontier: Frontier::empty(),
            findings: Vec::new(),
        }
    }

    fn found(&mut self, position: u64, what: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX as usize {
            let what = what.into();
            self.findings.push(Finding { position, what });
        }
    }

    fn entry(&mut self, fact: Fact) {
        let expected = self.position + 1;
        if fact.position != expected {
            self.found(
                expected,
                format!(
                    "the next position is {}, so entries are missing",
                    fact.position
                ),
            );
        }
        self.position = fact.position;
        for what in fact.wrong {
            self.found(fact.position, what);
        }
        self.frontier.push(fact.leaf_hash);
        let Some((stream, version, recorded_at)) = fact.record else {
            return;
        };
        if recorded_at < mem::replace(&mut self.recorded_at, recorded_at) {
            self.found(fact.position, "it was recorded before the entry before it");
        }
        let Stream { stream_type, id } = stream;
        let versions = self.versions.entry(stream_type).or_default();
        let before = versions.insert(id, version).unwrap_or(0);
        if version != before + 1 {
            self.found(
                fact.position,
                format!("it is version {version} of its stream, after version {before}"),
            );
        }
    }

    fn end(&mut self, head: u64, frontier: Option<&Frontier>) {
        if self.position != head {
            self.found(self.position + 1, format!("the head says position {head}"));
        } else if frontier != Some(&self.frontier) {
            self.found(head, "the head's Merkle tree is not that of the entries");
        }
    }

    /// Each stream, with how many entries it has.
    fn streams(&self) -> impl Iterator<Item = (Stream, u64)> {
        self.versions.iter().flat_map(|(stream_type, of)| {
            of.iter()
                .map(|(id, version)| (Stream::new(stream_type.clone(), *id), *version))
        })
    }

    fn verified(self, roots: u64, damaged: Vec<String>) -> Verified {
        Verified {
            ledger: self.ledger,
            entries: self.position,
            streams: self.versions.values().map(|of| of.len() as u64).sum(),
            roots,
            root: self.frontier.root(),
            findings: self.findings,
            damaged,
        }
    }
}

/// The roots that commits left, a page at a time.
#[derive(Default)]
struct Roots {
    page: std::collections::VecDeque<(u64, [u8; 32])>,
    read_to: u64,
    ended: bool,
    compared: u64,
    /// Where the last one was left.
    last: u64,
    /// Whether that one was another than computed. What is wrong from one entry on is told once.
    differs: bool,
}

impl Roots {
    /// Compares the root that was left where the check has come to, if one was.
    async fn compare(&mut self, ledger: &LedgerReader, check: &mut Check) -> Result<(), ReadError> {
        if self.page.is_empty() && !self.ended {
            self.read(ledger, check).await?;
        }
        while let Some((at, root)) = self.page.front().copied()
            && at <= check.position
        {
            self.page.pop_front();
            self.compared += 1;
            self.last = at;
            let differs = at != check.position || root != check.frontier.root();
            if differs && !self.differs {
                check.found(
                    at,
                    "the root left here is not that of the entries up to here",
                );
            }
            self.differs = differs;
        }
        Ok(())
    }

    async fn read(&mut self, ledger: &LedgerReader, check: &mut Check) -> Result<(), ReadError> {
        let mut limit = PAGE;
        loop {
            match ledger.roots(self.read_to, limit).await {
                Ok(page) => {
                    self.ended = page.is_empty();
                    self.read_to = page.last().map_or(self.read_to, |(at, _)| *at);
                    self.page = page.into();
                    return Ok(());
                }
                Err(error) if !is_meaningless(&error) => return Err(error),
                Err(error) if limit == 1 => {
                    // Where it was left is not known either.
                    check.found(self.read_to + 1, format!("the next root: {error}"));
                    self.ended = true;
                    return Ok(());
                }
                Err(_) => limit /= 2,
            }
        }
    }
}
