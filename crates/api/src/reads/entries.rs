//! Entries of the record, and the texts sealed in them.

use std::sync::Arc;

use aide::axum::ApiRouter;
use axum::Json;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use dutyledger_application::{access, sealing};
use dutyledger_domain::streams::{
    Area, Authority, Direction, NeedsAssessment, Partnership, Strategy,
};
use dutyledger_domain::{StreamKind, World};
use dutyledger_ledger::Stored;
use dutyledger_record::{EntryId, PrincipalKind, Record, StreamId, hex};

use super::seen::Seer;
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::command::NoQuery;
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
    /// The text; left out where it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Whether it was erased by destroying its key.
    erased: bool,
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
                authorities, inspectorates and auditors. Each reading is logged.\n\nRests on L-2.",
    };
    let router = add::<NoQuery, EntryShown, _, _>(router, entry_read, entry);
    add::<NoQuery, TextsShown, _, _>(router, text_read, sealed_text)
}

async fn find(app: &App, ask: &Ask) -> Result<(Stored, Record), Problem> {
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
    let sealed: Vec<_> = sealing::sealed_texts(&record)
        .into_iter()
        .map(|(member, _)| member)
        .collect();
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
        Partnership::NAME | Strategy::NAME | NeedsAssessment::NAME => {
            for partnership in &standing.partnerships {
                if seer.whole(Some(*partnership)).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        // The ledger's own entries tell of keys and of whom they are bound to: for the operator
        // and those who read everything.
        _ => Ok(matches!(
            principal.kind,
            PrincipalKind::Operator
                | PrincipalKind::Auditor
                | PrincipalKind::Inspectorate
                | PrincipalKind::SecretaryOfState
        )),
    }
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
    let opened = sealing::open_texts(app.bus.vault(), &record)
        .await
        .map_err(command_problem)?;
    if opened.is_empty() {
        return Err(Problem::absent());
    }
    let entry_id = record.entry.entry_id;
    tracing::info!(
        %entry_id,
        key_id = ask.principal.key_id.map(tracing::field::display),
        "sealed text was read"
    );
    let texts = opened
        .into_iter()
        .map(|opened| TextShown {
            member: opened.member,
            erased: opened.text.is_none(),
            text: opened.text.map(|text| text.reveal().to_owned()),
        })
        .collect();
    Ok(Json(TextsShown { entry_id, texts }).into_response())
}
