//! A database of PostgreSQL as a ledger finds it.

use dutyledger_test_postgres::{Database, OWNER, Postgres};

use crate::output::{done, ran};
use crate::server::program;

/// A new database that is prepared for a ledger.
///
/// # Panics
/// When it cannot be prepared.
#[must_use]
pub fn prepared(server: &Postgres) -> Database {
    let database = server.database();
    let mut migrate = std::process::Command::new(program());
    migrate.args(["migrate", "--database-url", &database.url(OWNER)]);
    let _ = done(&ran(&mut migrate));
    database
}

/// The last position in a database, whichever server recorded it.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn head_in(database: &Database) -> u64 {
    let head = database.sql(OWNER, "SELECT position FROM ledger.head");
    let head = head.expect("there is a ledger");
    head.parse().expect("a head has a position")
}
