//! The program over PostgreSQL: several servers over one ledger, taking over, stopping, restoring.

use std::collections::BTreeSet;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use dutyledger_tests::{
    Answer, Client, Server, Stops, Town, done, head_in, in_time, key, prepared, program, ran, until,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Within this time another server advances the projections when the one that did is gone.
const TAKE_OVER: Duration = Duration::from_secs(10);
/// What a busy machine may take beyond that.
const MARGIN: Duration = Duration::from_secs(10);

fn run(arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    let mut command = std::process::Command::new(program());
    ran(command
        .args(arguments)
        .current_dir(folder.path())
        .env("RUST_LOG", "trace"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn migrate(database: &Database) {
    let migrated = run(&["migrate", "--database-url", &database.url(OWNER)]);
    assert!(migrated.status.success(), "{}", stderr(&migrated));
}

fn engagement() -> Value {
    json!({ "occurred_on": "2023-06-02",
        "particulars": { "version": 1, "group": "young_people" } })
}

fn give(client: &Client, path: &str, name: &str) -> Answer {
    let headers = [("idempotency-key", name)];
    client.send(path, &headers, &engagement().to_string())
}

fn engaged(client: &Client, path: &str) -> Answer {
    client.post(path, &engagement())
}

fn position(answer: &Value) -> u64 {
    answer["position"].as_u64().unwrap()
}

/// Fails unless the ledger verifies; gives how many entries it has.
fn verified(server: &Server) -> u64 {
    let verified = server.run(&["--json", "ledger", "verify"]);
    assert!(verified.status.success(), "{}", stderr(&verified));
    let figures: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(figures["findings"], json!([]));
    figures["entries"].as_u64().unwrap()
}

#[test]
fn two_servers_over_one_database_serve_one_ledger() {
    let database = prepared(Postgres::shared());
    let one = Server::start_on(&database.url(APPLICATION));
    let two = one.another();
    let town = Town::found(&one, "Twinton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let (here, there) = (
        town.client("police").clone(),
        town.client("police").at(two.address()),
    );

    // Commands through both at once, on one stream.
    let positions = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let client = if writer % 2 == 0 { &here } else { &there };
            let (path, positions) = (&path, &positions);
            scope.spawn(move || {
                for number in 0..10 {
                    let answer = give(client, path, &format!("{writer}-{number}")).ok();
                    assert_eq!(answer["replayed"], false);
                    positions.lock().unwrap().insert(position(&answer));
                }
            });
        }
    });
    // The clock may have recorded something between them.
    let positions = positions.into_inner().unwrap();
    assert_eq!(positions.len(), 40, "each has its own: {positions:?}");

    // What one recorded the other shows, once the reader says from when.
    let read = format!("/v1/strategies/{strategy}");
    for (writer, reader) in [(&here, &there), (&there, &here)] {
        let given = position(&engaged(writer, &path).ok());
        let shown = reader.get_at(&read, given);
        let at: u64 = shown.headers["dutyledger-position"].parse().unwrap();
        assert!(at >= given, "{at}");
        let again = writer.get_at(&read, given).ok();
        assert_eq!(shown.ok()["state"], again["state"]);
    }

    // A request repeated through the other is answered as the first time.
    let first = give(&here, &path, "both").ok();
    let mut again = give(&there, &path, "both").ok();
    assert_eq!(
        (&first["replayed"], &again["replayed"]),
        (&json!(false), &json!(true))
    );
    again["replayed"] = json!(false);
    assert_eq!(first, again);
    let other = there.send(
        &path,
        &[("idempotency-key", "both")],
        &engagement().to_string().replace("young_people", "victims"),
    );
    assert!(
        (400..500).contains(&other.status),
        "{} {}",
        other.status,
        other.text
    );

    // A key issued through one is good at the other, until it is revoked through either.
    let auditor = key(&town.operator, "auditor", None);
    let (auditor, elsewhere) = (one.client(&auditor), two.client(&auditor));
    assert_eq!(elsewhere.get("/v1/me").ok()["kind"], "auditor");
    assert_eq!(auditor.get("/v1/me").status, 200);
    let id = auditor.get("/v1/me").ok()["key_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let revoked = town.operator.at(two.address());
    let revoked = revoked.post(&format!("/v1/keys/{id}/revocation"), &json!({}));
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    assert_eq!(auditor.get("/v1/me").status, 401);
    assert_eq!(elsewhere.get("/v1/me").status, 401);

    let head = verified(&one);
    let rows = database.sql(OWNER, "SELECT count(*), max(position) FROM ledger.entry");
    let rows = rows.unwrap();
    let (count, last) = rows.split_once('|').unwrap();
    assert_eq!(count, last, "positions have no gaps");
    assert!(last.parse::<u64>().unwrap() >= head);
}

#[test]
fn another_server_advances_the_projections_when_the_one_that_did_is_killed() {
    let database = prepared(Postgres::shared());
    let mut one = Server::start_on(&database.url(APPLICATION));
    let town = Town::found(&one, "Turnton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    assert_eq!(town.coordinator.get_now("/v1/strategies").status, 200);
    let two = one.another();
    let holder = || {
        database
            .sql(OWNER, "SELECT holder FROM projections.checkpoint")
            .unwrap()
    };
    let before = holder();
    assert!(!before.is_empty() && !two.log().contains("writing the projections"));
    let there = town.client("police").at(two.address());
    let read = |at: u64| there.get_at(&format!("/v1/strategies/{strategy}"), at);
    assert_eq!(
        read(position(&give(&there, &path, "before").ok())).status,
        200
    );
    assert_eq!(holder(), before, "the first still does");

    one.kill();
    let since = Instant::now();
    let after = position(&give(&there, &path, "after").ok());
    // Until then it says that it is behind, and commands are not hindered.
    assert_eq!(read(after).status, 200);
    let waited = since.elapsed();
    assert!(waited < TAKE_OVER + MARGIN, "{waited:?}");
    assert_ne!(holder(), before);
    two.until_logged("writing the projections");

    // The one that was killed comes back and follows.
    one.restart();
    let here = town.client("police").at(one.address());
    let last = position(&give(&here, &path, "back").ok());
    assert_eq!(read(last).status, 200);
    verified(&one);
}

#[test]
fn an_end_in_order_hands_the_projections_over_at_once() {
    let database = prepared(Postgres::shared());
    let mut leads = Server::start_on(&database.url(APPLICATION));
    assert_eq!(leads.operator().get_now("/v1/areas").status, 200);
    let mut follows = leads.another();
    // Where the machine is too busy to give a turn up in time, that turn runs out: not each time.
    let at_once = (0..3).any(|_| {
        let before = "SELECT holder FROM projections.checkpoint";
        let before = database.sql(OWNER, before).unwrap();
        leads.end();
        let free = format!(
            "SELECT held_till < clock_timestamp() OR holder <> '{before}' \
             FROM projections.checkpoint"
        );
        let free = database.sql(OWNER, &free).unwrap() == "t";
        follows.until_logged("writing the projections");
        leads.restart();
        std::mem::swap(&mut leads, &mut follows);
        free
    });
    assert!(at_once, "the turn is held by one that has ended");
}

#[test]
fn a_database_that_is_not_prepared_is_not_served_and_the_message_says_what_to_run() {
    let database = Postgres::shared().database();
    let url = database.url(APPLICATION);
    let not_opened = |arguments: &[&str], url: &str| {
        let ended = run(&[arguments, &["--database-url", url]].concat());
        assert_eq!(ended.status.code(), Some(5), "{}", stderr(&ended));
        let said = stderr(&ended);
        let said = said.lines().last().unwrap().to_owned();
        assert!(said.contains("dutyledger migrate"), "{said}");
    };
    not_opened(&["serve", "--listen", "127.0.0.1:0"], &url);
    not_opened(&["ledger", "verify"], &url);
    // Prepared without its keys or its projections, it is not prepared either.
    for schema in [
        "DROP SCHEMA projections CASCADE",
        "DROP SCHEMA keys CASCADE",
    ] {
        let part = prepared(Postgres::shared());
        part.sql(OWNER, schema).unwrap();
        let url = part.url(APPLICATION);
        not_opened(&["serve", "--listen", "127.0.0.1:0"], &url);
    }
    not_opened(&["key", "list"], &url);
    migrate(&database);
    // Preparing it again disturbs nothing.
    migrate(&database);
    let server = Server::start_on(&url);
    assert_eq!(server.operator().get_now("/v1/areas").status, 200);
    migrate(&database);
    assert_eq!(server.operator().get_now("/v1/areas").status, 200);
}

#[test]
fn a_server_that_does_not_sync_is_not_recorded_in_and_the_message_says_what_to_set() {
    let postgres = Postgres::start();
    let set = |value: &str| {
        postgres.sql("postgres", &format!("ALTER SYSTEM SET fsync = {value}"));
        postgres.sql("postgres", "SELECT pg_reload_conf()");
        until("the server has read its settings again", || {
            postgres.sql("postgres", "SHOW fsync") == value
        });
    };
    set("off");
    let database = postgres.database();
    let refused = |ended: Output| {
        assert_eq!(ended.status.code(), Some(5), "{}", stderr(&ended));
        let said = stderr(&ended);
        let said = said.lines().last().unwrap().to_owned();
        assert!(said.contains("`fsync = on`"), "{said}");
    };
    refused(run(&["migrate", "--database-url", &database.url(OWNER)]));
    set("on");
    migrate(&database);
    set("off");
    let url = database.url(APPLICATION);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--database-url", &url];
    refused(run(&serve));
    set("on");
    let _ = Server::start_on(&url);
}

#[test]
fn a_database_of_an_older_or_a_newer_schema_is_not_served_and_the_message_says_what_to_do() {
    let newer = "INSERT INTO {}._sqlx_migrations \
                 SELECT 99, description, installed_on, success, checksum, 0 \
                 FROM {}._sqlx_migrations WHERE version = 1";
    for (change, remedy) in [
        (
            "DELETE FROM {}._sqlx_migrations",
            "run `dutyledger migrate`",
        ),
        (newer, "use a newer program"),
    ] {
        for schema in ["ledger", "keys"] {
            let database = prepared(Postgres::shared());
            database.sql(OWNER, &change.replace("{}", schema)).unwrap();
            let url = database.url(APPLICATION);
            let serve = ["serve", "--listen", "127.0.0.1:0", "--database-url", &url];
            let refused = run(&serve);
            let said = stderr(&refused);
            assert_eq!(refused.status.code(), Some(5), "{said}");
            assert!(said.contains(remedy) && said.contains(schema), "{said}");
        }
    }
}

#[test]
fn a_dump_of_the_ledgers_schema_restored_into_a_new_database_verifies_and_is_served() {
    let database = prepared(Postgres::shared());
    let mut server = Server::start_on(&database.url(APPLICATION));
    let town = Town::found(&server, "Dumpton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let first = give(town.client("police"), &path, "dumped").ok();
    let file = server.folder().join("ledger.sql");
    // While the server runs. Where its clock records something before it has ended, what it notes is of
    // more than was dumped.
    let head = in_time(|| {
        let head = head_in(&database);
        let mut dump = database.program("pg_dump");
        let dump = dump.args(["--schema=ledger", "--file"]).arg(&file);
        let _ = done(&ran(dump));
        server.end();
        if head_in(&database) == head {
            return Ok(head);
        }
        server.restart();
        Err("a dump of all there is")
    });
    assert!(head >= position(&first));

    let restored = Postgres::shared().database();
    let mut restore = restored.program("psql");
    restore
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", "--file"])
        .arg(&file);
    let output = restore.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let url = restored.url(APPLICATION);
    let verify = server.run(&["--json", "ledger", "verify", "--database-url", &url]);
    assert!(verify.status.success(), "{}", stderr(&verify));
    let figures: Value = serde_json::from_slice(&verify.stdout).unwrap();
    assert_eq!(figures["entries"], head);
    assert_eq!(figures["noted_position"], head);
    // What guards it came with it.
    let changed = restored.sql(OWNER, "UPDATE ledger.entry SET version = 7");
    assert!(changed.unwrap_err().contains("never changed"));
    let changed = restored.sql(APPLICATION, "DELETE FROM ledger.root");
    assert!(changed.unwrap_err().contains("permission denied"));

    migrate(&restored);
    let served = server.on(&url);
    let police = town.client("police").at(served.address());
    let again = give(&police, &path, "dumped").ok();
    assert_eq!(
        (&again["replayed"], &again["entries"]),
        (&json!(true), &first["entries"])
    );
    assert_eq!(
        police.get_now(&format!("/v1/strategies/{strategy}")).status,
        200
    );
    verified(&served);
}

#[test]
fn a_database_that_goes_away_while_nothing_is_recorded_ends_the_server_too() {
    let mut postgres = Postgres::start();
    let database = prepared(&postgres);
    let mut server = Server::start_on(&database.url(APPLICATION));
    postgres.crash();
    assert_eq!(server.ended().code(), Some(6), "{}", server.log());
}

#[test]
fn a_database_that_crashes_ends_the_server_with_a_code_of_its_own_and_loses_nothing() {
    let mut postgres = Postgres::start();
    let database = prepared(&postgres);
    let mut server = Server::start_on(&database.url(APPLICATION));
    let town = Town::found(&server, "Crashton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let police = town.client("police").clone();
    let acknowledged = Mutex::new(Vec::new());
    let stop = AtomicBool::new(false);
    let tried = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let _stops = Stops(&stop);
        for writer in 0..4 {
            let (police, path, stop) = (&police, &path, &stop);
            let (tried, acknowledged) = (&tried, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let name = format!("{writer}-{number}");
                    tried.lock().unwrap().push(name.clone());
                    let headers = [("idempotency-key", name.as_str())];
                    let body = engagement().to_string();
                    let Ok(answer) = police.try_send("POST", path, &headers, Some(&body)) else {
                        return;
                    };
                    if answer.status == 200 {
                        let at = position(&answer.body);
                        acknowledged.lock().unwrap().push((name, at));
                    } else {
                        assert!(answer.status >= 500, "{} {}", answer.status, answer.text);
                    }
                }
            });
        }
        until("40 commands are recorded", || {
            acknowledged.lock().unwrap().len() >= 40
        });
        postgres.crash();
        assert_eq!(server.ended().code(), Some(6), "{}", server.log());
    });
    assert!(
        server.log().contains("the ledger stopped"),
        "{}",
        server.log()
    );
    // Without its database it does not start.
    let refused = server.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(5), "{}", stderr(&refused));

    postgres.go();
    server.restart();
    let police = police.at(server.address());
    for (name, at) in acknowledged.into_inner().unwrap() {
        let again = give(&police, &path, &name).ok();
        assert_eq!(
            (&again["replayed"], position(&again)),
            (&json!(true), at),
            "{name}"
        );
    }
    // The same keys settle what was left unknown, once.
    for name in tried.into_inner().unwrap() {
        let settled = give(&police, &path, &name).ok();
        let again = give(&police, &path, &name).ok();
        assert_eq!(position(&settled), position(&again));
        assert_eq!(again["replayed"], true);
    }
    // The one that crashed kept its turn to write the projections until that ran out.
    server.until_logged("writing the projections");
    assert_eq!(
        police.get_now(&format!("/v1/strategies/{strategy}")).status,
        200
    );
    verified(&server);
}

#[test]
fn files_are_not_named_for_what_is_in_the_database() {
    let url = prepared(Postgres::shared()).url(APPLICATION);
    for option in ["--projections", "--keys"] {
        for command in [
            &["serve"][..],
            &["ledger", "verify"],
            &["projections", "rebuild"],
        ] {
            let refused = run(&[command, &["--database-url", &url, option, "x.db"]].concat());
            assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
            assert!(
                stderr(&refused).contains("name no files"),
                "{}",
                stderr(&refused)
            );
        }
    }
}

const SECRET: &str = "correct-horse-battery";

/// The address of a database with a password in it, given in one way or the other.
fn with_password(database: &Database, role: &str) -> [String; 2] {
    let url = database.url(role);
    [
        url.replace(&format!("{role}@"), &format!("{role}:{SECRET}@")),
        format!("{url}&password={SECRET}"),
    ]
}

#[test]
fn a_password_in_the_address_is_never_logged_nor_told_in_an_error() {
    let database = Postgres::shared().database();
    let says_nothing = |arguments: &[&str], code: i32| {
        for json in [false, true] {
            let mut arguments = arguments.to_vec();
            if json {
                arguments.extend(["--json", "--log-json"]);
            }
            let ended = run(&arguments);
            let (out, error) = (String::from_utf8_lossy(&ended.stdout), stderr(&ended));
            assert_eq!(ended.status.code(), Some(code), "{error}");
            assert!(
                !out.contains(SECRET) && !error.contains(SECRET),
                "{out} {error}"
            );
        }
    };
    let serve = ["serve", "--listen", "127.0.0.1:0", "--database-url"];
    for url in with_password(&database, APPLICATION) {
        says_nothing(&[&serve[..], &[&url]].concat(), 5);
        let nobody = url.replace("postgres://dutyledger", "postgres://nobody");
        says_nothing(&[&serve[..], &[&nobody]].concat(), 5);
        let nowhere = url.replace("test_", "nowhere_");
        says_nothing(&[&serve[..], &[&nowhere]].concat(), 5);
        let unknown = format!("{url}&pass={SECRET}");
        says_nothing(&[&serve[..], &[&unknown]].concat(), 2);
        says_nothing(&["ledger", "verify", "--database-url", &url], 5);
        says_nothing(&["serve", &url], 2);
        says_nothing(&["migrate", &url], 2);
        let wrong = url.replace("postgres://", "postgres//");
        says_nothing(&[&serve[..], &[&wrong]].concat(), 2);
        let port = url.replace("@localhost", "@localhost:port");
        says_nothing(&[&serve[..], &[&port]].concat(), 5);
    }
    for url in with_password(&database, OWNER) {
        says_nothing(&["migrate", "--database-url", &url], 0);
    }
    for form in 0..2 {
        // A ledger has one master key, and each of these servers makes its own.
        let url = &with_password(&prepared(Postgres::shared()), APPLICATION)[form];
        let mut server = Server::start_logging(url, "trace");
        let operator = server.operator();
        assert_eq!(operator.get_now("/v1/areas").status, 200);
        let to = [url, "--projections", "x.db"];
        says_nothing(
            &[&["ledger", "verify", "--database-url"], &to[..]].concat(),
            2,
        );
        let copied = server.run(&["ledger", "copy", url]);
        assert!(!stderr(&copied).contains(SECRET), "{}", stderr(&copied));
        server.end();
        assert!(!server.log().contains(SECRET), "it is in the log");
    }
}
