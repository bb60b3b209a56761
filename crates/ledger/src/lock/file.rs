//! A lock on the database file itself, so that it has one owner however many names it has.
//!
//! It is an flock, which on Linux has nothing to do with the fcntl locks that SQLite takes. But a
//! process that closes any handle to a file loses all its fcntl locks on it, SQLite's included. So
//! a handle, once opened, is only unlocked: it stays open until the process ends or the file has no
//! name left.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{LockError, Owner};

/// What the file is, whatever it is called: its device and its number there.
type Inode = (u64, u64);

/// A file this process owns or has tried to own.
struct Handle {
    file: File,
    owned: bool,
}

static HANDLES: Mutex<BTreeMap<Inode, Handle>> = Mutex::new(BTreeMap::new());

/// The lock. It is released when dropped, and by the kernel when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct FileLock(Inode);

impl FileLock {
    /// Takes the lock of the file at `path`, which is made if it is not there.
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        let mut handles = handles();
        // A file without a name cannot be opened by anyone else, so its locks no longer matter.
        handles.retain(|_, one| one.owned || one.file.metadata().is_ok_and(|m| m.nlink() > 0));
        let inode = open(&mut handles, path).map_err(LockError::Io)?;
        let Some(handle) = handles.get_mut(&inode) else {
            return Err(LockError::Owned(None));
        };
        if handle.owned {
            let pid = process::id();
            return Err(LockError::Owned(Some(Owner { pid, address: None })));
        }
        match handle.file.try_lock() {
            Ok(()) => handle.owned = true,
            Err(TryLockError::WouldBlock) => return Err(LockError::Owned(None)),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        Ok(Self(inode))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Some(handle) = handles().get_mut(&self.0) {
            match handle.file.unlock() {
                Ok(()) => handle.owned = false,
                // It stays owned, and nobody opens it before this process ends.
                Err(error) => tracing::error!(%error, "the ledger file was not unlocked"),
            }
        }
    }
}

/// Finds the handle to the file at `path`, or opens one.
fn open(handles: &mut BTreeMap<Inode, Handle>, path: &Path) -> io::Result<Inode> {
    if let Ok(found) = path.metadata()
        && handles.contains_key(&inode(&found))
    {
        return Ok(inode(&found));
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        // As SQLite makes it.
        .mode(0o644)
        .open(path)?;
    let inode = inode(&file.metadata()?);
    match handles.entry(inode) {
        Entry::Vacant(place) => {
            place.insert(Handle { file, owned: false });
        }
        // The path came to mean another known file just now; closing this would cost its locks.
        Entry::Occupied(_) => mem::forget(file),
    }
    Ok(inode)
}

fn inode(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

fn handles() -> MutexGuard<'static, BTreeMap<Inode, Handle>> {
    // Nothing panics while it holds this.
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner)
}
