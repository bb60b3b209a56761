//! Proofs in the Merkle tree of RFC 6962: which nodes each is made of, and whether it holds.
//!
//! What makes a proof is apart from where hashes are kept: a [`Plan`] says which perfect subtrees it
//! takes, whoever keeps the tree fetches them in one go, and [`Plan::complete`] folds them.

use sha2::{Digest, Sha256};

use dutyledger_record::node_hash;

/// A SHA-256 hash of a leaf or of a node.
pub type Hash = [u8; 32];

/// The most hashes a proof may have: C2SP `tlog-witness` sets it for consistency, and no path in a
/// tree of 2^63 leaves is longer.
pub const PROOF_HASHES_MAX: usize = 63;

/// Why a proof does not hold, or cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The tree has no such leaf, or the smaller tree is the larger one.
    #[error("there is no such proof: {part} of {size}")]
    Range {
        /// The leaf's index, or the smaller size.
        part: u64,
        /// The size of the tree.
        size: u64,
    },
    /// It has more or fewer hashes than such a proof has.
    #[error("the proof has {found} hashes, not {expected}")]
    Length {
        /// As many as it should have.
        expected: usize,
        /// As many as it has.
        found: usize,
    },
    /// It leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// The root of the tree without leaves: the SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root of the perfect subtree of `2^level` leaves that is the `index`-th of its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 for leaves.
    pub level: u32,
    /// From 0, from the left.
    pub index: u64,
}

/// What a proof is made of: for each of its hashes, the perfect subtrees it is the hash of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    subtrees: Vec<Vec<Node>>,
}

impl Plan {
    /// Every node it takes, in an order that [`Self::complete`] asks for them again.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.subtrees.iter().flatten().copied()
    }

    /// The proof, from the hashes of its nodes.
    ///
    /// # Errors
    /// Whatever keeps one of the hashes from being had.
    pub fn complete<E>(
        &self,
        mut hash_of: impl FnMut(Node) -> Result<Hash, E>,
    ) -> Result<Vec<Hash>, E> {
        let mut proof = Vec::with_capacity(self.subtrees.len());
        for subtree in &self.subtrees {
            let mut hashes = Vec::with_capacity(subtree.len());
            for node in subtree {
                hashes.push(hash_of(*node)?);
            }
            proof.push(root_of(&hashes));
        }
        Ok(proof)
    }
}

/// The root over perfect subtrees, largest first, whose sizes are the binary digits of the whole.
fn root_of(perfect: &[Hash]) -> Hash {
    let smallest_first = perfect.iter().rev().copied();
    smallest_first
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or_else(empty_root)
}

/// The largest power of two smaller than `n`, which is at least 2.
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The perfect subtrees of the leaves from `start` up to `end`, largest first. `start` is a multiple
/// of the largest of them, as it is wherever a tree is split.
fn perfect(mut start: u64, end: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    while start < end {
        let level = 63 - (end - start).leading_zeros();
        nodes.push(Node {
            level,
            index: start >> level,
        });
        start += 1 << level;
    }
    nodes
}

/// The perfect subtrees a tree of this size is made of, largest first: what its root is folded from.
#[must_use]
pub fn root_plan(size: u64) -> Plan {
    Plan {
        subtrees: vec![perfect(0, size)],
    }
}

/// What shows that a tree of `size` leaves has the one at `index` (RFC 6962 section 2.1.1).
///
/// # Errors
/// When it has no such leaf.
pub fn inclusion_plan(index: u64, size: u64) -> Result<Plan, ProofError> {
    if index >= size {
        return Err(ProofError::Range { part: index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut subtrees = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            subtrees.push(perfect(middle, end));
            end = middle;
        } else {
            subtrees.push(perfect(start, middle));
            start = middle;
        }
    }
    // A proof goes from the leaf up.
    subtrees.reverse();
    Ok(Plan { subtrees })
}

/// What shows that a tree of `size` leaves goes on from one of `old` (RFC 6962 section 2.1.2).
/// Nothing is needed where they are the same or the old one has no leaves.
///
/// # Errors
/// When the old tree is the larger one.
pub fn consistency_plan(old: u64, size: u64) -> Result<Plan, ProofError> {
    if old > size {
        return Err(ProofError::Range { part: old, size });
    }
    let mut subtrees = Vec::new();
    if old > 0 && old < size {
        let (mut start, mut end) = (0, size);
        // Down to the subtree whose end is where the old tree ends.
        while end > old {
            let middle = start + split(end - start);
            if old <= middle {
                subtrees.push(perfect(middle, end));
                end = middle;
            } else {
                subtrees.push(perfect(start, middle));
                start = middle;
            }
        }
        // Where that subtree is the whole old tree, whoever checks has its root.
        if start > 0 {
            subtrees.push(perfect(start, end));
        }
        subtrees.reverse();
    }
    Ok(Plan { subtrees })
}

/// Whether the leaf at `index` of a tree of `size` leaves has this hash.
///
/// # Errors
/// When the proof does not show it.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    let expected = inclusion_plan(index, size)?.subtrees.len();
    check_length(expected, proof)?;
    // RFC 9162 section 2.1.3.2.
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Whether the tree of `size` leaves and this root goes on from the one of `old` leaves and
/// `old_root`. Every tree goes on from the one without leaves.
///
/// # Errors
/// When the proof does not show it.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let expected = consistency_plan(old, size)?.subtrees.len();
    check_length(expected, proof)?;
    let holds = |holds: bool| if holds { Ok(()) } else { Err(ProofError::Root) };
    if old == 0 {
        return holds(*old_root == empty_root());
    }
    if old == size {
        return holds(old_root == root);
    }
    // RFC 9162 section 2.1.4.2: a whole old tree is not in the proof, since whoever checks has it.
    let (first, rest) = match proof.split_first() {
        Some((first, rest)) if !old.is_power_of_two() => (*first, rest),
        _ => (*old_root, proof),
    };
    let (mut at, mut last) = (old - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Root);
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(sibling, &old_hash);
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    holds(last == 0 && old_hash == *old_root && hash == *root)
}

fn check_length(expected: usize, proof: &[Hash]) -> Result<(), ProofError> {
    if proof.len() == expected {
        Ok(())
    } else {
        Err(ProofError::Length {
            expected,
            found: proof.len(),
        })
    }
}

#[cfg(test)]
mod tests;
