//! The queue between callers and the writer: bounded by number and by bytes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::append::{Append, AppendError, Receipt, Size};
use crate::status::Status;

/// Bytes one permit stands for: room is counted coarsely because a semaphore's count is limited.
const PERMIT_BYTES: usize = 1024;

/// An append that waits for the writer.
#[derive(Debug)]
pub(crate) struct Queued {
    append: Append,
    size: Size,
    answer: Answer,
}

impl Queued {
    /// What to record, and whom to answer.
    pub(crate) fn into_parts(self) -> (Append, Answer) {
        (self.append, self.answer)
    }
}

/// The way back to a caller.
#[derive(Debug)]
pub(crate) struct Answer {
    sender: oneshot::Sender<Result<Receipt, AppendError>>,
    /// Held until the append is answered, so that the bound covers what the writer holds too.
    _room: OwnedSemaphorePermit,
}

impl Answer {
    /// Answers.
    pub(crate) fn send(self, result: Result<Receipt, AppendError>) {
        // A caller that has gone needs no answer.
        let _ = self.sender.send(result);
    }
}

/// The callers' end.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    room_max: u32,
    wait: Duration,
    close: Arc<Notify>,
    status: Status,
}

/// The writer's end.
#[derive(Debug)]
pub(crate) struct Inbox {
    receiver: mpsc::Receiver<Queued>,
    close: Arc<Notify>,
    /// An append taken from the queue that did not fit into the last batch.
    held: Option<Queued>,
}

/// How much may wait, and for how long a caller waits for room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) appends: usize,
    pub(crate) bytes: usize,
    pub(crate) wait: Duration,
}

pub(crate) fn queue(bounds: Bounds, status: Status) -> (Queue, Inbox) {
    let (sender, receiver) = mpsc::channel(bounds.appends.max(1));
    let close = Arc::new(Notify::new());
    // More room than a u32 of KiB is more than any machine has.
    let room_max = u32::try_from(bounds.bytes / PERMIT_BYTES)
        .unwrap_or(u32::MAX)
        .max(1);
    let permits = usize::try_from(room_max)
        .unwrap_or(usize::MAX)
        .min(Semaphore::MAX_PERMITS);
    let queue = Queue {
        sender,
        room: Arc::new(Semaphore::new(permits)),
        room_max,
        wait: bounds.wait,
        close: Arc::clone(&close),
        status,
    };
    (
        queue,
        Inbox {
            receiver,
            close,
            held: None,
        },
    )
}

impl Queue {
    /// Queues an append and waits for its answer. Dropped before it is queued, it never happens;
    /// dropped after, it happens all the same.
    pub(crate) async fn append(&self, append: Append) -> Result<Receipt, AppendError> {
        let size = append.check()?;
        // An append larger than all the room goes through alone.
        let wanted = u32::try_from(size.bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let waited = async {
            let room = Arc::clone(&self.room)
                .acquire_many_owned(wanted.min(self.room_max))
                .await;
            (room, self.sender.reserve().await)
        };
        if self.status.is_stopped() {
            return Err(AppendError::Stopped);
        }
        let (Ok(room), Ok(slot)) = timeout(self.wait, waited)
            .await
            .map_err(|_| AppendError::Busy)?
        else {
            // The channel closes only when the writer goes.
            return Err(AppendError::Stopped);
        };
        let (sender, answered) = oneshot::channel();
        slot.send(Queued {
            append,
            size,
            answer: Answer {
                sender,
                _room: room,
            },
        });
        // The writer answers everything it takes; silence means that it died on the way.
        answered.await.unwrap_or(Err(AppendError::OutcomeUnknown))
    }

    /// Asks the writer to take no more, and to end once the queue is empty.
    pub(crate) fn close(&self) {
        self.close.notify_one();
    }
}

impl Inbox {
    /// The next batch: whatever has queued, in order, within the bound but never empty. `None` when
    /// the queue is closed and empty. Given up while it waits, it has taken nothing.
    pub(crate) async fn next_batch(&mut self, most: Size) -> Option<Vec<Queued>> {
        let first = match self.held.take() {
            Some(held) => held,
            None => self.next().await?,
        };
        let mut size = first.size;
        let mut batch = vec![first];
        while let Ok(queued) = self.receiver.try_recv() {
            let with = size.plus(queued.size);
            if !with.fits(most) {
                self.held = Some(queued);
                break;
            }
            size = with;
            batch.push(queued);
        }
        Some(batch)
    }

    /// How many appends wait.
    pub(crate) fn waiting(&self) -> usize {
        self.receiver.len()
    }

    async fn next(&mut self) -> Option<Queued> {
        tokio::select! {
            biased;
            () = self.close.notified() => self.receiver.close(),
            queued = self.receiver.recv() => return queued,
        }
        // Closed: what is left drains, and then this gives None.
        self.receiver.recv().await
    }

    /// Takes no more and answers all that waits that the ledger has stopped.
    pub(crate) async fn refuse_all(mut self) {
        self.receiver.close();
        if let Some(held) = self.held.take() {
            held.answer.send(Err(AppendError::Stopped));
        }
        while let Some(queued) = self.receiver.recv().await {
            queued.answer.send(Err(AppendError::Stopped));
        }
    }
}
