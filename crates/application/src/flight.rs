//! Those that go by the same name wait for each other: requests under one idempotency key, commands
//! on one stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// The longest one waits for another of the same name.
const WAIT: Duration = Duration::from_secs(10);
/// How many names are remembered before those nobody holds are forgotten.
const REMEMBERED_MAX: usize = 1_024;

/// A name: what it is of, and the name itself.
type Name = (String, String);

/// The names being used now.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Name, Weak<AsyncMutex<()>>>>);

/// While this lives, no other of the same name runs.
pub(crate) struct Boarded {
    _turn: OwnedMutexGuard<()>,
}

impl Flights {
    /// Waits, within bounds and in turn, until no other of this name runs. `None` when it took too
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
