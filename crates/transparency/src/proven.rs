//! A checkpoint that was signed, with the hashes it was made of: what proofs are made from.

use std::io;
use std::path::Path;
use std::sync::Arc;

use dutyledger_proofs::{ConsistencyProof, InclusionProof};

use crate::log::LogError;
use crate::signed::Signed;
use crate::tiles::Tiles;

/// A checkpoint and its hashes. Whatever is signed later, the proofs stay those of this one.
#[derive(Clone, Debug)]
pub struct Proven {
    signed: Arc<Signed>,
    tiles: Arc<Tiles>,
}

impl Proven {
    pub(crate) const fn new(signed: Arc<Signed>, tiles: Arc<Tiles>) -> Self {
        Self { signed, tiles }
    }

    /// A checkpoint with the hashes in a folder, where they are those of the checkpoint; whoever
    /// keeps them may go on meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn by(signed: Signed, folder: &Path) -> io::Result<Option<Self>> {
        let (size, root) = (signed.checkpoint.size, &signed.checkpoint.root);
        let tiles = Tiles::at(folder, size, root)?;
        Ok(tiles.map(|tiles| Self::new(Arc::new(signed), Arc::new(tiles))))
    }

    /// The checkpoint.
    #[must_use]
    pub fn signed(&self) -> &Signed {
        &self.signed
    }

    /// How many entries it covers.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.signed.checkpoint.size
    }

    /// The proof that the entry at a position is in it.
    ///
    /// # Errors
    /// When it does not cover the position, or the hashes cannot be read.
    pub fn inclusion(&self, position: u64) -> Result<InclusionProof, LogError> {
        let size = self.size();
        let index = position.checked_sub(1).filter(|index| *index < size);
        let index = index.ok_or(LogError::Beyond(size))?;
        Ok(InclusionProof {
            extra: None,
            index,
            hashes: self.tiles.inclusion(index, size)?,
            checkpoint: self.signed.note.clone(),
        })
    }

    /// The proof that it goes on from the ledger as it was at a size.
    ///
    /// # Errors
    /// When it does not reach that far, or the hashes cannot be read.
    pub fn consistency(&self, old: u64) -> Result<ConsistencyProof, LogError> {
        let size = self.size();
        if old > size {
            return Err(LogError::Beyond(size));
        }
        Ok(ConsistencyProof {
            old,
            hashes: self.tiles.consistency(old, size)?,
            checkpoint: self.signed.note.clone(),
        })
    }
}
