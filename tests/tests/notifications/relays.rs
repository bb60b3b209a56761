//! Several relays of one ledger, killed at every step, stopped and woken.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use dutyledger_test_nats::{Nats, signal};
use dutyledger_tests::build;

use crate::book::Book;
use crate::stream::holds;

/// The driver, built once.
static DRIVER: LazyLock<PathBuf> =
    LazyLock::new(|| build(&["--package", "dutyledger-tests", "--example", "relay-driver"]));

/// A relay in a process of its own.
struct Driver {
    child: Child,
    said: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Driver {
    /// Starts one; it kills itself at the nth step of a kind, where one is named.
    fn start(book: &Book, nats: &Nats, kill: Option<(&str, u64)>) -> Self {
        let mut command = Command::new(&*DRIVER);
        command.arg(book.path()).arg(nats.url()).arg(book.note());
        if let Some((step, position)) = kill {
            command.arg(step).arg(position.to_string());
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, said }
    }

    /// Waits until it says that it has published up to a position.
    fn until(&mut self, position: u64) {
        let reached = |line: std::io::Result<String>| {
            line.unwrap()
                .strip_prefix("published ")
                .and_then(|at| at.parse().ok())
        };
        let found = self
            .said
            .by_ref()
            .filter_map(reached)
            .find(|at: &u64| *at >= position);
        assert!(found.is_some(), "the relay ended before {position}");
    }

    fn ended(mut self) {
        while self.said.next().is_some() {}
        let status = self.child.wait().unwrap();
        assert!(!status.success(), "it was killed");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_it_goes_on_where_the_stream_ends() {
    let nats = Nats::start();
    let book = Book::new().await;
    let mut head = book.append(30).await;
    for step in ["read", "sent", "acknowledged"] {
        for more in [1, 17] {
            Driver::start(&book, &nats, Some((step, head - more))).ended();
            head = book.append(30).await;
        }
    }
    let mut last = Driver::start(&book, &nats, None);
    last.until(head);
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_race_and_one_that_was_stopped_and_woken_does_no_harm() {
    let nats = Nats::start();
    let book = Book::new().await;
    let mut one = Driver::start(&book, &nats, None);
    let mut other = Driver::start(&book, &nats, None);
    let head = book.append(300).await;
    one.until(head);
    other.until(head);
    signal("STOP", one.child.id());
    let head = book.append(300).await;
    other.until(head);
    signal("CONT", one.child.id());
    let head = book.append(300).await;
    one.until(head);
    other.until(head);
    // Whichever is left takes over.
    signal("STOP", other.child.id());
    let head = book.append(300).await;
    one.until(head);
    signal("CONT", other.child.id());
    other.until(head);
    holds(&nats.url(), "DUTYLEDGER_1", &book.ledger).await;
}
