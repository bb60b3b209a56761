use dutyledger_record::{Frontier, leaf_hash_of_bytes};

use super::*;
use crate::note::{NoteError, SigningKey};
use crate::tree::{Node, consistency_plan};

const LEDGER: &str = "01931c2e-5a00-7000-8000-000000000001";

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(LEDGER, &[number; 32]).unwrap()
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|n| leaf_hash_of_bytes(&n.to_be_bytes()))
        .collect()
}

fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::empty();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

fn signed(leaves: &[Hash], key: &SigningKey) -> Note {
    let checkpoint = Checkpoint {
        origin: LEDGER.to_owned(),
        size: leaves.len() as u64,
        root: root(leaves),
    };
    checkpoint.sign(key).unwrap()
}

fn proof(leaves: &[Hash], old: u64, size: u64) -> Vec<Hash> {
    let hash_of = |node: Node| -> Result<Hash, NoteError> {
        let start = usize::try_from(node.index << node.level).unwrap();
        Ok(root(&leaves[start..start + (1 << node.level)]))
    };
    consistency_plan(old, size)
        .unwrap()
        .complete(hash_of)
        .unwrap()
}

/// The first key signed up to 12 entries, the second up to 20, the third is current.
fn trusted(all: &[Hash]) -> TrustedKeys {
    let earlier = |number, size: usize| EarlierKey {
        key: key(number).verifier().clone(),
        last: LastCheckpoint {
            size: size as u64,
            root: root(&all[..size]),
        },
    };
    let keys = vec![earlier(1, 12), earlier(2, 20)];
    TrustedKeys::new(key(3).verifier().clone(), keys).unwrap()
}

#[test]
fn the_current_key_counts_for_every_checkpoint_and_an_earlier_one_up_to_its_last() {
    let all = leaves(40);
    let trusted = trusted(&all);
    let with_proof = |old, size| Some(proof(&all, old, size));
    for size in [0, 1, 12, 40] {
        let note = signed(&all[..size], &key(3));
        let accepted = trusted.accept(&note, |_, _| None).unwrap();
        assert!(accepted.current);
        assert_eq!(accepted.checkpoint.size, size as u64);
    }
    for (number, size) in [(1, 12), (1, 11), (1, 8), (1, 1), (2, 20), (2, 13)] {
        let note = signed(&all[..size], &key(number));
        let accepted = trusted.accept(&note, with_proof).unwrap();
        assert!(!accepted.current);
        assert_eq!(accepted.key, *key(number).verifier());
    }
    // The last checkpoint itself, and that of no entries, need no proof.
    for size in [0, 12] {
        let note = signed(&all[..size], &key(1));
        assert!(trusted.accept(&note, |_, _| None).is_ok());
    }
    let note = signed(&all[..11], &key(1));
    assert_eq!(
        trusted.accept(&note, |_, _| None),
        Err(TrustError::Unproven { last: 12, size: 11 })
    );
}

#[test]
fn an_earlier_key_signs_nothing_after_its_last_checkpoint() {
    let all = leaves(40);
    let trusted = trusted(&all);
    let with_proof = |old, size| Some(proof(&all, old, size));
    // Even where the tree is the right one: the key may be in anybody's hands by then.
    for (number, size, last) in [(1, 13, 12), (1, 40, 12), (2, 21, 20)] {
        let note = signed(&all[..size], &key(number));
        assert_eq!(
            trusted.accept(&note, with_proof),
            Err(TrustError::Outlived {
                last,
                size: size as u64
            })
        );
    }
}

#[test]
fn a_forged_checkpoint_of_an_earlier_key_is_refused() {
    let all = leaves(40);
    let trusted = trusted(&all);
    let with_proof = |old, size| Some(proof(&all, old, size));
    let mut forked = all.clone();
    forked[5] = [9; 32];
    for size in [12, 11, 8, 6] {
        let note = signed(&forked[..size], &key(1));
        assert_eq!(trusted.accept(&note, with_proof), Err(TrustError::Forked));
        // Nor does a proof in the forger's own tree help.
        let own = |old, size| Some(proof(&forked, old, size));
        assert_eq!(trusted.accept(&note, own), Err(TrustError::Forked));
    }
    let unknown = signed(&all[..12], &key(4));
    assert_eq!(
        trusted.accept(&unknown, with_proof),
        Err(CheckpointError::Note(NoteError::Unknown).into())
    );
}

#[test]
fn a_key_is_either_current_or_earlier_and_is_there_once() {
    let all = leaves(12);
    let last = LastCheckpoint {
        size: 12,
        root: root(&all),
    };
    let earlier = |number: u8| EarlierKey {
        key: key(number).verifier().clone(),
        last,
    };
    let current = || key(3).verifier().clone();
    for keys in [vec![earlier(3)], vec![earlier(1), earlier(1)]] {
        assert!(matches!(
            TrustedKeys::new(current(), keys),
            Err(TrustError::Twice(_))
        ));
    }
    assert!(TrustedKeys::new(current(), Vec::new()).is_ok());
}
