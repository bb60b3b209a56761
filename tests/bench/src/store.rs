//! Databases of the bench's own.

use std::path::{Path, PathBuf};

use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::Fallible;

const COUNTED: &str = "SELECT xact_commit, xact_rollback, blks_read, deadlocks \
                       FROM pg_stat_database WHERE datname = current_database()";

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Db {
    Postgres,
    Sqlite,
}

impl Db {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }

    const fn migrations(self) -> &'static str {
        match self {
            Self::Postgres => concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../schemas/sql/postgres/ledger"
            ),
            Self::Sqlite => concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../schemas/sql/sqlite/ledger"
            ),
        }
    }

    /// The product's migrations of the ledger, one after the other.
    fn schema(self) -> Fallible<String> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.migrations())?
            .map(|file| file.map(|file| file.path()))
            .collect::<Result<_, _>>()?;
        files.retain(|path| path.extension().is_some_and(|e| e == "sql"));
        files.sort();
        let texts: Vec<String> = files
            .iter()
            .map(std::fs::read_to_string)
            .collect::<Result<_, _>>()?;
        Ok(texts.concat())
    }
}

/// A database, gone when this is.
pub(crate) enum Store {
    Postgres {
        database: Database,
        socket: PathBuf,
        /// For the files that ours has beside the database.
        folder: TempDir,
    },
    Sqlite {
        folder: TempDir,
    },
}

impl Store {
    /// A new, empty one.
    pub(crate) fn new(db: Db, server: Option<&Postgres>) -> Fallible<Self> {
        let folder = tempfile::Builder::new()
            .prefix("dutyledger-bench-")
            .tempdir()?;
        Ok(match db {
            Db::Postgres => {
                let server = server.ok_or("no PostgreSQL server was started")?;
                Self::Postgres {
                    database: server.database(),
                    socket: server.socket().to_owned(),
                    folder,
                }
            }
            Db::Sqlite => Self::Sqlite { folder },
        })
    }

    /// The ledger's address, as a server is given it.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Postgres { database, .. } => database.url(APPLICATION),
            Self::Sqlite { folder } => format!("sqlite:{}", ledger(folder).display()),
        }
    }

    /// The address under which a ledger is migrated.
    pub(crate) fn owners_address(&self) -> String {
        match self {
            Self::Postgres { database, .. } => database.url(OWNER),
            Self::Sqlite { .. } => self.address(),
        }
    }

    /// The folder of its files.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Postgres { folder, .. } | Self::Sqlite { folder } => folder.path(),
        }
    }

    /// The ledger's file, opened by the raw driver.
    pub(crate) fn sqlite(&self) -> Fallible<Connection> {
        match self {
            Self::Sqlite { folder } => sqlite(&ledger(folder)),
            Self::Postgres { .. } => Err("this is no file".into()),
        }
    }

    /// A connection of the raw driver.
    pub(crate) async fn postgres(&self) -> Fallible<Client> {
        let Self::Postgres {
            database, socket, ..
        } = self
        else {
            return Err("this is no PostgreSQL database".into());
        };
        let (client, connection) = tokio_postgres::Config::new()
            .host_path(socket)
            .user(OWNER)
            .dbname(database.name())
            .connect(NoTls)
            .await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("a connection to PostgreSQL broke off: {error}");
            }
        });
        Ok(client)
    }

    /// What the database counts.
    pub(crate) async fn counted(&self) -> Fallible<String> {
        match self {
            Self::Sqlite { folder } => {
                let log = folder.path().join("ledger.db-wal");
                let bytes = std::fs::metadata(log).map_or(0, |log| log.len());
                Ok(format!("SQLite {bytes} bytes of log"))
            }
            Self::Postgres { .. } => {
                let row = self.postgres().await?.query_one(COUNTED, &[]).await?;
                let number = |at: usize| row.get::<_, i64>(at);
                Ok(format!(
                    "PostgreSQL {} commits, {} rolled back, {} blocks read, {} deadlocks",
                    number(0),
                    number(1),
                    number(2),
                    number(3)
                ))
            }
        }
    }

    /// How many bytes the ledger takes, its indexes among them.
    pub(crate) async fn bytes(&self) -> Fallible<u64> {
        let bytes: i64 = match self {
            Self::Sqlite { .. } => self.sqlite()?.query_row(
                "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
                [],
                |row| row.get(0),
            )?,
            Self::Postgres { .. } => {
                let sizes = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class \
                             WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r'";
                self.postgres().await?.query_one(sizes, &[]).await?.get(0)
            }
        };
        Ok(bytes.try_into()?)
    }

    /// Makes the product's tables, for the raw driver alone.
    pub(crate) async fn make_tables(&self) -> Fallible<()> {
        match self {
            Self::Sqlite { .. } => self.sqlite()?.execute_batch(&Db::Sqlite.schema()?)?,
            Self::Postgres { .. } => {
                let schema = Db::Postgres.schema()?;
                let text = format!("CREATE SCHEMA ledger; SET search_path = ledger; {schema}");
                self.postgres().await?.batch_execute(&text).await?;
            }
        }
        Ok(())
    }

    /// Removes the database from the server and lets it write out what it holds back, so that no
    /// cell pays for one before it.
    pub(crate) fn remove(&self, server: Option<&Postgres>) {
        if let (Self::Postgres { database, .. }, Some(server)) = (self, server) {
            remove(server, database);
        }
    }

    /// Brings everything to the table's own file and counts it, as after a night's rest.
    pub(crate) async fn settle(&self, server: Option<&Postgres>) -> Fallible<()> {
        match (self, server) {
            (Self::Postgres { database, .. }, Some(server)) => {
                server.sql(database.name(), "VACUUM ANALYZE");
                server.sql(database.name(), "CHECKPOINT");
            }
            (Self::Postgres { .. }, None) => {}
            (Self::Sqlite { .. }, _) => {
                let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
                self.sqlite()?.query_row(checkpoint, [], |_| Ok(()))?;
            }
        }
        Ok(())
    }
}

/// Removes a database from its server, which begins a checkpoint.
pub(crate) fn remove(server: &Postgres, database: &Database) {
    server.sql(
        "postgres",
        &format!("DROP DATABASE {} WITH (FORCE)", database.name()),
    );
}

fn ledger(folder: &TempDir) -> PathBuf {
    folder.path().join("ledger.db")
}

/// A file with the settings that our writer gives it.
fn sqlite(path: &Path) -> Fallible<Connection> {
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err("the file system does not support a write-ahead log".into());
    }
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")?;
    Ok(connection)
}
