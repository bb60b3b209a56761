//! What reads texts and files that others hand over: bundles, proofs, checkpoints and cursors. For
//! each reader there is one function, which is given any bytes at all and panics where the reader is
//! wrong. The tests give it what a generator makes, and the targets of cargo-fuzz what libFuzzer
//! makes; both begin with the same corpus.

mod bundle;
mod cursors;

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use dutyledger_proofs::{Checkpoint, ConsistencyProof, InclusionProof, Note, VerifierKey};
use dutyledger_test_bundles::{key, repository};

pub use bundle::bundle;
pub use cursors::{LISTS, cursor};

/// A reader, and the name of its corpus.
#[derive(Clone, Copy)]
pub struct Reader {
    /// Its name.
    pub name: &'static str,
    /// Gives it bytes.
    pub read: fn(&[u8]),
}

/// Every reader.
pub const READERS: [Reader; 4] = [
    Reader {
        name: "bundle",
        read: bundle,
    },
    Reader {
        name: "checkpoint",
        read: checkpoint,
    },
    Reader {
        name: "cursor",
        read: cursor,
    },
    Reader {
        name: "proof",
        read: proof,
    },
];

/// The files of a reader's corpus, in the order of their names.
#[must_use]
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = repository().join("tests/fuzz/corpus").join(name);
    let files = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// What the keys of the corpus signed.
static SIGNED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let read = |bytes: &Vec<u8>| Note::parse(bytes).ok().map(|note| note.text().to_owned());
    corpus("checkpoint").iter().filter_map(read).collect()
});

static KEYS: LazyLock<[VerifierKey; 2]> =
    LazyLock::new(|| [1, 2].map(|number| key(number).verifier().clone()));

/// Reads a checkpoint: there is one way to write it, and nothing counts that was never signed.
///
/// # Panics
/// When the reader is wrong.
pub fn checkpoint(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    assert_eq!(note.to_string().as_bytes(), bytes);
    if let Ok((checkpoint, _)) = Checkpoint::open(&note, &*KEYS) {
        let signed = SIGNED.contains(note.text());
        assert!(signed, "{checkpoint:?} was never signed");
    }
}

/// Reads an inclusion and a consistency proof: there is one way to write either, and nothing is both.
///
/// # Panics
/// When the reader is wrong.
pub fn proof(bytes: &[u8]) {
    let included = InclusionProof::parse(bytes);
    let consistent = ConsistencyProof::parse(bytes);
    if let Ok(proof) = &included {
        assert_eq!(proof.to_string().as_bytes(), bytes);
    }
    if let Ok(proof) = &consistent {
        assert_eq!(proof.to_string().as_bytes(), bytes);
    }
    assert!(included.is_err() || consistent.is_err());
}
