//! A bundle: one file in which a ledger, or one partnership of it, is handed over for an inspection,
//! and what checks it without the ledger, a database or a network.
//!
//! `schemas/bundle.md` is the specification. Writing and checking keep their memory flat however
//! many entries a ledger has; a bundle of one partnership is bounded. Whatever is checked may have
//! been made to hurt: everything read is bounded before it is read, and nothing makes this panic.

mod alone;
mod container;
mod documents;
mod failure;
mod figures;
mod layout;
mod manifest;
mod report;
mod verify;
mod write;

pub use alone::{Grown, Included, Leaf, check_growth, check_inclusion};
pub use failure::{Failure, Kind};
pub use manifest::{ENTRIES_BYTES_MAX, ENTRIES_MAX, Scope};
pub use verify::{Given, Verified, verify};
pub use write::{BundleError, Export, Writer};
