//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand, ValueEnum};

use dutyledger_application::Home;
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_ledger::Place as Database;
use dutyledger_record::PrincipalKind;

use crate::exit::Failure;

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
    /// Look after the projections.
    #[command(subcommand)]
    Projections(ProjectionsCommand),
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
