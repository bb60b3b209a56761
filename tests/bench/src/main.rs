//! The bench: the ledger against the database it stands on, and against the stock framework.
//!
//! `./ops/bench` builds it and runs it; `./ops/bench --help` says what it can be asked for.
//!
//! # What is compared
//!
//! - **Ours** is whole commands: `AmendAuthority` is decided and appended through the one command
//!   bus, with a new idempotency key each, the leaf data hashed, in one process in which the
//!   projections follow, with the settings that a server has. A client gives its next command when
//!   the last is answered. The streams are many ([`settings::Settings::streams`]), each belongs to
//!   one client, and a command names the version its stream must be at; on the hot stream there is
//!   one for all clients and no version is named.
//! - **The limit** is what a raw driver (tokio-postgres, rusqlite) commits with one connection that
//!   does nothing else: for every append the `entry` row and the `idempotency` row, for every
//!   transaction the `head` row and a `root` row, in tables that the product's own migrations made,
//!   with all their indexes and triggers, as durable as ours. On PostgreSQL one prepared statement
//!   is one transaction, over a Unix socket. It decides nothing and hashes nothing.
//! - **The peer** is cqrs-es over postgres-es as they come, in a process and a workspace of its own,
//!   with the same command, as many streams and its pool as large as its clients are many.
//! - **Plain connections** are beside the hogs: each commits single rows (`entry` and `idempotency`)
//!   on a connection of its own and shares nothing with the others but a counter in memory.
//! - **JetStream alone** is the same client with the same window publishing the same messages, with
//!   their ids, to a stream with the same settings, from a file that holds them ready; or single ones
//!   at a steady rate to the same receiver.
//! - **Hashing** is what the ledger's own reader fetches, page by page, and the SHA-256 of each entry:
//!   verifying less all that it checks.
//! - **A partnership's own entries** are those that an answer about it rests on, read and decoded by the
//!   ledger's own reader up to the same position, as many streams at once as for the answer. Nothing is
//!   derived from them, and nobody has to find out which streams they are.
//! - **A plain copy** is of the text of the same entries, from file to file through a process and synced.
//!   Bundles are written, checked and copied by processes of their own, whose peak of memory is theirs.
//! - **The raw replay** is an ordered scan of the same table by the raw driver in the same pages,
//!   decoding the same leaf data into the same records.
//!
//! # How it is measured
//!
//! Every round runs all cells of a group, each on a new database, in an order that moves on from
//! round to round. What the first quarter of a second answers does not count. A figure is the median
//! of the rounds; its spread is (max - min) / median. A ratio is the median of the rounds' own
//! ratios, since what is beside each other in time is compared.
//!
//! After every cell the database is read back by the raw driver: every acknowledged command must be
//! there, nothing else, once each, without a gap. If not, there is no figure, and the bench fails.

mod audit;
mod bench;
mod cell;
mod check;
mod child;
mod fill;
mod hogs;
mod http;
mod limit;
mod load;
mod machine;
mod notify;
mod ours;
mod peer;
mod replay;
mod report;
mod rounds;
mod rows;
mod sample;
mod settings;
mod store;
mod table;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::settings::{Command, Settings};

/// What may fail: the reason is shown, and nothing is decided by its kind.
pub(crate) type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// As the program has it, for ours and the raw drivers alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = Settings::parse();
    if let Some(Command::Hog) = settings.command {
        hogs::be_one();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let done = runtime.block_on(async {
        match settings.command.clone() {
            Some(Command::Child(child)) => child::be_one(child).await.map(|()| true),
            _ => rounds::run(settings).await,
        }
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("dutyledger-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
