//! An event as it is handed to a subscriber.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use super::SubscribeError;
use crate::pull::Taken;

/// An event. Written as JSON it is a CloudEvents 1.0 event in the JSON format.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// The entry's position in the ledger.
    #[serde(skip)]
    pub position: u64,
    /// The subject it came on.
    #[serde(skip)]
    pub nats_subject: String,
    /// The instant the entry was recorded: the attribute `time`.
    #[serde(skip)]
    pub recorded_at: DateTime<Utc>,
    /// The entry, which is the event's id.
    #[serde(rename = "id")]
    pub entry_id: String,
    /// Which ledger it is from.
    pub source: String,
    /// The other attributes: `specversion`, `type`, `time` and so on.
    #[serde(flatten)]
    pub attributes: BTreeMap<String, String>,
    /// The data, as it was published.
    pub data: Box<RawValue>,
}

impl Event {
    pub(super) fn of(taken: Taken) -> Result<Self, SubscribeError> {
        let foreign = |why| SubscribeError::Foreign {
            sequence: taken.sequence,
            why,
        };
        let mut attributes = BTreeMap::new();
        for (name, values) in taken.headers.iter() {
            let name: &str = name.as_ref();
            let Some(attribute) = name.strip_prefix("ce-") else {
                continue;
            };
            if let Some(value) = values.first() {
                attributes.insert(attribute.to_owned(), value.as_str().to_owned());
            }
        }
        let entry_id = attributes
            .remove("id")
            .ok_or_else(|| foreign("it has no ce-id"))?;
        let source = attributes
            .remove("source")
            .ok_or_else(|| foreign("it has no ce-source"))?;
        let time = attributes.get("time").and_then(|time| time.parse().ok());
        let recorded_at = time.ok_or_else(|| foreign("it has no ce-time"))?;
        let data = RawValue::from_string(taken.data).map_err(|_| foreign("its data is no JSON"))?;
        Ok(Self {
            position: taken.sequence,
            nats_subject: taken.subject,
            recorded_at,
            entry_id,
            source,
            attributes,
            data,
        })
    }
}
