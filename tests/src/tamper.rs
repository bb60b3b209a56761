//! Somebody who can write to a ledger's file, and does.

use std::path::Path;

use dutyledger_record::{Frontier, leaf_hash};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};

/// A ledger's file, opened behind everybody's back.
pub struct Tampered(SqliteConnection);

impl Tampered {
    /// Opens it, with everything gone that keeps entries as they are.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file);
        let mut opened = Self(options.connect().await.unwrap());
        let kept = opened
            .sql(
                "DROP TRIGGER IF EXISTS entry_is_never_changed; DROP TRIGGER IF EXISTS entry_is_never_removed; \
                 DROP TRIGGER IF EXISTS entry_is_only_appended; DROP TRIGGER IF EXISTS root_is_never_changed; \
                 DROP TRIGGER IF EXISTS root_is_never_removed; DROP TRIGGER IF EXISTS root_is_only_appended; \
                 PRAGMA ignore_check_constraints = ON",
            )
            .await;
        assert_eq!(kept, 0);
        opened
    }

    /// Runs statements, and tells how many rows they changed.
    ///
    /// # Panics
    /// When they fail.
    pub async fn sql(&mut self, statements: &'static str) -> u64 {
        let done = sqlx::raw_sql(statements).execute(&mut self.0).await;
        done.unwrap().rows_affected()
    }

    /// The position of the first entry whose text has this in it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn first_with(&mut self, text: &str) -> u64 {
        let found: i64 =
            sqlx::query_scalar("SELECT min(position) FROM entry WHERE instr(leaf_data, ?1) > 0")
                .bind(text)
                .fetch_one(&mut self.0)
                .await
                .unwrap();
        found.unsigned_abs()
    }

    /// Writes another text in the place of an entry's, with the hash of it.
    ///
    /// # Panics
    /// When there is no such entry, or the text is the same.
    pub async fn forge(&mut self, position: u64, forged: impl Fn(&str) -> String) {
        let at = i64::try_from(position).unwrap();
        let text: String = sqlx::query_scalar("SELECT leaf_data FROM entry WHERE position = ?1")
            .bind(at)
            .fetch_one(&mut self.0)
            .await
            .unwrap();
        let new = forged(&text);
        assert_ne!(text, new, "it is changed");
        sqlx::query("UPDATE entry SET leaf_data = ?1, leaf_hash = ?2 WHERE position = ?3")
            .bind(&new)
            .bind(leaf_hash(&new).to_vec())
            .bind(at)
            .execute(&mut self.0)
            .await
            .unwrap();
    }

    /// Makes every root, and the head, what the hashes now say: by itself nothing is wrong with the
    /// ledger then.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn recompute(&mut self) {
        let hashes = sqlx::query("SELECT position, leaf_hash FROM entry ORDER BY position")
            .fetch_all(&mut self.0)
            .await
            .unwrap();
        let mut frontier = Frontier::empty();
        for row in hashes {
            let hash: Vec<u8> = row.get(1);
            frontier.push(hash.try_into().unwrap());
            sqlx::query("UPDATE root SET root = ?1 WHERE position = ?2")
                .bind(frontier.root().to_vec())
                .bind(row.get::<i64, _>(0))
                .execute(&mut self.0)
                .await
                .unwrap();
        }
        sqlx::query("UPDATE head SET frontier = ?1")
            .bind(frontier.to_bytes())
            .execute(&mut self.0)
            .await
            .unwrap();
    }

    /// The connection, for what else is done to the file.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }

    /// Closes the file.
    ///
    /// # Panics
    /// When it cannot be closed.
    pub async fn close(self) {
        self.0.close().await.unwrap();
    }
}
