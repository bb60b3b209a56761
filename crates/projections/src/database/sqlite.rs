//! How the file is opened, for writing by one and for reading by many.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};

use super::{Pool, READERS, SCHEMA};
use crate::error::OpenError;

/// The application id in the file's header.
const APPLICATION_ID: i64 = 0x444C_7072;
/// How long a statement waits for another that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite's code for a file that another connection holds.
const BUSY: &str = "5";

static MIGRATOR: Migrator = sqlx::migrate!("../../schemas/sql/sqlite/projections");

/// Opens a file for its one writer, making it if it is new.
pub(crate) async fn writer(path: &Path) -> Result<Pool, OpenError> {
    let options = options(path)
        .create_if_missing(true)
        // The file can be made anew, so a commit need not wait for the disk. With a write-ahead
        // log, a power cut may take the last commits with it, rows and checkpoint together, and
        // never damages the file.
        .synchronous(SqliteSynchronous::Normal);
    let pool = connections(1)
        .connect_with(options)
        .await
        .map_err(OpenError::database)?;
    let prepared = prepare(path, &pool).await;
    if prepared.is_err() {
        // Whoever is told so may make the file anew at once.
        pool.close().await;
    }
    prepared.map(|()| Pool::Sqlite(pool))
}

/// Makes a file ready for its writer.
async fn prepare(path: &Path, pool: &SqlitePool) -> Result<(), OpenError> {
    let mut conn = pool.acquire().await.map_err(OpenError::database)?;
    // Nothing is written, not even the journal mode, before the file is known to be ours.
    let found = schema_of(path, &mut conn).await?;
    if let Some(found) = found.filter(|found| *found != SCHEMA) {
        return Err(OpenError::OtherSchema {
            place: path.into(),
            found,
            known: SCHEMA,
        });
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL")
        .fetch_one(&mut *conn)
        .await
        .map_err(OpenError::database)?;
    if mode != "wal" {
        return Err(OpenError::database(
            "the file system does not support a write-ahead log",
        ));
    }
    if found.is_none() {
        MIGRATOR
            .run_direct(None, &mut *conn, false)
            .await
            .map_err(OpenError::database)?;
    }
    Ok(())
}

/// The schema of a file; none for an empty one.
async fn schema_of(path: &Path, conn: &mut SqliteConnection) -> Result<Option<i64>, OpenError> {
    let (application_id, schema, foreign) = sqlx::query_as::<_, (i64, i64, bool)>(
        "SELECT (SELECT application_id FROM pragma_application_id), \
                (SELECT user_version FROM pragma_user_version), \
                EXISTS (SELECT 1 FROM sqlite_schema WHERE tbl_name <> '_sqlx_migrations')",
    )
    .fetch_one(conn)
    .await
    .map_err(OpenError::database)?;
    match application_id {
        APPLICATION_ID => Ok(Some(schema)),
        0 if schema == 0 && !foreign => Ok(None),
        _ => Err(OpenError::Foreign {
            path: path.to_owned(),
        }),
    }
}

/// Makes sure that the file at a path is one of projections, of whatever schema, or none, before it
/// is replaced; and moves everything from its log into it, so that no log is left beside it.
pub(crate) async fn settle(path: &Path) -> Result<(), OpenError> {
    if !path.try_exists()? {
        return Ok(());
    }
    let foreign = || OpenError::Foreign {
        path: path.to_owned(),
    };
    // Only read until it is known to be ours: even closing a file may write to it.
    let reading = options(path).read_only(true).connect().await;
    let mut conn = reading.map_err(|_| foreign())?;
    let ours = schema_of(path, &mut conn).await;
    let closed = conn.close().await;
    ours.map_err(|error| match error {
        // It is not even a database.
        OpenError::Database(_) => foreign(),
        other => other,
    })?;
    closed.map_err(OpenError::database)?;
    let mut conn = options(path).connect().await.map_err(OpenError::database)?;
    let settled = sqlx::query("PRAGMA journal_mode = DELETE")
        .execute(&mut conn)
        .await;
    settled.map_err(
        |error| match error.as_database_error().and_then(|e| e.code()) {
            // Somebody else reads or writes it, or is about to close it.
            Some(code) if code == BUSY => OpenError::InUse {
                path: path.to_owned(),
            },
            _ => OpenError::database(error),
        },
    )?;
    conn.close().await.map_err(OpenError::database)
}

/// Opens a file the writer has made, for reading beside it.
pub(crate) async fn readers(path: &Path) -> Result<Pool, OpenError> {
    let options = options(path).read_only(true).pragma("query_only", "ON");
    let pool = connections(READERS).connect_with(options).await;
    Ok(Pool::Sqlite(pool.map_err(OpenError::database)?))
}

fn connections(most: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(most)
        // A connection to a file does not go stale.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}
