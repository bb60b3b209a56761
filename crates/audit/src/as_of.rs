//! Moments: as true on a date, as known when the ledger ended at a position.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use dutyledger_application::{LoadError, load};
use dutyledger_ledger::{LedgerReader, ReadError};

/// The date and the position an answer is as of. Everything in one answer is as of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AsOf {
    /// As true on this date.
    pub on: NaiveDate,
    /// As known when the ledger ended here.
    pub known_at: u64,
}

/// Why there is no such moment.
#[derive(Debug, thiserror::Error)]
pub enum AsOfError {
    /// Both were given.
    #[error("Give a position or an instant, not both.")]
    Both,
    /// The ledger does not go there.
    #[error("The ledger has positions 1 to {head}.")]
    Position {
        /// Where it ends.
        head: u64,
    },
    /// The ledger was opened later.
    #[error("Nothing was recorded by then.")]
    NothingYet,
    /// The ledger could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl From<ReadError> for AsOfError {
    fn from(error: ReadError) -> Self {
        Self::Load(error.into())
    }
}

/// The position of what was known: the one given, the last at or before an instant, or the last.
///
/// # Errors
/// When both are given, the ledger has no such position, or it cannot be read.
pub async fn known_at(
    ledger: &LedgerReader,
    position: Option<u64>,
    instant: Option<DateTime<Utc>>,
) -> Result<u64, AsOfError> {
    let head = ledger.last_position().await?;
    match (position, instant) {
        (Some(_), Some(_)) => Err(AsOfError::Both),
        (Some(position), None) if position == 0 || position > head => {
            Err(AsOfError::Position { head })
        }
        (Some(position), None) => Ok(position),
        (None, Some(instant)) => match load::position_at(ledger, instant).await? {
            0 => Err(AsOfError::NothingYet),
            position => Ok(position),
        },
        (None, None) => Ok(head),
    }
}
