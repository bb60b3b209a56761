//! A signing key that somebody copied, and was then replaced: what can still be signed with it, and
//! who notices. Everything is done from outside, as those do it who trust nobody.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use dutyledger_proofs::{Checkpoint, Note, SigningKey};
use dutyledger_record::{Frontier, leaf_hash};
use dutyledger_test_bundles::Parts;
use dutyledger_tests::{Server, Town, done, said, verifier};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The exit codes of `schemas/bundle.md`.
const OLD_KEY: i32 = 21;
const FORKED: i32 = 22;
/// The exit code of an alarm.
const ALARM: i32 = 8;

/// A server that signs only where a test asks for it, however long that test takes.
fn quiet() -> Server {
    Server::start_with(&[("DUTYLEDGER_CHECKPOINT_EVERY", "86400")])
}

/// A ledger whose first key leaked and was replaced.
struct Leaked {
    elsewhere: TempDir,
    /// What was copied.
    copied: SigningKey,
    /// The key it has now.
    second: String,
    /// What the first key counts up to, as `dutyledger-verify` is told of it.
    earlier: String,
    /// How many entries that are.
    last: u64,
    /// A bundle from when the first key was the ledger's.
    before: PathBuf,
    /// The proof that the first key's last checkpoint goes on from that bundle's.
    goes_on: PathBuf,
    /// One from now.
    now: PathBuf,
}

impl Leaked {
    fn happened() -> Self {
        let mut server = quiet();
        let elsewhere = TempDir::new().unwrap();
        server.end();
        let _ = done(&server.run(&["audit", "new-key"]));
        server.restart();
        let _ = Town::found(&server, "Eastmere");
        server.end();
        let copied = copied_from(&server);
        let before = Self::exported(&server, elsewhere.path(), "before.zip");
        // That it was handed out is recorded, so the key's last checkpoint is a later one, and goes on
        // from it.
        server.restart();
        let operator = server.operator();
        let signed = operator.post("/v1/audit/checkpoints", &json!({}));
        assert_eq!(signed.status, 200, "{}", signed.text);
        let parts = Parts::of(&fs::read(&before).unwrap());
        let note = Note::parse(&parts.0["checkpoint"]).unwrap();
        let size = Checkpoint::parse(note.text()).unwrap().size;
        let proof = operator.get(&format!("/v1/audit/consistency?from={size}"));
        assert_eq!(proof.status, 200, "{}", proof.text);
        let goes_on = elsewhere.path().join("goes-on");
        fs::write(&goes_on, proof.text).unwrap();
        server.end();

        let made = done(&server.run(&["--json", "audit", "new-key"]));
        let made: Value = serde_json::from_str(&made).unwrap();
        let replaces = &made["replaces"];
        assert_eq!(replaces["key"], copied.verifier().to_string());
        let (size, root) = (replaces["size"].as_u64().unwrap(), &replaces["root"]);
        let earlier = format!("{} {size} {}", copied.verifier(), root.as_str().unwrap());
        server.restart();
        let _ = Town::found(&server, "Westmere");
        server.end();
        let now = Self::exported(&server, elsewhere.path(), "now.zip");
        Self {
            second: made["key"].as_str().unwrap().to_owned(),
            last: size,
            elsewhere,
            copied,
            earlier,
            before,
            goes_on,
            now,
        }
    }

    /// A bundle of all there is, made while no server runs.
    fn exported(server: &Server, folder: &Path, name: &str) -> PathBuf {
        let _ = done(&server.run(&["audit", "checkpoint"]));
        let file = folder.join(name);
        let _ = done(&server.run(&["audit", "export", file.to_str().unwrap()]));
        file
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.elsewhere.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A bundle of some entries that the copied key signs anew, with nothing else to give it away.
    fn forged(&self, of: &Path, name: &str, change: impl Fn(String) -> String) -> String {
        let parts = Parts::of(&fs::read(of).unwrap());
        let entries: Vec<_> = parts.entries().into_iter().map(&change).collect();
        let mut tree = Frontier::empty();
        entries.iter().for_each(|entry| tree.push(leaf_hash(entry)));
        let root = tree.root();
        let note = signed(&self.copied, tree.size(), root);
        let was = Note::parse(&parts.0["checkpoint"]).unwrap();
        let was_root = Checkpoint::parse(was.text()).unwrap().root;
        let mut forged = parts.with_entries(&entries);
        // Both call things by their names.
        for derived in ["figures.json", "report.html"] {
            let text = String::from_utf8(forged.0[derived].clone()).unwrap();
            forged = forged.with(derived, change(text).as_bytes());
        }
        let hex = dutyledger_record::hex;
        if root != was_root {
            forged = forged.with_text("report.html", &hex(&was_root), &hex(&root));
        }
        for file in forged.0.values_mut() {
            // The checkpoint stands in its own file, and behind every consistency proof.
            if let Some(at) = position(file, was.to_string().as_bytes()) {
                file.truncate(at);
                file.extend(note.to_string().as_bytes());
            }
        }
        let key = self.copied.verifier().to_string();
        let forged = forged.with_manifest(|manifest| manifest["key"] = key.into());
        self.file(name, &forged.listed_anew().zipped())
    }
}

/// A checkpoint that a key is made to sign.
fn signed(key: &SigningKey, size: u64, root: [u8; 32]) -> Note {
    let checkpoint = Checkpoint {
        origin: key.verifier().name().to_owned(),
        size,
        root,
    };
    checkpoint.sign(key).unwrap()
}

/// Checks a bundle as an inspector does.
fn verified(bundle: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(verifier());
    let output = command.arg(bundle).args(arguments).output().unwrap();
    (output.status.code().unwrap(), said(&output))
}

/// A look by somebody else, at a log that may be the ledger's or pretend to be.
fn watched(server: &Server, log: &str, key: &str, state: &Path) -> (i32, String) {
    let state = state.to_str().unwrap();
    let arguments = ["--log", log, "--trusted-key", key, "--state", state];
    let output = server.run(&[&["audit", "watch"], &arguments[..]].concat());
    (output.status.code().unwrap(), said(&output))
}

/// The key of a server that is stopped.
fn copied_from(server: &Server) -> SigningKey {
    let file = server.folder().join("ledger.signing.key");
    SigningKey::from_text(fs::read_to_string(file).unwrap().trim()).unwrap()
}

fn position(within: &[u8], wanted: &[u8]) -> Option<usize> {
    within.windows(wanted.len()).position(|part| part == wanted)
}

/// A log that is the ledger's own but for its checkpoint. Gives its address; it goes with the test.
fn pretending(log: &str, checkpoint: &Note) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (log, checkpoint) = (log.to_owned(), checkpoint.to_string().into_bytes());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
            let body = if path == "/log/checkpoint" {
                checkpoint.clone()
            } else {
                let path = path.trim_start_matches("/log");
                let mut answer = ureq::get(format!("{log}{path}")).call().unwrap();
                answer.body_mut().read_to_vec().unwrap()
            };
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length:";
            let head = format!("{head} {}\r\n\r\n", body.len());
            let mut stream = stream;
            // Whoever asked may have gone.
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    format!("http://{address}/log")
}

#[test]
fn a_bundle_signed_with_a_leaked_key_is_refused_by_those_who_know_of_its_successor() {
    let leaked = Leaked::happened();
    let (second, earlier) = (leaked.second.as_str(), leaked.earlier.as_str());
    let first = leaked.copied.verifier().to_string();
    let ends = |bundle: &str, arguments: &[&str], code: i32| {
        let (ended, told) = verified(bundle, arguments);
        assert_eq!(ended, code, "{arguments:?}: {told}");
        told
    };
    let (before, now) = (
        leaked.before.to_str().unwrap(),
        leaked.now.to_str().unwrap(),
    );
    let _ = ends(now, &["--trusted-key", second], 0);
    // What was handed out before still counts, for those who are told up to where, and that this goes
    // on from it.
    let told = ["--trusted-key", second, "--earlier-key", earlier];
    let _ = ends(before, &told, OLD_KEY);
    let goes_on = leaked.goes_on.to_str().unwrap();
    let _ = ends(
        before,
        &[&told[..], &["--consistency", goes_on]].concat(),
        0,
    );

    // The ledger as it is, signed with the copied key: beyond what that counts up to.
    let late = leaked.forged(&leaked.now, "late.zip", |entry| entry);
    let told = ends(&late, &["--trusted-key", second], OLD_KEY);
    assert!(
        told.contains("a key that was replaced was misused"),
        "{told}"
    );
    let _ = ends(
        &late,
        &["--trusted-key", second, "--earlier-key", earlier],
        OLD_KEY,
    );
    // Even for those nobody told: the ledger's own entries say that the key was replaced.
    let _ = ends(&late, &["--trusted-key", &first], OLD_KEY);

    // Another history, of the time before.
    let rewritten = leaked.forged(&leaked.before, "rewritten.zip", |entry| {
        entry.replace("Eastmere", "Nastmere")
    });
    let told = ends(
        &rewritten,
        &["--trusted-key", second, "--earlier-key", earlier],
        OLD_KEY,
    );
    assert!(
        told.contains("none of the proofs given shows that its last one"),
        "{told}"
    );
    // No proof shows that, and the ledger's own shows something else.
    let earlier = ["--trusted-key", second, "--earlier-key", earlier];
    let proven = [&earlier[..], &["--consistency", goes_on]].concat();
    let (code, told) = verified(&rewritten, &proven);
    assert!(matches!(code, 18 | OLD_KEY), "{code} {told}");
    // Who trusts the leaked key alone is deceived, unless they kept a checkpoint.
    let _ = ends(&rewritten, &["--trusted-key", &first], 0);
    let kept = Parts::of(&fs::read(&leaked.before).unwrap()).0["checkpoint"].clone();
    let kept = leaked.file("kept.checkpoint", &kept);
    let with_kept = ["--trusted-key", &first, "--checkpoint", &kept];
    let _ = ends(&rewritten, &with_kept, FORKED);

    // A checkpoint alone, shown beside a bundle that is good.
    let size = leaked.last + 1;
    let alone = signed(&leaked.copied, size, [7; 32]).to_string();
    let alone = leaked.file("late.checkpoint", alone.as_bytes());
    let told = ends(
        now,
        &["--trusted-key", second, "--checkpoint", &alone],
        OLD_KEY,
    );
    assert!(told.contains("after its last one"), "{told}");
}

#[test]
fn a_watch_goes_on_across_a_rotation_and_alarms_where_the_old_key_signs() {
    let mut server = quiet();
    let elsewhere = TempDir::new().unwrap();
    server.end();
    let first = done(&server.run(&["audit", "new-key"])).trim().to_owned();
    server.restart();
    let _ = Town::found(&server, "Eastmere");
    let sign = |server: &Server| {
        let signed = server.operator().post("/v1/audit/checkpoints", &json!({}));
        assert_eq!(signed.status, 200, "{}", signed.text);
        Note::parse(signed.text.as_bytes()).unwrap()
    };
    let _ = sign(&server);
    let state = elsewhere.path().join("trusted");
    let copied = copied_from(&server);
    let log = |server: &Server| format!("{}/log", server.address());
    let (code, told) = watched(&server, &log(&server), &first, &state);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("from now on"), "{told}");

    server.end();
    let second = done(&server.run(&["audit", "new-key"])).trim().to_owned();
    server.restart();
    let _ = Town::found(&server, "Westmere");
    let now = sign(&server);
    let log = log(&server);
    let alarm = PathBuf::from(format!("{}.alarm-unsigned-1", state.display()));

    // Whoever was not told of the new key hears of it, and asks.
    let trusted = fs::read(&state).unwrap();
    let (code, told) = watched(&server, &log, &first, &state);
    assert_eq!(code, ALARM, "{told}");
    assert!(told.contains("or the ledger has another key"), "{told}");
    assert_eq!(fs::read_to_string(&alarm).unwrap(), now.to_string());
    assert_eq!(fs::read(&state).unwrap(), trusted, "still what was trusted");
    fs::remove_file(&alarm).unwrap();

    // With the new key the same watch goes on from what the old one signed.
    let (code, told) = watched(&server, &log, &second, &state);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("grown from"), "{told}");

    // The leaked key signs what there is, and somebody stands between the ledger and the watch.
    let checkpoint = Checkpoint::parse(now.text()).unwrap();
    let forged = signed(&copied, checkpoint.size, checkpoint.root);
    let trusted = fs::read(&state).unwrap();
    let pretended = pretending(&log, &forged);
    let (code, told) = watched(&server, &pretended, &second, &state);
    assert_eq!(code, ALARM, "{told}");
    assert!(
        told.contains("not signed by the key that is trusted"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(&alarm).unwrap(), forged.to_string());
    assert_eq!(fs::read(&state).unwrap(), trusted, "still what was trusted");
    // The same with the ledger's own checkpoint: the forgery was all that was wrong.
    let pretended = pretending(&log, &now);
    let (code, told) = watched(&server, &pretended, &second, &state);
    assert_eq!(code, 0, "{told}");
}
