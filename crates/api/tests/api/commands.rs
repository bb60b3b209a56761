//! How commands are answered and refused.

use crate::common::{Place, Server, in_a_year, today};
use axum::body::Body;
use axum::http::Request;
use dutyledger_api::Limits;
use dutyledger_record::PrincipalKind;
use serde_json::{Value, json};

fn area(name: &str) -> Value {
    json!({ "country": "england", "kind": "district", "name": name })
}

async fn with_operator() -> (Server, String) {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    (server, operator)
}

#[tokio::test]
async fn a_command_is_answered_with_what_it_recorded() {
    let (server, operator) = with_operator().await;
    let answer = server
        .command(&operator, "/v1/areas", area("First"))
        .await
        .is(201);
    let id = answer.id();
    assert_eq!(answer.header("location"), format!("/v1/areas/{id}"));
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(
        answer.header("dutyledger-position"),
        answer.json["position"].to_string()
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(answer.json["stream"]["type"], "area");
    assert_eq!(answer.json["replayed"], false);
    assert_eq!(answer.json["entries"][0]["event_type"], "AreaRegistered");
    assert_eq!(answer.json["entries"][0]["payload"]["name"], "First");
    let again = server
        .command(&operator, "/v1/areas", area(" first "))
        .await
        .is(409);
    assert_eq!(again.code(), "already-so");
    let seen = server
        .get(&operator, &format!("/v1/areas/{id}"))
        .await
        .is(200);
    assert_eq!(seen.json["state"]["name"], "First");
    assert_eq!(seen.header("etag"), "\"1\"");
}

#[tokio::test]
async fn a_problem_says_what_is_wrong_where_and_what_to_do() {
    let (server, operator) = with_operator().await;
    let place = Place::make(&server, &operator, "Problem").await;
    let strategy = place.strategy(&server).await;
    let path = format!("/v1/strategies/{strategy}/adoptions");
    let refused = server
        .command(&place.council_key, &path, json!({ "version": 1 }))
        .await
        .is(409);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.json["type"], "/problems/rule-not-met");
    assert_eq!(refused.json["status"], 409);
    assert_eq!(refused.json["decided_for"], today());
    assert!(refused.json["decided_at"].is_u64());
    assert_eq!(refused.json["request_id"], refused.header("x-request-id"));
    let rules = refused.json["rules"].as_array().unwrap();
    let kinds = rules.iter().find(|rule| rule["rule"] == "R-10.2").unwrap();
    assert_eq!(kinds["section"], "8(3)(a)");
    assert!(!kinds["next"].as_str().unwrap().is_empty());

    let future = json!({ "occurred_on": "2999-01-31", "particulars": { "title": "New" } });
    let path = format!("/v1/strategies/{strategy}/amendments");
    let refused = server.post(&place.council_key, &path, future).await.is(422);
    assert_eq!(refused.code(), "date-after-today");
    assert_eq!(refused.json["errors"][0]["pointer"], "/occurred_on");

    let past = json!({ "acting": "past_fact", "particulars": { "title": "New" } });
    assert_eq!(
        server
            .post(&place.council_key, &path, past)
            .await
            .is(422)
            .code(),
        "source-required"
    );

    let nobody = json!({ "authorities": [{ "authority": place.council, "from": "2020-01-31" }, { "authority": place.area, "from": "2020-01-31" }] });
    let path = format!("/v1/areas/{}/authorities", place.area);
    let refused = server.command(&operator, &path, nobody).await;
    assert!(
        refused.status == 409 || refused.status == 422,
        "{}",
        refused.text
    );
    let row = json!({ "authorities": [{ "authority": place.area, "from": "2020-01-31" }] });
    let refused = server.command(&operator, &path, row).await.is(422);
    assert_eq!(refused.code(), "not-found");
    assert_eq!(
        refused.json["errors"][0]["pointer"],
        "/particulars/authorities/0/authority"
    );
}

#[tokio::test]
async fn what_the_record_could_not_hold_is_refused_where_it_is_said() {
    let (server, operator) = with_operator().await;
    // A UUID of version 4 names neither an entry nor a stream, and one of no version nothing at all.
    let (random, nil) = ("6f0c8d8e-3c1b-4b7e-9a53-0d3a1f6f2b11", uuid::Uuid::nil());
    let source = |date: &str, sha256: &str| json!({ "title": "Minutes", "reference": "M/1", "date": date, "sha256": sha256 });
    let digest = "aca8a2bd51ff944ed064277add92327188506aa6ac86a4e1825ca87f0201e62c";
    for (member, value, pointer) in [
        ("correlation_id", json!(nil), "/correlation_id"),
        ("causation_id", json!(random), "/causation_id"),
        ("on_behalf_of", json!([random]), "/on_behalf_of/0"),
        ("occurred_on", json!("0000-01-31"), "/occurred_on"),
        ("source", source("0000-01-31", digest), "/source/date"),
        ("source", source(&today(), "no digest"), "/source/sha256"),
        ("source", source(&today(), &digest[1..]), "/source/sha256"),
        (
            "source",
            source(&today(), &digest.to_uppercase()),
            "/source/sha256",
        ),
    ] {
        let mut body = json!({ "particulars": area("Formby") });
        body[member] = value;
        let refused = server.post(&operator, "/v1/areas", body).await.is(422);
        assert_eq!(refused.code(), "invalid", "{}", refused.text);
        assert_eq!(refused.json["errors"][0]["pointer"], pointer);
    }
    let mut body = json!({ "particulars": area("Formby") });
    body["source"] = source(&today(), digest);
    server.post(&operator, "/v1/areas", body).await.is(201);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_with_the_place() {
    let (server, operator) = with_operator().await;
    let refused = async |body: &str| {
        let answer = server.post_with(&operator, "/v1/areas", body, &[]).await;
        let pointer = answer.json["errors"][0]["pointer"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (answer.status.as_u16(), answer.code().to_owned(), pointer)
    };
    let is = |status: u16, code: &str, pointer: &str| (status, code.to_owned(), pointer.to_owned());
    assert_eq!(refused("{").await, is(400, "malformed-json", ""));
    assert_eq!(refused("").await, is(400, "malformed-json", ""));
    assert_eq!(refused("{\"a\"").await, is(400, "malformed-json", ""));
    assert_eq!(refused("{\"a\": 1").await, is(400, "malformed-json", ""));
    assert_eq!(refused("[]").await, is(422, "invalid", ""));
    assert_eq!(refused("{}").await, is(422, "invalid", "/particulars"));
    let mut body = json!({ "particulars": area("Body") });
    body["surprise"] = json!(1);
    assert_eq!(
        refused(&body.to_string()).await,
        is(422, "invalid", "/surprise")
    );
    let mut body = json!({ "particulars": area("Body") });
    body["particulars"]["operator"] = json!(true);
    assert_eq!(
        refused(&body.to_string()).await,
        is(422, "invalid", "/particulars/operator")
    );
    let body = json!({ "particulars": { "country": "england", "kind": "district" } });
    assert_eq!(
        refused(&body.to_string()).await,
        is(422, "invalid", "/particulars/name")
    );
    let body = json!({ "particulars": area(" ") });
    assert_eq!(
        refused(&body.to_string()).await,
        is(422, "invalid", "/particulars/name")
    );
    let body = json!({ "occurred_on": "21/09/2026", "particulars": area("Body") });
    assert_eq!(
        refused(&body.to_string()).await,
        is(422, "invalid", "/occurred_on")
    );
    let body = json!({ "occurred_on_assumed": true, "particulars": area("Body") });
    assert_eq!(
        refused(&body.to_string()).await,
        is(422, "invalid", "/occurred_on_assumed")
    );

    let mut rows: Vec<_> = (0..20)
        .map(|_| json!({ "authority": today(), "from": "2020-01-31" }))
        .collect();
    rows[..17]
        .fill(json!({ "authority": "0198d0c2-6f00-7000-8000-000000000001", "from": "2020-01-31" }));
    let id = server
        .command(&operator, "/v1/areas", area("Rows"))
        .await
        .is(201)
        .id();
    let path = format!("/v1/areas/{id}/authorities");
    let answer = server
        .command(&operator, &path, json!({ "authorities": rows }))
        .await
        .is(422);
    assert_eq!(
        answer.json["errors"][0]["pointer"],
        "/particulars/authorities/17/authority"
    );

    let request = Request::post("/v1/areas")
        .header("authorization", format!("Bearer {operator}"))
        .header("content-type", "text/plain");
    let answer = server
        .send(request.body(Body::from("{}")).unwrap())
        .await
        .is(415);
    assert_eq!(answer.code(), "unsupported-media-type");
    let answer = server
        .command(&operator, "/v1/areas?x=1", area("Query"))
        .await
        .is(400);
    assert_eq!(answer.code(), "malformed-request");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_and_without_its_length() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let huge = format!(
        "{{\"particulars\":{{\"name\":\"{}\"}}}}",
        "x".repeat(2 << 20)
    );
    let length = huge.len().to_string();
    let told = [("content-length", length.as_str())];
    assert_eq!(
        server
            .post_with(&operator, "/v1/areas", &huge, &told)
            .await
            .is(413)
            .code(),
        "too-large"
    );
    assert_eq!(
        server
            .post_with(&operator, "/v1/areas", &huge, &[])
            .await
            .is(413)
            .code(),
        "too-large"
    );
}

#[tokio::test]
async fn if_match_takes_one_strong_version_and_refuses_another_than_the_current() {
    let (server, operator) = with_operator().await;
    let id = server
        .command(&operator, "/v1/areas", area("Match"))
        .await
        .is(201)
        .id();
    let path = format!("/v1/areas/{id}/amendments");
    let body = json!({ "particulars": { "kind": "district", "name": "Matched" } }).to_string();
    for malformed in [
        "*",
        "W/\"1\"",
        "1",
        "\"\"",
        "\"x\"",
        "\"1\", \"2\"",
        "\"99999999999999999999\"",
    ] {
        let headers = [("if-match", malformed)];
        let answer = server
            .post_with(&operator, &path, &body, &headers)
            .await
            .is(400);
        assert_eq!(answer.code(), "malformed-request", "{malformed}");
    }
    let stale = server
        .post_with(&operator, &path, &body, &[("if-match", "\"2\"")])
        .await
        .is(412);
    assert_eq!(stale.code(), "stale");
    let done = server
        .post_with(&operator, &path, &body, &[("if-match", "\"1\"")])
        .await
        .is(200);
    assert_eq!(done.header("etag"), "\"2\"");
    server
        .post_with(&operator, &path, &body, &[("if-match", "\"1\"")])
        .await
        .is(412);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_answer_again_and_refuses_another_request() {
    let (server, operator) = with_operator().await;
    let headers = [("idempotency-key", "request-1")];
    let body = r#"{"particulars":{"body":"One","capacity":"local_authority"}}"#;
    let first = server
        .post_with(&operator, "/v1/authorities", body, &headers)
        .await
        .is(201);
    // The same JSON, written otherwise.
    let same = r#"{ "particulars": {"capacity": "local_authority", "body": "One"} }"#;
    let again = server
        .post_with(&operator, "/v1/authorities", same, &headers)
        .await
        .is(201);
    assert_eq!(again.json["replayed"], true);
    assert_eq!(again.id(), first.id());
    assert_eq!(again.json["position"], first.json["position"]);
    assert_eq!(again.header("location"), first.header("location"));
    let other = body.replace("One", "Two");
    let refused = server
        .post_with(&operator, "/v1/authorities", &other, &headers)
        .await
        .is(422);
    assert_eq!(refused.code(), "idempotency-mismatch");
    let with_match = [("idempotency-key", "request-1"), ("if-match", "\"0\"")];
    let refused = server
        .post_with(&operator, "/v1/authorities", body, &with_match)
        .await
        .is(422);
    assert_eq!(refused.code(), "idempotency-mismatch");
    let listed = server.get(&operator, "/v1/authorities").await.is(200);
    assert_eq!(listed.json["data"].as_array().unwrap().len(), 1);
    for malformed in ["", " ", "two words", &"x".repeat(201)] {
        let headers = [("idempotency-key", malformed)];
        server
            .post_with(&operator, "/v1/authorities", body, &headers)
            .await
            .is(400);
    }
}

#[tokio::test]
async fn keys_are_shown_once_listed_and_revoked() {
    let (server, operator) = with_operator().await;
    let request = json!({ "kind": "auditor", "label": "Audit", "expires_at": in_a_year() });
    let issued = server
        .post(&operator, "/v1/keys", request.clone())
        .await
        .is(201);
    let secret = issued.json["secret"].as_str().unwrap().to_owned();
    let me = server.get(&secret, "/v1/me").await.is(200);
    assert_eq!(me.json["kind"], "auditor");
    let listed = server.get_plain(&operator, "/v1/keys").await.is(200);
    assert!(!listed.text.contains(&secret));
    assert_eq!(listed.json["data"].as_array().unwrap().len(), 2);
    assert_eq!(
        server.get_plain(&secret, "/v1/keys").await.is(403).code(),
        "not-permitted"
    );
    assert_eq!(
        server
            .post(&secret, "/v1/keys", request.clone())
            .await
            .is(403)
            .code(),
        "not-permitted"
    );
    let wrong = json!({ "kind": "authority", "label": "x", "expires_at": in_a_year() });
    let refused = server.post(&operator, "/v1/keys", wrong).await.is(422);
    assert_eq!(refused.json["errors"][0]["pointer"], "/principal_id");
    let late = json!({ "kind": "auditor", "label": "x", "expires_at": "2020-01-31T00:00:00Z" });
    let refused = server.post(&operator, "/v1/keys", late).await.is(422);
    assert_eq!(refused.json["errors"][0]["pointer"], "/expires_at");
    let promised = [("idempotency-key", "k")];
    server
        .post_with(&operator, "/v1/keys", &request.to_string(), &promised)
        .await
        .is(400);

    let path = format!(
        "/v1/keys/{}/revocation",
        issued.json["key_id"].as_str().unwrap()
    );
    server.post(&operator, &path, json!({})).await.is(200);
    server.get(&secret, "/v1/me").await.is(401);
    server.post(&operator, &path, json!({})).await.is(404);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let (server, operator) = with_operator().await;
    assert_eq!(
        server
            .get_plain(&operator, "/v1/nothing")
            .await
            .is(404)
            .code(),
        "not-found"
    );
    assert_eq!(
        server.get_plain(&operator, "/nothing").await.is(404).code(),
        "not-found"
    );
    let request = Request::put("/v1/areas").header("authorization", format!("Bearer {operator}"));
    let answer = server
        .send(request.body(Body::empty()).unwrap())
        .await
        .is(405);
    assert_eq!(answer.code(), "method-not-allowed");
    assert!(
        answer.header("allow").contains("POST"),
        "{:?}",
        answer.headers
    );
    server
        .get_plain(&operator, "/v1/areas/not-an-id")
        .await
        .is(404);
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_asked_to_come_again() {
    let limits = Limits {
        requests_at_once: 0,
        ..Limits::default()
    };
    let server = Server::start_with(limits).await;
    let request = Request::get("/health/live").body(Body::empty()).unwrap();
    let answer = server.send(request).await.is(503);
    assert_eq!(answer.code(), "busy");
    assert_eq!(answer.header("retry-after"), "2");
}
