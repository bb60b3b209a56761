//! What proves the ledger to those who hold none of it: signed checkpoints, proofs that an entry is
//! in it and that it only grew, tiles of its tree, and which key counts up to where.
//!
//! `schemas/proofs.md` is the specification; the text forms are those of C2SP (`signed-note`,
//! `tlog-checkpoint`, `tlog-proof`, `tlog-witness`, `tlog-tiles`) and the tree is that of RFC 6962.
//! There is no I/O, clock or randomness here, so that an offline verifier can stand on it. Whatever
//! is read may come from anyone: it is bounded, and nothing read makes this panic.

mod checkpoint;
mod lines;
mod note;
mod text;
pub mod tile;
pub mod tree;
mod trust;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use note::{
    KEY_NAME_BYTES_MAX, KeyError, NOTE_BYTES_MAX, Note, NoteError, SEED_BYTES, SIGNATURES_MAX,
    Signature, SigningKey, VerifierKey,
};
pub use text::{ConsistencyProof, InclusionProof, PROOF_BYTES_MAX, ProofTextError};
pub use tree::{Hash, PROOF_HASHES_MAX, ProofError};
pub use trust::{Accepted, EarlierKey, LastCheckpoint, TrustError, TrustedKeys};
