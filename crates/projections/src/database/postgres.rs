//! How the rows in PostgreSQL are reached, and how their tables are made.

use std::time::Duration;

use dutyledger_ledger::{Place, PostgresUrl};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use super::{Pool, READERS, SCHEMA, sql};
use crate::error::{MigrateError, OpenError};

/// How long PostgreSQL waits inside a transaction before it ends it: a process that was stopped in one
/// must not hold rows for ever. It is shorter than a turn.
const STALLED: Duration = Duration::from_secs(5);
/// How long a statement waits for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long any one statement may take. A server that falls silent is noticed by the ledger's own
/// writer, which ends the process.
const STATEMENT: Duration = Duration::from_secs(60);
/// The same, where the rows are made anew: one statement empties a table of them all.
const STATEMENT_OF_REBUILD: Duration = Duration::from_secs(15 * 60);
/// The same, within a rebuild: between its statements it reads and folds a good part of the ledger.
const STALLED_REBUILD: Duration = Duration::from_secs(60);

static MIGRATOR: Migrator = sqlx::migrate!("../../schemas/sql/postgres/projections");

/// Opens the rows for the process's one writer.
pub(crate) async fn writer(url: &PostgresUrl) -> Result<Pool, OpenError> {
    // The rows can be made anew, so a commit need not wait for the disk: a crash of the server may
    // take the last commits with it, rows and checkpoint together.
    let options = options(url)?.options([("synchronous_commit", "off")]);
    checked(url, connect(1, options, STATEMENT, STALLED).await?).await
}

/// Opens the rows for making them anew, which may take its time in one transaction.
pub(crate) async fn builder(url: &PostgresUrl) -> Result<Pool, OpenError> {
    let rows = connect(1, options(url)?, STATEMENT_OF_REBUILD, STALLED_REBUILD);
    checked(url, rows.await?).await
}

/// Makes sure that the rows have this program's shape.
async fn checked(url: &PostgresUrl, pool: Pool) -> Result<Pool, OpenError> {
    let shape = pool
        .optional::<(i64,)>(sql("SELECT number FROM shape"))
        .await;
    match shape {
        Ok(Some((SCHEMA,))) => Ok(pool),
        Ok(Some((found,))) => Err(OpenError::OtherSchema {
            place: Place::Postgres(url.clone()),
            found,
            known: SCHEMA,
        }),
        Err(error) if !absent(&error) => Err(OpenError::database(error)),
        Ok(None) | Err(_) => Err(OpenError::Unmigrated {
            place: Place::Postgres(url.clone()),
        }),
    }
}

/// Opens the rows for reading.
pub(crate) async fn readers(url: &PostgresUrl) -> Result<Pool, OpenError> {
    let options = options(url)?.options([("default_transaction_read_only", "on")]);
    connect(READERS, options, STATEMENT, STALLED).await
}

async fn connect(
    most: u32,
    options: PgConnectOptions,
    statement: Duration,
    stalled: Duration,
) -> Result<Pool, OpenError> {
    let options = options.options([
        ("statement_timeout", statement.as_millis()),
        ("idle_in_transaction_session_timeout", stalled.as_millis()),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(CONNECT)
        .connect_with(options)
        .await;
    Ok(Pool::Postgres(pool.map_err(OpenError::database)?))
}

fn options(url: &PostgresUrl) -> Result<PgConnectOptions, OpenError> {
    let options: PgConnectOptions = url.reveal().parse().map_err(OpenError::database)?;
    Ok(within(options))
}

/// Statements name tables without their schema, as they do on SQLite.
fn within(options: PgConnectOptions) -> PgConnectOptions {
    options
        .options([("search_path", "projections")])
        .application_name("dutyledger projections")
        .disable_statement_logging()
}

/// Whether a statement failed because a table is not there, or not for this role.
fn absent(error: &sqlx::Error) -> bool {
    // Undefined table, invalid schema name, insufficient privilege.
    const CODES: [&str; 3] = ["42P01", "3F000", "42501"];
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| CODES.contains(&code.as_ref()))
}

/// Makes the tables of the rows in a PostgreSQL database, in a schema of their own, and lets a role
/// serve with them. `url` is that of the role that is to own them. Tables of an older shape are
/// dropped and made anew: they hold nothing that the ledger does not.
///
/// # Errors
/// When the role may not make them, a newer program made them, or the database cannot be reached.
pub async fn migrate(url: &str, serve_role: &str) -> Result<(), MigrateError> {
    let options: PgConnectOptions = url.parse()?;
    let mut conn = within(options).connect().await?;
    match shape(&mut conn).await? {
        Some(found) if found > SCHEMA => {
            return Err(MigrateError::Newer {
                found,
                known: SCHEMA,
            });
        }
        Some(found) if found < SCHEMA => {
            sqlx::query("DROP SCHEMA projections CASCADE")
                .execute(&mut conn)
                .await?;
        }
        _ => {}
    }
    sqlx::query("CREATE SCHEMA IF NOT EXISTS projections")
        .execute(&mut conn)
        .await?;
    MIGRATOR.run_direct(None, &mut conn, false).await?;
    sqlx::query("SELECT let_serve(CAST($1 AS name))")
        .bind(serve_role)
        .execute(&mut conn)
        .await?;
    conn.close().await?;
    Ok(())
}

/// The number of the shape that is there.
async fn shape(conn: &mut PgConnection) -> Result<Option<i64>, MigrateError> {
    let found = sqlx::query_scalar("SELECT number FROM shape")
        .fetch_optional(conn)
        .await;
    match found {
        Err(error) if absent(&error) => Ok(None),
        found => Ok(found?),
    }
}
