//! Checkpoints, proofs, bundles and the watch, as those use them who do not trust whoever runs the
//! ledger.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dutyledger_ledger::LedgerReader;
use dutyledger_proofs::tile::{Holds, Tile, read_entries, read_hashes};
use dutyledger_proofs::tree::{verify_consistency, verify_inclusion};
use dutyledger_proofs::{
    Checkpoint, ConsistencyProof, InclusionProof, Note, SigningKey, VerifierKey,
};
use dutyledger_record::{leaf_hash_of_bytes, unhex};
use dutyledger_test_postgres::{APPLICATION, Postgres};
use dutyledger_tests::{Client, Server, Stops, Tampered, Town, head_in, key, prepared, verifier};
use dutyledger_transparency::{Keeper, Trouble};
use serde_json::{Value, json};

/// Makes the ledger's first or next key, as its operator does while the server is stopped.
fn new_key(server: &mut Server) -> VerifierKey {
    server.end();
    let made = server.run(&["audit", "new-key"]);
    assert!(made.status.success(), "{}", said(&made));
    let key = String::from_utf8(made.stdout).unwrap();
    server.restart();
    key.trim().parse().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server that signs, with its key.
fn signing() -> (Server, VerifierKey) {
    let mut server = Server::start();
    // Only where a test asks for it, however long that test takes.
    server.set(&[("DUTYLEDGER_CHECKPOINT_EVERY", "86400")]);
    let key = new_key(&mut server);
    (server, key)
}

/// The exit codes of what went wrong on this side, of a command line that is not right, of a file that
/// is not the right one, of a ledger that does not verify, and of a checkpoint that is forged.
const OWN_SIDE: i32 = 1;
const USAGE: i32 = 2;
const NOT_OPENED: i32 = 5;
const NOT_VERIFIED: i32 = 7;
const FORGED: i32 = 9;

/// Commands that append to a ledger by themselves.
const APPENDING: [&[&str]; 3] = [
    &["serve", "--listen", "127.0.0.1:0"],
    &["key", "issue", "--kind", "operator", "--label", "another"],
    &["audit", "new-key"],
];

fn checkpoint(text: &str, key: &VerifierKey) -> Checkpoint {
    let note = Note::parse(text.as_bytes()).unwrap();
    Checkpoint::open(&note, [key]).unwrap().0
}

/// Has a checkpoint signed of all there is.
fn sign(server: &Server, key: &VerifierKey) -> Checkpoint {
    let signed = server.operator().post("/v1/audit/checkpoints", &json!({}));
    assert_eq!(signed.status, 200, "{}", signed.text);
    checkpoint(&signed.text, key)
}

/// The bytes at an address, and the status.
fn fetch(server: &Server, path: &str, key: Option<&str>) -> (u16, Vec<u8>) {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = ureq::Agent::new_with_config(config.build());
    let mut asked = agent.get(format!("{}{path}", server.address()));
    if let Some(key) = key {
        asked = asked.header("authorization", format!("Bearer {key}"));
    }
    let mut answer = asked.call().unwrap();
    let bytes = answer.body_mut().read_to_vec().unwrap();
    (answer.status().as_u16(), bytes)
}

/// The newest entry of an event, as a client sees it.
fn newest(client: &Client, event: &str) -> Value {
    let path = format!("/v1/entries?limit=200&event_type={event}");
    let found = client.get_now(&path).ok()["data"].clone();
    found.as_array().unwrap().last().unwrap().clone()
}

#[test]
fn an_entry_is_proven_and_tiles_are_open_to_everyone() {
    let mut server = Server::start();
    let stranger = |server: &Server, path: &str| fetch(server, path, None);
    let (status, _) = stranger(&server, "/log/checkpoint");
    assert_eq!(status, 404, "nobody made a key");
    let key_of_ledger = new_key(&mut server);
    let town = Town::found(&server, "Eastmere");
    let old = sign(&server, &key_of_ledger);
    let _ = town.adopted("2023-06-01");
    let operator = server.operator();
    let auditor = key(&operator, "auditor", None);
    let auditing = server.client(&auditor);
    let entry = newest(&auditing, "StrategyAdopted");
    let now = sign(&server, &key_of_ledger);
    assert!(now.size > old.size && now.origin == key_of_ledger.name());
    let (_, served) = stranger(&server, "/log/checkpoint");
    let served = checkpoint(&String::from_utf8(served).unwrap(), &key_of_ledger);
    assert!(served.size >= now.size);

    // With the entry, the proof and the key alone.
    let id = entry["entry_id"].as_str().unwrap();
    let shown = auditing.get(&format!("/v1/entries/{id}")).ok();
    let leaf: [u8; 32] = unhex(shown["leaf_hash"].as_str().unwrap().as_bytes()).unwrap();
    let proof = auditing.get(&format!("/v1/audit/entries/{id}/proof")).text;
    let proof = InclusionProof::parse(proof.as_bytes()).unwrap();
    let (by, _) = Checkpoint::open(&proof.checkpoint, [&key_of_ledger]).unwrap();
    assert_eq!(proof.index + 1, shown["position"].as_u64().unwrap());
    verify_inclusion(proof.index, by.size, &leaf, &proof.hashes, &by.root).unwrap();
    let grown = format!("/v1/audit/consistency?from={}", old.size);
    let grown = ConsistencyProof::parse(operator.get(&grown).text.as_bytes()).unwrap();
    let (by, _) = Checkpoint::open(&grown.checkpoint, [&key_of_ledger]).unwrap();
    verify_consistency(old.size, &old.root, by.size, &by.root, &grown.hashes).unwrap();
    let beyond = operator.get("/v1/audit/consistency?from=1000000");
    assert_eq!(beyond.status, 404);
    // What one may not see is not proven to one either.
    let school = town.client("school");
    let hidden = school.get(&format!("/v1/audit/entries/{id}/proof"));
    assert_eq!(hidden.status, 404);

    // Hashes are open; the entries they are of are not.
    let part = Tile::in_tree(Holds::Hashes(0), 0, now.size).unwrap();
    let (status, bytes) = stranger(&server, &format!("/log/{part}"));
    assert_eq!(status, 200);
    let hashes = read_hashes(part, &bytes).unwrap();
    assert!(hashes.contains(&leaf));
    let entries = Tile {
        holds: Holds::Entries,
        ..part
    };
    let path = format!("/log/{entries}");
    assert_eq!(stranger(&server, &path).0, 401);
    assert_eq!(fetch(&server, &path, Some(server.operator_key())).0, 404);
    let (status, bytes) = fetch(&server, &path, Some(&auditor));
    assert_eq!(status, 200);
    let texts = read_entries(entries, &bytes).unwrap();
    let of_texts: Vec<_> = texts.into_iter().map(leaf_hash_of_bytes).collect();
    assert_eq!(of_texts, hashes);
    for none in [
        "tile/0/001",
        "tile/9/000",
        "tile/0/000.p/999",
        "tile/0/../x",
    ] {
        assert_eq!(stranger(&server, &format!("/log/{none}")).0, 404, "{none}");
    }
    let refused = school.post("/v1/audit/checkpoints", &json!({}));
    assert_eq!(refused.problem().0, 403);
}

/// Checks a bundle as an inspector does, and gives the exit code.
fn verified(bundle: &Path, key: &VerifierKey) -> (i32, String) {
    let mut command = std::process::Command::new(verifier());
    let output = command
        .arg(bundle)
        .args(["--trusted-key", &key.to_string()])
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8_lossy(&told).into_owned())
}

#[test]
fn bundles_are_exported_while_the_server_runs_and_verify_elsewhere() {
    let (mut server, first) = signing();
    let town = Town::found(&server, "Eastmere");
    let _ = town.adopted("2023-06-01");
    let _ = sign(&server, &first);
    let elsewhere = tempfile::TempDir::new().unwrap();
    let auditor = key(&server.operator(), "auditor", None);
    let export = |server: &Server, name: &str, more: &[&str]| {
        let file = elsewhere.path().join(name);
        let arguments = [&["audit", "export", file.to_str().unwrap()], more].concat();
        let mut command = server.command(&arguments);
        let output = command.env("DUTYLEDGER_AUDITOR_KEY", &auditor).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", said(&output));
        file
    };
    let whole = export(&server, "whole.zip", &[]);
    assert_eq!(
        verified(&whole, &first).0,
        0,
        "{}",
        verified(&whole, &first).1
    );
    let of_one = ["--partnership", &town.partnership, "--on", "2024-07-01"];
    let part = export(&server, "part.zip", &of_one);
    assert_eq!(
        verified(&part, &first).0,
        0,
        "{}",
        verified(&part, &first).1
    );
    let again = server.run(&["audit", "export", part.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(5), "{}", said(&again));
    assert!(said(&again).contains("is left alone"), "{}", said(&again));

    // Another key takes over: it names the last checkpoint of the first.
    let second = new_key(&mut server);
    let adopted = newest(&server.operator(), "CheckpointKeyAdopted");
    assert_eq!(adopted["stream"]["type"], "ledger");
    let now = sign(&server, &second);
    let after = export(&server, "after.zip", &[]);
    assert_eq!(
        verified(&after, &second).0,
        0,
        "{}",
        verified(&after, &second).1
    );
    assert_ne!(
        verified(&after, &first).0,
        0,
        "the first key signed none of this"
    );
    assert_ne!(verified(&whole, &second).0, 0, "nor the second that");
    assert!(now.size > 0);

    // A server with a key the ledger did not adopt does not start.
    server.end();
    let file = server.folder().join("ledger.signing.key");
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, "PRIVATE+KEY+nothing\n").unwrap();
    let refused = server.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));
    assert!(!said(&refused).contains("PRIVATE"), "{}", said(&refused));
    fs::write(&file, kept).unwrap();
    server.restart();
    assert!(sign(&server, &second).size >= now.size);
}

/// Asks for a bundle as a program does: the status, the head's media type, and the bytes.
fn bundle(server: &Server, key: &str, body: &Value) -> (u16, String, Vec<u8>) {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = ureq::Agent::new_with_config(config.build());
    let mut answer = agent
        .post(format!("{}/v1/audit/exports", server.address()))
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .send(body.to_string())
        .unwrap();
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let bytes = answer.body_mut().read_to_vec().unwrap();
    (answer.status().as_u16(), kind, bytes)
}

/// Who was given a bundle, as the feed tells it.
fn exported(server: &Server) -> Vec<Value> {
    let path = "/v1/entries?limit=200&event_type=ExportServed";
    let found = server.operator().get_now(path).ok();
    found["data"].as_array().unwrap().clone()
}

#[test]
fn whoever_is_given_a_bundle_is_recorded_once_and_nobody_else_is() {
    let mut server = Server::start();
    let operator = server.operator();
    let auditor = key(&operator, "auditor", None);
    let inspector = key(&operator, "inspectorate", None);
    let minister = key(&operator, "secretary_of_state", None);
    let whole = json!({});
    // Where nothing signs, and where nothing was signed yet, there is no bundle.
    let (status, _, told) = bundle(&server, &auditor, &whole);
    let told = String::from_utf8(told).unwrap();
    assert!(status == 404 && told.contains("signs no"), "{told}");
    let trusted = new_key(&mut server);
    let town = Town::found(&server, "Eastmere");
    let _ = town.adopted("2023-06-01");
    let signed = sign(&server, &trusted);
    let of_town = json!({ "partnership": town.partnership, "on": "2024-07-01" });

    // Nobody is recorded who is refused.
    let not_yet = json!({ "on": "2999-01-01" });
    let nowhere = json!({ "partnership": "01931c2e-5a00-7000-8000-0000000000e5" });
    for (who, body, expected) in [
        (server.operator_key(), &whole, 403),
        (&minister, &of_town, 403),
        (&auditor, &nowhere, 422),
        (&auditor, &json!({ "partnership": "somewhere" }), 422),
        (&auditor, &json!({ "everything": true }), 422),
        (&auditor, &not_yet, 422),
    ] {
        let (status, _, told) = bundle(&server, who, body);
        let told = String::from_utf8_lossy(&told).into_owned();
        assert_eq!(status, expected, "{told}");
    }
    let (_, _, told) = bundle(&server, &auditor, &not_yet);
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told["errors"][0]["pointer"], "/on", "{told}");
    let elsewhere = tempfile::TempDir::new().unwrap();
    let file = |name: &str| elsewhere.path().join(name);
    let export = |server: &Server, name: &str, key: Option<&str>| {
        let file = file(name);
        let mut command = server.command(&["audit", "export", file.to_str().unwrap()]);
        if let Some(key) = key {
            command.env("DUTYLEDGER_AUDITOR_KEY", key);
        }
        let output = command.output().unwrap();
        assert_eq!(file.exists(), output.status.success());
        output
    };
    let without = export(&server, "none.zip", None);
    assert_eq!(without.status.code(), Some(4), "{}", said(&without));
    assert!(said(&without).contains("DUTYLEDGER_AUDITOR_KEY"));
    let not_for = export(&server, "none.zip", Some(server.operator_key()));
    assert_eq!(not_for.status.code(), Some(3), "{}", said(&not_for));
    // Who reads the log as it is, or searches it, is given no export: else the log would grow with each
    // look, and be looked at again.
    for path in ["/log/tile/entries/000.p/2", "/v1/audit/entries?format=csv"] {
        let (status, bytes) = fetch(&server, path, Some(&auditor));
        assert_eq!(status, 200, "{path}");
        assert!(!bytes.is_empty());
    }
    assert_eq!(exported(&server), Vec::<Value>::new());

    // Each that is given is recorded once, behind what it holds, and by ids alone.
    for (name, who, body) in [
        ("whole.zip", &inspector, &whole),
        ("part.zip", &auditor, &of_town),
    ] {
        let (status, kind, bytes) = bundle(&server, who, body);
        assert_eq!((status, kind.as_str()), (200, "application/zip"));
        fs::write(file(name), bytes).unwrap();
        let (code, told) = verified(&file(name), &trusted);
        assert_eq!(code, 0, "{told}");
    }
    assert_eq!(exported(&server).len(), 2);
    let through = export(&server, "through.zip", Some(&auditor));
    assert!(through.status.success(), "{}", said(&through));
    server.end();
    let early = ["audit", "export", "early.zip", "--on", "2999-01-01"];
    let early = server.run(&early);
    assert_eq!(early.status.code(), Some(USAGE), "{}", said(&early));
    assert!(said(&early).contains("has not come"), "{}", said(&early));
    let here = export(&server, "here.zip", None);
    assert!(here.status.success(), "{}", said(&here));
    for name in ["through.zip", "here.zip"] {
        let (code, told) = verified(&file(name), &trusted);
        assert_eq!(code, 0, "{told}");
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 4);
    server.restart();
    let found = exported(&server);
    let particulars: Vec<_> = found.iter().map(|row| row["particulars"].clone()).collect();
    let by = |kind: &str| {
        json!({ "export": "bundle", "partnership": null, "principal_id": null,
                "principal_kind": kind })
    };
    let mut part = by("auditor");
    part["partnership"] = town.partnership.as_str().into();
    let expected = [by("inspectorate"), part, by("auditor"), by("operator")];
    assert_eq!(particulars, expected);
    for row in found {
        assert_eq!(row["principal"]["kind"], "system");
        assert!(row["position"].as_u64().unwrap() > signed.size);
        assert!(!row.to_string().contains("Eastmere"), "{row}");
    }
    // Who looked is not told to those looked at.
    let council = town.client("council").at(server.address());
    let told = council.get_now("/v1/entries?limit=200&event_type=ExportServed");
    assert_eq!(told.ok()["data"], json!([]));
    let verified = server.command(&["ledger", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", said(&verified));
}

/// A look by somebody else.
fn watch(server: &Server, state: &Path, key: &VerifierKey) -> (i32, String) {
    let log = format!("{}/log", server.address());
    let output = server.run(&[
        "audit",
        "watch",
        "--log",
        &log,
        "--trusted-key",
        &key.to_string(),
        "--state",
        state.to_str().unwrap(),
    ]);
    let told = said(&output);
    (output.status.code().unwrap(), told)
}

#[test]
fn a_watch_notices_a_rolled_back_and_a_forked_ledger_and_another_key() {
    let (mut server, key) = signing();
    let elsewhere = tempfile::TempDir::new().unwrap();
    let state = elsewhere.path().join("trusted");
    let _ = Town::found(&server, "Eastmere");
    let _ = sign(&server, &key);
    assert_eq!(watch(&server, &state, &key).0, 0);
    server.end();
    let names = ["ledger.db", "ledger.keys.db", "ledger.checkpoint"];
    for name in names {
        fs::copy(server.folder().join(name), elsewhere.path().join(name)).unwrap();
    }
    server.restart();
    let _ = Town::found(&server, "Westmere");
    let trusted = sign(&server, &key);
    let grown = watch(&server, &state, &key);
    assert_eq!(grown.0, 0, "{}", grown.1);
    let other = key.to_string().replace(key.name(), "another-ledger");
    assert!(
        other.parse::<VerifierKey>().is_err(),
        "the id holds the name"
    );

    // The operator puts an old copy back, and hides that from the ledger's own notes.
    server.end();
    for name in names {
        fs::copy(elsewhere.path().join(name), server.folder().join(name)).unwrap();
    }
    let _ = fs::remove_file(server.folder().join("ledger.db-wal"));
    let noted = server.run(&["ledger", "note", "--accept-loss"]);
    assert!(noted.status.success(), "{}", said(&noted));
    let rebuilt = server.run(&["projections", "rebuild"]);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    server.restart();
    let now = sign(&server, &key);
    assert!(now.size < trusted.size);
    let (code, told) = watch(&server, &state, &key);
    assert_eq!(code, 8, "{told}");
    assert!(told.contains("rolled back"), "{told}");
    assert!(
        elsewhere
            .path()
            .join("trusted.alarm-rolled-back-1")
            .exists(),
        "the evidence is kept"
    );

    // Other entries take the place of those that were given up.
    let operator = server.operator();
    while operator.head() <= trusted.size {
        let body = json!({ "particulars": { "body": "Another authority",
            "capacity": "local_authority" } });
        let _ = operator.post("/v1/authorities", &body).ok();
    }
    let _ = sign(&server, &key);
    let (code, told) = watch(&server, &state, &key);
    assert_eq!(code, 8, "{told}");
    assert!(told.contains("forked"), "{told}");
}

#[test]
fn a_watch_whose_looks_are_runs_of_their_own_tells_of_a_ledger_that_stands_still() {
    let (server, key) = signing();
    let elsewhere = tempfile::TempDir::new().unwrap();
    let state = elsewhere.path().join("trusted");
    // What the ledger grew by begins the count anew.
    for name in ["Eastmere", "Westmere"] {
        let _ = Town::found(&server, name);
        let size = sign(&server, &key).size;
        for again in 0..=12 {
            let (code, told) = watch(&server, &state, &key);
            assert_eq!(code, 0, "{told}");
            let still = format!("the ledger has {size} entries for 12 looks in a row");
            assert_eq!(told.contains(&still), again == 12, "{again}: {told}");
        }
    }
}

/// Somebody who can write to the ledger's file puts another text in the place of the first that has
/// a name in it, and computes everything anew.
fn forge(ledger: &Path, name: &str) -> u64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut file = Tampered::open(ledger).await;
        let at = file.first_with(name).await;
        file.forge(at, |text| text.replace(name, "Nobody")).await;
        file.recompute().await;
        file.close().await;
        at
    })
}

#[test]
fn a_kept_checkpoint_of_a_key_that_was_replaced_counts_up_to_its_last_one() {
    let (mut server, first) = signing();
    let _ = Town::found(&server, "Eastmere");
    let elsewhere = tempfile::TempDir::new().unwrap();
    let kept = elsewhere.path().join("kept");
    let _ = sign(&server, &first);
    fs::write(&kept, fetch(&server, "/log/checkpoint", None).1).unwrap();
    let file = server.folder().join("ledger.signing.key");
    let leaked = SigningKey::from_text(fs::read_to_string(&file).unwrap().trim()).unwrap();
    let second = new_key(&mut server);
    let signed = fs::read_to_string(server.folder().join("ledger.checkpoint")).unwrap();
    let beyond = checkpoint(&signed, &second);
    let (first, kept) = (first.to_string(), kept.to_str().unwrap());
    let verify = ["ledger", "verify", "--trusted-key", &first, "--kept", kept];
    let verified = server.run(&verify);
    assert!(verified.status.success(), "{}", said(&verified));
    // What the ledger is, and yet not for this key to say.
    fs::write(kept, beyond.sign(&leaked).unwrap().to_string()).unwrap();
    let refused = server.run(&verify);
    assert_eq!(refused.status.code(), Some(FORGED), "{}", said(&refused));
    let told = said(&refused);
    assert!(told.contains("was replaced after"), "{told}");
    assert!(told.contains(kept), "it is the file's fault: {told}");
    assert!(!told.contains("the ledger is not as"), "{told}");

    // Another history, signed with the leaked key for fewer entries than that counts for.
    let forged = Checkpoint {
        size: 5,
        root: [7; 32],
        ..beyond
    };
    fs::write(kept, forged.sign(&leaked).unwrap().to_string()).unwrap();
    let own = server.folder().join("ledger.checkpoint");
    let second = second.to_string();
    let with_own = ["--trusted-key", &second, "--kept", own.to_str().unwrap()];
    let with_own = [&verify[..], &with_own].concat();
    let refused = server.run(&with_own);
    assert_eq!(refused.status.code(), Some(FORGED), "{}", said(&refused));
    let told = said(&refused);
    assert!(told.contains(kept) && told.contains("is forged"), "{told}");
    let (code, told) = compared(&server, &with_own[2..]);
    assert_eq!(code, Some(FORGED));
    assert_eq!(told["findings"], json!([]), "the ledger is as it was");
    assert_eq!(told["forged"], json!([kept]));
    // With nothing of the ledger's own key beside it nobody can tell which of them is another.
    let (code, told) = compared(&server, &verify[2..]);
    assert_eq!(code, Some(NOT_VERIFIED));
    let what = told["findings"][0]["what"].as_str().unwrap();
    assert!(what.contains("whoever has that key may have"), "{what}");
    assert_eq!(told["forged"], json!([]));

    // What the ledger's own key signed is right, and the ledger is not.
    server.end();
    let _ = forge(&server.ledger(), "Eastmere council");
    fs::remove_file(server.folder().join("ledger.noted-head.json")).unwrap();
    let (code, told) = compared(&server, &with_own[4 + 2..]);
    assert_eq!(code, Some(NOT_VERIFIED), "{told}");
    let what = told["findings"][0]["what"].as_str().unwrap();
    assert!(what.starts_with("among the entries 1 to"), "{what}");
    assert!(!what.contains("forged"), "{what}");
}

#[test]
fn a_ledger_that_does_not_verify_is_not_believed_to_have_replaced_the_key_of_a_kept_checkpoint() {
    let (mut server, key) = signing();
    let _ = Town::found(&server, "Eastmere");
    let elsewhere = tempfile::TempDir::new().unwrap();
    let place = |name: &str| elsewhere.path().join(name).to_str().unwrap().to_owned();
    let (state, tiles, trusted) = (place("trusted"), place("tiles"), key.to_string());
    let _ = sign(&server, &key);
    let log = format!("{}/log", server.address());
    let watch = ["audit", "watch", "--log", &log, "--trusted-key", &trusted];
    let looked = server.run(&[&watch[..], &["--state", &state, "--tiles", &tiles]].concat());
    assert!(looked.status.success(), "{}", said(&looked));
    server.end();

    // Whoever can write to the ledger's file changes an entry of it, and has it say that the key had
    // been replaced long before.
    let first = json!({ "key": trusted, "replaces": null }).to_string();
    let replaced = json!({ "key": trusted, "root": "00".repeat(32), "size": 1 });
    let another = json!({ "key": trusted, "replaces": replaced }).to_string();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let changed = runtime.block_on(async {
        let mut file = Tampered::open(&server.ledger()).await;
        let adopted = file.first_with("\"type\":\"CheckpointKeyAdopted\"").await;
        file.forge(adopted, |text| text.replace(&first, &another))
            .await;
        let at = file.first_with("Eastmere council").await;
        file.forge(at, |text| text.replace("Eastmere", "Nowhere"))
            .await;
        file.close().await;
        [adopted, at]
    });
    let kept = ["--trusted-key", &trusted, "--kept", &state];
    let (code, told) = compared(&server, &[&kept[..], &["--kept-tiles", &tiles]].concat());
    assert_eq!(code, Some(NOT_VERIFIED), "{told}");
    assert_eq!(told["forged"], json!([]), "the file is as it was kept");
    let found = told["findings"].as_array().unwrap();
    for at in changed {
        let elsewhere = "the entry is not the one that was kept elsewhere";
        let finding = json!({ "position": at, "what": elsewhere });
        assert!(found.contains(&finding), "{told}");
    }
}

#[test]
fn two_kept_checkpoints_of_as_many_entries_and_two_histories_are_told_whichever_the_ledger_is() {
    let (mut server, key) = signing();
    let _ = Town::found(&server, "Eastmere");
    let signed = sign(&server, &key);
    server.end();
    let signs = fs::read_to_string(server.folder().join("ledger.signing.key")).unwrap();
    let signs = SigningKey::from_text(signs.trim()).unwrap();
    let elsewhere = tempfile::TempDir::new().unwrap();
    let kept = |name: &str, root: [u8; 32]| {
        let file = elsewhere.path().join(name);
        let checkpoint = Checkpoint {
            root,
            ..signed.clone()
        };
        fs::write(&file, checkpoint.sign(&signs).unwrap().to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (own, fork) = (kept("own", signed.root), kept("fork", [7; 32]));
    let trusted = key.to_string();
    let tiles = server.folder().join("ledger.tiles");
    let tiles = ["--kept-tiles", tiles.to_str().unwrap()];
    for (one, other) in [(&own, &fork), (&fork, &own)] {
        let given = ["--trusted-key", &trusted, "--kept", one, "--kept", other];
        for more in [&[][..], &tiles] {
            let (code, told) = compared(&server, &[&given, more].concat());
            assert_eq!(code, Some(NOT_VERIFIED), "{told}");
            let found = told["findings"].as_array().unwrap();
            assert_eq!(
                (found.len(), &found[0]["position"]),
                (1, &json!(signed.size))
            );
            let what = found[0]["what"].as_str().unwrap();
            assert!(what.contains("is of another history"), "{what}");
            assert_eq!(
                told["kept"]["unchanged"], signed.size,
                "the ledger is one of them"
            );
        }
    }
}

/// What verifying says, beside what was kept elsewhere.
fn compared(server: &Server, more: &[&str]) -> (Option<i32>, Value) {
    let verify = [&["--json", "ledger", "verify"], more].concat();
    let output = server.run(&verify);
    let told = serde_json::from_slice(&output.stdout);
    (
        output.status.code(),
        told.unwrap_or_else(|error| panic!("{error}: {}", said(&output))),
    )
}

#[test]
fn what_was_changed_and_computed_anew_is_found_by_what_was_kept_elsewhere() {
    let (mut server, key) = signing();
    let elsewhere = tempfile::TempDir::new().unwrap();
    let place = |name: &str| elsewhere.path().join(name).to_str().unwrap().to_owned();
    let (state, tiles) = (place("trusted"), place("tiles"));
    let keeping = |server: &Server| {
        let log = format!("{}/log", server.address());
        let key = key.to_string();
        let watch = ["audit", "watch", "--log", &log, "--trusted-key", &key];
        let output = server.run(&[&watch[..], &["--state", &state, "--tiles", &tiles]].concat());
        assert!(output.status.success(), "{}", said(&output));
    };
    // Three looks, whose checkpoints are kept; tiles grow across their borders.
    let mut kept = Vec::new();
    for (look, name) in ["Eastmere", "Westmere", "Northmere"].iter().enumerate() {
        let _ = Town::found(&server, name);
        let checkpoint = sign(&server, &key);
        keeping(&server);
        fs::copy(&state, place(&format!("kept-{look}"))).unwrap();
        kept.push(checkpoint.size);
    }
    let _ = Town::found(&server, "Southmere");
    server.end();
    let (_, told) = compared(&server, &[]);
    let unprotected = told["entries"].as_u64().unwrap() - kept[2];
    assert!(unprotected > 0);
    let trusted = key.to_string();
    let files: Vec<_> = (0..3).map(|look| place(&format!("kept-{look}"))).collect();
    let checkpoints: Vec<_> = files.iter().flat_map(|file| ["--kept", file]).collect();
    let checkpoints = [&["--trusted-key", &trusted], &checkpoints[..]].concat();
    let hashes = [&checkpoints[..], &["--kept-tiles", &tiles]].concat();

    let nothing = json!([]);
    for given in [&checkpoints, &hashes] {
        let (code, told) = compared(&server, given);
        assert_eq!((code, &told["findings"]), (Some(0), &nothing));
        let expected = json!({ "unchanged": kept[2], "unprotected": unprotected });
        assert_eq!(told["kept"], expected);
    }
    let alone = server.run(&["ledger", "verify"]);
    assert!(
        said(&alone).contains("name a checkpoint"),
        "{}",
        said(&alone)
    );
    let words = server.run(&[&["ledger", "verify"], &checkpoints[..]].concat());
    let not_yet = format!("The last {unprotected} entries are not protected yet");
    assert!(said(&words).contains(&not_yet), "{}", said(&words));

    let at = forge(&server.ledger(), "Westmere police");
    assert!(kept[0] < at && at <= kept[1]);
    fs::remove_file(server.folder().join("ledger.noted-head.json")).unwrap();
    let (code, told) = compared(&server, &[]);
    assert_eq!(
        (code, &told["findings"]),
        (Some(0), &nothing),
        "by itself it is whole"
    );
    // Checkpoints say between which two of them it was changed.
    let (code, told) = compared(&server, &checkpoints);
    assert_eq!(code, Some(7));
    assert_eq!(told["kept"]["unchanged"], kept[0]);
    let found = told["findings"].as_array().unwrap();
    let what = found[0]["what"].as_str().unwrap();
    assert_eq!(
        (found.len(), &found[0]["position"]),
        (1, &json!(kept[0] + 1))
    );
    let range = format!("among the entries {} to {}", kept[0] + 1, kept[1]);
    assert!(what.starts_with(&range), "{what}");
    // The hashes say which entry it is.
    let (code, told) = compared(&server, &hashes);
    let positions = |told: &Value| -> Vec<u64> {
        let found = told["findings"].as_array().unwrap().iter();
        found.map(|one| one["position"].as_u64().unwrap()).collect()
    };
    assert_eq!((code, positions(&told)), (Some(7), vec![at]));

    // The same of a copy in PostgreSQL, where it was changed in a second place.
    let database = prepared(Postgres::shared());
    let second = forge(&server.ledger(), "Northmere council");
    let url = database.url(APPLICATION);
    let copied = server.run(&["ledger", "copy", &url]);
    assert!(copied.status.success(), "{}", said(&copied));
    let there = [&hashes[..], &["--database-url", &url]].concat();
    let (code, told) = compared(&server, &there);
    assert_eq!((code, positions(&told)), (Some(7), vec![at, second]));

    // What cannot be changed is hidden by giving it up.
    let cut = "DELETE FROM entry WHERE position > (SELECT position FROM root ORDER BY position \
               LIMIT 1 OFFSET 20); \
               DELETE FROM root WHERE position > (SELECT max(position) FROM entry); \
               UPDATE head SET position = (SELECT max(position) FROM entry)";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut file = Tampered::open(&server.ledger()).await;
        assert!(file.sql(cut).await > 0);
        file.recompute().await;
        file.close().await;
    });
    let (code, told) = compared(&server, &hashes);
    assert_eq!(code, Some(7));
    let last = told["findings"].as_array().unwrap().last().unwrap().clone();
    assert!(
        last["what"]
            .as_str()
            .unwrap()
            .contains("the ledger ends at"),
        "{last}"
    );

    // Hashes that somebody changed elsewhere prove nothing.
    let level = elsewhere.path().join("tiles/level-0");
    let mut bytes = fs::read(&level).unwrap();
    bytes[33] ^= 1;
    fs::write(&level, bytes).unwrap();
    let refused = server.run(&[&["ledger", "verify"], &hashes[..]].concat());
    assert!(
        said(&refused).contains("are not those of the checkpoint"),
        "{}",
        said(&refused)
    );
    let other = SigningKey::from_seed(key.name(), &[9; 32]).unwrap();
    let (other, file) = (other.verifier().to_string(), &files[0]);
    let not_theirs = ["ledger", "verify", "--kept", file, "--trusted-key", &other];
    let refused = server.run(&not_theirs);
    assert_eq!(refused.status.code(), Some(FORGED), "{}", said(&refused));
    assert!(said(&refused).contains(file), "{}", said(&refused));
}

#[test]
fn nothing_is_signed_of_a_ledger_that_was_changed() {
    let (mut server, key) = signing();
    let _ = Town::found(&server, "Eastmere");
    let before = sign(&server, &key);
    let ready = |server: &Server| server.stranger().get("/health/ready");
    assert_eq!(ready(&server).body["checkpoints"]["size"], before.size);
    server.end();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut file = Tampered::open(&server.ledger()).await;
        let changed = file.sql(
            "UPDATE entry SET leaf_data = replace(leaf_data, 'Eastmere', 'Westmere') \
             WHERE position = (SELECT max(position) FROM entry WHERE leaf_data LIKE '%Eastmere%')",
        );
        assert_eq!(changed.await, 1);
        file.close().await;
    });
    // The hashes it kept are as they were: everything is hashed from the entries again.
    server.restart();
    let refused = server.operator().post("/v1/audit/checkpoints", &json!({}));
    let (status, code, _) = refused.problem();
    assert_eq!(
        (status, code.as_str()),
        (503, "stopped"),
        "{}",
        refused.text
    );
    assert!(refused.text.contains("ledger verify"), "{}", refused.text);
    let red = ready(&server);
    assert_eq!(red.status, 503);
    assert_eq!(red.body["status"], "checkpoints are not signed");
    // What was signed stays what it is, and commands go on.
    let (_, served) = fetch(&server, "/log/checkpoint", None);
    let served = checkpoint(&String::from_utf8(served).unwrap(), &key);
    assert_eq!(served, before);
    let _ = Town::found(&server, "Northmere");
    let found = server.run(&["ledger", "verify"]);
    assert_eq!(found.status.code(), Some(7), "{}", said(&found));
}

#[test]
fn whoever_computes_everything_anew_is_found_out_by_the_checkpoint_signed_before() {
    let (mut server, key) = signing();
    let _ = Town::found(&server, "Eastmere");
    let before = sign(&server, &key);
    let _ = Town::found(&server, "Northmere");
    server.end();
    let _ = forge(&server.ledger(), "Eastmere council");
    fs::remove_file(server.folder().join("ledger.noted-head.json")).unwrap();
    let whole = server.run(&["ledger", "verify"]);
    assert!(whole.status.success(), "{}", said(&whole));
    for appends in APPENDING {
        let refused = server.run(appends);
        assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));
        let other = "ledger.checkpoint was made of";
        assert!(said(&refused).contains(other), "{}", said(&refused));
    }

    // Whoever moves the checkpoint away for that has none signed, now or once it is back.
    let file = server.folder().join("ledger.checkpoint");
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    server.restart();
    let refused = server.operator().post("/v1/audit/checkpoints", &json!({}));
    assert_eq!(refused.status, 503);
    assert!(refused.text.contains("is missing"), "{}", refused.text);
    fs::write(&file, &kept).unwrap();
    let refused = server.operator().post("/v1/audit/checkpoints", &json!({}));
    assert_eq!(refused.status, 503);
    let forked = "is not what its own checkpoint says";
    assert!(refused.text.contains(forked), "{}", refused.text);
    let (_, served) = fetch(&server, "/log/checkpoint", None);
    let served = checkpoint(&String::from_utf8(served).unwrap(), &key);
    assert_eq!(served, before);
}

#[test]
fn a_ledger_put_back_to_before_its_newest_checkpoint_is_not_appended_to_though_its_note_is_lost() {
    let (mut server, key) = signing();
    let _ = Town::found(&server, "Eastmere");
    server.end();
    let older = fs::read(server.ledger()).unwrap();
    server.restart();
    let _ = Town::found(&server, "Northmere");
    let signed = sign(&server, &key);
    server.end();
    fs::write(server.ledger(), older).unwrap();
    fs::remove_file(server.folder().join("ledger.noted-head.json")).unwrap();
    let refused = |appends| {
        let ended = server.run(appends);
        assert_eq!(ended.status.code(), Some(5), "{}", said(&ended));
        assert!(!server.folder().join("ledger.noted-head.json").exists());
        said(&ended)
    };
    let signed = format!("ledger.checkpoint says that it went to {}", signed.size);
    for appends in APPENDING {
        let why = refused(appends);
        assert!(why.contains(&signed), "{why}");
        assert!(why.contains("put back a newer copy"), "{why}");
        assert!(why.contains("move that checkpoint away"), "{why}");
    }
    // Nor is a new ledger founded in its place.
    fs::remove_file(server.ledger()).unwrap();
    for appends in APPENDING {
        let why = refused(appends);
        assert!(why.contains("ends at position 0"), "{why}");
    }
}

#[test]
fn a_ledger_lost_on_postgres_is_not_founded_anew_beside_its_newest_checkpoint() {
    let [lost, empty] = [(); 2].map(|()| prepared(Postgres::shared()));
    let mut server = Server::start_on(&lost.url(APPLICATION));
    let made = server.run(&["audit", "new-key"]);
    assert!(made.status.success(), "{}", said(&made));
    server.end();
    let file = |name: &str| server.folder().join(name);
    fs::remove_file(file("dutyledger.noted-head.json")).unwrap();
    assert!(file("dutyledger.checkpoint").exists());
    for appends in APPENDING {
        let mut command = server.command(appends);
        command.env("DUTYLEDGER_DATABASE_URL", empty.url(APPLICATION));
        let refused = command.output().unwrap();
        assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));
        let why = said(&refused);
        assert!(why.contains("ends at position 0"), "{why}");
        assert!(why.contains("dutyledger.checkpoint says"), "{why}");
    }
}

#[test]
fn a_checkpoint_that_was_lost_is_asked_for_and_never_taken_for_a_first_start() {
    let mut server = Server::start();
    server.end();
    let file = server.folder().join("ledger.checkpoint");
    let made = server.run(&["audit", "new-key"]);
    assert!(made.status.success(), "{}", said(&made));
    let key: VerifierKey = String::from_utf8(made.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let first = checkpoint(&fs::read_to_string(&file).unwrap(), &key);
    server.restart();
    let _ = Town::found(&server, "Eastmere");
    let before = sign(&server, &key);
    assert!(before.size > first.size, "a new key signs at once");
    server.end();
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    server.restart();
    let refused = server.operator().post("/v1/audit/checkpoints", &json!({}));
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("is missing"), "{}", refused.text);
    assert_eq!(fetch(&server, "/log/checkpoint", None).0, 404);
    // Put back where it was, it is gone on from.
    fs::write(&file, &kept).unwrap();
    assert!(sign(&server, &key).size >= before.size);

    // Without a server likewise; only whoever says that none was published may begin anew.
    server.end();
    fs::remove_file(&file).unwrap();
    let refused = server.run(&["audit", "checkpoint"]);
    assert_eq!(
        refused.status.code(),
        Some(NOT_OPENED),
        "{}",
        said(&refused)
    );
    assert!(said(&refused).contains("--none-was-published"));
    assert!(!file.exists());
    let signed = server.run(&["audit", "checkpoint", "--none-was-published"]);
    assert!(signed.status.success(), "{}", said(&signed));
    assert!(file.exists());
}

#[test]
fn a_disk_that_is_full_is_told_apart_from_a_ledger_that_does_not_verify() {
    let (mut server, key) = signing();
    let _ = sign(&server, &key);
    let _ = Town::found(&server, "Eastmere");
    server.end();
    let tiles = server.folder().join("ledger.tiles/level-0");
    let kept = server.folder().join("level-0");
    fs::rename(&tiles, &kept).unwrap();
    std::os::unix::fs::symlink("/dev/full", &tiles).unwrap();
    for signs in ["checkpoint", "new-key"] {
        let stopped = server.run(&["audit", signs]);
        assert_eq!(stopped.status.code(), Some(OWN_SIDE), "{}", said(&stopped));
        assert!(said(&stopped).contains("No space"), "{}", said(&stopped));
    }

    fs::rename(&kept, &tiles).unwrap();
    let signed = server.run(&["audit", "checkpoint"]);
    assert!(signed.status.success(), "{}", said(&signed));
    let _ = forge(&server.ledger(), "Eastmere council");
    let refused = server.run(&["audit", "checkpoint"]);
    assert_eq!(
        refused.status.code(),
        Some(NOT_VERIFIED),
        "{}",
        said(&refused)
    );
}

#[test]
fn a_new_key_names_the_last_entry_before_it_though_a_server_records_meanwhile() {
    let database = prepared(Postgres::shared());
    let server = Server::start_on(&database.url(APPLICATION));
    let first = server.run(&["audit", "new-key"]);
    assert!(first.status.success(), "{}", said(&first));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stops = Stops(&over);
        scope.spawn(|| {
            let body = json!({ "particulars": { "body": "An authority",
                "capacity": "local_authority" } });
            while !over.load(Ordering::Relaxed) {
                let since = Instant::now();
                let _ = server.operator().post("/v1/authorities", &body).ok();
                // Whoever never pauses is told to stop; so much is waited out. A machine on which
                // recording takes long needs as much longer to sign in between.
                let pause = since.elapsed() * 10;
                std::thread::sleep(pause.max(Duration::from_millis(100)));
            }
        });
        let keys: Vec<_> = (0..3)
            .map(|_| server.run(&["--json", "audit", "new-key"]))
            .collect();
        for made in &keys {
            assert!(made.status.success(), "{}", said(made));
        }
        // The server learns a moment later what another process recorded.
        let adopted = "/v1/entries?limit=200&event_type=CheckpointKeyAdopted";
        let found = server.operator().get_at(adopted, head_in(&database)).ok();
        let positions = found["data"].as_array().unwrap().iter();
        let positions: Vec<_> = positions.map(|row| row["position"].clone()).collect();
        let next_to = keys.iter().map(|made| {
            let made: Value = serde_json::from_slice(&made.stdout).unwrap();
            json!(made["replaces"]["size"].as_u64().unwrap() + 1)
        });
        assert_eq!(positions[1..], next_to.collect::<Vec<_>>());
    });
}

#[tokio::test]
async fn a_key_that_was_replaced_signs_nothing_more_though_its_tiles_are_believed() {
    let mut server = Server::start();
    server.end();
    let place = |name: &str| server.folder().join(name);
    let key = || fs::read_to_string(place("ledger.signing.key")).unwrap();
    let changed = || {
        let made = server.run(&["audit", "new-key"]);
        assert!(made.status.success(), "{}", said(&made));
    };
    changed();
    let first = SigningKey::from_text(key().trim()).unwrap();
    changed();
    let second = SigningKey::from_text(key().trim()).unwrap();
    let signs = async |key: SigningKey| {
        let ledger = LedgerReader::open(server.ledger()).await.unwrap();
        let (file, tiles) = (place("ledger.checkpoint"), place("ledger.tiles"));
        let opened = Keeper::open(ledger, key, &tiles, file, Duration::MAX);
        opened.unwrap().0.sign().await
    };
    assert_eq!(signs(first).await.unwrap_err(), Trouble::Replaced);
    let verifier = second.verifier().clone();
    let signed = signs(second).await.unwrap();
    assert!(signed.note.signed_by([&verifier]).is_ok());
}

#[test]
fn the_first_key_may_come_from_elsewhere_and_is_the_ledgers_own() {
    let mut server = Server::start();
    server.end();
    let file = server.folder().join("ledger.signing.key");
    let with = |name: &str| SigningKey::from_seed(name, &[7; 32]).unwrap();
    fs::write(&file, with("another-ledger").to_text().as_bytes()).unwrap();
    let refused = server.run(&["audit", "new-key"]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    // Nor does a server sign with a key that was not adopted.
    let refused = server.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));

    fs::remove_file(&file).unwrap();
    server.restart();
    let ledger = newest(&server.operator(), "LedgerOpened");
    let key = with(ledger["stream"]["id"].as_str().unwrap());
    server.end();
    fs::write(&file, key.to_text().as_bytes()).unwrap();
    let adopted = server.run(&["audit", "new-key"]);
    assert!(adopted.status.success(), "{}", said(&adopted));
    assert_eq!(
        fs::read(&file).unwrap(),
        key.to_text().as_bytes(),
        "left as it was"
    );
    server.restart();
    assert!(sign(&server, key.verifier()).size > 0);
}
