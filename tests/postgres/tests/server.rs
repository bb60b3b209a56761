//! The fixture itself.

use dutyledger_test_postgres::{APPLICATION, OWNER, Postgres};

#[test]
fn a_server_starts_serves_and_survives_a_crash() {
    let mut server = Postgres::start();
    let database = server.database();
    database
        .sql(OWNER, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
        .unwrap();
    assert!(database.sql(APPLICATION, "SELECT n FROM t").is_err());
    server.crash();
    server.go();
    assert_eq!(database.sql(OWNER, "SELECT n FROM t").unwrap(), "7");
}
