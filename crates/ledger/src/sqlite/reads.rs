//! The readers' side of a ledger in SQLite: every read is one statement on its own.

use std::path::Path;

use dutyledger_record::{EntryId, KeyId, LedgerId, Stream};
use sqlx::sqlite::SqlitePool;

use super::LEDGER;
use super::rows::{KeyColumns, NameColumns, api_key, hash, id, integer, name, number};
use crate::append::IdempotentRow;
use crate::error::{OpenError, ReadError};
use crate::key::ApiKey;
use crate::reader::Stored;

/// position, leaf_data, leaf_hash
type EntryColumns = (i64, String, Vec<u8>);

/// A ledger file, open for reading.
#[derive(Clone, Debug)]
pub(crate) struct SqliteReads {
    pool: SqlitePool,
}

impl SqliteReads {
    pub(crate) async fn open(path: &Path, most: u32) -> Result<Self, OpenError> {
        Ok(Self {
            pool: LEDGER.readers(path, most).await?,
        })
    }

    pub(crate) async fn head(&self) -> Result<Option<(LedgerId, u64)>, ReadError> {
        let row = sqlx::query_as::<_, (String, i64)>("SELECT ledger_id, position FROM head")
            .fetch_optional(&self.pool)
            .await
            .map_err(unreadable)?;
        row.map(|(ledger, position)| Ok((id(&ledger)?, number(position)?)))
            .transpose()
    }

    pub(crate) async fn read_stream(
        &self,
        stream: &Stream,
        up_to: u64,
    ) -> Result<Vec<Stored>, ReadError> {
        let rows = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM entry \
             WHERE stream_type = ?1 AND stream_id = ?2 AND position <= ?3 ORDER BY version",
        )
        .bind(stream.stream_type.as_str())
        .bind(stream.id.to_string())
        .bind(integer(up_to))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(stored).collect()
    }

    pub(crate) async fn read(&self, after: u64, limit: u32) -> Result<Vec<Stored>, ReadError> {
        let rows = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM entry \
             WHERE position > ?1 ORDER BY position LIMIT ?2",
        )
        .bind(integer(after))
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(stored).collect()
    }

    pub(crate) async fn entry(&self, id: EntryId) -> Result<Option<Stored>, ReadError> {
        let row = sqlx::query_as::<_, EntryColumns>(
            "SELECT position, leaf_data, leaf_hash FROM entry WHERE entry_id = ?1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.map(stored).transpose()
    }

    pub(crate) async fn stream_version(&self, stream: &Stream) -> Result<u64, ReadError> {
        let version = sqlx::query_scalar::<_, i64>(
            "SELECT coalesce(max(version), 0) FROM entry \
             WHERE stream_type = ?1 AND stream_id = ?2",
        )
        .bind(stream.stream_type.as_str())
        .bind(stream.id.to_string())
        .fetch_one(&self.pool)
        .await
        .map_err(unreadable)?;
        number(version)
    }

    pub(crate) async fn idempotent(
        &self,
        scope: &str,
        key: &str,
    ) -> Result<Option<IdempotentRow>, ReadError> {
        let row = sqlx::query_as::<_, NameColumns>(
            "SELECT digest, first_position, last_position, created_at FROM idempotency \
             WHERE scope = ?1 AND key = ?2",
        )
        .bind(scope)
        .bind(key)
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.as_ref().map(name).transpose()
    }

    pub(crate) async fn api_key_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKey>, ReadError> {
        let row = sqlx::query_as::<_, KeyColumns>(
            "SELECT key_id, hash, kind, principal_id, label, issued_at, expires_at, revoked_at \
             FROM api_key WHERE hash = ?1",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable)?;
        row.map(api_key).transpose()
    }

    pub(crate) async fn api_keys(
        &self,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ReadError> {
        let rows = sqlx::query_as::<_, KeyColumns>(
            "SELECT key_id, hash, kind, principal_id, label, issued_at, expires_at, revoked_at \
             FROM api_key WHERE key_id > ?1 ORDER BY key_id LIMIT ?2",
        )
        // Every id comes after the empty text.
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(api_key).collect()
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

fn stored((position, leaf_data, leaf_hash): EntryColumns) -> Result<Stored, ReadError> {
    Ok(Stored {
        position: number(position)?,
        leaf_data,
        leaf_hash: hash(&leaf_hash)?,
    })
}

fn unreadable(error: sqlx::Error) -> ReadError {
    ReadError::Database(error.into())
}
