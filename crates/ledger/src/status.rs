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

/// The health as the callers' side and the writer share it. It changes once.
#[derive(Clone, Debug)]
pub(crate) struct Status(Arc<watch::Sender<Option<String>>>);

impl Default for Status {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Status {
    /// Stops for ever. The first reason stands: what came first is the cause.
    pub(crate) fn stop(&self, why: impl Into<String>) {
        self.0.send_if_modified(|stopped| {
            let first = stopped.is_none();
            if first {
                *stopped = Some(why.into());
            }
            first
        });
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub(crate) fn health(&self) -> Health {
        match self.0.borrow().as_ref() {
            None => Health::Serving,
            Some(why) => Health::Stopped { why: why.clone() },
        }
    }

    /// Completes once it has stopped.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as this does, so the wait ends only with a reason.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}
