//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, Utc};
use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand, ValueEnum};

use dutyledger_application::{Checkpoints, Home};
use dutyledger_domain::streams::erasure::ErasureGround;
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_ledger::Place as Database;
use dutyledger_notifications::{Connection, Credentials};
use dutyledger_proofs::VerifierKey;
use dutyledger_record::{PrincipalKind, StreamId};

use crate::exit::Failure;

/// How often a checkpoint is signed, in seconds, where nothing else is said.
const SIGNED_EVERY_SECONDS: u32 = 60;

/// The record of the Serious Violence Duty.
#[derive(Debug, Parser)]
#[command(version, about, after_help = crate::exit::HELP)]
pub(crate) struct Cli {
    /// Write answers as JSON on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write the log as JSON lines.
    #[arg(long, global = true, env = "DUTYLEDGER_LOG_JSON")]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the REST API.
    Serve(ServeSettings),
    /// Serve a sandbox with three partnerships' histories, to try things out.
    Demo(DemoSettings),
    /// Record a history file: through the running server if one holds the ledger.
    Import(ImportSettings),
    /// Issue, revoke and list API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Prepare a PostgreSQL database, or bring it up to date, under the role that owns it.
    Migrate(MigrateSettings),
    /// Verify, copy and back up the ledger.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Erase sealed texts of an entry for good: through the running server if one holds the ledger.
    Erase(EraseSettings),
    /// Look after the keys of sealed texts.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Ask what was true and what was known, what changed, why, and what the log holds: on the
    /// database or a copy of it, while a server runs or offline. Nothing is recorded.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look after the projections.
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// Put right what the notifications stand still for.
    #[command(subcommand)]
    Notifications(NotificationsCommand),
    /// Receive notifications: each once and in order, as JSON lines or by a command for each.
    Subscribe(SubscribeSettings),
    /// Write the schemas that others build against.
    Schemas(SchemaSettings),
}

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
pub(crate) enum LedgerCommand {
    /// Verify every entry: positions, versions, hashes, the Merkle tree. A server may run meanwhile.
    Verify(Place),
    /// Copy the ledger to another database, everything hashed unchanged. Stop the server first.
    /// Copying again goes on where it was interrupted.
    Copy(CopySettings),
    /// Write a copy of a ledger's file while a server runs. (For PostgreSQL, use pg_dump.)
    Backup(BackupSettings),
    /// Note the ledger's head outside its database, where the note is missing.
    Note(NoteSettings),
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

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// What was true on a date, as known at a position or an instant.
    Replay(ReplaySettings),
    /// What changed between two moments.
    Diff(DiffSettings),
    /// Why something stands as it does, and why a command was refused.
    #[command(subcommand)]
    Explain(ExplainCommand),
    /// Search the log.
    Search(SearchSettings),
    /// Make a key that signs checkpoints, and record that the ledger adopts it, in place of the one
    /// there is. Stop every server first.
    NewKey(CheckpointSettings),
    /// Sign a checkpoint of all there is, where no server does, and write it.
    Checkpoint(CheckpointSettings),
    /// Write the proof that an entry is in the ledger, up to the newest checkpoint.
    Prove(ProveSettings),
    /// Write a bundle for an inspection: the ledger, or one partnership, up to the newest checkpoint.
    /// `dutyledger-verify` checks it anywhere.
    Export(ExportSettings),
    /// Watch a ledger's checkpoints from another machine, and end with code 8 if it was rolled back
    /// or forked.
    Watch(WatchSettings),
}

/// Where the checkpoints are, and what they are made with.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckpointFiles {
    /// The file of the key that signs checkpoints.
    #[arg(long, env = "DUTYLEDGER_SIGNING_KEY_FILE")]
    pub(crate) signing_key_file: Option<PathBuf>,
    /// The file of the newest checkpoint.
    #[arg(long, env = "DUTYLEDGER_CHECKPOINT_FILE")]
    pub(crate) checkpoint_file: Option<PathBuf>,
    /// The folder of the hashes that checkpoints and proofs are made of.
    #[arg(long, env = "DUTYLEDGER_TILES")]
    pub(crate) tiles: Option<PathBuf>,
}

impl CheckpointFiles {
    /// The files, beside the noted head where they are not named.
    pub(crate) fn of(&self, home: &Home) -> Checkpoints {
        let usual = home.checkpoints();
        let named = |file: &Option<PathBuf>, usual| file.clone().unwrap_or(usual);
        Checkpoints {
            signing_key: named(&self.signing_key_file, usual.signing_key),
            newest: named(&self.checkpoint_file, usual.newest),
            tiles: named(&self.tiles, usual.tiles),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) files: CheckpointFiles,
}

#[derive(Debug, Args)]
pub(crate) struct ProveSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) files: CheckpointFiles,
    /// The entry.
    pub(crate) entry_id: uuid::Uuid,
}

#[derive(Debug, Args)]
pub(crate) struct ExportSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) files: CheckpointFiles,
    /// The file to write; it must not be there yet.
    pub(crate) file: PathBuf,
    /// Only this partnership, each entry with its proof. The whole ledger where left out.
    #[arg(long)]
    pub(crate) partnership: Option<StreamId>,
    /// The date the report's figures are true on; today where left out.
    #[arg(long)]
    pub(crate) on: Option<NaiveDate>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchSettings {
    /// The address of the log, such as https://dutyledger.example/log.
    #[arg(long)]
    pub(crate) log: String,
    /// The ledger's key, as somebody you trust gave it to you.
    #[arg(long)]
    pub(crate) trusted_key: VerifierKey,
    /// The file of the last checkpoint that was trusted.
    #[arg(long)]
    pub(crate) state: PathBuf,
    /// Look again every so many seconds, until something is wrong. Once where left out.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) every: Option<u32>,
}

/// What a replay is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplayOf {
    /// A partnership's own record.
    Partnership,
    /// A strategy.
    Strategy,
    /// A partnership's obligations.
    Obligations,
    /// A partnership's reviews that are due or overdue.
    Reviews,
    /// A partnership's direction triggers.
    Triggers,
}

/// As of when.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MomentSettings {
    /// As true on this date; today where left out.
    #[arg(long)]
    pub(crate) on: Option<NaiveDate>,
    /// As known when the ledger ended at this position; now where left out.
    #[arg(long, conflicts_with = "known_by")]
    pub(crate) known_at: Option<u64>,
    /// As known at this instant, such as 2026-03-31T12:00:00Z.
    #[arg(long)]
    pub(crate) known_by: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplaySettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) moment: MomentSettings,
    /// What it is of.
    #[arg(value_enum)]
    pub(crate) of: ReplayOf,
    /// The partnership, or the strategy.
    pub(crate) id: StreamId,
}

#[derive(Debug, Args)]
pub(crate) struct DiffSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The partnership.
    pub(crate) id: StreamId,
    /// The first moment: as true on this date.
    #[arg(long)]
    pub(crate) from_on: NaiveDate,
    /// The first moment: as known at this position; as at the second where left out.
    #[arg(long, conflicts_with = "from_known_by")]
    pub(crate) from_known_at: Option<u64>,
    /// The first moment: as known at this instant.
    #[arg(long)]
    pub(crate) from_known_by: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub(crate) to: MomentSettings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExplainCommand {
    /// Why an obligation stands as it does.
    Obligation(ExplainObligationSettings),
    /// Why a direction trigger is shown.
    Trigger(ExplainTriggerSettings),
    /// Why a command was refused: it is decided again, as known at the position its answer named.
    Refusal(ExplainRefusalSettings),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainObligationSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) moment: MomentSettings,
    /// The partnership.
    pub(crate) id: StreamId,
    /// The row, such as.
    pub(crate) rule: String,
    /// The obligation of this authority, where each is looked at for itself.
    #[arg(long)]
    pub(crate) authority: Option<StreamId>,
    /// The obligation about this strategy or case.
    #[arg(long)]
    pub(crate) about: Option<StreamId>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainTriggerSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) moment: MomentSettings,
    /// The partnership.
    pub(crate) id: StreamId,
    /// The trigger's id.
    pub(crate) trigger: uuid::Uuid,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainRefusalSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A file with the command and what its answer named: the body of `POST /v1/audit/refusals`.
    pub(crate) file: PathBuf,
}

/// How found entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FoundFormat {
    /// As lines to read.
    Text,
    /// As JSON, one entry a line.
    JsonLines,
    /// As a list for spreadsheets, in which no text is taken for a formula.
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct SearchSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Entries that concern this partnership.
    #[arg(long)]
    pub(crate) partnership: Option<StreamId>,
    /// Entries that this authority recorded, that were recorded for it, or that name it.
    #[arg(long)]
    pub(crate) authority: Option<StreamId>,
    /// Entries of this event, such as StrategyAdopted.
    #[arg(long)]
    pub(crate) event: Option<String>,
    /// Entries that cite this row.
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Entries that this kind of principal recorded.
    #[arg(long, value_enum)]
    pub(crate) principal_kind: Option<Kind>,
    /// Entries that this principal recorded.
    #[arg(long)]
    pub(crate) principal: Option<StreamId>,
    /// Entries of one thing the caller was doing.
    #[arg(long)]
    pub(crate) correlation_id: Option<uuid::Uuid>,
    /// Entries that happened on this date or later.
    #[arg(long)]
    pub(crate) occurred_from: Option<NaiveDate>,
    /// Entries that happened on this date or earlier.
    #[arg(long)]
    pub(crate) occurred_until: Option<NaiveDate>,
    /// Entries recorded at this instant or later.
    #[arg(long)]
    pub(crate) recorded_from: Option<DateTime<Utc>>,
    /// Entries recorded at this instant or earlier.
    #[arg(long)]
    pub(crate) recorded_until: Option<DateTime<Utc>>,
    /// How they are written.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: FoundFormat,
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

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectionsCommand {
    /// Make the projections anew from the ledger. Stop the server first.
    Rebuild(Place),
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotificationsCommand {
    /// Leave the stream in NATS as it is, under retired subjects, and fill one of the next generation
    /// from the ledger. Servers may run meanwhile.
    Rebuild(NotificationsSettings),
    /// Publish again what the stream in NATS lost: it was wiped, or restored from an old copy. Servers
    /// may run meanwhile.
    Refill(NotificationsSettings),
}

#[derive(Debug, Args)]
pub(crate) struct NotificationsSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) nats: NatsSettings,
    #[command(flatten)]
    pub(crate) stream: StreamSettings,
}

/// The stream that a relay makes and watches over.
#[derive(Clone, Debug, Args)]
pub(crate) struct StreamSettings {
    /// On how many servers of a NATS cluster a new stream is kept.
    #[arg(long, env = "DUTYLEDGER_NATS_REPLICAS", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=5))]
    pub(crate) nats_replicas: u32,
    /// The file, outside NATS, in which it is noted what was published. A stream that does not go as
    /// far lost something, and is not published to before somebody has looked at it.
    #[arg(long, env = "DUTYLEDGER_NOTED_STREAM_FILE")]
    pub(crate) noted_stream_file: Option<PathBuf>,
}

impl StreamSettings {
    /// The file of the note: beside that of the noted head.
    pub(crate) fn noted(&self, home: &Home) -> PathBuf {
        let usual = || {
            let beside = home.noted_head.with_extension("");
            beside.with_extension("noted-stream.json")
        };
        self.noted_stream_file.clone().unwrap_or_else(usual)
    }
}

/// How NATS is reached.
#[derive(Clone, Args)]
pub(crate) struct NatsSettings {
    /// The servers of NATS, with commas between them: nats://<host>:<port>, or tls:// for an encrypted
    /// connection. Without it there are no notifications.
    #[arg(long, env = "DUTYLEDGER_NATS_URL", hide_env_values = true)]
    pub(crate) nats_url: Option<String>,
    /// The user.
    #[arg(long, env = "DUTYLEDGER_NATS_USER", requires = "nats_password")]
    pub(crate) nats_user: Option<String>,
    /// The user's password. Better in the environment than here, where other users see it.
    #[arg(
        long,
        env = "DUTYLEDGER_NATS_PASSWORD",
        hide_env_values = true,
        requires = "nats_user"
    )]
    pub(crate) nats_password: Option<String>,
    /// A token. Better in the environment than here, where other users see it.
    #[arg(
        long,
        env = "DUTYLEDGER_NATS_TOKEN",
        hide_env_values = true,
        conflicts_with = "nats_user"
    )]
    pub(crate) nats_token: Option<String>,
    /// The file with the seed of an nkey.
    #[arg(long, env = "DUTYLEDGER_NATS_NKEY_FILE", conflicts_with_all = ["nats_user", "nats_token"])]
    pub(crate) nats_nkey_file: Option<PathBuf>,
    /// A credentials file: a JWT with the seed of its nkey.
    #[arg(long, env = "DUTYLEDGER_NATS_CREDS_FILE",
          conflicts_with_all = ["nats_user", "nats_token", "nats_nkey_file"])]
    pub(crate) nats_creds_file: Option<PathBuf>,
    /// The certificates that the server's is checked against; the system's where left out.
    #[arg(long, env = "DUTYLEDGER_NATS_CA_FILE")]
    pub(crate) nats_ca_file: Option<PathBuf>,
    /// Our own certificate, where the server asks for one.
    #[arg(long, env = "DUTYLEDGER_NATS_CERT_FILE", requires = "nats_key_file")]
    pub(crate) nats_cert_file: Option<PathBuf>,
    /// The key of our own certificate.
    #[arg(long, env = "DUTYLEDGER_NATS_KEY_FILE", requires = "nats_cert_file")]
    pub(crate) nats_key_file: Option<PathBuf>,
    /// Allow a connection to another machine that is not encrypted.
    #[arg(long, env = "DUTYLEDGER_NATS_ALLOW_PLAIN")]
    pub(crate) nats_allow_plain: bool,
    /// What the subjects that answers come on begin with, where permissions ask for one of its own.
    #[arg(long, env = "DUTYLEDGER_NATS_INBOX_PREFIX")]
    pub(crate) nats_inbox_prefix: Option<String>,
}

impl std::fmt::Debug for NatsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Passwords, tokens and addresses stay out of every log.
        f.debug_struct("NatsSettings").finish_non_exhaustive()
    }
}

impl NatsSettings {
    /// How NATS is reached, where it is at all.
    pub(crate) fn connection(&self, name: &str) -> Result<Option<Connection>, Failure> {
        let Some(url) = self.nats_url.clone().filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        let credentials = match (
            (&self.nats_user, &self.nats_password),
            &self.nats_token,
            &self.nats_nkey_file,
            &self.nats_creds_file,
        ) {
            ((Some(user), Some(password)), ..) => Credentials::User {
                user: user.clone(),
                password: password.clone(),
            },
            (_, Some(token), ..) => Credentials::Token(token.clone()),
            (_, _, Some(file), _) => Credentials::Nkey(file.clone()),
            (.., Some(file)) => Credentials::File(file.clone()),
            _ => Credentials::None,
        };
        let connection = Connection {
            url,
            credentials,
            ca_file: self.nats_ca_file.clone(),
            client_certificate: self.nats_cert_file.clone().zip(self.nats_key_file.clone()),
            allow_plain: self.nats_allow_plain,
            inbox_prefix: self.nats_inbox_prefix.clone(),
            name: name.to_owned(),
        };
        connection.check().map_err(Failure::usage)?;
        Ok(Some(connection))
    }

    /// How NATS is reached, for what does nothing without it.
    pub(crate) fn needed(&self, name: &str) -> Result<Connection, Failure> {
        self.connection(name)?.ok_or_else(|| {
            Failure::usage("name the server of NATS: --nats-url nats://<host>:<port>")
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct SubscribeSettings {
    #[command(flatten)]
    pub(crate) nats: NatsSettings,
    /// Which subjects, with NATS wildcards; may be given several times. Everything where left out.
    #[arg(long = "filter", value_name = "SUBJECT")]
    pub(crate) filters: Vec<String>,
    /// What its consumers are called in NATS, where permissions name them: letters, digits, - and _.
    #[arg(long, default_value = "dutyledger-subscribe")]
    pub(crate) name: String,
    /// The file in which it is kept what was handled.
    #[arg(long)]
    pub(crate) position_file: PathBuf,
    /// Where to begin where nothing was handled yet: at this position. Otherwise with what comes next.
    #[arg(long)]
    pub(crate) from: Option<u64>,
    /// End once there is nothing more to handle, rather than wait.
    #[arg(long)]
    pub(crate) until_caught_up: bool,
    /// A program and its arguments, run for each event with the JSON on its standard input. An event
    /// counts as handled once it ends with code 0.
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

/// What a new ledger is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The record.
    Live,
    /// Trying things out.
    Sandbox,
}

impl From<Mode> for LedgerMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Live => Self::Live,
            Mode::Sandbox => Self::Sandbox,
        }
    }
}

/// Where the ledger is, and how to speak to the server that holds it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The ledger: sqlite:<path> or postgres://<user>@<host>/<database>. Beside a file lie the
    /// projections, the wrapped keys, the master key and the noted head; in a PostgreSQL database
    /// the first two are schemas of their own, and the other two are files here.
    #[arg(
        long,
        env = "DUTYLEDGER_DATABASE_URL",
        default_value = "sqlite:data/ledger.db",
        hide_env_values = true
    )]
    pub(crate) database_url: String,
    /// The projections' file, for a ledger in a file.
    #[arg(long, env = "DUTYLEDGER_PROJECTIONS")]
    pub(crate) projections: Option<PathBuf>,
    /// The file of wrapped keys, for a ledger in a file.
    #[arg(long, env = "DUTYLEDGER_KEYS")]
    pub(crate) keys: Option<PathBuf>,
    /// The master key's file.
    #[arg(long, env = "DUTYLEDGER_MASTER_KEY_FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// The file in which the ledger's head is noted, outside its database. A ledger that does not
    /// go on from it is not appended to.
    #[arg(long, env = "DUTYLEDGER_NOTED_HEAD_FILE")]
    pub(crate) noted_head_file: Option<PathBuf>,
    /// What the ledger is for, where it is made now.
    #[arg(long, env = "DUTYLEDGER_MODE", value_enum, default_value = "live")]
    pub(crate) mode: Mode,
    /// An operator's key, for when a running server holds the ledger.
    #[arg(long, env = "DUTYLEDGER_OPERATOR_KEY", hide_env_values = true)]
    pub(crate) operator_key: Option<String>,
}

impl Place {
    /// Where everything is.
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        let usual = match database(&self.database_url)? {
            Database::Sqlite(path) => Home::beside(path),
            Database::Postgres(_) if self.projections.is_some() || self.keys.is_some() => {
                return Err(Failure::usage(
                    "the projections and the wrapped keys of a ledger on a server are in its \
                     database: name no files for them",
                ));
            }
            Database::Postgres(url) => Home::on_server(url, Path::new("")),
        };
        let file = |named: &Option<PathBuf>, usual| named.clone().map_or(usual, Database::from);
        Ok(Home {
            projections: file(&self.projections, usual.projections),
            keys: file(&self.keys, usual.keys),
            master_key: self.master_key_file.clone().unwrap_or(usual.master_key),
            noted_head: self.noted_head_file.clone().unwrap_or(usual.noted_head),
            ledger: usual.ledger,
        })
    }
}

/// Says what is not right with the command line, or what was asked about it, and gives the exit
/// code.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    // A word that was not expected is repeated, and it may be an address with a password.
    let context = [ContextKind::InvalidArg, ContextKind::InvalidValue];
    let repeats_address = context.iter().any(|kind| match error.get(*kind) {
        Some(ContextValue::String(word)) => word.contains("://"),
        _ => false,
    });
    if repeats_address {
        return Failure::usage("an address stands where none is expected: see --help")
            .report(false);
    }
    // Nothing is left to do where it cannot be said.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The parameters that an address of a PostgreSQL database may have.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Reads the address of a ledger.
pub(crate) fn database(url: &str) -> Result<Database, Failure> {
    // The address may hold a password, so it is not repeated.
    let place = Database::parse(url)
        .map_err(|error| Failure::usage(format!("no address of a ledger: {error}")))?;
    if let Database::Postgres(url) = &place
        && let Some((_, parameters)) = url.reveal().split_once('?')
    {
        for parameter in parameters
            .split('&')
            .filter(|parameter| !parameter.is_empty())
        {
            let name = parameter
                .split_once('=')
                .map_or(parameter, |(name, _)| name);
            // What is not known would be passed over, `ssl_mode` as well, and its value logged.
            if !PARAMETERS.contains(&name) {
                return Err(Failure::usage(format!(
                    "the address of the ledger has a parameter that is none of {}",
                    PARAMETERS.join(", ")
                )));
            }
        }
    }
    Ok(place)
}

/// Makes the folder of a ledger that is a file.
pub(crate) fn make_folder(place: &Database) -> Result<(), Failure> {
    let folder = place.file().and_then(Path::parent);
    match folder.filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(Failure::cannot_open),
        None => Ok(()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct ServeSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The address to listen on.
    #[arg(long, env = "DUTYLEDGER_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) nats: NatsSettings,
    #[command(flatten)]
    pub(crate) stream: StreamSettings,
    #[command(flatten)]
    pub(crate) checkpoints: CheckpointFiles,
    /// How often a checkpoint is signed, in seconds, where there is something new.
    #[arg(long, env = "DUTYLEDGER_CHECKPOINT_EVERY", default_value_t = SIGNED_EVERY_SECONDS,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) checkpoint_every: u32,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateSettings {
    /// The database, with the role that owns it: postgres://<owner>@<host>/<database>.
    #[arg(long, env = "DUTYLEDGER_DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,
    /// The role that serves: it may insert and read entries, and never change or remove one. It
    /// must exist.
    #[arg(long, env = "DUTYLEDGER_SERVE_ROLE", default_value = "dutyledger")]
    pub(crate) serve_role: String,
}

#[derive(Debug, Args)]
pub(crate) struct DemoSettings {
    /// The address to listen on.
    #[arg(long, env = "DUTYLEDGER_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Keep the sandbox in this folder; otherwise it goes when the demo ends.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportSettings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The history file, see schemas/history.md.
    pub(crate) file: PathBuf,
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

#[derive(Debug, Args)]
pub(crate) struct SchemaSettings {
    /// The folder to write to.
    #[arg(long, default_value = "schemas")]
    pub(crate) out: PathBuf,
}
