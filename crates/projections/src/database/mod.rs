//! The two databases the rows may be in, and one way to ask either.
//!
//! Statements are written once, in what both understand: `$1` for a value, `CAST`, `ON CONFLICT`,
//! `IS DISTINCT FROM`. A list of rows is one JSON text that `json_each` takes apart: SQLite's own,
//! and on PostgreSQL a function of that name in the rows' schema.

pub(crate) mod postgres;
mod sql;
pub(crate) mod sqlite;

pub(crate) use sql::{Columns, Sql, sql};

use std::time::Duration;

use sqlx::postgres::{PgPool, Postgres};
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{Error, Transaction};

/// The shape of the rows. It is raised whenever a table or the form of a state changes, so that no
/// program reads rows it does not understand. What is derived otherwise in the same shape raises
/// [`DERIVATION`](crate::derivation::DERIVATION).
pub(crate) const SCHEMA: i64 = 2;
/// How many reads go on at once.
const READERS: u32 = 4;
/// How long closing the connections to a server may take.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Connections to the rows. Each statement stands alone.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A transaction. Dropped, it is rolled back.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Pool {
    /// Begins to write.
    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Ok(match self {
            // A transaction that only became a writing one later could find the file taken.
            Self::Sqlite(pool) => Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Begins to read at one moment; who only reads may begin nothing else.
    pub(crate) async fn look(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Sqlite(pool) => Tx::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            // In good order if the server takes part in it; a silent one is not waited for.
            Self::Postgres(pool) => {
                let _ = tokio::time::timeout(CLOSE_MAX, pool.close()).await;
            }
        }
    }
}

impl Tx {
    pub(crate) async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

/// The ways to ask, of whatever statements can be run on.
macro_rules! asks {
    ($($type:ident ($self:ty) $on:ident => $executor:expr;)+) => {$(
        impl $type {
            /// Runs a statement and answers how many rows it changed.
            pub(crate) async fn execute(self: $self, sql: Sql) -> Result<u64, Error> {
                Ok(match self {
                    Self::Sqlite($on) => {
                        sql.query::<Sqlite>()?.execute($executor).await?.rows_affected()
                    }
                    Self::Postgres($on) => {
                        sql.query::<Postgres>()?.execute($executor).await?.rows_affected()
                    }
                })
            }

            /// Every row a statement answers.
            pub(crate) async fn all<T: Columns>(self: $self, sql: Sql) -> Result<Vec<T>, Error> {
                match self {
                    Self::Sqlite($on) => sql.query_as::<Sqlite, T>()?.fetch_all($executor).await,
                    Self::Postgres($on) => sql.query_as::<Postgres, T>()?.fetch_all($executor).await,
                }
            }

            /// The row a statement answers, if it answers one.
            pub(crate) async fn optional<T: Columns>(
                self: $self,
                sql: Sql,
            ) -> Result<Option<T>, Error> {
                match self {
                    Self::Sqlite($on) => {
                        sql.query_as::<Sqlite, T>()?.fetch_optional($executor).await
                    }
                    Self::Postgres($on) => {
                        sql.query_as::<Postgres, T>()?.fetch_optional($executor).await
                    }
                }
            }

            /// The one row a statement answers.
            pub(crate) async fn one<T: Columns>(self: $self, sql: Sql) -> Result<T, Error> {
                self.optional(sql).await?.ok_or(Error::RowNotFound)
            }
        }
    )+};
}

asks! {
    Pool (&Self) pool => pool;
    Tx (&mut Self) tx => &mut **tx;
}
