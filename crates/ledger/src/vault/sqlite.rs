//! Wrapped keys in a file of their own.

use std::path::Path;

use dutyledger_record::{KeyId, hex};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use super::{VaultError, WrappedKey, failed};
use crate::error::OpenError;
use crate::lock::true_path;
use crate::sqlite::{VAULT, checkpoint, close};

/// How many keys are looked up at once.
const READERS: u32 = 2;

#[derive(Debug)]
pub(super) struct SqliteKeys {
    // Each change is one statement on its own, so a dropped future leaves it done or not done.
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
}

impl SqliteKeys {
    pub(super) async fn open(path: &Path) -> Result<Self, VaultError> {
        let path = true_path(path).map_err(OpenError::Io)?;
        let writer = Mutex::new(VAULT.writer(&path).await?);
        let readers = VAULT.readers(&path, READERS).await?;
        Ok(Self { writer, readers })
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

    pub(super) async fn insert(&self, keys: &[WrappedKey]) -> Result<(), sqlx::Error> {
        let rows: Vec<_> = keys.iter().map(|(id, key)| (id, hex(key))).collect();
        let rows = serde_json::to_string(&rows).map_err(|e| sqlx::Error::Encode(e.into()))?;
        let mut writer = self.writer.lock().await;
        sqlx::query(
            "INSERT INTO data_key (key_id, wrapped) \
             SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?1)",
        )
        .bind(rows)
        .execute(&mut *writer)
        .await?;
        Ok(())
    }

    pub(super) async fn get(&self, id: KeyId) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("SELECT wrapped FROM data_key WHERE key_id = ?1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
    }

    pub(super) async fn delete(&self, id: KeyId) -> Result<bool, sqlx::Error> {
        let mut writer = self.writer.lock().await;
        let removed = sqlx::query("DELETE FROM data_key WHERE key_id = ?1")
            .bind(id.to_string())
            .execute(&mut *writer)
            .await?;
        checkpoint(&mut writer).await?;
        Ok(removed.rows_affected() > 0)
    }

    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.readers.close().await;
        close(self.writer.into_inner()).await
    }
}
