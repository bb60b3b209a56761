//! The ledger's log, for whoever checks it: the newest signed checkpoint and the hashes of its tree
//! (C2SP `tlog-tiles`). Hashes tell nothing of what is recorded, so no key is needed; bundles of the
//! entries themselves are for those who read everything. They hold sealed texts as ciphertext alone and are
//! no export, so no access is recorded: whoever follows the log would add to it with each look.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing::get};

use dutyledger_proofs::tile::{self, Holds, Tile};
use dutyledger_record::{Principal, PrincipalKind};
use dutyledger_transparency::{Log, Signed};

use crate::app::App;
use crate::problem::{Code, Problem, internal};

/// What the addresses of bundles of entries begin with. They need a key.
pub(crate) const ENTRIES: &str = "/log/tile/entries/";
/// Full tiles never change.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/tile/entries/{*index}", get(entries))
        .route("/log/tile/{level}/{*index}", get(hashes))
}

/// What hands the log out, where checkpoints are signed.
pub(crate) fn log(app: &App) -> Result<&Log, Problem> {
    app.log.as_ref().ok_or_else(|| {
        let detail = "This server signs no checkpoints. The operator can start it with a key.";
        Problem::new(Code::NotFound, detail)
    })
}

/// The newest checkpoint, where there is one.
fn newest(app: &App) -> Result<Arc<Signed>, Problem> {
    let none = || Problem::new(Code::NotFound, "No checkpoint was signed yet.");
    log(app)?.newest().ok_or_else(none)
}

async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let text = newest(&app)?.note.to_string();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, plain)], text).into_response())
}

async fn hashes(
    State(app): State<App>,
    Path((level, index)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let tile = named(&format!("tile/{level}/{index}"))?;
    let hashes = log(&app)?.tile(tile).await.map_err(internal)?;
    let hashes = hashes.ok_or_else(Problem::absent)?;
    Ok(served(tile, tile::write_hashes(&hashes)))
}

async fn entries(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(index): Path<String>,
) -> Result<Response, Problem> {
    // Whoever reads everything else sees nothing here, as anywhere.
    if !matches!(
        principal.kind,
        PrincipalKind::Auditor | PrincipalKind::Inspectorate
    ) {
        return Err(Problem::absent());
    }
    let tile = named(&format!("tile/entries/{index}"))?;
    let size = newest(&app)?.checkpoint.size;
    let covered = Tile::in_tree(Holds::Entries, tile.index, size);
    let (from, until) = covered
        .filter(|covered| covered.width >= tile.width)
        .and(tile.leaves())
        .ok_or_else(Problem::absent)?;
    let count = u32::from(tile.width);
    let found = app.bus.ledger().read(from, count).await.map_err(internal)?;
    if found.last().map(|entry| entry.position) != Some(until) {
        return Err(internal(format!("entries {from} to {until} are not there")));
    }
    let texts = found.iter().map(|entry| entry.leaf_data.as_bytes());
    let bytes = tile::write_entries(texts).map_err(internal)?;
    Ok(served(tile, bytes))
}

fn named(path: &str) -> Result<Tile, Problem> {
    path.parse().map_err(|_| Problem::absent())
}

fn served(tile: Tile, bytes: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static("application/octet-stream");
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    if tile.is_full() && tile.holds != Holds::Entries {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, FOR_EVER);
    }
    response
}
