//! The head of a ledger, noted outside its database.
//!
//! A database that was restored from an old copy looks like any other. Only something that was kept
//! elsewhere can tell that entries are missing: this note, which the program that appends renews as
//! the ledger grows. A ledger that does not go on from its note is not appended to, for entries
//! would be given positions that others had before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dutyledger_record::{LedgerId, hex};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::error::{OpenError, ReadError};
use crate::file::replace_file;
use crate::reader::LedgerReader;
use crate::store::Head;

/// How long a note may lag behind the ledger.
pub const NOTED_EVERY: Duration = Duration::from_secs(1);

/// How far a ledger went, and what it held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotedHead {
    /// Which ledger.
    pub ledger_id: LedgerId,
    /// The position of its last entry.
    pub position: u64,
    /// The root of the Merkle tree (RFC 6962) over its entries up to there, as 64 hexadecimal
    /// digits.
    pub root: String,
}

/// A head that was kept in a file outside the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptHead {
    /// The file.
    pub file: PathBuf,
    /// As what it was kept.
    pub kept: KeptAs,
    /// The head.
    pub head: NotedHead,
}

/// As what a head was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptAs {
    /// As a note.
    Note,
    /// As a checkpoint that was signed.
    Checkpoint,
}

impl KeptAs {
    /// What to do to go on without entries that are lost for good.
    const fn without(self) -> &'static str {
        match self {
            Self::Note => "run `dutyledger ledger note --accept-loss` to go on without them",
            Self::Checkpoint => {
                "move that checkpoint away to go on without them: then no checkpoint is signed any \
                 more, and whoever watches the ledger sees that it was rolled back"
            }
        }
    }
}

/// Why a ledger is not appended to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoContinuation {
    /// The ledger ends before the position that was noted.
    #[error(
        "the ledger ends at position {found}, and {note} says that it went to {noted}: put back a \
         newer copy. If positions {} to {noted} are lost for good, {}",
        found + 1, kept.without()
    )]
    Behind {
        /// As what the head was kept.
        kept: KeptAs,
        /// The file it was kept in.
        note: String,
        /// The position it has.
        noted: u64,
        /// Where the ledger ends.
        found: u64,
    },
    /// The ledger holds other entries than those noted.
    #[error(
        "the entries up to position {noted} are not those that {note} was made of: this is another \
         copy of the ledger, or it was changed. Put back the right one; `dutyledger ledger verify` \
         tells whether this one is whole in itself"
    )]
    Other {
        /// The file the head was kept in.
        note: String,
        /// The position it has.
        noted: u64,
    },
    /// The database lacks a part of what its own head speaks of.
    #[error(
        "the head says that the ledger goes to position {last}, and position {position} is not there or \
         has another root: only a part of it was put back or copied. Put back the whole, or let `dutyledger \
         ledger copy` come to its end; `dutyledger ledger verify` tells what is missing"
    )]
    InPart {
        /// The position of the head.
        last: u64,
        /// The first position that was looked for and not found.
        position: u64,
    },
    /// The note is of another ledger.
    #[error("{note} is of ledger {noted}, and this is ledger {found}: name the right file")]
    OtherLedger {
        /// The file the head was kept in.
        note: String,
        /// The ledger it is of.
        noted: LedgerId,
        /// This ledger.
        found: LedgerId,
    },
}

/// Whether a database has what its own head speaks of, as far as its ends show: of one that was put back
/// in part, the tables that came say nothing of the one that did not. A copy that was not brought to its
/// end lacks the root at its head.
pub(crate) async fn check_whole(head: &Head, ledger: &LedgerReader) -> Result<(), OpenError> {
    let last = head.position;
    if last == 0 {
        return Ok(());
    }
    for position in [1, last] {
        let found = ledger.read(position - 1, 1).await;
        let found = found.map_err(OpenError::database)?;
        if found.first().is_none_or(|entry| entry.position != position) {
            return Err(NoContinuation::InPart { last, position }.into());
        }
    }
    let root = ledger.root(last).await.map_err(OpenError::database)?;
    if root != Some(head.frontier.root()) {
        return Err(NoContinuation::InPart {
            last,
            position: last,
        }
        .into());
    }
    Ok(())
}

impl From<&Head> for NotedHead {
    fn from(head: &Head) -> Self {
        Self {
            ledger_id: head.ledger,
            position: head.position,
            root: hex(&head.frontier.root()),
        }
    }
}

impl NotedHead {
    /// The head of a ledger as it is now.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn of(ledger: &LedgerReader) -> Result<Option<Self>, ReadError> {
        Ok(ledger.last_root().await?.map(|(position, root)| Self {
            ledger_id: ledger.id(),
            position,
            root: hex(&root),
        }))
    }

    /// Reads a note; none where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or is no note.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{} is not the note of a head: {error}", path.display()),
                )
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a note, in the place of an older one. Whoever reads it finds one or the other whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        replace_file(path, (serde_json::to_string(self)? + "\n").as_bytes())
    }

    /// Whether a ledger goes on from this note.
    ///
    /// # Errors
    /// When it does not, or cannot be read.
    pub async fn check(&self, path: &Path, ledger: &LedgerReader) -> Result<(), OpenError> {
        let kept = KeptHead {
            file: path.to_owned(),
            kept: KeptAs::Note,
            head: self.clone(),
        };
        kept.check(ledger).await
    }
}

impl KeptHead {
    /// The head that is noted in a file; none where there is no file.
    pub(crate) fn noted(file: PathBuf) -> io::Result<Option<Self>> {
        let head = NotedHead::read(&file)?;
        Ok(head.map(|head| Self {
            file,
            kept: KeptAs::Note,
            head,
        }))
    }

    /// That the ledger ends before it.
    pub(crate) fn behind(&self, found: u64) -> NoContinuation {
        NoContinuation::Behind {
            kept: self.kept,
            note: self.file.display().to_string(),
            noted: self.head.position,
            found,
        }
    }

    /// Whether a ledger goes on from it.
    pub(crate) async fn check(&self, ledger: &LedgerReader) -> Result<(), OpenError> {
        let note = self.file.display().to_string();
        if self.head.ledger_id != ledger.id() {
            return Err(NoContinuation::OtherLedger {
                note,
                noted: self.head.ledger_id,
                found: ledger.id(),
            }
            .into());
        }
        let noted = self.head.position;
        let found = ledger.last_position().await.map_err(OpenError::database)?;
        if found < noted {
            return Err(self.behind(found).into());
        }
        let root = ledger.root(noted).await.map_err(OpenError::database)?;
        if root.map(|root| hex(&root)).as_ref() != Some(&self.head.root) {
            return Err(NoContinuation::Other { note, noted }.into());
        }
        Ok(())
    }
}

/// The file a ledger's own head is noted in, as its writer knows it. The database is not asked: it may
/// have been put back meanwhile, and then the note tells what is missing.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    path: PathBuf,
    known: watch::Receiver<Head>,
    /// What was written last. One head at a time is written: a write goes on when the task that asked
    /// for it is gone, and must not come after a newer one's.
    written: Arc<tokio::sync::Mutex<Option<NotedHead>>>,
    /// Why it could not be written the last time.
    trouble: Arc<Mutex<Option<String>>>,
}

impl Note {
    pub(crate) fn new(path: PathBuf, known: watch::Receiver<Head>) -> Self {
        Self {
            path,
            known,
            written: Arc::default(),
            trouble: Arc::default(),
        }
    }

    /// Why the head could not be noted the last time that was tried.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.last_trouble().clone()
    }

    fn last_trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the note, if the head is not the one that was written last. Tells whether it could.
    pub(crate) async fn renew(&self) -> bool {
        let trouble = self.write().await.err();
        if let Some(error) = &trouble {
            tracing::error!(error, note = %self.path.display(), "the head was not noted");
        }
        let renewed = trouble.is_none();
        *self.last_trouble() = trouble;
        renewed
    }

    async fn write(&self) -> Result<(), String> {
        let mut written = Arc::clone(&self.written).lock_owned().await;
        let head = NotedHead::from(&*self.known.borrow());
        if written.as_ref() == Some(&head) {
            return Ok(());
        }
        let path = self.path.clone();
        let wrote = tokio::task::spawn_blocking(move || {
            head.write(&path)?;
            *written = Some(head);
            Ok::<_, io::Error>(())
        });
        let wrote = wrote.await.map_err(|e| e.to_string())?;
        wrote.map_err(|e| e.to_string())
    }
}

/// Renews a note as the ledger grows, until the ledger is closed. A note that could not be written
/// is tried again.
pub(crate) async fn keep(mut note: Note) {
    loop {
        note.known.mark_unchanged();
        let renewed = note.renew().await;
        tokio::time::sleep(NOTED_EVERY).await;
        // Where the writer is gone, nobody closed the ledger.
        let gone = match renewed {
            true => note.known.changed().await.is_err(),
            false => note.known.has_changed().is_err(),
        };
        if gone {
            return;
        }
    }
}
