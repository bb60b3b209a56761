//! Whether the ledger takes appends, and if not, why.

use std::sync::{Arc, OnceLock};

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Status(Arc<OnceLock<String>>);

impl Status {
    /// Stops for ever. The first reason stands.
    pub(crate) fn stop(&self, why: impl Into<String>) {
        // Err means that it had stopped already: the reason that came first is the cause.
        let _ = self.0.set(why.into());
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.get().is_some()
    }

    pub(crate) fn health(&self) -> Health {
        match self.0.get() {
            None => Health::Serving,
            Some(why) => Health::Stopped { why: why.clone() },
        }
    }
}
