//! Checkpoints, as C2SP `tlog-checkpoint` has them: what a ledger's key signs.

use std::fmt::{self, Display, Formatter};

use crate::lines::{base64_of, decimal_from, hash_from};
use crate::note::{Note, NoteError, SigningKey, VerifierKey};
use crate::tree::{Hash, empty_root};

/// The most entries a ledger can have: the largest position of the record, so that every reader reads
/// it alike and one can be added to it.
const SIZE_MAX: u64 = (1 << 53) - 1;

/// Why a note is no checkpoint, or none that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is not accepted.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text is not that of a checkpoint.
    #[error("it is not a checkpoint: {0}")]
    Malformed(&'static str),
    /// It is of another ledger than it should be, or than its key is of.
    #[error("it is a checkpoint of {found}, not of {expected}")]
    Origin {
        /// The ledger it should be of.
        expected: String,
        /// The ledger it says.
        found: String,
    },
}

/// A ledger at a size: its id, how many entries it has, and the root of their tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger: its id.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree of that many leaves.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a checkpoint. Lines after the third are allowed and mean nothing here.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let body = text.strip_suffix('\n');
        let mut lines = body
            .ok_or(malformed("its last line does not end"))?
            .split('\n');
        let origin = lines.next().filter(|line| !line.is_empty());
        let origin = origin.ok_or(malformed("it names no ledger"))?;
        let size = lines.next().and_then(decimal_from);
        let size = size.filter(|size| *size <= SIZE_MAX);
        let size = size.ok_or(malformed("its second line is no size"))?;
        let root = lines.next().and_then(hash_from);
        let root = root.ok_or(malformed("its third line is no hash"))?;
        if lines.any(str::is_empty) {
            return Err(malformed("it has an empty line"));
        }
        if size == 0 && root != empty_root() {
            return Err(malformed("the root of no entries is another"));
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    /// The checkpoint of a note and which of these keys signed it, in their order. A key counts for
    /// the ledger of its own name alone.
    ///
    /// # Errors
    /// When the note is no checkpoint, or none of the keys signed it.
    pub fn open<'k>(
        note: &Note,
        keys: impl IntoIterator<Item = &'k VerifierKey>,
    ) -> Result<(Self, Vec<&'k VerifierKey>), CheckpointError> {
        let checkpoint = Self::parse(note.text())?;
        let signed = note.signed_by(keys)?;
        if let Some(other) = signed.iter().find(|key| key.name() != checkpoint.origin) {
            return Err(CheckpointError::Origin {
                expected: other.name().to_owned(),
                found: checkpoint.origin,
            });
        }
        Ok((checkpoint, signed))
    }

    /// Signs it.
    ///
    /// # Errors
    /// When the key is another ledger's, or the origin is no line.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, CheckpointError> {
        if key.verifier().name() != self.origin {
            return Err(CheckpointError::Origin {
                expected: key.verifier().name().to_owned(),
                found: self.origin.clone(),
            });
        }
        Ok(Note::sign(self.to_string(), key)?)
    }
}

impl Display for Checkpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { origin, size, root } = self;
        write!(f, "{origin}\n{size}\n{}\n", base64_of(root))
    }
}

#[cfg(test)]
mod tests;
