//! Bundles for an inspection. Who is given one is recorded before the first byte of it is sent.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aide::axum::ApiRouter;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use chrono::NaiveDate;
use futures_util::stream::unfold;
use schemars::{JsonSchema, json_schema};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use dutyledger_audit::export::{self, ExportError, Known, What};
use dutyledger_domain::StreamKind;
use dutyledger_domain::streams::access::{ExportKind, Served};
use dutyledger_domain::streams::{Direction, NeedsAssessment, Strategy};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::{PrincipalKind, StreamId};
use dutyledger_transparency::{LogError, Proven};

use super::page::at_position;
use crate::app::App;
use crate::ask::Ask;
use crate::command::{NoQuery, refuse_headers};
use crate::doc::{self, Doc};
use crate::edge::to_its_end;
use crate::endpoint::{self, Outcome};
use crate::json;
use crate::log::log;
use crate::problem::{Code, Problem, command_problem, internal};

/// Where an export is asked for.
pub(crate) const EXPORTS: &str = "/v1/audit/exports";
const ZIP: &str = "application/zip";
/// How much of a bundle is sent at once.
const CHUNK: usize = 64 * 1024;

/// What is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewExport {
    /// Only this partnership, each entry with its proof. The whole ledger where left out.
    partnership: Option<StreamId>,
    /// The date the report's figures are true on; today where left out.
    on: Option<NaiveDate>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    endpoint::post(router, EXPORTS, endpoint::run(export), |op, ctx| {
        let doc = Doc {
            id: "exportBundle".to_owned(),
            tag: "Audit",
            summary: "Export a bundle for an inspection".to_owned(),
            description: "For inspectorates and auditors. One file with the ledger, or with one \
                          partnership of it, as known at the newest checkpoint: the entries, what \
                          proves them, figures and a report. `dutyledger-verify` checks it \
                          anywhere; `schemas/bundle.md` says what is in it. Who was given it is \
                          recorded before it is sent. One is made at a time, and sent within ten \
                          minutes.\n\nRests on the rule of the record that nothing is removed, and \
                          on L-2."
                .to_owned(),
        };
        doc::describe(op, doc, EXPORTS, ctx);
        let example = json!({ "on": "2026-03-31" });
        doc::body(op, ctx.schema.subschema_for::<NewExport>(), example);
        let media = doc::media(json_schema!({ "contentMediaType": ZIP }), None);
        let headers = [
            (
                "Dutyledger-Position",
                "The position the bundle holds up to: the size of its checkpoint.",
            ),
            ("Content-Disposition", "A name for the file."),
        ];
        let problems = [400, 401, 403, 404, 413, 415, 422, 500, 503];
        let content = Some((ZIP, media));
        doc::answers(op, 200, "The bundle.", content, &headers, &problems);
    })
}

async fn export(app: App, mut ask: Ask) -> Outcome {
    ask.query::<NoQuery>()?;
    let (kind, reader) = (ask.principal.kind, ask.principal);
    if !matches!(kind, PrincipalKind::Auditor | PrincipalKind::Inspectorate) {
        let why = "Bundles are for inspectorates and auditors.";
        return Err(Problem::new(Code::NotPermitted, why));
    }
    refuse_headers(&ask)?;
    let new: NewExport = json::read(&ask.json_body().await?)?;
    let proven = log(&app)?.proven().map_err(|error| match error {
        LogError::NoCheckpoint => {
            let why = "No checkpoint was signed yet, and a bundle ends with one. The operator can \
                       have one signed: POST /v1/audit/checkpoints.";
            Problem::new(Code::NotFound, why)
        }
        error => internal(error),
    })?;
    let place = Arc::clone(&app.exporting).try_acquire_owned();
    let place = place.map_err(|_| {
        let why = "Another bundle is being made or sent. Nothing was recorded.";
        Problem::new(Code::Busy, why)
    })?;
    let known = match new.partnership {
        Some(id) => known(&app, id).await?,
        None => Default::default(),
    };
    let what = What {
        partnership: new.partnership,
        known,
        on: new.on.unwrap_or_else(|| app.bus.edge().today()),
        exported_at: app.bus.edge().clock.now(),
    };
    let size = proven.size();
    let ledger: LedgerReader = (**app.bus.ledger()).clone();
    let (bundle, place) = made(ledger, proven, what, place).await?;
    // An access is recorded whether or not the client waits for it.
    let served = Served::Export {
        export: ExportKind::new("bundle").map_err(internal)?,
        partnership: new.partnership,
    };
    let bus = app.bus.clone();
    let recorded = to_its_end(async move { bus.record_access(reader, served).await }).await?;
    recorded.map_err(command_problem)?;
    let name = match new.partnership {
        Some(id) => format!("partnership-{id}-{size}.zip"),
        None => format!("ledger-{size}.zip"),
    };
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(ZIP)),
        (header::CONTENT_LENGTH, HeaderValue::from(bundle.bytes)),
        (header::CONTENT_DISPOSITION, named.map_err(internal)?),
    ];
    let body = sent(bundle.file, place, ask.limits().export_time);
    Ok((at_position(size), headers, body).into_response())
}

/// The streams the rows say belong to a partnership or announce what becomes of it, and the position
/// up to which they know it.
async fn known(app: &App, id: StreamId) -> Result<Known, Problem> {
    // The position first: what the rows say after it is known at least up to there.
    let position = app.projections.position();
    let found = app.projections.depends_on(id).await.map_err(internal)?;
    let kinds = [Strategy::TYPE, NeedsAssessment::TYPE, Direction::TYPE];
    let own = found.into_iter();
    let own = own.filter(|stream| kinds.contains(&stream.stream_type));
    let announced = app.projections.announced(id).await.map_err(internal)?;
    Ok(Known {
        belonging: own.collect(),
        announced: announced.into_iter().map(|(stream, _)| stream).collect(),
        position,
    })
}

/// A bundle in a file that has no name, and goes when it is closed.
struct Bundle {
    file: File,
    bytes: u64,
}

/// Sets a flag when it goes.
struct GivesUp(Arc<AtomicBool>);

impl Drop for GivesUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes a bundle, on a thread where that disturbs nobody. It ends early when nobody waits any more,
/// and the place is free only once it has ended.
async fn made(
    ledger: LedgerReader,
    proven: Proven,
    what: What,
    place: OwnedSemaphorePermit,
) -> Result<(Bundle, OwnedSemaphorePermit), Problem> {
    let waiting = GivesUp(Arc::default());
    let given_up = Arc::clone(&waiting.0);
    let runtime = tokio::runtime::Handle::current();
    let made = tokio::task::spawn_blocking(move || {
        let out = BufWriter::new(tempfile::tempfile()?);
        let go_on = |_, _| match given_up.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let written = runtime.block_on(export::write(out, &ledger, &proven, what, go_on));
        let mut file = match written {
            Ok(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?,
            Err(error) => return Ok(Err(error)),
        };
        let bytes = file.metadata()?.len();
        file.rewind()?;
        Ok(Ok((Bundle { file, bytes }, place)))
    });
    let made: io::Result<_> = made.await.map_err(internal)?;
    made.map_err(internal)?.map_err(told)
}

/// Why there is no bundle, for whoever asked for it.
fn told(error: ExportError) -> Problem {
    match error {
        ExportError::NoPartnership => {
            let why = "There is no such partnership in the newest checkpoint.";
            let status = Code::Invalid.status();
            Problem {
                status,
                ..Problem::member(Code::NotFound, "/partnership", why)
            }
        }
        error @ ExportError::TooLarge => {
            let why = format!("{error}: leave `partnership` out.");
            Problem::member(Code::TooLarge, "/partnership", why)
        }
        error @ ExportError::NoRoom(_) => {
            let why = format!("{error}. Ask for one `partnership` after another.");
            Problem::member(Code::TooLarge, "/partnership", why)
        }
        error @ ExportError::On(_) => Problem::member(Code::Invalid, "/on", format!("{error}.")),
        ExportError::NoKey => {
            let why = "The newest checkpoint is from before the ledger adopted its key. The operator \
                       can have another signed: POST /v1/audit/checkpoints.";
            Problem::new(Code::NotFound, why)
        }
        error if error.is_disagreement() => Problem {
            detail:
                "The entries, the keys they adopt and the newest checkpoint do not agree, so no \
                     bundle of them would be verified, and none was made. The operator finds where \
                     with `dutyledger ledger verify`."
                    .to_owned(),
            ..internal(error)
        },
        error => internal(error),
    }
}

/// A bundle as it is sent, a piece at a time. It is read only as fast as it is taken, and whoever does
/// not take it in time does not get the rest.
fn sent(file: File, place: OwnedSemaphorePermit, within: Duration) -> Body {
    let (pieces, taken) = mpsc::channel::<io::Result<Bytes>>(1);
    let end = Instant::now() + within;
    // Not within the body: that is not asked for more while the caller takes nothing.
    tokio::spawn(async move {
        let mut file = file;
        loop {
            let read = tokio::task::spawn_blocking(move || piece(&mut file).map(|p| (p, file)));
            let (piece, left) = match read.await.map_err(io::Error::other).flatten() {
                Ok((Some(piece), left)) => (Ok(piece), Some(left)),
                Ok((None, _)) => break,
                Err(error) => (Err(error), None),
            };
            // Gone, or too slow: the answer then has fewer bytes than it said, which is noticed.
            let taken = tokio::time::timeout_at(end, pieces.send(piece)).await;
            match (taken, left) {
                (Ok(Ok(())), Some(left)) => file = left,
                _ => break,
            }
        }
        drop(place);
    });
    Body::from_stream(unfold(taken, |mut taken| async move {
        taken.recv().await.map(|piece| (piece, taken))
    }))
}

/// The next piece of a file; nothing at its end.
fn piece(file: &mut File) -> io::Result<Option<Bytes>> {
    let mut bytes = Vec::with_capacity(CHUNK);
    let read = file.take(CHUNK as u64).read_to_end(&mut bytes)?;
    Ok((read > 0).then(|| bytes.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::body::to_bytes;
    use tokio::sync::Semaphore;

    use super::*;

    /// More than is read ahead for whoever takes it.
    const BYTES: usize = 8 * CHUNK + 7;

    async fn sending(within: Duration) -> (Body, Arc<Semaphore>) {
        let room = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&room).acquire_owned().await.unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; BYTES]).unwrap();
        file.rewind().unwrap();
        (sent(file, place, within), room)
    }

    #[test]
    fn whoever_gets_no_bundle_is_told_why_and_what_to_do() {
        let large = told(ExportError::TooLarge);
        assert_eq!((large.code, large.status), (Code::TooLarge, 413));
        let why = &large.errors[0];
        assert_eq!(why.pointer, "/partnership");
        assert!(why.detail.contains("at most 50000 entries"), "{why:?}");
        assert!(why.detail.contains("the whole ledger"), "{why:?}");

        let much = told(ExportError::NoRoom("it has too many streams".to_owned()));
        assert_eq!((much.code, much.status), (Code::TooLarge, 413));
        let why = &much.errors[0];
        assert_eq!(why.pointer, "/partnership");
        assert!(why.detail.contains("too many streams"), "{why:?}");

        let on = told(ExportError::On(NaiveDate::MAX));
        assert_eq!((on.code, on.status), (Code::Invalid, 422));
        assert_eq!(on.errors[0].pointer, "/on");

        let early = told(ExportError::NoKey);
        assert_eq!(early.code, Code::NotFound);
        let key = told(ExportError::Key("it is cut off".to_owned()));
        assert!(key.detail.contains("ledger verify"), "{key:?}");
        assert_eq!(key.status, 500);
    }

    #[tokio::test]
    async fn a_bundle_is_sent_whole_to_whoever_takes_it() {
        let (body, room) = sending(Duration::from_secs(60)).await;
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), vec![7; BYTES]);
        let _free = room.acquire().await.unwrap();
    }

    #[tokio::test]
    async fn whoever_takes_nothing_keeps_no_place() {
        let (body, room) = sending(Duration::from_millis(20)).await;
        let free = tokio::time::timeout(Duration::from_secs(60), room.acquire()).await;
        let _free = free.unwrap().unwrap();
        let taken = to_bytes(body, usize::MAX).await.unwrap();
        assert!(taken.len() < BYTES, "the rest is not sent");
    }

    #[tokio::test]
    async fn whoever_goes_away_keeps_no_place() {
        let (body, room) = sending(Duration::from_secs(60)).await;
        drop(body);
        let _free = room.acquire().await.unwrap();
    }
}
