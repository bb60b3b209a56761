//! What is said of an entry.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use dutyledger_domain::StreamKind;
use dutyledger_domain::streams::{
    Area, Authority, Direction, NeedsAssessment, Partnership, Strategy,
};
use dutyledger_record::{
    Basis, EntryId, OccurredOn, PrincipalKind, Record, Stream, StreamId, format_instant,
};

use crate::particulars::said;

/// What is said of an entry: the data of its message, and its row in the feed.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Notice {
    /// The entry's position in the ledger, from 1 without gaps, and its sequence in the stream.
    pub position: u64,
    /// The entry.
    pub entry_id: EntryId,
    /// What happened.
    pub event: EventNamed,
    /// The stream it happened in.
    pub stream: StreamNamed,
    /// The partnerships it concerns.
    pub partnerships: Vec<StreamId>,
    /// The instant it was recorded: UTC, with six decimals.
    #[schemars(regex(
        pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
    ))]
    pub recorded_at: String,
    /// The civil date it happened in Europe/London.
    pub occurred_on: OccurredOn,
    /// On what footing the entry stands.
    pub basis: Basis,
    /// Whether it is reported rather than the principal's own.
    pub reported: bool,
    /// Who recorded it.
    pub principal: PrincipalNamed,
    /// The entry this one withdraws.
    pub corrects: Option<EntryId>,
    /// The rules it was recorded under.
    pub rules: RulesNamed,
    /// The ids, kinds, dates and versions of this event.
    pub particulars: Map<String, Value>,
    /// Where the rest is, for those who may read it.
    pub links: Links,
}

/// An event and the version of its schema.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EventNamed {
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The version of its schema.
    pub version: u32,
}

/// A stream and the version of it that the entry is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StreamNamed {
    /// Its type.
    #[serde(rename = "type")]
    pub stream_type: String,
    /// Its id.
    pub id: StreamId,
    /// The version.
    pub version: u64,
}

/// A principal, without its key.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PrincipalNamed {
    /// Its kind.
    pub kind: PrincipalKind,
    /// The authority or the partnership, where the kind has one.
    pub id: Option<StreamId>,
}

/// Rules by their ids.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RulesNamed {
    /// The rule pack.
    pub pack: String,
    /// Its revision.
    pub revision: u32,
    /// The rows that warned.
    pub warned: Vec<String>,
    /// The rows that would have refused a past fact as a decision, on the record as it stood.
    pub unmet: Vec<String>,
}

/// Paths of the API.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Links {
    /// The entry.
    pub entry: String,
    /// What the stream is about, as it stands now.
    pub stream: Option<String>,
}

/// Why nothing can be said of an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpublishable {
    /// This program does not know the event.
    #[error("event {event_type} version {version} is unknown to this program")]
    Unknown {
        /// Its type.
        event_type: String,
        /// The version of its schema.
        version: u32,
    },
    /// The payload lacks a member that its schema has.
    #[error("event {event_type} lacks its member {member}")]
    Lacks {
        /// Its type.
        event_type: String,
        /// The member.
        member: &'static str,
    },
    /// A word cannot stand in a subject.
    #[error("{0:?} cannot stand in a subject: it takes lower-case letters, digits and hyphens")]
    Token(String),
    /// It could not be written as JSON.
    #[error("the message cannot be written: {0}")]
    Json(String),
}

/// What is said of an entry.
///
/// # Errors
/// When this program does not know the event. Nothing is passed over: whoever publishes stops.
pub fn notice(record: &Record) -> Result<Notice, Unpublishable> {
    let (event, entry) = (&record.event, &record.entry);
    let standing = &entry.standing;
    let members =
        said(&event.event_type, event.schema_version).ok_or_else(|| Unpublishable::Unknown {
            event_type: event.event_type.clone(),
            version: event.schema_version,
        })?;
    let mut particulars = Map::new();
    for member in members {
        let value = entry.payload.get(member);
        let value = value.ok_or_else(|| Unpublishable::Lacks {
            event_type: event.event_type.clone(),
            member,
        })?;
        particulars.insert((*member).to_owned(), value.clone());
    }
    let past_fact = standing.past_fact.as_ref();
    Ok(Notice {
        position: record.position,
        entry_id: entry.entry_id,
        event: EventNamed {
            event_type: event.event_type.clone(),
            version: event.schema_version,
        },
        stream: StreamNamed {
            stream_type: entry.stream.stream_type.as_str().to_owned(),
            id: entry.stream.id,
            version: entry.version,
        },
        partnerships: standing.partnerships.clone(),
        recorded_at: format_instant(record.recorded_at),
        occurred_on: standing.occurred_on,
        basis: standing.basis,
        reported: standing.reported,
        principal: PrincipalNamed {
            kind: standing.principal.kind,
            id: standing.principal.id,
        },
        corrects: standing.corrects,
        rules: RulesNamed {
            pack: standing.rules.pack.clone(),
            revision: standing.rules.revision,
            warned: standing.warnings.iter().map(|w| w.rule.clone()).collect(),
            unmet: past_fact.map_or_else(Vec::new, |fact| fact.unmet.clone()),
        },
        particulars,
        links: Links {
            entry: format!("/v1/entries/{}", entry.entry_id),
            stream: path_of(&entry.stream),
        },
    })
}

/// Where the API answers for a stream.
fn path_of(stream: &Stream) -> Option<String> {
    let nouns = match stream.stream_type.as_str() {
        Area::NAME => "areas",
        Authority::NAME => "authorities",
        Partnership::NAME => "partnerships",
        NeedsAssessment::NAME => "needs-assessments",
        Strategy::NAME => "strategies",
        Direction::NAME => "directions",
        // The ledger's own stream has no page.
        _ => return None,
    };
    Some(format!("/v1/{nouns}/{}", stream.id))
}
