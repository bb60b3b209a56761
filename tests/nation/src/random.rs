//! Numbers that look random and are the same for the same seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dutyledger_domain::Ids;
use uuid::Uuid;

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same numbers from the same seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a limit.
    pub const fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }

    /// Whether something happens that does so this often in a thousand times.
    pub(crate) const fn per_mille(&mut self, rate: u64) -> bool {
        self.below(1_000) < rate
    }

    /// One of some.
    pub(crate) fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[usize::try_from(self.below(some.len() as u64)).unwrap()]
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.next().to_be_bytes()[0];
        }
        bytes
    }
}

/// Ids that count up, in the form of UUIDv7. Another seed gives others.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    seed: u64,
    next: Arc<AtomicU64>,
}

impl Counter {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            seed: Random::seeded(seed).next(),
            next: Arc::default(),
        }
    }
}

impl Ids for Counter {
    fn next(&self) -> Uuid {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // The time's place counts, so that the order of the ids is that of their making.
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.seed.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(number, &random).into_uuid()
    }
}
