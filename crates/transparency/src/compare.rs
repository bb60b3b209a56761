//! Comparing a ledger with what was kept of it elsewhere, where whoever can write to its database
//! cannot reach: checkpoints, and the hashes they were made of.
//!
//! A ledger whose every hash was computed anew after a change agrees with itself. It does not agree
//! with these: the checkpoints say between which two of them the change is, and the hashes say at
//! which entries.

use std::fmt::{self, Display, Formatter};
use std::io;

use dutyledger_ledger::{LedgerReader, ReadError};
use dutyledger_proofs::{Checkpoint, Hash};
use dutyledger_record::{Frontier, leaf_hash_of_bytes};

use crate::tiles::Tiles;

/// How many entries are read at once.
const PAGE: u32 = 5_000;
/// The most positions that are named.
const NAMED_MAX: usize = 100;

/// Something that is not as it was when it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The entry at this position is another, or is gone.
    Entry(u64),
    /// So are so many more, after the last that is named.
    More {
        /// How many.
        count: u64,
        /// The last that is named.
        after: u64,
    },
    /// Some entry after one position and up to another; which, these checkpoints do not say.
    Among {
        /// The entries up to this one are those of then.
        after: u64,
        /// These are not.
        up_to: u64,
    },
    /// The ledger ends before what was kept.
    Ends {
        /// Where it ends.
        at: u64,
        /// Where it ended.
        had: u64,
    },
    /// A checkpoint is of another history than one of as many entries or more, which the ledger still
    /// has. Keys that are trusted signed both.
    Contradicted(Checkpoint),
}

/// How a ledger stands beside what was kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The entries that are shown to be those of then: up to the newest checkpoint that the ledger
    /// still has.
    pub unchanged: u64,
    /// What is not, in the order of the positions.
    pub differences: Vec<Difference>,
    /// The entries after the newest checkpoint: whoever changes them is not found by comparing.
    pub unprotected: u64,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] ReadError),
    /// The hashes that were kept could not be read.
    #[error("the hashes could not be read: {0}")]
    Tiles(#[from] io::Error),
    /// They prove nothing.
    #[error(
        "the hashes are not those of the checkpoint of {0} entries: whoever kept them elsewhere \
         lost some, or they are of another ledger"
    )]
    OtherTiles(u64),
}

/// Compares a ledger with checkpoints of it, in any order, and with the hashes of the newest where
/// those were kept as well. Whose signature a checkpoint has is for the caller to look at.
/// `progress` is told how many entries are done, and how many there are.
///
/// # Errors
/// When the ledger or the hashes cannot be read, or the hashes are not the checkpoint's.
pub async fn compare(
    ledger: &LedgerReader,
    checkpoints: &[Checkpoint],
    tiles: Option<&Tiles>,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Compared, CompareError> {
    let head = ledger.last_position().await?;
    // All ledgers agree on nothing.
    let mut kept: Vec<_> = checkpoints.iter().filter(|kept| kept.size > 0).collect();
    kept.sort_by_key(|checkpoint| checkpoint.size);
    let newest = kept.last().map_or(0, |checkpoint| checkpoint.size);
    let mut held = Held::of(tiles, newest);
    let mut found = Found::default();
    let mut own = Frontier::empty();
    let (mut unchanged, mut others) = (0, Vec::new());
    let mut next = kept.iter().peekable();
    let mut done = 0;
    while done < newest.min(head) {
        let page = ledger.read(done, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for stored in page {
            // The text is hashed, whatever hash is stored beside it.
            let hash = leaf_hash_of_bytes(stored.leaf_data.as_bytes());
            for missing in done + 1..stored.position.min(newest + 1) {
                held.next()?;
                found.entry(missing, held.compared());
            }
            done = stored.position;
            if done > newest {
                break;
            }
            let same = held.next()?.is_none_or(|then| then == hash);
            if !same {
                found.entry(done, true);
            }
            own.push(hash);
            while let Some(checkpoint) = next.next_if(|checkpoint| checkpoint.size <= done) {
                if checkpoint.size == done && checkpoint.root == own.root() {
                    unchanged = done;
                } else {
                    others.push(*checkpoint);
                }
            }
        }
        progress(done.min(newest), newest.min(head));
    }
    while held.next()?.is_some() {}
    // Two of as many entries may be of two histories, and the hashes are those of one.
    let mut of_newest = kept.iter().filter(|checkpoint| checkpoint.size == newest);
    if newest > 0 && held.compared() && !of_newest.any(|one| one.root == held.tree.root()) {
        return Err(CompareError::OtherTiles(newest));
    }
    Ok(Compared {
        unchanged,
        differences: found.differences(unchanged, &others, newest, head),
        unprotected: head.saturating_sub(newest),
    })
}

/// The hashes that were kept, read one after another.
struct Held<'t> {
    tiles: Option<&'t Tiles>,
    until: u64,
    read: std::vec::IntoIter<Hash>,
    at: u64,
    tree: Frontier,
}

impl<'t> Held<'t> {
    fn of(tiles: Option<&'t Tiles>, until: u64) -> Self {
        Self {
            tiles,
            until,
            read: Vec::new().into_iter(),
            at: 0,
            tree: Frontier::empty(),
        }
    }

    fn compared(&self) -> bool {
        self.tiles.is_some()
    }

    fn next(&mut self) -> Result<Option<Hash>, CompareError> {
        let Some(tiles) = self.tiles.filter(|_| self.at < self.until) else {
            return Ok(None);
        };
        if self.read.as_slice().is_empty() {
            let page = u64::from(PAGE).min(self.until - self.at);
            let leaves = tiles.leaves(self.at, page)?;
            self.read = leaves
                .ok_or(CompareError::OtherTiles(self.until))?
                .into_iter();
        }
        let hash = self.read.next();
        if let Some(hash) = hash {
            self.tree.push(hash);
            self.at += 1;
        }
        Ok(hash)
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(_) => f.write_str("the entry is not the one that was kept elsewhere"),
            Self::More { count, .. } => {
                write!(
                    f,
                    "{count} later entries are not those that were kept elsewhere either"
                )
            }
            Self::Among { after, up_to } => write!(
                f,
                "among the entries {} to {up_to} something was changed: up to {after} the ledger is \
                 as the checkpoints say, and at {up_to} it is not",
                after + 1
            ),
            Self::Ends { at, had } => {
                write!(f, "the ledger ends at {at}, and had {had} entries")
            }
            Self::Contradicted(Checkpoint { size, .. }) => write!(
                f,
                "the checkpoint of {size} entries is of another history than one of as many or more, \
                 and keys that are trusted signed both"
            ),
        }
    }
}

impl Difference {
    /// The position it is told at.
    #[must_use]
    pub const fn position(&self) -> u64 {
        match self {
            Self::Entry(at) | Self::Ends { at, .. } => *at,
            Self::Contradicted(checkpoint) => checkpoint.size,
            Self::More { after, .. } | Self::Among { after, .. } => *after + 1,
        }
    }
}

/// The entries that differ.
#[derive(Default)]
struct Found {
    named: Vec<u64>,
    more: u64,
}

impl Found {
    fn entry(&mut self, position: u64, compared: bool) {
        match self.named.len() {
            _ if !compared => {}
            named if named < NAMED_MAX => self.named.push(position),
            _ => self.more += 1,
        }
    }

    fn differences(
        self,
        unchanged: u64,
        others: &[&Checkpoint],
        newest: u64,
        head: u64,
    ) -> Vec<Difference> {
        let mut all = Vec::new();
        // One of as many entries as the newest that is the ledger's is no less contradicted by it.
        let contradicted = others.iter().filter(|other| other.size <= unchanged);
        all.extend(contradicted.map(|other| Difference::Contradicted((*other).clone())));
        let last = self.named.last().copied();
        all.extend(self.named.into_iter().map(Difference::Entry));
        if let (Some(after), count @ 1..) = (last, self.more) {
            all.push(Difference::More { count, after });
        }
        let first = others.iter().find(|other| other.size > unchanged);
        if let (Some(other), None) = (first, last) {
            all.push(Difference::Among {
                after: unchanged,
                up_to: other.size,
            });
        }
        if head < newest {
            all.push(Difference::Ends {
                at: head,
                had: newest,
            });
        }
        all
    }
}
