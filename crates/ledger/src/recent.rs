//! The entries recorded last in this process, at hand for those who follow the ledger here: while it is
//! written to they all want the same ones, which need not be asked of the database again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::reader::Stored;
use crate::store::NewEntry;

/// How many bytes of leaf data are kept, save that the last batch is kept whole.
const BYTES_MAX: usize = 8 << 20;

/// The entries recorded last, without gaps. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent(Arc<Mutex<Run>>);

/// Entries whose positions follow each other.
#[derive(Debug, Default)]
struct Run {
    entries: VecDeque<Arc<Stored>>,
    bytes: usize,
}

impl Recent {
    /// Takes in a batch that is durable.
    pub(crate) fn add(&self, batch: Vec<NewEntry>) {
        let Some(first) = batch.first() else { return };
        let mut run = self.run();
        // Others may have recorded what comes between.
        let last = run.entries.back().map(|entry| entry.position);
        if last.is_some_and(|last| last.saturating_add(1) != first.position) {
            *run = Run::default();
        }
        let kept: usize = batch.iter().map(|entry| entry.leaf_data.len()).sum();
        while run.bytes + kept > BYTES_MAX
            && let Some(oldest) = run.entries.pop_front()
        {
            run.bytes -= oldest.leaf_data.len();
        }
        run.bytes += kept;
        run.entries.extend(batch.into_iter().map(|entry| {
            Arc::new(Stored {
                position: entry.position,
                leaf_data: entry.leaf_data,
                leaf_hash: entry.leaf_hash,
            })
        }));
    }

    /// At most `limit` entries after a position; none where the next one is not kept.
    pub(crate) fn after(&self, position: u64, limit: u32) -> Vec<Stored> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // Only pointers are copied while the writer may wait.
        let found: Vec<Arc<Stored>> = {
            let run = self.run();
            let first = run.entries.front().map(|entry| entry.position);
            let place = first.and_then(|first| position.saturating_add(1).checked_sub(first));
            let place = place.and_then(|place| usize::try_from(place).ok());
            let Some(place) = place.filter(|place| *place < run.entries.len()) else {
                return Vec::new();
            };
            let wanted = run.entries.range(place..).take(limit);
            wanted.cloned().collect()
        };
        found.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use dutyledger_record::Frontier;

    use super::*;
    use crate::plan::place;
    use crate::store::Head;
    use crate::testing::{LEDGER, draft};

    /// A batch of entries after a position.
    fn batch(after: u64, count: u64) -> Vec<NewEntry> {
        let mut head = Head {
            ledger: LEDGER,
            batch: 0,
            position: after,
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            frontier: Frontier::empty(),
        };
        let mut entries = Vec::new();
        for _ in 0..count {
            let n = u128::from(head.position);
            entries.push(place(&draft(n, 1, n).unwrap(), &mut head));
        }
        entries
    }

    fn positions(recent: &Recent, after: u64, limit: u32) -> Vec<u64> {
        let entries = recent.after(after, limit);
        entries.iter().map(|entry| entry.position).collect()
    }

    #[test]
    fn what_was_recorded_last_is_at_hand_in_order_from_any_place_within_it() {
        let recent = Recent::default();
        assert!(recent.after(0, 10).is_empty());
        recent.add(batch(4, 3));
        recent.add(batch(7, 2));
        assert_eq!(positions(&recent, 4, 10), [5, 6, 7, 8, 9]);
        assert_eq!(positions(&recent, 6, 2), [7, 8]);
        assert_eq!(positions(&recent, 8, 10), [9]);
        assert!(recent.after(9, 10).is_empty(), "there is no more");
        assert!(recent.after(3, 10).is_empty(), "4 is not kept");
        assert!(recent.after(0, 10).is_empty());
        assert!(recent.after(u64::MAX - 1, 10).is_empty());
    }

    #[test]
    fn after_what_others_recorded_it_begins_anew() {
        let recent = Recent::default();
        recent.add(batch(0, 2));
        recent.add(batch(5, 2));
        assert!(recent.after(0, 10).is_empty());
        assert_eq!(positions(&recent, 5, 10), [6, 7]);
    }

    #[test]
    fn the_oldest_give_way_so_that_it_stays_within_its_bytes() {
        let recent = Recent::default();
        let mut last = 0;
        while last < 60_000 {
            recent.add(batch(last, 1_000));
            last += 1_000;
        }
        let run = recent.run();
        assert!(run.bytes <= BYTES_MAX);
        let kept: usize = run.entries.iter().map(|entry| entry.leaf_data.len()).sum();
        assert_eq!(run.bytes, kept);
        assert!((1_000..60_000).contains(&run.entries.len()));
        assert_eq!(run.entries.back().map(|entry| entry.position), Some(last));
    }
}
