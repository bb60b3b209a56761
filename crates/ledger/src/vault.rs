//! The vault: where the data keys of sealed texts are kept, wrapped, apart from the ledger.

mod postgres;
mod sqlite;

use std::collections::BTreeSet;

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
    /// The log of a file could not be emptied, and may hold what was destroyed or replaced.
    #[error(
        "something reads the vault's file, so that its log could not be emptied, which may hold keys \
         as they were before: end what reads it, and try again"
    )]
    LogHeld,
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
        let fingerprint = fingerprint(&vault.master);
        if !ask!(vault, is_of(&fingerprint)).map_err(failed)? {
            return Err(VaultError::WrongMaster);
        }
        vault.tried().await
    }

    /// Opens the vault at a place for reading alone, beside whoever writes it. Nothing is made.
    ///
    /// # Errors
    /// When there is none, or it is not one this program knows, or its keys are under another master
    /// key.
    pub async fn open_for_reading(
        place: impl Into<Place>,
        master: DataKey,
    ) -> Result<Self, VaultError> {
        let master = Master(master);
        let wrapped = match place.into() {
            Place::Sqlite(path) => Wrapped::Sqlite(SqliteKeys::open_for_reading(&path).await?),
            Place::Postgres(url) => Wrapped::Postgres(PostgresKeys::open(&url).await?),
        };
        Self { master, wrapped }.tried().await
    }

    /// The vault, if a key in it opens: better told now than by the first text that does not.
    async fn tried(self) -> Result<Self, VaultError> {
        if let Some((id, wrapped)) = ask!(self, any())? {
            self.unwrap(id, &wrapped)?.0.zeroize();
        }
        Ok(self)
    }

    /// Whether there is a key in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn holds_any(&self) -> Result<bool, VaultError> {
        Ok(ask!(self, any())?.is_some())
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
        let fingerprint = fingerprint(&self.master);
        match ask!(self, insert(&rows, &fingerprint)) {
            Ok(true) => Ok(()),
            // Another put a new master key in the place of this one since.
            Ok(false) => Err(VaultError::WrongMaster),
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

    /// Which of these data keys are there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held(&self, ids: &[KeyId]) -> Result<Vec<KeyId>, VaultError> {
        ask!(self, held(ids)).map_err(failed)
    }

    /// Destroys data keys, and with them what is sealed under them. Tells how many were there.
    ///
    /// The keys that stay are written anew and the others' place is overwritten or given up, at
    /// once, so that nothing hangs on where a database moved rows to and from. On PostgreSQL
    /// the server's own log holds what was stored until its segments are used again. Copies made
    /// before, and what the file system keeps, are not within reach.
    ///
    /// # Errors
    /// When the database fails. The keys are gone, or all are there, or it says so.
    pub async fn destroy(&self, ids: &[KeyId]) -> Result<u64, VaultError> {
        ask!(self, destroy(ids))
    }

    /// Wraps every data key under another master key, all of them or none, and goes on under that
    /// one. Nothing wrapped under the old one stays in the database.
    ///
    /// # Errors
    /// When the database fails, or a key does not open.
    pub async fn rotate(
        &mut self,
        master: DataKey,
        mut nonce: impl FnMut() -> [u8; NONCE_BYTES] + Send,
    ) -> Result<u64, VaultError> {
        let (old, new) = (&self.master, Master(master));
        let mut rewrap = |(id, wrapped): WrappedKey| {
            let mut key = unwrap_key(&old.0, id, &wrapped).map_err(|_| VaultError::WrongMaster)?;
            let wrapped = wrap_key(&new.0, id, &key, nonce());
            key.0.zeroize();
            Ok((id, wrapped))
        };
        let fingerprint = fingerprint(&new);
        let rotated = match &self.wrapped {
            Wrapped::Sqlite(keys) => keys.rewrap(&mut rewrap).await,
            Wrapped::Postgres(keys) => keys.rewrap(&mut rewrap, &fingerprint).await,
        }?;
        self.master = new;
        Ok(rotated)
    }

    /// Copies every data key to another vault that lacks it, save those that are not to be there any
    /// more. Tells how many were copied.
    ///
    /// # Errors
    /// When a database fails, or a key does not open.
    pub async fn copy_to(
        &self,
        to: &Self,
        without: &BTreeSet<KeyId>,
        mut nonce: impl FnMut() -> [u8; NONCE_BYTES] + Send,
    ) -> Result<u64, VaultError> {
        let (mut after, mut copied) = (None, 0);
        loop {
            let mut page = ask!(self, page(after))?;
            let Some((last, _)) = page.last() else {
                return Ok(copied);
            };
            after = Some(*last);
            page.retain(|(id, _)| !without.contains(id));
            let ids: Vec<KeyId> = page.iter().map(|(id, _)| *id).collect();
            let there: BTreeSet<KeyId> = to.held(&ids).await?.into_iter().collect();
            page.retain(|(id, _)| !there.contains(id));
            let mut keys = Vec::with_capacity(page.len());
            for (id, wrapped) in page {
                keys.push((id, self.unwrap(id, &wrapped)?, nonce()));
            }
            copied += keys.len() as u64;
            if !keys.is_empty() {
                to.store(keys).await?;
            }
        }
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

/// How many keys are read at once.
const PAGE: i64 = 1_000;

/// By what a master key is known.
fn fingerprint(master: &Master) -> [u8; 32] {
    request_digest(&master.0.0, &[b"dutyledger", b"fingerprint"])
}

fn failed(error: impl Into<StoreError>) -> VaultError {
    VaultError::Database(error.into())
}
