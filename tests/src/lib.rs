//! What the tests across crates share: a real server process, spoken to over real HTTP.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::{Command, Stdio};

mod client;
mod database;
mod draft;
mod output;
mod server;
mod tamper;
mod town;
mod wait;

pub use client::{Answer, Client};
pub use database::{head_in, prepared};
pub use draft::{LEDGER, OPENING, draft, number, stream};
pub use output::{done, ran, said};
pub use server::{Server, build, key, program, repository, verifier};
pub use tamper::Tampered;
pub use town::Town;
pub use wait::{PATIENCE, Stops, in_time, until};

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

/// Whether the full sizes are asked for, as `DUTYLEDGER_TEST_SIZE` does.
#[must_use]
pub fn long() -> bool {
    option_env_at_run("DUTYLEDGER_TEST_SIZE").as_deref() == Some("long")
}

/// What a test decides by chance. It is told, and `DUTYLEDGER_TEST_CHANCE` has it be the same again.
///
/// # Panics
/// When what is asked for is not hexadecimal.
#[must_use]
pub fn chance() -> u64 {
    let asked = option_env_at_run("DUTYLEDGER_TEST_CHANCE");
    let chance = match asked {
        Some(asked) => u64::from_str_radix(&asked, 16).expect("a hexadecimal number"),
        None => RandomState::new().build_hasher().finish(),
    };
    println!("DUTYLEDGER_TEST_CHANCE={chance:x}");
    chance
}

#[expect(clippy::disallowed_methods, reason = "the tests' few settings")]
fn option_env_at_run(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
