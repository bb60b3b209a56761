//! The OpenAPI document, and that nothing in it is open without a key.

use crate::common::Server;
use axum::body::Body;
use axum::http::Request;
use dutyledger_api::{Code, openapi};
use serde_json::{Value, json};

const ID: &str = "0198d0c2-6f00-7000-8000-000000000001";

/// Every operation: method, path, and what the document says of it.
fn operations() -> Vec<(String, String, Value)> {
    let document = openapi();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn the_document_is_the_same_each_time_and_says_the_least_of_every_operation() {
    assert_eq!(openapi().to_string(), openapi().to_string());
    assert_eq!(openapi()["openapi"], "3.1.0");
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, operation) in operations() {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_else(|| panic!("{method} {path}"));
        assert!(ids.insert(id.to_owned()), "{id} names two operations");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
        let description = operation["description"].as_str().unwrap();
        assert!(description.contains("Rests on "), "{id}: {description}");
        assert!(description.len() > 60, "{id}: {description}");
        assert!(operation["responses"]["401"].is_object(), "{id}");
        assert_eq!(operation["security"], json!([{ "key": [] }]), "{id}");
    }
    assert!(ids.len() > 100, "{}", ids.len());
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(target) if name == "$ref" => found.push(target.clone()),
                        _ => references(value, found),
                    }
                }
            }
            Value::Array(rows) => rows.iter().for_each(|row| references(row, found)),
            _ => {}
        }
    }
    let document = openapi();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 300);
    for target in found {
        let pointer = target
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{target}"));
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
}

#[test]
fn every_example_fits_its_schema() {
    let document = openapi();
    let mut examples = 0;
    for (method, path, operation) in operations() {
        let Some(body) = operation.pointer("/requestBody/content/application~1json") else {
            // Asks for what there is now, so that there is nothing to say.
            let says_nothing = path == "/v1/audit/checkpoints";
            assert!(method == "GET" || says_nothing, "{path}");
            continue;
        };
        let schema = json!({
            "$ref": body["schema"]["$ref"],
            "components": document["components"],
        });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&body["example"])
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:?}");
        let mut wrong = body["example"].clone();
        wrong["no_such_member"] = json!(1);
        assert!(
            !validator.is_valid(&wrong),
            "{path}: unknown members are described as refused"
        );
        examples += 1;
    }
    assert!(examples > 80, "{examples}");
}

#[tokio::test]
async fn every_example_is_read_by_the_server() {
    let server = Server::start().await;
    let operator = server
        .key(dutyledger_record::PrincipalKind::Operator, None)
        .await;
    for (_, path, operation) in operations() {
        let Some(body) = operation.pointer("/requestBody/content/application~1json") else {
            continue;
        };
        if path == "/v1/keys" {
            continue;
        }
        let path = path.replace("{id}", ID);
        let answer = server.post(&operator, &path, body["example"].clone()).await;
        // The stream is not there, or the operator may not: but the body was understood.
        let misread = [
            "invalid",
            "malformed-json",
            "malformed-request",
            "unsupported-media-type",
        ];
        let understood = answer.status.as_u16() < 500 && !misread.contains(&answer.code());
        assert!(understood, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn nothing_under_v1_answers_without_a_key_that_holds() {
    let server = Server::start().await;
    let auditor = server
        .key(dutyledger_record::PrincipalKind::Auditor, None)
        .await;
    let unknown = format!("dutyledger_{}", "0".repeat(64));
    let wrong_scheme = format!("Basic {auditor}");
    let keys = [
        "",
        "Bearer",
        "Bearer x",
        &format!("Bearer {unknown}"),
        &wrong_scheme,
    ];
    let mut addresses: Vec<_> = operations()
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    for (method, path) in [
        ("GET", "/v1"),
        ("GET", "/v1/nothing"),
        ("PUT", "/v1/areas"),
        ("DELETE", "/v1/areas/{id}"),
        ("OPTIONS", "/v1/areas"),
        ("HEAD", "/v1/areas"),
    ] {
        addresses.push((method.to_owned(), path.to_owned()));
    }
    for (method, path) in addresses {
        assert!(path == "/v1" || path.starts_with("/v1/"), "{path}");
        let path = path
            .replace("{id}", ID)
            .replace("{entry_id}", ID)
            .replace("{n}", "1")
            .replace("{rule}", "R-10.6");
        for key in keys {
            let mut request = Request::builder().method(method.as_str()).uri(&path);
            if !key.is_empty() {
                request = request.header("authorization", key);
            }
            let answer = server.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 401, "{method} {path} with {key:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            if method != "HEAD" {
                assert_eq!(answer.code(), "unauthenticated", "{method} {path}");
                assert_eq!(answer.header("content-type"), "application/problem+json");
            }
        }
    }
    for path in [
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/docs",
        "/docs/page.js",
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(server.send(request).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn what_is_measured_is_for_those_who_read_the_ledger_itself() {
    use dutyledger_record::PrincipalKind::{
        Auditor, Inspectorate, Operator, SecretaryOfState, WelshMinisters,
    };
    let server = Server::start().await;
    for kind in [Auditor, Inspectorate, Operator, SecretaryOfState] {
        let key = server.key(kind, None).await;
        let answer = server.get(&key, "/metrics").await.is(200);
        assert!(answer.text.contains("\ndutyledger_ledger_position "));
    }
    let key = server.key(WelshMinisters, None).await;
    let answer = server.get(&key, "/metrics").await.is(403);
    assert_eq!(answer.code(), "not-permitted");
}

#[tokio::test]
async fn the_documentation_loads_nothing_from_elsewhere() {
    let server = Server::start().await;
    let page = server
        .send(Request::get("/docs").body(Body::empty()).unwrap())
        .await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && policy.contains("default-src 'none'"));
    assert!(
        !page.text.contains("http://") && !page.text.contains("https://"),
        "{}",
        page.text
    );
    for (_, rest) in page
        .text
        .match_indices("=\"/")
        .map(|(at, _)| page.text.split_at(at + 2))
    {
        let path = rest.split('"').next().unwrap();
        let answer = server
            .send(Request::get(path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn every_code_has_a_page() {
    let server = Server::start().await;
    for code in Code::ALL {
        let path = format!("/problems/{}", code.name());
        let page = server
            .send(Request::get(&path).body(Body::empty()).unwrap())
            .await
            .is(200);
        assert!(page.text.contains(code.title()), "{path}");
    }
    let request = Request::get("/problems/no-such-code")
        .body(Body::empty())
        .unwrap();
    assert_eq!(server.send(request).await.is(404).code(), "not-found");
}

#[test]
fn who_may_correct_hangs_on_the_entry_and_the_table_says_so() {
    let table = dutyledger_api::permissions();
    assert!(table.contains("\n  * whoever may record the entry that is withdrawn; "));
    let corrections: Vec<_> = table
        .lines()
        .filter(|line| line.contains(" POST ") && line.ends_with("/corrections"))
        .collect();
    assert!(corrections.len() > 4, "{corrections:?}");
    for line in corrections {
        let cells: Vec<_> = line.split_whitespace().take(8).collect();
        assert_eq!(cells, ["*"; 8], "{line}");
    }
}

/// Every route of the router, as it stands in what the router says of itself for debugging: it
/// names them nowhere else.
fn routes(router: &axum::Router) -> std::collections::BTreeSet<String> {
    let said = format!("{router:?}");
    let paths = said.split('"').skip(1).step_by(2);
    let all: std::collections::BTreeSet<_> = paths
        // The answer where nothing is stands at every other address, and at the root.
        .filter(|path| path.starts_with('/') && *path != "/" && !path.contains("fallback"))
        .map(str::to_owned)
        .collect();
    // Those described are among them, so all are told.
    for (_, path, _) in operations() {
        assert!(all.contains(&path), "{path} is not among {all:?}");
    }
    all
}

#[tokio::test]
async fn no_route_is_open_without_a_key_but_those_that_are_to_be() {
    let server = Server::start().await;
    let open = [
        "/docs",
        "/docs/page.css",
        "/docs/page.js",
        "/docs/start.js",
        "/health/live",
        "/health/ready",
        "/log/checkpoint",
        "/log/tile/{level}/{*index}",
        "/openapi.json",
        "/problems/{code}",
    ];
    let all = routes(&server.router);
    for path in open {
        assert!(all.contains(path), "{path} is not among {all:?}");
    }
    assert!(all.len() > open.len() + 50, "{all:?}");
    let mut found = Vec::new();
    for path in &all {
        let filled = path
            .replace("{*index}", "000")
            .replace("{level}", "0")
            .replace("{code}", "busy")
            .replace("{n}", "1")
            .replace("{rule}", "R-10.6");
        let filled: String = filled
            .split('/')
            .map(|part| if part.starts_with('{') { ID } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
            let request = Request::builder().method(method).uri(&filled);
            let answer = server.send(request.body(Body::empty()).unwrap()).await;
            if answer.status != 401 {
                found.push(path.as_str());
            }
        }
    }
    found.dedup();
    assert_eq!(found, open);
}
