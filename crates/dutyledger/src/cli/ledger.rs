//! Verifying, copying and backing up a ledger.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dutyledger_proofs::VerifierKey;

use super::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Verify every entry: positions, versions, hashes, the Merkle tree. A server may run meanwhile.
    Verify(VerifySettings),
    /// Copy the ledger to another database, everything hashed unchanged. Stop the server first.
    /// Copying again goes on where it was interrupted.
    Copy(CopySettings),
    /// Write a copy of a ledger's file while a server runs. (For PostgreSQL, use pg_dump.)
    Backup(BackupSettings),
    /// Note the ledger's head outside its database, where the note is missing.
    Note(NoteSettings),
}

#[derive(Debug, Args)]
pub(crate) struct VerifySettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A checkpoint that was kept elsewhere, such as the file of a watch, to compare the ledger with:
    /// whoever changed an entry and computed everything anew is found so. May be given again.
    #[arg(long, value_name = "FILE", requires = "trusted_key")]
    pub(crate) kept: Vec<PathBuf>,
    /// The folder of hashes that was kept with the newest of these checkpoints: with it every entry
    /// that was changed is named.
    #[arg(long, value_name = "FOLDER", requires = "kept")]
    pub(crate) kept_tiles: Option<PathBuf>,
    /// A key of the ledger that is trusted to have signed them; one that was replaced, up to its last
    /// checkpoint. May be given again.
    #[arg(long)]
    pub(crate) trusted_key: Vec<VerifierKey>,
}

#[derive(Debug, Args)]
pub(crate) struct CopySettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where to: sqlite:<path> or postgres://…, prepared by `dutyledger migrate`.
    pub(crate) to: String,
}

#[derive(Debug, Args)]
pub(crate) struct BackupSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The file to write; it must not be there yet.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct NoteSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Replace a note that the ledger does not go on from: entries after its head are given up.
    #[arg(long)]
    pub(crate) accept_loss: bool,
}
