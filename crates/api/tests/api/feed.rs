//! The feed: where it may go on from, and who waits for it at whose cost.

use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use dutyledger_api::Limits;
use dutyledger_record::PrincipalKind;
use futures_util::future::{BoxFuture, join_all, select};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::common::{Answer, Place, Server};

/// Longer than any of this takes that does not wait, and shorter than what does.
const PROMPT: Duration = Duration::from_secs(15);

fn listen(key: &str) -> Request<Body> {
    listen_at("/v1/entries/stream", key)
}

fn listen_at(path: &str, key: &str) -> Request<Body> {
    let request = Request::get(path);
    let request = request.header("authorization", format!("Bearer {key}"));
    request.body(Body::empty()).unwrap()
}

/// Begins to listen.
async fn listening(server: &Server, key: &str) -> BodyDataStream {
    listening_at("/v1/entries/stream", server, key).await
}

async fn listening_at(path: &str, server: &Server, key: &str) -> BodyDataStream {
    let request = listen_at(path, key);
    let answer = server.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut said = answer.into_body().into_data_stream();
    let begun = said.next().await.unwrap().unwrap();
    assert!(begun.starts_with(b"retry: 1000\nid: "), "{begun:?}");
    said
}

/// Of two that ask for what is not there yet one waits: what the other is answered at once, and the one
/// that waits.
async fn one_waits<'a>(
    one: BoxFuture<'a, Answer>,
    other: BoxFuture<'a, Answer>,
) -> (Answer, BoxFuture<'a, Answer>) {
    let both = tokio::time::timeout(PROMPT, select(one, other)).await;
    let (answer, waits) = both.expect("one of them does not wait").factor_first();
    (answer, waits.into_inner())
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
        let (answer, waits) = one_waits(poll(key), poll(rest)).await;
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

/// What is heard from the beginning up to a position: the id, the name and the data of each event.
async fn heard(server: &Server, key: &str, query: &str, head: u64) -> Vec<[String; 3]> {
    let request = listen_at(&format!("/v1/entries/stream?after=0{query}"), key);
    let answer = server.router.clone().oneshot(request).await.unwrap();
    let mut said = answer.into_body().into_data_stream();
    let begun = said.next().await.unwrap().unwrap();
    assert_eq!(begun, "retry: 1000\nid: 0\n\n");
    let mut events = Vec::new();
    loop {
        let text = said.next().await.unwrap().unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        for event in text.split_terminator("\n\n") {
            let lines: Vec<_> = event.lines().collect();
            match lines.as_slice() {
                [id, name, data] => events.push([
                    id.strip_prefix("id: ").unwrap().to_owned(),
                    name.strip_prefix("event: ").unwrap().to_owned(),
                    data.strip_prefix("data: ").unwrap().to_owned(),
                ]),
                // How far was looked, where there is nothing more.
                [id] => {
                    let reached: u64 = id.strip_prefix("id: ").unwrap().parse().unwrap();
                    assert!(reached >= head, "it is said once all is said");
                    return events;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_heard_is_what_the_list_shows_the_same_principal() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let place = Place::make(&server, &operator, "Eastmere").await;
    let other = Place::make(&server, &operator, "Westmere").await;
    for place in [&place, &other] {
        let strategy = json!({ "partnership": place.partnership, "title": "A strategy", "bases": {
            "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false } });
        let drafted = server.command(&place.council_key, "/v1/strategies", strategy);
        drafted.await.is(201);
    }
    let head = server.bus.ledger().head();
    let (own, elses) = (&place.partnership, &other.partnership);
    let queries = [
        String::new(),
        format!("&partnership={own}"),
        format!("&partnership={elses}"),
        "&stream_type=strategy".to_owned(),
        "&event_type=AreaRegistered".to_owned(),
        format!("&partnership={own}&stream_type=partnership&event_type=PartnershipFormed"),
    ];
    let keys = [
        &place.coordinator_key,
        &place.council_key,
        &place.school_key,
    ];
    let compared = keys
        .iter()
        .flat_map(|key| queries.iter().map(move |query| (*key, query)));
    let (server, many) = (&server, compared.clone().count());
    let compared = compared.map(|(key, query)| async move {
        let heard = heard(server, key, query, head).await;
        let path = format!("/v1/entries?limit=200{query}");
        let shown = server.get(key, &path).await.is(200).json;
        let shown = shown["data"].as_array().unwrap().clone();
        let parsed: Vec<Value> = heard
            .iter()
            .map(|[_, _, data]| serde_json::from_str(data).unwrap())
            .collect();
        assert_eq!(parsed, shown, "{query}");
        for ([id, name, _], row) in heard.iter().zip(&shown) {
            assert_eq!(*id, row["position"].to_string());
            assert!(
                name.starts_with("dutyledger.") && name.ends_with(".v1"),
                "{name}"
            );
        }
        // No more of the other partnership is among it than that it is there.
        let of_other = |row: &&Value| row["partnerships"] == json!([elses]);
        assert_eq!(shown.iter().filter(of_other).count(), 0, "{query}");
        shown.len()
    });
    let lengths = join_all(compared).await;
    assert_eq!(lengths.len(), many);
    let [all, own, elses, strategies, areas, formed] = &lengths[..6] else {
        unreachable!("there are more")
    };
    assert!(own < all && *elses == 0, "{lengths:?}");
    assert_eq!((*strategies, *areas, *formed), (1, 2, 1));
}

async fn revoke(server: &Server, operator: &str, key: &str) {
    let principal = server.bus.authenticate(key).await.unwrap().unwrap();
    let key = principal.key_id.unwrap();
    let revocation = format!("/v1/keys/{key}/revocation");
    server.post(operator, &revocation, json!({})).await.is(200);
}

/// Nothing is recorded that it would hear, so nothing but the time has its key asked for.
#[tokio::test]
async fn whose_key_is_revoked_is_cut_off_within_5_seconds_though_there_is_nothing_to_hear() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    let path = "/v1/entries/stream?event_type=AreaRegistered";
    let mut said = listening_at(path, &server, &auditor).await;
    // From here on there are 5 seconds.
    assert!(said.next().now_or_never().is_none());
    revoke(&server, &operator, &auditor).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::resume();
    let more = tokio::time::timeout(PROMPT, said.next()).await;
    assert!(more.expect("it is cut off in time").is_none());
}

/// It began to listen, and to wait, while its key held.
#[tokio::test]
async fn whose_key_is_revoked_hears_nothing_more() {
    let limits = Limits {
        waits_each: 1,
        ..Limits::default()
    };
    let server = Server::start_with(limits).await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    let mut said = listening(&server, &auditor).await;
    let head = server.bus.ledger().head();
    let path = format!("/v1/entries?after={head}&wait=20&event_type=AreaRegistered");
    let poll = || server.get_plain(&auditor, &path).boxed();
    let (answer, waiting) = one_waits(poll(), poll()).await;
    answer.is(200);

    revoke(&server, &operator, &auditor).await;
    let area = json!({ "country": "england", "kind": "district", "name": "Eastmere" });
    server.command(&operator, "/v1/areas", area).await.is(201);

    let more = tokio::time::timeout(PROMPT, said.next()).await;
    assert!(more.expect("it is cut off in time").is_none());
    let answer = tokio::time::timeout(PROMPT, waiting).await;
    assert_eq!(
        answer.expect("it is answered").is(401).code(),
        "unauthenticated"
    );
}
