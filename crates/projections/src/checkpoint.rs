//! Which entries the rows are derived from.

use dutyledger_ledger::{LedgerReader, Place, Stored};
use dutyledger_record::LedgerId;
use sqlx::Error;

use crate::database::{Pool, Tx, sql};
use crate::derivation::DERIVATION;
use crate::error::OpenError;

/// Rows that are derived from a ledger as it is.
pub(crate) struct Made {
    position: u64,
    derivation: i64,
}

impl Made {
    /// Where they are: at the ledger's start, where an older derivation made them.
    pub(crate) fn position(&self) -> u64 {
        if self.derivation < DERIVATION.into() {
            0
        } else {
            self.position
        }
    }

    /// Where they are, if they were made as this program makes them.
    pub(crate) fn as_here(&self, place: &Place) -> Result<u64, OpenError> {
        if self.derivation != i64::from(DERIVATION) {
            return Err(OpenError::OtherDerivation {
                place: place.clone(),
                found: self.derivation,
                known: DERIVATION.into(),
            });
        }
        Ok(self.position)
    }
}

/// Sets the checkpoint at the start of the ledger where there is none, and checks that the rows are
/// derived from this ledger as it is.
pub(crate) async fn open(
    place: &Place,
    rows: &Pool,
    ledger: &LedgerReader,
) -> Result<Made, OpenError> {
    let new = sql(
        "INSERT INTO checkpoint (one, ledger_id, position, derivation) VALUES (1, $1, 0, $2) \
                   ON CONFLICT (one) DO NOTHING",
    )
    .bind(ledger.id().to_string())
    .bind(DERIVATION);
    rows.execute(new).await.map_err(OpenError::database)?;
    check(place, rows, ledger).await
}

/// The rows, if they are derived from this ledger as it is.
pub(crate) async fn check(
    place: &Place,
    rows: &Pool,
    ledger: &LedgerReader,
) -> Result<Made, OpenError> {
    let (found, position, leaf_hash, derivation) = rows
        .one::<(String, i64, Option<Vec<u8>>, i64)>(sql(
            "SELECT ledger_id, position, leaf_hash, derivation FROM checkpoint",
        ))
        .await
        .map_err(OpenError::database)?;
    let corrupt = || OpenError::Corrupt {
        place: place.clone(),
    };
    let found: LedgerId = found.parse().map_err(|_| corrupt())?;
    let position = u64::try_from(position).map_err(|_| corrupt())?;
    if found != ledger.id() {
        return Err(OpenError::OtherLedger {
            place: place.clone(),
            found,
            ledger: ledger.id(),
        });
    }
    let head = ledger.last_position().await?;
    if position > head {
        return Err(OpenError::AheadOfLedger {
            place: place.clone(),
            position,
            head,
        });
    }
    if let Some(before) = position.checked_sub(1) {
        let entries = ledger.read(before, 1).await?;
        let same = |entry: &Stored| leaf_hash.as_deref() == Some(entry.leaf_hash.as_slice());
        if !entries.first().is_some_and(same) {
            return Err(OpenError::OtherHistory {
                place: place.clone(),
                position,
            });
        }
    }
    Ok(Made {
        position,
        derivation,
    })
}

/// Sets the checkpoint at the start of a ledger, whatever it was.
pub(crate) async fn reset(tx: &mut Tx, ledger: &LedgerReader) -> Result<(), Error> {
    let reset = sql(
        "INSERT INTO checkpoint (one, ledger_id, position, derivation) VALUES (1, $1, 0, $2) \
                     ON CONFLICT (one) DO UPDATE SET ledger_id = excluded.ledger_id, \
                         position = 0, leaf_hash = NULL, derivation = excluded.derivation",
    )
    .bind(ledger.id().to_string())
    .bind(DERIVATION);
    tx.execute(reset).await.map(drop)
}
