//! PostgreSQL: how its databases are reached, and the schema they must have.
//!
//! The ledger is in the schema `ledger`, the keys of sealed texts in the schema `keys`. Both are
//! made by the role that owns them ([`migrate`]). Whoever serves may insert and read entries, and never
//! change or remove one; it may also move the head, forget idempotency keys, revoke API keys, and
//! store and destroy the keys of sealed texts.

mod dates;
mod deadline;
mod reads;
mod store;

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::error::OpenError;
use crate::place::{Place, PostgresUrl};
pub(crate) use deadline::{Deadline, in_time};
pub(crate) use reads::{Columns, PostgresReads};
pub(crate) use store::PostgresStore;

/// How long the server lets a writer that was stopped in the middle of a batch keep the others out.
pub const STOPPED_WRITER_MAX: Duration = Duration::from_secs(2);
/// How long a writer waits for any one answer before it takes the server for lost: well above
/// [`STOPPED_WRITER_MAX`], for which another that has stopped may keep it waiting.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long any one statement may take.
const STATEMENT_MAX: Duration = Duration::from_secs(60);
/// How long a reader waits for a connection of the pool.
const CONNECTION_WAIT: Duration = Duration::from_secs(10);
/// How long a reader waits for any one answer before it takes the server for lost: the server itself
/// ends what takes [`STATEMENT_MAX`].
pub(crate) const READ_MAX: Duration = Duration::from_secs(75);

/// A part of the database: its schema and what brings it up to date.
pub(crate) struct Schema {
    name: &'static str,
    migrator: Migrator,
    create: &'static str,
    search: &'static str,
    version: &'static str,
    let_serve: &'static str,
}

macro_rules! schema {
    ($name:literal, $migrator:expr) => {
        Schema {
            name: $name,
            migrator: $migrator,
            create: concat!("CREATE SCHEMA IF NOT EXISTS ", $name),
            search: concat!("SET search_path = ", $name),
            version: concat!(
                "SELECT coalesce(max(version), 0) FROM ",
                $name,
                "._sqlx_migrations WHERE success"
            ),
            let_serve: concat!("SELECT ", $name, ".let_serve($1::text::name)"),
        }
    };
}

pub(crate) static LEDGER: Schema = schema!(
    "ledger",
    sqlx::migrate!("../../schemas/sql/postgres/ledger")
);

pub(crate) static KEYS: Schema = schema!("keys", sqlx::migrate!("../../schemas/sql/postgres/keys"));

impl Schema {
    fn known(&self) -> i64 {
        let versions = self.migrator.iter().map(|migration| migration.version);
        versions.max().unwrap_or(0)
    }

    async fn migrate(&self, conn: &mut PgConnection, serve: &str) -> Result<(), OpenError> {
        conn.execute(self.create)
            .await
            .map_err(OpenError::database)?;
        conn.execute(self.search)
            .await
            .map_err(OpenError::database)?;
        self.migrator
            .run_direct(None, &mut *conn, false)
            .await
            .map_err(OpenError::database)?;
        sqlx::query(self.let_serve)
            .bind(serve)
            .execute(conn)
            .await
            .map_err(OpenError::database)?;
        Ok(())
    }

    /// Refuses a database whose schema is another than this program's.
    pub(crate) async fn check(
        &self,
        conn: &mut PgConnection,
        url: &PostgresUrl,
    ) -> Result<(), OpenError> {
        let found = sqlx::query_scalar::<_, i64>(self.version)
            .fetch_one(conn)
            .await;
        let found = match found {
            Ok(found) => found,
            Err(sqlx::Error::Database(error)) if is_absent(error.code().as_deref()) => 0,
            Err(error) => return Err(OpenError::database(error)),
        };
        let known = self.known();
        if found == known {
            return Ok(());
        }
        Err(OpenError::OtherSchema {
            place: Place::Postgres(url.clone()).to_string(),
            schema: self.name,
            found,
            known,
        })
    }
}

/// SQLSTATE: no such table, no such schema.
fn is_absent(code: Option<&str>) -> bool {
    matches!(code, Some("42P01" | "3F000"))
}

/// Brings the ledger and the keys in a database up to date, making them where they are new, and
/// lets a role serve over them.
///
/// # Errors
/// When the address is none, or the role it names may not.
pub async fn migrate(url: &PostgresUrl, serve: &str) -> Result<(), OpenError> {
    let mut conn = options(url)?.connect().await.map_err(OpenError::database)?;
    keeps_what_is_recorded(&mut conn, url).await?;
    LEDGER.migrate(&mut conn, serve).await?;
    KEYS.migrate(&mut conn, serve).await?;
    conn.close().await.map_err(OpenError::database)
}

fn options(url: &PostgresUrl) -> Result<PgConnectOptions, OpenError> {
    let statement = STATEMENT_MAX.as_millis().to_string();
    let stopped = STOPPED_WRITER_MAX.as_millis().to_string();
    Ok(PgConnectOptions::from_str(url.reveal())
        .map_err(OpenError::database)?
        .application_name("dutyledger")
        .options([
            ("statement_timeout", statement.as_str()),
            ("idle_in_transaction_session_timeout", stopped.as_str()),
            // A client's machine that is gone says nothing, and may have gone in the midst of a
            // message, where neither of the two runs.
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
            ("synchronous_commit", "on"),
            // Every statement here has one good plan, whatever its values.
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
        ])
        .disable_statement_logging())
}

/// A connection that writes.
pub(crate) async fn writer(url: &PostgresUrl, schema: &Schema) -> Result<PgConnection, OpenError> {
    let options = options(url)?.options([("default_transaction_isolation", "read committed")]);
    let mut conn = options.connect().await.map_err(OpenError::database)?;
    keeps_what_is_recorded(&mut conn, url).await?;
    schema.check(&mut conn, url).await?;
    Ok(conn)
}

/// Refuses a database that cannot keep what is recorded. A letter that its encoding does not have would
/// fail a commit, of which nobody knows then what became; and a server that does not sync tells of what
/// the next failure of its machine takes with it.
async fn keeps_what_is_recorded(
    conn: &mut PgConnection,
    url: &PostgresUrl,
) -> Result<(), OpenError> {
    let settings = "SELECT current_setting('server_encoding'), current_setting('fsync')";
    let (encoding, fsync) = sqlx::query_as::<_, (String, String)>(settings)
        .fetch_one(conn)
        .await
        .map_err(OpenError::database)?;
    let place = || Place::Postgres(url.clone()).to_string();
    if encoding != "UTF8" {
        return Err(OpenError::Encoding {
            place: place(),
            found: encoding,
        });
    }
    if fsync != "on" {
        return Err(OpenError::NotSynced { place: place() });
    }
    Ok(())
}

/// Connections that only read.
pub(crate) async fn readers(
    url: &PostgresUrl,
    schema: &Schema,
    most: u32,
) -> Result<PgPool, OpenError> {
    let options = options(url)?.options([("default_transaction_read_only", "on")]);
    pool_with(options, url, schema, most).await
}

/// Connections that read and write, each statement on its own.
pub(crate) async fn pool(
    url: &PostgresUrl,
    schema: &Schema,
    most: u32,
) -> Result<PgPool, OpenError> {
    pool_with(options(url)?, url, schema, most).await
}

async fn pool_with(
    options: PgConnectOptions,
    url: &PostgresUrl,
    schema: &Schema,
    most: u32,
) -> Result<PgPool, OpenError> {
    let pool = PgPoolOptions::new()
        .max_connections(most.max(1))
        .acquire_timeout(CONNECTION_WAIT)
        .connect_with(options)
        .await
        .map_err(OpenError::database)?;
    let mut conn = pool.acquire().await.map_err(OpenError::database)?;
    schema.check(&mut conn, url).await?;
    drop(conn);
    Ok(pool)
}
