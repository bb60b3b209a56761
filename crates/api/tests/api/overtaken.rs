//! A command that another process overtakes each time before it is recorded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::common::Server;
use dutyledger_api::Limits;
use dutyledger_application::{Bus, Edge, Entropy, SystemEntropy};
use dutyledger_ledger::{Append, StreamAppend, SystemClock};
use dutyledger_record::{Draft, EntryId, PrincipalKind, Record, Stream, StreamType};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// Lets another process's entry come into a stream each time something is to be recorded: that is
/// when an id is made for it.
#[derive(Clone, Default)]
struct Overtaking(Arc<Shared>);

#[derive(Default)]
struct Shared {
    bus: OnceLock<Bus>,
    /// The last entry of the stream, while it is overtaken.
    last: Mutex<Option<Record>>,
    times: AtomicUsize,
}

impl Entropy for Overtaking {
    fn fill(&self, buffer: &mut [u8]) {
        let mut last = self.0.last.lock().unwrap();
        if let (Some(bus), Some(last)) = (self.0.bus.get(), last.as_mut()) {
            self.0.times.fetch_add(1, Ordering::SeqCst);
            block_in_place(|| Handle::current().block_on(again(bus, last)));
        }
        SystemEntropy.fill(buffer);
    }
}

/// Records the same again, past the bus, as another process would.
async fn again(bus: &Bus, last: &mut Record) {
    let mut random = [0; 10];
    SystemEntropy.fill(&mut random);
    let id = uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000, &random);
    last.entry.entry_id = EntryId::new(id.into_uuid());
    last.entry.version += 1;
    let draft = Draft::new(last.ledger_id, last.event.clone(), &last.entry).unwrap();
    let part = StreamAppend {
        stream: last.entry.stream.clone(),
        expected_version: last.entry.version - 1,
        drafts: vec![draft],
    };
    let append = Append {
        streams: vec![part],
        ..Append::default()
    };
    bus.ledger().append(append).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_overtaken_every_time_is_a_conflict_after_a_bounded_number() {
    let overtaking = Overtaking::default();
    let edge = Edge {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(overtaking.clone()),
    };
    let server = Server::start_over(Limits::default(), edge).await;
    let _ = overtaking.0.bus.set(server.bus.clone());
    let operator = server.key(PrincipalKind::Operator, None).await;
    let area = json!({ "country": "england", "kind": "district", "name": "First" });
    let area = server.command(&operator, "/v1/areas", area).await.is(201);
    let path = format!("/v1/areas/{}/amendments", area.id());
    let amend = async |name: &str| {
        let particulars = json!({ "kind": "district", "name": name });
        server.command(&operator, &path, particulars).await
    };
    amend("Second").await.is(200);

    let stream = Stream::new(StreamType::of("area"), area.id().parse().unwrap());
    let recorded = async || {
        let all = server.bus.ledger().read_stream_after(&stream, 0).await;
        let all = all.unwrap().into_iter();
        all.map(|stored| stored.record().unwrap())
            .collect::<Vec<_>>()
    };
    let before = recorded().await;
    *overtaking.0.last.lock().unwrap() = before.last().cloned();
    let refused = amend("Third").await.is(409);
    assert_eq!(refused.code(), "conflict");
    *overtaking.0.last.lock().unwrap() = None;

    let times = overtaking.0.times.load(Ordering::SeqCst);
    assert!((16..100).contains(&times), "it is decided again: {times}");
    let others = recorded().await.split_off(before.len());
    assert_eq!(others.len(), times, "nothing else was recorded");
    assert!(
        others
            .iter()
            .all(|entry| entry.entry.payload["name"] == "Second")
    );
    amend("Third").await.is(200);
}
