//! Dates and instants of any value, as whoever may write to the database may have put them there:
//! chrono's own reading of them ends in a panic beyond its calendar.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::decode::Decode;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef, Postgres};
use sqlx::types::Type;

/// A date, as days since 1 January 2000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(i32);

/// An instant, as microseconds since the beginning of 1 January 2000 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(i64);

impl Day {
    /// Whether it is a date of the calendar, and this one.
    pub(super) fn is(self, date: NaiveDate) -> bool {
        let since = date.signed_duration_since(DateTime::UNIX_EPOCH.date_naive());
        since.num_days() - EPOCH_DAYS == i64::from(self.0)
    }
}

impl Moment {
    /// Whether it is an instant of the calendar, and this one.
    pub(super) fn is(self, instant: DateTime<Utc>) -> bool {
        instant.timestamp_micros() - EPOCH_DAYS * MICROS_A_DAY == self.0
    }
}

/// From 1 January 1970 to 1 January 2000.
const EPOCH_DAYS: i64 = 10_957;
const MICROS_A_DAY: i64 = 86_400_000_000;

impl Type<Postgres> for Day {
    fn type_info() -> PgTypeInfo {
        <NaiveDate as Type<Postgres>>::type_info()
    }
}

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as Type<Postgres>>::type_info()
    }
}

impl Decode<'_, Postgres> for Day {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(i32::from_be_bytes(value.as_bytes()?.try_into()?)))
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(i64::from_be_bytes(value.as_bytes()?.try_into()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_the_database_holds_is_counted_from_the_year_2000() {
        assert!(Day(0).is(day("2000-01-01")));
        assert!(Day(-1).is(day("1999-12-31")));
        assert!(!Day(0).is(day("1970-01-01")));
        assert!(Moment(1).is(instant("2000-01-01T00:00:00.000001Z")));
        assert!(Moment(-1).is(instant("1999-12-31T23:59:59.999999Z")));
        assert!(!Moment(0).is(instant("2000-01-01T00:00:00.000001Z")));
    }

    #[test]
    fn what_is_beyond_the_calendar_is_no_date() {
        // PostgreSQL's infinities are the last values there are.
        for date in [NaiveDate::MIN, day("2026-11-21"), NaiveDate::MAX] {
            assert!(!Day(i32::MIN).is(date) && !Day(i32::MAX).is(date));
        }
        let instants = [
            DateTime::<Utc>::MIN_UTC,
            instant("2026-11-21T09:30:00Z"),
            DateTime::<Utc>::MAX_UTC,
        ];
        for at in instants {
            assert!(!Moment(i64::MIN).is(at) && !Moment(i64::MAX).is(at));
        }
    }
}
