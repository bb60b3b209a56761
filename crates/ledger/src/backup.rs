//! Copying a ledger's file while it is being appended to.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use sqlx::Connection;

use crate::error::OpenError;
use crate::file::{beside, sync_name};
use crate::lock::true_path;
use crate::sqlite::LEDGER;

/// Writes a copy of the ledger in a file, as it is at one moment, to a file that is not there yet.
/// Whoever appends goes on meanwhile. The copy is durable once this answers.
///
/// The keys of sealed texts are not in it, nor is the master key.
///
/// # Errors
/// When the file is no ledger, the other file is there already, or cannot be written.
pub async fn backup(ledger: &Path, to: &Path) -> Result<(), OpenError> {
    let ledger = true_path(ledger)?;
    if to.exists() {
        return Err(OpenError::Io(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is there already", to.display()),
        )));
    }
    // Under another name until it is whole. One that was killed may have left some.
    let part = beside(to, ".part");
    remove(&part)?;
    let copied = copy(&ledger, &part).await;
    let moved = copied.and_then(|()| {
        fs::rename(&part, to)?;
        Ok(sync_name(to)?)
    });
    if moved.is_err() {
        remove(&part)?;
    }
    moved
}

/// Writes the copy, durably.
async fn copy(ledger: &Path, to: &Path) -> Result<(), OpenError> {
    let mut conn = LEDGER.reader(ledger).await?;
    let target = to.to_str().ok_or_else(|| {
        OpenError::Io(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the name of the copy is not UTF-8",
        ))
    })?;
    sqlx::query("VACUUM INTO ?1")
        .bind(target)
        .execute(&mut conn)
        .await
        .map_err(OpenError::database)?;
    conn.close().await.map_err(OpenError::database)?;
    // SQLite does not sync a file it vacuums into.
    Ok(File::open(to)?.sync_all()?)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
