//! Proofs that stand alone: the program and the independent reader in Python end alike, whatever is in
//! the files they are given.

use std::fs;
use std::path::Path;

use dutyledger_bundle::Kind;
use dutyledger_proofs::{InclusionProof, PROOF_BYTES_MAX, SigningKey, VerifierKey};
use dutyledger_record::{ENTRY_BYTES_MAX, hex, leaf_hash, sha256_hex};
use dutyledger_test_bundles::{Parts, Story, folder, independent, key, verifier};
use tempfile::TempDir;

/// The most memory, in KiB, that either may ask for.
const MEMORY_KIB: u32 = 256 * 1024;
/// What shows an entry of the partnership, and the entry.
const POSITION: u64 = 10;

/// A folder of files to be checked, and the key they are checked with.
struct Desk {
    folder: TempDir,
    trusted: VerifierKey,
    earlier: Option<String>,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            trusted: key(2).verifier().clone(),
            earlier: None,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// How both end: alike.
    fn ends(&self, arguments: &[&str]) -> (i32, String) {
        let run = |mut command: std::process::Command| {
            command.args(arguments).current_dir(self.folder.path());
            command.args(["--trusted-key", &self.trusted.to_string()]);
            if let Some(earlier) = &self.earlier {
                command.args(["--earlier-key", earlier]);
            }
            let output = command.output().unwrap();
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8(told).unwrap();
            (output.status.code().unwrap(), told)
        };
        let (code, told) = run(verifier(MEMORY_KIB));
        let (by_python, said) = run(independent(MEMORY_KIB));
        assert_eq!(code, by_python, "{arguments:?}: {told} and {said}");
        (code, told)
    }

    fn is_refused(&self, arguments: &[&str], kind: Kind) -> String {
        let (code, told) = self.ends(arguments);
        assert_eq!(code, i32::from(kind.code()), "{arguments:?}: {told}");
        told
    }
}

/// An entry with its proof on the desk.
fn with_entry() -> (Desk, Parts) {
    let desk = Desk::new();
    let parts = Parts::of(&fs::read(folder().join("partnership.zip")).unwrap());
    desk.put(
        "proof",
        &parts.0[&format!("proofs/inclusion/{POSITION}.tlog-proof")],
    );
    desk.put("entry", entry_at(&parts, POSITION));
    (desk, parts)
}

fn entry_at(parts: &Parts, position: u64) -> String {
    let at = format!("\"position\":{position},");
    let mut entries = parts.entries().into_iter();
    entries.find(|entry| entry.contains(&at)).unwrap()
}

const INCLUSION: [&str; 4] = ["inclusion", "proof", "--entry", "entry"];
const GROWTH: [&str; 4] = ["consistency", "proof", "--from", "kept"];

#[test]
fn an_entry_is_shown_to_be_in_a_ledger_by_its_proof_alone() {
    let (mut desk, parts) = with_entry();
    let (code, told) = desk.ends(&INCLUSION);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("at position 10 of 15"), "{told}");
    desk.put("entry", format!("{}\n", entry_at(&parts, POSITION)));
    assert_eq!(desk.ends(&INCLUSION).0, 0, "with its line break");
    let hash = hex(&leaf_hash(&entry_at(&parts, POSITION)));
    assert_eq!(
        desk.ends(&["inclusion", "proof", "--leaf-hash", &hash]).0,
        0
    );
    let hash = sha256_hex(b"another");
    let _ = desk.is_refused(
        &["inclusion", "proof", "--leaf-hash", &hash],
        Kind::Inclusion,
    );

    // Nothing vouches for extra data, and it does no harm.
    let text = fs::read_to_string(desk.path("proof")).unwrap();
    let extra = text.replacen("\nindex ", "\nextra aGVsbG8=\nindex ", 1);
    desk.put("proof", extra);
    assert_eq!(desk.ends(&INCLUSION).0, 0);
    desk.put("proof", text.replacen("\nindex ", "\nextra %\nindex ", 1));
    let _ = desk.is_refused(&INCLUSION, Kind::Inclusion);
    desk.put("proof", text.replacen("index 9", "index 7", 1));
    let told = desk.is_refused(&INCLUSION, Kind::Inclusion);
    assert!(told.contains("position"), "{told}");
    desk.put("proof", &text);

    // Another entry, an entry that was changed, and one of another ledger.
    desk.put("entry", entry_at(&parts, POSITION + 1));
    let _ = desk.is_refused(&INCLUSION, Kind::Inclusion);
    let own = entry_at(&parts, POSITION);
    desk.put("entry", own.replacen("\"version\":", "\"version\": ", 1));
    let _ = desk.is_refused(&INCLUSION, Kind::Entry);
    let changed = own.replace("2024-", "2025-");
    assert_ne!(changed, own);
    desk.put("entry", changed);
    let _ = desk.is_refused(&INCLUSION, Kind::Inclusion);
    let of_another =
        |own: &str| own.replacen("8000-000000000001\",\"occ", "8000-0000000000ff\",\"occ", 1);
    desk.put("entry", of_another(&own));
    let _ = desk.is_refused(&INCLUSION, Kind::Checkpoint);
    desk.put("entry", &own);

    // A key that is both the current one and one that was replaced is no command line.
    let twice = key(2).verifier().to_string();
    desk.earlier = Some(format!("{twice} 12 {}", sha256_hex(b"a root")));
    assert_eq!(desk.ends(&INCLUSION).0, 2, "the trusted key is given twice");
    desk.earlier = None;

    // Another key, and a checkpoint that somebody else signed.
    let stranger = SigningKey::from_seed(key(2).verifier().name(), &[9; 32]).unwrap();
    desk.trusted = stranger.verifier().clone();
    let _ = desk.is_refused(&INCLUSION, Kind::Signature);
    desk.trusted = key(1).verifier().clone();
    let _ = desk.is_refused(&INCLUSION, Kind::Signature);
}

#[test]
fn a_ledger_is_shown_to_go_on_from_a_checkpoint_that_was_kept() {
    let mut desk = Desk::new();
    let story = Story::told();
    let size = story.entries.len();
    let now = story.checkpoint(size, &key(2));
    desk.put("kept", story.checkpoint(12, &key(2)).to_string());
    desk.put("proof", story.consistency(12, size, &now).to_string());
    let (code, told) = desk.ends(&GROWTH);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("goes on from what it was at 12"), "{told}");

    // A proof from elsewhere, and one that does not hold.
    desk.put("proof", story.consistency(11, size, &now).to_string());
    let told = desk.is_refused(&GROWTH, Kind::Consistency);
    assert!(told.contains("11"), "{told}");
    let mut wrong = story.consistency(12, size, &now);
    wrong.hashes[0] = [7; 32];
    desk.put("proof", wrong.to_string());
    let _ = desk.is_refused(&GROWTH, Kind::Consistency);

    // Two histories of as many entries, each signed by the key that is trusted.
    let fork = story.with_one_at(5);
    desk.put("kept", fork.checkpoint(size, &key(2)).to_string());
    desk.put("proof", story.consistency(size, size, &now).to_string());
    let _ = desk.is_refused(&GROWTH, Kind::Forked);

    // A key that was replaced counts up to its last checkpoint, and for what that goes on from.
    desk.put("kept", story.checkpoint(7, &key(1)).to_string());
    desk.put("proof", story.consistency(7, size, &now).to_string());
    let _ = desk.is_refused(&GROWTH, Kind::Signature);
    let first = story.first_key();
    let (last, root) = (first.last.size, hex(&first.last.root));
    desk.earlier = Some(format!("{} {last} {root}", first.key));
    let _ = desk.is_refused(&GROWTH, Kind::OldKey);
    let from_last = usize::try_from(last).unwrap();
    desk.put("last", story.consistency(from_last, size, &now).to_string());
    let with_last = [&GROWTH[..], &["--consistency", "last"]].concat();
    assert_eq!(desk.ends(&with_last).0, 0);
    desk.put("kept", story.checkpoint(13, &key(1)).to_string());
    let _ = desk.is_refused(&with_last, Kind::OldKey);
}

#[test]
fn whatever_is_in_the_files_there_is_a_clear_answer_in_little_memory() {
    let (desk, parts) = with_entry();
    let proof = fs::read(desk.path("proof")).unwrap();
    let story = Story::told();
    let kept = story.checkpoint(12, &key(2)).to_string();
    let now = story.checkpoint(15, &key(2));
    let growth = story.consistency(12, 15, &now).to_string();
    // A byte more than may be is as bad as any number of them.
    let long = |most: usize| vec![b'a'; most + 1];
    for bad in [
        Vec::new(),
        b"\n\n".to_vec(),
        vec![0xff; 40],
        b"c2sp.org/tlog-proof@v1\nindex 18446744073709551615\n\n".to_vec(),
        long(PROOF_BYTES_MAX),
        proof[..proof.len() / 2].to_vec(),
    ] {
        desk.put("proof", &bad);
        let _ = desk.is_refused(&INCLUSION, Kind::Inclusion);
        desk.put("kept", &kept);
        let _ = desk.is_refused(&GROWTH, Kind::Consistency);
        desk.put("proof", &growth);
        desk.put("kept", &bad);
        let _ = desk.is_refused(&GROWTH, Kind::Checkpoint);
        desk.put("proof", &proof);
        desk.put("entry", &bad);
        let _ = desk.is_refused(&INCLUSION, Kind::Entry);
        desk.put("entry", entry_at(&parts, POSITION));
    }
    desk.put("entry", long(ENTRY_BYTES_MAX));
    let _ = desk.is_refused(&INCLUSION, Kind::Entry);
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    desk.put("entry", deep);
    let _ = desk.is_refused(&INCLUSION, Kind::Entry);
    // The largest index there is has no position after it.
    let mut last = InclusionProof::parse(&proof).unwrap();
    last.index = u64::MAX;
    desk.put("proof", last.to_string());
    desk.put("entry", entry_at(&parts, POSITION));
    let _ = desk.is_refused(&INCLUSION, Kind::Inclusion);
    assert!(!Path::new(&desk.path("nowhere")).exists());
    let nowhere = ["inclusion", "nowhere", "--entry", "entry"];
    assert_eq!(desk.ends(&nowhere).0, 1);
}
