//! Verifying every entry, and hashing the same pages.

use std::time::Instant;

use dutyledger_ledger::{LedgerReader, Place, verify};
use dutyledger_record::leaf_hash;

use super::PAGE;
use crate::Fallible;
use crate::sample::Sample;
use crate::store::Store;

/// Ours: positions, versions, columns, hashes and every root.
pub(crate) async fn verifying(store: &Store, entries: u64) -> Fallible<Sample> {
    let ledger = LedgerReader::open(Place::parse(&store.address())?).await?;
    let since = Instant::now();
    let verified = verified(&ledger).await?;
    let took = since.elapsed();
    ledger.close().await;
    if verified != entries {
        return Err(format!("{verified} of {entries} were verified").into());
    }
    Ok(Sample::through(entries, took))
}

/// Verifies a ledger in which nothing is wrong, and says how many entries it has.
pub(crate) async fn verified(ledger: &LedgerReader) -> Fallible<u64> {
    let verified = verify(ledger, |_, _| {}).await?;
    match verified.findings.first() {
        Some(finding) => Err(format!("{}: {}", finding.position, finding.what).into()),
        None => Ok(verified.entries),
    }
}

/// The limit: the same reader's pages, and the hash of each entry in them. Nothing is decoded.
pub(crate) async fn hashing(store: &Store, entries: u64) -> Fallible<Sample> {
    let ledger = LedgerReader::open(Place::parse(&store.address())?).await?;
    let since = Instant::now();
    let mut hashed = 0;
    loop {
        let page = ledger.read(hashed, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for stored in &page {
            hashed += 1;
            if leaf_hash(&stored.leaf_data) != stored.leaf_hash || stored.position != hashed {
                return Err(format!("the entry at {hashed} is another").into());
            }
        }
    }
    let took = since.elapsed();
    ledger.close().await;
    if hashed != entries {
        return Err(format!("{hashed} of {entries} were hashed").into());
    }
    Ok(Sample::through(entries, took))
}
