//! Every gate over HTTP: refused as a decision, recorded with the row unmet as a past fact.

use dutyledger_tests::{Client, Server, Town, key};
use serde_json::{Value, json};

fn command(on: &str, particulars: Value) -> Value {
    json!({ "occurred_on": on, "particulars": particulars })
}

/// The same command as a past fact with a source.
fn past_fact(mut body: Value) -> Value {
    body["acting"] = "past_fact".into();
    body["source"] = json!({ "title": "Minutes", "reference": "item 4", "date": "2024-01-01" });
    body.as_object_mut().unwrap().remove("reasons");
    body
}

/// A gate: the decision is refused under the row and changes nothing; what already happened is
/// recorded with the row unmet and not evidenced.
fn gate(rule: &str, who: &Client, recorder: &Client, path: &str, body: &Value) {
    let refused = who.post(path, body);
    let (status, code, rules) = refused.problem();
    assert_eq!(
        (status, code.as_str()),
        (409, "rule-not-met"),
        "{rule}: {}",
        refused.text
    );
    assert!(
        rules.contains(&rule.to_owned()),
        "{rule} is not among {rules:?}"
    );
    let named = refused.body["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["rule"] == rule);
    let named = named.unwrap();
    assert!(
        named["next"].as_str().is_some_and(|n| !n.is_empty()),
        "{rule} says what to do next"
    );
    if !rule.starts_with("L-") {
        assert!(
            named["section"].as_str().is_some(),
            "{rule} cites its section"
        );
    }
    assert!(refused.body["decided_at"].is_u64() && refused.body["decided_for"].is_string());

    let recorded = recorder.post(path, &past_fact(body.clone())).ok();
    let entry = recorded["entries"].as_array().unwrap().last().unwrap();
    assert!(
        entry["unmet"].as_array().unwrap().contains(&json!(rule)),
        "{rule}: {entry}"
    );
    assert_eq!(
        entry["mark"], "not_evidenced",
        "{rule}: nothing says it is a breach"
    );
    // That it was told of lets no decision through, and what is told of needs a source.
    let again = who.post(path, body);
    assert!((400..500).contains(&again.status), "{rule}: {}", again.text);
    let mut unsourced = past_fact(body.clone());
    unsourced.as_object_mut().unwrap().remove("source");
    let refused = recorder.post(path, &unsourced);
    assert!(
        (400..500).contains(&refused.status),
        "{rule}: {}",
        refused.text
    );
}

/// A draft without kinds or causes under some bases.
fn bare_draft(town: &Town, section_8: bool, section_9: bool) -> String {
    let body = json!({ "partnership": town.partnership, "title": "A strategy",
        "bases": { "section_8": section_8, "section_9": section_9,
                   "crime_and_disorder_act_section_6": false } });
    town.client("police")
        .post("/v1/strategies", &command("2023-06-01", body))
        .stream()
}

/// Adds a second area to the partnership, with its own school and fire authority.
fn widen(town: &Town) {
    let operator = &town.operator;
    let body = json!({ "country": "england", "kind": "district", "name": "Elsewhere" });
    let area = operator
        .post("/v1/areas", &command("2023-01-31", body))
        .stream();
    let mut rows = Vec::new();
    for (body, capacity) in [
        ("Elsewhere school", "educational_authority"),
        ("Elsewhere fire", "fire_and_rescue_authority"),
    ] {
        let body = json!({ "body": body, "capacity": capacity });
        let id = operator
            .post("/v1/authorities", &command("2023-01-31", body))
            .stream();
        rows.push(json!({ "authority": id, "from": "2023-01-31" }));
    }
    let path = format!("/v1/areas/{area}/authorities");
    let _ = operator
        .post(
            &path,
            &command("2023-01-31", json!({ "authorities": rows })),
        )
        .ok();
    // Their own areas are changed by themselves alone, together.
    let partnership = format!("/v1/partnerships/{}", town.partnership);
    let areas = json!([town.area, area]);
    for short in ["police", "probation", "youth", "fire", "health", "council"] {
        let body = json!({ "authority": town.ids[short], "position": "agree",
            "on_matter": { "matter": "areas", "areas": areas } });
        let positions = format!("{partnership}/positions");
        let _ = town
            .client(short)
            .post(&positions, &command("2023-03-01", body))
            .ok();
    }
    let body = command("2023-03-01", json!({ "areas": areas }));
    let _ = town
        .client("police")
        .post(&format!("{partnership}/areas"), &body)
        .ok();
}

#[test]
fn adoption_gates() {
    let server = Server::start();
    let town = Town::found(&server, "Gateton");
    let police = town.client("police");
    let adopt = |rule: &str, strategy: &str, version: u32, on: &str| {
        let path = format!("/v1/strategies/{strategy}/adoptions");
        gate(
            rule,
            police,
            &town.coordinator,
            &path,
            &Town::adoption(version, on),
        );
    };

    // no kinds, no causes.
    for rule in ["R-10.2", "R-10.3"] {
        let strategy = bare_draft(&town, true, false);
        town.consult(&strategy, 1, "2023-06-02");
        town.agree(&strategy, 1, "2023-06-03");
        adopt(rule, &strategy, 1, "2023-06-04");
    }
    // nobody consulted.
    let strategy = town.draft("2023-06-01");
    town.agree(&strategy, 1, "2023-06-03");
    adopt("R-10.6", &strategy, 1, "2023-06-04");
    // L-3: nobody agreed.
    let strategy = town.draft("2023-06-01");
    town.consult(&strategy, 1, "2023-06-02");
    adopt("L-3", &strategy, 1, "2023-06-04");
    // L-5: an objection is open.: it is determined to be barred.
    for rule in ["L-5", "A-8.8"] {
        let strategy = town.draft("2023-06-01");
        town.consult(&strategy, 1, "2023-06-02");
        town.agree(&strategy, 1, "2023-06-03");
        let path = format!("/v1/strategies/{strategy}");
        let body = json!({ "version": 1, "authority": town.ids["school"], "part": "section 4",
            "reason": "It names a victim" });
        let raised = town
            .client("school")
            .post(&format!("{path}/objections"), &command("2023-06-03", body));
        let objection = raised.ok()["entries"][0]["payload"]["objection"].clone();
        if rule == "A-8.8" {
            let body = json!({ "version": 1, "objection": objection, "harms": ["safety"] });
            let path = format!("{path}/determinations");
            let _ = police.post(&path, &command("2023-06-03", body)).ok();
        }
        adopt(rule, &strategy, 1, "2023-06-04");
    }
    // a revised version is consulted on anew.
    let strategy = town.adopted("2023-06-05");
    let path = format!("/v1/strategies/{strategy}/revisions");
    let _ = police.post(&path, &command("2023-07-01", json!({}))).ok();
    town.agree(&strategy, 2, "2023-07-02");
    adopt("A-8.11", &strategy, 2, "2023-07-03");
    // L-1: publication of a version that is not adopted.
    let strategy = town.draft("2023-06-01");
    let body = json!({ "version": 1, "form": "stand_alone", "locator": "https://example.org" });
    let path = format!("/v1/strategies/{strategy}/publications");
    gate(
        "L-1",
        police,
        &town.coordinator,
        &path,
        &command("2023-06-05", body),
    );
}

#[test]
fn gates_of_wider_areas() {
    let server = Server::start();
    let town = Town::found(&server, "Wideton");
    widen(&town);
    let police = town.client("police");
    let adopt = |rule: &str, strategy: &str| {
        let path = format!("/v1/strategies/{strategy}/adoptions");
        gate(
            rule,
            police,
            &town.coordinator,
            &path,
            &Town::adoption(1, "2023-06-04"),
        );
    };
    // wider than one area under s.8 alone.
    adopt("A-8.9", &bare_draft(&town, true, false));
    // A-9.4a, A-9.4b: under s.9, the other specified and each relevant authority.
    for rule in ["A-9.4a", "A-9.4b"] {
        adopt(rule, &bare_draft(&town, false, true));
    }
    // barred material under s.9.
    let strategy = bare_draft(&town, false, true);
    let body = json!({ "version": 1, "part": "annex", "harms": ["institution_security"] });
    let path = format!("/v1/strategies/{strategy}/materials");
    let _ = police.post(&path, &command("2023-06-02", body)).ok();
    adopt("A-9.9", &strategy);
}

#[test]
fn a_9_1_one_specified_authority_alone_makes_no_strategy_under_section_9() {
    let server = Server::start();
    let operator = server.operator();
    let body = json!({ "country": "england", "kind": "district", "name": "Alonton" });
    let area = operator
        .post("/v1/areas", &command("2023-01-31", body))
        .stream();
    let body = json!({ "body": "Alonton police", "capacity": "chief_officer_of_police" });
    let id = operator
        .post("/v1/authorities", &command("2023-01-31", body))
        .stream();
    let rows = json!({ "authorities": [{ "authority": id, "from": "2023-01-31" }] });
    let path = format!("/v1/areas/{area}/authorities");
    let _ = operator.post(&path, &command("2023-01-31", rows)).ok();
    let police = server.client(&key(&operator, "authority", Some(&id)));
    let body = json!({ "name": "Alone", "route": "voluntary", "areas": [area] });
    let partnership = police
        .post("/v1/partnerships", &command("2023-02-01", body))
        .stream();
    let at = |end: &str| format!("/v1/partnerships/{partnership}/{end}");
    let body = json!({ "authority": id, "on_matter": { "matter": "formation" },
        "position": "agree" });
    let _ = police
        .post(&at("positions"), &command("2023-02-02", body))
        .ok();
    let _ = police
        .post(&at("formation"), &command("2023-02-03", json!({})))
        .ok();
    let nobody = json!({ "authorities": [] });
    let _ = police
        .post(&at("consultation-lists"), &command("2023-02-04", nobody))
        .ok();
    let body = json!({ "partnership": partnership, "title": "A strategy",
        "bases": { "section_8": false, "section_9": true,
                   "crime_and_disorder_act_section_6": false } });
    let strategy = police
        .post("/v1/strategies", &command("2023-03-01", body))
        .stream();
    let body = json!({ "version": 1, "authority": id, "position": "agree" });
    let path = format!("/v1/strategies/{strategy}/positions");
    let _ = police.post(&path, &command("2023-03-02", body)).ok();
    let path = format!("/v1/strategies/{strategy}/adoptions");
    let mut adoption = Town::adoption(1, "2023-03-03");
    let reason = json!({ "rule": "A-9.3", "reason": "they are still being looked into" });
    adoption["reasons"].as_array_mut().unwrap().push(reason);
    gate("A-9.1", &police, &operator, &path, &adoption);
}

#[test]
fn gates_of_membership_and_exceptions() {
    let server = Server::start();
    let town = Town::found(&server, "Memberton");
    let partnership = format!("/v1/partnerships/{}", town.partnership);
    let (police, school) = (town.client("police"), town.client("school"));
    // a member by law cannot leave.
    let body = json!({ "authority": town.ids["police"] });
    let path = format!("{partnership}/departures");
    gate(
        "A-11.6",
        police,
        &town.coordinator,
        &path,
        &command("2023-05-01", body),
    );

    let strategy = town.adopted("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/exceptions");
    let claim = |short: &str, duty: &str| {
        command(
            "2023-07-01",
            json!({ "authority": town.ids[short], "duty": duty,
            "ground": "disproportionate", "cumulative_effect_considered": true }),
        )
    };
    let preparing = claim("school", "15(3)-kinds-causes-preparation");
    gate("A-15.9", school, &town.coordinator, &path, &preparing);
    gate(
        "R-fn8.1",
        school,
        &town.coordinator,
        &path,
        &claim("school", "other"),
    );
    let fire = town.client("fire");
    gate(
        "A-15.7-SA",
        fire,
        &town.coordinator,
        &path,
        &claim("fire", "15(5)(b)"),
    );
    // Where the Act allows it, it is recorded.
    assert_eq!(school.post(&path, &claim("school", "15(3)")).status, 200);
    // R-fn8.2: without the cumulative effect considered, a reason is asked for.
    let mut unweighed = claim("school", "15(3)");
    unweighed["particulars"]["cumulative_effect_considered"] = false.into();
    let asked = school.post(&path, &unweighed);
    assert_eq!(
        asked.problem(),
        (
            422,
            "reason-required".to_owned(),
            vec!["R-fn8.2".to_owned()]
        )
    );
    unweighed["reasons"] = json!([{ "rule": "R-fn8.2", "reason": "it is the only one" }]);
    assert_eq!(
        school.post(&path, &unweighed).ok()["entries"][0]["warned"],
        json!(["R-fn8.2"])
    );
}

/// An educational authority that is recorded for no area, and its client.
fn academy(server: &Server, town: &Town) -> (String, Client) {
    let body = json!({ "body": "An academy", "capacity": "educational_authority" });
    let id = town
        .operator
        .post("/v1/authorities", &command("2023-01-31", body))
        .stream();
    let client = server.client(&key(&town.operator, "authority", Some(&id)));
    (id, client)
}

#[test]
fn r_19_3_a_relevant_authority_of_another_area_takes_no_part_as_of_right_whoever_tells_of_it() {
    let server = Server::start();
    let town = Town::found(&server, "Laterton");
    let partnership = format!("/v1/partnerships/{}", town.partnership);
    let path = format!("{partnership}/members");
    let (stranger, itself) = academy(&server, &town);
    let asks = command("2023-06-01", json!({ "authority": stranger }));
    // For whoever is recorded for none of its areas there is nothing here, as a past fact neither.
    assert_eq!(itself.post(&path, &asks).status, 404);
    assert_eq!(itself.post(&path, &past_fact(asks.clone())).status, 404);
    // What others tell of is an invitation, which is open to anybody (s.8(12)).
    let told = town.coordinator.post(&path, &past_fact(asks)).ok();
    let entry = &told["entries"][0];
    assert_eq!(entry["payload"]["standing"], "invited", "{entry}");

    // Recorded for the area it is recognised as of right; where that proves a mistake, the
    // recognition is marked, and stays.
    let (academy, itself) = academy(&server, &town);
    let from = json!({ "authorities": [{ "authority": academy, "from": "2023-01-31" }] });
    let register = format!("/v1/areas/{}", town.area);
    let recorded = town
        .operator
        .post(
            &format!("{register}/authorities"),
            &command("2023-01-31", from),
        )
        .ok();
    let asks = command("2023-06-01", json!({ "authority": academy }));
    let recognised = itself.post(&path, &asks).ok();
    let entry = &recognised["entries"][0];
    assert_eq!(entry["payload"]["standing"], "relevant", "{entry}");
    let marks = |position: &Value| {
        let police = town.client("police");
        let read = police.get_at(&partnership, position.as_u64().unwrap()).ok();
        let marks = read["marks"].as_array().unwrap().clone();
        let of_it = marks.iter().filter(|m| m["entry_id"] == entry["entry_id"]);
        let rows = of_it.flat_map(|m| m["unmet"].as_array().unwrap().clone());
        rows.map(|row| row["rule"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(marks(&recognised["position"]), [] as [Value; 0]);
    let wrong = json!({ "entry_id": recorded["entries"][0]["entry_id"], "reason": "Another one." });
    let corrected = town
        .operator
        .post(
            &format!("{register}/corrections"),
            &command("2023-07-01", wrong),
        )
        .ok();
    assert_eq!(marks(&corrected["position"]), [json!("R-19.3")]);
}

#[test]
fn r_26_1_a_partnership_without_an_area_is_formed_by_nobody_and_told_of_with_the_row_unmet() {
    let server = Server::start();
    let town = Town::found(&server, "Placeton");
    let police = town.client("police");
    let nowhere = json!({ "name": "Another", "route": "voluntary", "areas": [] });
    let refused = police.post("/v1/partnerships", &command("2023-02-01", nowhere));
    assert_eq!(refused.status, 403, "nobody is of an area it has not");
    let proposed = json!({ "name": "Another", "route": "voluntary", "areas": [town.area] });
    let proposed = police
        .post("/v1/partnerships", &command("2023-02-01", proposed))
        .ok();
    let partnership = proposed["stream"]["id"].as_str().unwrap();
    let path = format!("/v1/partnerships/{partnership}");
    let mut entries = proposed["entries"].as_array().unwrap().iter();
    let named = entries.find(|e| e["event_type"] == "PartnershipAreaNamed");
    let wrong = json!({ "entry_id": named.unwrap()["entry_id"], "reason": "Another area." });
    let _ = police
        .post(
            &format!("{path}/corrections"),
            &command("2023-02-01", wrong),
        )
        .ok();
    // Whose area it was finds nothing to form any more, and telling of it is no way round that.
    let path = format!("{path}/formation");
    let formed = command("2023-02-03", json!({}));
    assert_eq!(police.post(&path, &formed).status, 404);
    assert_eq!(police.post(&path, &past_fact(formed.clone())).status, 404);
    assert_eq!(town.operator.post(&path, &formed).status, 404);
    let told = town.operator.post(&path, &past_fact(formed)).ok();
    let entry = &told["entries"][0];
    assert!(
        entry["unmet"]
            .as_array()
            .unwrap()
            .contains(&json!("R-26.1")),
        "{entry}"
    );
    assert_eq!(entry["mark"], "not_evidenced", "{entry}");
}

#[test]
fn gates_of_directions() {
    let server = Server::start();
    let town = Town::found(&server, "Directon");
    let operator = &town.operator;
    let minister = server.client(&key(operator, "secretary_of_state", None));
    let inspectorate = server.client(&key(operator, "inspectorate", None));
    let case = |authority: &str, duty: &str| {
        command(
            "2025-01-10",
            json!({ "authority": authority, "duty": duty, "area": town.area }),
        )
    };
    // a local policing body monitors specified authorities alone.
    let commissioner = town.client("commissioner");
    let of_school = case(&town.ids["school"], "15(4)");
    gate(
        "A-14.3",
        commissioner,
        commissioner,
        "/v1/findings",
        &of_school,
    );

    let issue = command("2025-02-01", json!({ "requires": "Do it" }));
    let open = |authority: &str, duty: &str, satisfied: bool| {
        let path = if satisfied {
            "/v1/satisfactions"
        } else {
            "/v1/findings"
        };
        let who = if satisfied { &minister } else { &inspectorate };
        who.post(path, &case(authority, duty)).stream()
    };
    let issuing = |rule: &str, direction: &str| {
        let path = format!("/v1/directions/{direction}/issues");
        gate(rule, &minister, &minister, &path, &issue);
    };
    // no satisfaction; a duty s.18(1) does not list; a duty of s.9.
    issuing("R-129.1", &open(&town.ids["council"], "8(7)(a)", false));
    issuing("R-129.1", &open(&town.ids["school"], "8(7)(a)", true));
    issuing("R-129.1", &open(&town.ids["council"], "9", true));
    // who holds the office, and devolved Welsh authorities.
    let register = |body: Value| {
        let id = operator
            .post("/v1/authorities", &command("2023-01-31", body))
            .stream();
        let rows = json!({ "authorities": [{ "authority": id, "from": "2023-01-31" }] });
        let path = format!("/v1/areas/{}/authorities", town.area);
        let _ = operator.post(&path, &command("2023-01-31", rows)).ok();
        id
    };
    let governor = register(
        json!({ "body": "Directon prison 2", "capacity": "prison_authority",
        "held_by": "governor_of_prison_yoi_or_stc" }),
    );
    issuing("R-129.2", &open(&governor, "15(3)", true));
    let director = register(
        json!({ "body": "Directon prison 3", "capacity": "prison_authority",
        "held_by": "director_of_contracted_out_institution" }),
    );
    let direction = open(&director, "15(3)", true);
    let issued = minister.post(&format!("/v1/directions/{direction}/issues"), &issue);
    assert_eq!(
        issued.status, 200,
        "a director of a contracted-out prison may be directed"
    );
    let welsh = register(
        json!({ "body": "A Welsh council", "capacity": "local_authority",
        "devolved_welsh_authority": "Schedule 9A to the Government of Wales Act 2006" }),
    );
    let direction = open(&welsh, "8(7)(a)", true);
    issuing("A-18.4", &direction);
    // an order without recorded non-compliance.
    let direction = open(&town.ids["council"], "8(7)(a)", true);
    let path = format!("/v1/directions/{direction}");
    let _ = minister.post(&format!("{path}/issues"), &issue).ok();
    let sought = command("2025-03-01", json!({ "reference": "High Court" }));
    gate(
        "R-130.1",
        &minister,
        &minister,
        &format!("{path}/order-applications"),
        &sought,
    );
}

#[test]
fn l_2_and_l_4_are_never_past_facts_either() {
    let server = Server::start();
    let town = Town::found(&server, "Localton");
    let strategy = town.draft("2023-06-01");
    // L-2: a position is recorded with the authority's own key.
    let body = json!({ "version": 1, "authority": town.ids["fire"], "position": "agree" });
    let path = format!("/v1/strategies/{strategy}/positions");
    let usurped = town
        .client("police")
        .post(&path, &command("2023-06-02", body.clone()));
    assert_eq!(
        usurped.problem(),
        (403, "not-permitted".to_owned(), vec!["L-2".to_owned()])
    );
    // A coordinator's report of it is recorded, and never counts as the authority's own.
    let mut reported = command("2023-06-02", body);
    reported["acting"] = "reported".into();
    let unsourced = town.coordinator.post(&path, &reported);
    assert_eq!(unsourced.problem().1, "source-required");
    reported["source"] = json!({ "title": "E-mail", "reference": "12", "date": "2023-06-02" });
    assert_eq!(town.coordinator.post(&path, &reported).status, 200);
    town.consult(&strategy, 1, "2023-06-02");
    for short in ["police", "probation", "youth", "health", "council"] {
        let body = json!({ "version": 1, "authority": town.ids[short], "position": "agree" });
        let _ = town
            .client(short)
            .post(&path, &command("2023-06-02", body))
            .ok();
    }
    let adoptions = format!("/v1/strategies/{strategy}/adoptions");
    let refused = town
        .client("police")
        .post(&adoptions, &Town::adoption(1, "2023-06-03"));
    assert_eq!(
        refused.problem().2,
        ["L-3"],
        "five of six agreed with their own key"
    );
    let mut by_coordinator = Town::adoption(1, "2023-06-03");
    by_coordinator["acting"] = "reported".into();
    by_coordinator["source"] = reported["source"].clone();
    let refused = town.coordinator.post(&adoptions, &by_coordinator);
    assert_eq!(refused.problem().0, 403, "an adoption is never reported");
    // L-4: nothing happens after today, as a past fact neither.
    let late = command("2999-01-01", json!({ "version": 1 }));
    let (status, code, rules) = town.client("police").post(&adoptions, &late).problem();
    assert_eq!(
        (status, code.as_str(), rules),
        (422, "date-after-today", vec!["L-4".to_owned()])
    );
    let (status, ..) = town
        .coordinator
        .post(&adoptions, &past_fact(late))
        .problem();
    assert_eq!(status, 422);
}

#[test]
fn admitted_and_found_come_only_from_the_source() {
    let server = Server::start();
    let town = Town::found(&server, "Sourceton");
    for (establishes, mark) in [
        (Value::Null, "not_evidenced"),
        (json!("admitted"), "admitted"),
        (json!("found"), "found"),
    ] {
        let strategy = town.draft("2023-06-01");
        let mut body = past_fact(Town::adoption(1, "2023-06-04"));
        body["source"]["establishes"] = establishes;
        let path = format!("/v1/strategies/{strategy}/adoptions");
        let recorded = town.coordinator.post(&path, &body).ok();
        assert_eq!(recorded["entries"][0]["mark"], mark);
        assert!(
            recorded["entries"][0]["unmet"]
                .as_array()
                .unwrap()
                .contains(&json!("R-10.6"))
        );
    }
    // The rows unmet are computed, never supplied.
    let strategy = town.draft("2023-06-01");
    let mut body = past_fact(Town::adoption(1, "2023-06-04"));
    body["unmet"] = json!([]);
    let path = format!("/v1/strategies/{strategy}/adoptions");
    assert_eq!(town.coordinator.post(&path, &body).status, 422);
}

#[test]
fn six_hundred_are_consulted_in_one_request_all_or_none_with_errors_by_row() {
    let server = Server::start();
    let town = Town::found(&server, "Countyton");
    let many = if dutyledger_tests::long() { 600 } else { 150 };
    let mut rows = Vec::new();
    for n in 0..many {
        let body = json!({ "body": format!("School {n}"), "capacity": "educational_authority" });
        let id = town
            .operator
            .post("/v1/authorities", &command("2023-01-31", body))
            .stream();
        rows.push(json!({ "authority": id, "from": "2023-01-31" }));
    }
    let path = format!("/v1/areas/{}/authorities", town.area);
    let recorded = json!({ "authorities": rows });
    let _ = town
        .operator
        .post(&path, &command("2023-01-31", recorded))
        .ok();
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/consultees");
    let mut ids: Vec<_> = rows.iter().map(|row| row["authority"].clone()).collect();
    ids.push(json!("00000000-0000-7000-8000-000000000000"));
    let body = json!({ "version": 1, "authorities": ids });
    let refused = town
        .client("council")
        .post(&path, &command("2023-06-02", body));
    assert_eq!(refused.status, 422, "{}", refused.text);
    let pointer = refused.body["errors"][0]["pointer"].as_str().unwrap();
    assert_eq!(pointer, format!("/particulars/authorities/{many}"));
    ids.pop();
    let body = json!({ "version": 1, "authorities": ids });
    let consulted = town
        .client("council")
        .post(&path, &command("2023-06-02", body))
        .ok();
    let entries = consulted["entries"].as_array().unwrap();
    assert_eq!(
        entries.len(),
        many + 1,
        "one entry each, and the one that closes the list"
    );
    assert_eq!(entries[many]["payload"]["count"], many);
    let path = format!("/v1/strategies/{strategy}/versions/1/consultation");
    let closed = consulted["position"].as_u64().unwrap();
    let gap = town.client("council").get_at(&path, closed).ok();
    let missing = gap["missing"].as_object().unwrap().len();
    assert_eq!(
        missing, 3,
        "the town's own school, college and prison are still to be consulted"
    );
}

#[test]
fn a_correction_withdraws_and_the_mistake_stays_visible_as_known_then() {
    let server = Server::start();
    let town = Town::found(&server, "Wrongton");
    let strategy = town.adopted("2023-06-01");
    let path = format!("/v1/strategies/{strategy}");
    let council = town.client("council");
    let body =
        json!({ "version": 1, "form": "stand_alone", "locator": "https://example.org/wrong" });
    let wrong = council
        .post(
            &format!("{path}/publications"),
            &command("2023-06-05", body),
        )
        .ok();
    let entry = wrong["entries"][0]["entry_id"].clone();
    let body = command(
        "2023-06-06",
        json!({ "entry_id": entry, "reason": "the wrong address" }),
    );
    let corrected = council.post(&format!("{path}/corrections"), &body).ok();
    let again = council.post(&format!("{path}/corrections"), &body);
    assert_eq!(again.problem().0, 422, "it is withdrawn already");
    let of_correction = command(
        "2023-06-06",
        json!({ "entry_id": corrected["entries"][0]["entry_id"] }),
    );
    assert_eq!(
        council
            .post(&format!("{path}/corrections"), &of_correction)
            .problem()
            .0,
        422
    );
    let now = council
        .get_at(&path, corrected["position"].as_u64().unwrap())
        .ok();
    assert!(now["state"]["versions"]["1"]["published"].is_null());
    let then = council
        .get(&format!("{path}?known_at={}", wrong["position"]))
        .ok();
    assert!(then["state"]["versions"]["1"]["published"].is_object());
}
