//! Wrapped keys in a schema of their own, beside the ledger's and left out of its dump.

use dutyledger_record::KeyId;
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

use super::{PAGE, VaultError, WrappedKey, failed};
use crate::place::PostgresUrl;
use crate::postgres::{KEYS, pool};
use crate::reader::GOODBYE;

/// How many keys are stored and looked up at once.
const CONNECTIONS: u32 = 4;

#[derive(Debug)]
pub(super) struct PostgresKeys {
    // Each change is one statement or one transaction, so a dropped future leaves it done or not
    // done.
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

    /// Stores keys, if they are wrapped under the master key of this vault.
    pub(super) async fn insert(
        &self,
        keys: &[WrappedKey],
        fingerprint: &[u8; 32],
    ) -> Result<bool, sqlx::Error> {
        let ids: Vec<Uuid> = keys.iter().map(|(id, _)| id.uuid()).collect();
        let wrapped: Vec<&[u8]> = keys.iter().map(|(_, key)| key.as_slice()).collect();
        let stored = sqlx::query(
            "INSERT INTO keys.data_key (key_id, wrapped) \
             SELECT * FROM unnest($1::uuid[], $2::bytea[]) \
             WHERE EXISTS (SELECT FROM keys.master WHERE fingerprint = $3)",
        )
        .bind(ids)
        .bind(wrapped)
        .bind(fingerprint.as_slice())
        .execute(&self.pool)
        .await?;
        Ok(stored.rows_affected() == keys.len() as u64)
    }

    pub(super) async fn get(&self, id: KeyId) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("SELECT wrapped FROM keys.data_key WHERE key_id = $1")
            .bind(id.uuid())
            .fetch_optional(&self.pool)
            .await
    }

    pub(super) async fn held(&self, ids: &[KeyId]) -> Result<Vec<KeyId>, sqlx::Error> {
        let held: Vec<Uuid> =
            sqlx::query_scalar("SELECT key_id FROM keys.data_key WHERE key_id = ANY ($1)")
                .bind(uuids(ids))
                .fetch_all(&self.pool)
                .await?;
        Ok(held.into_iter().map(KeyId::new).collect())
    }

    pub(super) async fn page(&self, after: Option<KeyId>) -> Result<Vec<WrappedKey>, VaultError> {
        let mut conn = self.pool.acquire().await.map_err(failed)?;
        page(&mut conn, after).await.map_err(failed)
    }

    pub(super) async fn destroy(&self, ids: &[KeyId]) -> Result<u64, VaultError> {
        let removed: i64 = sqlx::query_scalar("SELECT keys.destroy($1)")
            .bind(uuids(ids))
            .fetch_one(&self.pool)
            .await
            .map_err(failed)?;
        Ok(removed.unsigned_abs())
    }

    /// Wraps every key anew in one transaction, which keeps whoever stores keys out meanwhile.
    pub(super) async fn rewrap(
        &self,
        rewrap: &mut (impl FnMut(WrappedKey) -> Result<WrappedKey, VaultError> + Send),
        fingerprint: &[u8; 32],
    ) -> Result<u64, VaultError> {
        let mut all = self.pool.begin().await.map_err(failed)?;
        sqlx::query("SELECT keys.hold()")
            .execute(&mut *all)
            .await
            .map_err(failed)?;
        let mut after = None;
        loop {
            let keys = page(&mut all, after).await.map_err(failed)?;
            let Some((last, _)) = keys.last() else { break };
            after = Some(*last);
            let (mut ids, mut wrapped) = (Vec::new(), Vec::new());
            for key in keys {
                let (id, key) = rewrap(key)?;
                ids.push(id.uuid());
                wrapped.push(key);
            }
            sqlx::query(
                "INSERT INTO keys.rewrapped (key_id, wrapped) \
                 SELECT * FROM unnest($1::uuid[], $2::bytea[])",
            )
            .bind(ids)
            .bind(wrapped)
            .execute(&mut *all)
            .await
            .map_err(failed)?;
        }
        let adopted: i64 = sqlx::query_scalar("SELECT keys.adopt($1)")
            .bind(fingerprint.as_slice())
            .fetch_one(&mut *all)
            .await
            .map_err(failed)?;
        all.commit().await.map_err(failed)?;
        Ok(adopted.unsigned_abs())
    }

    pub(super) async fn close(self) {
        // What hears nothing any more is not waited for.
        let _ = tokio::time::timeout(GOODBYE, self.pool.close()).await;
    }
}

fn uuids(ids: &[KeyId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}

async fn page(
    conn: &mut PgConnection,
    after: Option<KeyId>,
) -> Result<Vec<WrappedKey>, sqlx::Error> {
    let rows = sqlx::query_as::<_, (Uuid, Vec<u8>)>(
        "SELECT key_id, wrapped FROM keys.data_key WHERE key_id > $1 ORDER BY key_id LIMIT $2",
    )
    .bind(after.map_or(Uuid::nil(), |id| id.uuid()))
    .bind(PAGE)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, wrapped)| (KeyId::new(id), wrapped))
        .collect())
}
