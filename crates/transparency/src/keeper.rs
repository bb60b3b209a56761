//! Follows the ledger: keeps the tiles, and signs checkpoints on a schedule and on demand.
//!
//! What is signed is hashed from the entries' own text, and compared with the root that was stored
//! when they were appended and with the checkpoint signed before: all of it once, when it starts, and
//! what is new from then on. Where they differ somebody has changed what was recorded: nothing is
//! signed then, and readiness says why. What was changed below the newest checkpoint later is found at
//! the next start, and by `dutyledger ledger verify`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dutyledger_ledger::{LedgerReader, LockFile, ReadError};
use dutyledger_proofs::{Checkpoint, Hash, SigningKey};
use dutyledger_record::{Frontier, Stream, StreamId, StreamType, leaf_hash_of_bytes};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::log::{Asked, Log, Standing};
use crate::signed::Signed;
use crate::tiles::{Tiles, TilesError};

/// How many entries are read at once.
const PAGE: u32 = 1_000;
/// The event in which a ledger adopts a key for its checkpoints (`schemas/proofs.md`).
const ADOPTED: &str = "CheckpointKeyAdopted";
/// The type of a ledger's own stream, in which it does.
const LEDGER: StreamType = StreamType::of("ledger");
/// How many may wait for a checkpoint at once.
const ASKED_MAX: usize = 64;

/// Why no checkpoint is signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// An entry's text is not what it was, or its root was changed.
    #[error(
        "the entries up to position {0} do not give the root that was stored when they were \
         recorded: run `dutyledger ledger verify`, which finds the first that was changed"
    )]
    Root(u64),
    /// The ledger is not the one of the checkpoint signed before.
    #[error(
        "the ledger at {0} entries is not what its own checkpoint says: something recorded was \
         changed, or it was restored from a copy that went on differently. Find out which before \
         anything is signed again"
    )]
    Forked(u64),
    /// The ledger ends before the checkpoint signed before.
    #[error(
        "the ledger ends at position {head}, and its own checkpoint covers {signed} entries: it was \
         restored from a backup. Put the missing entries back; a checkpoint of less is never signed"
    )]
    Behind {
        /// Where it ends.
        head: u64,
        /// What was signed.
        signed: u64,
    },
    /// The file of the newest checkpoint is missing.
    #[error(
        "{path}, the newest checkpoint that was signed, is missing: without it a ledger that was \
         changed would be signed again. Put the newest that was published there: whoever watches \
         the ledger has it. Only if none ever was: `dutyledger audit checkpoint --none-was-published`",
        path = .0.display()
    )]
    Missing(PathBuf),
    /// The ledger adopted another key.
    #[error(
        "the ledger has adopted another key for its checkpoints: start the server again with that \
         key"
    )]
    Replaced,
    /// Something that passes by itself.
    #[error("{0}")]
    Passing(String),
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        Self::Passing(format!("the ledger cannot be read: {error}"))
    }
}

impl From<TilesError> for Trouble {
    fn from(error: TilesError) -> Self {
        Self::Passing(error.to_string())
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        TilesError::from(error).into()
    }
}

/// Keeps a ledger's tiles and signs its checkpoints.
#[derive(Debug)]
pub struct Keeper {
    ledger: LedgerReader,
    key: SigningKey,
    tiles: Arc<Tiles>,
    file: PathBuf,
    every: Duration,
    standing: watch::Sender<Standing>,
    asked: mpsc::Receiver<Asked>,
    /// Whether the entries were hashed, and what the folder held before was looked at.
    started: bool,
    /// Held for as long as it keeps the tiles: whoever has it is the only one.
    _lock: LockFile,
    /// The keys that the ledger's own stream adopts.
    adopted: Adopted,
    /// Whether nothing was ever signed, so that there is nothing to go on from.
    first: bool,
}

/// What was read of a ledger's own stream: the key it adopts last, and up to which version.
#[derive(Debug, Default)]
struct Adopted {
    version: u64,
    key: Option<String>,
}

impl Keeper {
    /// A keeper of a ledger's tiles in a folder, whose newest checkpoint is in a file, and what
    /// hands them out.
    ///
    /// # Errors
    /// When the folder or the file cannot be opened, or another process keeps the tiles.
    pub fn open(
        ledger: LedgerReader,
        key: SigningKey,
        folder: &Path,
        file: PathBuf,
        every: Duration,
    ) -> io::Result<(Self, Log)> {
        let tiles = Arc::new(Tiles::open(folder)?);
        let lock = LockFile::take(&folder.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::Error::new(
                error.kind(),
                "another process keeps the tiles in this folder and signs checkpoints",
            ),
            _ => error,
        })?;
        let newest = Signed::read(&file)?.map(Arc::new);
        let (standing, look) = watch::channel(Standing {
            newest,
            trouble: None,
        });
        let (ask, asked) = mpsc::channel(ASKED_MAX);
        let log = Log {
            key: key.verifier().clone(),
            tiles: Arc::clone(&tiles),
            standing: look,
            ask,
        };
        let keeper = Self {
            ledger,
            key,
            tiles,
            file,
            every,
            standing,
            asked,
            started: false,
            _lock: lock,
            adopted: Adopted::default(),
            first: false,
        };
        Ok((keeper, log))
    }

    /// The same, for a ledger of which no checkpoint was published yet: where the file of the newest
    /// is missing, there is none.
    #[must_use]
    pub const fn none_was_published(mut self) -> Self {
        self.first = true;
        self
    }

    /// The same, signing with another key. It goes on from what was signed with the one before.
    #[must_use]
    pub fn signing_with(self, key: SigningKey) -> Self {
        Self { key, ..self }
    }

    /// Signs until `shutdown` completes. It may be stopped at any await, or killed.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let work = async {
            let mut tick = tokio::time::interval(self.every);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let asked = tokio::select! {
                    _ = tick.tick() => None,
                    asked = self.asked.recv() => asked,
                };
                let signed = self.sign().await;
                self.tell(&signed);
                if let Some(asked) = asked {
                    // Whoever asked may have gone.
                    let _ = asked.send(signed);
                }
            }
        };
        tokio::select! {
            biased;
            () = shutdown => {}
            () = work => {}
        }
    }

    /// Signs a checkpoint of all there is, and answers it; the one before where nothing is new.
    ///
    /// # Errors
    /// When something is not as it should be.
    pub async fn sign(&mut self) -> Result<Arc<Signed>, Trouble> {
        let newest = self.newest().await?;
        let (size, stored) = self
            .ledger
            .last_root()
            .await?
            .ok_or_else(|| Trouble::Passing("the ledger has no entry yet".to_owned()))?;
        if let Some(newest) = &newest
            && newest.checkpoint.size > size
        {
            return Err(Trouble::Behind {
                head: size,
                signed: newest.checkpoint.size,
            });
        }
        let before = newest.as_ref().map(|newest| &newest.checkpoint);
        if !self.started {
            self.hash_all((size, stored), before).await?;
            self.believe(before).await?;
            self.started = true;
        }
        self.grow(size).await?;
        if !self.agrees((size, stored), before).await? {
            // The entries themselves say what is wrong. Where nothing is, the tiles are.
            self.hash_all((size, stored), before).await?;
            tracing::warn!("the tiles are not those of the entries, and are made anew from them");
            self.tiles.give_up_after(0);
            self.grow(size).await?;
            if !self.agrees((size, stored), before).await? {
                let why = "the tiles are not those of the entries they were made of: is their disk \
                           damaged?";
                return Err(Trouble::Passing(why.to_owned()));
            }
        }
        let root = stored;
        if let Some(newest) = newest {
            let own = newest.note.signed_by([self.key.verifier()]).is_ok();
            if newest.checkpoint.size == size && own {
                return Ok(newest);
            }
        }
        if self.is_replaced(size).await? {
            return Err(Trouble::Replaced);
        }
        let checkpoint = Checkpoint {
            origin: self.ledger.id().to_string(),
            size,
            root,
        };
        let note = checkpoint.sign(&self.key);
        let note = note.map_err(|error| Trouble::Passing(error.to_string()))?;
        let signed = Arc::new(Signed { checkpoint, note });
        let (path, kept) = (self.file.clone(), Arc::clone(&signed));
        // Syncing a file blocks. Durable before it is shown: what was shown is never taken back.
        blocking(move || Ok(kept.write(&path)?)).await?;
        self.standing
            .send_modify(|standing| standing.newest = Some(Arc::clone(&signed)));
        Ok(signed)
    }

    /// The checkpoint to go on from; none where none was ever signed.
    async fn newest(&self) -> Result<Option<Arc<Signed>>, Trouble> {
        let known = self.standing.borrow().newest.clone();
        if known.is_some() {
            return Ok(known);
        }
        // It may have been put there meanwhile.
        let path = self.file.clone();
        let found = blocking(move || Ok(Signed::read(&path)?)).await?;
        match found.map(Arc::new) {
            Some(found) => {
                self.standing
                    .send_modify(|standing| standing.newest = Some(Arc::clone(&found)));
                Ok(Some(found))
            }
            None if self.first => Ok(None),
            None => Err(Trouble::Missing(self.file.clone())),
        }
    }

    /// Hashes every entry from its own text, and tells what is wrong where that gives another root than
    /// was stored, or than was signed before. The tiles stay as they are: they may be those of what was
    /// signed.
    async fn hash_all(
        &self,
        (size, stored): (u64, Hash),
        before: Option<&Checkpoint>,
    ) -> Result<(), Trouble> {
        let signed = before.map_or(0, |before| before.size);
        let (mut tree, mut then) = (Frontier::empty(), Hash::default());
        while tree.size() < size {
            let mut page = self.ledger.read(tree.size(), PAGE).await?;
            page.retain(|entry| entry.position <= size);
            if page.is_empty() {
                return Err(Trouble::Passing("the ledger gives no entries".to_owned()));
            }
            (tree, then) = blocking(move || {
                for entry in page {
                    tree.push(leaf_hash_of_bytes(entry.leaf_data.as_bytes()));
                    if tree.size() == signed {
                        then = tree.root();
                    }
                }
                Ok((tree, then))
            })
            .await?;
        }
        match before {
            _ if tree.root() != stored => Err(Trouble::Root(size)),
            Some(before) if signed > 0 && then != before.root => Err(Trouble::Forked(signed)),
            _ => Ok(()),
        }
    }

    /// Whether the tiles give the root that was stored, and the one that was signed before.
    async fn agrees(
        &self,
        (size, stored): (u64, Hash),
        before: Option<&Checkpoint>,
    ) -> Result<bool, Trouble> {
        if self.root(size).await? != stored {
            return Ok(false);
        }
        match before {
            Some(before) => Ok(self.root(before.size).await? == before.root),
            None => Ok(true),
        }
    }

    /// Takes over the tiles of an earlier run, as far as its checkpoint vouches for them.
    async fn believe(&self, newest: Option<&Checkpoint>) -> Result<(), Trouble> {
        if let Some(Checkpoint { size, root, .. }) = newest.cloned() {
            let tiles = Arc::clone(&self.tiles);
            let taken = blocking(move || Ok(tiles.believe(size, &root)?)).await?;
            if !taken {
                tracing::info!(size, "the tiles are made anew from the entries");
            }
        }
        Ok(())
    }

    /// Adds the entries up to a position, hashed from their own text.
    async fn grow(&mut self, until: u64) -> Result<(), Trouble> {
        while self.tiles.size() < until {
            let mut page = self.ledger.read(self.tiles.size(), PAGE).await?;
            page.retain(|entry| entry.position <= until);
            if page.is_empty() {
                return Err(Trouble::Passing("the ledger gives no entries".to_owned()));
            }
            let tiles = Arc::clone(&self.tiles);
            let grown = blocking(move || {
                let leaves: Vec<Hash> = page
                    .iter()
                    .map(|entry| leaf_hash_of_bytes(entry.leaf_data.as_bytes()))
                    .collect();
                Ok(tiles.extend(&leaves)?)
            });
            grown.await?;
        }
        Ok(())
    }

    /// Whether the ledger, up to a size, adopts another key last. Its own stream is asked, since the
    /// tiles that are believed say nothing of what their entries are.
    async fn is_replaced(&mut self, size: u64) -> Result<bool, Trouble> {
        let id = StreamId::new(self.ledger.id().uuid());
        let own = Stream::new(LEDGER, id);
        let found = self
            .ledger
            .read_stream_after(&own, self.adopted.version)
            .await?;
        for stored in found.iter().take_while(|stored| stored.position <= size) {
            self.adopted.version += 1;
            if let Some(key) = adopted(&stored.leaf_data) {
                self.adopted.key = Some(key);
            }
        }
        let signs = self.key.verifier().to_string();
        Ok(self.adopted.key.as_ref().is_some_and(|key| *key != signs))
    }

    async fn root(&self, size: u64) -> Result<Hash, Trouble> {
        let tiles = Arc::clone(&self.tiles);
        blocking(move || Ok(tiles.root(size)?)).await
    }

    /// Says once why nothing is signed, and that it is again.
    fn tell(&self, signed: &Result<Arc<Signed>, Trouble>) {
        let trouble = signed.as_ref().err().cloned();
        self.standing.send_if_modified(|standing| {
            let changed = standing.trouble != trouble;
            if changed {
                match &trouble {
                    Some(trouble) => tracing::error!("no checkpoint is signed: {trouble}"),
                    None => tracing::info!("checkpoints are signed again"),
                }
                standing.trouble = trouble;
            }
            changed
        });
    }
}

/// The key that an entry adopts for checkpoints, where it does.
fn adopted(leaf_data: &str) -> Option<String> {
    // Nearly no entry does, so most are not read.
    if !leaf_data.contains(ADOPTED) {
        return None;
    }
    let record = dutyledger_record::Record::parse(leaf_data).ok()?;
    let named = record.event.event_type == ADOPTED;
    let key = record.entry.payload["key"].as_str().filter(|_| named)?;
    Some(key.to_owned())
}

/// Does what blocks on a thread where that disturbs nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Trouble::Passing(error.to_string()))?
}
