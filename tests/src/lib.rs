//! What the tests across crates share: a real server process, spoken to over real HTTP.

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

/// Whether the full sizes are asked for: the one variable is `DUTYLEDGER_TEST_SIZE`.
#[must_use]
pub fn long() -> bool {
    option_env_at_run("DUTYLEDGER_TEST_SIZE").as_deref() == Some("long")
}

#[expect(clippy::disallowed_methods, reason = "the tests' one setting")]
fn option_env_at_run(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
