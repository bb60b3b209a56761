//! Checks a proof that stands alone: that an entry is in a ledger, or that the ledger goes on from a
//! checkpoint somebody kept. Nothing is needed but the two files and the ledger's key.

use dutyledger_proofs::tree::{verify_consistency, verify_inclusion};
use dutyledger_proofs::{
    Accepted, Checkpoint, CheckpointError, ConsistencyProof, Hash, InclusionProof, Note,
    TrustError, TrustedKeys,
};
use dutyledger_record::{Record, leaf_hash};

use crate::failure::{Failure, Kind};

/// The entry that a proof should be of.
#[derive(Clone, Copy, Debug)]
pub enum Leaf<'a> {
    /// Its leaf data, with or without the line break behind it.
    Data(&'a [u8]),
    /// Its hash alone: what it says is looked at elsewhere.
    Hash(Hash),
}

/// An entry that is shown to be in a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// The entry's position.
    pub position: u64,
    /// The checkpoint it is in, and the key that signed that.
    pub by: Accepted,
}

/// Two checkpoints of which the larger is shown to go on from the smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grown {
    /// The smaller.
    pub from: Accepted,
    /// The larger.
    pub to: Accepted,
}

/// Checks an inclusion proof (`tlog-proof`). Extra data in it is not looked at: nothing vouches for it.
///
/// # Errors
/// The first thing that is wrong, in the order that `schemas/proofs.md` sets out.
pub fn check_inclusion(
    proof: &[u8],
    leaf: Leaf<'_>,
    keys: &TrustedKeys,
    proofs: &[ConsistencyProof],
) -> Result<Included, Failure> {
    let inclusion = |why: &dyn ToString| Failure::new(Kind::Inclusion, why.to_string());
    let proof = InclusionProof::parse(proof).map_err(|e| inclusion(&e))?;
    let by = accepted(&proof.checkpoint, keys, proofs)?;
    let position = proof.index.checked_add(1);
    let position = position.ok_or_else(|| inclusion(&"there is no such position"))?;
    let hash = match leaf {
        Leaf::Hash(hash) => hash,
        Leaf::Data(bytes) => {
            let entry = |why: &dyn ToString| Failure::new(Kind::Entry, why.to_string());
            let text = str::from_utf8(bytes).map_err(|e| entry(&e))?;
            let text = text.strip_suffix('\n').unwrap_or(text);
            let record = Record::verify(text).map_err(|e| entry(&e))?;
            if record.ledger_id.to_string() != by.checkpoint.origin {
                let why = format!("the entry is of {}", record.ledger_id);
                return Err(Failure::new(Kind::Checkpoint, why));
            }
            if record.position != position {
                let own = record.position;
                let why = format!("it is a proof of position {position}, the entry has {own}");
                return Err(inclusion(&why));
            }
            leaf_hash(text)
        }
    };
    let Checkpoint { size, root, .. } = &by.checkpoint;
    verify_inclusion(proof.index, *size, &hash, &proof.hashes, root).map_err(|e| inclusion(&e))?;
    Ok(Included { position, by })
}

/// Checks a consistency proof (the body of `add-checkpoint`) from a checkpoint that was kept to the
/// one behind the proof.
///
/// # Errors
/// The first thing that is wrong, in the order that `schemas/proofs.md` sets out.
pub fn check_growth(
    proof: &[u8],
    kept: &[u8],
    keys: &TrustedKeys,
    others: &[ConsistencyProof],
) -> Result<Grown, Failure> {
    let consistency = |why: &dyn ToString| Failure::new(Kind::Consistency, why.to_string());
    let proof = ConsistencyProof::parse(proof).map_err(|e| consistency(&e))?;
    let kept = Note::parse(kept).map_err(|e| Failure::new(Kind::Checkpoint, e))?;
    let mut proofs = others.to_vec();
    proofs.push(proof.clone());
    let to = accepted(&proof.checkpoint, keys, &proofs)?;
    let from = accepted(&kept, keys, &proofs)?;
    let (old, new) = (&from.checkpoint, &to.checkpoint);
    if old.origin != new.origin {
        let why = "the two checkpoints are of two ledgers";
        return Err(Failure::new(Kind::Checkpoint, why));
    }
    if old.size == new.size && old.root != new.root {
        let why = "of as many entries two roots are signed";
        return Err(Failure::new(Kind::Forked, why));
    }
    if proof.old != old.size {
        return Err(consistency(&format!(
            "it is a proof from {} entries, the checkpoint has {}",
            proof.old, old.size
        )));
    }
    verify_consistency(old.size, &old.root, new.size, &new.root, &proof.hashes)
        .map_err(|e| consistency(&e))?;
    Ok(Grown { from, to })
}

/// The checkpoint of a note that a key signed which counts for it.
fn accepted(
    note: &Note,
    keys: &TrustedKeys,
    proofs: &[ConsistencyProof],
) -> Result<Accepted, Failure> {
    keys.accept(note, proofs).map_err(|error| {
        let kind = match &error {
            TrustError::Outlived { .. } | TrustError::Forked | TrustError::Unproven { .. } => {
                Kind::OldKey
            }
            TrustError::Checkpoint(
                CheckpointError::Malformed(_) | CheckpointError::Origin { .. },
            ) => Kind::Checkpoint,
            TrustError::Checkpoint(CheckpointError::Note(_)) | TrustError::Twice(_) => {
                Kind::Signature
            }
        };
        Failure::new(kind, error)
    })
}
