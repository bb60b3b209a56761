//! A list that only grows, and whose clones share what they have in common.

use std::iter::once;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many entries are shared as one. A push on a list that shares its end copies at most so many
/// pointers, whatever the length of the list.
const CHUNK: usize = 64;

/// Some entries next to each other.
type Chunk<T> = Arc<Vec<Arc<T>>>;

/// The list: whole chunks, and the one at the end that is not yet whole.
pub(super) struct Entries<T> {
    whole: Arc<Vec<Chunk<T>>>,
    end: Chunk<T>,
}

impl<T> Entries<T> {
    pub(super) fn push(&mut self, entry: Arc<T>) {
        let end = Arc::make_mut(&mut self.end);
        end.push(entry);
        if end.len() == CHUNK {
            Arc::make_mut(&mut self.whole).push(std::mem::take(&mut self.end));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.whole.len() * CHUNK + self.end.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<T>> + Clone {
        let chunks = self.whole.iter().chain(once(&self.end));
        chunks.flat_map(|chunk| chunk.iter())
    }

    /// Those from a place on, without going through those before it.
    pub(super) fn iter_from(&self, at: usize) -> impl Iterator<Item = &Arc<T>> + Clone {
        let whole = self.whole.get(at / CHUNK..).unwrap_or_default();
        let chunks = whole.iter().chain(once(&self.end));
        chunks.flat_map(|chunk| chunk.iter()).skip(at % CHUNK)
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self {
            whole: Arc::default(),
            end: Arc::default(),
        }
    }
}

impl<T> Clone for Entries<T> {
    fn clone(&self) -> Self {
        Self {
            whole: Arc::clone(&self.whole),
            end: Arc::clone(&self.end),
        }
    }
}

impl<T: PartialEq> PartialEq for Entries<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Serialize> Serialize for Entries<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Arc::as_ref))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut entries = Self::default();
        for entry in Vec::<T>::deserialize(deserializer)? {
            entries.push(Arc::new(entry));
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(length: usize) -> Entries<usize> {
        let mut entries = Entries::default();
        (0..length).for_each(|n| entries.push(Arc::new(n)));
        entries
    }

    #[test]
    fn it_holds_what_was_pushed_in_its_order_from_any_place() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7] {
            let entries = to(length);
            assert_eq!(entries.len(), length);
            assert!(entries.iter().map(|n| **n).eq(0..length));
            assert!(entries.iter().rev().map(|n| **n).eq((0..length).rev()));
            for at in 0..=length {
                assert!(entries.iter_from(at).map(|n| **n).eq(at..length), "{at}");
            }
        }
    }

    #[test]
    fn clones_share_their_entries_and_go_on_apart() {
        for length in [0, CHUNK - 1, CHUNK, 2 * CHUNK + 5] {
            let mut one = to(length);
            let mut other = one.clone();
            one.push(Arc::new(1_000));
            other.push(Arc::new(2_000));
            assert!(one.iter().map(|n| **n).eq((0..length).chain([1_000])));
            assert!(other.iter().map(|n| **n).eq((0..length).chain([2_000])));
            let mut both = one.iter().zip(other.iter()).take(length);
            assert!(both.all(|(a, b)| Arc::ptr_eq(a, b)));
            assert!(one != other);
        }
    }
}
