//! Which key a checkpoint may be signed by.
//!
//! A ledger's key is trusted because it was handed over by somebody trusted, never because a ledger
//! or a bundle names it. An earlier key counts up to the last checkpoint it signed, and only for
//! trees that one goes on from: whoever finds an old key can sign nothing with it. That it goes on is
//! shown by a proof from one to the other, or by a checkpoint of the current key that goes on from both.

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{Note, VerifierKey};
use crate::text::ConsistencyProof;
use crate::tree::{Hash, verify_consistency};

/// The last checkpoint a key signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastCheckpoint {
    /// How many entries it had.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// A key that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierKey {
    /// The key.
    pub key: VerifierKey,
    /// What it counts up to.
    pub last: LastCheckpoint,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// It is no checkpoint, or no trusted key signed it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An earlier key signed it for more entries than the last checkpoint of that key had.
    #[error(
        "a key that was replaced after {last} entries signed a checkpoint of {size}: it counts up to \
         its last checkpoint alone"
    )]
    Outlived {
        /// The size of the key's last checkpoint.
        last: u64,
        /// The size it signed.
        size: u64,
    },
    /// An earlier key signed it for as many entries as its last checkpoint has, or for none, with
    /// another root. Of fewer entries no two roots contradict each other by themselves.
    #[error("a key that was replaced signed another root for the entries of its last checkpoint")]
    Forked,
    /// An earlier key signed it, and none of the proofs given shows that the last checkpoint goes on
    /// from it: they may be missing, or there can be none.
    #[error(
        "a key that was replaced signed this checkpoint of {size} entries, and none of the proofs \
         given shows that its last one, of {last}, goes on from it, or that one checkpoint of the \
         current key goes on from both"
    )]
    Unproven {
        /// The size of the key's last checkpoint.
        last: u64,
        /// The size it signed.
        size: u64,
    },
    /// The same key is given twice, so that what it counts up to is not one answer.
    #[error("the key {0} is given twice")]
    Twice(String),
}

/// What a checkpoint was accepted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The key.
    pub key: VerifierKey,
    /// Whether it is the current one.
    pub current: bool,
}

/// The keys of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKeys {
    current: VerifierKey,
    earlier: Vec<EarlierKey>,
}

impl TrustedKeys {
    /// The current key and those it replaced.
    ///
    /// # Errors
    /// When a key is among them twice.
    pub fn new(current: VerifierKey, earlier: Vec<EarlierKey>) -> Result<Self, TrustError> {
        for (place, key) in earlier.iter().map(|earlier| &earlier.key).enumerate() {
            let again = earlier[..place].iter().any(|other| other.key == *key);
            if again || *key == current {
                return Err(TrustError::Twice(key.to_string()));
            }
        }
        Ok(Self { current, earlier })
    }

    /// The current key.
    #[must_use]
    pub const fn current(&self) -> &VerifierKey {
        &self.current
    }

    /// The keys it replaced.
    #[must_use]
    pub fn earlier(&self) -> &[EarlierKey] {
        &self.earlier
    }

    /// The checkpoint of a note, where a key that counts for it signed it. Any of the proofs may be
    /// what shows it, where an earlier key signed fewer entries than it counts up to.
    ///
    /// # Errors
    /// When it is refused.
    pub fn accept(&self, note: &Note, proofs: &[ConsistencyProof]) -> Result<Accepted, TrustError> {
        let earlier = self.earlier.iter().map(|earlier| &earlier.key);
        let (checkpoint, signed) = Checkpoint::open(note, earlier.chain([&self.current]))?;
        if signed.contains(&&self.current) {
            return Ok(Accepted {
                checkpoint,
                key: self.current.clone(),
                current: true,
            });
        }
        // Of several earlier keys the one that counts furthest decides.
        let by = self
            .earlier
            .iter()
            .filter(|earlier| signed.contains(&&earlier.key))
            .max_by_key(|earlier| earlier.last.size);
        let Some(EarlierKey { key, last }) = by else {
            return Err(CheckpointError::Note(crate::NoteError::Unknown).into());
        };
        self.check_earlier(&checkpoint, last, proofs)?;
        Ok(Accepted {
            checkpoint,
            key: key.clone(),
            current: false,
        })
    }

    /// Whether the last checkpoint of a key lets it have signed another: one of as many entries or
    /// fewer, which it goes on from.
    fn check_earlier(
        &self,
        checkpoint: &Checkpoint,
        last: &LastCheckpoint,
        proofs: &[ConsistencyProof],
    ) -> Result<(), TrustError> {
        let then = LastCheckpoint::of(checkpoint);
        let (size, last_size) = (then.size, last.size);
        if size > last_size {
            return Err(TrustError::Outlived {
                last: last_size,
                size,
            });
        }
        if size == last_size || size == 0 {
            return match last.goes_on_from(&then, &[]) {
                true => Ok(()),
                false => Err(TrustError::Forked),
            };
        }
        let shown = |old: &LastCheckpoint, new: &LastCheckpoint| {
            let mut from = proofs.iter().filter(|proof| proof.old == old.size);
            from.any(|proof| new.goes_on_from(old, &proof.hashes))
        };
        // What the current key signed: where that goes on from both, they are of one history.
        let mut newer = proofs.iter().filter_map(|proof| {
            let opened = Checkpoint::open(&proof.checkpoint, [&self.current]);
            opened.ok().map(|(newer, _)| LastCheckpoint::of(&newer))
        });
        let one_history = |newer| shown(&then, &newer) && shown(last, &newer);
        if shown(&then, last) || newer.any(one_history) {
            return Ok(());
        }
        Err(TrustError::Unproven {
            last: last_size,
            size,
        })
    }
}

impl LastCheckpoint {
    const fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            size: checkpoint.size,
            root: checkpoint.root,
        }
    }

    fn goes_on_from(&self, old: &Self, hashes: &[Hash]) -> bool {
        verify_consistency(old.size, &old.root, self.size, &self.root, hashes).is_ok()
    }
}

#[cfg(test)]
mod tests;
