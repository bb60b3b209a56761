//! Which streams belong to a partnership, for tools that read beside the server or on a copy.

use std::collections::BTreeSet;

use dutyledger_ledger::{LedgerReader, Place};
use dutyledger_record::{Stream, StreamId};

use crate::database::{Pool, postgres, sqlite};
use crate::error::OpenError;
use crate::query::{announcement, announcements};
use crate::{checkpoint, derived};

/// Which streams say that they belong to which partnership. Nothing is written, and no lock is taken:
/// whoever advances the rows goes on meanwhile.
#[derive(Debug)]
pub struct Links {
    place: Place,
    rows: Pool,
}

impl Links {
    /// Opens the rows at a place.
    ///
    /// # Errors
    /// When there are none there, or of another form.
    pub async fn open(place: Place) -> Result<Self, OpenError> {
        let rows = match &place {
            Place::Sqlite(path) => sqlite::readers(path).await?,
            Place::Postgres(url) => postgres::readers(url).await?,
        };
        Ok(Self { place, rows })
    }

    /// The streams that say they belong to a partnership, and the position up to which the rows know
    /// it.
    ///
    /// # Errors
    /// When they are not derived from this ledger as it is, or otherwise than by this program.
    pub async fn belonging(
        &self,
        ledger: &LedgerReader,
        partnership: StreamId,
    ) -> Result<(BTreeSet<Stream>, u64), OpenError> {
        // The position first: what the rows say after it is known at least up to there.
        let made = checkpoint::check(&self.place, &self.rows, ledger).await?;
        let position = made.as_here(&self.place)?;
        let mut tx = self.rows.look().await.map_err(OpenError::database)?;
        let streams = derived::belonging(&mut tx, partnership).await;
        Ok((streams.map_err(OpenError::database)?, position))
    }

    /// The streams in which a partnership's deadlines and triggers are announced: at least those up to
    /// the position that [`Self::belonging`] answered before.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn announced(&self, partnership: StreamId) -> Result<BTreeSet<Stream>, OpenError> {
        let found = self.rows.all(announcements(partnership)).await;
        let found = found.map_err(OpenError::database)?.into_iter();
        let streams = found.map(|row| announcement(row).map(|(stream, _)| stream));
        streams
            .collect::<Result<_, _>>()
            .map_err(OpenError::database)
    }

    /// Lets go of the rows.
    pub async fn close(self) {
        self.rows.close().await;
    }
}
