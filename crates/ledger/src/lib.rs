//! The ledger: an append-only, ordered store of entries.
//!
//! It knows the record format and nothing of what the entries are about. One writer, on a thread of
//! its own, takes what has queued, judges it, gives out positions without gaps, commits once and
//! answers; readers never wait for it. One process owns a ledger file; others may read it.
//!
//! What decides (`plan`, `writer`, `queue`) stands above a small trait (`store`); SQLite is below it.

mod append;
mod clock;
mod digest;
mod error;
mod key;
mod ledger;
mod lock;
mod plan;
mod queue;
mod reader;
mod sqlite;
mod status;
mod store;
mod vault;
mod writer;

pub use append::{
    APPEND_BYTES_MAX, APPEND_ROWS_MAX, Append, AppendError, Idempotency, IdempotentRow, Invalid,
    Receipt, StreamAppend,
};
pub use clock::{Clock, SystemClock};
pub use digest::request_digest;
pub use error::{OpenError, ReadError};
pub use key::{ApiKey, KeyChange};
pub use ledger::{Ledger, Opening, Options};
pub use lock::Owner;
pub use reader::{LedgerReader, Stored};
pub use status::Health;
pub use vault::{Vault, VaultError};
