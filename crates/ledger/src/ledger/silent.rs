//! A ledger whose connections to its database stay open and carry nothing any more, as through a
//! router that has lost its way.

use std::future::pending;

use dutyledger_test_postgres::{APPLICATION, OWNER, Postgres};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::*;
use crate::append::StreamAppend;
use crate::clock::SystemClock;
use crate::copy::copy;
use crate::place::PostgresUrl;
use crate::postgres::migrate;
use crate::testing::{draft, opening, stream};

/// How long the writer waits for an answer here: longer than an answer takes that comes.
const WITHIN: Duration = Duration::from_secs(3);
/// How long a busy machine may take to notice.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Passes on what is said over a server's socket, until it is told to stop.
struct Forwarder {
    folder: TempDir,
    stop: watch::Sender<bool>,
}

impl Forwarder {
    fn to(socket: PathBuf) -> Self {
        const NAME: &str = ".s.PGSQL.5432";
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join(NAME)).unwrap();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut far = UnixStream::connect(socket.join(NAME)).await.unwrap();
                let mut stopped = stopped.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        _ = stopped.wait_for(|stop| *stop) => {}
                        _ = copy_bidirectional(&mut near, &mut far) => return,
                    }
                    // Neither end is closed: both go with the test.
                    pending::<()>().await;
                });
            }
        });
        Self { folder, stop }
    }
}

fn not_answered() -> String {
    format!("the database did not answer within {WITHIN:?}")
}

pub(super) fn place(url: &str) -> Place {
    Place::parse(url).unwrap()
}

pub(super) fn address(url: &str) -> PostgresUrl {
    match place(url) {
        Place::Postgres(url) => url,
        Place::Sqlite(_) => unreachable!("it is a server's"),
    }
}

/// One entry in a stream after a version.
pub(super) fn one(n: u128, expected: u64) -> Append {
    Append {
        streams: vec![StreamAppend {
            stream: stream(n),
            expected_version: expected,
            drafts: vec![draft(n, expected + 1, n).unwrap()],
        }],
        ..Append::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_hears_nothing_from_its_server_stops_and_others_go_on() {
    let database = Postgres::shared().database();
    migrate(&address(&database.url(OWNER)), APPLICATION)
        .await
        .unwrap();
    let direct = database.url(APPLICATION);
    let (before, socket) = direct.split_once("host=").unwrap();
    for (n, append, answer) in [
        // It opens a stream, so that nothing is asked and the commit is the first to be lost.
        (1, one(2, 0), AppendError::OutcomeUnknown),
        // The version of its stream is asked first, so that nothing was written.
        (3, one(4, 7), AppendError::Stopped),
    ] {
        let forwarder = Forwarder::to(socket.into());
        let through = format!("{before}host={}", forwarder.folder.path().display());
        let store = PostgresStore::open(&address(&through)).await.unwrap();
        let ledger = Ledger::over(
            Deadline::new(store, WITHIN),
            None,
            Options::at(place(&through)),
            Arc::new(SystemClock),
            opening,
        )
        .await
        .unwrap();
        ledger.append(one(n, 0)).await.unwrap();

        forwarder.stop.send(true).unwrap();
        assert_eq!(ledger.health(), Health::Serving);
        let lost = timeout(PATIENCE, ledger.append(append)).await;
        assert_eq!(lost.expect("it is answered"), Err(answer));
        assert_eq!(
            ledger.health(),
            Health::Stopped {
                why: not_answered()
            }
        );
        let late = ledger.append(one(5, 0)).await;
        assert_eq!(late, Err(AppendError::Stopped));
        let closed = timeout(PATIENCE, ledger.close()).await;
        closed.expect("it lets go");
    }
    let other = Ledger::open(Options::at(place(&direct)), Arc::new(SystemClock), opening)
        .await
        .unwrap();
    assert_eq!(other.append(one(6, 0)).await.unwrap().last_position, 4);
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_hears_nothing_from_its_server_says_so_and_a_copy_ends() {
    let database = Postgres::shared().database();
    migrate(&address(&database.url(OWNER)), APPLICATION)
        .await
        .unwrap();
    let direct = database.url(APPLICATION);
    let ledger = Ledger::open(Options::at(place(&direct)), Arc::new(SystemClock), opening)
        .await
        .unwrap();
    ledger.append(one(1, 0)).await.unwrap();
    ledger.close().await;
    let (before, socket) = direct.split_once("host=").unwrap();
    let forwarder = Forwarder::to(socket.into());
    let through = format!("{before}host={}", forwarder.folder.path().display());
    let reader = LedgerReader::open(place(&through)).await.unwrap();
    let reader = reader.answered_within(WITHIN);
    assert_eq!(reader.read(0, 10).await.unwrap().len(), 2);

    forwarder.stop.send(true).unwrap();
    let read = timeout(PATIENCE, reader.read(0, 10)).await;
    let told = read.expect("it is answered").unwrap_err().to_string();
    assert!(told.contains(&not_answered()), "{told}");
    let folder = TempDir::new().unwrap();
    let to = Place::from(folder.path().join("copy.db"));
    let copied = timeout(PATIENCE, copy(&reader, &to, |_, _| {})).await;
    let told = copied.expect("it ends").unwrap_err().to_string();
    assert!(told.contains(&not_answered()), "{told}");
    timeout(PATIENCE, reader.close()).await.expect("it lets go");
}
