//! A plain HTTP client.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::wait::in_time;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON, or null.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn ok(self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{} {}",
            self.status,
            self.text
        );
        self.body
    }

    /// The problem of a refusal: its status, code and rules.
    #[must_use]
    pub fn problem(&self) -> (u16, String, Vec<String>) {
        let rules = self.body["rules"].as_array().into_iter().flatten();
        (
            self.status,
            self.body["code"].as_str().unwrap_or_default().to_owned(),
            rules
                .filter_map(|rule| rule["rule"].as_str().map(str::to_owned))
                .collect(),
        )
    }

    /// The id of the stream a command was given on.
    ///
    /// # Panics
    /// When it was refused.
    #[must_use]
    pub fn stream(self) -> String {
        self.ok()["stream"]["id"]
            .as_str()
            .expect("a stream")
            .to_owned()
    }
}

/// A client with or without a key.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    address: String,
    key: Option<String>,
}

impl Client {
    /// A client of a server.
    #[must_use]
    pub fn new(address: &str, key: Option<&str>) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            // A connection of its own for each request: a server may close one that has been idle,
            // or whose request it did not read to the end, just as another is sent over it.
            .max_idle_connections(0)
            .build();
        Self {
            agent: ureq::Agent::new_with_config(config),
            address: address.to_owned(),
            key: key.map(str::to_owned),
        }
    }

    /// The same client at another address, as after a restart.
    #[must_use]
    pub fn at(&self, address: &str) -> Self {
        Self {
            address: address.to_owned(),
            ..self.clone()
        }
    }

    /// Reads.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.try_send("GET", path, &[], None)
            .expect("the server answers")
    }

    /// Reads once the rows hold every entry that this server knows now. Of what another process recorded
    /// it may know a moment later: see [`Client::get_at`].
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn get_now(&self, path: &str) -> Answer {
        self.get_at(path, self.head())
    }

    /// The last position that the server knows now. Its clock may record more at any moment.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn head(&self) -> u64 {
        let head = &self.get("/health/ready").body["ledger_position"];
        head.as_u64().expect("a server tells its head")
    }

    /// Reads once the rows hold every entry up to a position. The server waits for that for a few
    /// seconds, and a busy machine may take longer.
    ///
    /// # Panics
    /// When the server does not answer, or the rows do not get there.
    #[must_use]
    pub fn get_at(&self, path: &str, position: u64) -> Answer {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{joint}wait_for={position}");
        in_time(|| {
            let answer = self.get(&path);
            match answer.problem().1 == "not-there-yet" {
                true => Err(answer.text),
                false => Ok(answer),
            }
        })
    }

    /// Gives a command.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(path, &[], &body.to_string())
    }

    /// Gives a command with headers of one's own and any body.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn send(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_send("POST", path, headers, Some(body))
            .expect("the server answers")
    }

    /// Sends anything; an error when the server does not answer.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body.to_owned())?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    value.to_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        let text = response.body_mut().read_to_string()?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        })
    }
}
