//! The auditor's side of a ledger on PostgreSQL: what is asked and proved of it, what is found when
//! somebody who may do everything there changes rows, and where the keys are not.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dutyledger_proofs::tree::{verify_consistency, verify_inclusion};
use dutyledger_proofs::{Checkpoint, ConsistencyProof, InclusionProof, Note, VerifierKey};
use dutyledger_record::{hex, unhex};
use dutyledger_test_bundles::{Parts, independent};
use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use dutyledger_tests::{
    PATIENCE, Server, Town, done, in_time, key, prepared, said, until, verifier,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The exit code of a ledger that does not verify.
const NOT_VERIFIED: i32 = 7;

/// A server that signs, over a new database, and its key.
fn signing(postgres: &Postgres) -> (Server, Database, VerifierKey) {
    let database = prepared(postgres);
    let mut server = Server::start_on(&database.url(APPLICATION));
    server.end();
    let key = done(&server.run(&["audit", "new-key"]));
    server.set(&[("DUTYLEDGER_CHECKPOINT_EVERY", "1")]);
    server.restart();
    (server, database, key.trim().parse().unwrap())
}

fn opened(text: &str, key: &VerifierKey) -> Checkpoint {
    let note = Note::parse(text.as_bytes()).unwrap();
    Checkpoint::open(&note, [key]).unwrap().0
}

/// The checkpoint that is served, once it covers a position that nobody asked to have signed.
fn signed_by_itself(server: &Server, key: &VerifierKey, position: u64) -> Checkpoint {
    in_time(|| {
        let served = server.stranger().get("/log/checkpoint");
        let checkpoint = (served.status == 200).then(|| opened(&served.text, key));
        checkpoint
            .filter(|checkpoint| checkpoint.size >= position)
            .ok_or(served.text)
    })
}

/// What is signed by itself of all there is now.
fn all_signed(server: &Server, key: &VerifierKey) -> Checkpoint {
    signed_by_itself(server, key, server.operator().head())
}

/// What the command line says beside the server, as JSON.
fn told(server: &Server, arguments: &[&str]) -> Value {
    let text = done(&server.run(&[&["--json", "audit"], arguments].concat()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn what_is_asked_of_a_ledger_on_postgres_is_answered_alike_by_both_ways() {
    let (server, _database, _) = signing(Postgres::shared());
    let town = Town::found(&server, "Pogmere");
    let before = town.operator.head();
    let strategy = town.adopted("2023-06-01");
    let auditor = server.client(&key(&server.operator(), "auditor", None));
    let now = town.operator.head();
    // The server before this one may have had the turn to write the rows.
    let _ = auditor.get_at("/v1/reviews", now).ok();
    let id = town.partnership.as_str();
    let (now, before) = (now.to_string(), before.to_string());

    for of in ["partnership", "obligations", "reviews", "triggers"] {
        for known_at in [&before, &now] {
            let moment = ["--on", "2024-07-01", "--known-at", known_at];
            let offline = told(&server, &[&["replay", of, id], &moment[..]].concat());
            let path = format!("/v1/audit/partnerships/{id}/replay?of={of}");
            let path = format!("{path}&on=2024-07-01&known_at={known_at}");
            assert_eq!(auditor.get(&path).ok(), offline, "{of} {known_at}");
        }
    }
    let moment = ["--on", "2024-07-01", "--known-at", &now];
    let offline = told(
        &server,
        &[&["replay", "strategy", strategy.as_str()], &moment[..]].concat(),
    );
    let path = format!("/v1/audit/strategies/{strategy}/replay?on=2024-07-01&known_at={now}");
    assert_eq!(auditor.get(&path).ok(), offline);

    let of = ["diff", id, "--from-on", "2023-03-01"];
    let offline = told(&server, &[&of[..], &moment[..]].concat());
    let path = format!("/v1/audit/partnerships/{id}/changes?from_on=2023-03-01");
    let path = format!("{path}&on=2024-07-01&known_at={now}");
    assert_eq!(auditor.get(&path).ok(), offline);
    assert!(!offline["happened"].as_array().unwrap().is_empty());

    let of = ["explain", "obligation", id, "R-42.1"];
    let offline = told(&server, &[&of[..], &moment[..]].concat());
    let path = format!("/v1/audit/partnerships/{id}/explanations?rule=R-42.1");
    let path = format!("{path}&on=2024-07-01&known_at={now}");
    let asked = auditor.get(&path).ok();
    let why = |answer: &Value| {
        let list = answer.get("data").unwrap_or(answer);
        list[0]["sentence"].as_str().unwrap().to_owned()
    };
    assert_eq!(why(&asked), why(&offline));
    assert!(why(&asked).contains("R-42.1"), "{asked}");

    let path = format!("/v1/partnerships/{id}/triggers?on=2024-07-01&known_at={now}");
    let triggers = auditor.get(&path).ok();
    let trigger = triggers["data"]["triggers"][0]["id"].as_str().unwrap();
    let of = ["explain", "trigger", id, trigger];
    let offline = told(&server, &[&of[..], &moment[..]].concat());
    let path = format!("/v1/audit/partnerships/{id}/explanations?trigger={trigger}");
    let path = format!("{path}&on=2024-07-01&known_at={now}");
    assert_eq!(auditor.get(&path).ok()["data"], offline["data"]);
    let text = offline["data"][0]["sentence"].as_str().unwrap();
    assert!(text.starts_with("The direction trigger about"), "{text}");

    let path = format!("/v1/strategies/{strategy}/adoptions");
    let again = Town::adoption(1, "2023-06-01");
    let refused = town.client("fire").post(&path, &again);
    assert_eq!(refused.status, 409, "{}", refused.text);
    let given = json!({
        "principal_kind": "authority", "principal_id": town.ids["fire"],
        "stream_type": "strategy", "stream": strategy, "command": "adopt-version",
        "particulars": again["particulars"], "reasons": again["reasons"],
        "occurred_on": "2023-06-01", "decided_at": refused.body["decided_at"],
        "decided_for": refused.body["decided_for"], "decided_on": refused.body["decided_on"],
    });
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("refused.json");
    fs::write(&file, given.to_string()).unwrap();
    let offline = told(&server, &["explain", "refusal", file.to_str().unwrap()]);
    assert_eq!(auditor.post("/v1/audit/refusals", &given).ok(), offline);
    assert_eq!(offline["code"], refused.body["code"], "{offline}");

    // A search finds the same entries as JSON lines, as a list for spreadsheets, and over HTTP.
    let of = ["audit", "search", "--partnership", id];
    let lines = done(&server.run(&[&of[..], &["--format", "json-lines"]].concat()));
    let found: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let csv = done(&server.run(&[&of[..], &["--format", "csv"]].concat()));
    assert!(found.len() > 20 && csv.lines().count() > found.len());
    let rows = csv.matches(&town.partnership).count();
    assert!(rows >= found.len() / 2, "{rows} of {}", found.len());
    for hit in &found {
        let position = hit["position"].as_u64().unwrap();
        assert!(
            csv.contains(hit["entry_id"].as_str().unwrap()),
            "{position}"
        );
    }
}

#[test]
fn a_ledger_on_postgres_is_signed_on_a_schedule_and_on_demand_proven_and_handed_over() {
    let (mut server, _database, first) = signing(Postgres::shared());
    let town = Town::found(&server, "Pogmere");
    let _ = town.adopted("2023-06-01");
    let old = all_signed(&server, &first);
    let _ = Town::found(&server, "Other");
    let asked = server.operator().post("/v1/audit/checkpoints", &json!({}));
    assert_eq!(asked.status, 200, "{}", asked.text);
    let now = opened(&asked.text, &first);
    assert!(now.size > old.size);
    let path = format!("/v1/audit/consistency?from={}", old.size);
    let grown = server.operator().get(&path).text;
    let grown = ConsistencyProof::parse(grown.as_bytes()).unwrap();
    let by = opened(&grown.checkpoint.to_string(), &first);
    verify_consistency(old.size, &old.root, by.size, &by.root, &grown.hashes).unwrap();

    // An entry is proven by the command line, from the tiles beside the server.
    let auditor = server.client(&key(&server.operator(), "auditor", None));
    let entries = "/v1/entries?event_type=StrategyAdopted";
    let id = auditor.get_at(entries, now.size).ok()["data"][0]["entry_id"].clone();
    let id = id.as_str().unwrap();
    let shown = auditor.get(&format!("/v1/entries/{id}")).ok();
    let leaf: [u8; 32] = unhex(shown["leaf_hash"].as_str().unwrap().as_bytes()).unwrap();
    let proof = done(&server.run(&["audit", "prove", id]));
    let proof = InclusionProof::parse(proof.as_bytes()).unwrap();
    let by = opened(&proof.checkpoint.to_string(), &first);
    verify_inclusion(proof.index, by.size, &leaf, &proof.hashes, &by.root).unwrap();

    // Bundles, which nothing tells of the database they are from.
    let elsewhere = TempDir::new().unwrap();
    let checked = |server: &Server, name: &str, key: &VerifierKey, export: &[&str]| {
        let file = elsewhere.path().join(name);
        let path = file.to_str().unwrap();
        let _ = done(&server.run(&[&["audit", "export", path], export].concat()));
        for mut reader in [Command::new(verifier()), independent(1 << 21)] {
            let trusted = ["--trusted-key", &key.to_string()];
            let _ = done(&reader.args(trusted).arg(path).output().unwrap());
        }
    };
    let of_one = ["--partnership", town.partnership.as_str()];
    checked(&server, "whole.zip", &first, &[]);
    checked(&server, "part.zip", &first, &of_one);

    // And once more under another key, signed by a server that was restarted.
    server.end();
    let second = done(&server.run(&["audit", "new-key"]));
    let second = second.trim().parse().unwrap();
    server.restart();
    let _ = all_signed(&server, &second);
    checked(&server, "later.zip", &second, &[]);
    checked(&server, "later-part.zip", &second, &of_one);
}

/// How many bundles the ledger says were handed over.
fn handed_over(postgres: &Postgres, database: &Database) -> u32 {
    let sql = "SELECT count(*) FROM ledger.entry WHERE event_type = 'ExportServed'";
    postgres.sql(database.name(), sql).trim().parse().unwrap()
}

/// Asks for a bundle, and takes nothing of the answer yet.
fn asked_for(server: &Server, key: &str) -> TcpStream {
    let address = server.address().strip_prefix("http://").unwrap();
    let mut line = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /v1/audit/exports HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    line.write_all(request.as_bytes()).unwrap();
    line
}

/// Has entries be read, and none recorded, until what is answered last is dropped.
fn nothing_recorded(database: &Database) -> (Child, ChildStdin) {
    let mut holder = database.program("psql");
    let quiet = holder.arg("--quiet").stdout(Stdio::null());
    let mut holder = quiet.stdin(Stdio::piped()).spawn().unwrap();
    let mut lock = holder.stdin.take().unwrap();
    lock.write_all(b"BEGIN; LOCK TABLE ledger.head IN SHARE MODE;\n")
        .unwrap();
    (holder, lock)
}

#[test]
fn who_takes_a_bundle_is_in_the_ledger_before_the_first_byte_and_one_is_made_at_a_time() {
    let postgres = Postgres::shared();
    let (server, database, first) = signing(postgres);
    let _ = Town::found(&server, "Pogmere");
    let auditor = key(&server.operator(), "auditor", None);
    let _ = all_signed(&server, &first);
    assert_eq!(handed_over(postgres, &database), 0);
    let (mut holder, lock) = nothing_recorded(&database);
    let locks = |mode: &str, granted: &str| {
        let sql = format!(
            "SELECT count(*) FROM pg_locks WHERE relation = 'ledger.head'::regclass \
             AND mode = '{mode}' AND {granted}"
        );
        postgres.sql(database.name(), &sql).trim() != "0"
    };
    until("nothing can be recorded", || locks("ShareLock", "granted"));
    let mut line = asked_for(&server, &auditor);
    until("that it is handed over waits to be recorded", || {
        locks("RowExclusiveLock", "NOT granted")
    });
    line.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut begins = [0; 12];
    let nothing = line.read(&mut begins).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock, "not a byte is sent");
    let other = server.client(&auditor);
    let busy = other.post("/v1/audit/exports", &json!({}));
    assert_eq!((busy.status, busy.problem().1.as_str()), (503, "busy"));
    assert_eq!(handed_over(postgres, &database), 0);
    drop(lock);
    holder.wait().unwrap();
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    line.read_exact(&mut begins).unwrap();
    assert_eq!(handed_over(postgres, &database), 1, "before the first byte");
    assert_eq!(&begins, b"HTTP/1.1 200");
    // Whoever was told that it is busy is in no entry, and is served when it is not.
    in_time(|| {
        let line = &mut asked_for(&server, &auditor);
        let mut begins = [0; 12];
        line.read_exact(&mut begins).unwrap();
        match &begins {
            b"HTTP/1.1 200" => Ok(()),
            b"HTTP/1.1 503" => Err("a bundle"),
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    });
    assert_eq!(handed_over(postgres, &database), 2, "one for each answer");
}

/// What `ledger verify` finds in a database, and how it ends.
fn findings(server: &Server, database: &Database) -> (i32, Value) {
    let mut command = server.command(&["--json", "ledger", "verify"]);
    let output = command
        .env("DUTYLEDGER_DATABASE_URL", database.url(APPLICATION))
        .output()
        .unwrap();
    let told =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    (output.status.code().unwrap(), told)
}

#[test]
fn rows_that_the_superuser_changed_are_located_by_position() {
    let postgres = Postgres::shared();
    let (mut server, database, _) = signing(postgres);
    let _ = Town::found(&server, "Pogmere");
    let _ = Town::found(&server, "Other");
    server.end();
    let (code, told) = findings(&server, &database);
    assert_eq!((code, &told["findings"]), (0, &json!([])), "{told}");
    let entries = told["entries"].as_u64().unwrap();
    assert!(entries > 40);
    let position = |sql: &str| -> u64 {
        let found = postgres.sql(database.name(), sql);
        found.trim().parse().unwrap()
    };
    let named = "SELECT min(position) FROM ledger.entry WHERE leaf_data LIKE '%\"Pogmere%'";
    let root = "SELECT min(position) FROM ledger.root WHERE position > 8";
    let (named, root) = (position(named), position(root));
    for (what, change, first) in [
        (
            "a text",
            "UPDATE ledger.entry SET leaf_data = replace(leaf_data, '20', '30') \
             WHERE position = 17 OR position = 5",
            5,
        ),
        (
            "a hash",
            "UPDATE ledger.entry SET leaf_hash = sha256('another') WHERE position = 23",
            23,
        ),
        (
            "a column that reads go by",
            "UPDATE ledger.entry SET stream_id = gen_random_uuid() WHERE position = 11",
            11,
        ),
        (
            "a date beyond the calendar",
            "UPDATE ledger.entry SET occurred_on = 'infinity' WHERE position = 12",
            12,
        ),
        (
            "an instant beyond the calendar",
            "UPDATE ledger.entry SET recorded_at = '-infinity' WHERE position = 13",
            13,
        ),
        (
            "a text and its hash",
            "UPDATE ledger.entry SET leaf_data = replace(leaf_data, '\"Pogmere', '\"Bogmere'), \
             leaf_hash = sha256('\\x00'::bytea || convert_to(replace(leaf_data, '\"Pogmere', \
             '\"Bogmere'), 'UTF8')) WHERE position = (SELECT min(position) FROM ledger.entry \
             WHERE leaf_data LIKE '%\"Pogmere%')",
            named,
        ),
        (
            "a row removed",
            "DELETE FROM ledger.entry WHERE position = 31",
            31,
        ),
        (
            "two rows in each other's place",
            "UPDATE ledger.entry SET position = -1 WHERE position = 30; \
             UPDATE ledger.entry SET position = 30 WHERE position = 29; \
             UPDATE ledger.entry SET position = 29 WHERE position = -1",
            29,
        ),
        (
            "an entry below the first",
            "INSERT INTO ledger.entry SELECT -1, gen_random_uuid(), stream_type, stream_id, 1000, \
             event_type, schema_version, occurred_on, recorded_at, leaf_data, leaf_hash \
             FROM ledger.entry WHERE position = 20",
            0,
        ),
        (
            "a root",
            "UPDATE ledger.root SET root = sha256('another') WHERE position = (SELECT \
             min(position) FROM ledger.root WHERE position > 8)",
            root,
        ),
    ] {
        let copy = postgres.copy(&database);
        let changed = format!("SET session_replication_role = replica; {change}");
        let _ = postgres.sql(copy.name(), &changed);
        let (code, told) = findings(&server, &copy);
        assert_eq!(code, NOT_VERIFIED, "{what}: {told}");
        let found = told["findings"].as_array().unwrap();
        let positions: BTreeSet<_> = found
            .iter()
            .map(|one| one["position"].as_u64().unwrap())
            .collect();
        // The first is where it is; roots from there on do not agree either.
        let at = *positions.first().unwrap();
        assert_eq!(at, first, "{what}: {told}");
    }
    // What the owner may not do even so: the triggers stand in the way.
    let refused = database.sql(OWNER, "DELETE FROM ledger.entry WHERE position = 31");
    assert!(refused.is_err(), "{refused:?}");
    let (code, _) = findings(&server, &database);
    assert_eq!(code, 0);
}

#[test]
fn an_index_that_hides_an_entry_is_told() {
    let postgres = Postgres::shared();
    let (mut server, database, _) = signing(postgres);
    let _ = Town::found(&server, "Hidmere");
    server.end();
    let copy = postgres.copy(&database);
    // With as few entries as these the server would read all of them, by no index.
    let by_index = format!(
        "ALTER DATABASE \"{}\" SET enable_seqscan = off",
        copy.name()
    );
    let _ = postgres.sql(copy.name(), &by_index);
    let (code, told) = findings(&server, &copy);
    assert_eq!((code, &told["damaged"]), (0, &json!([])), "{told}");
    // A row that is written while the index is taken for one that nobody keeps.
    let kept = |kept: bool| {
        let index = "ledger.entry_stream_id_version_stream_type_key";
        let set = format!("UPDATE pg_index SET indisready = {kept}");
        let _ = postgres.sql(
            copy.name(),
            &format!("{set} WHERE indexrelid = '{index}'::regclass"),
        );
    };
    kept(false);
    let _ = postgres.sql(
        copy.name(),
        "SET session_replication_role = replica; \
         CREATE TEMP TABLE kept AS SELECT * FROM ledger.entry WHERE position = 20; \
         DELETE FROM ledger.entry WHERE position = 20; \
         INSERT INTO ledger.entry SELECT * FROM kept",
    );
    kept(true);
    let (code, told) = findings(&server, &copy);
    assert_eq!(
        (code, &told["findings"]),
        (NOT_VERIFIED, &json!([])),
        "{told}"
    );
    let damaged = told["damaged"].as_array().unwrap();
    assert_eq!(damaged.len(), 1, "{told}");
    let said = damaged[0].as_str().unwrap();
    assert!(said.contains("its index leads to"), "{said}");
}

/// The files below a folder that hold some bytes.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if let Ok(file) = fs::read(&path) {
            let mut starts = file.iter().enumerate().filter(|(_, b)| **b == bytes[0]);
            if starts.any(|(at, _)| file[at..].starts_with(bytes)) {
                found.push(path);
            }
        }
    }
    found
}

/// A secret in every form it could be written in.
fn written(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = hex(secret);
    vec![
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        // Whatever stands before and behind, base64 of the middle stands in one of three places.
        STANDARD.encode(&secret[..30]).into_bytes(),
        STANDARD.encode(&secret[1..31]).into_bytes(),
        STANDARD.encode(&secret[2..32]).into_bytes(),
    ]
}

fn a_file(server: &Server, end: &str) -> PathBuf {
    let mut files = fs::read_dir(server.folder()).unwrap().flatten();
    let found = files.find(|file| file.file_name().to_str().unwrap().ends_with(end));
    found.unwrap_or_else(|| panic!("there is no {end}")).path()
}

#[test]
fn neither_the_signing_key_nor_the_master_key_is_in_the_database_a_dump_or_a_bundle() {
    let postgres = Postgres::start();
    let (mut server, database, _) = signing(&postgres);
    let town = Town::found(&server, "Pogmere");
    let strategy = town.draft("2023-06-01");
    town.consult(&strategy, 1, "2023-06-02");
    let sealed = json!({ "occurred_on": "2023-06-03", "particulars": { "version": 1,
        "authority": town.ids["college"], "response": "Ask for the fictional Zebedee." } });
    let path = format!("/v1/strategies/{strategy}/responses");
    let _ = town.client("college").post(&path, &sealed).ok();
    server.end();
    let _ = done(&server.run(&["audit", "checkpoint"]));
    // Both keys once more, so that what was replaced is looked for as well.
    let signing_key = a_file(&server, ".signing.key");
    let master_key = a_file(&server, ".master.key");
    let mut secrets = vec![
        fs::read(&signing_key).unwrap(),
        fs::read(&master_key).unwrap(),
    ];
    let _ = done(&server.run(&["audit", "new-key"]));
    let _ = done(&server.run(&["vault", "rotate-master"]));
    let _ = done(&server.run(&["audit", "checkpoint"]));
    secrets.extend([
        fs::read(&signing_key).unwrap(),
        fs::read(&master_key).unwrap(),
    ]);
    assert!(secrets[0] != secrets[2] && secrets[1] != secrets[3]);

    let apart = TempDir::new().unwrap();
    let bundle = apart.path().join("whole.zip");
    let _ = done(&server.run(&["audit", "export", bundle.to_str().unwrap()]));
    // A bundle is compressed: what is in it is looked through apart.
    for (name, bytes) in Parts::of(&fs::read(&bundle).unwrap()).0 {
        let name = name.replace('/', "-");
        fs::write(apart.path().join(name), bytes).unwrap();
    }
    for (name, only) in [("all", &[][..]), ("ledger", &["--schema=ledger"])] {
        let dump = database.program("pg_dump").args(only).output().unwrap();
        assert!(dump.status.success(), "{}", said(&dump));
        fs::write(apart.path().join(format!("{name}.sql")), dump.stdout).unwrap();
    }
    postgres.sql("postgres", "CHECKPOINT");

    let folders = [apart.path().to_owned(), postgres.data()];
    let ledger = town.partnership.as_bytes();
    for folder in &folders {
        assert!(
            !holding(folder, ledger).is_empty(),
            "what is there is found"
        );
    }
    for (place, secret) in secrets.iter().enumerate() {
        let text = String::from_utf8_lossy(secret);
        // A signing key's last part is its seed, behind the byte that names its kind; a master key
        // is hexadecimal.
        let raw = match text.trim().splitn(5, '+').nth(4) {
            Some(seed) => STANDARD.decode(seed).unwrap()[1..].to_vec(),
            None => unhex(text.trim().as_bytes()).unwrap().to_vec(),
        };
        assert_eq!(raw.len(), 32, "a key has 32 bytes");
        let sought = written(&raw);
        for form in &sought {
            for folder in &folders {
                assert_eq!(holding(folder, form), Vec::<PathBuf>::new());
            }
        }
        // Those in use are found where they are.
        let own = sought
            .iter()
            .any(|form| !holding(server.folder(), form).is_empty());
        assert!(own || place < 2);
    }
}
