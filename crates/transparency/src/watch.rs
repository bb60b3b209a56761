//! The watch somebody else keeps over a ledger, on a machine that whoever runs the ledger cannot
//! reach: it remembers the last checkpoint it trusted, and says so if the ledger does not go on from
//! it.

use std::io;
use std::path::{Path, PathBuf};

use dutyledger_proofs::tile::{self, Holds, TILE_WIDTH, Tile, TileError};
use dutyledger_proofs::tree::{self, Node};
use dutyledger_proofs::{Checkpoint, CheckpointError, Hash, Note, NoteError, VerifierKey};

use crate::signed::Signed;
use crate::tiles::{Tiles, TilesError};

/// Where checkpoints and tiles are fetched from.
pub trait Source {
    /// What is at a path below `/log/`.
    ///
    /// # Errors
    /// Why it cannot be had, in words.
    fn get(&mut self, path: &str) -> Result<Vec<u8>, String>;
}

/// Something somebody has to look into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// The checkpoint is not signed by the key that is trusted.
    #[error(
        "the checkpoint of {size} entries is not signed by the key that is trusted: it was forged, \
         or the ledger has another key. Ask those who run it, and not over this line"
    )]
    Signature {
        /// The size it claims.
        size: u64,
    },
    /// The ledger ends before what was trusted.
    #[error("the ledger was rolled back: it has {found} entries, and had {trusted}")]
    RolledBack {
        /// What it had.
        trusted: u64,
        /// What it has.
        found: u64,
    },
    /// The ledger is another than what was trusted.
    #[error(
        "the ledger was forked: what it has now, at {found} entries, does not go on from what it \
         had at {trusted}"
    )]
    Forked {
        /// What was trusted.
        trusted: u64,
        /// What was found.
        found: u64,
    },
}

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Something is wrong with the ledger.
    #[error("{alarm}")]
    Alarm {
        /// What.
        alarm: Alarm,
        /// The checkpoint that shows it, to be kept as evidence.
        note: Box<Note>,
    },
    /// What came is no checkpoint.
    #[error("what came is no checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// What came is no note.
    #[error("what came is no checkpoint: {0}")]
    Note(#[from] NoteError),
    /// What came is no tile.
    #[error("{path} is no tile: {cause}")]
    Tile {
        /// Its path.
        path: String,
        /// Why not.
        cause: TileError,
    },
    /// It could not be fetched.
    #[error("{path} could not be fetched: {cause}")]
    Source {
        /// Its path.
        path: String,
        /// Why not.
        cause: String,
    },
    /// The hashes could not be kept.
    #[error(transparent)]
    Kept(#[from] TilesError),
    /// The hashes that came are not those of the checkpoint.
    #[error(
        "the hashes that the ledger hands out are not those of its checkpoint of {size} entries: \
         nothing of it is trusted"
    )]
    Hashes {
        /// The checkpoint's size.
        size: u64,
    },
    /// The file of what is trusted.
    #[error("{path}: {cause}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: io::Error,
    },
}

/// What a look showed where all is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// How many entries were trusted before; nothing at the first look, which has nothing to
    /// compare with.
    pub before: Option<u64>,
    /// The checkpoint that is trusted now.
    pub now: Checkpoint,
}

/// A watch over one ledger.
#[derive(Debug)]
pub struct Watch {
    key: VerifierKey,
    file: PathBuf,
    trusted: Option<Signed>,
    tiles: Option<Tiles>,
}

impl Watch {
    /// A watch with the key that is trusted, and what it trusted before in a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(key: VerifierKey, file: &Path) -> Result<Self, WatchError> {
        let trusted = Signed::read(file).map_err(|cause| WatchError::File {
            path: file.to_owned(),
            cause,
        })?;
        Ok(Self {
            key,
            file: file.to_owned(),
            trusted,
            tiles: None,
        })
    }

    /// Keeps the hashes of the entries as well, in a folder: with them it can be told which entry was
    /// changed, where without them it is only known that one was.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn keeping(mut self, folder: &Path) -> Result<Self, WatchError> {
        let open = || {
            let tiles = Tiles::open(folder)?;
            // What is there and is not of what was trusted is fetched again.
            if let Some(trusted) = &self.trusted {
                let now = &trusted.checkpoint;
                let _ = tiles.believe(now.size, &now.root)?;
            }
            Ok(tiles)
        };
        let tiles = open().map_err(|cause| WatchError::File {
            path: folder.to_owned(),
            cause,
        })?;
        self.tiles = Some(tiles);
        Ok(self)
    }

    /// Looks at the ledger, and remembers what it saw where it goes on from what was trusted.
    ///
    /// # Errors
    /// When it does not, or nothing can be told.
    pub fn look(&mut self, source: &mut dyn Source) -> Result<Trusted, WatchError> {
        let note = Note::parse(&get(source, "checkpoint")?)?;
        let claimed = Checkpoint::parse(note.text())?;
        let alarm = |alarm, note: &Note| {
            Err(WatchError::Alarm {
                alarm,
                note: Box::new(note.clone()),
            })
        };
        if let Err(CheckpointError::Note(_)) = Checkpoint::open(&note, [&self.key]) {
            return alarm(Alarm::Signature { size: claimed.size }, &note);
        }
        let (now, _) = Checkpoint::open(&note, [&self.key])?;
        let before = self.trusted.as_ref().map(|signed| &signed.checkpoint);
        if let Some(before) = before {
            let (trusted, found) = (before.size, now.size);
            if before.origin != now.origin {
                return Err(CheckpointError::Origin {
                    expected: before.origin.clone(),
                    found: now.origin,
                }
                .into());
            }
            if found < trusted {
                return alarm(Alarm::RolledBack { trusted, found }, &note);
            }
            if !goes_on(source, before, &now)? {
                return alarm(Alarm::Forked { trusted, found }, &note);
            }
        }
        let before = before.map(|before| before.size);
        if let Some(tiles) = &self.tiles
            && !kept(tiles, source, &now)?
        {
            return Err(WatchError::Hashes { size: now.size });
        }
        let signed = Signed {
            checkpoint: now.clone(),
            note,
        };
        signed.write(&self.file).map_err(|cause| WatchError::File {
            path: self.file.clone(),
            cause,
        })?;
        self.trusted = Some(signed);
        Ok(Trusted { before, now })
    }
}

/// Takes in the hashes of the entries up to a checkpoint. Whether they are those of the checkpoint.
fn kept(tiles: &Tiles, source: &mut dyn Source, now: &Checkpoint) -> Result<bool, WatchError> {
    let before = tiles.size();
    let added = add(tiles, source, now.size);
    let same = added.and_then(|()| Ok(tiles.root(now.size)? == now.root));
    if !matches!(same, Ok(true)) {
        tiles.give_up_after(before);
    }
    same
}

fn add(tiles: &Tiles, source: &mut dyn Source, size: u64) -> Result<(), WatchError> {
    while tiles.size() < size {
        let held = tiles.size();
        let tile = Tile::in_tree(Holds::Hashes(0), held / TILE_WIDTH, size);
        let tile = tile.ok_or(TilesError::Tile(TileError::Missing))?;
        let path = tile.to_string();
        let bytes = get(source, &path)?;
        let hashes =
            tile::read_hashes(tile, &bytes).map_err(|cause| WatchError::Tile { path, cause })?;
        // The part of the tile that is held was compared when it came.
        let new = hashes.into_iter().skip((held % TILE_WIDTH) as usize);
        let new: Vec<_> = new.collect();
        tiles.extend(&new).map_err(TilesError::Io)?;
    }
    Ok(())
}

/// Whether the tiles show that one checkpoint goes on from another of no more entries.
fn goes_on(
    source: &mut dyn Source,
    old: &Checkpoint,
    new: &Checkpoint,
) -> Result<bool, WatchError> {
    // No proof is larger than the tree; the sizes were compared.
    let Ok(plan) = tree::consistency_plan(old.size, new.size) else {
        return Ok(false);
    };
    let mut tiles = Vec::new();
    for tile in tile::tiles_of(&plan, new.size) {
        let path = tile.to_string();
        let bytes = get(source, &path)?;
        match tile::read_hashes(tile, &bytes) {
            Ok(hashes) => tiles.push((tile, hashes)),
            Err(cause) => return Err(WatchError::Tile { path, cause }),
        }
    }
    let hash_of = |node: Node| -> Result<Hash, TileError> {
        let tile = Tile::of_node(node, new.size);
        let held = tiles.iter().find(|(held, _)| Some(*held) == tile);
        tile::hash_in(&held.ok_or(TileError::Missing)?.1, node)
    };
    let proof = plan.complete(hash_of).map_err(|cause| WatchError::Tile {
        path: "the tiles".to_owned(),
        cause,
    })?;
    let shown = tree::verify_consistency(old.size, &old.root, new.size, &new.root, &proof);
    Ok(shown.is_ok())
}

fn get(source: &mut dyn Source, path: &str) -> Result<Vec<u8>, WatchError> {
    source.get(path).map_err(|cause| WatchError::Source {
        path: path.to_owned(),
        cause,
    })
}
