//! Whether the ledger takes appends, and if not, why.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the ledger takes appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Serving,
    /// It does not, and will not until it is opened again. Reading goes on.
    Stopped {
        /// What happened.
        why: String,
    },
}

/// The health as the callers' side and the writer share it.
#[derive(Clone, Debug)]
pub(crate) struct Status(Arc<watch::Sender<Option<Stop>>>);

#[derive(Debug)]
enum Stop {
    /// It was asked to end.
    Closed,
    /// It could not go on.
    Failed(String),
}

impl Default for Status {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Status {
    /// Stops for ever. The first cause stands; that it was being closed is none.
    pub(crate) fn stop(&self, why: impl Into<String>) {
        self.0.send_if_modified(|stopped| {
            let first = !matches!(stopped, Some(Stop::Failed(_)));
            if first {
                *stopped = Some(Stop::Failed(why.into()));
            }
            first
        });
    }

    /// Takes no more, as it was asked to end.
    pub(crate) fn close(&self) {
        self.0.send_if_modified(|stopped| {
            let first = stopped.is_none();
            stopped.get_or_insert(Stop::Closed);
            first
        });
    }

    /// Why it could not go on, if it could not.
    pub(crate) fn failure(&self) -> Option<String> {
        match self.0.borrow().as_ref() {
            Some(Stop::Failed(why)) => Some(why.clone()),
            Some(Stop::Closed) | None => None,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub(crate) fn health(&self) -> Health {
        match self.0.borrow().as_ref() {
            None => Health::Serving,
            Some(Stop::Failed(why)) => Health::Stopped { why: why.clone() },
            Some(Stop::Closed) => Health::Stopped {
                why: "the ledger was closed".to_owned(),
            },
        }
    }

    /// Completes once it has stopped.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as this does, so the wait ends only with a reason.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}
