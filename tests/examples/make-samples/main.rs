//! Makes the samples of events that have none yet, and lists what is new among the released files.
//! Nothing that is there already is changed.

#![expect(clippy::unwrap_used, reason = "a program that cannot go on ends there")]

#[path = "../../record/released.rs"]
mod released;
mod samples;

use std::fs;
use std::path::Path;

use dutyledger_domain::streams::event_schemas;
use dutyledger_record::{hex, leaf_hash, sha256_hex};

use released::{hashes_file, json_files, listed, released_file, samples_folder, to_release};
use samples::samples;

fn main() {
    fs::create_dir_all(samples_folder()).unwrap();
    for (schema, kinds) in event_schemas() {
        for (name, leaf_data) in samples(&schema, &kinds) {
            let path = samples_folder().join(name);
            if !path.exists() {
                fs::write(path, leaf_data).unwrap();
            }
        }
    }
    let hashes = json_files(&samples_folder());
    add_lines(
        &hashes_file(),
        hashes
            .iter()
            .map(|(name, text)| (name, hex(&leaf_hash(text)))),
    );
    let released = to_release();
    let digests = released
        .iter()
        .map(|(path, text)| (path, sha256_hex(text.as_bytes())));
    add_lines(&released_file(), digests);
}

/// Adds lines for names that have none yet; a line that is there stays as it is.
fn add_lines<'a>(file: &Path, lines: impl Iterator<Item = (&'a String, String)>) {
    let mut all = listed(&fs::read_to_string(file).unwrap_or_default());
    for (name, digest) in lines {
        all.entry(name.clone()).or_insert(digest);
    }
    let text: String = all
        .iter()
        .map(|(name, digest)| format!("{digest}  {name}\n"))
        .collect();
    fs::write(file, text).unwrap();
}
