//! Writing a bundle for an inspection: the ledger, or one partnership of it, up to a checkpoint.
//!
//! The command line and the server write it alike. Whoever hands one out records the access first;
//! that is not done here, where nothing can record.

use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::ops::ControlFlow;

use chrono::{DateTime, NaiveDate, Utc};

use dutyledger_application::schemas::event_schema_files;
use dutyledger_application::{LoadError, load};
use dutyledger_bundle::{
    BundleError, ENTRIES_BYTES_MAX, ENTRIES_MAX, Export, Failure, Kind, Scope, Writer,
};
use dutyledger_domain::StreamKind;
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::erasure::stream_of;
use dutyledger_domain::streams::ledger::CheckpointKeyAdopted;
use dutyledger_ledger::{Extent, LedgerReader, ReadError};
use dutyledger_proofs::VerifierKey;
use dutyledger_record::{EntryId, Stream, StreamId};
use dutyledger_transparency::{LogError, Proven};

pub use crate::links::Known;
use crate::links::all_known;

/// How many entries are read at once.
const PAGE: u32 = 2_000;
/// A member that every sealed text has.
const CIPHERTEXT: &str = "\"ciphertext\":";

/// What is exported.
#[derive(Clone, Debug)]
pub struct What {
    /// One partnership; the whole ledger where there is none.
    pub partnership: Option<StreamId>,
    /// What is known of its streams.
    pub known: Known,
    /// The date the report's figures are true on.
    pub on: NaiveDate,
    /// When it is made.
    pub exported_at: DateTime<Utc>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The checkpoint covers no key that was adopted.
    #[error("the checkpoint covers no key that was adopted")]
    NoKey,
    /// The key that was adopted is none.
    #[error("the key that was adopted is none: {0}")]
    Key(String),
    /// The checkpoint covers no such partnership.
    #[error("there is no such partnership")]
    NoPartnership,
    /// The partnership has more entries than a bundle of one may have.
    #[error(
        "a bundle of one partnership has at most {ENTRIES_MAX} entries and {} MiB of them, and this one \
         has more: export the whole ledger, which has no such bound",
        ENTRIES_BYTES_MAX / (1024 * 1024)
    )]
    TooLarge,
    /// The entries come to more than any bundle has room for.
    #[error("the entries come to more than a bundle has room for: {0}")]
    NoRoom(String),
    /// The figures are to be as true on a date on which they cannot be.
    #[error("{0} has not come, or its year is none from 1 to 9999: no figures are as true on it")]
    On(NaiveDate),
    /// Nobody waits for it any more.
    #[error("it was given up")]
    GivenUp,
    /// The ledger could not be read.
    #[error(transparent)]
    Load(LoadError),
    /// A proof could not be made.
    #[error(transparent)]
    Proof(#[from] LogError),
    /// The bundle could not be written, or would not be verified.
    #[error(transparent)]
    Bundle(BundleError),
}

impl ExportError {
    /// Whether entries, keys and checkpoint do not agree, so that no bundle of them would be verified.
    #[must_use]
    pub const fn is_disagreement(&self) -> bool {
        use BundleError::{Checkpoint, Refused};
        matches!(
            self,
            Self::Key(_) | Self::Bundle(Refused(_) | Checkpoint(_))
        )
    }
}

impl From<BundleError> for ExportError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::On(on) => Self::On(on),
            // What is right may yet be too much.
            BundleError::Refused(Failure {
                kind: Kind::TooLarge,
                detail,
            }) => Self::NoRoom(detail),
            error => Self::Bundle(error),
        }
    }
}

impl From<LoadError> for ExportError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::TooLarge(_) => Self::TooLarge,
            error => Self::Load(error),
        }
    }
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        Self::Load(error.into())
    }
}

/// The keys the ledger adopted up to a position, the oldest first.
///
/// # Errors
/// When the ledger's own stream cannot be read.
pub async fn adopted(
    ledger: &LedgerReader,
    up_to: Option<u64>,
) -> Result<Vec<CheckpointKeyAdopted>, LoadError> {
    let id = StreamId::new(ledger.id().uuid());
    let history = load::history::<LedgerStream>(ledger, id, up_to).await?;
    Ok(history.state(NaiveDate::MAX).checkpoint_keys.clone())
}

/// Writes a bundle. `progress` is told how far it is of how
/// much, and may break it off.
///
/// # Errors
/// When nothing may be written, or nobody waits for it any more.
pub async fn write<W: Write + Seek>(
    out: W,
    ledger: &LedgerReader,
    proven: &Proven,
    what: What,
    mut progress: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<W, ExportError> {
    let size = proven.size();
    let keys = adopted(ledger, Some(size)).await?;
    let key = &keys.last().ok_or(ExportError::NoKey)?.key;
    let key: VerifierKey = key
        .parse()
        .map_err(|error| ExportError::Key(format!("{error}")))?;
    let scope = match what.partnership {
        Some(id) => Scope::Partnership(id),
        None => Scope::Ledger,
    };
    let export = Export {
        scope,
        on: what.on,
        exported_at: what.exported_at,
        checkpoint: proven.signed().note.clone(),
        key,
        schemas: event_schema_files(),
    };
    let mut writer = Writer::new(out, export)?;
    match what.partnership {
        None => {
            let mut entries = 0;
            while entries < size {
                go_on(progress(entries, size))?;
                let page = ledger.read(entries, PAGE).await?;
                if page.is_empty() {
                    // What is missing is told by the root, which is not that of the checkpoint.
                    break;
                }
                for stored in page.iter().filter(|stored| stored.position <= size) {
                    entries = stored.position;
                    writer.entry(&stored.leaf_data)?;
                }
                if page.last().is_some_and(|last| last.position > size) {
                    break;
                }
            }
        }
        Some(id) => {
            let found = of_partnership(ledger, id, what.known, size, &mut progress).await?;
            let total = found.len() as u64;
            for ((position, leaf_data), done) in found.into_iter().zip(0..) {
                go_on(progress(done, total))?;
                let hashes = proven.inclusion(position)?.hashes;
                writer.proven_entry(&leaf_data, hashes)?;
            }
        }
    }
    let replaced = keys.iter().filter_map(|key| key.replaces.as_ref());
    let growth: Result<Vec<_>, _> = replaced.map(|key| proven.consistency(key.size)).collect();
    Ok(writer.finish(&growth?)?)
}

fn go_on(asked: ControlFlow<()>) -> Result<(), ExportError> {
    match asked {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ExportError::GivenUp),
    }
}

/// The entries of a partnership's streams and of those it hangs on, up to a position, in their order;
/// what was announced of it; and what was erased of any of these.
async fn of_partnership(
    ledger: &LedgerReader,
    id: StreamId,
    known: Known,
    size: u64,
    progress: &mut impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<BTreeMap<u64, String>, ExportError> {
    let mut asked = ControlFlow::Continue(());
    let mut tell = |done, total| asked = progress(done, total);
    let Known {
        belonging: found,
        announced,
        ..
    } = all_known(ledger, id, known, &mut tell).await?;
    go_on(asked)?;
    // Its size is learnt before any of it is read: it may be any.
    let most = Extent {
        entries: ENTRIES_MAX,
        bytes: ENTRIES_BYTES_MAX,
    };
    let histories = load::of_partnership_within(ledger, id, found, size, most).await?;
    if !histories.partnerships.contains_key(&id) {
        return Err(ExportError::NoPartnership);
    }
    let own = Stream::new(LedgerStream::TYPE, StreamId::new(ledger.id().uuid()));
    let versions = histories.versions().into_iter();
    let streams = versions.map(|at| Stream::new(at.stream_type, at.id));
    let mut gathered = Gathered::default();
    gathered.room_for(histories.versions().iter().map(|at| at.version).sum())?;
    for stream in streams.chain([own]) {
        gathered.take(ledger, &stream, size).await?;
    }
    gathered.room_for(ledger.extent(&announced, size).await?.entries)?;
    for stream in &announced {
        gathered.take(ledger, stream, size).await?;
    }
    // Erasures stand in a stream for each entry whose texts were sealed.
    for entry in std::mem::take(&mut gathered.sealed) {
        gathered.take(ledger, &stream_of(entry), size).await?;
    }
    Ok(gathered.entries)
}

/// Entries by their positions, never more of them than a partnership's bundle may have.
#[derive(Default)]
struct Gathered {
    entries: BTreeMap<u64, String>,
    bytes: u64,
    /// Those with texts that were sealed.
    sealed: Vec<EntryId>,
}

impl Gathered {
    /// Whether so many more may come, before any of them is read.
    fn room_for(&self, more: u64) -> Result<(), ExportError> {
        if self.entries.len() as u64 + more > ENTRIES_MAX || self.bytes > ENTRIES_BYTES_MAX {
            return Err(ExportError::TooLarge);
        }
        Ok(())
    }

    /// Takes in the entries of a stream up to a position.
    async fn take(
        &mut self,
        ledger: &LedgerReader,
        stream: &Stream,
        up_to: u64,
    ) -> Result<(), ExportError> {
        for stored in ledger.read_stream(stream, Some(up_to)).await? {
            if stored.leaf_data.contains(CIPHERTEXT) {
                let record = stored.record().map_err(LoadError::from)?;
                self.sealed.push(record.entry.entry_id);
            }
            self.add(stored.position, stored.leaf_data)?;
        }
        Ok(())
    }

    fn add(&mut self, position: u64, leaf_data: String) -> Result<(), ExportError> {
        self.bytes += leaf_data.len() as u64 + 1;
        self.room_for(1)?;
        self.entries.insert(position, leaf_data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_bundle_has_room_for_or_no_day_is_no_disagreement_of_the_ledger_with_itself() {
        let refused = |kind| {
            let detail = "it has too many streams".to_owned();
            ExportError::from(BundleError::from(Failure { kind, detail }))
        };
        let large = refused(Kind::TooLarge);
        assert!(!large.is_disagreement());
        assert!(large.to_string().contains("too many streams"), "{large}");
        let on = ExportError::from(BundleError::On(NaiveDate::MAX));
        assert!(!on.is_disagreement());
        assert!(refused(Kind::Root).is_disagreement());
    }

    #[test]
    fn no_more_is_gathered_of_a_partnership_than_its_bundle_may_have() {
        let mut few = Gathered::default();
        assert!(few.room_for(ENTRIES_MAX).is_ok());
        assert!(matches!(
            few.room_for(ENTRIES_MAX + 1),
            Err(ExportError::TooLarge)
        ));
        few.add(1, "an entry".to_owned()).unwrap();
        assert!(matches!(
            few.room_for(ENTRIES_MAX),
            Err(ExportError::TooLarge)
        ));

        let mut long = Gathered {
            bytes: ENTRIES_BYTES_MAX - 10,
            ..Gathered::default()
        };
        long.add(1, "an entry.".to_owned()).unwrap();
        let more = long.add(2, String::new());
        assert!(matches!(more, Err(ExportError::TooLarge)));
        assert_eq!(long.entries.len(), 1, "nothing is held beyond it");
        let told = ExportError::TooLarge.to_string();
        assert!(told.contains("50000 entries and 128 MiB"), "{told}");
    }
}
