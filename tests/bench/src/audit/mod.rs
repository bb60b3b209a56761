//! The auditor's side: verifying a ledger, answering as of a moment, and bundles.

mod bundles;
mod moments;
mod verifying;

pub(crate) use bundles::{Handed, adopt};
pub(crate) use moments::Asked;
pub(crate) use verifying::{hashing, verified, verifying};

/// How many entries a page has, as where they are verified.
const PAGE: u32 = 5_000;
