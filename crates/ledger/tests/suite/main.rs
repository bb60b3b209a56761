//! The crate from outside, on real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod ledger;
mod model;
mod support;
mod vault;
