//! The auditor's side: verifying a ledger, answering as of a moment, and bundles.

mod bundles;
mod child;
mod moments;
mod verifying;

pub(crate) use bundles::{Handed, adopt};
pub(crate) use child::{Child, be_one};
pub(crate) use moments::Asked;
pub(crate) use verifying::{hashing, verifying};

/// How many entries a page has, as where they are verified.
const PAGE: u32 = 5_000;
