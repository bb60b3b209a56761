//! SQLite: how its files are opened, for writing by one and for reading by many.

mod reads;
mod rows;
mod store;

use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use crate::error::OpenError;
use crate::file::beside;
pub(crate) use reads::{Columns, SqliteReads};
pub(crate) use store::SqliteStore;

/// Where the header of a file says whether it is written through a log: in two bytes, both 2 if it is.
const LOGGED_AT: u64 = 18;

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A kind of file: what tells it from others, and what brings it up to date.
pub(crate) struct Schema {
    /// What to call it in a message.
    what: &'static str,
    /// The application id in its header.
    application_id: i64,
    migrator: Migrator,
}

pub(crate) static LEDGER: Schema = Schema {
    what: "ledger",
    application_id: 0x444C_6467,
    migrator: sqlx::migrate!("../../schemas/sql/sqlite/ledger"),
};

pub(crate) static VAULT: Schema = Schema {
    what: "vault",
    application_id: 0x444C_7674,
    migrator: sqlx::migrate!("../../schemas/sql/sqlite/vault"),
};

impl Schema {
    /// The version of the newest schema this program knows.
    fn known(&self) -> i64 {
        self.migrator
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or(0)
    }

    /// The version of the schema the file has; 0 for a file without one.
    async fn found(&self, path: &Path, conn: &mut SqliteConnection) -> Result<i64, OpenError> {
        let (application_id, found, foreign) = sqlx::query_as::<_, (i64, i64, bool)>(
            "SELECT (SELECT application_id FROM pragma_application_id), \
                    (SELECT user_version FROM pragma_user_version), \
                    EXISTS (SELECT 1 FROM sqlite_schema WHERE tbl_name <> '_sqlx_migrations')",
        )
        .fetch_one(conn)
        .await
        .map_err(OpenError::database)?;
        let unclaimed = application_id == 0 && found == 0 && !foreign;
        if application_id != self.application_id && !unclaimed {
            return Err(OpenError::Foreign {
                place: path.display().to_string(),
                what: self.what,
            });
        }
        let known = self.known();
        if found > known {
            return Err(OpenError::NewerSchema {
                path: path.to_owned(),
                found,
                known,
            });
        }
        Ok(found)
    }

    /// Opens a file for its one writer, making it or bringing it up to date.
    pub(crate) async fn writer(&self, path: &Path) -> Result<SqliteConnection, OpenError> {
        refuse_foreign_log(path)?;
        let mut conn = options(path)
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Full)
            // What is removed is overwritten: an API key's label, a wrapped data key.
            .pragma("secure_delete", "ON")
            .connect()
            .await
            .map_err(OpenError::database)?;
        // Nothing is written, not even the journal mode, before the file is known to be ours.
        self.found(path, &mut conn).await?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL")
            .fetch_one(&mut conn)
            .await
            .map_err(OpenError::database)?;
        if mode != "wal" {
            return Err(OpenError::database(
                "the file system does not support a write-ahead log",
            ));
        }
        self.migrator
            .run_direct(None, &mut conn, false)
            .await
            .map_err(|error| match error {
                MigrateError::VersionMissing(found) => OpenError::NewerSchema {
                    path: path.to_owned(),
                    found,
                    known: self.known(),
                },
                other => OpenError::database(other),
            })?;
        Ok(conn)
    }

    /// Opens a file for one reader that may write other files, beside whoever writes this one.
    pub(crate) async fn reader(&self, path: &Path) -> Result<SqliteConnection, OpenError> {
        refuse_foreign_log(path)?;
        let mut conn = options(path)
            .read_only(true)
            .connect()
            .await
            .map_err(OpenError::database)?;
        self.current(path, &mut conn).await?;
        Ok(conn)
    }

    /// Refuses a file whose schema is not the newest.
    async fn current(&self, path: &Path, conn: &mut SqliteConnection) -> Result<(), OpenError> {
        let (found, known) = (self.found(path, conn).await?, self.known());
        if found < known {
            return Err(OpenError::OlderSchema {
                path: path.to_owned(),
                found,
                known,
            });
        }
        Ok(())
    }

    /// Opens a file for reading, beside whoever writes it.
    pub(crate) async fn readers(&self, path: &Path, most: u32) -> Result<SqlitePool, OpenError> {
        refuse_foreign_log(path)?;
        let options = options(path).read_only(true).pragma("query_only", "ON");
        let pool = SqlitePoolOptions::new()
            .max_connections(most.max(1))
            // A connection to a file does not go stale.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(OpenError::database)?;
        let mut conn = pool.acquire().await.map_err(OpenError::database)?;
        self.current(path, &mut conn).await?;
        drop(conn);
        Ok(pool)
    }
}

/// Refuses a file that was put in the place of another whose log stayed. SQLite takes whatever log it
/// finds for the file's own, and would write what the other file held over parts of this one. A backup
/// says in its header that it has no log; a file of ours says that it has one before there is any.
fn refuse_foreign_log(path: &Path) -> Result<(), OpenError> {
    let log = beside(path, "-wal");
    // The log is looked at first: another process may be making both just now.
    if !log.metadata().is_ok_and(|log| log.len() > 0) || is_logged(path)? {
        return Ok(());
    }
    Err(OpenError::ForeignLog {
        path: path.to_owned(),
        log,
    })
}

/// Whether the header of a file says that it is written through a log. Of what is not there, or holds
/// nothing yet, there is no log either.
fn is_logged(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    let mut logged = [0; 2];
    let read = file.read_exact_at(&mut logged, LOGGED_AT);
    // A process that closes any handle to a file loses all its locks on it, also those of connections
    // it has open already. So this one stays open.
    mem::forget(file);
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| logged == [2, 2]),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Moves from the write-ahead log into the file what no reader still needs there.
pub(crate) async fn move_from_log(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
        .execute(conn)
        .await?;
    Ok(())
}

/// Moves everything from the write-ahead log into the file and empties the log.
pub(crate) async fn checkpoint(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes durable whatever the log holds. Where a reader keeps it from being emptied, the log itself
/// is synced.
pub(crate) async fn settle(path: &Path, conn: &mut SqliteConnection) -> Result<(), OpenError> {
    let (busy, _, _) = sqlx::query_as::<_, (bool, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(conn)
        .await
        .map_err(OpenError::database)?;
    if busy {
        // SQLite takes no locks on this file, so that closing a handle to it costs none.
        File::open(beside(path, "-wal"))?.sync_data()?;
    }
    Ok(())
}

/// Empties the log and closes the file.
pub(crate) async fn close(mut conn: SqliteConnection) -> Result<(), sqlx::Error> {
    checkpoint(&mut conn).await?;
    conn.close().await
}
