//! What the tests across crates share: a real server process, spoken to over real HTTP.

use std::process::{Command, Stdio};

mod client;
mod draft;
mod output;
mod server;
mod tamper;
mod town;

pub use client::{Answer, Client};
pub use draft::{LEDGER, OPENING, draft, number, stream};
pub use output::{done, said};
pub use server::{Server, build, key, program, repository};
pub use tamper::Tampered;
pub use town::Town;

/// Whether this machine lets a process be traced. Where it does not, what dies where is tested only in
/// the ledger crate, by a store whose writer dies at named points; `ops/test` says so.
///
/// # Panics
/// When strace is not installed.
#[must_use]
pub fn traceable() -> bool {
    let traced = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
        .expect("strace is not installed: install the Debian package strace");
    traced.success()
}

/// Whether the full sizes are asked for: the one variable is `DUTYLEDGER_TEST_SIZE`.
#[must_use]
pub fn long() -> bool {
    option_env_at_run("DUTYLEDGER_TEST_SIZE").as_deref() == Some("long")
}

#[expect(clippy::disallowed_methods, reason = "the tests' one setting")]
fn option_env_at_run(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
