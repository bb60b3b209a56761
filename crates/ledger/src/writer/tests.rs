//! The writer over a store in memory that can be held up or made to fail.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

use dutyledger_record::{Frontier, Stream};
use tokio::sync::Semaphore;

use super::*;
use crate::append::StreamAppend;
use crate::queue::{Bounds, Queue, queue};
use crate::status::Health;
use crate::store::Questions;
use crate::testing::{LEDGER, draft, stream};

/// What the store in memory holds, and how it behaves.
#[derive(Debug)]
struct Shared {
    streams: Mutex<HashMap<Stream, u64>>,
    /// How many entries each commit had.
    commits: Mutex<Vec<usize>>,
    /// Commits pass one by one, as this lets them.
    gate: Semaphore,
    failure: OnceLock<&'static str>,
}

struct MemoryStore(Arc<Shared>);

impl Store for MemoryStore {
    const SHARED: bool = false;

    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        unreachable!("the writer is told the head")
    }

    async fn hold(&mut self) -> Result<Head, StoreError> {
        unreachable!("nobody else writes, and nothing is refused")
    }

    async fn root(&mut self, _: u64) -> Result<Option<[u8; 32]>, StoreError> {
        unreachable!("nobody else writes")
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn ask(&mut self, asked: &Questions<'_>) -> Result<Answers, StoreError> {
        let known = self.0.streams.lock().unwrap();
        let version = |stream: &&Stream| known.get(*stream).copied().unwrap_or(0);
        Ok(Answers {
            versions: asked.streams.iter().map(version).collect(),
            names: vec![None; asked.names.len()],
            ..Answers::default()
        })
    }

    async fn found(&mut self, _: &Batch) -> Result<Committed, StoreError> {
        unreachable!("the writer is told the head")
    }

    async fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        self.0.gate.acquire().await?.forget();
        if let Some(&failure) = self.0.failure.get() {
            return Err(failure.into());
        }
        let mut streams = self.0.streams.lock().unwrap();
        for entry in &batch.entries {
            streams.insert(entry.stream.clone(), entry.version);
        }
        self.0.commits.lock().unwrap().push(batch.entries.len());
        Ok(Committed::Durable { forgotten: 0 })
    }

    async fn close(self) -> Result<(), StoreError> {
        Ok(())
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

struct Rig {
    queue: Queue,
    status: Status,
    shared: Arc<Shared>,
    tail: watch::Receiver<u64>,
    writer: tokio::task::JoinHandle<()>,
}

/// A writer on the test's own runtime, so that nothing moves except while the test waits.
fn rig(appends: usize, bytes: usize, batch_max: Size) -> Rig {
    let status = Status::default();
    let shared = Arc::new(Shared {
        streams: Mutex::default(),
        commits: Mutex::default(),
        gate: Semaphore::new(0),
        failure: OnceLock::new(),
    });
    let bounds = Bounds {
        appends,
        bytes,
        wait: Duration::ZERO,
    };
    let (queue, inbox) = queue(bounds, status.clone());
    let (sender, tail) = watch::channel(0);
    let head = Head {
        ledger: LEDGER,
        batch: 0,
        position: 0,
        recorded_at: DateTime::UNIX_EPOCH,
        frontier: Frontier::empty(),
    };
    let writer = Writer {
        store: MemoryStore(Arc::clone(&shared)),
        clock: Arc::new(Noon),
        inbox,
        memory: Memory::default(),
        tail: Arc::new(sender),
        known: watch::Sender::new(head.clone()),
        recent: Recent::default(),
        status: status.clone(),
        batch_max,
        forgot_at: None,
        head,
    };
    Rig {
        queue,
        status,
        shared,
        tail,
        writer: tokio::spawn(writer.run()),
    }
}

const ROOMY: Size = Size {
    rows: 1_000,
    bytes: 1 << 20,
};

/// One entry in a stream of its own.
fn one(n: u128) -> Append {
    Append {
        streams: vec![StreamAppend {
            stream: stream(n),
            expected_version: 0,
            drafts: vec![draft(n, 1, n).unwrap()],
        }],
        ..Append::default()
    }
}

/// Queues appends in order, each by polling its future once.
async fn send(
    rig: &Rig,
    numbers: impl IntoIterator<Item = u128>,
) -> Vec<std::pin::Pin<Box<dyn Future<Output = Result<Receipt, AppendError>>>>> {
    let mut sent = Vec::new();
    for n in numbers {
        let queue = rig.queue.clone();
        let mut future: std::pin::Pin<Box<dyn Future<Output = _>>> =
            Box::pin(async move { queue.append(one(n)).await });
        std::future::poll_fn(|cx| {
            assert!(future.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        sent.push(future);
    }
    sent
}

#[tokio::test]
async fn what_has_queued_is_one_commit_and_the_answers_are_in_order() {
    let rig = rig(100, 1 << 20, ROOMY);
    let sent = send(&rig, 1..=50).await;
    rig.shared.gate.add_permits(1);
    for (answer, position) in sent.into_iter().zip(1..) {
        assert_eq!(answer.await.unwrap().first_position, position);
    }
    assert_eq!(*rig.shared.commits.lock().unwrap(), [50]);
    assert_eq!(*rig.tail.borrow(), 50);
}

#[tokio::test]
async fn what_those_just_answered_give_next_comes_into_the_next_batch() {
    let rig = rig(100, 1 << 20, ROOMY);
    let mut first = Vec::new();
    for n in [1, 2] {
        let queue = rig.queue.clone();
        first.push(tokio::spawn(async move {
            queue.append(one(n)).await.unwrap();
            queue.append(one(n + 10)).await.unwrap();
        }));
    }
    // They queue, and the writer waits at the gate with both.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let others = send(&rig, 3..=4).await;
    rig.shared.gate.add_permits(100);
    for one in first {
        one.await.unwrap();
    }
    for answer in others {
        answer.await.unwrap();
    }
    assert_eq!(*rig.shared.commits.lock().unwrap(), [2, 4]);
}

#[tokio::test]
async fn a_batch_larger_than_the_bounds_is_split() {
    let bytes = one(1).check().unwrap().bytes;
    let by_rows = Size {
        rows: 4,
        bytes: usize::MAX,
    };
    let by_bytes = Size {
        rows: usize::MAX,
        bytes: 4 * bytes,
    };
    // An append beyond the bound is still committed, alone.
    let by_one = Size {
        rows: usize::MAX,
        bytes: 1,
    };
    for (most, expected) in [
        (by_rows, vec![4, 4, 2]),
        (by_bytes, vec![4, 4, 2]),
        (by_one, vec![1; 10]),
    ] {
        let rig = rig(100, 1 << 20, most);
        let sent = send(&rig, 11..=20).await;
        rig.shared.gate.add_permits(10);
        for (answer, position) in sent.into_iter().zip(1..) {
            assert_eq!(answer.await.unwrap().first_position, position);
        }
        assert_eq!(*rig.shared.commits.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn after_a_failed_commit_the_outcome_is_unknown_and_nothing_more_is_taken() {
    let rig = rig(
        100,
        1 << 20,
        Size {
            rows: 2,
            bytes: usize::MAX,
        },
    );
    let sent = send(&rig, 1..=5).await;
    rig.shared.failure.set("the disk is gone").unwrap();
    rig.shared.gate.add_permits(100);
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.unwrap_err());
    }
    use AppendError::{OutcomeUnknown, Stopped};
    // The batch in hand, one held over from it, and two that waited behind it.
    assert_eq!(
        answers,
        [OutcomeUnknown, OutcomeUnknown, Stopped, Stopped, Stopped]
    );
    assert_eq!(rig.queue.append(one(6)).await, Err(Stopped));
    assert_eq!(
        rig.status.health(),
        Health::Stopped {
            why: "the disk is gone".into()
        }
    );
    assert_eq!(*rig.tail.borrow(), 0);
    // It tried once: a sync that failed is never repeated.
    assert_eq!(rig.shared.gate.available_permits(), 99);
    rig.writer.await.unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_and_recovers() {
    let bytes = one(1).check().unwrap().bytes.next_multiple_of(1024);
    for (appends, bytes) in [(2, 1 << 20), (100, 3 * bytes)] {
        let rig = rig(
            appends,
            bytes,
            Size {
                rows: 1,
                bytes: usize::MAX,
            },
        );
        let mut sent = send(&rig, 1..=1).await;
        // The writer takes the first and waits at the gate.
        tokio::task::yield_now().await;
        sent.extend(send(&rig, 2..=3).await);
        assert_eq!(rig.queue.append(one(4)).await, Err(AppendError::Busy));
        rig.shared.gate.add_permits(100);
        for answer in sent {
            answer.await.unwrap();
        }
        rig.queue.append(one(5)).await.unwrap();
        assert_eq!(
            rig.shared.commits.lock().unwrap().len(),
            4,
            "the refused one never happened"
        );
    }
}

#[tokio::test]
async fn an_append_dropped_before_it_is_queued_never_happens_and_after_it_happens_whole() {
    let rig = rig(100, 1 << 20, ROOMY);
    drop(rig.queue.append(one(1)));
    drop(send(&rig, 2..=2).await);
    rig.shared.gate.add_permits(100);
    rig.queue.append(one(3)).await.unwrap();
    let streams = rig.shared.streams.lock().unwrap();
    let has = |n: u128| streams.contains_key(&one(n).streams[0].stream);
    assert!(!has(1) && has(2) && has(3));
}

#[tokio::test]
async fn closing_finishes_what_waits_and_takes_no_more() {
    let rig = rig(
        100,
        1 << 20,
        Size {
            rows: 2,
            bytes: usize::MAX,
        },
    );
    let sent = send(&rig, 1..=7).await;
    rig.status.close();
    rig.queue.close();
    rig.shared.gate.add_permits(100);
    rig.writer.await.unwrap();
    assert_eq!(rig.shared.commits.lock().unwrap().iter().sum::<usize>(), 7);
    for answer in sent {
        answer.await.unwrap();
    }
    assert_eq!(rig.queue.append(one(8)).await, Err(AppendError::Stopped));
    assert_eq!(rig.status.failure(), None);
}

#[tokio::test]
async fn what_waits_when_it_is_closed_and_cannot_be_recorded_is_why_it_stopped() {
    let rig = rig(100, 1 << 20, ROOMY);
    let sent = send(&rig, 1..=2).await;
    rig.status.close();
    rig.queue.close();
    rig.shared.failure.set("the disk is gone").unwrap();
    rig.shared.gate.add_permits(100);
    rig.writer.await.unwrap();
    for answer in sent {
        assert_eq!(answer.await, Err(AppendError::OutcomeUnknown));
    }
    assert_eq!(rig.status.failure().as_deref(), Some("the disk is gone"));
}
