//! The vault: where the data keys of sealed texts are kept, wrapped, apart from the ledger.

mod postgres;
mod sqlite;

use dutyledger_record::{DataKey, KeyId, NONCE_BYTES, unwrap_key, wrap_key};
use zeroize::Zeroize;

use crate::digest::request_digest;
use crate::error::OpenError;
use crate::place::Place;
use crate::store::StoreError;
use postgres::PostgresKeys;
use sqlite::SqliteKeys;

/// Why a vault failed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The place could not be opened.
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

/// Data keys, each wrapped under one master key, in a file or a schema of their own.
///
/// Without a text's key its ciphertext is noise, so destroying the key erases the text while every
/// hash over the ciphertext still verifies.
#[derive(Debug)]
pub struct Vault {
    master: Master,
    wrapped: Wrapped,
}

/// Where the wrapped keys are.
#[derive(Debug)]
enum Wrapped {
    Sqlite(SqliteKeys),
    Postgres(PostgresKeys),
}

/// Asks whichever database it is.
macro_rules! ask {
    ($vault:expr, $question:ident($($given:expr),*)) => {
        match &$vault.wrapped {
            Wrapped::Sqlite(keys) => keys.$question($($given),*).await,
            Wrapped::Postgres(keys) => keys.$question($($given),*).await,
        }
    };
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
    /// Opens the vault at a place. A file that is new is made.
    ///
    /// # Errors
    /// When it is not a vault this program knows, or its keys are under another master key.
    pub async fn open(place: impl Into<Place>, master: DataKey) -> Result<Self, VaultError> {
        let master = Master(master);
        let wrapped = match place.into() {
            Place::Sqlite(path) => Wrapped::Sqlite(SqliteKeys::open(&path).await?),
            Place::Postgres(url) => Wrapped::Postgres(PostgresKeys::open(&url).await?),
        };
        let vault = Self { master, wrapped };
        let fingerprint = request_digest(&vault.master.0.0, &[b"dutyledger", b"fingerprint"]);
        if !ask!(vault, is_of(&fingerprint)).map_err(failed)? {
            return Err(VaultError::WrongMaster);
        }
        // Better told now than by the first text that does not open.
        if let Some((id, wrapped)) = ask!(vault, any())? {
            vault.unwrap(id, &wrapped)?.0.zeroize();
        }
        Ok(vault)
    }

    /// Whether anything is wrapped yet.
    ///
    /// # Errors
    /// When the place cannot be opened or read.
    pub async fn is_empty(place: impl Into<Place>) -> Result<bool, VaultError> {
        match place.into() {
            // A file that holds keys was made with its master key.
            Place::Sqlite(path) => Ok(!path.exists()),
            Place::Postgres(url) => Ok(PostgresKeys::open(&url).await?.any().await?.is_none()),
        }
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
        let rows: Vec<WrappedKey> = keys
            .into_iter()
            .map(|(id, mut key, nonce)| {
                let wrapped = wrap_key(&self.master.0, id, &key, nonce);
                key.0.zeroize();
                (id, wrapped.to_vec())
            })
            .collect();
        match ask!(self, insert(&rows)) {
            Ok(()) => Ok(()),
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
        let wrapped = ask!(self, get(id)).map_err(failed)?;
        wrapped.map(|wrapped| self.unwrap(id, &wrapped)).transpose()
    }

    /// Destroys a data key, and with it what is sealed under it. Tells whether it was there.
    ///
    /// In a file the row is overwritten and the log is emptied. A PostgreSQL server keeps the row's
    /// bytes until it has vacuumed the table. Copies made before, and what the file system keeps,
    /// are not within reach.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destroy(&self, id: KeyId) -> Result<bool, VaultError> {
        ask!(self, delete(id)).map_err(failed)
    }

    /// Closes the place; a file's log is emptied first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close(self) -> Result<(), VaultError> {
        match self.wrapped {
            Wrapped::Sqlite(keys) => keys.close().await.map_err(failed),
            Wrapped::Postgres(keys) => {
                keys.close().await;
                Ok(())
            }
        }
    }

    fn unwrap(&self, id: KeyId, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        unwrap_key(&self.master.0, id, wrapped).map_err(|_| VaultError::WrongMaster)
    }
}

/// A key's id, and the key wrapped.
type WrappedKey = (KeyId, Vec<u8>);

fn failed(error: impl Into<StoreError>) -> VaultError {
    VaultError::Database(error.into())
}
