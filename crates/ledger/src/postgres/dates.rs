//! Dates and instants of any value, as whoever may write to the database may have put them there:
//! chrono's own reading of them ends in a panic beyond its calendar.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use dutyledger_record::format_instant;
use sqlx::decode::Decode;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef, Postgres};
use sqlx::types::Type;

/// What stands for a value beyond the calendar.
const BEYOND: &str = "beyond the calendar";

/// A date, as days since 1 January 2000.
#[derive(Clone, Copy, Debug)]
pub(super) struct Day(i32);

/// An instant, as microseconds since the beginning of 1 January 2000 in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(i64);

impl Day {
    /// As the format writes it.
    pub(super) fn text(self) -> String {
        let days = TimeDelta::try_days(self.0.into());
        let date = days.and_then(|days| epoch()?.checked_add_signed(days));
        date.map_or_else(|| BEYOND.to_owned(), |date| date.to_string())
    }
}

impl Moment {
    /// As the format writes it.
    pub(super) fn text(self) -> String {
        let since = TimeDelta::microseconds(self.0);
        let start = epoch().and_then(|date| date.and_hms_opt(0, 0, 0));
        let instant = start.and_then(|start| start.checked_add_signed(since));
        instant.map_or_else(
            || BEYOND.to_owned(),
            |instant| format_instant(instant.and_utc()),
        )
    }
}

const fn epoch() -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(2000, 1, 1)
}

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

    #[test]
    fn what_the_database_holds_is_written_as_the_format_writes_it() {
        assert_eq!(Day(0).text(), "2000-01-01");
        assert_eq!(Day(-1).text(), "1999-12-31");
        assert_eq!(Moment(1).text(), "2000-01-01T00:00:00.000001Z");
        assert_eq!(Moment(-1).text(), "1999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn what_is_beyond_the_calendar_is_no_date() {
        // PostgreSQL's infinities are the last values there are.
        for day in [i32::MIN, i32::MAX] {
            assert_eq!(Day(day).text(), BEYOND);
        }
        for moment in [i64::MIN, i64::MAX] {
            assert_eq!(Moment(moment).text(), BEYOND);
        }
    }
}
