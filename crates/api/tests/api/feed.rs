//! The feed: where it may go on from, and who waits for it at whose cost.

use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use dutyledger_api::Limits;
use dutyledger_record::PrincipalKind;
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use tower::ServiceExt;

use crate::common::Server;

/// Longer than any of this takes that does not wait.
const PROMPT: Duration = Duration::from_secs(10);

fn listen(key: &str) -> Request<Body> {
    let request = Request::get("/v1/entries/stream");
    let request = request.header("authorization", format!("Bearer {key}"));
    request.body(Body::empty()).unwrap()
}

/// Begins to listen.
async fn listening(server: &Server, key: &str) -> BodyDataStream {
    let answer = server.router.clone().oneshot(listen(key)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut said = answer.into_body().into_data_stream();
    let begun = said.next().await.unwrap().unwrap();
    assert!(begun.starts_with(b"retry: 1000\nid: "), "{begun:?}");
    said
}

#[tokio::test]
async fn a_position_that_cannot_be_is_refused_and_so_is_one_the_ledger_does_not_have() {
    let server = Server::start().await;
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    for after in ["18446744073709551615", "9223372036854775808"] {
        for path in [
            format!("/v1/entries?after={after}"),
            format!("/v1/entries?after={after}&wait=1"),
            format!("/v1/entries/stream?after={after}"),
        ] {
            let refused = server.get_plain(&auditor, &path).await.is(400);
            assert_eq!(refused.json["errors"][0]["pointer"], "after", "{path}");
        }
        let mut request = listen(&auditor);
        let value = after.parse().unwrap();
        request.headers_mut().insert("last-event-id", value);
        let refused = server.send(request).await.is(400);
        assert_eq!(refused.json["errors"][0]["pointer"], "Last-Event-ID");
    }
    let beyond = server.bus.ledger().head() + 1;
    for after in [beyond, i64::MAX.unsigned_abs()] {
        let path = format!("/v1/entries?after={after}&wait=1");
        let refused = server.get_plain(&auditor, &path).await.is(409);
        assert_eq!(refused.code(), "beyond-the-ledger");
    }
}

#[tokio::test]
async fn rows_that_stand_still_are_waited_for_and_flood_nobody() {
    let server = Server::start().await;
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    let head = server.bus.ledger().head();
    let path = format!("/v1/entries?wait_for={head}");
    server.get_plain(&auditor, &path).await.is(200);
    server.rows_stand_still().await;
    let mut said = listening(&server, &auditor).await;
    let more = tokio::time::timeout(Duration::from_secs(2), said.next()).await;
    assert!(more.is_err(), "{more:?}");
    let since = Instant::now();
    let path = format!("/v1/entries?after={head}&wait=1");
    server.get_plain(&auditor, &path).await.is(200);
    assert!(since.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn those_who_wait_leave_room_for_those_who_record() {
    let limits = Limits {
        requests_at_once: 3,
        waits: 2,
        waits_each: 1,
        ..Limits::default()
    };
    let server = Server::start_with(limits).await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let one = server.key(PrincipalKind::Auditor, None).await;
    let other = server.key(PrincipalKind::Auditor, None).await;
    let third = server.key(PrincipalKind::Auditor, None).await;
    // Nothing is recorded meanwhile.
    let path = format!("/v1/entries?after={}&wait=20", server.bus.ledger().head());
    let poll = |key| server.get_plain(key, &path).boxed();
    // Of two of one principal the second is answered at once, and so is a third of all.
    let mut waiting = Vec::new();
    for (key, rest) in [(&one, &one), (&other, &third)] {
        let both = futures_util::future::select(poll(key), poll(rest));
        let both = tokio::time::timeout(PROMPT, both).await;
        let (answer, waits) = both.expect("one of them does not wait").factor_first();
        assert_eq!(answer.is(200).json["data"], json!([]));
        waiting.push(waits);
    }
    let area = json!({ "country": "england", "kind": "district", "name": "Room" });
    let recorded = server.command(&operator, "/v1/areas", area);
    let recorded = tokio::time::timeout(PROMPT, recorded).await;
    recorded.expect("there is room").is(201);
}

#[tokio::test]
async fn one_principal_listens_a_few_times_at_the_most() {
    let limits = Limits {
        listeners_each: 1,
        ..Limits::default()
    };
    let server = Server::start_with(limits).await;
    let one = server.key(PrincipalKind::Auditor, None).await;
    let other = server.key(PrincipalKind::Auditor, None).await;
    let listens = listening(&server, &one).await;
    let refused = server.send(listen(&one)).await.is(503);
    assert_eq!(refused.code(), "busy");
    drop(listening(&server, &other).await);
    drop(listens);
    drop(listening(&server, &one).await);
}
