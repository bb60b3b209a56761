//! The vault: where the data keys of sealed texts are kept, wrapped, apart from the ledger.

use std::path::Path;

use dutyledger_record::{DataKey, KeyId, NONCE_BYTES, unwrap_key, wrap_key};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tokio::sync::Mutex;
use zeroize::Zeroize;

use crate::error::OpenError;
use crate::lock::true_path;
use crate::sqlite::{VAULT, checkpoint, close};
use crate::store::StoreError;

/// How many keys are looked up at once.
const READERS: u32 = 2;

/// Why a vault failed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The keys in it are wrapped under another master key, or were altered.
    #[error("the vault's keys do not open under this master key")]
    WrongMaster,
    /// A key of the same id is in it already. Nothing was stored.
    #[error("the vault holds a key of this id already")]
    KeyTwice,
    /// The database failed.
    #[error("the vault failed: {0}")]
    Database(#[source] StoreError),
}

/// Data keys, each wrapped under one master key, in a file of their own.
///
/// Without a text's key its ciphertext is noise, so destroying the key erases the text while every
/// hash over the ciphertext still verifies.
#[derive(Debug)]
pub struct Vault {
    master: Master,
    // Each change is one statement on its own, so a dropped future leaves it done or not done.
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
}

/// The master key, wiped when the vault goes.
#[derive(Debug)]
struct Master(DataKey);

impl Drop for Master {
    fn drop(&mut self) {
        self.0.0.zeroize();
    }
}

impl Vault {
    /// Opens the vault at `path`, or makes it.
    ///
    /// # Errors
    /// When the file is not a vault this program knows, or its keys are under another master key.
    pub async fn open(path: &Path, master: DataKey) -> Result<Self, VaultError> {
        let master = Master(master);
        let path = true_path(path).map_err(OpenError::Io)?;
        let writer = Mutex::new(VAULT.writer(&path).await?);
        let readers = VAULT.readers(&path, READERS).await?;
        let vault = Self {
            master,
            writer,
            readers,
        };
        // Better told now than by the first text that does not open.
        let any =
            sqlx::query_as::<_, (String, Vec<u8>)>("SELECT key_id, wrapped FROM data_key LIMIT 1")
                .fetch_optional(&vault.readers)
                .await
                .map_err(failed)?;
        if let Some((id, wrapped)) = any {
            let id = id.parse().map_err(|_| VaultError::WrongMaster)?;
            vault.unwrap(id, &wrapped)?.0.zeroize();
        }
        Ok(vault)
    }

    /// Stores data keys, each wrapped with a nonce never used before. They are durable once this
    /// returns, and all of them are stored or none.
    ///
    /// # Errors
    /// When a key of the same id is there already, or the database fails.
    pub async fn store(
        &self,
        keys: Vec<(KeyId, DataKey, [u8; NONCE_BYTES])>,
    ) -> Result<(), VaultError> {
        let rows: Vec<(KeyId, String)> = keys
            .into_iter()
            .map(|(id, mut key, nonce)| {
                let wrapped = wrap_key(&self.master.0, id, &key, nonce);
                key.0.zeroize();
                (
                    id,
                    wrapped.iter().map(|byte| format!("{byte:02x}")).collect(),
                )
            })
            .collect();
        let rows = serde_json::to_string(&rows).map_err(failed)?;
        let mut writer = self.writer.lock().await;
        let stored = sqlx::query(
            "INSERT INTO data_key (key_id, wrapped) \
             SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?1)",
        )
        .bind(rows)
        .execute(&mut *writer)
        .await;
        match stored {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(VaultError::KeyTwice)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// A data key, if the vault has it.
    ///
    /// # Errors
    /// When it is wrapped under another master key, or the database fails.
    pub async fn load(&self, id: KeyId) -> Result<Option<DataKey>, VaultError> {
        let wrapped =
            sqlx::query_scalar::<_, Vec<u8>>("SELECT wrapped FROM data_key WHERE key_id = ?1")
                .bind(id.to_string())
                .fetch_optional(&self.readers)
                .await
                .map_err(failed)?;
        wrapped.map(|wrapped| self.unwrap(id, &wrapped)).transpose()
    }

    /// Destroys a data key, and with it what is sealed under it. Tells whether it was there.
    ///
    /// The row is overwritten in the file and the log is emptied; copies of the file made before,
    /// and what the file system keeps, are not within reach.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destroy(&self, id: KeyId) -> Result<bool, VaultError> {
        let mut writer = self.writer.lock().await;
        let removed = sqlx::query("DELETE FROM data_key WHERE key_id = ?1")
            .bind(id.to_string())
            .execute(&mut *writer)
            .await
            .map_err(failed)?;
        checkpoint(&mut writer).await.map_err(failed)?;
        Ok(removed.rows_affected() > 0)
    }

    /// Empties the log and closes the file.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close(self) -> Result<(), VaultError> {
        self.readers.close().await;
        close(self.writer.into_inner()).await.map_err(failed)
    }

    fn unwrap(&self, id: KeyId, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        unwrap_key(&self.master.0, id, wrapped).map_err(|_| VaultError::WrongMaster)
    }
}

fn failed(error: impl Into<StoreError>) -> VaultError {
    VaultError::Database(error.into())
}
