//! Which streams belong to a partnership, for tools that read beside the server or on a copy.

use std::collections::BTreeSet;

use dutyledger_ledger::{LedgerReader, Place};
use dutyledger_record::{Stream, StreamId};

use crate::database::{postgres, sqlite};
use crate::error::OpenError;
use crate::{checkpoint, derived};

/// The streams that say they belong to a partnership, and the position up to which the rows know it.
/// Nothing is written, and no lock is taken: whoever advances the rows goes on meanwhile.
///
/// # Errors
/// When there are no rows at the place, or they are not derived from this ledger as it is.
pub async fn belonging(
    place: &Place,
    ledger: &LedgerReader,
    partnership: StreamId,
) -> Result<(BTreeSet<Stream>, u64), OpenError> {
    let rows = match place {
        Place::Sqlite(path) => sqlite::readers(path).await?,
        Place::Postgres(url) => postgres::readers(url).await?,
    };
    // The position first: what the rows say after it is known at least up to there.
    let found = async {
        let position = checkpoint::check(place, &rows, ledger).await?;
        checkpoint::same_derivation(place, &rows).await?;
        let mut tx = rows.look().await.map_err(OpenError::database)?;
        let streams = derived::belonging(&mut tx, partnership).await;
        Ok((streams.map_err(OpenError::database)?, position))
    };
    let found = found.await;
    rows.close().await;
    found
}
