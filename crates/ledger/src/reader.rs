//! Reading a ledger.

use std::path::Path;

use dutyledger_record::{EntryError, EntryId, KeyId, LedgerId, Record, Stream};

use crate::append::IdempotentRow;
use crate::error::{OpenError, ReadError};
use crate::key::ApiKey;
use crate::sqlite::SqliteReads;

/// How many connections a reader of its own holds at the most.
const READERS: u32 = 2;

/// An entry as it is stored: the exact text that was hashed, and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its position, from 1 without gaps.
    pub position: u64,
    /// Its leaf data.
    pub leaf_data: String,
    /// Its RFC 6962 leaf hash.
    pub leaf_hash: [u8; 32],
}

impl Stored {
    /// The record the leaf data holds.
    ///
    /// # Errors
    /// When it is not a record of the format this program knows.
    pub fn record(&self) -> Result<Record, EntryError> {
        Record::parse(&self.leaf_data)
    }
}

/// A ledger open for reading only: for tools, while another process owns the file.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    ledger: LedgerId,
    reads: SqliteReads,
}

impl LedgerReader {
    /// Opens the ledger at `path` for reading, whoever owns it.
    ///
    /// # Errors
    /// When there is no ledger there, or one of another schema.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Self::with_readers(path, READERS).await
    }

    pub(crate) async fn with_readers(path: &Path, readers: u32) -> Result<Self, OpenError> {
        let reads = SqliteReads::open(path, readers).await?;
        let head = reads.head().await.map_err(OpenError::database)?;
        // A file whose first entry was never committed is not a ledger yet.
        let (ledger, _) = head.ok_or_else(|| OpenError::Foreign {
            path: path.to_owned(),
            what: "ledger",
        })?;
        Ok(Self { ledger, reads })
    }

    /// Which ledger it is.
    #[must_use]
    pub fn id(&self) -> LedgerId {
        self.ledger
    }

    /// The last durable position, asked of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn last_position(&self) -> Result<u64, ReadError> {
        Ok(self.reads.head().await?.map_or(0, |(_, position)| position))
    }

    /// The entries of a stream in the order of their versions; with `up_to`, only those that stood
    /// in the ledger when it went to that position.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read_stream(
        &self,
        stream: &Stream,
        up_to: Option<u64>,
    ) -> Result<Vec<Stored>, ReadError> {
        self.reads
            .read_stream(stream, up_to.unwrap_or(u64::MAX))
            .await
    }

    /// At most `limit` entries after a position, in the order of their positions.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read(&self, after: u64, limit: u32) -> Result<Vec<Stored>, ReadError> {
        self.reads.read(after, limit).await
    }

    /// One entry.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn entry(&self, id: EntryId) -> Result<Option<Stored>, ReadError> {
        self.reads.entry(id).await
    }

    /// The version of a stream; 0 for one that has no entry.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn stream_version(&self, stream: &Stream) -> Result<u64, ReadError> {
        self.reads.stream_version(stream).await
    }

    /// What is remembered under an idempotency key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn idempotent(
        &self,
        scope: &str,
        key: &str,
    ) -> Result<Option<IdempotentRow>, ReadError> {
        self.reads.idempotent(scope, key).await
    }

    /// The API key of this hash, revoked and expired ones included.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, ReadError> {
        self.reads.api_key_by_hash(hash).await
    }

    /// At most `limit` API keys after one, in the order of their ids.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn api_keys(
        &self,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ReadError> {
        self.reads.api_keys(after, limit).await
    }

    /// Waits for the reads under way and closes the file.
    pub async fn close(self) {
        self.reads.close().await;
    }
}
