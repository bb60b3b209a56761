//! What the handlers stand on, and the limits they keep.

use std::sync::Arc;
use std::time::Duration;

use dutyledger_application::{Bus, MasterKey};
use dutyledger_projections::Projections;

/// What the handlers stand on.
#[derive(Clone)]
pub struct App {
    /// The one command bus.
    pub bus: Bus,
    /// The rows that lists are answered from.
    pub projections: Projections,
    /// The key under which requests are digested, so that a repeated one is told from another.
    pub idempotency_key: Arc<[u8; 32]>,
    /// The key under which the addresses of calendars are proved.
    pub calendar_key: Arc<[u8; 32]>,
}

impl App {
    /// The parts a server runs on, with keys of their own for what needs one.
    #[must_use]
    pub fn new(bus: Bus, projections: Projections, master: &MasterKey) -> Self {
        Self {
            bus,
            projections,
            idempotency_key: Arc::new(master.derived("idempotency")),
            calendar_key: Arc::new(master.derived("calendar")),
        }
    }
}

/// The limits of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a request's body.
    pub body_bytes: usize,
    /// The most bytes of a history to import.
    pub import_bytes: usize,
    /// The longest a request may take.
    pub request_time: Duration,
    /// The longest an import may take.
    pub import_time: Duration,
    /// The most requests carried out at once.
    pub requests_at_once: usize,
    /// The most connections open at once. Others wait to be accepted.
    pub connections: usize,
    /// The longest a connection may take until the head of its next request is there, whether it
    /// sends slowly or nothing at all.
    pub head_time: Duration,
    /// The longest that requests under way are waited for once the server is to end.
    pub ending_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            import_bytes: 8 << 20,
            request_time: Duration::from_secs(30),
            import_time: Duration::from_secs(600),
            requests_at_once: 256,
            connections: 1024,
            head_time: Duration::from_secs(10),
            ending_time: Duration::from_secs(30),
        }
    }
}
