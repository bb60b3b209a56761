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

/// That the first entries grew from fewer, in a checkpoint signed by a key.
fn proof(leaves: &[Hash], old: u64, size: usize, by: u8) -> ConsistencyProof {
    let hash_of = |node: Node| -> Result<Hash, NoteError> {
        let start = usize::try_from(node.index << node.level).unwrap();
        Ok(root(&leaves[start..start + (1 << node.level)]))
    };
    let plan = consistency_plan(old, size as u64).unwrap();
    ConsistencyProof {
        old,
        hashes: plan.complete(hash_of).unwrap(),
        checkpoint: signed(&leaves[..size], &key(by)),
    }
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
    for size in [0, 1, 12, 40] {
        let note = signed(&all[..size], &key(3));
        let accepted = trusted.accept(&note, &[]).unwrap();
        assert!(accepted.current);
        assert_eq!(accepted.checkpoint.size, size as u64);
    }
    for (number, size) in [(1, 12), (1, 11), (1, 8), (1, 1), (2, 20), (2, 13)] {
        let note = signed(&all[..size], &key(number));
        let last = if number == 1 { 12 } else { 20 };
        let proof = proof(&all, size as u64, last, number);
        let accepted = trusted.accept(&note, &[proof]).unwrap();
        assert!(!accepted.current);
        assert_eq!(accepted.key, *key(number).verifier());
    }
    // The last checkpoint itself, and that of no entries, need no proof.
    for size in [0, 12] {
        let note = signed(&all[..size], &key(1));
        assert!(trusted.accept(&note, &[]).is_ok());
    }
    let note = signed(&all[..11], &key(1));
    assert_eq!(
        trusted.accept(&note, &[]),
        Err(TrustError::Unproven { last: 12, size: 11 })
    );
}

#[test]
fn an_earlier_key_signs_nothing_after_its_last_checkpoint() {
    let all = leaves(40);
    let trusted = trusted(&all);
    // Even where the tree is the right one: the key may be in anybody's hands by then.
    for (number, size, last) in [(1, 13, 12), (1, 40, 12), (2, 21, 20)] {
        let note = signed(&all[..size], &key(number));
        let proofs = [size as u64, last].map(|old| proof(&all, old, 40, 3));
        assert_eq!(
            trusted.accept(&note, &proofs),
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
    let mut forked = all.clone();
    forked[5] = [9; 32];
    for size in [12, 11, 8, 6] {
        let note = signed(&forked[..size], &key(1));
        let refused = match size {
            12 => TrustError::Forked,
            _ => TrustError::Unproven {
                last: 12,
                size: size as u64,
            },
        };
        // Nor do proofs in the forger's own tree help, whoever signed it: the current key did not.
        let old = size as u64;
        for (tree, by) in [(&all, 1), (&all, 3), (&forked, 1), (&forked, 2)] {
            let mut proofs = vec![proof(tree, old, 12, by)];
            proofs.extend([old, 12].map(|old| proof(tree, old, 40, by)));
            assert_eq!(trusted.accept(&note, &proofs), Err(refused.clone()));
        }
    }
    let unknown = signed(&all[..12], &key(4));
    assert_eq!(
        trusted.accept(&unknown, &[]),
        Err(CheckpointError::Note(NoteError::Unknown).into())
    );
}

#[test]
fn a_checkpoint_of_the_current_key_that_goes_on_from_both_shows_that_they_are_of_one_history() {
    let all = leaves(40);
    let trusted = trusted(&all);
    let note = signed(&all[..10], &key(1));
    let unproven = Err(TrustError::Unproven { last: 12, size: 10 });
    let from = |old, size, by| proof(&all, old, size, by);
    for size in [12, 13, 32, 40] {
        let both = [from(10, size, 3), from(12, size, 3)];
        let accepted = trusted.accept(&note, &both).unwrap();
        assert!(!accepted.current);
        let reversed = [both[1].clone(), both[0].clone()];
        assert!(trusted.accept(&note, &reversed).is_ok());
    }
    // One alone, two that end in different checkpoints, and such as another key signed show nothing.
    for proofs in [
        vec![from(10, 40, 3)],
        vec![from(12, 40, 3)],
        vec![from(10, 40, 3), from(12, 39, 3)],
        vec![from(10, 20, 2), from(12, 20, 2)],
        vec![from(10, 40, 4), from(12, 40, 4)],
    ] {
        assert_eq!(trusted.accept(&note, &proofs), unproven);
    }
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
