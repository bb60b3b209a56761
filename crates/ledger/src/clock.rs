//! Time at the edge.

use std::time::SystemTime;

use chrono::{DateTime, SubsecRound, Utc};

/// Tells the time. The ledger takes it as a parameter so that tests decide what time it is.
pub trait Clock: Send + Sync + 'static {
    /// The instant it is now. The ledger cuts it to whole microseconds.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that others take as theirs"
    )]
    fn now(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }
}

/// The instant to record at: never before the last one, in the precision of the record format.
pub(crate) fn instant_not_before(clock: &dyn Clock, last: DateTime<Utc>) -> DateTime<Utc> {
    truncated(clock.now()).max(last)
}

/// An instant in the precision of the record format.
pub(crate) fn truncated(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.trunc_subsecs(6)
}
