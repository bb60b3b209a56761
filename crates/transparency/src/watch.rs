//! The watch somebody else keeps over a ledger, on a machine that whoever runs the ledger cannot
//! reach: it remembers the last checkpoint it trusted, and says so if the ledger does not go on from
//! it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dutyledger_ledger::{beside, replace_file};
use dutyledger_proofs::tile::{self, Holds, TILE_WIDTH, Tile, TileError};
use dutyledger_proofs::tree::{self, Node, Plan};
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
    /// The key that is trusted signed a checkpoint of another ledger.
    #[error(
        "the key that is trusted signed a checkpoint of another ledger, {found}, which it never \
         does by itself"
    )]
    Origin {
        /// The ledger it names.
        found: String,
    },
    /// The hashes that are handed out are not those of the checkpoint that is.
    #[error(
        "the ledger contradicts itself: it hands out hashes that are not those of its own signed \
         checkpoint of {size} entries. Nothing of it is trusted. Ask those who run it, and not over \
         this line"
    )]
    Contradicted {
        /// The checkpoint's size.
        size: u64,
    },
    /// Nothing shows, time after time, that the ledger goes on from what was trusted.
    #[error(
        "nothing shows that the ledger, at {found} entries, goes on from what it had at {trusted}: \
         what would is withheld, or is broken, for {UNPROVEN_MAX} looks in a row. It may have been \
         forked"
    )]
    Unproven {
        /// What was trusted.
        trusted: u64,
        /// What was found.
        found: u64,
    },
}

impl Alarm {
    /// The kind of what nothing shows to go on, as [`Self::kind`] has it.
    pub const UNPROVEN: &'static str = "unproven";

    /// What kind it is, in a word that a file may be named by.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Signature { .. } => "unsigned",
            Self::RolledBack { .. } => "rolled-back",
            Self::Forked { .. } => "forked",
            Self::Origin { .. } => "other-ledger",
            Self::Contradicted { .. } => "contradicted",
            Self::Unproven { .. } => Self::UNPROVEN,
        }
    }
}

/// How many looks in a row may show a signed checkpoint and nothing that proves it.
const UNPROVEN_MAX: u32 = 3;

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
    /// The checkpoint was signed, and nothing shows that it goes on from what was trusted.
    #[error("nothing shows that the checkpoint goes on from what was trusted: {cause}")]
    Unproven {
        /// Why nothing does.
        cause: Box<WatchError>,
        /// The checkpoint, to be kept as evidence.
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
    /// The file of what is trusted.
    #[error("{path}: {cause}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: io::Error,
    },
}

impl WatchError {
    /// Whether it is this machine that something is wrong with, and not what came.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self, Self::Kept(_) | Self::File { .. })
    }
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
    unproven: InARow,
}

/// How many looks in a row were of a kind, in a file: each look may be a process of its own.
#[derive(Debug)]
pub struct InARow(PathBuf);

impl InARow {
    /// The count in the file beside what is trusted whose name ends so.
    #[must_use]
    pub fn beside(state: &Path, ending: &str) -> Self {
        Self(beside(state, ending))
    }

    fn failed(&self, cause: io::Error) -> WatchError {
        let path = self.0.clone();
        WatchError::File { path, cause }
    }

    /// Counts another one, and tells how many there are. A file that holds no number counts none.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn one_more(&self) -> Result<u32, WatchError> {
        let counted = match fs::read_to_string(&self.0) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(self.failed(error)),
        };
        let counted = u32::saturating_add(counted, 1);
        let written = replace_file(&self.0, format!("{counted}\n").as_bytes());
        written.map_err(|error| self.failed(error))?;
        Ok(counted)
    }

    /// Counts from none again.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn none(&self) -> Result<(), WatchError> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
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
            unproven: InARow::beside(file, ".unproven"),
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
        let now = match Checkpoint::open(&note, [&self.key]) {
            Ok((now, _)) => now,
            Err(CheckpointError::Note(_)) => {
                return alarm(Alarm::Signature { size: claimed.size }, &note);
            }
            Err(CheckpointError::Origin { found, .. }) => {
                return alarm(Alarm::Origin { found }, &note);
            }
            Err(error) => return Err(error.into()),
        };
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
            match goes_on(source, before, &now) {
                Ok(Growth::Shown) => self.unproven.none()?,
                Ok(Growth::Forked) => return alarm(Alarm::Forked { trusted, found }, &note),
                Ok(Growth::Contradicted) => {
                    return alarm(Alarm::Contradicted { size: found }, &note);
                }
                // Whoever forks a ledger can withhold what would show it.
                Err(_) if self.unproven.one_more()? >= UNPROVEN_MAX => {
                    return alarm(Alarm::Unproven { trusted, found }, &note);
                }
                Err(cause) => {
                    return Err(WatchError::Unproven {
                        cause: Box::new(cause),
                        note: Box::new(note),
                    });
                }
            }
        }
        let before = before.map(|before| before.size);
        if let Some(tiles) = &self.tiles
            && !kept(tiles, source, &now)?
        {
            return alarm(Alarm::Contradicted { size: now.size }, &note);
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

/// What the tiles show of two checkpoints.
enum Growth {
    /// The larger goes on from the smaller.
    Shown,
    /// They are those of the larger, and it does not go on from the smaller.
    Forked,
    /// They are not those of the larger, whatever the smaller is.
    Contradicted,
}

/// Whether the tiles show that one checkpoint goes on from another of no more entries.
fn goes_on(
    source: &mut dyn Source,
    old: &Checkpoint,
    new: &Checkpoint,
) -> Result<Growth, WatchError> {
    // Two roots of as many entries need no tiles: one key signed both.
    if old.size == new.size {
        return Ok(match old.root == new.root {
            true => Growth::Shown,
            false => Growth::Forked,
        });
    }
    // No proof is larger than the tree; the sizes were compared.
    let Ok(plan) = tree::consistency_plan(old.size, new.size) else {
        return Ok(Growth::Forked);
    };
    let proof = served(source, &plan, new.size)?;
    let leads = |old_root: &Hash| {
        tree::verify_consistency(old.size, old_root, new.size, &new.root, &proof).is_ok()
    };
    if leads(&old.root) {
        return Ok(Growth::Shown);
    }
    // The root of the smaller tree as it is served, whatever it was when it was trusted.
    let roots = served(source, &tree::root_plan(old.size), new.size)?;
    Ok(match roots.first().is_some_and(leads) {
        true => Growth::Forked,
        false => Growth::Contradicted,
    })
}

/// The hashes of a plan, by the tiles of a tree of this size.
fn served(source: &mut dyn Source, plan: &Plan, size: u64) -> Result<Vec<Hash>, WatchError> {
    let mut tiles = Vec::new();
    for tile in tile::tiles_of(plan, size) {
        let path = tile.to_string();
        let bytes = get(source, &path)?;
        match tile::read_hashes(tile, &bytes) {
            Ok(hashes) => tiles.push((tile, hashes)),
            Err(cause) => return Err(WatchError::Tile { path, cause }),
        }
    }
    let hash_of = |node: Node| -> Result<Hash, TileError> {
        let tile = Tile::of_node(node, size);
        let held = tiles.iter().find(|(held, _)| Some(*held) == tile);
        tile::hash_in(&held.ok_or(TileError::Missing)?.1, node)
    };
    plan.complete(hash_of).map_err(|cause| WatchError::Tile {
        path: "the tiles".to_owned(),
        cause,
    })
}

fn get(source: &mut dyn Source, path: &str) -> Result<Vec<u8>, WatchError> {
    source.get(path).map_err(|cause| WatchError::Source {
        path: path.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use dutyledger_proofs::SigningKey;
    use dutyledger_record::leaf_hash_of_bytes;
    use tempfile::TempDir;

    use super::*;

    const LEDGER: &str = "a-ledger";

    fn key() -> SigningKey {
        SigningKey::from_seed(LEDGER, &[7; 32]).unwrap()
    }

    /// A log that may withhold its tiles.
    struct Served {
        note: String,
        tiles: Tiles,
        withheld: bool,
        _folder: TempDir,
    }

    impl Served {
        /// Of so many entries, each of which holds its number and a word.
        fn of(count: usize, word: &str, origin: &str) -> Self {
            let folder = TempDir::new().unwrap();
            let tiles = Tiles::open(folder.path()).unwrap();
            let leaf = |n: usize| leaf_hash_of_bytes(format!("{n} {word}").as_bytes());
            tiles
                .extend(&(0..count).map(leaf).collect::<Vec<_>>())
                .unwrap();
            let size = count as u64;
            let root = tiles.root(size).unwrap();
            let origin = origin.to_owned();
            let checkpoint = Checkpoint { origin, size, root };
            Self {
                note: Note::sign(checkpoint.to_string(), &key())
                    .unwrap()
                    .to_string(),
                tiles,
                withheld: false,
                _folder: folder,
            }
        }

        fn withholding(self) -> Self {
            Self {
                withheld: true,
                ..self
            }
        }
    }

    impl Source for Served {
        fn get(&mut self, path: &str) -> Result<Vec<u8>, String> {
            if path == "checkpoint" {
                return Ok(self.note.clone().into_bytes());
            }
            let tile: Tile = path.parse().unwrap();
            let hashes = self.tiles.tile(tile).unwrap();
            match hashes.filter(|_| !self.withheld) {
                Some(hashes) => Ok(tile::write_hashes(&hashes)),
                None => Err("404".to_owned()),
            }
        }
    }

    /// A look by a process of its own.
    fn look(state: &Path, log: &mut Served) -> Result<Trusted, WatchError> {
        let watch = Watch::open(key().verifier().clone(), state);
        watch.unwrap().look(log)
    }

    fn raised(looked: Result<Trusted, WatchError>) -> Alarm {
        match looked {
            Err(WatchError::Alarm { alarm, .. }) => alarm,
            other => panic!("no alarm: {other:?}"),
        }
    }

    #[test]
    fn who_withholds_what_would_show_a_fork_is_found_out_at_the_third_look() {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("trusted");
        look(&state, &mut Served::of(10, "true", LEDGER)).unwrap();
        let mut fork = Served::of(20, "other", LEDGER).withholding();
        for _ in 0..2 {
            let looked = look(&state, &mut fork);
            let Err(WatchError::Unproven { note, .. }) = looked else {
                panic!("{looked:?}");
            };
            assert_eq!(note.to_string(), fork.note, "the evidence");
        }
        let unproven = Alarm::Unproven {
            trusted: 10,
            found: 20,
        };
        assert_eq!(raised(look(&state, &mut fork)), unproven);

        // What passes by itself is forgotten once it has passed.
        look(&state, &mut Served::of(15, "true", LEDGER)).unwrap();
        for _ in 0..2 {
            let looked = look(&state, &mut fork);
            assert!(matches!(looked, Err(WatchError::Unproven { .. })));
        }
        fork.withheld = false;
        let forked = Alarm::Forked {
            trusted: 15,
            found: 20,
        };
        assert_eq!(raised(look(&state, &mut fork)), forked);
    }

    /// A log whose checkpoint is that of one history and whose tiles are those of another.
    fn contradicting(size: usize) -> Served {
        Served {
            note: Served::of(size, "true", LEDGER).note,
            ..Served::of(size, "other", LEDGER)
        }
    }

    #[test]
    fn hashes_that_contradict_the_signed_checkpoint_beside_them_are_an_alarm_and_no_fork() {
        // A smaller tree that stands whole in the larger one is not in the proof, and others are.
        for trusted in [7, 8, 10] {
            let folder = TempDir::new().unwrap();
            let state = folder.path().join("trusted");
            look(&state, &mut Served::of(trusted, "true", LEDGER)).unwrap();
            let before = fs::read(&state).unwrap();
            let alarm = raised(look(&state, &mut contradicting(20)));
            assert_eq!(alarm, Alarm::Contradicted { size: 20 });
            assert!(alarm.to_string().contains("contradicts itself"));
            assert_eq!(
                fs::read(&state).unwrap(),
                before,
                "nothing of it is trusted"
            );
            // The hashes of another history that are those of its checkpoint show a fork.
            let forked = look(&state, &mut Served::of(20, "other", LEDGER));
            let (trusted, found) = (trusted as u64, 20);
            assert_eq!(raised(forked), Alarm::Forked { trusted, found });
        }
    }

    #[test]
    fn hashes_that_are_kept_and_contradict_the_checkpoint_are_an_alarm_at_the_first_look() {
        let folder = TempDir::new().unwrap();
        let (state, tiles) = (folder.path().join("trusted"), folder.path().join("tiles"));
        let keeping = || {
            let watch = Watch::open(key().verifier().clone(), &state).unwrap();
            watch.keeping(&tiles).unwrap()
        };
        let looked = keeping().look(&mut contradicting(300));
        assert_eq!(raised(looked), Alarm::Contradicted { size: 300 });
        assert!(!state.exists());
        // What came is given up: the true ones are taken later.
        let looked = keeping().look(&mut Served::of(300, "true", LEDGER));
        assert_eq!(looked.unwrap().now.size, 300);
    }

    #[test]
    fn the_trusted_key_under_another_ledgers_name_is_an_alarm() {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("trusted");
        let mut other = Served::of(10, "true", "another-ledger");
        let found = "another-ledger".to_owned();
        assert_eq!(raised(look(&state, &mut other)), Alarm::Origin { found });
        assert!(!state.exists());
    }
}
