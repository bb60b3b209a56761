//! The ledger: an append-only, ordered store of entries.
//!
//! It knows the record format and nothing of what the entries are about. A writer, in a
//! task of its own that no caller can cancel, takes what has queued, judges it, gives out positions
//! without gaps, commits once and answers; readers never wait for it. A file has one writer; a
//! PostgreSQL database has one in each process, and the head row keeps them from each other.
//!
//! What decides (`plan`, `writer`, `queue`) stands above a small trait (`store`); SQLite and
//! PostgreSQL are below it.

mod append;
mod backup;
mod clock;
mod copy;
mod digest;
mod error;
mod file;
mod key;
mod ledger;
mod lock;
mod memory;
mod noted;
mod place;
mod plan;
mod postgres;
mod queue;
mod reader;
mod recent;
mod sqlite;
mod status;
mod store;
#[cfg(test)]
mod testing;
mod value;
mod vault;
mod verify;
mod writer;

pub use append::{
    APPEND_BYTES_MAX, APPEND_ROWS_MAX, Append, AppendError, Idempotency, IdempotentRow, Invalid,
    Receipt, StreamAppend,
};
pub use backup::backup;
pub use clock::{Clock, SystemClock};
pub use copy::{CopyError, copy};
pub use digest::request_digest;
pub use error::{OpenError, ReadError};
pub use file::{LockFile, beside, create_secret_file, replace_file, sync_name};
pub use key::{ApiKey, KeyChange};
pub use ledger::{Ledger, Opening, Options};
pub use lock::Owner;
pub use noted::{KeptAs, KeptHead, NOTED_EVERY, NoContinuation, NotedHead};
pub use place::{Place, PlaceError, PostgresUrl};
pub use postgres::{STOPPED_WRITER_MAX, migrate};
pub use reader::{Extent, LedgerReader, Stored};
pub use status::Health;
pub use vault::{Vault, VaultError};
pub use verify::{Finding, Verified, verify};
