//! An authority as the stock framework would have it: the command, the event, the expected version.

use std::collections::HashMap;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

/// An authority in the register.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Authority {
    version: u64,
    body: String,
    devolved_welsh_authority: Option<String>,
    held_by: String,
}

/// Changes an authority's particulars; the first one enters it in the register.
#[derive(Debug)]
pub struct Amend {
    /// The version the authority must be at.
    pub expected_version: u64,
    /// The body from now on.
    pub body: String,
    /// The source of its being a devolved Welsh authority, from now on.
    pub devolved_welsh_authority: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The particulars changed.
    AuthorityAmended {
        body: String,
        devolved_welsh_authority: Option<String>,
        held_by: String,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "AuthorityAmended".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// The authority is at another version.
#[derive(Debug)]
pub struct Stale;

impl std::fmt::Display for Stale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the authority is at another version")
    }
}

impl std::error::Error for Stale {}

impl Aggregate for Authority {
    const TYPE: &'static str = "authority";
    type Command = Amend;
    type Event = Event;
    type Error = Stale;
    type Services = ();

    async fn handle(
        &mut self,
        command: Amend,
        _: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Stale> {
        if command.expected_version != self.version {
            return Err(Stale);
        }
        let event = Event::AuthorityAmended {
            body: command.body,
            devolved_welsh_authority: command.devolved_welsh_authority,
            held_by: "ordinary".to_owned(),
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        let Event::AuthorityAmended {
            body,
            devolved_welsh_authority,
            held_by,
        } = event;
        self.version += 1;
        self.body = body;
        self.devolved_welsh_authority = devolved_welsh_authority;
        self.held_by = held_by;
    }
}

/// A command whose event's payload has about 400 bytes.
pub fn amend(expected_version: u64) -> Amend {
    Amend {
        expected_version,
        body: format!(
            "Example District Council as the bench knows it, version {expected_version:08}; its \
             particulars are amended over and over and name nobody"
        ),
        devolved_welsh_authority: Some(
            "A source that is as long as the sources which are cited in earnest: a title, the \
             paragraph, the date on which it was published and where a copy of it is kept by those \
             who keep such copies for others"
                .to_owned(),
        ),
    }
}

/// Metadata of about 150 bytes.
pub fn metadata(id: &str) -> HashMap<String, String> {
    let member = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    HashMap::from([
        member("principal", "operator"),
        member("correlation_id", id),
        member("occurred_on", "2026-11-21"),
        member("recorded_at", "2026-11-21T09:30:00.000000Z"),
    ])
}
