//! Notifications, and how NATS is reached.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use dutyledger_application::Home;
use dutyledger_notifications::{Connection, Credentials};

use super::Place;
use crate::exit::Failure;

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
    /// No two subscribers of a stream may have the same.
    #[arg(long)]
    pub(crate) name: Option<String>,
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
