//! Entries of the record, and the texts sealed in them.

use std::sync::Arc;

use aide::axum::ApiRouter;
use axum::Json;
use axum::response::IntoResponse;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use dutyledger_application::erasure::{self, TextRead};
use dutyledger_application::{access, sealing};
use dutyledger_domain::streams::{
    Area, Authority, Deadline, Direction, Erasure, NeedsAssessment, Partnership, Strategy,
    TriggerStream,
};
use dutyledger_domain::{StreamKind, World, in_words};
use dutyledger_ledger::Stored;
use dutyledger_record::{EntryId, PrincipalKind, Record, SealedBox, StreamId, hex};

use super::seen::Seer;
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::command::NoQuery;
use crate::edge::to_its_end;
use crate::endpoint::Outcome;
use crate::problem::{Problem, command_problem, internal};

/// An entry.
#[derive(Debug, Serialize, JsonSchema)]
struct EntryShown {
    /// Its position.
    position: u64,
    /// Its RFC 6962 leaf hash, over the exact text that is stored, as 64 hexadecimal digits.
    leaf_hash: String,
    /// The record without what is sealed: a sealed member is null.
    record: Value,
    /// The JSON pointers of the sealed members within the record.
    sealed: Vec<String>,
    /// Those of them that were erased, and when.
    erased: Vec<TextErased>,
}

/// A sealed text that was erased by destroying its key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TextErased {
    /// The JSON pointer of the member within the record.
    pub(crate) member: String,
    /// The date it was erased.
    pub(crate) erased_on: NaiveDate,
}

/// The sealed texts of an entry.
#[derive(Debug, Serialize, JsonSchema)]
struct TextsShown {
    /// The entry.
    entry_id: EntryId,
    /// Its texts.
    texts: Vec<TextShown>,
}

/// A sealed text.
#[derive(Debug, Serialize, JsonSchema)]
struct TextShown {
    /// The JSON pointer of the member within the record.
    member: String,
    /// The text; left out where it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The date it was erased by destroying its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_on: Option<NaiveDate>,
    /// Why it cannot be read, such as “erased on 21 November 2026”.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl From<TextRead> for TextShown {
    fn from(read: TextRead) -> Self {
        let note = match (&read.text, read.erased_on) {
            (_, Some(on)) => Some(format!("erased on {}", in_words(on))),
            (None, None) => Some(
                "The key of this text is not there. Nothing says that it was erased: the operator \
                 brings it back from the backup of the keys."
                    .to_owned(),
            ),
            (Some(_), None) => None,
        };
        Self {
            member: read.member,
            text: read.text.map(|text| text.reveal().to_owned()),
            erased_on: read.erased_on,
            note,
        }
    }
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let entry_read = Read {
        path: "/v1/entries/{entry_id}",
        id: "readEntry",
        tag: "Record",
        summary: "Read an entry",
        about: "One entry of the record as it was recorded, without what is sealed, and its leaf \
                hash.\n\nRests on the rule of the record that nothing is removed.",
    };
    let text_read = Read {
        path: "/v1/entries/{entry_id}/sealed-text",
        id: "readSealedText",
        tag: "Record",
        summary: "Read the sealed texts of an entry",
        about: "For its author, the authority it is about, the partnership's specified \
                authorities, inspectorates and auditors. That they were served is recorded before \
                they are.\n\nRests on L-2.",
    };
    let router = add::<NoQuery, EntryShown, _, _>(router, entry_read, entry);
    add::<NoQuery, TextsShown, _, _>(router, text_read, sealed_text)
}

pub(super) async fn find(app: &App, ask: &Ask) -> Result<(Stored, Record), Problem> {
    let id: EntryId = ask.path("entry_id")?;
    let stored = app.bus.ledger().entry(id).await.map_err(internal)?;
    let stored = stored.ok_or_else(Problem::absent)?;
    let record = stored.record().map_err(internal)?;
    Ok((stored, record))
}

async fn entry(app: App, ask: Ask, _: NoQuery) -> Outcome {
    let (stored, record) = find(&app, &ask).await?;
    if !sees(&mut Seer::new(&app, ask.principal), &record).await? {
        return Err(Problem::absent());
    }
    let mut shown: Value = serde_json::from_str(&stored.leaf_data).map_err(internal)?;
    let texts = sealing::sealed_texts(&record);
    let erased = if texts.is_empty() {
        Vec::new()
    } else {
        let id = record.entry.entry_id;
        let dates = erasure::erased(app.bus.ledger(), id).await;
        let dates = dates.map_err(internal)?;
        let on = |(member, sealed): &(String, SealedBox)| {
            Some(TextErased {
                member: member.clone(),
                erased_on: *dates.get(&sealed.key_id)?,
            })
        };
        texts.iter().filter_map(on).collect()
    };
    let sealed: Vec<_> = texts.into_iter().map(|(member, _)| member).collect();
    for member in &sealed {
        if let Some(value) = shown.pointer_mut(member) {
            *value = Value::Null;
        }
    }
    let shown = EntryShown {
        position: stored.position,
        leaf_hash: hex(&stored.leaf_hash),
        record: shown,
        sealed,
        erased,
    };
    Ok(Json(shown).into_response())
}

/// Whether a principal may see an entry: that of a register, that of a record it reads as a whole,
/// or its own.
pub(super) async fn sees(seer: &mut Seer<'_>, record: &Record) -> Result<bool, Problem> {
    let stream = &record.entry.stream;
    let standing = &record.entry.standing;
    let (principal, author) = (seer.principal, standing.principal);
    if author.id.is_some() && (author.kind, author.id) == (principal.kind, principal.id) {
        return Ok(true);
    }
    match stream.stream_type.as_str() {
        Area::NAME | Authority::NAME => Ok(true),
        Direction::NAME => seer.direction_of(stream.id).await,
        // What was erased of an entry, which of its dates passed and what bears on a direction is
        // told to those who read the partnership's record.
        Partnership::NAME
        | Strategy::NAME
        | NeedsAssessment::NAME
        | Erasure::NAME
        | Deadline::NAME
        | TriggerStream::NAME => {
            if stream.stream_type == Erasure::TYPE && reads_all(principal.kind) {
                return Ok(true);
            }
            if standing.partnerships.is_empty() {
                return match case_told_of(record) {
                    Some(case) => seer.direction_of(case).await,
                    None => Ok(reads_all(principal.kind)),
                };
            }
            seer.any_whole(&standing.partnerships).await
        }
        // The ledger's own entries tell of keys and of whom they are bound to, and accesses of
        // who looked: for the operator and those who read everything.
        _ => Ok(reads_all(principal.kind)),
    }
}

/// The case that a date or a trigger is of, where an announcement names no partnership.
fn case_told_of(record: &Record) -> Option<StreamId> {
    let payload = &record.entry.payload;
    let case = match record.entry.stream.stream_type.as_str() {
        Deadline::NAME => payload.get("deadline")?.get("about")?,
        TriggerStream::NAME => payload.get("trigger")?.get("case")?,
        _ => return None,
    };
    case.as_str()?.parse().ok()
}

/// Whether a kind of principal reads the entries of the ledger itself.
pub(crate) const fn reads_all(kind: PrincipalKind) -> bool {
    matches!(
        kind,
        PrincipalKind::Operator
            | PrincipalKind::Auditor
            | PrincipalKind::Inspectorate
            | PrincipalKind::SecretaryOfState
    )
}

/// The partnership an entry's stream belongs to.
async fn partnership_of(app: &App, record: &Record) -> Result<Option<StreamId>, Problem> {
    let stream = &record.entry.stream;
    let rows = &app.projections;
    let id = stream.id;
    Ok(match stream.stream_type.as_str() {
        Partnership::NAME => Some(id),
        Strategy::NAME => rows
            .stream::<Strategy>(id)
            .await
            .map_err(internal)?
            .and_then(|row| row.partnership),
        NeedsAssessment::NAME => rows
            .stream::<NeedsAssessment>(id)
            .await
            .map_err(internal)?
            .and_then(|row| row.partnership),
        Direction::NAME => rows
            .stream::<Direction>(id)
            .await
            .map_err(internal)?
            .and_then(|row| row.partnership),
        _ => None,
    })
}

/// The authority an entry is addressed to: the one its payload names, or the direction's.
async fn addressee(app: &App, record: &Record) -> Result<Option<StreamId>, Problem> {
    let named = record
        .entry
        .payload
        .get("authority")
        .and_then(Value::as_str);
    if let Some(id) = named.and_then(|text| text.parse().ok()) {
        return Ok(Some(id));
    }
    let stream = &record.entry.stream;
    if stream.stream_type.as_str() != Direction::NAME {
        return Ok(None);
    }
    let row = app
        .projections
        .stream::<Direction>(stream.id)
        .await
        .map_err(internal)?;
    Ok(row.and_then(|row| row.state.authority))
}

async fn sealed_text(app: App, ask: Ask, _: NoQuery) -> Outcome {
    let (_, record) = find(&app, &ask).await?;
    let partnership = partnership_of(&app, &record).await?;
    let mut seer = Seer::new(&app, ask.principal);
    let world = match partnership {
        Some(id) => seer.world_of(id).await?,
        None => World::default(),
    };
    let reads = access::reads_sealed(
        ask.principal,
        record.entry.standing.principal,
        addressee(&app, &record).await?,
        partnership.and_then(|id| world.partnerships.get(&id).map(Arc::as_ref)),
        &world,
        seer.today,
    );
    if !reads {
        return Err(Problem::absent());
    }
    // An access is recorded whether or not the client waits for it.
    let (bus, reader, entry_id) = (app.bus.clone(), ask.principal, record.entry.entry_id);
    let read = to_its_end(async move { bus.read_texts(reader, &record).await }).await?;
    let read = read.map_err(command_problem)?;
    if read.is_empty() {
        return Err(Problem::absent());
    }
    let texts = read.into_iter().map(TextShown::from).collect();
    Ok(Json(TextsShown { entry_id, texts }).into_response())
}
