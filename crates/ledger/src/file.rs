//! Small files outside the databases.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, PoisonError};

/// Replaces a file durably: either whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One at a time in this process, and each process under a name of its own: two that write one
    // file would leave a mixture.
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let new = beside(path, &format!(".{}.new", process::id()));
    let replaced = write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if let Err(error) = replaced {
        // Another process has another name, and would leave it for good. What is told is why.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_name(path)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a file for a secret, which nobody but its owner may read, durably. One that is there is
/// left alone.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub fn create_secret_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_name(path)
}

/// A file that one opener has at a time, here or in another process. The operating system lets go
/// of it when the process ends, however it ends. The file stays: removing it would let two hold it
/// at once.
#[derive(Debug)]
pub struct LockFile(File);

impl LockFile {
    /// Takes the lock, and makes the file if it is new.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when another has it; otherwise when the file cannot
    /// be opened.
    pub fn take(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            // Until the lock is ours, what the file says is another's.
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Not only closed: a program this process is about to start has the file open too until it
        // runs, and would hold the lock that long. If it fails, closing lets go of it then.
        let _ = self.0.unlock();
    }
}

/// The file beside another whose name is longer by an ending.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Makes a file's name durable, which it is with its folder.
///
/// # Errors
/// When the folder cannot be synced.
pub fn sync_name(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_replaced_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        // No file takes the place of a folder.
        fs::create_dir(&path).unwrap();
        replace_file(&path, b"new").unwrap_err();
        let left = fs::read_dir(folder.path()).unwrap();
        let left: Vec<_> = left.map(|one| one.unwrap().path()).collect();
        assert_eq!(left, [path]);
    }

    #[test]
    fn a_lock_that_was_let_go_is_free_while_a_program_being_started_still_has_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = LockFile::take(&path).unwrap();
        // What a fork gives a child, until the child runs its program.
        let _inherited = lock.file().try_clone().unwrap();
        let refused = LockFile::take(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(lock);
        LockFile::take(&path).unwrap();
    }
}
