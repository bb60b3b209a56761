//! Speaking to the server that holds the ledger.

use std::fs::File;
use std::io;
use std::time::Duration;

use serde_json::Value;
use ureq::http::StatusCode;

use dutyledger_ledger::Owner;

use crate::cli::Place;
use crate::exit::Failure;

/// The longest an import may take on the other side.
const PATIENCE: Duration = Duration::from_secs(600);
/// The longest a file may take, which is made and then sent.
const FILE_PATIENCE: Duration = Duration::from_secs(1_260);

/// A server that holds the ledger.
pub(crate) struct Server {
    address: String,
    key: String,
}

impl Server {
    /// The server that holds this ledger, and the operator's key to speak to it with.
    pub(crate) fn holding(place: &Place, owner: &Owner) -> Result<Self, Failure> {
        let key = place.operator_key.clone();
        let named = "an operator's key in DUTYLEDGER_OPERATOR_KEY";
        Self::holding_for(owner, key, named)
    }

    /// The server that holds a ledger, and the key to speak to it with; `named` says which that is
    /// and where it is to be given.
    pub(crate) fn holding_for(
        owner: &Owner,
        key: Option<String>,
        named: &str,
    ) -> Result<Self, Failure> {
        let Some(address) = owner.address.clone() else {
            return Err(Failure::in_use(format!(
                "the ledger is in use by process {}, which serves no address yet: try again soon",
                owner.pid
            )));
        };
        let Some(key) = key else {
            return Err(Failure::in_use(format!(
                "the ledger is in use by process {}, which serves at {address}: give {named} to go \
                 through it",
                owner.pid
            )));
        };
        Ok(Self { address, key })
    }

    /// Asks.
    pub(crate) async fn get(self, path: String) -> Result<Value, Failure> {
        self.call(move |agent, server| {
            let url = format!("{}{path}", server.address);
            agent
                .get(url)
                .header("authorization", format!("Bearer {}", server.key))
                .call()
        })
        .await
    }

    /// Gives a command.
    pub(crate) async fn post(self, path: String, body: String) -> Result<Value, Failure> {
        self.call(move |agent, server| {
            let url = format!("{}{path}", server.address);
            agent
                .post(url)
                .header("authorization", format!("Bearer {}", server.key))
                .header("content-type", "application/json")
                .send(body)
        })
        .await
    }

    /// Asks for a file, and writes it durably. Answers the position it holds up to.
    pub(crate) async fn download(
        self,
        path: String,
        body: String,
        mut out: File,
    ) -> Result<u64, Failure> {
        let fetched = tokio::task::spawn_blocking(move || {
            let agent = agent(FILE_PATIENCE);
            let mut response = agent
                .post(format!("{}{path}", self.address))
                .header("authorization", format!("Bearer {}", self.key))
                .header("content-type", "application/json")
                .send(body)?;
            let status = response.status();
            if !status.is_success() {
                return Ok(Err(refused(status, &response.body_mut().read_json()?)));
            }
            let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse().ok();
            let (length, position) = (number("content-length"), number("dutyledger-position"));
            let (Some(length), Some(position)) = (length, position) else {
                return Ok(Err(Failure::other(
                    "the server's answer is not what was asked for",
                )));
            };
            // A server that ends, or waits no longer, sends less than it said.
            let copied: u64 = io::copy(&mut response.body_mut().as_reader(), &mut out)?;
            if copied != length {
                return Ok(Err(Failure::other(
                    "the server broke off its answer: try again",
                )));
            }
            out.sync_all()?;
            Ok::<_, ureq::Error>(Ok(position))
        });
        fetched
            .await
            .map_err(Failure::other)?
            .map_err(|error| unreached(&error))?
    }

    async fn call<F>(self, send: F) -> Result<Value, Failure>
    where
        F: FnOnce(&ureq::Agent, &Self) -> Result<ureq::http::Response<ureq::Body>, ureq::Error>
            + Send
            + 'static,
    {
        // The client blocks; a thread of its own keeps the runtime free.
        let answered = tokio::task::spawn_blocking(move || {
            let mut response = send(&agent(PATIENCE), &self)?;
            let status = response.status();
            let body: Value = response.body_mut().read_json()?;
            Ok::<_, ureq::Error>((status, body))
        });
        let (status, body) = answered
            .await
            .map_err(Failure::other)?
            .map_err(|error| unreached(&error))?;
        if status.is_success() {
            return Ok(body);
        }
        Err(refused(status, &body))
    }
}

fn agent(patience: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(patience))
        .http_status_as_error(false)
        .build();
    ureq::Agent::new_with_config(config)
}

fn unreached(error: &ureq::Error) -> Failure {
    Failure::other(format!("the server could not be reached: {error}"))
}

/// What an answer that is a problem says.
fn refused(status: StatusCode, body: &Value) -> Failure {
    let detail = body
        .get("detail")
        .and_then(Value::as_str)
        .unwrap_or("no reason was given");
    let message = format!("the server answered {}: {detail}", status.as_u16());
    if status.is_client_error() {
        Failure::refused(message)
    } else {
        Failure::other(message)
    }
}
