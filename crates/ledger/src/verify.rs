//! Verifying a ledger against itself: nothing is trusted but the entries' own text.
//!
//! What is checked: positions from 1 without gaps; each entry the exact text the format writes, of
//! this ledger, at its position, its instant never before the one before; each stream's versions
//! from 1 without gaps; each leaf hash; the columns that repeat parts of the text; every root of the
//! Merkle tree, and the head, which is at the last entry and left a root. Somebody who recomputed all
//! of that is found only by comparing the root with one kept elsewhere.

use std::collections::HashMap;
use std::mem;
use std::thread;

use chrono::{DateTime, Utc};
use dutyledger_record::{Frontier, LedgerId, Record, Stream, leaf_hash};

use crate::error::ReadError;
use crate::reader::{LedgerReader, Row};

/// How many entries are read at once.
const PAGE: u32 = 5_000;
/// The most findings that are told; one that is there more often says the same.
const FINDINGS_MAX: usize = 100;

/// Something that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The position it was found at.
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
    let mut roots = Roots::default();
    let mut page = Page::read(ledger, 0, head).await?;
    while check.position < head && !page.is_empty() {
        let after = page.last().unwrap_or(head);
        // While one page is verified, the next is read.
        let id = ledger.id();
        let verifying = tokio::task::spawn_blocking(move || page.facts(id));
        let next = Page::read(ledger, after, head).await?;
        // A panic in there is a defect of this program; it goes on in this thread.
        let facts = verifying
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        for fact in facts {
            check.entry(fact);
            roots.compare(ledger, &mut check).await?;
        }
        progress(check.position, head);
        page = next;
    }
    check.end(head, frontier.as_ref());
    if check.position == head && roots.last != head {
        check.found(head, "no root was left at the head: a commit is not whole");
    }
    beyond(ledger, head, &mut check).await?;
    Ok(check.verified(roots.compared))
}

/// Looks for what is beyond the head: it moves with what it is the head of, so that whatever is
/// seen is never beyond a head that is asked for afterwards.
async fn beyond(ledger: &LedgerReader, head: u64, check: &mut Check) -> Result<(), ReadError> {
    let entry = match Page::read(ledger, head, u64::MAX).await? {
        Page::Rows(rows) => rows.first().map(|row| row.position),
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
                    rows.retain(|row| row.position <= to);
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

    fn is_empty(&self) -> bool {
        self.last().is_none()
    }

    fn last(&self) -> Option<u64> {
        match self {
            Self::Rows(rows) => rows.last().map(|row| row.position),
            Self::Meaningless { position, .. } => Some(*position),
        }
    }

    fn facts(self, ledger: LedgerId) -> Vec<Fact> {
        match self {
            Self::Rows(rows) => read_rows(ledger, &rows),
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

/// Verifies each row on its own, on as many threads as there are cores.
fn read_rows(ledger: LedgerId, rows: &[Row]) -> Vec<Fact> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let each = rows.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = rows
            .chunks(each)
            .map(|part| {
                scope.spawn(move || {
                    let facts = part.iter().map(|row| read_row(ledger, row));
                    facts.collect::<Vec<_>>()
                })
            })
            .collect();
        let facts = parts.into_iter().map(|part| {
            part.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        facts.flatten().collect()
    })
}

fn read_row(ledger: LedgerId, row: &Row) -> Fact {
    let mut wrong = Vec::new();
    let computed = leaf_hash(&row.leaf_data);
    if computed != row.leaf_hash {
        wrong.push("the text does not have the leaf hash beside it".to_owned());
    }
    let record = match Record::verify(&row.leaf_data) {
        Ok(record) => {
            if record.position != row.position {
                wrong.push(format!("the text says position {}", record.position));
            }
            if record.ledger_id != ledger {
                wrong.push(format!("the text is of ledger {}", record.ledger_id));
            }
            if !row.repeats(&record) {
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
        position: row.position,
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
    versions: HashMap<Stream, u64>,
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
        if self.findings.len() < FINDINGS_MAX {
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
        let before = self.versions.insert(stream, version).unwrap_or(0);
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

    fn verified(self, roots: u64) -> Verified {
        Verified {
            ledger: self.ledger,
            entries: self.position,
            streams: self.versions.len() as u64,
            roots,
            root: self.frontier.root(),
            findings: self.findings,
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
