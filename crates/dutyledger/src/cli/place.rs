//! Where a ledger is.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use dutyledger_application::Home;
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_ledger::Place as Database;

use crate::checkpoints::newest_signed;
use crate::exit::Failure;

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
    /// The file of the newest checkpoint. A ledger that does not go on from it is not appended to.
    #[arg(long, env = "DUTYLEDGER_CHECKPOINT_FILE")]
    pub(crate) checkpoint_file: Option<PathBuf>,
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
            signed: None,
            ledger: usual.ledger,
        })
    }

    /// Where everything is, for whoever appends: the ledger must go on from its newest checkpoint, as
    /// it must from its noted head. Its folder is made where it is new.
    pub(crate) fn home_to_append(&self) -> Result<Home, Failure> {
        let mut home = self.home()?;
        home.signed = newest_signed(&self.newest_checkpoint(&home))?;
        make_folder(&home.ledger)?;
        Ok(home)
    }

    /// The file of the newest checkpoint: beside the noted head where it is not named.
    pub(crate) fn newest_checkpoint(&self, home: &Home) -> PathBuf {
        let named = self.checkpoint_file.clone();
        named.unwrap_or_else(|| home.checkpoints().newest)
    }
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
