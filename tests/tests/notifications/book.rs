//! A ledger with entries of several partnerships, and a relay of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use dutyledger_application::{Edge, SystemEntropy, opening};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_ledger::{Append, Ledger, LedgerReader, Options, StreamAppend, SystemClock};
use dutyledger_notifications::{Connection, Relay, Standing, State, Trouble, Watch};
use dutyledger_record::{
    Basis, Draft, ENTRY_BYTES_MAX, EntryError, EntryId, Envelope, Event, LedgerId, OccurredOn,
    Principal, RulePackRef, Standing as Footing, Stream, StreamId, StreamType,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// How long anything may take.
pub(crate) use dutyledger_tests::PATIENCE;

/// A ledger in a folder of its own.
pub(crate) struct Book {
    pub(crate) folder: TempDir,
    pub(crate) ledger: Ledger,
    edge: Edge,
}

/// The partnerships of its entries.
pub(crate) fn partnership(number: u64) -> StreamId {
    StreamId::new(Uuid::from_u128(
        0x0193_1c2e_5a00_7000_8000_0000_0000_0000 + u128::from(number),
    ))
}

impl Book {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self::open(folder).await
    }

    /// Opens the ledger of a folder, or founds it.
    pub(crate) async fn open(folder: TempDir) -> Self {
        let edge = Edge {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let path = folder.path().join("ledger.db");
        let opening_edge = edge.clone();
        let ledger = Ledger::open(Options::at(&path), Arc::new(SystemClock), move |_| {
            opening(&opening_edge, LedgerMode::Sandbox)
        });
        Self {
            ledger: ledger.await.unwrap(),
            folder,
            edge,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) fn note(&self) -> PathBuf {
        self.folder.path().join("noted-stream.json")
    }

    /// Appends entries, each a command of its own, and answers the head.
    pub(crate) async fn append(&self, count: u64) -> u64 {
        for _ in 0..count {
            let number = self.ledger.head();
            let (kind, event, payload) = match number % 5 {
                0 => (
                    "area",
                    "AreaAmended",
                    json!({ "kind": "district", "name": "Eastmere" }),
                ),
                _ => (
                    "strategy",
                    "EngagementHeld",
                    json!({ "group": "young_people", "version": 1 }),
                ),
            };
            let partnerships = match number % 5 {
                0 => vec![],
                1 => vec![partnership(1), partnership(2)],
                which => vec![partnership(which)],
            };
            self.append_event(kind, event, payload, partnerships).await;
        }
        self.ledger.head()
    }

    /// Appends one entry that opens a stream of its own.
    pub(crate) async fn append_event(
        &self,
        kind: &'static str,
        event: &str,
        payload: Value,
        partnerships: Vec<StreamId>,
    ) {
        let id = StreamId::new(self.edge.uuid());
        let stream = Stream::new(StreamType::of(kind), id);
        let draft = draft(
            self.ledger.id(),
            &stream,
            &self.edge,
            event,
            payload,
            partnerships,
        );
        self.append_draft(stream, draft.unwrap()).await;
    }

    async fn append_draft(&self, stream: Stream, draft: Draft) {
        let append = Append {
            streams: vec![StreamAppend {
                stream,
                expected_version: 0,
                drafts: vec![draft],
            }],
            ..Append::default()
        };
        self.ledger.append(append).await.unwrap();
    }

    /// Appends the largest entry there can be, of as many partnerships as it has room for: their ids
    /// are in its message twice.
    pub(crate) async fn append_largest(&self) {
        let stream = Stream::new(StreamType::of("strategy"), StreamId::new(self.edge.uuid()));
        let draft = |partnerships: u64, text: usize| {
            let payload =
                json!({ "group": "young_people", "text": "x".repeat(text), "version": 1 });
            let concerned = (0..partnerships).map(partnership).collect();
            let (ledger, event) = (self.ledger.id(), "EngagementHeld");
            draft(ledger, &stream, &self.edge, event, payload, concerned)
        };
        let size = |partnerships| draft(partnerships, 0).unwrap().bytes_max();
        let room = ENTRY_BYTES_MAX - size(1);
        let more = room / (size(2) - size(1));
        let partnerships = u64::try_from(1 + more).unwrap();
        let text = ENTRY_BYTES_MAX - size(partnerships);
        let larger = draft(partnerships, text + 1);
        assert!(matches!(larger, Err(EntryError::TooLarge { .. })));
        let largest = draft(partnerships, text).unwrap();
        self.append_draft(stream, largest).await;
    }

    pub(crate) async fn close(self) -> TempDir {
        self.ledger.close().await;
        self.folder
    }

    /// A relay of the ledger that notes what it published.
    pub(crate) fn relay(&self, url: &str) -> Running {
        self.relay_at(url, Some(&self.note()))
    }

    pub(crate) fn relay_at(&self, url: &str, note: Option<&Path>) -> Running {
        self.relay_over(connection(url), note)
    }

    pub(crate) fn relay_over(&self, connection: Connection, note: Option<&Path>) -> Running {
        let mut relay = self.resting_relay(connection, 1);
        if let Some(note) = note {
            relay = relay.noting(note.to_owned());
        }
        running(relay)
    }

    /// A relay that is not at work yet. A stream it makes is kept on as many servers as it is told.
    pub(crate) fn resting_relay(&self, connection: Connection, replicas: u32) -> Relay {
        let reader: LedgerReader = (*self.ledger).clone();
        Relay::new(reader, self.ledger.tail(), connection, replicas)
    }
}

/// Sets a relay to work.
pub(crate) fn running(mut relay: Relay) -> Running {
    let watch = relay.watch();
    let (stop, mut stopping) = watch::channel(false);
    let task = tokio::spawn(async move {
        let stopped = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        relay.run(stopped).await;
    });
    Running { stop, watch, task }
}

fn draft(
    ledger: LedgerId,
    stream: &Stream,
    edge: &Edge,
    event: &str,
    payload: Value,
    partnerships: Vec<StreamId>,
) -> Result<Draft, EntryError> {
    let entry = Envelope {
        entry_id: EntryId::new(edge.uuid()),
        stream: stream.clone(),
        version: 1,
        standing: Footing {
            basis: Basis::Decision,
            causation_id: None,
            correlation_id: edge.uuid(),
            corrects: None,
            occurred_on: OccurredOn {
                assumed: false,
                date: NaiveDate::default(),
            },
            on_behalf_of: vec![],
            partnerships,
            past_fact: None,
            principal: Principal::SYSTEM,
            reported: false,
            rests_on: vec![],
            rules: RulePackRef {
                pack: "enacted-2022".into(),
                revision: 1,
            },
            source: None,
            warnings: vec![],
        },
        payload,
    };
    let event = Event {
        schema_version: 1,
        event_type: event.to_owned(),
    };
    Draft::new(ledger, event, &entry)
}

/// A connection as a test makes it.
pub(crate) fn connection(url: &str) -> Connection {
    Connection {
        url: url.to_owned(),
        name: "test".to_owned(),
        ..Connection::default()
    }
}

/// A relay at work.
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    pub(crate) watch: Watch,
    task: JoinHandle<()>,
}

impl Running {
    /// Waits until the relay stands as it is asked for.
    pub(crate) async fn until(
        &self,
        what: &str,
        stands: impl FnMut(&Standing) -> bool,
    ) -> Standing {
        let waited = tokio::time::timeout(PATIENCE, self.watch.until(stands)).await;
        let now = self.watch.standing();
        waited
            .unwrap_or_else(|_| panic!("not {what}: {now:?}"))
            .unwrap()
    }

    /// Waits until everything up to a position is published, by this relay or by another.
    pub(crate) async fn published(&self, position: u64) {
        let reached = |s: &Standing| {
            s.published >= position && matches!(s.state, State::Publishing | State::Following)
        };
        self.until(&format!("published up to {position}"), reached)
            .await;
    }

    /// Waits until the relay stands still, and answers why.
    pub(crate) async fn stands_still(&self) -> Trouble {
        let still = |s: &Standing| matches!(s.state, State::StandingStill(_));
        match self.until("standing still", still).await.state {
            State::StandingStill(trouble) => trouble,
            state => unreachable!("it was waited for: {state:?}"),
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}
