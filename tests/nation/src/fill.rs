//! Appending a nation to a ledger.

use std::fmt;

use dutyledger_ledger::{Append, AppendError, Ledger, Vault, VaultError};
use futures_util::future::join_all;
use tokio::task::unconstrained;

use crate::nation::Nation;

/// How many entries are under way at once: the ledger's writer commits what has queued as one.
const ENTRIES_AT_ONCE: usize = 8_000;
/// How many appends are under way at once, which is less than the queue holds.
const APPENDS_AT_ONCE: usize = 800;

/// Why a ledger was not filled.
#[derive(Debug)]
pub enum FillError {
    /// An append.
    Append(AppendError),
    /// The keys of sealed texts.
    Vault(VaultError),
}

impl fmt::Display for FillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(error) => error.fmt(f),
            Self::Vault(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FillError {}

/// Appends everything that happens in a nation to a ledger, and its keys to the vault; says how many
/// entries and how many areas are done from time to time. Gives back how many entries there are.
///
/// # Errors
/// When the ledger or the vault fails, or the nation is there already.
pub async fn fill(
    ledger: &Ledger,
    vault: &Vault,
    nation: &mut Nation,
    mut progress: impl FnMut(u64, u32),
) -> Result<u64, FillError> {
    let id = ledger.id();
    let mut done = 0;
    loop {
        let (mut appends, mut keys, mut entries) = (Vec::new(), Vec::new(), 0);
        while entries < ENTRIES_AT_ONCE && appends.len() < APPENDS_AT_ONCE {
            let Some(decided) = nation.next() else { break };
            entries += decided.entries.len();
            let part = decided.append(id);
            appends.push(Append {
                streams: vec![part],
                ..Append::default()
            });
            keys.extend(decided.keys);
        }
        if appends.is_empty() {
            return Ok(done);
        }
        // Keys are durable before the entries that use them.
        if !keys.is_empty() {
            vault.store(keys).await.map_err(FillError::Vault)?;
        }
        // They are queued in this order, and recorded in it: none may be made to wait for its turn on
        // the runtime, or those behind it would be queued first.
        let queued = join_all(appends.into_iter().map(|append| ledger.append(append)));
        for receipt in unconstrained(queued).await {
            receipt.map_err(FillError::Append)?;
        }
        done += entries as u64;
        progress(done, nation.areas_done());
    }
}
