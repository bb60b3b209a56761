//! What nobody may bring about alone, by telling it, or by dating it back.

use dutyledger_tests::{Client, Server, Town, key};
use serde_json::{Value, json};

fn command(on: &str, particulars: &Value) -> Value {
    json!({ "occurred_on": on, "particulars": particulars })
}

fn told(on: &str, particulars: &Value) -> Value {
    json!({ "occurred_on": on, "particulars": particulars, "acting": "past_fact",
        "source": { "title": "Minutes", "reference": "4", "date": "2024-01-01" } })
}

/// The states of the triggers shown about an authority and a duty.
fn triggers(reader: &Client, authority: &str, duty: &str) -> Vec<Value> {
    let shown = reader.get_now("/v1/triggers").ok();
    let all = shown["data"]["triggers"].as_array().unwrap().iter();
    all.filter(|t| t["authority"] == authority && t["duty"] == duty)
        .map(|t| t["state"].clone())
        .collect()
}

#[test]
fn naming_oneself_makes_nobody_a_member_and_tells_nothing_of_what_is_hidden() {
    let server = Server::start();
    let (ours, theirs) = (
        Town::found(&server, "Ownton"),
        Town::found(&server, "Otherton"),
    );
    let strategy = theirs.draft("2023-06-01");
    let fire = ours.client("fire");
    let own = json!({ "authority": ours.ids["fire"] });
    let position = json!({ "authority": ours.ids["fire"], "version": 1, "position": "agree" });
    let absent = "00000000-0000-7000-8000-000000000000";
    for (collection, id, path, particulars) in [
        ("partnerships", &theirs.partnership, "members", &own),
        ("partnerships", &theirs.partnership, "departures", &own),
        ("strategies", &strategy, "positions", &position),
    ] {
        for body in [
            command("2023-07-01", particulars),
            told("2023-07-01", particulars),
        ] {
            let hidden = fire.post(&format!("/v1/{collection}/{id}/{path}"), &body);
            let nothing = fire.post(&format!("/v1/{collection}/{absent}/{path}"), &body);
            assert_eq!(
                hidden.problem(),
                nothing.problem(),
                "{path}: {}",
                hidden.text
            );
            assert_eq!(hidden.status, 404, "{path}: {}", hidden.text);
        }
    }
    // Told by the operator it is on the record, and gives neither sight nor a voice.
    let path = format!("/v1/partnerships/{}/members", theirs.partnership);
    let recorded = ours.operator.post(&path, &told("2023-07-01", &own)).ok();
    assert_eq!(recorded["entries"][0]["unmet"], json!(["A-11.6"]));
    let partnership = format!("/v1/partnerships/{}", theirs.partnership);
    assert_eq!(fire.get_now(&partnership).status, 404);
    theirs.consult(&strategy, 1, "2023-06-02");
    theirs.agree(&strategy, 1, "2023-06-03");
    let adopt = format!("/v1/strategies/{strategy}/adoptions");
    let adopted = theirs
        .client("police")
        .post(&adopt, &Town::adoption(1, "2023-06-04"))
        .ok();
    assert_eq!(adopted["entries"][0]["payload"]["tally"]["agreed"], 6);
}

#[test]
fn a_decision_rule_that_is_only_told_of_decides_nothing() {
    let server = Server::start();
    let town = Town::found(&server, "Ruleton");
    let council = town.client("council");
    let path = |end: &str| format!("/v1/partnerships/{}/{end}", town.partnership);
    let rule = json!({ "decide_by": { "rule": "at_least", "count": 1 } });
    let (status, _, rows) = council
        .post(&path("decision-rules"), &command("2023-03-01", &rule))
        .problem();
    assert_eq!((status, rows), (409, vec!["L-3".to_owned()]));
    let _ = town
        .coordinator
        .post(&path("decision-rules"), &told("2023-03-01", &rule))
        .ok();
    let alone = json!({ "authority": town.ids["council"],
        "on_matter": { "matter": "dissolution" }, "position": "agree" });
    let _ = council
        .post(&path("positions"), &command("2023-03-02", &alone))
        .ok();
    let dissolved = council.post(&path("dissolution"), &command("2023-03-03", &json!({})));
    assert_eq!(dissolved.problem().2, ["L-3"], "they are still unanimous");
}

#[test]
fn a_finding_no_source_establishes_opens_nothing_and_a_mistaken_one_is_withdrawn() {
    let server = Server::start();
    let town = Town::found(&server, "Findton");
    let auditor = server.client(&key(&town.operator, "auditor", None));
    let inspectorate = server.client(&key(&town.operator, "inspectorate", None));
    let case = json!({ "authority": town.ids["council"], "duty": "8(4)", "area": town.area,
        "partnership": town.partnership });
    let mut assumed = told("2024-03-01", &case);
    assumed["occurred_on_assumed"] = true.into();
    let _ = town.coordinator.post("/v1/findings", &assumed).ok();
    assert_eq!(
        triggers(&auditor, &town.ids["council"], "8(4)"),
        [] as [Value; 0]
    );

    let finding = inspectorate
        .post("/v1/findings", &command("2024-04-01", &case))
        .ok();
    assert_eq!(triggers(&auditor, &town.ids["council"], "8(4)"), ["open"]);
    let direction = finding["stream"]["id"].as_str().unwrap();
    let entry = &finding["entries"][1]["entry_id"];
    let body = command("2024-04-02", &json!({ "entry_id": entry }));
    let path = format!("/v1/directions/{direction}/corrections");
    let _ = inspectorate.post(&path, &body).ok();
    assert_eq!(
        triggers(&auditor, &town.ids["council"], "8(4)"),
        [] as [Value; 0]
    );
}

#[test]
fn a_direction_does_not_rest_on_a_satisfaction_that_others_tell_of() {
    let server = Server::start();
    let town = Town::found(&server, "Satiston");
    let minister = server.client(&key(&town.operator, "secretary_of_state", None));
    let case = json!({ "authority": town.ids["council"], "duty": "8(7)(a)", "area": town.area,
        "partnership": town.partnership });
    let direction = town
        .coordinator
        .post("/v1/satisfactions", &told("2024-03-01", &case))
        .stream();
    let issue = command("2024-03-02", &json!({ "requires": "Publish it" }));
    let path = format!("/v1/directions/{direction}/issues");
    assert_eq!(minister.post(&path, &issue).problem().2, ["R-129.1"]);
}

#[test]
fn nobody_is_consulted_without_a_list_of_whom_to_consult() {
    let server = Server::start();
    let town = Town::found(&server, "Listton");
    let strategy = town.draft("2023-02-04");
    town.agree(&strategy, 1, "2023-02-04");
    town.consult(&strategy, 1, "2023-02-04");
    let path = format!("/v1/strategies/{strategy}/adoptions");
    let police = town.client("police");
    let before = police.post(&path, &Town::adoption(1, "2023-02-04"));
    assert_eq!(before.problem().2, ["R-10.6"], "the list is of 5 February");
    assert_eq!(
        police.post(&path, &Town::adoption(1, "2023-02-05")).status,
        200
    );
}

#[test]
fn what_a_version_says_is_settled_once_it_is_adopted_and_withdrawn_only_together() {
    let server = Server::start();
    let town = Town::found(&server, "Settleton");
    let strategy = town.adopted("2023-06-10");
    let path = |end: &str| format!("/v1/strategies/{strategy}/{end}");
    let council = town.client("council");
    let kinds = json!({ "version": 1, "kinds": [{ "category": "robbery" }] });
    let action = json!({ "version": 1, "title": "A", "description": "B",
        "owner": town.ids["council"] });
    for (end, particulars) in [("kinds", &kinds), ("actions", &action)] {
        let back_dated = council.post(&path(end), &command("2023-06-10", particulars));
        assert_eq!(back_dated.status, 409, "{end}: {}", back_dated.text);
    }
    let state = council.get_now(&format!("/v1/strategies/{strategy}")).ok();
    let adoption = &state["state"]["versions"]["1"]["adopted"]["at"]["entry_id"];
    let withdrawal = command("2023-06-11", &json!({ "entry_id": adoption }));
    let alone = council.post(&path("corrections"), &withdrawal);
    assert_eq!(alone.problem().2, ["L-3"], "{}", alone.text);
    for short in ["police", "probation", "youth", "fire", "health", "council"] {
        let agrees = json!({ "authority": town.ids[short], "position": "agree",
            "on_matter": { "matter": "correction", "entry_id": adoption } });
        let positions = format!("/v1/partnerships/{}/positions", town.partnership);
        let _ = town
            .client(short)
            .post(&positions, &command("2023-06-11", &agrees))
            .ok();
    }
    assert_eq!(council.post(&path("corrections"), &withdrawal).status, 200);
}

#[test]
fn years_have_four_digits_and_a_key_does_not_live_for_ever() {
    let server = Server::start();
    let operator = server.operator();
    for expires_at in [
        "+20000-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z",
    ] {
        let body = json!({ "kind": "auditor", "label": "for ever", "expires_at": expires_at });
        let refused = operator.post("/v1/keys", &body);
        assert_eq!(refused.status, 422, "{expires_at}: {}", refused.text);
    }
    assert_eq!(operator.get("/v1/keys").status, 200);
    let town = Town::found(&server, "Yearton");
    let path = format!("/v1/partnerships/{}/coverage", town.partnership);
    for covers_until in ["+99999-01-01", "-0044-03-15"] {
        let body = command("2024-01-01", &json!({ "covers_until": covers_until }));
        let refused = operator.post(&path, &body);
        assert_eq!(refused.status, 422, "{covers_until}: {}", refused.text);
    }
    let mut source = told("2023-07-01", &json!({ "authority": town.ids["school"] }));
    source["source"]["date"] = "+12024-01-01".into();
    let path = format!("/v1/partnerships/{}/members", town.partnership);
    assert_eq!(operator.post(&path, &source).status, 422);
}

#[test]
fn the_welsh_ministers_consent_where_an_area_is_in_wales_and_know_of_no_other_case() {
    let server = Server::start();
    let operator = server.operator();
    let minister = server.client(&key(&operator, "secretary_of_state", None));
    let welsh = server.client(&key(&operator, "welsh_ministers", None));
    for (country, kind, expected) in [("wales", "welsh_county", 200), ("england", "district", 404)]
    {
        let area = json!({ "country": country, "kind": kind, "name": "Borderton" });
        let area = operator
            .post("/v1/areas", &command("2023-01-31", &area))
            .stream();
        let body = json!({ "body": format!("A council in {country}"),
            "capacity": "local_authority",
            "devolved_welsh_authority": "Government of Wales Act 2006, Schedule 9A" });
        let council = operator
            .post("/v1/authorities", &command("2023-01-31", &body))
            .stream();
        let rows = json!({ "authorities": [{ "authority": council, "from": "2023-01-31" }] });
        let path = format!("/v1/areas/{area}/authorities");
        let _ = operator.post(&path, &command("2023-01-31", &rows)).ok();
        let case = json!({ "authority": council, "duty": "8(7)(a)", "area": area });
        let direction = minister
            .post("/v1/satisfactions", &command("2024-03-01", &case))
            .stream();
        let path = format!("/v1/directions/{direction}");
        let consent = command("2024-03-02", &json!({ "given": true }));
        let answered = welsh.post(&format!("{path}/consents"), &consent);
        assert_eq!(answered.status, expected, "{country}: {}", answered.text);
        assert_eq!(welsh.get_now(&path).status, expected, "{country}");
    }
}

#[test]
fn what_others_tell_displaces_nothing_that_was_done_by_those_whose_it_is() {
    let server = Server::start();
    let (town, other) = (
        Town::found(&server, "Wordton"),
        Town::found(&server, "Elseton"),
    );
    let auditor = server.client(&key(&town.operator, "auditor", None));
    let minister = server.client(&key(&town.operator, "secretary_of_state", None));
    // Areas that are only told of do not move the partnership.
    let areas = told("2023-03-01", &json!({ "areas": [other.area] }));
    let path = format!("/v1/partnerships/{}", town.partnership);
    let _ = town
        .client("fire")
        .post(&format!("{path}/areas"), &areas)
        .ok();
    assert_eq!(town.client("police").get_now(&path).status, 200);
    assert_eq!(other.client("police").get_now(&path).status, 404);
    // Nor does a satisfaction or a withdrawal that is told of undo the minister's own steps.
    let case = json!({ "authority": town.ids["council"], "duty": "8(7)(a)", "area": town.area,
        "partnership": town.partnership });
    let direction = minister
        .post("/v1/satisfactions", &command("2024-03-01", &case))
        .stream();
    let on = |end: &str| format!("/v1/directions/{direction}/{end}");
    let _ = town
        .operator
        .post(&on("satisfactions"), &told("2024-03-02", &case))
        .ok();
    let issue = command("2024-03-03", &json!({ "requires": "Publish it" }));
    let _ = minister.post(&on("issues"), &issue).ok();
    let _ = town
        .operator
        .post(&on("withdrawal"), &told("2024-03-04", &json!({})))
        .ok();
    let lapsed = command("2024-03-05", &json!({}));
    let _ = minister.post(&on("non-compliances"), &lapsed).ok();
    assert_eq!(
        triggers(&auditor, &town.ids["council"], "8(7)(a)"),
        ["directed"]
    );
    // A finding of another does not hide how far the case has come.
    let commissioner = town.client("commissioner");
    let _ = commissioner
        .post("/v1/findings", &command("2024-03-06", &case))
        .ok();
    assert_eq!(
        triggers(&auditor, &town.ids["council"], "8(7)(a)"),
        ["directed"]
    );
}
