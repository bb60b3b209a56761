//! A command gets its turn on the streams it rests on, however busy they are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use dutyledger_application::{Bus, Edge, Entropy, Home, Request, SystemEntropy, Target, import};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_domain::streams::partnership::AmendPartnership;
use dutyledger_domain::streams::strategy::AmendStrategy;
use dutyledger_domain::streams::{Partnership, Strategy};
use dutyledger_ledger::Clock;
use dutyledger_record::{Principal, PrincipalKind, PublicText, StreamId};

const MARROWBY: &str = include_str!("../../../ops/histories/fictional-marrowby.json");
/// How long is waited for something that must not happen.
const LONG_ENOUGH: Duration = Duration::from_millis(500);

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }
}

/// What is done each time a command asks for an id, which is while it is decided.
type WhileDeciding = dyn Fn() + Send + Sync;

/// The system's randomness, and something done whenever any is asked for.
#[derive(Default)]
struct Interrupting(OnceLock<Box<WhileDeciding>>);

impl Entropy for Interrupting {
    fn fill(&self, buffer: &mut [u8]) {
        if let Some(interrupt) = self.0.get() {
            interrupt();
        }
        SystemEntropy.fill(buffer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_lost_a_race_on_a_stream_it_only_rests_on_does_not_lose_the_next() {
    let folder = TempDir::new().unwrap();
    let interrupting = Arc::new(Interrupting::default());
    let edge = Edge {
        clock: Arc::new(Noon),
        entropy: Arc::clone(&interrupting) as Arc<dyn Entropy>,
    };
    let home = Home::beside(folder.path().join("ledger.db"));
    let (bus, _) = Bus::open(&home, LedgerMode::Sandbox, edge).await.unwrap();
    let operator = Principal {
        id: None,
        key_id: None,
        kind: PrincipalKind::Operator,
    };
    let report = import::run(&bus, operator, MARROWBY, &mut |_, _| {})
        .await
        .unwrap();
    let id = |name: &str| -> StreamId {
        let mut streams = report.streams.iter();
        let found = streams.find(|stream| stream.name.as_deref() == Some(name));
        found.unwrap().id
    };
    let council = Principal {
        id: Some(id("council")),
        key_id: None,
        kind: PrincipalKind::Authority,
    };
    let (partnership, strategy) = (id("partnership"), id("strategy"));

    // Whenever the strategy's command is being decided, somebody renames the partnership it rests on.
    let (began, renamed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let interrupt = {
        let (bus, began, renamed) = (bus.clone(), Arc::clone(&began), Arc::clone(&renamed));
        let renaming = AtomicUsize::new(0);
        move || {
            if renaming.fetch_add(1, Ordering::SeqCst) == 0 {
                let n = began.fetch_add(1, Ordering::SeqCst);
                let name = PublicText::new(format!("Marrowby, for the {n}th time")).unwrap();
                let command = AmendPartnership { name }.into();
                let rename = Request::plain(council, Target::Existing(partnership), command);
                let done = block_in_place(|| {
                    let rename = bus.execute::<Partnership>(rename);
                    Handle::current().block_on(tokio::time::timeout(LONG_ENOUGH, rename))
                });
                if let Ok(done) = done {
                    done.unwrap();
                    renamed.fetch_add(1, Ordering::SeqCst);
                }
            }
            renaming.fetch_sub(1, Ordering::SeqCst);
        }
    };
    assert!(interrupting.0.set(Box::new(interrupt)).is_ok());
    let title = PublicText::new("Another title").unwrap();
    let amend = AmendStrategy { bases: None, title }.into();
    let amend = Request {
        correlation_id: Some(strategy.uuid()),
        ..Request::plain(council, Target::Existing(strategy), amend)
    };
    let answer = bus.execute::<Strategy>(amend).await.unwrap();
    assert_eq!(answer.entries.len(), 1);
    // It lost the first race, and then the partnership waited for it.
    let raced = [began, renamed].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(raced, [2, 1]);
}
