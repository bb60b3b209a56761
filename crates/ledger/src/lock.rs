//! One process owns a ledger file: a lock beside it, which says who, and a lock on the file itself,
//! which holds whatever the file is called. Both are held for as long as the ledger is open.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(target_os = "linux")]
mod file;
#[cfg(not(target_os = "linux"))]
mod file {
    //! Elsewhere an flock would shut out SQLite's own locks.

    /// Nothing.
    #[derive(Debug)]
    pub(super) struct FileLock;

    impl FileLock {
        pub(super) fn take(_: &std::path::Path) -> Result<Self, super::LockError> {
            Ok(Self)
        }
    }
}

use file::FileLock;

use crate::file::{LockFile, beside};

/// How often and how far apart an opener tries: whoever asks for the owner holds the lock for an
/// instant, and that must not look like ownership.
const ATTEMPTS: u32 = 5;
/// The same where the owner is this process: a ledger that was dropped is let go of once its writer
/// has ended, which is not waited for.
const ATTEMPTS_OF_OURS: u32 = 50;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// The process that has a ledger open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Where it serves, once it has announced it.
    pub address: Option<String>,
}

impl Owner {
    /// The owner of the ledger at `path`, if a process has it open.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let path = lock_path(path).ok()?;
        let file = File::open(&path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Self::read(&path),
            // Nobody holds it: what the file says is left over from a process that died.
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.parse().ok()?;
        Some(Self {
            pid,
            address: lines.next().map(str::to_owned),
        })
    }
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another opener holds it. It is unnamed if it has not written its name yet.
    Owned(Option<Owner>),
    Io(io::Error),
}

/// The lock. It is released when dropped, and by the kernel when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct OwnerLock(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    /// The lock on the file itself; dropped first.
    _file: FileLock,
    /// The lock beside it.
    beside: LockFile,
}

impl OwnerLock {
    /// Takes the lock of the ledger at a path.
    pub(crate) async fn take(ledger: &Path) -> Result<Self, LockError> {
        let path = lock_path(ledger).map_err(LockError::Io)?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match LockFile::take(&path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                taken => return Self::named(ledger, taken.map_err(LockError::Io)?),
            }
            let owner = Owner::read(&path);
            let ours = owner.as_ref().is_some_and(|one| one.pid == process::id());
            if attempt >= if ours { ATTEMPTS_OF_OURS } else { ATTEMPTS } {
                return Err(LockError::Owned(owner));
            }
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    fn named(ledger: &Path, beside: LockFile) -> Result<Self, LockError> {
        let held = Held {
            _file: FileLock::take(ledger)?,
            beside,
        };
        let lock = Self(Mutex::new(Some(held)));
        lock.write(&format!("{}\n", process::id()))
            .map_err(LockError::Io)?;
        Ok(lock)
    }

    /// Writes where the owner serves, for [`Owner::of`] to find.
    pub(crate) fn announce(&self, address: &str) -> io::Result<()> {
        if address.is_empty() || address.contains(char::is_control) {
            let why = "an address is one line of text";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        self.write(&format!("{}\n{address}\n", process::id()))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let guard = self.held();
        let Some(held) = guard.as_ref() else {
            return Err(io::Error::other("the ledger is closed"));
        };
        let mut file = held.beside.file();
        // Written over what is there and cut afterwards, so that a reader always finds a pid.
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        // A usize is at most 64 bits wide on every platform Rust has.
        file.set_len(text.len() as u64)
    }

    /// Releases the lock.
    pub(crate) fn release(&self) {
        if let Some(held) = self.held().take() {
            // A name left behind does no harm: it counts only while the lock is held.
            let _ = held.beside.file().set_len(0);
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        // Nothing panics while it holds this, and a file handle cannot be half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        self.release();
    }
}

/// `<path>.lock`, the same however the file is reached.
fn lock_path(path: &Path) -> io::Result<PathBuf> {
    Ok(beside(&true_path(path)?, ".lock"))
}

/// The path with every symbolic link followed, for a file that may not exist yet.
pub(crate) fn true_path(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = std::path::absolute(path)?;
            match (path.parent(), path.file_name()) {
                (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
                _ => Err(error),
            }
        }
        found => found,
    }
}
