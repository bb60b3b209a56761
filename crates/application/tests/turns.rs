//! A command gets its turn on the streams it rests on, however busy they are.
#![expect(
    clippy::unwrap_used,
    reason = "a failing unwrap fails the test, and says where"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use dutyledger_application::{
    Bus, CommandError, Edge, Home, Request, SystemEntropy, Target, import,
};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_domain::streams::partnership::AmendPartnership;
use dutyledger_domain::streams::strategy::{AdoptVersion, AmendStrategy, StrategyCommand};
use dutyledger_domain::streams::{Partnership, Strategy};
use dutyledger_ledger::Clock;
use dutyledger_record::{Principal, PrincipalKind, PublicText, StreamId};

const MARROWBY: &str = include_str!("../../../ops/histories/fictional-marrowby.json");
/// How long is waited for something that must not happen.
const LONG_ENOUGH: Duration = Duration::from_millis(200);
/// How long is waited for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

tokio::task_local! {
    /// What is done each time this task asks what time it is, as a command does while it is decided.
    static MEANWHILE: Arc<dyn Fn() + Send + Sync>;
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        if let Ok(meanwhile) = MEANWHILE.try_with(Arc::clone) {
            meanwhile();
        }
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }
}

/// What became of a command on a strategy whose partnership somebody renames again and again while it is
/// decided, and of each renaming: whether it was done, or had to wait.
struct Raced {
    ended: Result<(), CommandError>,
    renamed: Vec<bool>,
}

async fn raced(command: StrategyCommand) -> Raced {
    let folder = TempDir::new().unwrap();
    let edge = Edge {
        clock: Arc::new(Noon),
        entropy: Arc::new(SystemEntropy),
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

    let renamed = Arc::new(Mutex::new(Vec::new()));
    let meanwhile = {
        let (bus, renamed) = (bus.clone(), Arc::clone(&renamed));
        // Renaming asks what time it is as well.
        let renaming = Mutex::new(());
        move || {
            let Ok(_first) = renaming.try_lock() else {
                return;
            };
            let n = renamed.lock().unwrap().len();
            // The first is in time: it need only be recorded, however long the disk takes over that.
            let patience = if n == 0 { PATIENCE } else { LONG_ENOUGH };
            let name = PublicText::new(format!("Marrowby, for the {n}th time")).unwrap();
            let command = AmendPartnership { name }.into();
            let rename = Request::plain(council, Target::Existing(partnership), command);
            let done = block_in_place(|| {
                let rename = bus.execute::<Partnership>(rename);
                Handle::current().block_on(tokio::time::timeout(patience, rename))
            });
            let done = done.map(Result::unwrap).is_ok();
            renamed.lock().unwrap().push(done);
        }
    };
    let request = Request::plain(council, Target::Existing(strategy), command);
    let ended = MEANWHILE.scope(Arc::new(meanwhile), bus.execute::<Strategy>(request));
    let ended = ended.await.map(drop);
    let renamed = renamed.lock().unwrap().clone();
    Raced { ended, renamed }
}

/// Whether it lost one race, and then the partnership waited for it.
fn waited_for_it(renamed: &[bool]) -> bool {
    renamed.contains(&true) && renamed.contains(&false) && renamed.is_sorted_by(|a, b| a >= b)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_lost_a_race_on_a_stream_it_only_rests_on_does_not_lose_the_next() {
    let title = PublicText::new("Another title").unwrap();
    let amend = AmendStrategy { bases: None, title };
    let Raced { ended, renamed } = raced(amend.into()).await;
    assert!(ended.is_ok(), "{ended:?}");
    assert!(waited_for_it(&renamed), "{renamed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_refused_for_its_own_reason_however_busy_a_stream_it_only_rests_on() {
    let Raced { ended, renamed } = raced(AdoptVersion { version: 99 }.into()).await;
    let refused = matches!(ended, Err(CommandError::Refused { .. }));
    assert!(refused, "{ended:?}");
    assert!(waited_for_it(&renamed), "{renamed:?}");
}
