//! Small files outside the databases.

use std::fs::{self, File, OpenOptions};
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
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", process::id()));
    let new = PathBuf::from(name);
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_name(path)
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

/// Makes a file's name durable, which it is with its folder.
///
/// # Errors
/// When the folder cannot be synced.
pub fn sync_name(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
