//! The Merkle tree of RFC 6962 section 2.1 over leaf hashes, in a form that only grows.

use sha2::{Digest, Sha256};

/// The bytes of one hash.
const HASH_BYTES: usize = 32;

/// The compact form of a tree of `n` leaves: the roots of the perfect subtrees that the binary
/// digits of `n` name, largest first. It is all that is needed to add leaves and to say the root,
/// and has 32 bytes for each 1 among those digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<[u8; HASH_BYTES]>,
}

/// Why bytes are no frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The bytes are not as many as a tree of that size has.
    #[error("the frontier of a tree of {size} leaves has {expected} bytes, not {found}")]
    Length {
        /// The size of the tree.
        size: u64,
        /// How many bytes its frontier has.
        expected: usize,
        /// How many there were.
        found: usize,
    },
}

impl Frontier {
    /// The frontier of the tree without leaves.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            size: 0,
            roots: Vec::new(),
        }
    }

    /// Adds a leaf at the end, by its leaf hash. Over many leaves this costs one node each.
    pub fn push(&mut self, leaf_hash: [u8; HASH_BYTES]) {
        // As in adding 1 to a binary number: each 1 at the end is a perfect subtree as large as
        // the one carried, and the two become one of twice the size.
        let mut carried = leaf_hash;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                carried = node_hash(&left, &carried);
            }
        }
        self.roots.push(carried);
        self.size += 1;
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The Merkle tree hash of all leaves; of none, the SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> [u8; HASH_BYTES] {
        // The largest power of two below `n` splits a tree, so its left side is the largest
        // perfect subtree and its right side the tree of all the smaller ones.
        let smallest_first = self.roots.iter().rev().copied();
        smallest_first
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(|| Sha256::digest([]).into())
    }

    /// The roots of the perfect subtrees one after another, largest first. The size of the tree is
    /// not among the bytes: it is kept beside them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.concat()
    }

    /// Reads what [`Self::to_bytes`] wrote of a tree of this size.
    ///
    /// # Errors
    /// When the bytes are too few or too many for the size. Whether they are the right ones only a
    /// comparison of [`Self::root`] tells.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, FrontierError> {
        let (roots, rest) = bytes.as_chunks::<HASH_BYTES>();
        if roots.len() as u64 != u64::from(size.count_ones()) || !rest.is_empty() {
            return Err(FrontierError::Length {
                size,
                expected: HASH_BYTES * size.count_ones() as usize,
                found: bytes.len(),
            });
        }
        Ok(Self {
            size,
            roots: roots.to_vec(),
        })
    }
}

/// The RFC 6962 node hash: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &[u8; HASH_BYTES], right: &[u8; HASH_BYTES]) -> [u8; HASH_BYTES] {
    Sha256::new()
        .chain_update([1u8])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canonical::{hex, leaf_hash_of_bytes};

    /// The leaves of the reference tree of Certificate Transparency.
    const REFERENCE_LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    /// Its roots over the first 0, 1, … 8 of them. Source: the functions `LeafInputs` and
    /// `RootHashes` of `testonly/constants.go` in github.com/transparency-dev/merkle, after the
    /// tests of github.com/google/certificate-transparency.
    const REFERENCE_ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// MTH as RFC 6962 section 2.1 writes it, over leaf hashes.
    fn mth(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                // k is the largest power of two smaller than n.
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                let mut node = vec![1u8];
                node.extend(mth(&leaves[..k]));
                node.extend(mth(&leaves[k..]));
                Sha256::digest(&node).into()
            }
        }
    }

    fn leaves(count: u32) -> Vec<[u8; 32]> {
        (0..count)
            .map(|n| leaf_hash_of_bytes(&n.to_be_bytes()))
            .collect()
    }

    #[test]
    fn the_reference_tree_of_certificate_transparency_has_its_published_roots() {
        let mut tree = Frontier::empty();
        assert_eq!(hex(&tree.root()), REFERENCE_ROOTS[0]);
        for (leaf, root) in REFERENCE_LEAVES.iter().zip(&REFERENCE_ROOTS[1..]) {
            tree.push(leaf_hash_of_bytes(leaf));
            assert_eq!(hex(&tree.root()), *root, "{} leaves", tree.size());
        }
    }

    #[test]
    fn every_size_has_the_root_of_the_definition_and_the_roots_its_digits_name() {
        let all = leaves(300);
        let mut tree = Frontier::empty();
        for size in 0..=all.len() {
            assert_eq!(tree.size(), size as u64);
            assert_eq!(tree.root(), mth(&all[..size]), "{size} leaves");
            assert_eq!(
                tree.to_bytes().len(),
                32 * size.count_ones() as usize,
                "{size} leaves"
            );
            if let Some(next) = all.get(size) {
                tree.push(*next);
            }
        }
    }

    #[test]
    fn the_bytes_are_the_perfect_subtrees_largest_first() {
        let all = leaves(7);
        let mut tree = Frontier::empty();
        all.iter().for_each(|leaf| tree.push(*leaf));
        let expected = [mth(&all[..4]), mth(&all[4..6]), mth(&all[6..])].concat();
        assert_eq!(tree.to_bytes(), expected);
    }

    #[test]
    fn bytes_of_the_wrong_length_are_refused() {
        for (size, length) in [(0, 32), (1, 0), (1, 31), (1, 33), (1, 64), (7, 64), (8, 96)] {
            assert_eq!(
                Frontier::from_bytes(size, &vec![0; length]),
                Err(FrontierError::Length {
                    size,
                    expected: 32 * size.count_ones() as usize,
                    found: length,
                }),
                "{size} leaves, {length} bytes"
            );
        }
    }

    proptest! {
        #[test]
        fn a_frontier_read_back_goes_on_as_if_it_had_never_been_written(
            all in prop::collection::vec(any::<[u8; 32]>(), 0..=300),
            cut in any::<prop::sample::Index>(),
        ) {
            let cut = cut.index(all.len() + 1);
            let mut tree = Frontier::empty();
            all[..cut].iter().for_each(|leaf| tree.push(*leaf));
            prop_assert_eq!(tree.root(), mth(&all[..cut]));

            let mut read = Frontier::from_bytes(tree.size(), &tree.to_bytes()).unwrap();
            prop_assert_eq!(&read, &tree);
            all[cut..].iter().for_each(|leaf| read.push(*leaf));
            prop_assert_eq!(read.size(), all.len() as u64);
            prop_assert_eq!(read.root(), mth(&all));
        }
    }
}
