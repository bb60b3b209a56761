//! Whose turn it is to write the rows.
//!
//! A file has one opener, and it is always its turn. A PostgreSQL database is shared by several
//! processes: one leads, and writes; the others follow, and read how far it is. The turn stands in
//! the checkpoint, with the instant it runs out by the database's clock. Who leads renews it for as
//! long as it lives; once it has run out, or was given up, another takes it.
//!
//! Every page locks the checkpoint and finds its own turn in it before it writes anything. So a
//! process that was stopped, lost its turn and goes on writes nothing: it follows.
//!
//! Processes of different releases may share the rows. Who knows a newer derivation than the rows were
//! made by takes the turn at once, whoever has it, and who knows only an older one never does: so the
//! rows are made anew once, and not by the two in turn.

use std::time::Duration;

use dutyledger_ledger::Stored;

use crate::database::{Pool, Tx, sql};
use crate::derivation::DERIVATION;
use crate::error::ProjectionError;
use crate::rebuild;
use crate::values::number;

/// Another process takes over within this time when the one that leads dies or is stopped.
pub const TAKE_OVER: Duration = Duration::from_secs(10);
/// How often a process that follows looks how far the rows are.
const LOOK: Duration = Duration::from_millis(100);
/// How long giving up a turn may take. One that is not given up runs out.
const GIVE_UP: Duration = Duration::from_secs(1);

/// What is left of the time to take over once a turn has run out: for looking, and for what one that
/// was stopped within a page holds.
const LEFT: Duration = Duration::from_secs(1);
/// How long a turn lasts without being renewed.
const LASTS: Duration = TAKE_OVER.saturating_sub(LEFT);

/// How turns are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// How long a turn lasts without being renewed.
    pub(crate) lasts: Duration,
    /// How often to look whether there is one to take.
    pub(crate) look: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lasts: LASTS,
            look: LOOK,
        }
    }
}

impl Timing {
    fn lasts_millis(&self) -> i64 {
        i64::try_from(self.lasts.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Whether it is this projector's turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Nobody else may write.
    Alone,
    /// Others may.
    Shared {
        timing: Timing,
        /// What stands in the checkpoint while it is this one's turn.
        holder: Option<String>,
    },
}

/// What a process that follows sees.
pub(crate) struct Seen {
    /// How far the rows are: at the start, where an older derivation made them.
    pub(crate) position: u64,
    /// Whether nobody has the turn.
    pub(crate) free: bool,
    /// By which derivation the rows were made.
    pub(crate) derivation: u32,
}

impl Seen {
    /// Whether this program may take the turn.
    pub(crate) fn to_be_had(&self) -> bool {
        self.derivation < DERIVATION || self.free && self.derivation == DERIVATION
    }

    /// Why nobody writes the rows, where only newer programs may and none does.
    pub(crate) fn left_alone(&self) -> Option<String> {
        (self.free && self.derivation > DERIVATION).then(|| {
            format!(
                "the rows were made by derivation {}, and this program's is {DERIVATION}: use a newer \
                 program",
                self.derivation
            )
        })
    }
}

impl Turn {
    pub(crate) fn shared(timing: Timing) -> Self {
        Self::Shared {
            timing,
            holder: None,
        }
    }

    /// Whether it is this projector's, as far as it knows.
    pub(crate) fn held(&self) -> bool {
        match self {
            Self::Alone => true,
            Self::Shared { holder, .. } => holder.is_some(),
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared { .. })
    }

    /// Knows that it is another's now, or may be.
    pub(crate) fn lose(&mut self) {
        if let Self::Shared { holder, .. } = self {
            *holder = None;
        }
    }

    /// Where the rows are, if it is still this projector's turn: nobody can take it before the
    /// transaction ends.
    pub(crate) async fn begin(&self, tx: &mut Tx) -> Result<Option<u64>, ProjectionError> {
        let found = match self {
            Self::Alone => Some(tx.one(sql("SELECT position FROM checkpoint")).await?),
            Self::Shared { holder, .. } => {
                // Rows that were made anew by another derivation meanwhile are not gone on with.
                let ours = sql("SELECT position FROM checkpoint \
                                WHERE holder = $1 AND derivation = $2 FOR UPDATE");
                let ours = ours.bind(holder.clone()).bind(DERIVATION);
                tx.optional(ours).await?
            }
        };
        Ok(found.map(|(position,)| number(position)).transpose()?)
    }

    /// Makes the turn last from now on; a page does so as well. Learns it if it is another's.
    pub(crate) async fn renew(&mut self, rows: &Pool) -> Result<(), ProjectionError> {
        if let Self::Shared { timing, holder } = self {
            let renewed = rows
                .execute(
                    sql("UPDATE checkpoint \
                         SET held_till = clock_timestamp() + $2 * interval '1 millisecond' \
                         WHERE holder = $1")
                    .bind(holder.clone())
                    .bind(timing.lasts_millis()),
                )
                .await?;
            if renewed == 0 {
                *holder = None;
            }
        }
        Ok(())
    }

    /// Moves the checkpoint to an entry, in the transaction that writes its rows, and makes the turn
    /// last from now on. Answers whether it was where it was thought to be.
    pub(crate) async fn advance(
        &self,
        tx: &mut Tx,
        from: u64,
        to: &Stored,
    ) -> Result<bool, ProjectionError> {
        let moved = match self {
            Self::Alone => {
                sql("UPDATE checkpoint SET position = $2, leaf_hash = $3 WHERE position = $1")
                    .bind(from)
                    .bind(to.position)
                    .bind(to.leaf_hash.as_slice())
            }
            Self::Shared { timing, holder } => {
                sql("UPDATE checkpoint SET position = $2, leaf_hash = $3, \
                     held_till = clock_timestamp() + $5 * interval '1 millisecond' \
                 WHERE position = $1 AND holder = $4")
                .bind(from)
                .bind(to.position)
                .bind(to.leaf_hash.as_slice())
                .bind(holder.clone())
                .bind(timing.lasts_millis())
            }
        };
        Ok(tx.execute(moved).await? == 1)
    }

    /// Looks how far the rows are, and whether the turn is to be had. There is nothing to see where a
    /// crash of the server has taken the checkpoint's first commit with it.
    pub(crate) async fn look(&self, rows: &Pool) -> Result<Option<Seen>, ProjectionError> {
        let found = rows
            .optional::<(i64, bool, i64)>(
                sql(
                    "SELECT CASE WHEN derivation < $1 THEN 0 ELSE position END, \
                        held_till < clock_timestamp(), derivation FROM checkpoint",
                )
                .bind(DERIVATION),
            )
            .await?;
        let seen = found.map(|(position, free, derivation)| {
            Ok(Seen {
                position: number(position)?,
                free,
                derivation: number(derivation)?,
            })
        });
        seen.transpose()
    }

    /// Takes the turn, if it is still to be had.
    pub(crate) async fn take(&mut self, rows: &Pool) -> Result<(), ProjectionError> {
        if let Self::Shared { timing, holder } = self {
            // One that is locked is in use, whatever its clock says: it is not waited for.
            let taken = rows
                .optional::<(String,)>(
                    sql("UPDATE checkpoint \
                         SET holder = CAST(gen_random_uuid() AS text), \
                             held_till = clock_timestamp() + $1 * interval '1 millisecond' \
                         WHERE one IN (SELECT one FROM checkpoint \
                                       WHERE derivation < $2 \
                                          OR derivation = $2 AND held_till < clock_timestamp() \
                                       FOR UPDATE SKIP LOCKED) \
                         RETURNING holder")
                    .bind(timing.lasts_millis())
                    .bind(DERIVATION),
                )
                .await?;
            *holder = taken.map(|(taken,)| taken);
        }
        Ok(())
    }

    /// Empties the rows where an older derivation made them, if it is still this projector's turn, and
    /// sets the checkpoint at the start of the ledger.
    pub(crate) async fn begin_anew(&self, rows: &Pool) -> Result<(), ProjectionError> {
        let mut tx = rows.begin().await?;
        let anew = match self {
            Self::Alone => sql(
                "UPDATE checkpoint SET position = 0, leaf_hash = NULL, derivation = $1 \
                 WHERE derivation < $1",
            )
            .bind(DERIVATION),
            Self::Shared { holder, .. } => sql(
                "UPDATE checkpoint SET position = 0, leaf_hash = NULL, derivation = $1 \
                 WHERE derivation < $1 AND holder = $2",
            )
            .bind(DERIVATION)
            .bind(holder.clone()),
        };
        if tx.execute(anew).await? == 0 {
            return Ok(());
        }
        rebuild::clear(&mut tx).await?;
        tx.commit().await?;
        tracing::warn!(
            derivation = DERIVATION,
            "an older derivation made the projections: they are emptied and made anew"
        );
        Ok(())
    }

    /// Gives the turn up, so that another need not wait until it has run out.
    pub(crate) async fn give_up(&mut self, rows: &Pool) {
        let Self::Shared { holder, .. } = self else {
            return;
        };
        if let Some(holder) = holder.take() {
            let given_up = rows.execute(
                sql("UPDATE checkpoint SET held_till = '-infinity' WHERE holder = $1").bind(holder),
            );
            if !matches!(tokio::time::timeout(GIVE_UP, given_up).await, Ok(Ok(_))) {
                tracing::warn!("the projections' turn was not given up: it runs out");
            }
        }
    }

    /// Waits until the turn has to be renewed.
    pub(crate) async fn due(&self) {
        match self {
            Self::Alone => std::future::pending().await,
            Self::Shared { timing, .. } => tokio::time::sleep(timing.lasts / 3).await,
        }
    }

    /// Waits until it is time to look again.
    pub(crate) async fn pause(&self) {
        if let Self::Shared { timing, .. } = self {
            tokio::time::sleep(timing.look).await;
        }
    }
}
