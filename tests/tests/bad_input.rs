//! Bad input gets a problem and changes nothing.

use dutyledger_tests::{Server, Town};
use serde_json::json;

#[test]
fn bad_input_is_answered_with_a_problem_and_changes_nothing() {
    let server = Server::start();
    let town = Town::found(&server, "Badton");
    let strategy = town.draft("2023-06-01");
    let police = town.client("police");
    let state = format!("/v1/strategies/{strategy}");
    let before = police.get_now(&state).headers["etag"].clone();
    let path = format!("{state}/kinds");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = json!({ "particulars": { "title": "x".repeat(2 << 20) } }).to_string();
    let many: Vec<_> = (0..3_000)
        .map(|n| json!({ "category": "other", "description": n.to_string() }))
        .collect();
    let many = json!({ "particulars": { "version": 1, "kinds": many } }).to_string();
    let cases: &[(&str, &str, &[u16])] = &[
        ("not JSON", "{", &[400]),
        ("nothing", "", &[400]),
        (
            "not UTF-8 in a string",
            "{\"particulars\": \"\\ud800\"}",
            &[400, 422],
        ),
        ("deep", &deep, &[400, 422]),
        ("too many rows", &many, &[413, 422]),
        ("an array", "[]", &[400, 422]),
        ("no particulars", "{}", &[400, 422]),
        (
            "an unknown member",
            r#"{"particulars":{"version":1,"kinds":[{"category":"other"}],"x":1}}"#,
            &[422],
        ),
        (
            "an unknown member around",
            r#"{"x":1,"particulars":{"version":1,"kinds":[{"category":"other"}]}}"#,
            &[422],
        ),
        (
            "a wrong type",
            r#"{"particulars":{"version":"one","kinds":[]}}"#,
            &[422],
        ),
        (
            "an unknown word",
            r#"{"particulars":{"version":1,"kinds":[{"category":"noise"}]}}"#,
            &[422],
        ),
        (
            "an empty list",
            r#"{"particulars":{"version":1,"kinds":[]}}"#,
            &[422],
        ),
        (
            "a version that is not there",
            r#"{"particulars":{"version":9,"kinds":[{"category":"other"}]}}"#,
            &[422],
        ),
        (
            "a date that is none",
            r#"{"occurred_on":"2023-02-30","particulars":{"version":1,"kinds":[{"category":"other"}]}}"#,
            &[422],
        ),
        (
            "a date to come",
            r#"{"occurred_on":"2999-01-01","particulars":{"version":1,"kinds":[{"category":"other"}]}}"#,
            &[422],
        ),
        (
            "a date before the opening",
            r#"{"occurred_on":"2023-05-31","particulars":{"version":1,"kinds":[{"category":"other"}]}}"#,
            &[422],
        ),
        (
            "U+0000",
            "{\"particulars\":{\"version\":1,\"kinds\":[{\"category\":\"other\",\"description\":\"a\\u0000b\"}]}}",
            &[422],
        ),
        (
            "a negative number",
            r#"{"particulars":{"version":-1,"kinds":[{"category":"other"}]}}"#,
            &[422],
        ),
        (
            "a number too large",
            r#"{"particulars":{"version":1e99,"kinds":[{"category":"other"}]}}"#,
            &[400, 422],
        ),
        (
            "a member twice",
            r#"{"particulars":{"version":1,"version":1,"kinds":[{"category":"other"}]}}"#,
            &[400, 422],
        ),
    ];
    for (what, body, expected) in cases {
        let answer = police.send(&path, &[], body);
        assert!(
            expected.contains(&answer.status),
            "{what}: {} {}",
            answer.status,
            answer.text
        );
        assert_eq!(
            answer.headers.get("content-type").map(String::as_str),
            Some("application/problem+json"),
            "{what}: {}",
            answer.text
        );
        for member in ["type", "title", "status", "detail", "code"] {
            assert!(
                !answer.body[member].is_null(),
                "{what} has no {member}: {}",
                answer.text
            );
        }
    }
    // A client that stops listening while it sends would not hear the answer: curl does.
    let file = server.folder().join("huge.json");
    std::fs::write(&file, huge).unwrap();
    let sent = std::process::Command::new("curl")
        .args([
            "-s",
            "-w",
            "%{http_code}",
            "-H",
            "content-type: application/json",
        ])
        .args([
            "-H",
            &format!("authorization: Bearer {}", server.operator_key()),
        ])
        .args(["--data-binary", &format!("@{}", file.display())])
        .arg(format!("{}{path}", server.address()))
        .output()
        .expect("curl is installed: see ops/test");
    let said = String::from_utf8(sent.stdout).unwrap();
    assert!(said.ends_with("413") && said.contains("\"code\""), "{said}");
    let wrong_type = police.send(&path, &[("content-type", "text/plain")], "{}");
    assert_eq!(wrong_type.status, 415);
    let bad_id = police.post(
        "/v1/strategies/not-an-id/kinds",
        &json!({ "particulars": {} }),
    );
    assert!([400, 404, 422].contains(&bad_id.status), "{}", bad_id.text);
    assert_eq!(police.get("/v1/strategies?limit=100000").status, 400);
    assert_eq!(police.get("/v1/strategies?cursor=nonsense").status, 400);
    assert_eq!(police.get("/v1/strategies?unknown=1").status, 400);
    assert_eq!(police.get("/v1/nothing-here").status, 404);
    let deleted = police.try_send("DELETE", &state, &[], None).unwrap();
    assert_eq!(deleted.status, 405);
    let after = police.get_now(&state).headers["etag"].clone();
    assert_eq!(before, after, "nothing changed");
}

#[test]
fn an_idempotency_key_gives_the_first_answer_again_and_refuses_another_request() {
    let server = Server::start();
    let town = Town::found(&server, "Onceton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/amendments");
    let body = json!({ "particulars": { "title": "Once" } }).to_string();
    let police = town.client("police");
    let once = [("idempotency-key", "a-key")];
    let first = police.send(&path, &once, &body);
    let again = police.send(&path, &once, &body);
    assert_eq!(first.body["entries"], again.body["entries"]);
    assert_eq!(again.body["replayed"], true);
    let other = json!({ "particulars": { "title": "Twice" } }).to_string();
    assert_eq!(police.send(&path, &once, &other).status, 422);
    let with_version = [once[0], ("if-match", "\"5\"")];
    assert_eq!(
        police.send(&path, &with_version, &body).status,
        422,
        "another request"
    );
    // The same words of another principal are another request.
    let council = town.client("council").send(&path, &once, &body);
    assert_ne!(council.body["position"], first.body["position"]);
    // A refusal is not stored: once the matter is mended, the same key does it.
    let adopt = Town::adoption(1, "2023-06-05").to_string();
    let path = format!("/v1/strategies/{strategy}/adoptions");
    let refused = police.send(&path, &[("idempotency-key", "adopt")], &adopt);
    assert_eq!(refused.status, 409, "{}", refused.text);
    town.consult(&strategy, 1, "2023-06-02");
    town.agree(&strategy, 1, "2023-06-03");
    let adopted = police.send(&path, &[("idempotency-key", "adopt")], &adopt);
    assert_eq!(adopted.status, 200, "{}", adopted.text);
}
