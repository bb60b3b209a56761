//! Wrapped keys in a file of their own.

use std::path::Path;

use dutyledger_record::{KeyId, hex};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use super::{PAGE, VaultError, WrappedKey, failed};
use crate::error::OpenError;
use crate::lock::true_path;
use crate::sqlite::{VAULT, close};

/// How many keys are looked up at once.
const READERS: u32 = 2;

#[derive(Debug)]
pub(super) struct SqliteKeys {
    // Each change is one statement or one transaction, so a dropped future leaves it done or not
    // done. There is none where the file is open for reading alone.
    writer: Option<Mutex<SqliteConnection>>,
    readers: SqlitePool,
}

impl SqliteKeys {
    pub(super) async fn open(path: &Path) -> Result<Self, VaultError> {
        let path = true_path(path).map_err(OpenError::Io)?;
        let mut writer = VAULT.writer(&path).await?;
        // A process that was killed while it destroyed a key leaves the key in the log.
        empty_log(&mut writer).await?;
        let writer = Some(Mutex::new(writer));
        let readers = VAULT.readers(&path, READERS).await?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn open_for_reading(path: &Path) -> Result<Self, VaultError> {
        let path = true_path(path).map_err(OpenError::Io)?;
        let readers = VAULT.readers(&path, READERS).await?;
        Ok(Self {
            writer: None,
            readers,
        })
    }

    async fn writer(&self) -> Result<MutexGuard<'_, SqliteConnection>, sqlx::Error> {
        match &self.writer {
            Some(writer) => Ok(writer.lock().await),
            None => Err(sqlx::Error::Configuration(
                "the vault is open for reading alone".into(),
            )),
        }
    }

    pub(super) async fn any(&self) -> Result<Option<WrappedKey>, VaultError> {
        let any =
            sqlx::query_as::<_, (String, Vec<u8>)>("SELECT key_id, wrapped FROM data_key LIMIT 1")
                .fetch_optional(&self.readers)
                .await
                .map_err(failed)?;
        any.map(|(id, wrapped)| {
            let id = id.parse().map_err(|_| VaultError::WrongMaster)?;
            Ok((id, wrapped))
        })
        .transpose()
    }

    /// A file has one server, which tells by the keys in it.
    #[expect(clippy::unused_async, reason = "asked like the other")]
    pub(super) async fn is_of(&self, _: &[u8; 32]) -> Result<bool, sqlx::Error> {
        Ok(true)
    }

    /// Stores keys. A file has one process, so that they are wrapped under its master key.
    pub(super) async fn insert(
        &self,
        keys: &[WrappedKey],
        _: &[u8; 32],
    ) -> Result<bool, sqlx::Error> {
        let mut writer = self.writer().await?;
        sqlx::query(
            "INSERT INTO data_key (key_id, wrapped) \
             SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?1)",
        )
        .bind(rows(keys)?)
        .execute(&mut *writer)
        .await?;
        Ok(true)
    }

    pub(super) async fn get(&self, id: KeyId) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("SELECT wrapped FROM data_key WHERE key_id = ?1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
    }

    pub(super) async fn held(&self, ids: &[KeyId]) -> Result<Vec<KeyId>, sqlx::Error> {
        let held: Vec<String> = sqlx::query_scalar(
            "SELECT key_id FROM data_key WHERE key_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(list(ids)?)
        .fetch_all(&self.readers)
        .await?;
        held.iter().map(|id| key_id(id)).collect()
    }

    pub(super) async fn page(&self, after: Option<KeyId>) -> Result<Vec<WrappedKey>, VaultError> {
        let mut conn = self.readers.acquire().await.map_err(failed)?;
        page(&mut conn, after).await.map_err(failed)
    }

    /// The keys that stay go into a new table, and the old one's pages are overwritten as a whole, so
    /// that nothing hangs on what SQLite does with the places that rows were moved from.
    pub(super) async fn destroy(&self, ids: &[KeyId]) -> Result<u64, VaultError> {
        let mut writer = self.writer().await.map_err(failed)?;
        let mut all = begin(&mut writer).await.map_err(failed)?;
        let kept = sqlx::query(
            "INSERT INTO kept (key_id, wrapped) \
             SELECT key_id, wrapped FROM data_key \
             WHERE key_id NOT IN (SELECT value FROM json_each(?1)) ORDER BY key_id",
        )
        .bind(list(ids).map_err(failed)?)
        .execute(&mut *all)
        .await
        .map_err(failed)?
        .rows_affected();
        let before: i64 = sqlx::query_scalar("SELECT count(*) FROM data_key")
            .fetch_one(&mut *all)
            .await
            .map_err(failed)?;
        replace(all).await.map_err(failed)?;
        empty_log(&mut writer).await?;
        Ok(before.unsigned_abs() - kept)
    }

    /// Wraps every key anew in one transaction.
    pub(super) async fn rewrap(
        &self,
        rewrap: &mut (impl FnMut(WrappedKey) -> Result<WrappedKey, VaultError> + Send),
    ) -> Result<u64, VaultError> {
        let mut writer = self.writer().await.map_err(failed)?;
        let mut all = begin(&mut writer).await.map_err(failed)?;
        let (mut after, mut count) = (None, 0);
        loop {
            let keys = page(&mut all, after).await.map_err(failed)?;
            let Some((last, _)) = keys.last() else { break };
            after = Some(*last);
            let keys = keys.into_iter().map(&mut *rewrap);
            let keys: Vec<WrappedKey> = keys.collect::<Result<_, _>>()?;
            count += keys.len() as u64;
            sqlx::query(
                "INSERT INTO kept (key_id, wrapped) \
                 SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?1)",
            )
            .bind(rows(&keys).map_err(failed)?)
            .execute(&mut *all)
            .await
            .map_err(failed)?;
        }
        replace(all).await.map_err(failed)?;
        empty_log(&mut writer).await?;
        Ok(count)
    }

    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.readers.close().await;
        match self.writer {
            Some(writer) => close(writer.into_inner()).await,
            None => Ok(()),
        }
    }
}

/// Begins to write all keys anew, into a table of their own.
async fn begin(
    writer: &mut SqliteConnection,
) -> Result<sqlx::Transaction<'_, sqlx::Sqlite>, sqlx::Error> {
    let mut all = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "CREATE TABLE kept (key_id TEXT NOT NULL PRIMARY KEY, wrapped BLOB NOT NULL) \
         STRICT, WITHOUT ROWID",
    )
    .execute(&mut *all)
    .await?;
    Ok(all)
}

/// Puts the keys written anew in the place of the others, whose pages are overwritten
/// (`secure_delete`).
async fn replace(mut all: sqlx::Transaction<'_, sqlx::Sqlite>) -> Result<(), sqlx::Error> {
    sqlx::query("DROP TABLE data_key")
        .execute(&mut *all)
        .await?;
    sqlx::query("ALTER TABLE kept RENAME TO data_key")
        .execute(&mut *all)
        .await?;
    all.commit().await
}

/// Empties the log, which holds the pages as they were before.
async fn empty_log(writer: &mut SqliteConnection) -> Result<(), VaultError> {
    let (busy, _, _) = sqlx::query_as::<_, (bool, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(writer)
        .await
        .map_err(failed)?;
    if busy {
        return Err(VaultError::LogHeld);
    }
    Ok(())
}

async fn page(
    conn: &mut SqliteConnection,
    after: Option<KeyId>,
) -> Result<Vec<WrappedKey>, sqlx::Error> {
    let rows = sqlx::query_as::<_, (String, Vec<u8>)>(
        "SELECT key_id, wrapped FROM data_key WHERE key_id > ?1 ORDER BY key_id LIMIT ?2",
    )
    .bind(after.map_or(String::new(), |id| id.to_string()))
    .bind(PAGE)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(id, wrapped)| Ok((key_id(&id)?, wrapped)))
        .collect()
}

fn key_id(text: &str) -> Result<KeyId, sqlx::Error> {
    text.parse()
        .map_err(|_| sqlx::Error::Decode("a key's id is none".into()))
}

/// Keys as JSON: ids, and the wrapped keys in hexadecimal.
fn rows(keys: &[WrappedKey]) -> Result<String, sqlx::Error> {
    let rows: Vec<_> = keys.iter().map(|(id, key)| (id, hex(key))).collect();
    serde_json::to_string(&rows).map_err(|e| sqlx::Error::Encode(e.into()))
}

fn list(ids: &[KeyId]) -> Result<String, sqlx::Error> {
    serde_json::to_string(ids).map_err(|e| sqlx::Error::Encode(e.into()))
}
