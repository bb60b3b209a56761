//! A small ledger, bundles of it, and what becomes of them when somebody tampers: the vectors in
//! `tests/vectors`, each with what it is checked with and how that ends.

mod archive;
mod forged;
mod ledger;
mod parts;
mod programs;
mod vectors;

use std::path::PathBuf;

pub use ledger::{Story, key, large, of_one_kind};
pub use parts::Parts;
pub use programs::{independent, verifier};
pub use vectors::{Vector, corpora, vectors};

/// The folder of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of the vectors.
#[must_use]
pub fn folder() -> PathBuf {
    repository().join("tests/vectors")
}

/// Whether the full sizes are asked for: the one variable is `DUTYLEDGER_TEST_SIZE`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the tests' one setting")]
pub fn long() -> bool {
    std::env::var("DUTYLEDGER_TEST_SIZE").as_deref() == Ok("long")
}
