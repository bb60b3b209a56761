//! Those that go by the same name wait for each other: requests under one idempotency key, commands
//! on one stream, and those that rest on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// The longest one waits for others of the same names.
const WAIT: Duration = Duration::from_secs(10);
/// How many names are remembered before those nobody holds are forgotten.
const REMEMBERED_MAX: usize = 1_024;

/// A name: what it is of, and the name itself.
pub(crate) type Name = (String, String);

/// In whose company one goes by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Company {
    /// Nobody's.
    Alone,
    /// That of others who go by it only beside a name of their own.
    Beside,
}

/// The names being used now.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Name, Weak<RwLock<()>>>>);

/// While this lives, nobody goes by the name who may not beside it.
#[expect(dead_code, reason = "held, never looked at")]
pub(crate) enum Boarded {
    Alone(OwnedRwLockWriteGuard<()>),
    Beside(OwnedRwLockReadGuard<()>),
}

impl Flights {
    /// Waits, within bounds and in turn, until one may go by all these names. `None` when it took too
    /// long.
    ///
    /// They are waited for in one order, whoever waits, so that no two wait for each other: whoever
    /// holds some already gives them up first.
    pub(crate) async fn board(
        &self,
        names: impl IntoIterator<Item = (Name, Company)>,
    ) -> Option<Vec<Boarded>> {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort();
        names.dedup_by(|next, first| next.0 == first.0);
        let all = async {
            let mut boarded = Vec::with_capacity(names.len());
            for (name, company) in names {
                let turn = self.turn(name);
                boarded.push(match company {
                    Company::Alone => Boarded::Alone(turn.write_owned().await),
                    Company::Beside => Boarded::Beside(turn.read_owned().await),
                });
            }
            boarded
        };
        tokio::time::timeout(WAIT, all).await.ok()
    }

    fn turn(&self, name: Name) -> Arc<RwLock<()>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.len() > REMEMBERED_MAX {
            flights.retain(|_, turn| turn.strong_count() > 0);
        }
        if let Some(turn) = flights.get(&name).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(RwLock::new(()));
        flights.insert(name, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::Company::{Alone, Beside};
    use super::*;

    fn named(name: &str) -> Name {
        ("stream".to_owned(), name.to_owned())
    }

    fn poll<T>(waiting: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        waiting.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn those_beside_a_name_go_together_and_whoever_goes_by_it_goes_alone() {
        let flights = Flights::default();
        let one = flights.board([(named("a"), Beside)]).await;
        let other = flights.board([(named("a"), Beside)]).await;
        let mut alone = pin!(flights.board([(named("a"), Alone)]));
        assert!(poll(alone.as_mut()).is_pending());
        // Nobody overtakes the one that waits.
        let mut later = pin!(flights.board([(named("a"), Beside)]));
        assert!(poll(later.as_mut()).is_pending());
        drop((one, other));
        let alone = alone.await;
        assert!(alone.is_some() && poll(later.as_mut()).is_pending());
        drop(alone);
        assert!(later.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn two_that_want_the_same_names_do_not_wait_for_each_other() {
        let flights = Flights::default();
        let want = |names: [&'static str; 3]| {
            let names = names.map(|name| (named(name), Alone));
            flights.board(names)
        };
        // Both are on their way when the name that each of them wants second is let go.
        let held = flights.board([(named("b"), Alone)]).await;
        let (mut first, mut second) = (pin!(want(["a", "b", "c"])), pin!(want(["c", "b", "a"])));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        drop(held);
        let first = async { first.await.map(drop) };
        let second = async { second.await.map(drop) };
        assert_eq!(tokio::join!(first, second), (Some(()), Some(())));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let flights = Flights::default();
        let held = flights.board([(named("a"), Alone)]).await;
        assert!(flights.board([(named("a"), Beside)]).await.is_none());
        drop(held);
        assert!(flights.board([(named("a"), Beside)]).await.is_some());
    }
}
