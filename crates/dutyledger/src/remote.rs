//! Speaking to the server that holds the ledger.

use std::time::Duration;

use serde_json::Value;

use dutyledger_ledger::Owner;

use crate::cli::Place;
use crate::exit::Failure;

/// The longest an import may take on the other side.
const PATIENCE: Duration = Duration::from_secs(600);

/// A server that holds the ledger.
pub(crate) struct Server {
    address: String,
    key: String,
}

impl Server {
    /// The server that holds this ledger, and the operator's key to speak to it with.
    pub(crate) fn holding(place: &Place, owner: &Owner) -> Result<Self, Failure> {
        let Some(address) = owner.address.clone() else {
            return Err(Failure::in_use(format!(
                "the ledger is in use by process {}, which serves no address yet: try again soon",
                owner.pid
            )));
        };
        let Some(key) = place.operator_key.clone() else {
            return Err(Failure::in_use(format!(
                "the ledger is in use by process {}, which serves at {address}: give an operator's \
                 key in DUTYLEDGER_OPERATOR_KEY to go through it",
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

    async fn call<F>(self, send: F) -> Result<Value, Failure>
    where
        F: FnOnce(&ureq::Agent, &Self) -> Result<ureq::http::Response<ureq::Body>, ureq::Error>
            + Send
            + 'static,
    {
        // The client blocks; a thread of its own keeps the runtime free.
        let answered = tokio::task::spawn_blocking(move || {
            let config = ureq::Agent::config_builder()
                .timeout_global(Some(PATIENCE))
                .http_status_as_error(false)
                .build();
            let agent = ureq::Agent::new_with_config(config);
            let mut response = send(&agent, &self)?;
            let status = response.status();
            let body: Value = response.body_mut().read_json()?;
            Ok::<_, ureq::Error>((status, body))
        });
        let (status, body) = answered
            .await
            .map_err(Failure::other)?
            .map_err(|e| Failure::other(format!("the server could not be reached: {e}")))?;
        if status.is_success() {
            return Ok(body);
        }
        let detail = body
            .get("detail")
            .and_then(Value::as_str)
            .unwrap_or("no reason was given");
        let message = format!("the server answered {}: {detail}", status.as_u16());
        Err(if status.is_client_error() {
            Failure::refused(message)
        } else {
            Failure::other(message)
        })
    }
}
