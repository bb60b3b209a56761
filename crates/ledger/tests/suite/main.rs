//! The crate from outside, on real files and a real server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod erasure;
mod ledger;
mod noted;
mod older;
mod server;
mod support;
mod vault;
