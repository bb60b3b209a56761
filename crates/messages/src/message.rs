//! An entry's message: a CloudEvents 1.0 event in binary content mode over NATS.

use dutyledger_domain::kebab_case;
use dutyledger_record::{ENTRY_BYTES_MAX, LedgerId, Record, StreamId};

use crate::notice::{Notice, Unpublishable, notice};

/// What every subject begins with.
pub const SUBJECT_PREFIX: &str = "dutyledger.v1";
/// The last token of the subject of an entry that concerns no partnership.
pub const NONE: &str = "none";
/// The last token of the subject of an entry that concerns more than one.
pub const SEVERAL: &str = "several";
/// The header by which the server knows a message again.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The most bytes a message can have, headers included. What it says is taken from the entry; the ids
/// of the partnerships are in it twice; the rest is names of members and headers.
pub const MESSAGE_BYTES_MAX: usize = 2 * ENTRY_BYTES_MAX + 4_096;

/// A message as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The entry's position, and the message's sequence in the stream.
    pub position: u64,
    /// `dutyledger.v1.<stream-type>.<event-type>.<partnership id | none | several>`.
    pub subject: String,
    /// The attributes of the event, and the id by which the server knows the message again; in
    /// the order they are written.
    pub headers: Vec<(&'static str, String)>,
    /// The data: JSON.
    pub data: String,
}

/// The message of an entry.
///
/// # Errors
/// When this program does not know the event.
pub fn message(record: &Record) -> Result<Message, Unpublishable> {
    let notice = notice(record)?;
    let data = serde_json::to_string(&notice).map_err(|e| Unpublishable::Json(e.to_string()))?;
    let event = kebab_case(&notice.event.event_type);
    let version = notice.event.version;
    let stream = &notice.stream;
    let subject = subject(&notice, &event)?;
    let mut headers = vec![
        (MESSAGE_ID, notice.entry_id.to_string()),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", notice.entry_id.to_string()),
        ("ce-source", source(record.ledger_id)),
        ("ce-type", event_name(&notice)),
        ("ce-time", notice.recorded_at.clone()),
        (
            "ce-subject",
            format!("{}/{}", stream.stream_type, stream.id),
        ),
        ("ce-datacontenttype", "application/json".to_owned()),
        (
            "ce-dataschema",
            format!("urn:dutyledger:message:{event}:v{version}"),
        ),
    ];
    if !notice.partnerships.is_empty() {
        headers.push(("ce-partnerships", listed(&notice.partnerships)));
    }
    Ok(Message {
        position: notice.position,
        subject,
        headers,
        data,
    })
}

/// The `ce-type` of an entry's message.
#[must_use]
pub fn event_name(notice: &Notice) -> String {
    let event = &notice.event;
    format!(
        "dutyledger.{}.v{}",
        kebab_case(&event.event_type),
        event.version
    )
}

/// The `ce-source` of a ledger's messages.
#[must_use]
pub fn source(ledger: LedgerId) -> String {
    format!("urn:dutyledger:ledger:{ledger}")
}

fn listed(ids: &[StreamId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(",")
}

fn subject(notice: &Notice, event: &str) -> Result<String, Unpublishable> {
    let concerned = match notice.partnerships.as_slice() {
        [] => NONE.to_owned(),
        [one] => one.to_string(),
        _ => SEVERAL.to_owned(),
    };
    let tokens = [notice.stream.stream_type.as_str(), event, &concerned];
    for token in tokens {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if token.is_empty() || !token.bytes().all(plain) {
            return Err(Unpublishable::Token(token.to_owned()));
        }
    }
    Ok(format!("{SUBJECT_PREFIX}.{}", tokens.join(".")))
}
