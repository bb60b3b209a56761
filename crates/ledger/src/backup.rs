//! Copying a ledger's file while it is being appended to.

use std::path::Path;

use sqlx::Connection;

use crate::error::OpenError;
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
        return Err(OpenError::Io(std::io::Error::new(
            std::io::ErrorKind::AlreadyExists,
            format!("{} is there already", to.display()),
        )));
    }
    let mut conn = LEDGER.reader(&ledger).await?;
    let target = to.to_str().ok_or_else(|| {
        OpenError::Io(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
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
    std::fs::File::open(to)?.sync_all()?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}
