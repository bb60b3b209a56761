//! Reading a ledger.

use std::time::Duration;

use dutyledger_record::{EntryError, EntryId, Frontier, KeyId, LedgerId, Record, Stream, StreamId};

use crate::append::{Idempotency, IdempotentRow};
use crate::error::{OpenError, ReadError};
use crate::key::ApiKey;
use crate::lock::true_path;
use crate::place::Place;
use crate::postgres::{self, PostgresReads, READ_MAX, in_time};
use crate::recent::Recent;
use crate::sqlite::{self, SqliteReads};

/// How many connections a reader of its own holds at the most.
const READERS: u32 = 2;
/// For how long connections to a server are closed in good order, the reads under way among them.
pub(crate) const GOODBYE: Duration = Duration::from_secs(5);

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

/// An entry's row: what is stored, and the columns that repeat parts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) stored: Stored,
    pub(crate) columns: Columns,
}

/// The columns beside an entry's text, as its database has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    Sqlite(sqlite::Columns),
    Postgres(postgres::Columns),
}

impl Columns {
    /// Whether they say what the record says.
    pub(crate) fn repeat(&self, record: &Record) -> bool {
        match self {
            Self::Sqlite(columns) => columns.repeat(record),
            Self::Postgres(columns) => columns.repeat(record),
        }
    }
}

/// How much there is of some entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many they are.
    pub entries: u64,
    /// How many bytes of leaf data they have.
    pub bytes: u64,
}

/// A ledger open for reading only: for tools, while other processes append to it.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    ledger: LedgerId,
    reads: Reads,
    /// What a writer in this process recorded last, where there is one.
    recent: Recent,
}

#[derive(Clone, Debug)]
enum Reads {
    Sqlite(SqliteReads),
    /// With how long any one answer may take.
    Postgres(PostgresReads, Duration),
}

/// Asks whichever database it is.
macro_rules! ask {
    ($reader:expr, $question:ident($($given:expr),*)) => {
        match &$reader.reads {
            Reads::Sqlite(reads) => reads.$question($($given),*).await,
            Reads::Postgres(reads, within) => {
                in_time(*within, reads.$question($($given),*)).await
            }
        }
    };
}

impl LedgerReader {
    /// Opens the ledger at a place for reading, whoever appends to it.
    ///
    /// # Errors
    /// When there is no ledger there, or one of another schema.
    pub async fn open(place: impl Into<Place>) -> Result<Self, OpenError> {
        Self::with_readers(&place.into(), READERS).await
    }

    pub(crate) async fn with_readers(place: &Place, readers: u32) -> Result<Self, OpenError> {
        let reads = match place {
            Place::Sqlite(path) => {
                Reads::Sqlite(SqliteReads::open(&true_path(path)?, readers).await?)
            }
            Place::Postgres(url) => {
                Reads::Postgres(PostgresReads::open(url, readers).await?, READ_MAX)
            }
        };
        let head = match &reads {
            Reads::Sqlite(reads) => reads.head().await,
            Reads::Postgres(reads, within) => in_time(*within, reads.head()).await,
        };
        // A place whose first entry was never committed is not a ledger yet.
        let (ledger, _) = head
            .map_err(OpenError::database)?
            .ok_or_else(|| OpenError::Foreign {
                place: place.to_string(),
                what: "ledger",
            })?;
        Ok(Self {
            ledger,
            reads,
            recent: Recent::default(),
        })
    }

    /// The same with another time for any one answer of a server.
    #[cfg(test)]
    pub(crate) fn answered_within(mut self, time: Duration) -> Self {
        if let Reads::Postgres(_, within) = &mut self.reads {
            *within = time;
        }
        self
    }

    /// Where the writer in this process puts what it recorded.
    pub(crate) fn recent(&self) -> Recent {
        self.recent.clone()
    }

    /// Which ledger it is.
    #[must_use]
    pub fn id(&self) -> LedgerId {
        self.ledger
    }

    /// The last durable position, asked of the database.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn last_position(&self) -> Result<u64, ReadError> {
        Ok(ask!(self, head())?.map_or(0, |(_, position)| position))
    }

    /// The entries of a stream in the order of their versions; with `up_to`, only those that stood
    /// in the ledger when it went to that position.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read_stream(
        &self,
        stream: &Stream,
        up_to: Option<u64>,
    ) -> Result<Vec<Stored>, ReadError> {
        ask!(self, read_stream(stream, 0, up_to.unwrap_or(u64::MAX)))
    }

    /// The entries of a stream after a version, in the order of their versions.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read_stream_after(
        &self,
        stream: &Stream,
        version: u64,
    ) -> Result<Vec<Stored>, ReadError> {
        ask!(self, read_stream(stream, version, u64::MAX))
    }

    /// At most `limit` entries after a position, in the order of their positions.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(&self, after: u64, limit: u32) -> Result<Vec<Stored>, ReadError> {
        ask!(self, read(after, limit))
    }

    /// The same for whoever follows the ledger as it grows: what was recorded last in this process is at
    /// hand and is not asked of the database. Fewer than `limit` are not the end of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read_on(&self, after: u64, limit: u32) -> Result<Vec<Stored>, ReadError> {
        let recent = self.recent.after(after, limit);
        if recent.is_empty() {
            return self.read(after, limit).await;
        }
        Ok(recent)
    }

    /// At most `limit` entries of streams of the type `erasure`, after a stream and version, in the
    /// order of these: an index holds them, so that nothing else is looked at.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn erasures(
        &self,
        after: Option<(StreamId, u64)>,
        limit: u32,
    ) -> Result<Vec<Stored>, ReadError> {
        ask!(self, erasures(after, limit))
    }

    /// One entry.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn entry(&self, id: EntryId) -> Result<Option<Stored>, ReadError> {
        ask!(self, entry(id))
    }

    /// The version of a stream; 0 for one that has no entry.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stream_version(&self, stream: &Stream) -> Result<u64, ReadError> {
        let versions = self.stream_versions(std::slice::from_ref(stream)).await?;
        Ok(versions.first().copied().unwrap_or(0))
    }

    /// The versions of several streams at one moment, in the same order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stream_versions(&self, streams: &[Stream]) -> Result<Vec<u64>, ReadError> {
        ask!(self, versions(streams))
    }

    /// How much there is of streams, together, when the ledger went to a position. No entry is read for
    /// it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn extent(
        &self,
        streams: impl IntoIterator<Item = &Stream>,
        up_to: u64,
    ) -> Result<Extent, ReadError> {
        let streams: Vec<&Stream> = streams.into_iter().collect();
        ask!(self, extent(&streams, up_to))
    }

    /// The root of the Merkle tree over the entries up to a position, where a commit ended there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn root(&self, position: u64) -> Result<Option<[u8; 32]>, ReadError> {
        ask!(self, root(position))
    }

    /// At most `limit` roots of commits that ended after a position, each with where it ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn roots(&self, after: u64, limit: u32) -> Result<Vec<(u64, [u8; 32])>, ReadError> {
        ask!(self, roots(after, limit))
    }

    /// Where the last commit with entries ended, and the root of the tree then.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_root(&self) -> Result<Option<(u64, [u8; 32])>, ReadError> {
        ask!(self, last_root())
    }

    /// What the database finds wrong with its own pages and indexes, where it has a check of them that is
    /// always there.
    pub(crate) async fn integrity(&self) -> Result<Vec<String>, ReadError> {
        match &self.reads {
            Reads::Sqlite(reads) => reads.integrity().await,
            Reads::Postgres(..) => Ok(Vec::new()),
        }
    }

    /// To how many entries the index of streams leads, of each of these up to a version; nothing of a
    /// database that checks its indexes itself.
    pub(crate) async fn led_to(
        &self,
        streams: &[(Stream, u64)],
    ) -> Result<Option<Vec<u64>>, ReadError> {
        match &self.reads {
            Reads::Sqlite(_) => Ok(None),
            Reads::Postgres(reads, within) => {
                in_time(*within, reads.led_to(streams)).await.map(Some)
            }
        }
    }

    /// At most `limit` positions of rows below the first there may be, of entries or of roots.
    pub(crate) async fn below_first(&self, limit: u32) -> Result<Vec<i64>, ReadError> {
        ask!(self, below_first(limit))
    }

    /// How far the ledger goes, and its Merkle tree, as its head says.
    pub(crate) async fn frontier(&self) -> Result<(u64, Frontier), ReadError> {
        ask!(self, frontier())
    }

    /// At most `limit` rows after a position.
    pub(crate) async fn rows(&self, after: u64, limit: u32) -> Result<Vec<Row>, ReadError> {
        ask!(self, rows(after, limit))
    }

    /// At most `limit` of what is remembered, after a scope and key, in their order.
    pub(crate) async fn names(
        &self,
        after: Option<&(String, String)>,
        limit: u32,
    ) -> Result<Vec<(Idempotency, IdempotentRow)>, ReadError> {
        ask!(self, names(after, limit))
    }

    /// What is remembered under an idempotency key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn idempotent(
        &self,
        scope: &str,
        key: &str,
    ) -> Result<Option<IdempotentRow>, ReadError> {
        ask!(self, idempotent(scope, key))
    }

    /// The API key of this hash, revoked and expired ones included.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, ReadError> {
        ask!(self, api_key_by_hash(hash))
    }

    /// At most `limit` API keys after one, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn api_keys(
        &self,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ReadError> {
        ask!(self, api_keys(after, limit))
    }

    /// Waits for the reads under way, of a server for some seconds, and closes the database.
    pub async fn close(self) {
        match &self.reads {
            Reads::Sqlite(reads) => reads.close().await,
            // What hears nothing any more is not said goodbye to for long.
            Reads::Postgres(reads, within) => {
                let _ = tokio::time::timeout(GOODBYE.min(*within), reads.close()).await;
            }
        }
    }
}
