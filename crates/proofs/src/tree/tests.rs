use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dutyledger_record::{Frontier, leaf_hash_of_bytes};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// MTH, PATH and PROOF as RFC 6962 section 2.1 writes them, over leaf hashes.
mod rfc6962 {
    use super::*;

    fn half(n: usize) -> usize {
        let mut k = 1;
        while k * 2 < n {
            k *= 2;
        }
        k
    }

    pub(super) fn mth(d: &[Hash]) -> Hash {
        match d {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = d.split_at(half(d.len()));
                let node = [&[1], &mth(left)[..], &mth(right)].concat();
                Sha256::digest(node).into()
            }
        }
    }

    pub(super) fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
        if d.len() == 1 {
            return Vec::new();
        }
        let k = half(d.len());
        let (left, right) = d.split_at(k);
        let (mut path, sibling) = if m < k {
            (path(m, left), mth(right))
        } else {
            (path(m - k, right), mth(left))
        };
        path.push(sibling);
        path
    }

    pub(super) fn proof(m: usize, d: &[Hash]) -> Vec<Hash> {
        subproof(m, d, true)
    }

    fn subproof(m: usize, d: &[Hash], whole: bool) -> Vec<Hash> {
        if m == d.len() {
            return if whole { Vec::new() } else { vec![mth(d)] };
        }
        let k = half(d.len());
        let (left, right) = d.split_at(k);
        let (mut proof, sibling) = if m <= k {
            (subproof(m, left, whole), mth(right))
        } else {
            (subproof(m - k, right, false), mth(left))
        };
        proof.push(sibling);
        proof
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|n| leaf_hash_of_bytes(&n.to_be_bytes()))
        .collect()
}

/// The hash of a node, from all the leaves.
fn hash_of(leaves: &[Hash]) -> impl Fn(Node) -> Result<Hash, Node> {
    |node| {
        let wide = 1usize << node.level;
        let start = usize::try_from(node.index).unwrap() * wide;
        let part = leaves.get(start..start + wide).ok_or(node)?;
        Ok(rfc6962::mth(part))
    }
}

fn included(index: u64, leaves: &[Hash]) -> Vec<Hash> {
    let plan = inclusion_plan(index, leaves.len() as u64).unwrap();
    plan.complete(hash_of(leaves)).unwrap()
}

fn consistent(old: u64, leaves: &[Hash]) -> Vec<Hash> {
    let plan = consistency_plan(old, leaves.len() as u64).unwrap();
    plan.complete(hash_of(leaves)).unwrap()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inclusion {
    name: String,
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    name: String,
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
struct Probes {
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

fn read(text: &str) -> Option<Hash> {
    STANDARD.decode(text).unwrap().try_into().ok()
}

fn read_all(texts: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    texts.into_iter().flatten().map(|text| read(text)).collect()
}

#[test]
fn the_published_probes_of_certificate_transparency_pass_and_fail_as_they_should() {
    let probes: Probes =
        serde_json::from_str(include_str!("../../tests/merkle-probes.json")).unwrap();
    assert_eq!((probes.inclusion.len(), probes.consistency.len()), (98, 98));
    // Some probes have hashes of other lengths, which cannot even be given to a proof here.
    let mut given = (0, 0);
    for p in &probes.inclusion {
        let proof = read_all(p.proof.as_ref());
        let (Some(leaf), Some(root), Some(proof)) = (read(&p.leaf_hash), read(&p.root), proof)
        else {
            continue;
        };
        let holds = verify_inclusion(p.leaf_idx, p.tree_size, &leaf, &proof, &root);
        assert_eq!(holds.is_err(), p.want_err, "inclusion {}", p.name);
        given.0 += 1;
    }
    for p in &probes.consistency {
        let proof = read_all(p.proof.as_ref());
        let (Some(old), Some(root), Some(proof)) = (read(&p.root1), read(&p.root2), proof) else {
            continue;
        };
        let holds = verify_consistency(p.size1, &old, p.size2, &root, &proof);
        assert_eq!(holds.is_err(), p.want_err, "consistency {}", p.name);
        given.1 += 1;
    }
    assert_eq!(given, (72, 71));
}

#[test]
fn the_examples_of_rfc_6962_have_the_nodes_it_names() {
    // Section 2.1.3, over seven leaves d0 to d6 whose hashes are a to f and j.
    let d = leaves(7);
    let [a, b, c, e_, f_, j] = [d[0], d[1], d[2], d[4], d[5], d[6]];
    let (g, h, i) = (node_hash(&a, &b), node_hash(&c, &d[3]), node_hash(&e_, &f_));
    let (k, l) = (node_hash(&g, &h), node_hash(&i, &j));
    assert_eq!(rfc6962::mth(&d), node_hash(&k, &l));
    assert_eq!(included(0, &d), [b, h, l]);
    assert_eq!(included(3, &d), [c, g, l]);
    assert_eq!(included(4, &d), [f_, j, k]);
    assert_eq!(included(6, &d), [i, k]);
    assert_eq!(consistent(3, &d), [c, d[3], g, l]);
    assert_eq!(consistent(4, &d), [l]);
    assert_eq!(consistent(6, &d), [i, j, k]);
}

#[test]
fn every_proof_in_every_small_tree_is_that_of_the_definition_and_holds() {
    let all = leaves(40);
    for size in 1..=all.len() {
        let d = &all[..size];
        let (n, root) = (size as u64, rfc6962::mth(d));
        assert_eq!(root_plan(n).complete(hash_of(d)), Ok(vec![root]));
        for (index, leaf) in d.iter().enumerate() {
            let proof = included(index as u64, d);
            assert_eq!(proof, rfc6962::path(index, d), "{index} of {size}");
            assert_eq!(
                verify_inclusion(index as u64, n, leaf, &proof, &root),
                Ok(())
            );
            for other in (0..n).filter(|other| *other != index as u64) {
                let elsewhere = verify_inclusion(other, n, leaf, &proof, &root);
                assert!(elsewhere.is_err(), "{index} as {other} of {size}");
            }
        }
        for old in 1..=size {
            let proof = consistent(old as u64, d);
            assert_eq!(proof, rfc6962::proof(old, d), "{old} of {size}");
            let old_root = rfc6962::mth(&d[..old]);
            let holds = verify_consistency(old as u64, &old_root, n, &root, &proof);
            assert_eq!(holds, Ok(()), "{old} of {size}");
        }
    }
}

#[test]
fn there_is_no_proof_of_what_is_not_there() {
    assert_eq!(
        inclusion_plan(5, 5),
        Err(ProofError::Range { part: 5, size: 5 })
    );
    assert!(inclusion_plan(0, 0).is_err());
    assert!(consistency_plan(6, 5).is_err());
    let root = empty_root();
    assert!(verify_inclusion(0, 0, &root, &[], &root).is_err());
    assert_eq!(verify_consistency(0, &root, 7, &[1; 32], &[]), Ok(()));
    assert!(verify_consistency(0, &[2; 32], 7, &[1; 32], &[]).is_err());
    assert!(verify_consistency(0, &root, 7, &[1; 32], &[root]).is_err());
}

#[test]
fn the_largest_sizes_have_proofs_of_a_length_that_is_known_and_nothing_overflows() {
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1] {
        for part in [1, 2, size / 2, size - 1] {
            let plan = inclusion_plan(part, size).unwrap();
            assert!(plan.subtrees.len() <= 64);
            assert!(plan.nodes().count() <= 64 * 64);
            assert!(verify_inclusion(part, size, &[0; 32], &[], &[0; 32]).is_err());
            let proof = vec![[0; 32]; plan.subtrees.len()];
            let wrong = verify_inclusion(part, size, &[0; 32], &proof, &[0; 32]);
            assert_eq!(wrong, Err(ProofError::Root));
            let plan = consistency_plan(part, size).unwrap();
            assert!(plan.subtrees.len() <= 65);
            let proof = vec![[0; 32]; plan.subtrees.len()];
            let wrong = verify_consistency(part, &[0; 32], size, &[0; 32], &proof);
            assert_eq!(wrong, Err(ProofError::Root));
        }
    }
}

proptest! {
    #[test]
    fn proofs_of_any_tree_are_those_of_the_definition_and_no_altered_one_holds(
        d in prop::collection::vec(any::<Hash>(), 1..=600),
        at in any::<prop::sample::Index>(),
        bit in 0usize..256,
        which in any::<prop::sample::Index>(),
    ) {
        let (index, n) = (at.index(d.len()), d.len() as u64);
        let mut tree = Frontier::empty();
        d.iter().for_each(|leaf| tree.push(*leaf));
        let root = tree.root();
        let old = index + 1;
        let old_root = rfc6962::mth(&d[..old]);

        let proof = included(index as u64, &d);
        prop_assert_eq!(&proof, &rfc6962::path(index, &d));
        prop_assert_eq!(verify_inclusion(index as u64, n, &d[index], &proof, &root), Ok(()));
        let grown = consistent(old as u64, &d);
        prop_assert_eq!(&grown, &rfc6962::proof(old, &d));
        prop_assert_eq!(verify_consistency(old as u64, &old_root, n, &root, &grown), Ok(()));

        let flip = |hash: &Hash| {
            let mut hash = *hash;
            hash[bit / 8] ^= 1 << (bit % 8);
            hash
        };
        prop_assert!(verify_inclusion(index as u64, n, &flip(&d[index]), &proof, &root).is_err());
        prop_assert!(verify_inclusion(index as u64, n, &d[index], &proof, &flip(&root)).is_err());
        prop_assert!(
            verify_consistency(old as u64, &flip(&old_root), n, &root, &grown).is_err()
        );
        if !proof.is_empty() {
            let mut altered = proof.clone();
            let place = which.index(altered.len());
            altered[place] = flip(&altered[place]);
            prop_assert!(verify_inclusion(index as u64, n, &d[index], &altered, &root).is_err());
            let short = &proof[1..];
            prop_assert!(verify_inclusion(index as u64, n, &d[index], short, &root).is_err());
        }
        if !grown.is_empty() {
            let mut altered = grown.clone();
            let place = which.index(altered.len());
            altered[place] = flip(&altered[place]);
            prop_assert!(
                verify_consistency(old as u64, &old_root, n, &root, &altered).is_err()
            );
            let mut long = grown;
            long.push(root);
            prop_assert!(verify_consistency(old as u64, &old_root, n, &root, &long).is_err());
        }
    }
}
