//! Time, randomness and ids: parameters everywhere else, taken from the system here.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use dutyledger_domain::Ids;
use dutyledger_ledger::Clock;

/// Randomness at the edge.
pub trait Entropy: Send + Sync + 'static {
    /// Fills a buffer with bytes nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}

/// Randomness from the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the operating system"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        // Going on without randomness would give keys that can be guessed.
        getrandom::fill(buffer).expect("the operating system gives randomness");
    }
}

/// The clock and the randomness a program runs on.
#[derive(Clone)]
pub struct Edge {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Edge {
    /// Today in Europe/London.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        london_date(self.clock.now())
    }

    /// Random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A new UUIDv7.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.random()).into_uuid()
    }
}

impl Ids for Edge {
    fn next(&self) -> Uuid {
        self.uuid()
    }
}

/// The civil date of an instant in Europe/London.
#[must_use]
pub fn london_date(instant: DateTime<Utc>) -> NaiveDate {
    instant
        .with_timezone(&chrono_tz::Europe::London)
        .date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    #[test]
    fn the_civil_date_is_that_of_london_in_summer_too() {
        let late_evening = Utc.with_ymd_and_hms(2026, 6, 30, 23, 30, 0).unwrap();
        assert_eq!(
            london_date(late_evening),
            NaiveDate::from_ymd_opt(2026, 7, 1).unwrap()
        );
        let winter = Utc.with_ymd_and_hms(2026, 12, 31, 23, 30, 0).unwrap();
        assert_eq!(
            london_date(winter),
            NaiveDate::from_ymd_opt(2026, 12, 31).unwrap()
        );
    }
}
