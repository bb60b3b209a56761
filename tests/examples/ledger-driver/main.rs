//! Appends to a ledger and prints each outcome as it happens, for a test that stands outside: it may
//! kill this process at any moment and still knows what was told.
//!
//! `ledger-driver <place> <note or -> append <run> <tasks> <appends of each>` appends under names
//! that nothing else has; `ledger-driver <place> <note or -> settle <name>...` asks again what was
//! left unknown. What an append holds follows from its name.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use dutyledger_ledger::{
    Append, AppendError, Health, Idempotency, Ledger, Opening, Options, Place, StreamAppend,
    SystemClock,
};
use dutyledger_tests::{LEDGER, OPENING, draft, stream};

/// The names of one run, and of one task within it.
const RUN: u128 = 1_000_000;
const TASK: u128 = 10_000;
/// The stream that every fourth append is to, whoever makes it.
const HOT: u128 = 0;
/// An append's entries have its name times this and what follows for ids.
const ENTRIES: u128 = 10;

/// The append of a name: every fourth adds one entry to the stream that all share, the others open a
/// stream of their own with one, two or three.
fn append(name: u128, hot_version: u64) -> Append {
    let (n, expected, count) = match name % 4 {
        3 => (HOT, hot_version, 1),
        more => (name, 0, u64::try_from(more).unwrap() + 1),
    };
    let drafts = (expected + 1..=expected + count)
        .zip(name * ENTRIES..)
        .map(|(version, entry)| draft(n, version, entry).unwrap());
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(&name.to_be_bytes());
    Append {
        streams: vec![StreamAppend {
            stream: stream(n),
            expected_version: expected,
            drafts: drafts.collect(),
        }],
        idempotency: Some(Idempotency {
            scope: "driver".into(),
            key: name.to_string(),
            digest,
            lasting: false,
        }),
        ..Append::default()
    }
}

/// Appends what the names say, one after the other, until there are no more or the ledger stops.
async fn work(ledger: Ledger, mut names: VecDeque<u128>) {
    while let Some(name) = names.pop_front() {
        let version = match name % 4 {
            3 => match ledger.stream_version(&stream(HOT)).await {
                Ok(version) => version,
                Err(error) => {
                    println!("unread {error}");
                    return;
                }
            },
            _ => 0,
        };
        println!("ask {name}");
        match ledger.append(append(name, version)).await {
            Ok(receipt) => {
                let (first, last) = (receipt.first_position, receipt.last_position);
                println!("ok {name} {first} {last}");
            }
            Err(AppendError::OutcomeUnknown) => println!("unknown {name}"),
            Err(AppendError::Stopped) => println!("stopped {name}"),
            Err(error) => println!("refused {name} {error}"),
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    let mut next = || given.next().expect("see the first lines of this program");
    let place = Place::parse(&next()).expect("a place");
    let note = next();
    let mut options = Options::at(place);
    options.noted = (note != "-").then(|| PathBuf::from(note));
    let tasks: Vec<VecDeque<u128>> = match next().as_str() {
        "append" => {
            let mut number = || next().parse::<u128>().expect("a number");
            let (run, tasks, count) = (number(), number(), number());
            let first = |task| run * RUN + task * TASK;
            (0..tasks)
                .map(|task| (first(task)..first(task) + count).collect())
                .collect()
        }
        "settle" => vec![given.map(|name| name.parse().expect("a name")).collect()],
        other => panic!("{other}: see the first lines of this program"),
    };
    let opening = |_| {
        Ok(Opening {
            ledger: LEDGER,
            draft: draft(OPENING, 1, OPENING)?,
        })
    };
    let ledger = match Ledger::open(options, Arc::new(SystemClock), opening).await {
        Ok(ledger) => ledger,
        Err(error) => {
            println!("failed {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("opened {}", ledger.head());
    let running: Vec<_> = tasks
        .into_iter()
        .map(|names| tokio::spawn(work(ledger.clone(), names)))
        .collect();
    for task in running {
        task.await.expect("a task ends");
    }
    match ledger.health() {
        Health::Serving => println!("serving"),
        Health::Stopped { why } => println!("down {why}"),
    }
    ledger.close().await;
    println!("closed");
    ExitCode::SUCCESS
}
