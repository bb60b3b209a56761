//! What checks bundles: the program, and an independent reader in Python.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::repository;

/// The program, built once.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--message-format=json"])
        .args(["--package", "dutyledger-bundle"])
        .current_dir(repository())
        .output()
        .expect("cargo runs, since it runs the tests");
    assert!(built.status.success(), "{built:?}");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .expect("cargo names the program it built")
});

/// A command that may ask for so much memory, in KiB, and no more.
fn within(kib: u32) -> Command {
    let mut command = Command::new("bash");
    let script = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]);
    command
}

/// The program, which is given no more memory than this.
#[must_use]
pub fn verifier(kib: u32) -> Command {
    let mut command = within(kib);
    command.arg(&*PROGRAM);
    command
}

/// The reader in Python, which is given no more memory than this.
#[must_use]
pub fn independent(kib: u32) -> Command {
    let mut command = within(kib);
    command
        .arg("python3")
        .arg(repository().join("tests/record/verify_bundle.py"));
    command
}
