//! Where the released files are, and what is known of every sample.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use dutyledger_record::DataKey;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn schemas_folder() -> PathBuf {
    root().join("schemas/events")
}

pub(crate) fn samples_folder() -> PathBuf {
    schemas_folder().join("samples")
}

pub(crate) fn hashes_file() -> PathBuf {
    samples_folder().join("leaf-hashes.txt")
}

pub(crate) fn released_file() -> PathBuf {
    root().join("schemas/released.sha256")
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The JSON files of a folder: name to text.
pub(crate) fn json_files(folder: &Path) -> BTreeMap<String, String> {
    let found = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    found
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                read(&path),
            )
        })
        .collect()
}

/// Every file that is released once it is listed: its path from the top folder, to its text.
pub(crate) fn to_release() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for folder in [
        "schemas/events",
        "schemas/events/samples",
        "crates/domain/packs",
    ] {
        let files = json_files(&root().join(folder));
        all.extend(
            files
                .into_iter()
                .map(|(name, text)| (format!("{folder}/{name}"), text)),
        );
    }
    all
}

/// Runs an expression with `K` standing for the kind of stream of a name.
macro_rules! with_kind {
    ($name:expr, $K:ident => $body:expr) => {
        with_kind!(@ $name, $K => $body;
            LedgerStream, Area, Authority, Partnership, NeedsAssessment, Strategy, Direction, Deadline,
            TriggerStream, Erasure, Access)
    };
    (@ $name:expr, $K:ident => $body:expr; $($kind:ident),+) => {
        match $name {
            $(<dutyledger_domain::streams::$kind as dutyledger_domain::StreamKind>::NAME => {
                type $K = dutyledger_domain::streams::$kind;
                $body
            })+
            other => panic!("no kind of stream is called {other}"),
        }
    };
}
pub(crate) use with_kind;

/// The key every sealed text of a sample is under.
pub(crate) const SAMPLE_KEY: DataKey = DataKey([0x11; 32]);

/// Whether a member may be null.
pub(crate) fn nullable(schema: &Value) -> bool {
    let one_is_null = |of: &Value| {
        of.as_array()
            .is_some_and(|all| all.iter().any(|s| s == "null" || s["type"] == "null"))
    };
    one_is_null(&schema["type"]) || one_is_null(&schema["anyOf"])
}

/// The lines of a list in the form of `sha256sum`: file name to digest.
pub(crate) fn listed(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (digest, name) = line
            .split_once("  ")
            .expect("a digest, two spaces and a name");
        (name.to_owned(), digest.to_owned())
    };
    text.lines().map(line).collect()
}
