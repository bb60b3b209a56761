//! The folded state of all entries of a history, kept up with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use dutyledger_record::{EntryId, Envelope};

use super::entries::Entries;
use super::{Place, StreamKind, fold, in_order, place, withdrawn};

/// The state on a date after every other, as known by the entries folded so far.
pub(super) struct Latest<K: StreamKind> {
    state: Arc<K::State>,
    /// How many entries it has taken in: counted or withdrawn.
    folded: usize,
    /// The place of the last entry that counted. Whatever comes after it only adds to the state.
    last: Option<Place>,
    /// The entries that corrections name and that were not among those folded. Should one come
    /// after all, it does not count.
    absent: BTreeSet<EntryId>,
}

impl<K: StreamKind> Latest<K> {
    pub(super) fn state(&self) -> &Arc<K::State> {
        &self.state
    }

    pub(super) fn last(&self) -> Option<Place> {
        self.last
    }

    /// Takes in the entries that were added. The state only moves on where the entries come in the
    /// order of the fold and withdraw nothing; otherwise all are folded again.
    pub(super) fn catch_up(&mut self, entries: &Entries<Envelope<K::Event>>) {
        if self.folded == entries.len() {
            return;
        }
        let added = entries.iter_from(self.folded);
        let mut last = self.last;
        let adds = added.clone().all(|entry| {
            let before = last.replace(place(entry));
            entry.standing.corrects.is_none() && before <= last
        });
        if !adds {
            *self = Self::of(entries);
            return;
        }
        for entry in added.filter(|e| !self.absent.contains(&e.entry_id)) {
            K::evolve(Arc::make_mut(&mut self.state), entry);
            self.last = Some(place(entry));
        }
        self.folded = entries.len();
    }

    fn of(entries: &Entries<Envelope<K::Event>>) -> Self {
        let mut absent = withdrawn(entries);
        let counted = in_order(entries, &absent, |_| true);
        for entry in entries.iter() {
            absent.remove(&entry.entry_id);
        }
        Self {
            last: counted.last().map(|entry| place(entry)),
            state: Arc::new(fold::<K>(counted)),
            folded: entries.len(),
            absent,
        }
    }
}

impl<K: StreamKind> Default for Latest<K> {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            folded: 0,
            last: None,
            absent: BTreeSet::new(),
        }
    }
}

impl<K: StreamKind> Clone for Latest<K> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            folded: self.folded,
            last: self.last,
            absent: self.absent.clone(),
        }
    }
}
