//! Requests with the same idempotency key wait for each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// The longest a request waits for one with the same key.
const WAIT: Duration = Duration::from_secs(10);
/// How many keys are remembered before those nobody holds are forgotten.
const REMEMBERED_MAX: usize = 1_024;

/// The keys being used now.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<(String, String), Weak<AsyncMutex<()>>>>);

/// While this lives, no other request with the key runs.
pub(crate) struct Boarded {
    _turn: OwnedMutexGuard<()>,
}

impl Flights {
    /// Waits, within bounds, until no other request with this key runs. `None` when it took too
    /// long.
    pub(crate) async fn board(&self, scope: &str, key: &str) -> Option<Boarded> {
        let turn = self.turn(scope, key);
        let turn = tokio::time::timeout(WAIT, turn.lock_owned()).await.ok()?;
        Some(Boarded { _turn: turn })
    }

    fn turn(&self, scope: &str, key: &str) -> Arc<AsyncMutex<()>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.len() > REMEMBERED_MAX {
            flights.retain(|_, turn| turn.strong_count() > 0);
        }
        let name = (scope.to_owned(), key.to_owned());
        if let Some(turn) = flights.get(&name).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(AsyncMutex::new(()));
        flights.insert(name, Arc::downgrade(&turn));
        turn
    }
}
