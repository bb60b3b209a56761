//! Reads: pages, times, and what each principal sees.

use crate::common::{Place, Server};
use dutyledger_record::PrincipalKind;
use serde_json::{Value, json};

async fn with_operator() -> (Server, String) {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    (server, operator)
}

fn ids(list: &Value) -> Vec<String> {
    let rows = list["data"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_without_gaps_or_repeats() {
    let (server, operator) = with_operator().await;
    for n in 0..7 {
        let capacity = if n < 5 {
            "local_authority"
        } else {
            "local_health_board"
        };
        let one = json!({ "body": format!("Body {n}"), "capacity": capacity });
        server
            .command(&operator, "/v1/authorities", one)
            .await
            .is(201);
    }
    let mut path = "/v1/authorities?capacity=local_authority&limit=2".to_owned();
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = server.get(&operator, &path).await.is(200);
        assert!(page.json["meta"]["position"].as_u64().unwrap() >= 8);
        assert_eq!(
            page.header("dutyledger-position"),
            page.json["meta"]["position"].to_string()
        );
        seen.extend(ids(&page.json));
        pages += 1;
        match page.json["links"]["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen.len(), pages), (5, 3));
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct, seen);
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=zzz",
        "unknown=1",
        "capacity=king",
        "limit=1&limit=2",
    ] {
        let answer = server
            .get_plain(&operator, &format!("/v1/authorities?{bad}"))
            .await
            .is(400);
        assert_eq!(answer.code(), "malformed-request", "{bad}");
    }
    let first = server.get(&operator, "/v1/authorities?limit=1").await;
    let cursor = first.json["links"]["next"]
        .as_str()
        .unwrap()
        .split("cursor=")
        .nth(1)
        .unwrap();
    server
        .get(&operator, &format!("/v1/areas?cursor={cursor}"))
        .await
        .is(400);
}

#[tokio::test]
async fn a_position_not_reached_in_time_is_said_so() {
    let (server, operator) = with_operator().await;
    let late = server
        .get_plain(&operator, "/v1/areas?wait_for=1000")
        .await
        .is(503);
    assert_eq!(late.code(), "not-there-yet");
    assert_eq!(late.header("retry-after"), "2");
}

#[tokio::test]
async fn a_state_is_read_as_true_on_a_date_and_as_known_at_a_position() {
    let (server, operator) = with_operator().await;
    let opened = json!({ "occurred_on": "2023-01-31", "particulars": { "country": "wales", "kind": "welsh_county", "name": "Before" } });
    let first = server.post(&operator, "/v1/areas", opened).await.is(201);
    let id = first.id();
    let amended = json!({ "occurred_on": "2024-01-31", "particulars": { "kind": "welsh_county", "name": "After" } });
    server
        .post(&operator, &format!("/v1/areas/{id}/amendments"), amended)
        .await
        .is(200);
    let name = async |query: &str| {
        let answer = server
            .get(&operator, &format!("/v1/areas/{id}?{query}"))
            .await
            .is(200);
        answer.json["state"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(name("").await, "After");
    assert_eq!(name("on=2023-06-30").await, "Before");
    assert_eq!(
        name(&format!("known_at={}", first.json["position"])).await,
        "Before"
    );
    server
        .get(&operator, &format!("/v1/areas/{id}?on=2022-12-31"))
        .await
        .is(404);
    server
        .get(&operator, &format!("/v1/areas/{id}?known_at=100000"))
        .await
        .is(400);
    server
        .get(&operator, &format!("/v1/areas/{id}?known_at=1"))
        .await
        .is(404);
}

#[tokio::test]
async fn what_one_may_not_read_answers_as_if_it_were_absent() {
    let (server, operator) = with_operator().await;
    let ours = Place::make(&server, &operator, "Ours").await;
    let theirs = Place::make(&server, &operator, "Theirs").await;
    let strategy = theirs.strategy(&server).await;
    let assessment = json!({ "partnership": theirs.partnership, "title": "Assessment" });
    let assessment = server
        .command(&theirs.council_key, "/v1/needs-assessments", assessment)
        .await
        .is(201);
    let entry = assessment.json["entries"][0]["entry_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let assessment = assessment.id();
    let case = json!({ "authority": theirs.council, "duty": "8(4)", "area": theirs.area, "summary": "Found." });
    let direction = server
        .command(&theirs.policing_body_key, "/v1/findings", case)
        .await
        .is(201);
    let finding = direction.json["entries"][0]["entry_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let direction = direction.id();

    let absent = "0198d0c2-6f00-7000-8000-00000000dead";
    let reads = [
        ("partnerships/{}", &theirs.partnership),
        ("partnerships/{}/timeline", &theirs.partnership),
        ("partnerships/{}/strategies", &theirs.partnership),
        ("partnerships/{}/needs-assessments", &theirs.partnership),
        ("partnerships/{}/directions", &theirs.partnership),
        ("partnerships/{}/triggers", &theirs.partnership),
        ("strategies/{}", &strategy),
        ("strategies/{}/versions/1/consultation", &strategy),
        ("needs-assessments/{}", &assessment),
        ("directions/{}", &direction),
        ("entries/{}", &entry),
        ("entries/{}/sealed-text", &finding),
    ];
    let outsiders = [
        &ours.council_key,
        &ours.coordinator_key,
        &ours.policing_body_key,
        &operator,
    ];
    for (path, id) in reads {
        let path = format!("/v1/{path}");
        let none = server
            .get(&ours.council_key, &path.replace("{}", absent))
            .await
            .is(404);
        for key in outsiders {
            let hidden = server.get(key, &path.replace("{}", id)).await.is(404);
            assert_eq!(
                hidden.without_request_id(),
                none.without_request_id(),
                "{path}"
            );
        }
        if !path.ends_with("sealed-text") {
            server
                .get(&theirs.policing_body_key, &path.replace("{}", id))
                .await
                .is(200);
        }
    }
    for key in outsiders {
        for list in [
            "/v1/partnerships",
            "/v1/strategies",
            "/v1/directions",
            "/v1/reviews",
            "/v1/triggers",
        ] {
            let text = server.get(key, list).await.is(200).text;
            for id in [&theirs.partnership, &strategy, &direction] {
                assert!(!text.contains(id.as_str()), "{list}: {text}");
            }
        }
    }
    // A command tells no more than a read does.
    let commands = [
        (
            "strategies/{}/adoptions",
            &strategy,
            json!({ "version": 1 }),
        ),
        ("partnerships/{}/formation", &theirs.partnership, json!({})),
        (
            "needs-assessments/{}/amendments",
            &assessment,
            json!({ "title": "x" }),
        ),
        ("directions/{}/withdrawal", &direction, json!({})),
    ];
    for (path, id, particulars) in commands {
        let path = format!("/v1/{path}");
        for key in outsiders {
            let none = server
                .command(key, &path.replace("{}", absent), particulars.clone())
                .await;
            let hidden = server
                .command(key, &path.replace("{}", id), particulars.clone())
                .await;
            assert_eq!(hidden.status, 404, "{path}: {}", hidden.text);
            assert_eq!(
                hidden.without_request_id(),
                none.without_request_id(),
                "{path}"
            );
        }
    }
    // Nor does a command on what is not there open it.
    let inspectorate = server.key(PrincipalKind::Inspectorate, None).await;
    let case = json!({ "authority": theirs.council, "duty": "8(4)", "area": theirs.area });
    let path = format!("/v1/directions/{absent}/findings");
    server.command(&inspectorate, &path, case).await.is(404);
    server
        .get(&inspectorate, &format!("/v1/directions/{absent}"))
        .await
        .is(404);
    let draft = |partnership: &str| {
        json!({
            "partnership": partnership, "title": "x",
            "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false },
        })
    };
    let hidden = server
        .command(
            &ours.council_key,
            "/v1/strategies",
            draft(&theirs.partnership),
        )
        .await
        .is(422);
    let none = server
        .command(&ours.council_key, "/v1/strategies", draft(absent))
        .await
        .is(422);
    assert_eq!(hidden.without_request_id(), none.without_request_id());
    assert_eq!(
        hidden.json["errors"][0]["pointer"],
        "/particulars/partnership"
    );
}

#[tokio::test]
async fn a_consultee_sees_its_own_part_and_members_see_who_is_missing() {
    let (server, operator) = with_operator().await;
    let place = Place::make(&server, &operator, "Consulted").await;
    let strategy = place.strategy(&server).await;
    let consultation = format!("/v1/strategies/{strategy}/versions/1/consultation");
    let before = server.get(&place.council_key, &consultation).await.is(200);
    assert_eq!(
        before.json["missing"],
        json!({ &place.school: "educational_authority" })
    );
    server.get(&place.school_key, &consultation).await.is(404);

    let path = format!("/v1/strategies/{strategy}/consultations");
    let open = json!({ "version": 1, "responses_by": crate::common::today() });
    server
        .command(&place.council_key, &path, open)
        .await
        .is(200);
    let path = format!("/v1/strategies/{strategy}/consultees");
    let consult = json!({ "version": 1, "authorities": [place.school] });
    server
        .command(&place.council_key, &path, consult)
        .await
        .is(200);
    let path = format!("/v1/strategies/{strategy}/responses");
    let response = json!({ "version": 1, "authority": place.school, "response": "We agree." });
    let responded = server
        .command(&place.school_key, &path, response)
        .await
        .is(200);
    assert!(!responded.text.contains("We agree."));

    let after = server.get(&place.council_key, &consultation).await.is(200);
    assert_eq!(after.json["missing"], json!({}));
    let own = server.get(&place.school_key, &consultation).await.is(200);
    assert_eq!(own.json.get("missing"), None);
    let seen = server
        .get(&place.school_key, &format!("/v1/strategies/{strategy}"))
        .await
        .is(200);
    assert_eq!(seen.json.get("marks"), None);
    let whole = server
        .get(&place.council_key, &format!("/v1/strategies/{strategy}"))
        .await
        .is(200);
    assert_eq!(whole.json["marks"], json!([]));
    assert_eq!(whole.json["review"]["status"], "not_applicable");

    let entry = responded.json["entries"][0]["entry_id"].as_str().unwrap();
    let shown = server
        .get(&place.council_key, &format!("/v1/entries/{entry}"))
        .await
        .is(200);
    assert_eq!(shown.json["sealed"], json!(["/payload/response"]));
    assert_eq!(shown.json["record"]["payload"]["response"], Value::Null);
    assert_eq!(shown.json["leaf_hash"].as_str().unwrap().len(), 64);
    let text = format!("/v1/entries/{entry}/sealed-text");
    for key in [&place.council_key, &place.school_key] {
        let texts = server.get(key, &text).await.is(200);
        assert_eq!(texts.json["texts"][0]["text"], "We agree.");
    }
    for key in [&place.coordinator_key, &place.policing_body_key, &operator] {
        server.get(key, &text).await.is(404);
    }
}

#[tokio::test]
async fn a_timeline_goes_both_ways_and_rules_are_for_everyone() {
    let (server, operator) = with_operator().await;
    let place = Place::make(&server, &operator, "Timeline").await;
    let path = format!("/v1/partnerships/{}/timeline", place.partnership);
    let oldest = server
        .get(&place.coordinator_key, &format!("{path}?limit=3"))
        .await
        .is(200);
    assert_eq!(oldest.json["data"][0]["event_type"], "PartnershipProposed");
    let next = oldest.json["links"]["next"].as_str().unwrap();
    let next = server.get(&place.coordinator_key, next).await.is(200);
    assert!(
        next.json["data"][0]["position"].as_u64() > oldest.json["data"][2]["position"].as_u64()
    );
    let newest = server
        .get(&place.coordinator_key, &format!("{path}?order=newest"))
        .await
        .is(200);
    assert_eq!(newest.json["data"][0]["event_type"], "PartnershipFormed");
    let rules = server.get(&place.school_key, "/v1/rules").await.is(200);
    assert!(rules.json["data"].as_array().unwrap().len() > 30);
    let rule = server
        .get(&place.school_key, "/v1/rules/R-10.6")
        .await
        .is(200);
    assert_eq!(rule.json["section"], "8(4)");
    server
        .get(&place.school_key, "/v1/rules/R-0.0")
        .await
        .is(404);
    let triggers = server
        .get(&place.coordinator_key, "/v1/triggers")
        .await
        .is(200);
    assert!(
        !triggers.json["data"]["not_recorded_yet"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let reviews = server
        .get(&place.coordinator_key, "/v1/reviews")
        .await
        .is(200);
    assert_eq!(
        reviews.json["data"],
        json!({ "overdue": [], "due": [], "not_known": [] })
    );
}
