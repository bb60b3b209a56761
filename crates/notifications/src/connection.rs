//! How NATS is reached: addresses, TLS, credentials.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How many messages may wait in one subscription. More than is ever asked for at once.
const WAITING: usize = 2_048;
/// How often the server is asked whether it still lives; after two it does not answer the connection
/// is made anew.
const PING: Duration = Duration::from_secs(5);
/// How long an answer of the server is waited for.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);
/// The longest pause between two attempts to connect again.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// By what the server knows us. Never shown.
#[derive(Clone, Default)]
pub enum Credentials {
    /// By nothing.
    #[default]
    None,
    /// A user and a password.
    User {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token.
    Token(String),
    /// The file with the seed of an nkey.
    Nkey(PathBuf),
    /// A credentials file: a JWT and the seed of its nkey.
    File(PathBuf),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::User { .. } => "User",
            Self::Token(_) => "Token",
            Self::Nkey(_) => "Nkey",
            Self::File(_) => "File",
        })
    }
}

/// How NATS is reached.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Addresses of the servers of one cluster, with commas between them: `nats://<host>:<port>`, or
    /// `tls://` for an encrypted connection.
    pub url: String,
    /// By what the server knows us.
    pub credentials: Credentials,
    /// The file of the certificates that the server's is checked against; the system's where there
    /// is none.
    pub ca_file: Option<PathBuf>,
    /// The files of our own certificate and its key, where the server asks for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Whether a connection outside this machine may be unencrypted.
    pub allow_plain: bool,
    /// What the subjects that answers come on begin with, where permissions ask for one of its own.
    pub inbox_prefix: Option<String>,
    /// What the server's lists call this connection.
    pub name: String,
}

/// What is not right with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No address of NATS. The address is not repeated: it may hold a password.
    #[error("no address of NATS: write nats://<host>:<port> or tls://<host>:<port>")]
    Address,
    /// A secret in an address would be in every log.
    #[error("an address of NATS holds no user, password or token: give them as settings")]
    SecretInAddress,
    /// An unencrypted connection to elsewhere.
    #[error(
        "{0} is not this machine, and the connection to it would not be encrypted: write tls://, \
         or allow plain connections"
    )]
    Plain(String),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file of credentials.
    #[error("{file} cannot be read: {cause}")]
    File {
        /// The file.
        file: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The server.
    #[error("NATS cannot be reached: {0}")]
    Nats(#[from] async_nats::ConnectError),
}

impl ConnectError {
    /// Whether the server answered and refused who asked.
    pub(crate) fn is_refusal(&self) -> bool {
        use async_nats::ConnectErrorKind::{Authentication, AuthorizationViolation};
        match self {
            Self::Nats(error) => {
                matches!(error.kind(), Authentication | AuthorizationViolation)
            }
            Self::Settings(_) | Self::File { .. } => true,
        }
    }
}

impl Connection {
    /// Checks the settings, without connecting.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn check(&self) -> Result<(), SettingsError> {
        self.servers().map(drop)
    }

    /// The servers, and whether the connection must be encrypted.
    fn servers(&self) -> Result<(Vec<ServerAddr>, bool), SettingsError> {
        let addresses = self.url.split(',').map(str::trim);
        let servers: Vec<ServerAddr> = addresses
            .map(|address| address.parse().map_err(|_| SettingsError::Address))
            .collect::<Result<_, _>>()?;
        let mut encrypted = self.ca_file.is_some() || self.client_certificate.is_some();
        for server in &servers {
            if !matches!(server.scheme(), "nats" | "tls") {
                return Err(SettingsError::Address);
            }
            if server.has_user_pass() || server.username().is_some() {
                return Err(SettingsError::SecretInAddress);
            }
            encrypted |= server.tls_required();
        }
        let elsewhere = servers.iter().find(|server| !is_here(server.host()));
        match elsewhere {
            Some(server) if !encrypted && !self.allow_plain => {
                Err(SettingsError::Plain(server.host().to_owned()))
            }
            _ => Ok((servers, encrypted)),
        }
    }

    /// Connects. A connection that is lost is made anew, for as long as it takes; `reconnects`
    /// counts that.
    pub(crate) async fn connect(&self, reconnects: Arc<AtomicU64>) -> Result<Client, ConnectError> {
        let (servers, encrypted) = self.servers()?;
        let mut options = ConnectOptions::new()
            .name(&self.name)
            .require_tls(encrypted)
            .connection_timeout(CONNECT)
            .request_timeout(Some(ANSWER))
            .ping_interval(PING)
            .max_reconnects(None)
            .subscription_capacity(WAITING)
            .reconnect_delay_callback(|attempts| {
                let doubled = 1u64 << attempts.min(8);
                Duration::from_millis(10 * doubled).min(PAUSE_MAX)
            });
        // The first connection is none again.
        let first = Arc::new(AtomicU64::new(1));
        options = options.event_callback(move |event| {
            let again = matches!(event, Event::Connected) && first.swap(0, Ordering::Relaxed) == 0;
            if again {
                reconnects.fetch_add(1, Ordering::Relaxed);
            }
            async move {
                match event {
                    Event::Connected if again => tracing::info!("connected to NATS again"),
                    Event::Disconnected => tracing::warn!("the connection to NATS was lost"),
                    // What the server says about permissions comes this way, and no other.
                    Event::ServerError(error) => tracing::warn!(%error, "NATS refused"),
                    _ => {}
                }
            }
        });
        if !encrypted && !self.allow_plain {
            // A server on this machine may know of others elsewhere.
            options = options.ignore_discovered_servers();
        }
        if let Some(prefix) = &self.inbox_prefix {
            options = options.custom_inbox_prefix(prefix);
        }
        if let Some(file) = &self.ca_file {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = &self.client_certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        options = match &self.credentials {
            Credentials::None => options,
            Credentials::User { user, password } => {
                options.user_and_password(user.clone(), password.clone())
            }
            Credentials::Token(token) => options.token(token.clone()),
            Credentials::Nkey(file) => options.nkey(read(file)?.trim().to_owned()),
            Credentials::File(file) => {
                options
                    .credentials(&read(file)?)
                    .map_err(|cause| ConnectError::File {
                        file: file.display().to_string(),
                        cause,
                    })?
            }
        };
        Ok(options.connect(servers).await?)
    }
}

fn read(file: &PathBuf) -> Result<String, ConnectError> {
    std::fs::read_to_string(file).map_err(|cause| ConnectError::File {
        file: file.display().to_string(),
        cause,
    })
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, allow_plain: bool) -> Result<(), SettingsError> {
        Connection {
            url: url.to_owned(),
            allow_plain,
            ..Connection::default()
        }
        .check()
    }

    #[test]
    fn only_this_machine_is_reached_without_encryption_unless_told() {
        for here in [
            "nats://127.0.0.1:4222",
            "localhost:4222",
            "nats://[::1]:4222",
        ] {
            assert_eq!(check(here, false), Ok(()), "{here}");
        }
        let elsewhere = [
            "nats://nats.example:4222",
            "nats://10.0.0.1:4222",
            "127.0.0.1,10.0.0.1",
        ];
        for there in elsewhere {
            let refused = check(there, false);
            assert!(
                matches!(refused, Err(SettingsError::Plain(_))),
                "{there}: {refused:?}"
            );
            assert_eq!(check(there, true), Ok(()), "{there}");
        }
        assert_eq!(check("tls://nats.example:4222", false), Ok(()));
    }

    #[test]
    fn an_address_holds_no_secret_and_none_is_shown() {
        assert_eq!(
            check("nats://user:se-cret@127.0.0.1:4222", false),
            Err(SettingsError::SecretInAddress)
        );
        assert_eq!(
            check("nats://to-ken@127.0.0.1:4222", false),
            Err(SettingsError::SecretInAddress)
        );
        assert_eq!(
            check("http://127.0.0.1", false),
            Err(SettingsError::Address)
        );
        let credentials = Credentials::User {
            user: "u".to_owned(),
            password: "se-cret".to_owned(),
        };
        assert_eq!(format!("{credentials:?}"), "User");
    }
}
