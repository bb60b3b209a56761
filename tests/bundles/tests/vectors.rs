//! Bundles as they are written, and as they are when somebody tampers with them: the program and an
//! independent reader in Python end alike, as the index says, and neither takes much memory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Output};

use serde_json::Value;

use dutyledger_bundle::Kind;
use dutyledger_test_bundles::{
    Parts, Story, Vector, folder, independent, key, large, long, of_one_kind, vectors, verifier,
};

const ANEW: &str = "Run `cargo run -p dutyledger-test-bundles --example make-vectors`.";
/// The most memory, in KiB, that the program may ask for with any of the vectors.
const MEMORY_KIB: u32 = 256 * 1024;

fn with_arguments(mut command: Command, vector: &Vector) -> Output {
    if let Some(key) = &vector.key {
        command.args(["--trusted-key", key]);
    }
    for earlier in &vector.earlier {
        command.args(["--earlier-key", earlier]);
    }
    if let Some(file) = &vector.checkpoint {
        command.arg("--checkpoint").arg(folder().join(file));
    }
    for file in &vector.consistency {
        command.arg("--consistency").arg(folder().join(file));
    }
    command.arg(folder().join(&vector.bundle)).output().unwrap()
}

#[test]
fn the_vectors_are_what_the_code_makes() {
    let (vectors, files) = vectors();
    let index: Vec<_> = vectors.iter().map(Vector::to_json).collect();
    let text = fs::read_to_string(folder().join("index.json")).unwrap();
    let committed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(committed, Value::from(index), "{ANEW}");
    let mut there = BTreeSet::new();
    for file in fs::read_dir(folder()).unwrap() {
        there.insert(file.unwrap().file_name().into_string().unwrap());
    }
    assert!(there.remove("index.json"));
    let made: BTreeSet<_> = files.keys().cloned().collect();
    assert_eq!(there, made, "{ANEW}");
    for (name, bytes) in files {
        let same = fs::read(folder().join(&name)).unwrap() == bytes;
        assert!(same, "{name} is not what the code makes. {ANEW}");
    }
}

#[test]
fn the_program_ends_as_the_index_says_in_little_memory() {
    for vector in vectors().0 {
        let output = with_arguments(verifier(MEMORY_KIB), &vector);
        let code = output.status.code();
        assert_eq!(
            code,
            Some(vector.code.into()),
            "{}: {output:?}",
            vector.name
        );
    }
}

#[test]
fn an_independent_reader_in_python_comes_to_the_same() {
    let mut compared = 0;
    for vector in vectors().0.iter().filter(|vector| vector.independent) {
        let output = with_arguments(independent(MEMORY_KIB), vector);
        let code = output.status.code();
        assert_eq!(
            code,
            Some(vector.code.into()),
            "{}: {output:?}",
            vector.name
        );
        compared += 1;
    }
    assert!(compared > 60);
}

#[test]
fn every_kind_of_failure_has_a_vector() {
    let shown: BTreeSet<_> = vectors().0.iter().map(|vector| vector.code).collect();
    for kind in Kind::ALL {
        assert!(shown.contains(&kind.code()), "{kind:?}");
    }
    let codes: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), Kind::ALL.len());
}

#[test]
fn the_answer_for_programs_says_what_was_found() {
    let bundle = folder().join("partnership.zip");
    let mut command = verifier(MEMORY_KIB);
    let trusted = key(2).verifier().to_string();
    command.args(["--json", "--trusted-key", &trusted]);
    let output = command.arg(bundle).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["verified"], true);
    assert_eq!(answer["size"], 15);
    assert_eq!(answer["entries"], 14);
    let partnership = &answer["figures"]["partnership"];
    assert_eq!(partnership["id"], Story::partnership().to_string());
    assert_eq!(partnership["strategies"][0]["review"]["status"], "overdue");
    assert_eq!(partnership["strategies"][0]["versions"][0]["number"], 1);
    assert!(!partnership["to_do"].as_array().unwrap().is_empty());

    // For people, too, the date is one that nobody signed.
    let mut command = verifier(MEMORY_KIB);
    command.args(["--trusted-key", &trusted]);
    let output = command.arg(folder().join("ledger.zip")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let dated = "The figures are as true on 2026-11-21, a date chosen by whoever made the file.";
    assert!(text.contains(dated), "{text}");

    let mut command = verifier(MEMORY_KIB);
    command.args(["--json", "--trusted-key", &trusted]);
    let output = command.arg(folder().join("edited.zip")).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["verified"], false);
    assert_eq!(answer["kind"], "digest");
    assert_eq!(answer["code"], 13);
}

#[test]
fn the_report_says_what_the_figures_are_and_what_the_bundle_cannot_show() {
    let parts = Parts::of(&fs::read(folder().join("partnership.zip")).unwrap());
    let page = String::from_utf8(parts.0["report.html"].clone()).unwrap();
    for said in [
        "<html lang=\"en-GB\">",
        "As true on 21 November 2026, as known when the ledger had 15 entries.",
        "Llanfair–Môr &quot;Safer Together&quot; &amp; Partners",
        "cannot show that it holds every entry about the partnership",
        "Missing evidence is not a breach",
    ] {
        assert!(page.contains(said), "{said}");
    }
    for absent in ["<script", "http://", "https://", "<img", "<link"] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[test]
fn a_ledger_of_any_length_is_written_and_checked_in_flat_memory() {
    let entries = if long() { 1_000_000 } else { 30_000 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.zip");
    let mut file = large(File::create(&path).unwrap(), entries);
    file.flush().unwrap();
    // What the program takes with a bundle of few entries, and less than the text of these.
    let most = 32 * 1024;
    let text = of_one_kind()(entries).len() * entries;
    assert!(text > (most - 16 * 1024) * 1024, "{text}");
    let mut command = verifier(u32::try_from(most).unwrap());
    command.args(["--trusted-key", &key(1).verifier().to_string()]);
    let output = command.arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
