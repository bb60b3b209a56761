//! API keys, and the keys of sealed texts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use dutyledger_domain::streams::erasure::ErasureGround;
use dutyledger_record::PrincipalKind;

use super::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Issue a key. It is shown once.
    Issue(IssueSettings),
    /// Revoke a key.
    Revoke(RevokeSettings),
    /// List the keys, without their secrets.
    List(Place),
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Write every wrapped key to a file, apart from the ledger's backups. Servers may run meanwhile.
    Backup(VaultBackupSettings),
    /// Bring back keys from a backup, save those of erased texts. Stop the server of a file first.
    Restore(VaultRestoreSettings),
    /// Put a new master key in the place of the one there is. Stop every server first.
    RotateMaster(Place),
}

#[derive(Debug, Args)]
pub(crate) struct VaultBackupSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The file to write; it must not be there yet.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct VaultRestoreSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The backup.
    pub(crate) file: PathBuf,
    /// The master key's file of the backup, where it was changed since.
    #[arg(long)]
    pub(crate) backup_master_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EraseSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The entry's id.
    pub(crate) entry_id: uuid::Uuid,
    /// The JSON pointer of a sealed member within the record, such as /payload/reason; may be given
    /// several times. All of the entry's where left out.
    #[arg(long = "member", value_name = "POINTER")]
    pub(crate) members: Vec<String>,
    /// Why: no-longer-needed, retention-ended, consent-withdrawn, objection-upheld,
    /// unlawfully-processed, legal-obligation or recorded-by-mistake.
    #[arg(long, value_parser = ground)]
    pub(crate) ground: ErasureGround,
}

/// Reads why something is erased.
fn ground(word: &str) -> Result<ErasureGround, String> {
    serde_json::from_value(word.replace('-', "_").into())
        .map_err(|_| "this is no ground for erasing: see --help".to_owned())
}

/// The kinds of principal a key may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// An authority in its capacity; --for names it.
    Authority,
    /// A partnership's coordinator; --for names the partnership.
    Coordinator,
    /// A local policing body; --for names it.
    LocalPolicingBody,
    /// The Secretary of State.
    SecretaryOfState,
    /// The Welsh Ministers.
    WelshMinisters,
    /// An inspectorate.
    Inspectorate,
    /// An auditor.
    Auditor,
    /// An operator.
    Operator,
}

impl From<Kind> for PrincipalKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Authority => Self::Authority,
            Kind::Coordinator => Self::Coordinator,
            Kind::LocalPolicingBody => Self::LocalPolicingBody,
            Kind::SecretaryOfState => Self::SecretaryOfState,
            Kind::WelshMinisters => Self::WelshMinisters,
            Kind::Inspectorate => Self::Inspectorate,
            Kind::Auditor => Self::Auditor,
            Kind::Operator => Self::Operator,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct IssueSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind of principal.
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// The authority or partnership it is bound to.
    #[arg(long = "for")]
    pub(crate) principal: Option<uuid::Uuid>,
    /// What it is for. Names no person.
    #[arg(long)]
    pub(crate) label: String,
    /// In how many days it expires.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=1095))]
    pub(crate) days: u16,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The key's id (not the key itself).
    pub(crate) key_id: uuid::Uuid,
}
