//! Bundles made to hurt whoever checks them, too large to be kept as vectors: what swells up to the
//! bounds of `schemas/bundle.md`, texts of a gigabyte, directories without end. Both readers end with
//! the code the specification gives, in memory that does not grow with any of it, save for the text of a
//! partnership's entries.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};

use dutyledger_bundle::Kind;
use dutyledger_proofs::{Checkpoint, Hash};
use dutyledger_record::{canonical_json, hex};
use dutyledger_test_bundles::{
    Parts, Story, folder, independent, key, long, of_one_kind, verifier,
};

/// The most memory, in KiB, that the program may ask for with any of these.
const MEMORY_KIB: u32 = 96 * 1024;
/// Python's own takes more, and a directory is kept in objects.
const PYTHON_MEMORY_KIB: u32 = 512 * 1024;
/// The most bytes of a file but the entries, as `schemas/bundle.md` has it.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A file of a bundle that is made as it is written.
enum Content<'b> {
    Bytes(&'b [u8]),
    /// Bytes, then one byte so often, then bytes.
    Swelling(&'b [u8], u8, u64, &'b [u8]),
}

impl Content<'_> {
    /// Gives the bytes piece by piece; answers how many there are, and their digest.
    fn each(&self, mut take: impl FnMut(&[u8])) -> (u64, String) {
        let (mut hasher, mut count) = (Sha256::new(), 0);
        let mut give = |piece: &[u8]| {
            hasher.update(piece);
            count += piece.len() as u64;
            take(piece);
        };
        match *self {
            Self::Bytes(bytes) => give(bytes),
            Self::Swelling(before, byte, times, behind) => {
                give(before);
                let piece = vec![byte; 1 << 20];
                let mut left = times;
                while left > 0 {
                    let now = left.min(1 << 20);
                    give(&piece[..usize::try_from(now).unwrap()]);
                    left -= now;
                }
                give(behind);
            }
        }
        (count, hex(&hasher.finalize()))
    }
}

/// The vector `ledger.zip` with further files, or others in their place, and a manifest that lists
/// what is there.
fn bundle(path: &Path, others: &[(String, Content<'_>)]) {
    let good = Parts::of(&std::fs::read(folder().join("ledger.zip")).unwrap());
    altered(path, &good, others);
}

/// The same of any bundle.
fn altered(path: &Path, good: &Parts, others: &[(String, Content<'_>)]) {
    let mut files: Vec<(&str, &Content<'_>)> = Vec::new();
    let kept: Vec<_> = good
        .0
        .iter()
        .filter(|(name, _)| !others.iter().any(|(other, _)| other == *name))
        .map(|(name, bytes)| (name.as_str(), Content::Bytes(bytes)))
        .collect();
    files.extend(kept.iter().map(|(name, content)| (*name, content)));
    files.extend(
        others
            .iter()
            .map(|(name, content)| (name.as_str(), content)),
    );
    files.sort_by_key(|(name, _)| *name);
    let mut zip = ZipWriter::new(BufWriter::new(File::create(path).unwrap()));
    let options = SimpleFileOptions::default();
    let mut listed = Vec::new();
    for (name, content) in files {
        if name == "manifest.json" && !others.iter().any(|(other, _)| other == name) {
            continue;
        }
        zip.start_file(name, options).unwrap();
        let (bytes, sha256) = content.each(|piece| zip.write_all(piece).unwrap());
        if name != "manifest.json" && !name.starts_with("proofs/inclusion/") {
            listed.push(json!({ "bytes": bytes, "path": name, "sha256": sha256 }));
        }
    }
    if !others.iter().any(|(other, _)| other == "manifest.json") {
        let mut manifest: Value = serde_json::from_slice(&good.0["manifest.json"]).unwrap();
        manifest["files"] = listed.into();
        zip.start_file("manifest.json", options).unwrap();
        let text = canonical_json(&manifest).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().flush().unwrap();
}

/// Checks that both readers end with a code.
fn ends(path: &Path, code: u8) {
    ends_within(MEMORY_KIB, path, code);
}

/// The same, where the program may ask for more memory.
fn ends_within(kib: u32, path: &Path, code: u8) {
    let trusted = key(2).verifier().to_string();
    for mut command in [verifier(kib), independent(PYTHON_MEMORY_KIB)] {
        let output = command
            .args(["--trusted-key", &trusted])
            .arg(path)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code.into()),
            "{command:?}: {error}"
        );
        assert!(error.len() < 2_000, "people drown in {} bytes", error.len());
    }
}

#[test]
fn files_that_swell_up_to_their_bound_are_read_in_flat_memory_and_no_further() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("swelling.zip");
    let documents = ["bundle", "proofs", "record"];
    let count = documents.len() as u64;
    let swelling = documents.map(|name| {
        let content = Content::Swelling(b"", b' ', FILE_BYTES_MAX, b"");
        (format!("schemas/{name}.md"), content)
    });
    bundle(&path, &swelling);
    let large = path.metadata().unwrap().len();
    assert!(large * 100 < count * FILE_BYTES_MAX, "it swells a lot");
    ends(&path, Kind::Released.code());
    let beyond = Content::Swelling(b"", b' ', FILE_BYTES_MAX + 1, b"");
    bundle(&path, &[("schemas/record.md".to_owned(), beyond)]);
    ends(&path, Kind::TooLarge.code());
}

#[test]
fn a_text_of_a_gigabyte_takes_no_memory_wherever_it_stands() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("gigabyte.zip");
    let gigabyte = if long() { 1 << 30 } else { 160 << 20 };
    let good = Parts::of(&std::fs::read(folder().join("ledger.zip")).unwrap());
    let entries = String::from_utf8(good.0["entries.jsonl"].clone()).unwrap();
    let (before, behind) = entries.split_once("Cyngor").unwrap();
    let manifest = String::from_utf8(good.0["manifest.json"].clone()).unwrap();
    let (opens, closes) = manifest.split_once("dutyledger-bundle").unwrap();
    for (name, before, behind, kind) in [
        ("entries.jsonl", before, behind, Kind::TooLarge),
        ("entries.jsonl", entries.as_str(), "", Kind::TooLarge),
        ("manifest.json", opens, closes, Kind::TooLarge),
        ("figures.json", "{\"on\":\"", "\"}", Kind::TooLarge),
        ("checkpoint", "", "\n", Kind::TooLarge),
    ] {
        let (before, behind) = (before.as_bytes(), behind.as_bytes());
        let content = Content::Swelling(before, b'x', gigabyte, behind);
        bundle(&path, &[(name.to_owned(), content)]);
        ends(&path, kind.code());
    }
    // Just within the bound of a file, and far beyond that of a note.
    let content = Content::Swelling(b"", b'x', FILE_BYTES_MAX - 1, b"\n");
    bundle(&path, &[("checkpoint".to_owned(), content)]);
    ends(&path, Kind::Checkpoint.code());
}

/// A vector with other entries, and a checkpoint of as many. Nobody needs a key for such a file: it is
/// of no root that they have, and there is no proof.
fn unproven(vector: &str, entries: &[String]) -> Parts {
    let good = Parts::of(&std::fs::read(folder().join(vector)).unwrap());
    let signed = Checkpoint {
        origin: key(2).verifier().name().to_owned(),
        size: entries.len() as u64,
        root: Hash::default(),
    };
    let signed = signed.sign(&key(2)).unwrap().to_string();
    let mut hostile = good.with("checkpoint", signed.as_bytes());
    hostile.0.retain(|name, _| !name.starts_with("proofs/"));
    hostile.with_entries(entries)
}

#[test]
fn the_entries_of_a_partnership_take_no_more_memory_than_their_text() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("wide.zip");
    // Numbers without end take sixteen times their text where they are kept parsed.
    let wide = format!("\"from_assumed\":[0{}]", ",0".repeat(28_000));
    let count = if long() { 2_200 } else { 400 };
    let entry = of_one_kind();
    let entries: Vec<_> = (1..=count)
        .map(|position| entry(position).replacen("\"from_assumed\":true", &wide, 1))
        .collect();
    let proofs = (1..=count).map(|n| (format!("proofs/inclusion/{n}.tlog-proof"), b"none"));
    let mut hostile = unproven("partnership.zip", &entries);
    for (name, proof) in proofs {
        hostile = hostile.with(&name, proof);
    }
    let text = hostile.0["entries.jsonl"].len();
    altered(&path, &hostile, &[]);
    let most = MEMORY_KIB + u32::try_from(text / 1024).unwrap();
    ends_within(most, &path, Kind::Inclusion.code());
}

/// The entries of a ledger that names a partnership in each of them but the first: so many, with that
/// name, each in a stream of its own or all in one.
fn naming(count: usize, name: &str, each_its_own: bool) -> Vec<String> {
    let told = Story::told().entries;
    let said = "Llanfair–Môr \\\"Safer Together\\\" & Partners";
    let proposed = told[5].replacen(said, name, 1);
    let named = |position: usize| {
        let at = format!("\"position\":{position},");
        let (stream, version) = match each_its_own {
            true => (position, 1),
            false => (2, position - 1),
        };
        let stream = format!("\"stream\":{{\"id\":\"01931c2e-5a00-7000-8000-{stream:012x}\"");
        let version = format!("\"version\":{version},\"warnings\"");
        let own = "\"stream\":{\"id\":\"01931c2e-5a00-7000-8000-000000000002\"";
        let text = proposed.replacen("\"position\":6,", &at, 1);
        let text = text.replacen(own, &stream, 1);
        text.replacen("\"version\":1,\"warnings\"", &version, 1)
    };
    let opened = told[0].clone();
    [opened].into_iter().chain((2..=count).map(named)).collect()
}

#[test]
fn what_partnerships_are_called_takes_no_more_memory_than_it_may() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("named.zip");
    let name = "x".repeat(58_000);
    // More than the program may ask for.
    let entries = naming(2_000, &name, true);
    altered(&path, &unproven("ledger.zip", &entries), &[]);
    ends(&path, Kind::TooLarge.code());
    // What is no partnership's, and what it is not called any more, is not kept: these are read to their
    // end, though their names are more than may be kept.
    let strategies: Vec<_> = naming(400, &name, true)
        .iter()
        .map(|entry| entry.replacen("\"type\":\"partnership\"}", "\"type\":\"strategy\"}", 1))
        .collect();
    for entries in [strategies, naming(400, &name, false)] {
        altered(&path, &unproven("ledger.zip", &entries), &[]);
        ends(&path, Kind::Root.code());
    }
    if long() {
        // Without a letter, and of partnerships that no entry says it concerns.
        let mut entries = naming(100_002, "", true);
        for entry in &mut entries {
            let one = "\"partnerships\":[\"01931c2e-5a00-7000-8000-000000000002\"]";
            *entry = entry.replacen(one, "\"partnerships\":[]", 1);
        }
        altered(&path, &unproven("ledger.zip", &entries), &[]);
        ends(&path, Kind::TooLarge.code());
        altered(&path, &unproven("ledger.zip", &entries[..100_001]), &[]);
        ends(&path, Kind::Root.code());
    }
}

#[test]
fn what_is_derived_of_a_partnership_takes_no_longer_than_for_so_many_strategies_and_entries() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("strategies.zip");
    // All but the ledger's opening open a strategy. Of the fewer it is the proofs that are wrong.
    for (count, kind) in [(1_415, Kind::TooLarge), (1_414, Kind::Inclusion)] {
        let strategies: Vec<_> = naming(count, "", true)
            .iter()
            .map(|entry| entry.replacen("\"type\":\"partnership\"}", "\"type\":\"strategy\"}", 1))
            .collect();
        let mut hostile = unproven("partnership.zip", &strategies);
        for position in 1..=count {
            let name = format!("proofs/inclusion/{position}.tlog-proof");
            hostile = hostile.with(&name, b"none");
        }
        altered(&path, &hostile, &[]);
        ends(&path, kind.code());
    }
}

/// A ZIP file of empty files, each with a comment in the directory.
fn directory(path: &Path, files: u32, comment: u16) {
    let mut zip = BufWriter::new(File::create(path).unwrap());
    let name = |n: u32| format!("schemas/{n:0>6}");
    // Version 2.0, stored, of 1 January 1980, without bytes.
    let header = |n: u32| {
        let mut header = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        header.extend([0; 12]);
        header.extend(u16::try_from(name(n).len()).unwrap().to_le_bytes());
        header.extend([0; 2]);
        header
    };
    let (mut directory_at, mut size) = (0u32, 0u32);
    for n in 0..files {
        zip.write_all(b"PK\x03\x04").unwrap();
        zip.write_all(&header(n)).unwrap();
        zip.write_all(name(n).as_bytes()).unwrap();
        directory_at += 30 + 14;
    }
    for n in 0..files {
        zip.write_all(b"PK\x01\x02\x14\x00").unwrap();
        zip.write_all(&header(n)).unwrap();
        zip.write_all(&comment.to_le_bytes()).unwrap();
        zip.write_all(&[0; 8]).unwrap();
        zip.write_all(&(n * 44).to_le_bytes()).unwrap();
        zip.write_all(name(n).as_bytes()).unwrap();
        zip.write_all(&vec![b'x'; comment.into()]).unwrap();
        size += 46 + 14 + u32::from(comment);
    }
    let count = u16::try_from(files).unwrap().to_le_bytes();
    zip.write_all(b"PK\x05\x06\0\0\0\0").unwrap();
    zip.write_all(&[count, count].concat()).unwrap();
    zip.write_all(&size.to_le_bytes()).unwrap();
    zip.write_all(&directory_at.to_le_bytes()).unwrap();
    zip.write_all(&[0; 2]).unwrap();
    zip.flush().unwrap();
}

#[test]
fn a_directory_without_end_is_not_read_to_its_end() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("directory.zip");
    directory(&path, 52_001, 0);
    ends(&path, Kind::TooLarge.code());
    // A hundred megabytes of comments, or a gigabyte, where 16 MiB are the most.
    directory(&path, if long() { 17_000 } else { 2_000 }, 60_000);
    ends(&path, Kind::TooLarge.code());
}
