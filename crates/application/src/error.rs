//! Why a command was not carried out.

use dutyledger_domain::Refusal;
use dutyledger_ledger::{AppendError, Invalid, ReadError, VaultError};
use dutyledger_record::EntryError;

use crate::load::LoadError;

/// Why a command was not carried out. Only [`Self::OutcomeUnknown`] leaves open whether it was, and
/// after [`Self::NotDestroyed`] it was recorded.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The duty, the law or the state of things refuses it.
    #[error("{refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The ledger's head when it was decided.
        decided_at: u64,
    },
    /// The stream is not there, or not for this principal to see: both answer alike.
    #[error("there is no such thing")]
    Hidden,
    /// The stream is no longer at the version the caller named.
    #[error("the stream is at version {actual}, not {expected}")]
    Stale {
        /// The version the caller named.
        expected: u64,
        /// The version it is at.
        actual: u64,
    },
    /// Others kept writing what this rests on, as often as it was decided again.
    #[error("what this rests on kept changing")]
    Conflict,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// A request with this idempotency key is still being carried out.
    #[error("a request with this idempotency key is still being carried out")]
    InFlight,
    /// It steps outside the record's format, or is too large.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// It leads to more than is recorded at once.
    #[error("this leads to more than is recorded at once: {0}")]
    TooLarge(Invalid),
    /// The command was interrupted: the same idempotency key settles whether it happened.
    #[error("it is not known whether this was recorded")]
    OutcomeUnknown,
    /// Too much is waiting to be recorded.
    #[error("too much is waiting to be recorded")]
    Busy,
    /// The ledger takes no more entries.
    #[error("the ledger takes no more entries")]
    Stopped,
    /// An erasure is recorded, and its key is not destroyed for good yet. Asked again, it goes on.
    #[error("the erasure is recorded; ask again to finish destroying the key: {0}")]
    NotDestroyed(#[source] VaultError),
    /// Something is wrong on our side.
    #[error("{0}")]
    Internal(String),
}

impl CommandError {
    /// Whether it is so only as long as the streams it was decided on are as they were.
    pub(crate) const fn rests_on_streams(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Hidden
                | Self::Stale { .. }
                | Self::Entry(_)
                | Self::TooLarge(_)
        )
    }

    /// The same, decided at a position.
    pub(crate) fn decided_at(self, position: u64) -> Self {
        match self {
            Self::Refused { refusal, .. } => Self::Refused {
                refusal,
                decided_at: position,
            },
            other => other,
        }
    }
}

impl From<AppendError> for CommandError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } | AppendError::NotNext { .. } => Self::Conflict,
            AppendError::IdempotencyMismatch => Self::IdempotencyMismatch,
            AppendError::OutcomeUnknown => Self::OutcomeUnknown,
            AppendError::Busy => Self::Busy,
            AppendError::Stopped => Self::Stopped,
            AppendError::Invalid(
                too_large @ (Invalid::TooManyRows { .. } | Invalid::TooManyBytes { .. }),
            ) => Self::TooLarge(too_large),
            AppendError::Invalid(invalid) => Self::Internal(invalid.to_string()),
        }
    }
}

impl From<ReadError> for CommandError {
    fn from(error: ReadError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<LoadError> for CommandError {
    fn from(error: LoadError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<VaultError> for CommandError {
    fn from(error: VaultError) -> Self {
        Self::Internal(error.to_string())
    }
}
