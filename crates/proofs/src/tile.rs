//! Tiles of the tree and bundles of entries, as C2SP `tlog-tiles` has them.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use dutyledger_record::node_hash;

use crate::tree::{Hash, Node, Plan};

/// The hashes of a full tile, and the entries of a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// The levels of the tree that one level of tiles spans.
const TILE_HEIGHT: u32 = 8;
/// The highest level a tile may have: a tree of 2^64 leaves needs no more.
const LEVEL_MAX: u8 = 7;
/// The most bytes one entry may have in a bundle: its length is written in two.
const LENGTH_BYTES: usize = 2;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    /// Hashes of this level: 0 for leaves, each further one 256 times as wide.
    Hashes(u8),
    /// Entries.
    Entries,
}

/// Names a tile: what it holds, its place in the level, and how much of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub holds: Holds,
    /// Its index in the level, from 0.
    pub index: u64,
    /// How many hashes or entries it has: 1 to 256.
    pub width: u16,
}

/// Why something is no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// No tile has this path.
    #[error("no tile has this path")]
    Path,
    /// The bytes are not those of a tile of this width.
    #[error("the bytes are not those of a tile of this width")]
    Bytes,
    /// An entry is longer than a bundle can hold.
    #[error("an entry of {0} bytes does not fit into a bundle")]
    EntryTooLong(usize),
    /// A hash is in no tile at hand.
    #[error("the tile that has the hash is missing")]
    Missing,
}

impl Tile {
    /// How wide the tile is in a tree of this size; nothing where the tree has nothing of it.
    #[must_use]
    pub fn in_tree(holds: Holds, index: u64, size: u64) -> Option<Self> {
        let there = match holds {
            Holds::Hashes(level) if level > LEVEL_MAX => return None,
            Holds::Hashes(level) => size >> (TILE_HEIGHT * u32::from(level)),
            Holds::Entries => size,
        };
        let start = index.checked_mul(TILE_WIDTH)?;
        let width = there.checked_sub(start)?.min(TILE_WIDTH);
        let width = u16::try_from(width).ok().filter(|width| *width > 0)?;
        Some(Self {
            holds,
            index,
            width,
        })
    }

    /// The tile that has the hash of a node, or those it is made of, in a tree of this size.
    #[must_use]
    pub fn of_node(node: Node, size: u64) -> Option<Self> {
        let level = u8::try_from(node.level / TILE_HEIGHT).ok()?;
        let first = node.index.checked_mul(1 << (node.level % TILE_HEIGHT))?;
        Self::in_tree(Holds::Hashes(level), first / TILE_WIDTH, size)
    }

    /// Whether it has all 256.
    #[must_use]
    pub fn is_full(self) -> bool {
        u64::from(self.width) == TILE_WIDTH
    }

    /// The index of its first leaf or entry and that after its last, where it is of the lowest
    /// level.
    #[must_use]
    pub fn leaves(self) -> Option<(u64, u64)> {
        match self.holds {
            Holds::Hashes(0) | Holds::Entries => {
                let start = self.index.checked_mul(TILE_WIDTH)?;
                Some((start, start.checked_add(self.width.into())?))
            }
            Holds::Hashes(_) => None,
        }
    }
}

/// Every tile of hashes that holds what a proof is made of, each once.
#[must_use]
pub fn tiles_of(plan: &Plan, size: u64) -> Vec<Tile> {
    let mut tiles: Vec<_> = plan
        .nodes()
        .filter_map(|node| Tile::of_node(node, size))
        .collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// The hash of a node, out of the tile that [`Tile::of_node`] names.
///
/// # Errors
/// When the tile does not reach that far.
pub fn hash_in(hashes: &[Hash], node: Node) -> Result<Hash, TileError> {
    let wide = 1usize << (node.level % TILE_HEIGHT);
    let first = node.index.wrapping_mul(wide as u64) % TILE_WIDTH;
    let first = usize::try_from(first).map_err(|_| TileError::Missing)?;
    let part = hashes.get(first..first + wide);
    Ok(perfect_root(part.ok_or(TileError::Missing)?.to_vec()))
}

/// The root of a perfect subtree over these hashes, a power of two of them: of a full tile, its hash
/// in the level above.
#[must_use]
fn perfect_root(mut hashes: Vec<Hash>) -> Hash {
    while hashes.len() > 1 {
        let (pairs, _) = hashes.as_chunks::<2>();
        hashes = pairs
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    hashes.first().copied().unwrap_or_default()
}

/// The hash of a full tile in the level above.
#[must_use]
pub fn hash_of_full(hashes: &[Hash; 256]) -> Hash {
    perfect_root(hashes.to_vec())
}

/// The bytes of a tile of hashes: one after another.
#[must_use]
pub fn write_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// Reads a tile of hashes.
///
/// # Errors
/// When the bytes are not as many as the tile has.
pub fn read_hashes(tile: Tile, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    match bytes.as_chunks::<32>() {
        (hashes, []) if hashes.len() == usize::from(tile.width) => Ok(hashes.to_vec()),
        _ => Err(TileError::Bytes),
    }
}

/// The bytes of a bundle of entries: each behind its length, two bytes with the larger first.
///
/// # Errors
/// When an entry is longer than two bytes can say. Leaf data never is.
pub fn write_entries<'e>(
    entries: impl IntoIterator<Item = &'e [u8]>,
) -> Result<Vec<u8>, TileError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len());
        let length = length.map_err(|_| TileError::EntryTooLong(entry.len()))?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// Reads a bundle of entries.
///
/// # Errors
/// When the bytes are not those of as many entries as the tile has.
pub fn read_entries(tile: Tile, mut bytes: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::with_capacity(tile.width.into());
    while let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(TileError::Bytes)?;
        if entries.len() == usize::from(tile.width) {
            return Err(TileError::Bytes);
        }
        entries.push(entry);
        bytes = rest;
    }
    if bytes.is_empty() && entries.len() == usize::from(tile.width) {
        Ok(entries)
    } else {
        Err(TileError::Bytes)
    }
}

impl Display for Tile {
    /// The path, below whatever a ledger puts before it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.holds {
            Holds::Hashes(level) => write!(f, "tile/{level}/")?,
            Holds::Entries => write!(f, "tile/entries/")?,
        }
        let digits = self.index.to_string();
        let digits = format!("{:0>width$}", digits, width = digits.len().div_ceil(3) * 3);
        for (place, three) in digits.as_bytes().chunks(3).enumerate() {
            let last = (place + 1) * 3 == digits.len();
            let three = str::from_utf8(three).unwrap_or_default();
            f.write_str(if last { "" } else { "x" })?;
            f.write_str(three)?;
            f.write_str(if last { "" } else { "/" })?;
        }
        if self.is_full() {
            Ok(())
        } else {
            write!(f, ".p/{}", self.width)
        }
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        // The longest there is: seven parts of an index, and the rest.
        if path.len() > 64 {
            return Err(TileError::Path);
        }
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (holds, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let holds = match holds {
            "entries" => Holds::Entries,
            level => Holds::Hashes(
                crate::lines::decimal_from(level)
                    .and_then(|level| u8::try_from(level).ok())
                    .filter(|level| *level <= LEVEL_MAX)
                    .ok_or(TileError::Path)?,
            ),
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => {
                let width = crate::lines::decimal_from(width)
                    .filter(|width| (1..TILE_WIDTH).contains(width));
                (index, width.ok_or(TileError::Path)?)
            }
        };
        let mut digits = String::new();
        for part in index.split('/') {
            digits.push_str(part.strip_prefix('x').unwrap_or(part));
        }
        let width = u16::try_from(width).map_err(|_| TileError::Path)?;
        let tile = Self {
            holds,
            index: digits.parse().map_err(|_| TileError::Path)?,
            width,
        };
        // There is one way to write each.
        if tile.to_string() == path {
            Ok(tile)
        } else {
            Err(TileError::Path)
        }
    }
}

#[cfg(test)]
mod tests;
