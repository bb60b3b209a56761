//! What the handlers stand on, and the limits they keep.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dutyledger_application::{Bus, MasterKey};
use dutyledger_projections::Projections;
use dutyledger_transparency::Log;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::reads::Calendars;
use crate::waits::Places;

/// How many bundles are made and sent at once: each takes a file as large as the ledger.
const EXPORTS_AT_ONCE: usize = 1;

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
    /// How the notifications stand, where there are any.
    pub notifications: Option<Arc<dyn Notifications>>,
    /// What hands out checkpoints and proofs, where checkpoints are signed.
    pub log: Option<Log>,
    /// The places of those who wait for a page of the feed.
    pub(crate) waiting: Places,
    /// The places of those who listen to the feed.
    pub(crate) listening: Places,
    /// Room for the one bundle that is made and sent at a time.
    pub(crate) exporting: Arc<Semaphore>,
    /// The calendars derived last.
    pub(crate) calendars: Arc<Calendars>,
}

/// How the notifications stand, for readiness and metrics.
#[derive(Clone, Debug, Serialize)]
pub struct NotificationsShown {
    /// What their relay is doing, in one word.
    pub state: &'static str,
    /// Whether it stands still until somebody puts right what `detail` says.
    pub standing_still: bool,
    /// What has to be put right, and how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The position up to which everything is published.
    pub published_position: u64,
    /// How many entries are not published.
    pub lag_entries: u64,
    /// How many milliseconds ago the oldest of them was recorded.
    pub lag_millis: u64,
    /// How often publishing had to begin again.
    pub failures: u64,
    /// How often the connection was made anew.
    pub reconnects: u64,
}

/// Looks how the notifications stand.
pub trait Notifications: fmt::Debug + Send + Sync {
    /// How they stand at an instant, in milliseconds since 1970; nothing where the ledger cannot be
    /// read.
    fn look(
        &self,
        now_millis: i64,
    ) -> Pin<Box<dyn Future<Output = Option<NotificationsShown>> + Send + '_>>;
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
            notifications: None,
            log: None,
            waiting: Limits::default().waiting(),
            listening: Limits::default().listening(),
            exporting: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
            calendars: Arc::default(),
        }
    }

    /// The same, within limits.
    pub(crate) fn within(self, limits: Limits) -> Self {
        Self {
            waiting: limits.waiting(),
            listening: limits.listening(),
            ..self
        }
    }

    /// The same, with notifications to watch.
    #[must_use]
    pub fn notifying(self, notifications: Arc<dyn Notifications>) -> Self {
        Self {
            notifications: Some(notifications),
            ..self
        }
    }

    /// The same, handing out checkpoints and proofs.
    #[must_use]
    pub fn proving(self, log: Log) -> Self {
        Self {
            log: Some(log),
            ..self
        }
    }

    /// How the notifications stand, where there are any and it can be told.
    pub(crate) async fn notifications_now(&self) -> Option<NotificationsShown> {
        let now = self.bus.edge().clock.now().timestamp_millis();
        self.notifications.as_ref()?.look(now).await
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
    /// The longest that making a bundle may take, and sending it again as long.
    pub export_time: Duration,
    /// The most requests carried out at once.
    pub requests_at_once: usize,
    /// The most requests that wait for a page of the feed at once, of those carried out. Others are
    /// answered with what there is.
    pub waits: usize,
    /// The most of them that one principal has.
    pub waits_each: usize,
    /// The most that listen to the feed at once.
    pub listeners: usize,
    /// The most of them that one principal has.
    pub listeners_each: usize,
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
            export_time: Duration::from_secs(600),
            requests_at_once: 256,
            waits: 64,
            waits_each: 8,
            listeners: 128,
            listeners_each: 8,
            connections: 1024,
            head_time: Duration::from_secs(10),
            ending_time: Duration::from_secs(30),
        }
    }
}

impl Limits {
    fn waiting(self) -> Places {
        Places::new(self.waits, self.waits_each)
    }

    fn listening(self) -> Places {
        Places::new(self.listeners, self.listeners_each)
    }
}
