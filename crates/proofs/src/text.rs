//! Proofs as text: C2SP `tlog-proof`, and the body of `add-checkpoint` in `tlog-witness`.

use std::fmt::{self, Display, Formatter};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::lines::{base64_of, decimal_from, hash_from};
use crate::note::{NOTE_BYTES_MAX, Note, NoteError};
use crate::tree::{Hash, PROOF_HASHES_MAX};

/// The most bytes a proof may have: its hashes, the extra data, and the checkpoint.
pub const PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + EXTRA_CHARS_MAX + 8 * 1024;

/// The most characters extra data may have.
const EXTRA_CHARS_MAX: usize = 8 * 1024;
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Why a text is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofTextError {
    /// It is not written as proofs are.
    #[error("it is not written as a proof is: {0}")]
    Malformed(&'static str),
    /// What stands behind the proof is no note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// That an entry is in the tree of a checkpoint (`tlog-proof`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Data beside the proof that nothing vouches for.
    pub extra: Option<Vec<u8>>,
    /// The index of the leaf: the entry's position less 1.
    pub index: u64,
    /// The hashes, from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The checkpoint, as it was signed.
    pub checkpoint: Note,
}

/// That a checkpoint goes on from an older tree (the body of `add-checkpoint`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The size of the older tree.
    pub old: u64,
    /// The hashes.
    pub hashes: Vec<Hash>,
    /// The checkpoint, as it was signed.
    pub checkpoint: Note,
}

impl InclusionProof {
    /// Reads a proof; nothing is trusted yet.
    ///
    /// # Errors
    /// When it is none, or larger than any may be.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofTextError> {
        let (head, checkpoint) = parts(bytes)?;
        let malformed = ProofTextError::Malformed;
        let mut lines = head.lines().peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(malformed("its first line is another"));
        }
        let mut extra = None;
        if let Some(text) = lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            let bytes = (text.len() <= EXTRA_CHARS_MAX)
                .then(|| STANDARD.decode(text).ok())
                .flatten();
            extra = Some(bytes.ok_or(malformed("its extra data is not base64, or too long"))?);
            lines.next();
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(decimal_from);
        let index = index.ok_or(malformed("it has no index"))?;
        Ok(Self {
            extra,
            index,
            hashes: hashes(lines)?,
            checkpoint: Note::parse(checkpoint)?,
        })
    }
}

impl Display for InclusionProof {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", base64_of(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl ConsistencyProof {
    /// Reads a proof; nothing is trusted yet.
    ///
    /// # Errors
    /// When it is none, or larger than any may be.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofTextError> {
        let (head, checkpoint) = parts(bytes)?;
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(decimal_from);
        Ok(Self {
            old: old.ok_or(ProofTextError::Malformed("it has no old size"))?,
            hashes: hashes(lines)?,
            checkpoint: Note::parse(checkpoint)?,
        })
    }
}

impl Display for ConsistencyProof {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.hashes
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", base64_of(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The lines of the proof, and the note behind the first empty one.
fn parts(bytes: &[u8]) -> Result<(&str, &[u8]), ProofTextError> {
    let malformed = ProofTextError::Malformed;
    if bytes.len() > PROOF_BYTES_MAX {
        return Err(malformed("it is longer than any may be"));
    }
    let text = str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
    // Line breaks of other systems are not allowed: `lines` would swallow them.
    if text.contains('\r') {
        return Err(malformed("it holds a carriage return"));
    }
    let (head, checkpoint) = text
        .split_once("\n\n")
        .ok_or(malformed("it has no checkpoint"))?;
    Ok((head, checkpoint.as_bytes()))
}

fn hashes<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Vec<Hash>, ProofTextError> {
    let mut hashes = Vec::new();
    for line in lines {
        if hashes.len() == PROOF_HASHES_MAX {
            return Err(ProofTextError::Malformed("it has too many hashes"));
        }
        let hash = hash_from(line).ok_or(ProofTextError::Malformed("a line of it is no hash"))?;
        hashes.push(hash);
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests;
