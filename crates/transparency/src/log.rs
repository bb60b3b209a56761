//! What is handed out: tiles, checkpoints and proofs.

use std::sync::Arc;

use dutyledger_proofs::tile::Tile;
use dutyledger_proofs::{ConsistencyProof, Hash, InclusionProof, VerifierKey};
use tokio::sync::{mpsc, oneshot, watch};

use crate::keeper::Trouble;
use crate::proven::Proven;
use crate::signed::Signed;
use crate::tiles::{Tiles, TilesError};

/// Why something is not handed out.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Nothing was signed yet.
    #[error("no checkpoint was signed yet")]
    NoCheckpoint,
    /// The newest checkpoint does not reach that far yet.
    #[error("the newest checkpoint covers {0} entries")]
    Beyond(u64),
    /// No checkpoint is signed until somebody has put something right.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The tiles.
    #[error(transparent)]
    Tiles(#[from] TilesError),
    /// Whoever signs has ended.
    #[error("no more checkpoints are signed: the server ends")]
    Ended,
}

/// How signing stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) newest: Option<Arc<Signed>>,
    pub(crate) trouble: Option<Trouble>,
}

/// Whoever waits for a checkpoint of what there is now.
pub(crate) type Asked = oneshot::Sender<Result<Arc<Signed>, Trouble>>;

/// Hands out what a [`crate::Keeper`] keeps. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    pub(crate) key: VerifierKey,
    pub(crate) tiles: Arc<Tiles>,
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) ask: mpsc::Sender<Asked>,
}

impl Log {
    /// The key that signs.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The newest checkpoint, where there is one.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Signed>> {
        self.standing.borrow().newest.clone()
    }

    /// What keeps checkpoints from being signed, where something does.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.standing.borrow().trouble.clone()
    }

    /// A checkpoint of all there is now.
    ///
    /// # Errors
    /// When none can be signed.
    pub async fn sign_now(&self) -> Result<Arc<Signed>, LogError> {
        let (asked, answer) = oneshot::channel();
        self.ask.send(asked).await.map_err(|_| LogError::Ended)?;
        Ok(answer.await.map_err(|_| LogError::Ended)??)
    }

    /// The hashes of a tile that the newest checkpoint covers; nothing where it covers less.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn tile(&self, tile: Tile) -> Result<Option<Vec<Hash>>, LogError> {
        let Some(newest) = self.newest() else {
            return Ok(None);
        };
        let covered = Tile::in_tree(tile.holds, tile.index, newest.checkpoint.size);
        if covered.is_none_or(|covered| covered.width < tile.width) {
            return Ok(None);
        }
        let tiles = Arc::clone(&self.tiles);
        read(move || Ok(tiles.tile(tile).map_err(TilesError::Io)?)).await
    }

    /// The newest checkpoint with the hashes it was made of.
    ///
    /// # Errors
    /// When there is none.
    pub fn proven(&self) -> Result<Proven, LogError> {
        let newest = self.newest().ok_or(LogError::NoCheckpoint)?;
        Ok(Proven::new(newest, Arc::clone(&self.tiles)))
    }

    /// The proof that the entry at a position is in the newest checkpoint.
    ///
    /// # Errors
    /// When the newest checkpoint does not cover it, or the tiles cannot be read.
    pub async fn inclusion(&self, position: u64) -> Result<InclusionProof, LogError> {
        let proven = self.proven()?;
        read(move || proven.inclusion(position)).await
    }

    /// The proof that the newest checkpoint goes on from the ledger as it was at a size.
    ///
    /// # Errors
    /// When the newest checkpoint does not reach that far, or the tiles cannot be read.
    pub async fn consistency(&self, old: u64) -> Result<ConsistencyProof, LogError> {
        let proven = self.proven()?;
        read(move || proven.consistency(old)).await
    }
}

/// Reads files on a thread where that disturbs nobody.
async fn read<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(read).await;
    done.map_err(|_| LogError::Ended)?
}
