//! A strategy lives its whole life over real HTTP, from formation to annual review.

use dutyledger_tests::{Client, Server, Town, key};
use serde_json::{Value, json};

fn command(on: &str, particulars: Value) -> Value {
    json!({ "occurred_on": on, "particulars": particulars })
}

/// Reads once the projections have reached a write's position.
fn read_after(client: &Client, path: &str, position: &Value) -> Value {
    client.get_at(path, position.as_u64().unwrap()).ok()
}

#[test]
fn a_strategy_lives_from_formation_to_revised_version() {
    let server = Server::start();
    let town = Town::found(&server, "Lifeton");
    let (police, council, school) = (
        town.client("police"),
        town.client("council"),
        town.client("school"),
    );
    let at = |path: &str| format!("/v1/partnerships/{}{path}", town.partnership);

    // Lead, representatives and the list of relevant authorities.
    let lead = json!({ "matter": "lead", "authority": town.ids["council"] });
    for (short, _) in town.clients.iter().filter(|(s, _)| {
        ["police", "probation", "youth", "fire", "health", "council"].contains(&s.as_str())
    }) {
        let body = json!({ "authority": town.ids[short], "on_matter": lead, "position": "agree" });
        let _ = town
            .client(short)
            .post(&at("/positions"), &command("2023-02-10", body))
            .ok();
    }
    let body = json!({ "authority": town.ids["council"] });
    let _ = police
        .post(&at("/leads"), &command("2023-02-11", body))
        .ok();
    let body = json!({ "authority": town.ids["council"], "contact": "A named contact",
        "post": { "title": "Community safety manager", "body": "Lifeton council",
                  "capacity": "local_authority" } });
    let _ = council
        .post(&at("/representatives"), &command("2023-02-12", body))
        .ok();
    let body = json!({ "authorities": town.relevant() });
    let list = council
        .post(&at("/consultation-lists"), &command("2023-02-13", body))
        .ok();
    assert_eq!(
        list["entries"].as_array().unwrap().len(),
        4,
        "three rows and the entry that closes"
    );

    // A needs assessment.
    let body = json!({ "partnership": town.partnership, "title": "Needs in Lifeton" });
    let assessment = police
        .post("/v1/needs-assessments", &command("2023-03-01", body))
        .stream();
    let body = json!({ "publication": "withheld" });
    let path = format!("/v1/needs-assessments/{assessment}/completion");
    let _ = police.post(&path, &command("2023-06-01", body)).ok();

    // The strategy: drafted, consulted on, agreed.
    let strategy = town.draft("2023-06-10");
    let on = |path: &str| format!("/v1/strategies/{strategy}{path}");
    let body = json!({ "version": 1, "assessments": [assessment] });
    let _ = police
        .post(&on("/assessments"), &command("2023-06-11", body))
        .ok();
    let body = json!({ "version": 1, "responses_by": "2023-07-31" });
    let _ = police
        .post(&on("/consultations"), &command("2023-06-12", body))
        .ok();
    town.consult(&strategy, 1, "2023-06-12");
    let body = json!({ "version": 1, "authority": town.ids["school"], "response": "We agree." });
    let _ = school
        .post(&on("/responses"), &command("2023-07-01", body))
        .ok();
    let _ = police
        .post(
            &on("/consultation-closings"),
            &command("2023-07-31", json!({ "version": 1 })),
        )
        .ok();
    let body = json!({ "version": 1, "title": "Evening clubs", "description": "Open two clubs",
        "owner": town.ids["council"], "authorities": [town.ids["school"]] });
    let proposed = council
        .post(&on("/actions"), &command("2023-08-01", body))
        .ok();
    let action = proposed["entries"][0]["payload"]["action"].clone();
    for (client, short) in [(council, "council"), (school, "school")] {
        let body = json!({ "action": action, "authority": town.ids[short] });
        let _ = client
            .post(&on("/agreements"), &command("2023-08-02", body))
            .ok();
    }
    town.agree(&strategy, 1, "2023-09-01");
    let adopted = police
        .post(&on("/adoptions"), &Town::adoption(1, "2023-09-02"))
        .ok();
    let warned = adopted["entries"][0]["warned"].as_array().unwrap();
    assert!(
        warned.contains(&json!("R-31.1")),
        "not everybody agreed the action: {warned:?}"
    );
    assert!(
        !warned.contains(&json!("R-14.1")),
        "it rests on a completed needs assessment"
    );
    let body = json!({ "version": 1, "form": "stand_alone", "locator": "https://example.org/s" });
    let _ = council
        .post(&on("/publications"), &command("2023-09-10", body))
        .ok();
    let body = json!({ "action": action, "status": "started" });
    let _ = council
        .post(&on("/progress"), &command("2023-10-01", body))
        .ok();

    // The annual review, a revision, everything again.
    let body = json!({ "version": 1, "scope": "whole", "decision": "revise" });
    let reviewed = json!({ "occurred_on": "2024-09-02", "particulars": body,
        "reasons": [{ "rule": "R-46.2", "reason": "the data is late" }] });
    let _ = police.post(&on("/reviews"), &reviewed).ok();
    let _ = police
        .post(&on("/revisions"), &command("2024-09-03", json!({})))
        .ok();
    town.agree(&strategy, 2, "2024-10-01");
    let refused = police.post(&on("/adoptions"), &Town::adoption(2, "2024-10-02"));
    assert_eq!(
        refused.problem(),
        (409, "rule-not-met".to_owned(), vec!["A-8.11".to_owned()])
    );
    town.consult(&strategy, 2, "2024-10-03");
    let adopted = police
        .post(&on("/adoptions"), &Town::adoption(2, "2024-10-04"))
        .ok();

    // What is true now, then, and as known then.
    let now = read_after(police, &on(""), &adopted["position"]);
    assert!(
        now["state"]["versions"]["2"]["adopted"].is_object(),
        "{now}"
    );
    assert_eq!(
        now["state"]["versions"]["1"]["kinds"]
            .as_object()
            .unwrap()
            .len(),
        1
    );
    let then = police.get(&on("?on=2023-07-15")).ok();
    assert!(then["state"]["versions"]["1"]["adopted"].is_null());
    assert!(then["state"]["versions"].get("2").is_none());
    let position = list["position"].as_u64().unwrap();
    let unknown = police.get(&on(&format!("?known_at={position}")));
    assert_eq!(unknown.status, 404, "nobody knew of the strategy then");

    // Overdue from the day after twelve months.
    let overdue = |day: &str| {
        let path = format!("/v1/reviews?on={day}&status=overdue");
        let reviews = read_after(police, &path, &adopted["position"]);
        reviews["data"]["overdue"].as_array().unwrap().len()
    };
    assert_eq!((overdue("2025-10-04"), overdue("2025-10-05")), (0, 1));
    let timeline = police.get(&format!("{}?limit=200", at("/timeline"))).ok();
    assert!(timeline["data"].as_array().unwrap().len() > 30);
}

#[test]
fn from_a_finding_to_a_mandatory_order() {
    let server = Server::start();
    let town = Town::found(&server, "Orderton");
    let strategy = town.adopted("2023-06-01");
    let inspectorate = server.client(&key(&town.operator, "inspectorate", None));
    let minister = server.client(&key(&town.operator, "secretary_of_state", None));
    let case = json!({ "authority": town.ids["council"], "duty": "8(7)(b)", "area": town.area,
        "partnership": town.partnership });
    let finding = inspectorate.post("/v1/findings", &command("2025-01-10", case.clone()));
    let direction = finding.stream();
    let on = |path: &str| format!("/v1/directions/{direction}{path}");

    let issue = json!({ "requires": "Review the strategy", "comply_by": "2025-06-30" });
    let early = minister.post(&on("/issues"), &command("2025-02-01", issue.clone()));
    assert_eq!(
        early.problem(),
        (409, "rule-not-met".to_owned(), vec!["R-129.1".to_owned()])
    );
    let usurped = inspectorate.post(&on("/issues"), &command("2025-02-01", issue.clone()));
    assert_eq!(
        usurped.problem().0,
        403,
        "only the Secretary of State directs"
    );
    let _ = minister
        .post(&on("/satisfactions"), &command("2025-02-02", case))
        .ok();
    let _ = minister
        .post(&on("/issues"), &command("2025-02-03", issue))
        .ok();
    let varied = json!({ "requires": "Review it and publish", "comply_by": "2025-09-30" });
    let _ = minister
        .post(&on("/variations"), &command("2025-03-01", varied))
        .ok();
    let reported = json!({ "account": "Reviewed" });
    let council = town.client("council");
    let _ = council
        .post(&on("/compliance-reports"), &command("2025-09-29", reported))
        .ok();
    let sought = json!({ "reference": "High Court" });
    let early = minister.post(
        &on("/order-applications"),
        &command("2025-10-01", sought.clone()),
    );
    assert_eq!(
        early.problem(),
        (409, "rule-not-met".to_owned(), vec!["R-130.1".to_owned()])
    );
    let _ = minister
        .post(&on("/non-compliances"), &command("2025-10-02", json!({})))
        .ok();
    let _ = minister
        .post(
            &on("/order-applications"),
            &command("2025-10-03", sought.clone()),
        )
        .ok();
    let made = minister
        .post(&on("/orders"), &command("2025-11-03", sought))
        .ok();

    let path = "/v1/triggers";
    let triggers = read_after(&minister, path, &made["position"]);
    let all = triggers["data"]["triggers"].as_array().unwrap();
    let ours: Vec<_> = all
        .iter()
        .filter(|t| t["authority"] == town.ids["council"])
        .collect();
    assert!(
        ours.iter()
            .any(|t| t["duty"] == "8(7)(b)" && t["state"] == "order_made"),
        "{ours:?}"
    );
    assert!(
        triggers["data"]["not_recorded_yet"]
            .as_array()
            .unwrap()
            .contains(&json!("17(4)"))
    );
    let _ = strategy;
}
