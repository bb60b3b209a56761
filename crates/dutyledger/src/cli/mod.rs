//! The command line.

mod audit;
mod keys;
mod ledger;
mod nats;
mod place;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand};

use crate::exit::Failure;

pub(crate) use audit::*;
pub(crate) use keys::*;
pub(crate) use ledger::*;
pub(crate) use nats::*;
pub(crate) use place::*;

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
    /// Serve a sandbox with six partnerships' histories, to try things out.
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
    /// database or a copy of it, while a server runs or offline. Nothing is recorded, save another key
    /// and who took a bundle.
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
pub(crate) enum ProjectionsCommand {
    /// Make the projections anew from the ledger. Stop the server first.
    Rebuild(Place),
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

#[derive(Debug, Args)]
pub(crate) struct SchemaSettings {
    /// The folder to write to.
    #[arg(long, default_value = "schemas")]
    pub(crate) out: PathBuf,
}
