//! Looking after a ledger with the program: verifying, backing up, restoring and copying.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use dutyledger_application::load;
use dutyledger_ledger::{
    ApiKey, Append, Idempotency, KeyChange, Ledger, LedgerReader, NoContinuation, OpenError,
    Opening, Options, Place, StreamAppend, SystemClock, beside,
};
use dutyledger_record::{EntryId, KeyId, Stream, StreamId, StreamType};
use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use dutyledger_tests::{
    Client, LEDGER, OPENING, Server, Stops, Tampered, Town, draft, in_time, key, prepared, program,
    ran, repository, stream, traceable, until,
};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A ledger with a town's strategy in it, ended well, with its head noted.
static TOLD: LazyLock<Told> = LazyLock::new(Told::tell);

struct Told {
    server: Server,
    entries: u64,
}

impl Told {
    fn tell() -> Self {
        let mut server = Server::start();
        let town = Town::found(&server, "Tamperton");
        let strategy = town.adopted("2023-06-01");
        let police = town.client("police");
        let path = format!("/v1/strategies/{strategy}/engagements");
        let mut told = 0;
        for name in ["told-1", "told-2", "told-3"] {
            let body = json!({ "occurred_on": "2023-06-02",
                "particulars": { "version": 1, "group": "young_people" } });
            let sent = police.send(&path, &[("idempotency-key", name)], &body.to_string());
            told = sent.ok()["position"].as_u64().unwrap();
        }
        server.end();
        // The clock may have had the last word.
        let entries = entries_of(&server.ledger());
        assert!(entries >= told);
        Self { server, entries }
    }
}

/// How many entries a file has, counted one by one.
fn entries_of(file: &Path) -> u64 {
    let rows = rows_of_file(file);
    let entries = rows.iter().filter(|row| row.starts_with("entry "));
    entries.count() as u64
}

/// Runs the program in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(program());
    ran(command.args(arguments).current_dir(folder))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one line of JSON that a command answered.
fn said(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// A copy of the ledger's file in a folder of its own, without its note.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::copy(TOLD.server.ledger(), folder.path().join("ledger.db")).unwrap();
        Self { folder }
    }

    fn bring_note(&self) {
        let note = "ledger.noted-head.json";
        fs::copy(
            TOLD.server.folder().join(note),
            self.folder.path().join(note),
        )
        .unwrap();
    }

    async fn tamper(&self) -> Tampered {
        Tampered::open(&self.folder.path().join("ledger.db")).await
    }

    fn verify(&self) -> (Option<i32>, Vec<(u64, String)>) {
        let verified = run(
            self.folder.path(),
            &[
                "--json",
                "ledger",
                "verify",
                "--database-url",
                "sqlite:ledger.db",
            ],
        );
        if verified.stdout.is_empty() {
            panic!("{}", stderr(&verified));
        }
        let findings = said(&verified)["findings"].as_array().unwrap().clone();
        let findings = findings.iter().map(|finding| {
            let what = finding["what"].as_str().unwrap().to_owned();
            (finding["position"].as_u64().unwrap(), what)
        });
        (verified.status.code(), findings.collect())
    }

    /// Fails unless verifying finds something at a position before anything else.
    fn is_found(&self, position: u64, what: &str) {
        let (code, findings) = self.verify();
        let (at, said) = findings.first().expect("something is found");
        assert!(
            *at == position && said.contains(what),
            "{position} {what}: {findings:?}"
        );
        assert_eq!(code, Some(7));
    }
}

/// Changes a copy with SQL, and fails unless verifying finds that at a position.
fn tampered(sql: &'static str, position: u64, what: &str) {
    let copy = Copy::new();
    Runtime::new().unwrap().block_on(async {
        let mut file = copy.tamper().await;
        assert!(file.sql(sql).await > 0, "{sql} changes something");
        file.close().await;
    });
    copy.is_found(position, what);
}

#[test]
fn a_good_ledger_verifies_and_the_figures_are_told() {
    let folder = TOLD.server.folder();
    let plain = TOLD.server.run(&["ledger", "verify"]);
    assert!(plain.status.success(), "{}", stderr(&plain));
    let entries = TOLD.entries;
    let told = stderr(&plain);
    assert!(told.contains(&format!("{entries} entries in ")), "{told}");
    assert!(plain.stdout.is_empty(), "there is nothing to find");

    let json = said(&TOLD.server.run(&["--json", "ledger", "verify"]));
    assert_eq!(json["entries"], entries);
    assert_eq!(json["noted_position"], entries);
    assert_eq!(json["findings"], json!([]));
    assert!(json["streams"].as_u64().unwrap() > 10 && json["roots"].as_u64().unwrap() > 10);
    let note: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("ledger.noted-head.json")).unwrap())
            .unwrap();
    assert_eq!(json["root"], note["root"]);
    assert_eq!(json["ledger_id"], note["ledger_id"]);
    assert!(told.contains(json["root"].as_str().unwrap()), "{told}");
}

#[test]
fn a_ledger_that_is_not_there_is_no_finding() {
    let folder = TempDir::new().unwrap();
    let verify = ["ledger", "verify", "--database-url", "sqlite:none.db"];
    let verified = run(folder.path(), &verify);
    assert_eq!(verified.status.code(), Some(5), "{}", stderr(&verified));
    assert!(!folder.path().join("none.db").exists());
}

#[test]
fn a_text_that_was_edited_is_located() {
    let hash = "the text does not have the leaf hash beside it";
    tampered(
        "UPDATE entry SET leaf_data = replace(leaf_data, '20', '30') WHERE position = 30",
        30,
        hash,
    );
    tampered(
        "UPDATE entry SET leaf_data = '' WHERE position = 30",
        30,
        hash,
    );
    tampered(
        "UPDATE entry SET leaf_data = leaf_data || char(10) || '\"' || char(0) WHERE position = 30",
        30,
        hash,
    );
    tampered(
        "UPDATE entry SET leaf_data = CAST(x'ff00fe' AS TEXT) WHERE position = 30",
        30,
        "the ledger could not be read",
    );
}

#[test]
fn a_leaf_hash_that_was_edited_is_located() {
    tampered(
        "UPDATE entry SET leaf_hash = zeroblob(32) WHERE position = 30",
        30,
        "the text does not have the leaf hash beside it",
    );
    tampered(
        "UPDATE entry SET leaf_hash = x'00' WHERE position = 30",
        30,
        "the text does not have the leaf hash beside it",
    );
}

#[test]
fn an_entry_that_was_removed_is_located() {
    tampered(
        "DELETE FROM entry WHERE position = 30",
        30,
        "entries are missing",
    );
    tampered(
        "DELETE FROM entry WHERE position = 1",
        1,
        "entries are missing",
    );
    let last = TOLD.entries;
    tampered(
        "DELETE FROM entry WHERE position = (SELECT max(position) FROM entry)",
        last,
        "the head says position",
    );
}

#[test]
fn a_column_beside_the_text_that_was_changed_is_located() {
    let column = "a column beside the text says something else";
    for sql in [
        "UPDATE entry SET entry_id = '00000000-0000-4000-8000-000000000000' WHERE position = 30",
        "UPDATE entry SET stream_type = 'x' WHERE position = 30",
        "UPDATE entry SET stream_id = '00000000-0000-4000-8000-000000000000' WHERE position = 30",
        "UPDATE entry SET version = 999 WHERE position = 30",
        "UPDATE entry SET version = -1 WHERE position = 30",
        "UPDATE entry SET event_type = 'x' WHERE position = 30",
        "UPDATE entry SET schema_version = 9 WHERE position = 30",
        "UPDATE entry SET occurred_on = '2020-01-01' WHERE position = 30",
        "UPDATE entry SET recorded_at = '2020-01-01T00:00:00.000000Z' WHERE position = 30",
    ] {
        tampered(sql, 30, column);
    }
}

#[test]
fn entries_that_changed_places_are_located() {
    tampered(
        "UPDATE entry SET position = -1 WHERE position = 30; \
         UPDATE entry SET position = 30 WHERE position = 31; \
         UPDATE entry SET position = 31 WHERE position = -1",
        30,
        "the text says position 31",
    );
}

#[test]
fn a_root_or_a_head_that_was_changed_is_located() {
    let last = TOLD.entries;
    let root = "the root left here is not that of the entries up to here";
    tampered(
        "UPDATE root SET root = zeroblob(32) WHERE position = 1",
        1,
        root,
    );
    let tree = "the head's Merkle tree is not that of the entries";
    tampered(
        "UPDATE head SET frontier = zeroblob(length(frontier))",
        last,
        tree,
    );
    tampered("UPDATE head SET frontier = x'00'", last, tree);
    let more = "UPDATE head SET position = position + 1";
    tampered(more, last + 1, "the head says position");
    tampered(
        "DELETE FROM root WHERE position = (SELECT max(position) FROM root)",
        last,
        "no root was left at the head",
    );
    tampered(
        "UPDATE root SET root = x'00' WHERE position = 1",
        1,
        "no meaning",
    );
}

#[test]
fn what_is_beyond_the_head_is_located() {
    let last = TOLD.entries;
    tampered(
        "INSERT INTO entry SELECT position + 7, '00000000-0000-4000-8000-000000000000', \
             stream_type, stream_id, version + 1, event_type, schema_version, occurred_on, \
             recorded_at, leaf_data, leaf_hash FROM entry ORDER BY position DESC LIMIT 1",
        last + 7,
        "it is beyond the head",
    );
    tampered(
        "INSERT INTO root VALUES (100000, zeroblob(32))",
        100_000,
        "it is beyond the head",
    );
}

/// Entries below the first position: one that gives the town's partnership another name, and one that
/// says that a data key is to be destroyed.
const BELOW: &str = "INSERT INTO entry SELECT -1, '01931c2e-5a00-7000-8000-0000000000e1', stream_type, \
     stream_id, 1000, 'PartnershipAmended', 1, occurred_on, recorded_at, \
     replace(leaf_data, '\"PartnershipProposed\"', '\"PartnershipAmended\"'), leaf_hash \
     FROM entry WHERE event_type = 'PartnershipProposed' LIMIT 1; \
     INSERT INTO entry SELECT 0, '01931c2e-5a00-7000-8000-0000000000e2', 'erasure', stream_id, 1, \
     'SealedTextErased', 1, occurred_on, recorded_at, leaf_data, leaf_hash FROM entry LIMIT 1";

#[test]
fn a_row_below_the_first_position_is_located() {
    tampered(BELOW, 0, "a row is at position -1: positions begin at 1");
    let zero = "INSERT INTO root VALUES (0, zeroblob(32))";
    tampered(zero, 0, "a row is at position 0: positions begin at 1");
}

#[test]
fn what_is_below_the_first_position_is_not_read_by_whichever_index_leads_to_it() {
    let copy = Copy::new();
    Runtime::new().unwrap().block_on(async {
        let mut file = copy.tamper().await;
        file.sql(BELOW).await;
        let ids = "SELECT stream_id FROM entry WHERE position = -1";
        let id: String = sqlx::query_scalar(ids)
            .fetch_one(file.connection())
            .await
            .unwrap();
        file.close().await;
        let place = format!("sqlite:{}", copy.folder.path().join("ledger.db").display());
        let ledger = LedgerReader::open(&Place::parse(&place).unwrap())
            .await
            .unwrap();
        let partnership = Stream::new(
            StreamType::of("partnership"),
            StreamId::new(id.parse().unwrap()),
        );
        let read = ledger.read_stream(&partnership, None).await.unwrap();
        assert!(!read.is_empty() && read.iter().all(|stored| stored.position > 0));
        let extent = ledger.extent([&partnership], TOLD.entries).await.unwrap();
        assert_eq!(extent.entries, read.len() as u64);
        assert_eq!(ledger.erasures(None, 10).await.unwrap(), []);
        for id in ["e1", "e2"] {
            let id = format!("01931c2e-5a00-7000-8000-0000000000{id}");
            let read = ledger.entry(EntryId::new(id.parse().unwrap())).await;
            assert_eq!(read.unwrap(), None);
        }
        ledger.close().await;
    });
}

/// Another index in the place of the one that reads of streams go by, which leads to all entries but the
/// last of the town's partnership.
const INDEX_CHANGED: &str = "CREATE TABLE shadow (position INTEGER PRIMARY KEY, stream_type TEXT, \
     stream_id TEXT, version INTEGER, UNIQUE (stream_type, stream_id, version)); \
     INSERT INTO shadow SELECT position, stream_type, stream_id, version FROM entry \
     WHERE position <> (SELECT max(position) FROM entry WHERE stream_type = 'partnership'); \
     CREATE TEMP TABLE pages AS SELECT name, rootpage FROM sqlite_schema; \
     PRAGMA writable_schema = ON; \
     UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM pages \
     WHERE pages.name = CASE sqlite_schema.name WHEN 'sqlite_autoindex_entry_1' \
     THEN 'sqlite_autoindex_shadow_1' ELSE 'sqlite_autoindex_entry_1' END) \
     WHERE name IN ('sqlite_autoindex_entry_1', 'sqlite_autoindex_shadow_1')";

#[test]
fn an_index_that_hides_an_entry_is_told() {
    let copy = Copy::new();
    let verify = ["ledger", "verify", "--database-url", "sqlite:ledger.db"];
    let sound = run(copy.folder.path(), &[&["--json"], &verify[..]].concat());
    assert_eq!(said(&sound)["damaged"], json!([]));
    Runtime::new().unwrap().block_on(async {
        let mut file = copy.tamper().await;
        assert!(file.sql(INDEX_CHANGED).await > 0);
        file.close().await;
    });
    let (code, findings) = copy.verify();
    assert_eq!((code, findings), (Some(7), vec![]), "every entry is right");
    let told = run(copy.folder.path(), &verify);
    let told = String::from_utf8(told.stdout).unwrap();
    let missing = "the database is damaged: row ";
    let index = "missing from index sqlite_autoindex_entry_1";
    assert!(told.contains(missing) && told.contains(index), "{told}");
}

#[test]
fn every_place_that_was_tampered_with_is_told() {
    let copy = Copy::new();
    Runtime::new().unwrap().block_on(async {
        let mut file = copy.tamper().await;
        let sql = "UPDATE entry SET leaf_data = replace(leaf_data, '20', '30') \
                   WHERE position = 20; \
                   UPDATE entry SET event_type = 'x' WHERE position = 40; \
                   UPDATE entry SET leaf_hash = x'' WHERE position = 45; \
                   UPDATE entry SET leaf_hash = zeroblob(32) \
                   WHERE position = (SELECT max(position) FROM entry)";
        assert!(file.sql(sql).await > 0);
        file.close().await;
    });
    let (code, findings) = copy.verify();
    for position in [20, 40, 45, TOLD.entries] {
        assert!(
            findings.iter().any(|(at, _)| *at == position),
            "{position}: {findings:?}"
        );
    }
    assert!(findings.is_sorted_by_key(|(at, _)| *at), "{findings:?}");
    assert_eq!(code, Some(7));
}

/// The town's police, by their name.
const POLICE: &str = "Tamperton police";

fn renamed(text: &str) -> String {
    text.replace(POLICE, "Temperton police")
}

#[test]
fn a_text_and_its_hash_edited_together_are_located_by_the_root_of_their_commit() {
    let copy = Copy::new();
    let at = Runtime::new().unwrap().block_on(async {
        let mut file = copy.tamper().await;
        let at = file.first_with(POLICE).await;
        file.forge(at, renamed).await;
        let root: i64 = sqlx::query_scalar("SELECT min(position) FROM root WHERE position >= ?1")
            .bind(i64::try_from(at).unwrap())
            .fetch_one(file.connection())
            .await
            .unwrap();
        file.close().await;
        root.unsigned_abs()
    });
    copy.is_found(
        at,
        "the root left here is not that of the entries up to here",
    );
    let (_, findings) = copy.verify();
    assert_eq!(
        findings.len(),
        2,
        "the root once, and the head: {findings:?}"
    );
}

#[test]
fn a_version_changed_in_text_column_and_hash_is_located() {
    let copy = Copy::new();
    let at = Runtime::new().unwrap().block_on(async {
        let mut file = copy.tamper().await;
        let at = file.first_with(POLICE).await;
        let fifth = |text: &str| text.replace("\"version\":1,", "\"version\":5,");
        file.forge(at, fifth).await;
        sqlx::query("UPDATE entry SET version = 5 WHERE position = ?1")
            .bind(i64::try_from(at).unwrap())
            .execute(file.connection())
            .await
            .unwrap();
        file.close().await;
        at
    });
    copy.is_found(at, "it is version 5 of its stream, after version 0");
}

#[test]
fn everything_recomputed_is_found_by_the_noted_head() {
    let copy = Copy::new();
    Runtime::new().unwrap().block_on(async {
        let mut file = copy.tamper().await;
        let at = file.first_with(POLICE).await;
        file.forge(at, renamed).await;
        file.recompute().await;
        file.close().await;
    });
    assert_eq!(
        copy.verify(),
        (Some(0), vec![]),
        "by itself nothing is wrong with it"
    );
    copy.bring_note();
    copy.is_found(TOLD.entries, "or it was changed");
    // Nor is it served.
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        "sqlite:ledger.db",
    ];
    let served = run(copy.folder.path(), &serve);
    assert_eq!(served.status.code(), Some(5), "{}", stderr(&served));
}

/// Gives a command again and again until told to stop, and counts.
fn flow(client: &Client, path: &str, stop: &AtomicBool, given: &AtomicU64) {
    let body = json!({ "occurred_on": "2023-06-02",
        "particulars": { "version": 1, "group": "young_people" } });
    while !stop.load(Ordering::Relaxed) {
        let _ = client.post(path, &body).ok();
        given.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_taken_under_load_verifies_and_a_restored_one_is_served_only_once_the_loss_is_accepted()
{
    let mut server = Server::start();
    let town = Town::found(&server, "Backupton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let file = server.folder().join("backup.db");
    let (stop, given) = (AtomicBool::new(false), AtomicU64::new(0));
    let backup = std::thread::scope(|scope| {
        let _stops = Stops(&stop);
        for _ in 0..3 {
            scope.spawn(|| flow(town.client("police"), &path, &stop, &given));
        }
        let more = || {
            let since = given.load(Ordering::Relaxed);
            until("10 more commands are given", || {
                given.load(Ordering::Relaxed) >= since + 10
            });
        };
        more();
        let backup = server.run(&["--json", "ledger", "backup", file.to_str().unwrap()]);
        let verified = server.run(&["--json", "ledger", "verify"]);
        assert!(verified.status.success(), "{}", stderr(&verified));
        more();
        said(&backup)
    });
    let position = backup["position"].as_u64().unwrap();
    let twice = server.run(&["ledger", "backup", file.to_str().unwrap()]);
    assert_eq!(twice.status.code(), Some(5), "nothing is overwritten");
    // The projections go as far as the ledger, and so further than the backup.
    let read = town
        .client("police")
        .get_now(&format!("/v1/strategies/{strategy}"));
    assert_eq!(read.status, 200);
    server.end();
    let head = said(&server.run(&["--json", "ledger", "verify"]))["entries"]
        .as_u64()
        .unwrap();
    assert!(position > 50 && position < head, "{position} {head}");

    let url = format!("sqlite:{}", file.display());
    let verified = server.run(&["--json", "ledger", "verify", "--database-url", &url]);
    assert_eq!(verified.status.code(), Some(0), "{}", stderr(&verified));
    assert_eq!(said(&verified)["entries"], position);

    fs::copy(&file, server.ledger()).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let refused = server.run(&serve);
    assert_eq!(refused.status.code(), Some(5));
    let why = stderr(&refused);
    for part in [
        format!("the ledger ends at position {position}"),
        format!("positions {} to {head}", position + 1),
        "put back a newer copy".to_owned(),
        "dutyledger ledger note --accept-loss".to_owned(),
    ] {
        assert!(why.contains(&part), "{part}: {why}");
    }
    let key = ["key", "issue", "--kind", "auditor", "--label", "an audit"];
    assert_eq!(
        server.run(&key).status.code(),
        Some(5),
        "nothing else appends either"
    );
    let verified = server.run(&["--json", "ledger", "verify"]);
    assert_eq!(verified.status.code(), Some(7));
    assert_eq!(said(&verified)["findings"][0]["position"], head);
    assert_eq!(server.run(&["ledger", "note"]).status.code(), Some(5));

    let noted = said(&server.run(&["--json", "ledger", "note", "--accept-loss"]));
    assert_eq!(noted["position"], position);
    // The projections were derived from what is lost, and say so.
    let behind = server.run(&serve);
    assert_eq!(behind.status.code(), Some(5));
    let why = stderr(&behind);
    assert!(why.contains("dutyledger projections rebuild"), "{why}");
    let rebuilt = server.run(&["projections", "rebuild"]);
    assert!(rebuilt.status.success(), "{}", stderr(&rebuilt));
    server.restart();
    let police = town.client("police").at(server.address());
    let body = json!({ "occurred_on": "2023-06-02",
        "particulars": { "version": 1, "group": "young_people" } });
    // The clock may have said of the past what it said before the loss.
    assert!(police.post(&path, &body).ok()["position"].as_u64() > Some(position));
    assert_eq!(
        police.get_now(&format!("/v1/strategies/{strategy}")).status,
        200
    );
}

/// The position that a server noted last.
fn noted(server: &Server) -> Value {
    let note = fs::read_to_string(server.folder().join("ledger.noted-head.json")).unwrap();
    serde_json::from_str::<Value>(&note).unwrap()["position"].clone()
}

#[test]
fn a_backup_put_back_beside_the_log_of_a_killed_server_is_refused_until_that_log_is_gone() {
    let mut server = Server::start();
    let town = Town::found(&server, "Logton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let backup = server.folder().join("backup.db");
    let made = server.run(&["--json", "ledger", "backup", backup.to_str().unwrap()]);
    let position = said(&made)["position"].as_u64().unwrap();
    let body = json!({ "occurred_on": "2023-06-02",
        "particulars": { "version": 1, "group": "young_people" } });
    let lost = town.client("police").post(&path, &body).ok()["position"].clone();
    until("the head is noted", || {
        noted(&server).as_u64() >= lost.as_u64()
    });
    server.kill();
    // The clock may have had the last word.
    let lost = noted(&server);
    let (file, log) = (server.ledger(), beside(&server.ledger(), "-wal"));
    let left = fs::read(&log).unwrap();
    assert!(!left.is_empty(), "the log of a killed server stays");

    fs::copy(&backup, &file).unwrap();
    let copy = format!("sqlite:{}", server.folder().join("copy.db").display());
    let other = server.folder().join("other.db");
    let refuse = |commands: &[&[&str]]| {
        for command in commands {
            let refused = server.run(command);
            let why = stderr(&refused);
            assert_eq!(refused.status.code(), Some(5), "{command:?}: {why}");
            let named = format!("remove {}", log.display());
            assert!(why.contains(&named), "{command:?}: {why}");
        }
        assert_eq!(fs::read(&log).unwrap(), left, "the log is as it was");
    };
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let writing: [&[&str]; 2] = [
        &["key", "issue", "--kind", "auditor", "--label", "an audit"],
        &serve,
    ];
    refuse(&writing);
    refuse(&[
        &["ledger", "verify"],
        &["ledger", "copy", &copy],
        &["ledger", "backup", other.to_str().unwrap()],
        &["projections", "rebuild"],
    ]);
    let onto = ["ledger", "copy", "--database-url"];
    let from = format!("sqlite:{}", TOLD.server.ledger().display());
    let to = format!("sqlite:{}", file.display());
    refuse(&[&[&onto[..], &[&from, &to]].concat()]);
    // Without the master key that a ledger has, none is made in its place.
    let (master, away) = (
        server.folder().join("ledger.master.key"),
        server.folder().join("away"),
    );
    fs::rename(&master, &away).unwrap();
    refuse(&[&serve]);
    assert!(!master.exists());
    fs::rename(&away, &master).unwrap();
    let same = fs::read(&file).unwrap() == fs::read(&backup).unwrap();
    assert!(same, "the file is as it was put back");
    // Where the file is gone, its log is not thrown away.
    fs::remove_file(&file).unwrap();
    refuse(&writing);
    fs::copy(&backup, &file).unwrap();

    fs::remove_file(&log).unwrap();
    fs::remove_file(beside(&file, "-shm")).unwrap();
    let behind = server.run(&serve);
    let why = stderr(&behind);
    assert!(why.contains(&format!("to {lost} are lost")), "{why}");
    let noted = said(&server.run(&["--json", "ledger", "note", "--accept-loss"]));
    assert_eq!(noted["position"], position);
    let verified = said(&server.run(&["--json", "ledger", "verify"]));
    assert_eq!(
        (&verified["entries"], &verified["findings"]),
        (&position.into(), &json!([]))
    );
    let rebuilt = server.run(&["projections", "rebuild"]);
    assert!(rebuilt.status.success(), "{}", stderr(&rebuilt));
    server.restart();
    let police = town.client("police").at(server.address());
    let recorded = police.post(&path, &body).ok()["position"].as_u64();
    assert!(recorded > Some(position));
}

/// Every row of a ledger in a file, one a line.
fn rows_of_file(file: &Path) -> Vec<String> {
    Runtime::new().unwrap().block_on(async {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut conn = options.connect().await.unwrap();
        let rows = sqlx::query_scalar(
            "SELECT 'entry ' || position || ' ' || entry_id || ' ' || stream_type || ' ' || \
                    stream_id || ' ' || version || ' ' || event_type || ' ' || schema_version || \
                    ' ' || occurred_on || ' ' || recorded_at || ' ' || leaf_data || ' ' || \
                    lower(hex(leaf_hash)) AS row FROM entry \
             UNION ALL SELECT 'root ' || position || ' ' || lower(hex(root)) FROM root \
             UNION ALL SELECT 'name ' || scope || ' ' || key || ' ' || lower(hex(digest)) || ' ' \
                    || first_position || ' ' || last_position || ' ' || created_at || ' ' || \
                    lasting FROM idempotency \
             UNION ALL SELECT 'key ' || key_id || ' ' || lower(hex(hash)) || ' ' || kind || ' ' || \
                    coalesce(principal_id, '-') || ' ' || label || ' ' || issued_at || ' ' || \
                    coalesce(expires_at, '-') || ' ' || coalesce(revoked_at, '-') FROM api_key \
             UNION ALL SELECT 'head ' || ledger_id || ' ' || position || ' ' || recorded_at || \
                    ' ' || lower(hex(frontier)) FROM head",
        );
        let mut rows: Vec<String> = rows.fetch_all(&mut conn).await.unwrap();
        rows.sort();
        conn.close().await.unwrap();
        rows
    })
}

/// Every row of a ledger in a database, one a line, written as those of a file.
fn rows_of_database(database: &Database) -> Vec<String> {
    let sql = "CREATE FUNCTION pg_temp.at(timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT \
             to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') $$; \
         SELECT concat_ws(' ', 'entry', position, entry_id, stream_type, stream_id, version, \
                event_type, schema_version, occurred_on, pg_temp.at(recorded_at), leaf_data, \
                encode(leaf_hash, 'hex')) FROM ledger.entry \
         UNION ALL SELECT concat_ws(' ', 'root', position, encode(root, 'hex')) FROM ledger.root \
         UNION ALL SELECT concat_ws(' ', 'name', scope, key, encode(digest, 'hex'), \
                first_position, last_position, pg_temp.at(created_at), lasting::int) \
                FROM ledger.idempotency \
         UNION ALL SELECT concat_ws(' ', 'key', key_id, encode(hash, 'hex'), kind, \
                coalesce(principal_id::text, '-'), label, pg_temp.at(issued_at), \
                coalesce(pg_temp.at(expires_at), '-'), coalesce(pg_temp.at(revoked_at), '-')) \
                FROM ledger.api_key \
         UNION ALL SELECT concat_ws(' ', 'head', ledger_id, position, pg_temp.at(recorded_at), \
                encode(frontier, 'hex')) FROM ledger.head";
    let mut rows: Vec<String> = database
        .sql(OWNER, sql)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    rows.sort();
    rows
}

/// Fails with the first row that differs.
fn same(left: &[String], right: &[String]) {
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left, right);
    }
    assert_eq!(left.len(), right.len());
}

#[test]
fn a_copy_to_postgresql_and_back_holds_the_same_rows_and_repeated_keys_are_answered_over_it() {
    let mut server = Server::start();
    let town = Town::found(&server, "Copyton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let body = json!({ "occurred_on": "2023-06-02",
        "particulars": { "version": 1, "group": "young_people" } });
    let named = [("idempotency-key", "before-the-copy")];
    let first = town
        .client("police")
        .send(&path, &named, &body.to_string())
        .ok();
    let audit = [
        "--json", "key", "issue", "--kind", "auditor", "--label", "an audit",
    ];
    let revoked = said(&server.run(&audit));
    let revoked = revoked["key_id"].as_str().unwrap();
    let file = repository().join("ops/histories/city-of-london.json");
    let imported = server.run(&["import", file.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    server.end();

    let database = prepared(Postgres::shared());
    let url = database.url(APPLICATION);
    let copy = |server: &Server| {
        said(&server.run(&["--json", "ledger", "copy", &url]))["position"].clone()
    };
    let position = copy(&server);
    let rows = rows_of_file(&server.ledger());
    assert!(
        ["name ", "key ", "root "]
            .iter()
            .all(|kind| rows.iter().any(|row| row.starts_with(kind)))
    );
    same(&rows, &rows_of_database(&database));
    assert_eq!(copy(&server), position, "there is nothing more to copy");
    same(&rows, &rows_of_database(&database));

    let back = server.folder().join("back.db");
    let to = format!("sqlite:{}", back.display());
    let returned = server.run(&["ledger", "copy", "--database-url", &url, &to]);
    assert!(returned.status.success(), "{}", stderr(&returned));
    same(&rows, &rows_of_file(&back));
    let verify =
        |url: &str| said(&server.run(&["--json", "ledger", "verify", "--database-url", url]));
    let (here, there) = (verify(&to), verify(&url));
    assert_eq!(
        (&here["root"], &here["findings"]),
        (&there["root"], &json!([]))
    );

    // What happened to the original since is copied as well: an entry, a name, a revocation.
    assert!(server.run(&["key", "revoke", revoked]).status.success());
    server.restart();
    let police = town.client("police").at(server.address());
    let second = police
        .send(&path, &[("idempotency-key", "since")], &body.to_string())
        .ok();
    server.end();
    let entries = entries_of(&server.ledger());
    assert!(Some(entries) >= second["position"].as_u64());
    assert_eq!(copy(&server), entries);
    same(
        &rows_of_file(&server.ledger()),
        &rows_of_database(&database),
    );

    // The copy is served with the same master key, and answers what the original answered.
    let served = server.on(&url);
    let police = town.client("police").at(served.address());
    let again = police.send(&path, &named, &body.to_string()).ok();
    assert_eq!(again["replayed"], true);
    assert_eq!(again["entries"], first["entries"]);
}

#[test]
fn a_copy_is_not_made_over_another_ledger() {
    let other = Server::start();
    let mut third = Server::start();
    third.end();
    let database = prepared(Postgres::shared());
    let url = database.url(APPLICATION);
    let to = |server: &Server| format!("sqlite:{}", server.ledger().display());
    let copied = TOLD.server.run(&["ledger", "copy", &url]);
    assert!(copied.status.success(), "{}", stderr(&copied));
    let before = rows_of_database(&database);
    let refused = third.run(&["ledger", "copy", &url]);
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    same(&before, &rows_of_database(&database));
    let before = rows_of_file(&third.ledger());
    let refused = TOLD.server.run(&["ledger", "copy", &to(&third)]);
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    same(&before, &rows_of_file(&third.ledger()));
    let used = TOLD.server.run(&["ledger", "copy", &to(&other)]);
    assert_eq!(used.status.code(), Some(4), "{}", stderr(&used));
    // What went on from the copy is not the original's to overwrite.
    let ahead = TempDir::new().unwrap();
    let ahead = ahead.path().join("ahead.db");
    fs::copy(third.ledger(), &ahead).unwrap();
    let issue = ["key", "issue", "--kind", "auditor", "--label", "an audit"];
    assert!(third.run(&issue).status.success());
    let url = format!("sqlite:{}", ahead.display());
    let refused = third.run(&["ledger", "copy", "--database-url", &url, &to(&third)]);
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    // Nor is a ledger that is not prepared for.
    let bare = Postgres::shared().database().url(OWNER);
    let refused = third.run(&["ledger", "copy", &bare]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(
        stderr(&refused).contains("dutyledger migrate"),
        "{}",
        stderr(&refused)
    );
}

/// How many entries one append of the large ledger has, and how many appends there are.
const EACH: u64 = 7;
const APPENDS: u64 = 1_000;

/// A ledger with some thousands of entries, each append under a name.
fn large(folder: &Path) -> PathBuf {
    let file = folder.join("large.db");
    Runtime::new().unwrap().block_on(async {
        let opened = open(&Place::from(&file)).await.unwrap();
        let mut appends = Vec::new();
        for number in 1..=APPENDS {
            let drafts = (1..=EACH).map(|version| {
                let entry = u128::from(number * 10 + version);
                draft(number.into(), version, entry).unwrap()
            });
            let append = Append {
                streams: vec![StreamAppend {
                    stream: stream(number.into()),
                    expected_version: 0,
                    drafts: drafts.collect(),
                }],
                idempotency: Some(Idempotency {
                    scope: "test".into(),
                    key: number.to_string(),
                    digest: [7; 32],
                    lasting: true,
                }),
                ..Append::default()
            };
            let opened = opened.clone();
            appends.push(tokio::spawn(async move { opened.append(append).await }));
        }
        for append in appends {
            append.await.unwrap().unwrap();
        }
        opened.close().await;
    });
    file
}

/// Asks until the database says what it is to say.
fn until_said(database: &Database, sql: &str, says: &str) {
    in_time(|| match database.sql("postgres", sql).unwrap() {
        said if said == says => Ok(()),
        other => Err(format!("{says}, not {other}: {sql}")),
    });
}

#[test]
fn a_copy_that_was_killed_goes_on_even_while_its_last_commit_is_still_under_way() {
    let folder = TempDir::new().unwrap();
    let file = large(folder.path());
    let database = prepared(Postgres::shared());
    // The page that holds this position waits for as long as somebody else holds the lock.
    database
        .sql(
            OWNER,
            "CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$; \
             CREATE TRIGGER wait BEFORE INSERT ON ledger.entry FOR EACH ROW \
                 WHEN (NEW.position = 5000) EXECUTE FUNCTION public.wait()",
        )
        .unwrap();
    let mut holder = database.program("psql");
    let mut holder: Child = holder
        .arg("--quiet")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lock = holder.stdin.take().unwrap();
    lock.write_all(b"SELECT pg_advisory_lock(1);\n").unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    until_said(&database, held, "1");

    let (from, to) = (
        format!("sqlite:{}", file.display()),
        database.url(APPLICATION),
    );
    let copy = || {
        let mut command = std::process::Command::new(program());
        command
            .args(["--json", "ledger", "copy", "--database-url", &from, &to])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut first = copy();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND wait_event_type = 'Lock'";
    until_said(&database, waiting, "1");
    first.kill().unwrap();
    first.wait().unwrap();
    let there = database
        .sql(OWNER, "SELECT position FROM ledger.head")
        .unwrap();
    assert_eq!(there, "4000", "it was killed in the middle");
    let second = copy();
    until_said(&database, waiting, "2");
    drop(lock);
    holder.wait().unwrap();
    let second = second.wait_with_output().unwrap();
    assert!(second.status.success(), "{}", stderr(&second));
    let entries = APPENDS * EACH + 1;
    assert_eq!(said(&second)["position"], entries);
    same(&rows_of_file(&file), &rows_of_database(&database));
    let verified = run(
        folder.path(),
        &["--json", "ledger", "verify", "--database-url", &to],
    );
    assert_eq!(said(&verified)["entries"], entries);
    assert!(verified.status.success());
}

/// A ledger of two of the pages that are copied at once, with a commit that ends where the first page
/// does, and with names and API keys.
fn two_pages(folder: &Path) -> PathBuf {
    let file = folder.join("two-pages.db");
    let part = |number: u64, count: u64| StreamAppend {
        stream: stream(number.into()),
        expected_version: 0,
        drafts: (1..=count)
            .map(|version| {
                draft(
                    number.into(),
                    version,
                    u128::from(number * 10_000 + version),
                )
            })
            .collect::<Result<_, _>>()
            .unwrap(),
    };
    Runtime::new().unwrap().block_on(async {
        let ledger = open(&Place::from(&file)).await.unwrap();
        for (number, count) in [(1, 1_999), (2, 1), (3, 1)] {
            let key = ApiKey {
                key_id: KeyId::new(stream(number.into()).id.uuid()),
                hash: [u8::try_from(number).unwrap(); 32],
                kind: "auditor".to_owned(),
                principal_id: None,
                label: number.to_string(),
                issued_at: chrono::DateTime::UNIX_EPOCH,
                expires_at: None,
                revoked_at: None,
            };
            let append = Append {
                streams: vec![part(number, count)],
                idempotency: Some(Idempotency {
                    scope: "test".into(),
                    key: number.to_string(),
                    digest: [7; 32],
                    lasting: true,
                }),
                keys: vec![KeyChange::Issue(key)],
                ..Append::default()
            };
            ledger.append(append).await.unwrap();
        }
        ledger.close().await;
    });
    file
}

/// Opens a ledger for appending, as a server does.
async fn open(place: &Place) -> Result<Ledger, OpenError> {
    let opening = |_| {
        Ok(Opening {
            ledger: LEDGER,
            draft: draft(0, 1, OPENING)?,
        })
    };
    Ledger::open(Options::at(place), Arc::new(SystemClock), opening).await
}

/// Whether a server would serve what a copy left.
fn is_served(url: &str) -> bool {
    Runtime::new().unwrap().block_on(async {
        let place = Place::parse(url).unwrap();
        // Where nothing was copied yet, opening would found a ledger.
        let Ok(begun) = LedgerReader::open(&place).await else {
            return false;
        };
        begun.close().await;
        match open(&place).await {
            Ok(ledger) => {
                ledger.close().await;
                true
            }
            Err(OpenError::NoContinuation(NoContinuation::InPart { .. })) => false,
            Err(error) => panic!("{error}"),
        }
    })
}

/// Kills a copy at each of these calls in turn. Wherever that is, what it left is not served unless
/// it has every row, and copying again brings it to its end.
fn kill_copies(calls: &str, target: impl Fn() -> (String, Box<dyn Fn() -> Vec<String>>)) {
    if !traceable() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let file = two_pages(folder.path());
    let (from, rows) = (format!("sqlite:{}", file.display()), rows_of_file(&file));
    let mut in_part = 0;
    for n in 1.. {
        let (to, copied) = target();
        let copy = ["ledger", "copy", "--database-url", &from, &to];
        let killed = std::process::Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null"])
            .args(["-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:signal=KILL:when={n}")])
            .arg(program())
            .args(copy)
            .current_dir(folder.path())
            .output()
            .unwrap();
        if is_served(&to) {
            same(&rows, &copied());
        } else {
            assert!(!killed.status.success(), "a whole copy is served");
            in_part += 1;
        }
        let again = run(folder.path(), &copy);
        assert!(again.status.success(), "{n}: {}", stderr(&again));
        same(&rows, &copied());
        assert!(is_served(&to));
        if killed.status.success() {
            break;
        }
    }
    assert!(in_part > 4, "it was killed in the midst: {in_part}");
}

#[test]
fn a_copy_to_a_file_is_served_with_every_name_and_key_or_not_at_all_wherever_it_was_killed() {
    let folder = TempDir::new().unwrap();
    let made = std::cell::Cell::new(0);
    kill_copies("fdatasync,fsync", || {
        made.set(made.get() + 1);
        let file = folder.path().join(format!("{}.db", made.get()));
        let url = format!("sqlite:{}", file.display());
        (url, Box::new(move || rows_of_file(&file)))
    });
}

#[test]
fn a_copy_to_a_server_is_served_with_every_name_and_key_or_not_at_all_wherever_it_was_killed() {
    kill_copies("sendto", || {
        let database = prepared(Postgres::shared());
        let url = database.url(APPLICATION);
        (url, Box::new(move || rows_of_database(&database)))
    });
}

#[test]
fn a_ledger_on_a_server_is_not_backed_up_into_a_file() {
    let folder = TempDir::new().unwrap();
    let url = prepared(Postgres::shared()).url(APPLICATION);
    let refused = run(
        folder.path(),
        &["ledger", "backup", "--database-url", &url, "x.db"],
    );
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("pg_dump"), "{}", stderr(&refused));
}

#[test]
fn a_copied_ledger_folds_to_the_same_state() {
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("copy.db");
    let copied = TOLD
        .server
        .run(&["ledger", "copy", &format!("sqlite:{}", to.display())]);
    assert!(copied.status.success(), "{}", stderr(&copied));
    Runtime::new().unwrap().block_on(async {
        let here = LedgerReader::open(&TOLD.server.ledger()).await.unwrap();
        let there = LedgerReader::open(&to).await.unwrap();
        assert_eq!(
            here.read(0, 10_000).await.unwrap(),
            there.read(0, 10_000).await.unwrap()
        );
        let rules = |ledger: LedgerReader| async move { load::rules(&ledger, None).await.unwrap() };
        assert_eq!(rules(here).await, rules(there).await);
    });
}

/// As where the disk fails: the sync of one commit, once the server serves.
#[test]
fn a_sync_that_fails_ends_the_server_and_the_same_key_settles_what_it_was_for() {
    // Of its writer's thread, which syncs the log less often than that as it opens.
    a_sync_fails("ledger.db-wal", 10, 20);
}

/// As where the disk fails while what the log holds is moved into the file, which no commit waits for.
#[test]
fn a_sync_of_the_file_that_the_log_is_moved_into_ends_the_server_too() {
    a_sync_fails("ledger.db", 1, 2_000);
}

/// Has one sync of a file fail, by its number, and gives as many commands as that at the most before it.
fn a_sync_fails(file: &str, when: usize, most: u32) {
    if !traceable() {
        return;
    }
    let mut server = Server::start();
    let town = Town::found(&server, "Syncton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    // What the clock has to say is said before: nothing but what is given is recorded from then on.
    let auditor = server.client(&key(&town.operator, "auditor", None));
    until("the first strategy is overdue", || {
        let overdue = "/v1/entries?event_type=AreaDeadlinePassed";
        auditor.get(overdue).ok()["data"] != json!([])
    });
    server.end();
    let folder = server.folder().to_str().unwrap().to_owned();
    let (log, ledger) = (format!("{folder}/trace"), format!("{folder}/{file}"));
    let inject = format!("inject=fdatasync,fsync:error=EIO:when={when}");
    server.run_under(&[
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        &log,
        "-P",
        &ledger,
        "-e",
        "trace=fdatasync,fsync",
        "-e",
        &inject,
    ]);
    server.restart();
    let body = json!({ "occurred_on": "2023-06-02",
        "particulars": { "version": 1, "group": "young_people" } });
    let give = |server: &Server, n: u32| {
        let name = format!("given-{n}");
        let headers = [("idempotency-key", name.as_str())];
        let police = town.client("police").at(server.address());
        police.send(&path, &headers, &body.to_string())
    };
    let mut recorded = Vec::new();
    let unknown = (0..most).find_map(|n| {
        let answer = give(&server, n);
        if answer.status != 200 {
            return Some((n, answer));
        }
        recorded.push((n, answer.body["position"].clone()));
        None
    });
    let (n, unknown) = unknown.expect("a sync failed");
    assert!(!recorded.is_empty(), "it serves: {}", unknown.text);
    let (status, code, _) = unknown.problem();
    assert_eq!((status, code.as_str()), (500, "outcome-unknown"));
    let ready = server
        .stranger()
        .try_send("GET", "/health/ready", &[], None);
    assert!(ready.is_err() || ready.is_ok_and(|ready| ready.status == 503));
    assert_eq!(server.ended().code(), Some(6), "{}", server.log());
    let told = fs::read_to_string(&log).unwrap();
    assert!(told.contains("(INJECTED)"), "{told}");

    server.run_under(&[]);
    server.restart();
    for (n, position) in recorded {
        let again = give(&server, n).ok();
        assert_eq!(
            (&again["replayed"], &again["position"]),
            (&json!(true), &position)
        );
    }
    let settled = give(&server, n).ok();
    let again = give(&server, n).ok();
    assert_eq!(
        (&again["replayed"], &again["position"]),
        (&json!(true), &settled["position"])
    );
    let verified = server.run(&["ledger", "verify"]);
    assert!(verified.status.success(), "{}", stderr(&verified));
}

/// Waits until readiness says something.
fn ready(server: &Server, status: u16, says: &str) {
    in_time(|| {
        let ready = server.stranger().get("/health/ready");
        match ready.status == status && ready.body["status"] == says {
            true => Ok(()),
            false => Err(ready.text),
        }
    });
}

#[test]
fn readiness_tells_that_the_wrapped_keys_cannot_be_read_or_the_head_cannot_be_noted() {
    let notes = TempDir::new().unwrap();
    let note = notes.path().join("notes/ledger.head");
    fs::create_dir(notes.path().join("notes")).unwrap();
    let server = Server::start_with(&[("DUTYLEDGER_NOTED_HEAD_FILE", note.to_str().unwrap())]);
    let area = json!({ "country": "england", "kind": "district", "name": "Eastmere" });
    let area = json!({ "occurred_on": "2023-01-31", "particulars": area });
    ready(&server, 200, "ready");

    let runtime = Runtime::new().unwrap();
    let keys = |sql: &'static str| {
        let file = server.ledger().with_extension("keys.db");
        runtime.block_on(async {
            let mut file = SqliteConnectOptions::new()
                .filename(file)
                .connect()
                .await
                .unwrap();
            sqlx::query(sql).execute(&mut file).await.unwrap();
            file.close().await.unwrap();
        });
    };
    keys("ALTER TABLE data_key RENAME TO moved");
    ready(&server, 503, "the wrapped keys cannot be read");
    keys("ALTER TABLE moved RENAME TO data_key");
    ready(&server, 200, "ready");

    fs::remove_dir_all(notes.path().join("notes")).unwrap();
    let _ = server.operator().post("/v1/areas", &area).ok();
    ready(&server, 503, "the head of the ledger cannot be noted");
    let shown = server.stranger().get("/health/ready").body["not_noted"].clone();
    assert!(shown.as_str().is_some_and(|why| !why.is_empty()), "{shown}");
    // It is tried again, although nothing more is recorded.
    fs::create_dir(notes.path().join("notes")).unwrap();
    ready(&server, 200, "ready");
    assert!(note.exists());
}

#[test]
fn a_file_of_a_newer_schema_is_not_served_and_the_message_says_what_to_do() {
    let mut server = Server::start();
    server.end();
    Runtime::new().unwrap().block_on(async {
        let file = SqliteConnectOptions::new().filename(server.ledger());
        let mut file = file.connect().await.unwrap();
        sqlx::query("PRAGMA user_version = 99")
            .execute(&mut file)
            .await
            .unwrap();
        file.close().await.unwrap();
    });
    let refused = server.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(5), "{}", stderr(&refused));
    let why = stderr(&refused);
    assert!(
        why.contains("has schema 99") && why.contains("use a newer program"),
        "{why}"
    );
}
