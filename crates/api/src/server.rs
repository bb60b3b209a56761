//! Putting it together.

use std::sync::{Arc, LazyLock};

use aide::axum::ApiRouter;
use aide::openapi::OpenApi;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

use crate::app::{App, Limits};
use crate::edge::{Gate, not_found, other_method, outermost, panicked, with_key, within_limits};
use crate::{command, doc, docs, health, log, metrics, reads};

/// The routes under `/v1` and their description.
fn described() -> (Router<App>, OpenApi) {
    doc::begin();
    let mut document = aide::generate::in_context(doc::frame);
    let router = reads::routes(command::routes(ApiRouter::new()));
    let router = router.finish_api(&mut document);
    (router, document)
}

/// The OpenAPI document. It depends on nothing but the program.
#[must_use]
pub fn openapi() -> Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        serde_json::to_value(described().1)
            .unwrap_or_else(|e| unreachable!("the document is plain data: {e}"))
    });
    DOCUMENT.clone()
}

/// All routes, with the layers every request goes through.
pub fn router(app: App, limits: Limits) -> Router {
    let app = app.within(limits);
    let (versioned, _) = described();
    let gate = Gate {
        limits,
        room: Arc::new(Semaphore::new(limits.requests_at_once)),
    };
    let document: Arc<str> = openapi().to_string().into();
    let serve_document = move || async move {
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], document.to_string()).into_response()
    };
    versioned
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route(metrics::METRICS, get(metrics::metrics))
        .route("/openapi.json", get(serve_document))
        .merge(log::routes())
        .merge(docs::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(app.clone(), with_key))
        .layer(from_fn_with_state(gate, within_limits))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.bus.edge().clone(), outermost))
        .layer(SetSensitiveRequestHeadersLayer::new([
            header::AUTHORIZATION,
        ]))
        .with_state(app)
}
