//! Wrapped keys in a schema of their own, beside the ledger's and left out of its dump.

use dutyledger_record::KeyId;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::{VaultError, WrappedKey, failed};
use crate::place::PostgresUrl;
use crate::postgres::{KEYS, pool};

/// How many keys are stored and looked up at once.
const CONNECTIONS: u32 = 4;

#[derive(Debug)]
pub(super) struct PostgresKeys {
    // Each change is one statement on its own, so a dropped future leaves it done or not done.
    pool: PgPool,
}

impl PostgresKeys {
    pub(super) async fn open(url: &PostgresUrl) -> Result<Self, VaultError> {
        Ok(Self {
            pool: pool(url, &KEYS, CONNECTIONS).await?,
        })
    }

    pub(super) async fn any(&self) -> Result<Option<WrappedKey>, VaultError> {
        let any = sqlx::query_as::<_, (Uuid, Vec<u8>)>(
            "SELECT key_id, wrapped FROM keys.data_key LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?;
        Ok(any.map(|(id, wrapped)| (KeyId::new(id), wrapped)))
    }

    /// Whether the master key is the one the first server had; the first server's is kept.
    pub(super) async fn is_of(&self, fingerprint: &[u8; 32]) -> Result<bool, sqlx::Error> {
        sqlx::query(
            "INSERT INTO keys.master (one, fingerprint) VALUES (1, $1) ON CONFLICT DO NOTHING",
        )
        .bind(fingerprint.as_slice())
        .execute(&self.pool)
        .await?;
        sqlx::query_scalar("SELECT fingerprint = $1 FROM keys.master")
            .bind(fingerprint.as_slice())
            .fetch_one(&self.pool)
            .await
    }

    pub(super) async fn insert(&self, keys: &[WrappedKey]) -> Result<(), sqlx::Error> {
        let ids: Vec<Uuid> = keys.iter().map(|(id, _)| id.uuid()).collect();
        let wrapped: Vec<&[u8]> = keys.iter().map(|(_, key)| key.as_slice()).collect();
        sqlx::query(
            "INSERT INTO keys.data_key (key_id, wrapped) \
             SELECT * FROM unnest($1::uuid[], $2::bytea[])",
        )
        .bind(ids)
        .bind(wrapped)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(super) async fn get(&self, id: KeyId) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("SELECT wrapped FROM keys.data_key WHERE key_id = $1")
            .bind(id.uuid())
            .fetch_optional(&self.pool)
            .await
    }

    pub(super) async fn delete(&self, id: KeyId) -> Result<bool, sqlx::Error> {
        let removed = sqlx::query("DELETE FROM keys.data_key WHERE key_id = $1")
            .bind(id.uuid())
            .execute(&self.pool)
            .await?;
        Ok(removed.rows_affected() > 0)
    }

    pub(super) async fn close(self) {
        self.pool.close().await;
    }
}
