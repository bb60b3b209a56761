//! What is hidden is absent, whatever is asked; what is seen in part tells of no more.

use crate::common::{Answer, Place, Server, today};
use dutyledger_record::PrincipalKind;
use serde_json::{Value, json};

const ABSENT: &str = "0198d0c2-6f00-7000-8000-00000000dead";

async fn with_operator() -> (Server, String) {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    (server, operator)
}

/// A past fact: what it says, with a source.
fn past_fact(particulars: &Value) -> Value {
    json!({
        "acting": "past_fact",
        "source": { "title": "Minutes", "reference": "M/1", "date": today() },
        "particulars": particulars,
    })
}

/// Asserts that a read or a command on a hidden stream and on an absent one answer alike.
#[track_caller]
fn alike(hidden: Answer, absent: Answer, what: &str) {
    let (hidden, absent) = (hidden.is(404), absent.is(404));
    assert_eq!(
        hidden.without_request_id(),
        absent.without_request_id(),
        "{what}"
    );
}

#[tokio::test]
async fn no_question_of_time_tells_that_something_hidden_is_there() {
    let (server, operator) = with_operator().await;
    let ours = Place::make(&server, &operator, "Ours").await;
    let theirs = Place::make(&server, &operator, "Theirs").await;
    let strategy = theirs.strategy(&server).await;
    let assessment = json!({ "partnership": theirs.partnership, "title": "Assessment" });
    let assessment = server
        .command(&theirs.council_key, "/v1/needs-assessments", assessment)
        .await
        .is(201)
        .id();
    let case = json!({ "authority": theirs.council, "duty": "8(4)", "area": theirs.area });
    let direction = server
        .command(&theirs.policing_body_key, "/v1/findings", case)
        .await
        .is(201)
        .id();
    let hidden = [
        ("partnerships", &theirs.partnership),
        ("strategies", &strategy),
        ("needs-assessments", &assessment),
        ("directions", &direction),
    ];
    for (collection, id) in hidden {
        for query in ["known_at=999999", "known_at=0", "on=1999-01-01"] {
            let read = async |key: &str, id: &str| {
                let path = format!("/v1/{collection}/{id}?{query}");
                server.get(key, &path).await
            };
            for key in [&ours.council_key, &ours.coordinator_key, &operator] {
                let (there, none) = (read(key, id).await, read(key, ABSENT).await);
                alike(there, none, &format!("{collection}?{query}"));
            }
        }
        let path = format!("/v1/{collection}/{id}?known_at=999999");
        server.get(&theirs.policing_body_key, &path).await.is(400);
    }
}

#[tokio::test]
async fn no_refusal_tells_an_outsider_that_something_hidden_is_there() {
    let (server, operator) = with_operator().await;
    let ours = Place::make(&server, &operator, "Ours").await;
    let theirs = Place::make(&server, &operator, "Theirs").await;
    let strategy = theirs.strategy(&server).await;
    let own = &ours.council;
    let position =
        json!({ "authority": own, "on_matter": { "matter": "formation" }, "position": "agree" });
    let commands = [
        ("partnerships", &theirs.partnership, "positions", position),
        (
            "partnerships",
            &theirs.partnership,
            "departures",
            json!({ "authority": own }),
        ),
        (
            "strategies",
            &strategy,
            "positions",
            json!({ "version": 9, "authority": own, "position": "agree" }),
        ),
        (
            "strategies",
            &strategy,
            "responses",
            json!({ "version": 9, "authority": own, "response": "We agree." }),
        ),
    ];
    for (collection, id, segment, particulars) in commands {
        let body = json!({ "particulars": particulars });
        let mut unsourced = body.clone();
        unsourced["acting"] = json!("past_fact");
        let mut future = body.clone();
        future["occurred_on"] = json!("2999-01-31");
        for body in [body, unsourced, future, past_fact(&particulars)] {
            for headers in [&[][..], &[("if-match", "\"77\"")]] {
                let give = async |id: &str| {
                    let path = format!("/v1/{collection}/{id}/{segment}");
                    let body = body.to_string();
                    server
                        .post_with(&ours.council_key, &path, &body, headers)
                        .await
                };
                let (there, none) = (give(id).await, give(ABSENT).await);
                alike(there, none, &format!("{collection} {segment} {body}"));
            }
        }
        let mut assumed = json!({ "particulars": particulars });
        assumed["occurred_on_assumed"] = json!(true);
        for id in [id.as_str(), ABSENT] {
            let path = format!("/v1/{collection}/{id}/{segment}");
            let answer = server.post(&ours.council_key, &path, assumed.clone()).await;
            assert_eq!(answer.is(422).code(), "invalid");
        }
    }
}

#[tokio::test]
async fn what_is_seen_in_part_has_a_hash_for_a_tag_and_tells_of_no_others_actions() {
    let (server, operator) = with_operator().await;
    let place = Place::make(&server, &operator, "Part").await;
    let strategy = place.strategy(&server).await;
    let path = format!("/v1/strategies/{strategy}");
    let give = async |segment: &str, body: Value| {
        let path = format!("{path}/{segment}");
        server.post(&place.council_key, &path, body).await.is(200)
    };
    let open = json!({ "version": 1, "responses_by": today() });
    give("consultations", past_fact(&open)).await;
    let mut actions = Vec::new();
    for owner in [&place.council, &place.school] {
        let action = json!({ "version": 1, "title": "A", "description": "B", "owner": owner });
        let given = give("actions", past_fact(&action)).await;
        let action = given.json["entries"][0]["payload"]["action"].clone();
        let action = action.as_str().unwrap().to_owned();
        actions.push(action);
    }
    give("adoptions", past_fact(&json!({ "version": 1 }))).await;
    let progress = async |key: &str, action: &str, status: &str| {
        let progress = past_fact(&json!({ "action": action, "status": status }));
        let path = format!("{path}/progress");
        server.post(key, &path, progress).await.is(200);
    };
    progress(&place.council_key, &actions[0], "started").await;
    progress(&place.school_key, &actions[1], "started").await;
    let publication = json!({ "version": 1, "form": "stand_alone", "locator": "L/1" });
    give("publications", past_fact(&publication)).await;

    let whole = server.get(&place.council_key, &path).await.is(200);
    assert_eq!(
        whole.header("etag"),
        format!("\"{}\"", whole.json["version"])
    );
    let steps = |seen: &Value, of: usize| {
        let progress = &seen["state"]["actions"][&actions[of]]["progress"];
        progress.as_array().unwrap().len()
    };
    assert_eq!([steps(&whole.json, 0), steps(&whole.json, 1)], [1, 1]);
    let version = |seen: &Value| seen["state"]["versions"]["1"].clone();
    assert!(version(&whole.json)["consultation"]["opened"].is_object());

    let part = server.get(&place.school_key, &path).await.is(200);
    assert_eq!(part.json.get("version"), None);
    assert_eq!([steps(&part.json, 0), steps(&part.json, 1)], [0, 1]);
    let consultation = version(&part.json)["consultation"].clone();
    assert_eq!(consultation["opened"], Value::Null);
    assert_eq!(consultation["responses_by"], Value::Null);
    let tag = part.header("etag").to_owned();
    assert_eq!(tag.len(), 66, "{tag}");
    let listed = server
        .get(&place.school_key, "/v1/strategies")
        .await
        .is(200);
    assert_eq!(listed.json["data"][0]["id"], strategy.as_str());
    assert_eq!(listed.json["data"][0].get("version"), None);
    let consultation = format!("{path}/versions/1/consultation");
    let consultation = server.get(&place.school_key, &consultation).await.is(200);
    assert_eq!(consultation.header("etag").len(), 66);

    // What is not shown does not change the tag.
    progress(&place.council_key, &actions[0], "completed").await;
    let again = server.get(&place.school_key, &path).await.is(200);
    assert_eq!(again.header("etag"), tag);
    let body = json!({ "particulars": { "action": actions[1], "authority": place.school } });
    let stale = [("if-match", "\"1\"")];
    let agreements = format!("{path}/agreements");
    let refused = server
        .post_with(&place.school_key, &agreements, &body.to_string(), &stale)
        .await
        .is(412);
    assert!(!refused.text.contains("is at version"), "{}", refused.text);
}

#[tokio::test]
async fn entries_of_the_ledger_itself_are_for_the_operator_and_those_who_read_everything() {
    let (server, operator) = with_operator().await;
    let place = Place::make(&server, &operator, "Keys").await;
    let request = json!({
        "kind": "auditor", "label": "Audit", "expires_at": crate::common::in_a_year(),
    });
    let issued = server.post(&operator, "/v1/keys", request).await.is(201);
    let entry = issued.json["recorded"]["entries"][0]["entry_id"].clone();
    let path = format!("/v1/entries/{}", entry.as_str().unwrap());
    server.get(&operator, &path).await.is(200);
    for kind in [
        PrincipalKind::Auditor,
        PrincipalKind::Inspectorate,
        PrincipalKind::SecretaryOfState,
    ] {
        let key = server.key(kind, None).await;
        server.get(&key, &path).await.is(200);
    }
    let ministers = server.key(PrincipalKind::WelshMinisters, None).await;
    for key in [&ministers, &place.council_key, &place.coordinator_key] {
        server.get(key, &path).await.is(404);
    }
}

#[tokio::test]
async fn an_authority_of_the_area_is_told_of_its_own_acts_and_of_no_others() {
    let (server, operator) = with_operator().await;
    let place = Place::make(&server, &operator, "Let in").await;
    let give = async |key: &str, id: &str, segment: &str, body: Value| {
        let path = format!("/v1/partnerships/{id}/{segment}");
        server.post(key, &path, body).await
    };
    let own = json!({ "particulars": { "authority": place.school } });
    let told = give(&place.school_key, &place.partnership, "departures", own).await;
    assert!([409, 422].contains(&told.status.as_u16()), "{}", told.text);
    for key in [&place.school_key, &operator] {
        let body = json!({ "particulars": {} });
        let there = give(key, &place.partnership, "formation", body.clone()).await;
        let none = give(key, ABSENT, "formation", body).await;
        alike(there, none, "formation");
    }
}

#[tokio::test]
async fn a_refusal_explained_tells_no_more_than_the_refusal_did() {
    let (server, operator) = with_operator().await;
    let ours = Place::make(&server, &operator, "Ours").await;
    let theirs = Place::make(&server, &operator, "Theirs").await;
    let strategy = theirs.strategy(&server).await;
    let explain = async |key: &str, who: (&str, Option<&str>), command: Value| {
        let mut body = command;
        body["principal_kind"] = json!(who.0);
        body["principal_id"] = json!(who.1);
        body["decided_at"] = json!(server.bus.ledger().head());
        body["decided_for"] = json!(today());
        server.post(key, "/v1/audit/refusals", body).await
    };
    let council = ("authority", Some(&*ours.council));
    let school = ("authority", Some(&*theirs.school));
    let given = |kind: &str, stream: Option<&str>, command: &str, particulars: Value| json!({ "stream_type": kind, "stream": stream, "command": command, "particulars": particulars });

    // Something new for a partnership that one does not see, and for one that is not there.
    let draft = |partnership: &str| {
        let bases = json!({ "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false });
        let particulars = json!({ "partnership": partnership, "title": "New", "bases": bases });
        given("strategy", None, "draft-strategy", particulars)
    };
    let there = explain(&ours.council_key, council, draft(&theirs.partnership)).await;
    let none = explain(&ours.council_key, council, draft(ABSENT)).await;
    alike(there, none, "draft-strategy");
    explain(&ours.council_key, council, draft(&ours.partnership))
        .await
        .is(200);

    // Whoever is let in is told of no more than by the command itself.
    let title = json!({ "title": "Other" });
    let path = format!("/v1/strategies/{strategy}/amendments");
    let live = server
        .command(&theirs.school_key, &path, title.clone())
        .await;
    live.is(404);
    let amend = |id: &str| given("strategy", Some(id), "amend-strategy", title.clone());
    for (key, who) in [
        (&theirs.school_key, school),
        (&ours.council_key, council),
        (&operator, ("operator", None)),
    ] {
        let there = explain(key, who, amend(&strategy)).await;
        let none = explain(key, who, amend(ABSENT)).await;
        alike(there, none, "amend-strategy");
    }
    let mut told = amend(&strategy);
    told["acting"] = json!("past_fact");
    told["source"] = json!({ "title": "Minutes", "reference": "M/1", "date": today() });
    let told = explain(&operator, ("operator", None), told).await.is(200);
    assert_eq!(told.json["entries"], json!([]), "{}", told.text);
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    let all = explain(&auditor, school, amend(&strategy)).await.is(200);
    assert_eq!(all.json["code"], "not-found", "{}", all.text);
    assert!(!all.json["entries"].as_array().unwrap().is_empty());
}
