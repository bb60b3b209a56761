//! The hashes of the ledger's Merkle tree, in a folder.
//!
//! There is a file for each level of tiles: the hashes of that level one after another, so that a
//! tile, whole or part, is a stretch of one file. They are made of the ledger's entries and can be
//! made again at any time; what of them to believe after a crash is for whoever opens them to say.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dutyledger_proofs::tile::{self, Holds, TILE_WIDTH, Tile, TileError};
use dutyledger_proofs::tree::{self, Node, Plan};
use dutyledger_proofs::{Hash, ProofError};
use dutyledger_record::Frontier;

/// The levels of tiles: a tree of 2^64 leaves has no more.
const LEVELS: usize = 8;
/// The bytes of a hash.
const HASH_BYTES: u64 = 32;
/// How many hashes are read back at once.
const PAGE: u64 = 64 * TILE_WIDTH;

/// Why there is no tile or proof.
#[derive(Debug, thiserror::Error)]
pub enum TilesError {
    /// The files could not be read or written.
    #[error("the tiles could not be read or written: {0}")]
    Io(#[from] io::Error),
    /// There is no such proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A tile is not what it should be.
    #[error(transparent)]
    Tile(#[from] TileError),
}

/// The hashes of a tree that only grows.
#[derive(Debug)]
pub struct Tiles {
    levels: [File; LEVELS],
    size: AtomicU64,
    extending: Mutex<()>,
}

impl Tiles {
    /// Opens the tiles in a folder, which is made where it is missing. Nothing in it counts yet:
    /// see [`Self::believe`].
    ///
    /// # Errors
    /// When the files cannot be opened or made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut options = OpenOptions::new();
        Self::over(
            folder,
            options.read(true).write(true).create(true).truncate(false),
        )
    }

    fn over(folder: &Path, options: &OpenOptions) -> io::Result<Self> {
        let mut levels = Vec::with_capacity(LEVELS);
        for level in 0..LEVELS {
            levels.push(options.open(folder.join(format!("level-{level}")))?);
        }
        Ok(Self {
            levels: levels
                .try_into()
                .map_err(|_| io::Error::other("another number of levels"))?,
            size: AtomicU64::new(0),
            extending: Mutex::new(()),
        })
    }

    /// Opens the tiles in a folder for reading alone, at a size at which they have this root; nothing
    /// where they do not. They may grow meanwhile.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn at(folder: &Path, size: u64, root: &Hash) -> io::Result<Option<Self>> {
        let tiles = Self::over(folder, OpenOptions::new().read(true))?;
        tiles.size.store(size, Ordering::Release);
        // Wherever that root is folded from is right.
        let found = tiles.root(size).ok().filter(|found| found == root);
        Ok(found.map(|_| tiles))
    }

    /// Opens the tiles in a folder for reading alone, as many as there are. Nothing in it was looked
    /// at.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn held(folder: &Path) -> io::Result<Self> {
        let tiles = Self::over(folder, OpenOptions::new().read(true))?;
        let leaves = tiles.levels[0].metadata()?.len() / HASH_BYTES;
        tiles.size.store(leaves, Ordering::Release);
        Ok(tiles)
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// Takes over what a folder held before, up to a size, where the tree of it has this root; the
    /// upper levels are made anew. Whether it has. What was taken over earlier counts no more.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn believe(&self, size: u64, root: &Hash) -> io::Result<bool> {
        // Else what is there would be added behind itself, where this is tried again.
        self.give_up_after(0);
        let held = self.levels[0].metadata()?.len() / HASH_BYTES;
        if held < size {
            return Ok(false);
        }
        let mut tree = Frontier::empty();
        for from in pages(size) {
            let leaves = self.read(0, from, PAGE.min(size - from))?;
            leaves.iter().for_each(|leaf| tree.push(*leaf));
        }
        if tree.root() != *root {
            return Ok(false);
        }
        for from in pages(size) {
            let leaves = self.read(0, from, PAGE.min(size - from))?;
            self.extend(&leaves)?;
        }
        Ok(true)
    }

    /// Adds leaves at the end.
    ///
    /// # Errors
    /// When the files cannot be written; the tree is what it was then.
    pub fn extend(&self, leaves: &[Hash]) -> io::Result<()> {
        let _extending = self
            .extending
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let size = self.size();
        let (mut from, mut hashes) = (size, leaves.to_vec());
        for level in 0..LEVELS {
            self.levels[level].write_all_at(&tile::write_hashes(&hashes), from * HASH_BYTES)?;
            let until = from + hashes.len() as u64;
            let full = from / TILE_WIDTH..until / TILE_WIDTH;
            if full.is_empty() {
                break;
            }
            from = full.start;
            hashes.clear();
            for index in full {
                let part = self.read(level, index * TILE_WIDTH, TILE_WIDTH)?;
                let whole = <&[Hash; 256]>::try_from(&part[..]);
                hashes.push(tile::hash_of_full(whole.map_err(io::Error::other)?));
            }
        }
        self.size
            .store(size + leaves.len() as u64, Ordering::Release);
        Ok(())
    }

    /// The hashes of a tile; nothing where the tree does not reach that far.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn tile(&self, tile: Tile) -> io::Result<Option<Vec<Hash>>> {
        let Holds::Hashes(level) = tile.holds else {
            return Ok(None);
        };
        let there = Tile::in_tree(tile.holds, tile.index, self.size());
        match there {
            Some(there) if there.width >= tile.width => {
                let from = tile.index * TILE_WIDTH;
                self.read(level.into(), from, tile.width.into()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// So many leaves from an index on; nothing where the tree does not reach that far.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn leaves(&self, from: u64, count: u64) -> io::Result<Option<Vec<Hash>>> {
        match from.checked_add(count) {
            Some(until) if until <= self.size() => self.read(0, from, count).map(Some),
            _ => Ok(None),
        }
    }

    /// Gives up the leaves from a size on: what is added next takes their place.
    pub(crate) fn give_up_after(&self, size: u64) {
        self.size.fetch_min(size, Ordering::AcqRel);
    }

    /// The root of the tree as it was at a size.
    ///
    /// # Errors
    /// When the tree does not reach that far, or the files cannot be read.
    pub fn root(&self, size: u64) -> Result<Hash, TilesError> {
        self.covers(size)?;
        let hashes = self.complete(&tree::root_plan(size))?;
        Ok(hashes.first().copied().unwrap_or_else(tree::empty_root))
    }

    /// What shows that a tree of a size has the leaf at an index.
    ///
    /// # Errors
    /// When there is no such proof, or the files cannot be read.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, TilesError> {
        self.covers(size)?;
        self.complete(&tree::inclusion_plan(index, size)?)
    }

    /// What shows that a tree of a size goes on from one of an older size.
    ///
    /// # Errors
    /// When there is no such proof, or the files cannot be read.
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<Hash>, TilesError> {
        self.covers(size)?;
        self.complete(&tree::consistency_plan(old, size)?)
    }

    fn covers(&self, size: u64) -> Result<(), ProofError> {
        let has = self.size();
        if size > has {
            return Err(ProofError::Range {
                part: size,
                size: has,
            });
        }
        Ok(())
    }

    fn complete(&self, plan: &Plan) -> Result<Vec<Hash>, TilesError> {
        plan.complete(|node| self.node(node))
    }

    fn node(&self, node: Node) -> Result<Hash, TilesError> {
        let tile = Tile::of_node(node, self.size()).ok_or(TileError::Missing)?;
        let hashes = self.tile(tile)?.ok_or(TileError::Missing)?;
        Ok(tile::hash_in(&hashes, node)?)
    }

    fn read(&self, level: usize, from: u64, count: u64) -> io::Result<Vec<Hash>> {
        let file = self.levels.get(level).ok_or(io::ErrorKind::NotFound)?;
        let length = usize::try_from(count * HASH_BYTES).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, from * HASH_BYTES)?;
        Ok(bytes.as_chunks::<32>().0.to_vec())
    }
}

/// Where each page of so many hashes begins.
fn pages(size: u64) -> impl Iterator<Item = u64> {
    (0..size.div_ceil(PAGE)).map(|page| page * PAGE)
}

#[cfg(test)]
mod tests {
    use dutyledger_proofs::tree::{verify_consistency, verify_inclusion};
    use dutyledger_record::leaf_hash_of_bytes;

    use super::*;

    /// Enough for a part of a tile of the third level.
    const LEAVES: usize = 66_000;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count)
            .map(|n| leaf_hash_of_bytes(&n.to_be_bytes()))
            .collect()
    }

    fn roots(leaves: &[Hash]) -> Vec<Hash> {
        let mut tree = Frontier::empty();
        let mut roots = vec![tree.root()];
        for leaf in leaves {
            tree.push(*leaf);
            roots.push(tree.root());
        }
        roots
    }

    #[test]
    fn whatever_the_steps_it_grows_in_the_roots_and_proofs_are_those_of_the_tree() {
        let folder = tempfile::TempDir::new().unwrap();
        let tiles = Tiles::open(folder.path()).unwrap();
        let all = leaves(LEAVES);
        let roots = roots(&all);
        let mut rest = &all[..];
        for step in [1, 254, 1, 1, 300, 64_000, 513, usize::MAX] {
            let (now, later) = rest.split_at(step.min(rest.len()));
            tiles.extend(now).unwrap();
            rest = later;
            let size = all.len() - rest.len();
            assert_eq!(tiles.size(), size as u64);
            assert_eq!(tiles.root(size as u64).unwrap(), roots[size], "{size}");
        }
        let sizes = [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, LEAVES];
        for size in sizes {
            let (root, whole) = (&roots[size], size as u64);
            assert_eq!(tiles.root(whole).unwrap(), *root, "{size}");
            for index in [0, size / 3, size - 1] {
                let proof = tiles.inclusion(index as u64, whole).unwrap();
                verify_inclusion(index as u64, whole, &all[index], &proof, root).unwrap();
            }
            for old in [1, size / 2, size] {
                let proof = tiles.consistency(old as u64, whole).unwrap();
                verify_consistency(old as u64, &roots[old], whole, root, &proof).unwrap();
            }
        }
        let beyond = LEAVES as u64 + 1;
        assert!(tiles.root(beyond).is_err());
        assert!(tiles.inclusion(0, beyond).is_err());
    }

    #[test]
    fn what_was_there_is_taken_over_only_where_it_has_the_root() {
        let folder = tempfile::TempDir::new().unwrap();
        let all = leaves(1_000);
        let roots = roots(&all);
        Tiles::open(folder.path()).unwrap().extend(&all).unwrap();

        let again = Tiles::open(folder.path()).unwrap();
        assert_eq!(again.size(), 0);
        assert!(!again.believe(1_001, &roots[1_000]).unwrap(), "too few");
        assert!(!again.believe(999, &roots[1_000]).unwrap(), "another root");
        assert!(again.believe(700, &roots[700]).unwrap());
        assert_eq!(again.size(), 700);
        assert!(again.believe(700, &roots[700]).unwrap(), "tried again");
        assert_eq!(again.size(), 700);
        again.extend(&all[700..]).unwrap();
        assert_eq!(again.root(1_000).unwrap(), roots[1_000]);

        // A hash of an upper level that was damaged is made anew.
        let damaged = folder.path().join("level-1");
        fs::write(&damaged, vec![0; 64]).unwrap();
        let again = Tiles::open(folder.path()).unwrap();
        assert!(again.believe(1_000, &roots[1_000]).unwrap());
        assert_eq!(again.root(1_000).unwrap(), roots[1_000]);
        // One of the lowest level is found.
        fs::write(folder.path().join("level-0"), vec![0; 32_000]).unwrap();
        let again = Tiles::open(folder.path()).unwrap();
        assert!(!again.believe(1_000, &roots[1_000]).unwrap());
    }
}
