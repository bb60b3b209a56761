//! Places for those who wait and those who listen, apart from those for requests that are carried
//! out: whoever waits does nothing, and must not keep others from recording.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dutyledger_record::{KeyId, Principal, PrincipalKind, StreamId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Places, of which one principal has a few at the most.
#[derive(Clone)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    each: usize,
    taken: Arc<Mutex<HashMap<Who, usize>>>,
}

/// Who takes a place: a body or an office with all its keys, and each key of those who have none.
type Who = (PrincipalKind, Option<StreamId>, Option<KeyId>);

/// A place, free again once this is dropped.
pub(crate) struct Place {
    who: Who,
    taken: Arc<Mutex<HashMap<Who, usize>>>,
    _place: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            each,
            taken: Arc::default(),
        }
    }

    /// Takes a place, where there is one and the principal has not enough of them.
    pub(crate) fn take(&self, principal: Principal) -> Option<Place> {
        let key = principal.key_id.filter(|_| principal.id.is_none());
        let who = (principal.kind, principal.id, key);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.get(&who).is_some_and(|own| *own >= self.each) {
            return None;
        }
        let place = Arc::clone(&self.all).try_acquire_owned().ok()?;
        *taken.entry(who).or_default() += 1;
        Some(Place {
            who,
            taken: Arc::clone(&self.taken),
            _place: place,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.who);
            }
        }
    }
}

/// Tells that the server is to end, to those who would wait longer than it lasts.
#[derive(Clone, Debug)]
pub(crate) struct Ending(pub(crate) watch::Receiver<bool>);

impl Ending {
    /// Completes when the server is to end.
    pub(crate) async fn come(&mut self) {
        // The sender going away is the end as well.
        let _ = self.0.wait_for(|end| *end).await;
    }
}

#[cfg(test)]
mod tests {
    use dutyledger_record::KeyId;
    use uuid::Uuid;

    use super::*;

    fn auditor(key: u128) -> Principal {
        Principal {
            id: None,
            key_id: Some(KeyId::new(Uuid::from_u128(key))),
            kind: PrincipalKind::Auditor,
        }
    }

    fn council(key: u128) -> Principal {
        Principal {
            id: Some(StreamId::new(Uuid::from_u128(7))),
            kind: PrincipalKind::Authority,
            ..auditor(key)
        }
    }

    #[test]
    fn one_principal_takes_a_few_and_all_of_them_no_more_than_there_are() {
        let places = Places::new(3, 2);
        let first = places.take(council(1)).unwrap();
        let second = places.take(council(2)).unwrap();
        assert!(places.take(council(3)).is_none(), "it has two already");
        let third = places.take(auditor(4)).unwrap();
        assert!(places.take(auditor(5)).is_none(), "there are three in all");
        drop(first);
        let fourth = places.take(auditor(5)).unwrap();
        drop((second, third, fourth));
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
