//! What every request goes through: its id, its limits, its key, its last word.

use std::any::Any;
use std::sync::Arc;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use dutyledger_application::Edge;
use dutyledger_record::Principal;

use crate::app::{App, Limits};
use crate::command::IMPORTS;
use crate::log::ENTRIES;
use crate::metrics::METRICS;
use crate::problem::{Code, Problem, command_problem, internal};
use crate::reads::exports::EXPORTS;
use crate::reads::{CALENDARS, calendar_principal};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What the documentation may load: its own files, and nothing from elsewhere.
const CSP_DOCS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
/// What everything else may load: nothing.
const CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Whether a request to an address needs a key. The others are open to everybody.
fn needs_key(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/") || path.starts_with(ENTRIES) || path == METRICS
}

/// Gives the request its id, writes the body of a problem, sets the headers, and logs.
pub(crate) async fn outermost(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let id = edge.uuid();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|m| m.as_str().to_owned());
    let mut response = next.run(request).await;
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        if let Some(cause) = &problem.log {
            tracing::error!(request_id = %id, cause, "a request failed on our side");
        }
        let mut described = Json(problem.document(id)).into_response();
        *described.status_mut() = response.status();
        for (name, value) in response.headers() {
            if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
                described.headers_mut().insert(name, value.clone());
            }
        }
        let json = HeaderValue::from_static("application/problem+json");
        described.headers_mut().insert(header::CONTENT_TYPE, json);
        response = described;
    }
    // The template of the route, never the address itself: an address may hold anything.
    tracing::info!(
        request_id = %id,
        %method,
        route = route.as_deref().unwrap_or("-"),
        status = response.status().as_u16(),
        code = problem.map(|p| p.code.name()),
        "request"
    );
    set_headers(&mut response, &path, id);
    response
}

fn set_headers(response: &mut Response, path: &str, id: Uuid) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    let docs = path == "/docs" || path.starts_with("/docs/");
    let fixed = HeaderValue::from_static;
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, fixed("DENY"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        if docs { CSP_DOCS } else { CSP },
    );
    headers.insert("cross-origin-resource-policy", fixed("same-origin"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    }
}

/// What the limits are kept with.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) limits: Limits,
    pub(crate) room: Arc<Semaphore>,
}

tokio::task_local! {
    /// The place that a request has among those that go on at once.
    static PLACE: Arc<OwnedSemaphorePermit>;
}

/// Carries out what a request began, whether or not whoever asked waits for it. Until it is done it keeps
/// the request's place, so that no more goes on than may, however many go away.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    let place = PLACE.try_with(Arc::clone).ok();
    let carried_out = tokio::spawn(async move {
        let _place = place;
        work.await
    });
    carried_out.await.map_err(internal)
}

/// Keeps the limits of time and of how much goes on at once.
pub(crate) async fn within_limits(
    State(gate): State<Gate>,
    mut request: Request,
    next: Next,
) -> Response {
    let Ok(place) = gate.room.try_acquire_owned() else {
        return Problem::plain(Code::Busy).into_response();
    };
    let path = request.uri().path();
    // An export changes nothing that whoever gave it up would have to look for.
    let reads = matches!(*request.method(), Method::GET | Method::HEAD) || path == EXPORTS;
    let time = match path {
        IMPORTS => gate.limits.import_time,
        EXPORTS => gate.limits.export_time,
        _ => gate.limits.request_time,
    };
    request.extensions_mut().insert(gate.limits);
    let answered = PLACE.scope(Arc::new(place), next.run(request));
    match tokio::time::timeout(time, answered).await {
        Ok(response) => response,
        Err(_) if reads => Problem::plain(Code::TookTooLong).into_response(),
        Err(_) => Problem::plain(Code::OutcomeUnknown).into_response(),
    }
}

/// Lets nobody in without a key that holds.
pub(crate) async fn with_key(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !needs_key(path) {
        return next.run(request).await;
    }
    // A calendar's address is its secret, and opens nothing else.
    if path.starts_with(CALENDARS) {
        let principal = calendar_principal(&app, path).await;
        return match principal {
            Ok(principal) => admitted(principal, request, next).await,
            Err(problem) => problem.into_response(),
        };
    }
    match principal_of(&app, request.headers()).await {
        Ok(principal) => admitted(principal, request, next).await,
        Err(problem) => problem.into_response(),
    }
}

/// The principal that the key in a request's headers stands for now, where it stands for one.
pub(crate) async fn principal_of(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<Principal>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let secret = match (
        values.next().and_then(|value| value.to_str().ok()),
        values.next(),
    ) {
        (Some(value), None) => value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, secret)| secret.trim()),
        _ => None,
    };
    match secret {
        None => Ok(None),
        Some(secret) => app.bus.authenticate(secret).await.map_err(command_problem),
    }
}

async fn admitted(principal: Option<Principal>, mut request: Request, next: Next) -> Response {
    let Some(principal) = principal else {
        return Problem::plain(Code::Unauthenticated).into_response();
    };
    request.extensions_mut().insert(principal);
    next.run(request).await
}

/// The answer to a panic: the same as to any other fault of ours.
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let cause = match cause.downcast::<String>() {
        Ok(text) => *text,
        Err(cause) => match cause.downcast::<&str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "a panic without a message".to_owned(),
        },
    };
    internal(format!("a handler panicked: {cause}")).into_response()
}

/// The answer where nothing is.
pub(crate) async fn not_found() -> Problem {
    Problem::absent()
}

/// The answer to another method.
pub(crate) async fn other_method() -> Problem {
    Problem::plain(Code::MethodNotAllowed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn_with_state;
    use axum::routing::{get, post};
    use dutyledger_application::SystemEntropy;
    use dutyledger_ledger::SystemClock;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    /// Who goes on only once a test lets it.
    type Held = Arc<Semaphore>;

    fn router(held: &Held) -> Router {
        let edge = Edge {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let limits = Limits {
            request_time: Duration::from_millis(20),
            ..Limits::default()
        };
        let gate = Gate {
            limits,
            room: Arc::new(Semaphore::new(1)),
        };
        let held = Arc::clone(held);
        let begun = move || async move {
            let work = async move { held.acquire().await.map(drop).is_ok() };
            Json(to_its_end(work).await.unwrap())
        };
        let slow = || async { tokio::time::sleep(Duration::from_secs(60)).await };
        Router::new()
            .route(
                "/panic",
                get(|| async {
                    if true {
                        panic!("the secret {}", 7)
                    }
                }),
            )
            .route("/begun", post(begun))
            .route("/slow", get(slow))
            .route("/slow", post(slow))
            .layer(from_fn_with_state(gate, within_limits))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(edge, outermost))
    }

    async fn ask(method: Method, path: &str) -> (u16, serde_json::Value) {
        answer(router(&Held::new(Semaphore::new(0))), method, path).await
    }

    async fn answer(router: Router, method: Method, path: &str) -> (u16, serde_json::Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing() {
        let (status, body) = ask(Method::GET, "/panic").await;
        assert_eq!((status, &body["code"]), (500, &"internal".into()));
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn a_read_that_takes_too_long_is_given_up_and_a_command_may_have_happened() {
        let (status, body) = ask(Method::GET, "/slow").await;
        assert_eq!((status, &body["code"]), (503, &"took-too-long".into()));
        let (status, body) = ask(Method::POST, "/slow").await;
        assert_eq!((status, &body["code"]), (500, &"outcome-unknown".into()));
    }

    #[tokio::test]
    async fn what_was_begun_keeps_its_place_until_it_is_done_though_nobody_waits_for_it() {
        let held = Held::new(Semaphore::new(0));
        let router = router(&held);
        let ask = || answer(router.clone(), Method::POST, "/begun");
        // Given up after the time a request has, and still going on.
        let (_, body) = ask().await;
        assert_eq!(body["code"], "outcome-unknown");
        let (status, body) = ask().await;
        assert_eq!((status, &body["code"]), (503, &"busy".into()));
        held.add_permits(100);
        let done = async {
            while ask().await != (200, true.into()) {
                tokio::task::yield_now().await;
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(60), done).await;
        assert_eq!(done, Ok(()), "the place is there again");
    }
}
