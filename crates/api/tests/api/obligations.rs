//! Who owes what by when, over HTTP: what each sees of it, as of when, and what is asked for.

use dutyledger_record::PrincipalKind;
use serde_json::{Value, json};

use crate::common::{Answer, Place, Server};

struct Town {
    server: Server,
    place: Place,
    auditor: String,
}

impl Town {
    async fn make() -> Self {
        let server = Server::start().await;
        let operator = server.key(PrincipalKind::Operator, None).await;
        let place = Place::make(&server, &operator, "Town").await;
        let auditor = server.key(PrincipalKind::Auditor, None).await;
        Self {
            server,
            place,
            auditor,
        }
    }

    async fn obligations(&self, key: &str, query: &str) -> Answer {
        let partnership = &self.place.partnership;
        let path = format!("/v1/partnerships/{partnership}/obligations?{query}");
        self.server.get(key, &path).await
    }

    /// The row, as the auditor reads it.
    async fn row(&self, rule: &str, query: &str) -> Value {
        let query = format!("limit=200&{query}");
        let answer = self.obligations(&self.auditor, &query).await.is(200);
        let rows = answer.json["data"]["obligations"].as_array().unwrap();
        let found = rows.iter().find(|row| row["rule"] == rule);
        found.unwrap_or_else(|| panic!("no {rule}")).clone()
    }
}

fn rules(answer: &Answer) -> Vec<&str> {
    let rows = answer.json["data"]["obligations"].as_array().unwrap();
    rows.iter()
        .map(|row| row["rule"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_names_its_citation_how_it_stands_and_what_to_do_next() {
    let town = Town::make().await;
    let before = town.row("R-10.4", "").await;
    assert_eq!(
        (before["status"].as_str(), before["section"].as_str()),
        (Some("due"), Some("8(3)(c)")),
        "{before}"
    );
    assert!(!before["next"].as_str().unwrap().is_empty());
    let formed = town.row("R-10.1", "").await;
    assert_eq!(formed["status"], "satisfied");
    assert_eq!(formed["evidence"].as_array().unwrap().len(), 1);
    let unrecorded = town.row("R-58.3", "").await;
    assert_eq!(unrecorded["status"], "not_recorded_yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_narrowed_by_bearer_mode_status_and_chapter_and_goes_on_page_by_page() {
    let town = Town::make().await;
    let key = &town.auditor;
    let answer = town.obligations(key, "limit=200&mode=fact").await.is(200);
    let rows = answer.json["data"]["obligations"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["status"] == "fact"));
    let chapter = town.obligations(key, "limit=200&chapter=5").await.is(200);
    assert!(rules(&chapter).contains(&"R-129.1") && !rules(&chapter).contains(&"R-10.1"));
    for chapter in ["1", "2", "3", "4", "5", "6", "act", "other"] {
        let query = format!("limit=200&chapter={chapter}");
        let of_it = town.obligations(key, &query).await.is(200);
        assert!(!rules(&of_it).is_empty(), "{chapter}");
    }
    for none in ["7", "0", "ACT", "local", "", "1%20"] {
        let query = format!("chapter={none}");
        town.obligations(key, &query).await.is(400);
    }
    let bearer = town
        .obligations(key, "limit=200&bearer=inspectorate")
        .await
        .is(200);
    assert!(rules(&bearer).contains(&"R-128.1") && !rules(&bearer).contains(&"R-10.1"));

    let all = town.obligations(key, "limit=200").await.is(200);
    assert!(all.json["links"]["next"].is_null() || rules(&all).len() == 200);
    let mut found = Vec::new();
    let mut next = Some(format!(
        "/v1/partnerships/{}/obligations?limit=70",
        town.place.partnership
    ));
    while let Some(path) = next {
        let page = town.server.get(key, &path).await.is(200);
        found.extend(rules(&page).into_iter().map(str::to_owned));
        next = page.json["links"]["next"].as_str().map(str::to_owned);
    }
    let first: Vec<_> = found.iter().take(200).map(String::as_str).collect();
    assert_eq!(first, rules(&all));
    assert!(found.len() > 180);

    town.obligations(key, "status=wrong").await.is(400);
    town.obligations(key, "cursor=abc").await.is(400);
    town.obligations(key, "known_at=1&known_by=2026-01-01T00:00:00Z")
        .await
        .is(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sees_its_own_part_and_a_stranger_nothing() {
    let town = Town::make().await;
    let Place {
        council,
        council_key,
        school_key,
        coordinator_key,
        policing_body_key,
        ..
    } = &town.place;
    for key in [
        council_key,
        coordinator_key,
        policing_body_key,
        &town.auditor,
    ] {
        town.obligations(key, "").await.is(200);
    }
    let own = town
        .obligations(council_key, &format!("limit=200&authority={council}"))
        .await
        .is(200);
    assert!(rules(&own).contains(&"R-10.1") && !rules(&own).contains(&"R-78.1"));
    // A school of the area that takes no part sees what is its own, and nothing is yet.
    let school = town.obligations(school_key, "").await.is(200);
    assert_eq!(rules(&school), Vec::<&str>::new());

    let operator = town.server.key(PrincipalKind::Operator, None).await;
    let other = Place::make(&town.server, &operator, "Elsewhere").await;
    for key in [
        &other.council_key,
        &other.school_key,
        &other.coordinator_key,
        &operator,
    ] {
        town.obligations(key, "").await.is(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_before_is_answered_as_it_was() {
    let town = Town::make().await;
    let before = town.server.bus.ledger().head();
    let instant = town.server.bus.edge().clock.now();
    town.place.strategy(&town.server).await;
    let now = town.row("R-10.2", "").await;
    assert_eq!(now["status"], "due", "{now}");
    for query in [
        format!("known_at={before}"),
        format!(
            "known_by={}",
            instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
        ),
    ] {
        let then = town.row("R-10.2", &query).await;
        assert_eq!(then["status"], "not_yet_due", "{query}: {then}");
    }
    // Nothing was known of the partnership before it was proposed.
    town.obligations(&town.auditor, "on=2022-12-31")
        .await
        .is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_draft_is_asked_for_by_name_and_says_that_it_was_never_in_force() {
    let town = Town::make().await;
    let row = town.row("R-42.1", "rules=draft-2021").await;
    assert_eq!(
        (row["mode"].as_str(), row["in_law"].as_str()),
        (Some("must"), Some("never_in_force"))
    );
    let enacted = town.row("R-42.1", "").await;
    assert_eq!(enacted["mode"], "should");
}

#[tokio::test(flavor = "multi_thread")]
async fn next_steps_are_gathered_across_partnerships_the_soonest_first() {
    let town = Town::make().await;
    town.place.strategy(&town.server).await;
    let Place {
        council,
        council_key,
        school_key,
        ..
    } = &town.place;
    let path = format!("/v1/authorities/{council}/next-steps");
    let answer = town
        .server
        .get(council_key, &format!("{path}?limit=200"))
        .await
        .is(200);
    let steps = answer.json["data"].as_array().unwrap();
    let mut rules = steps.iter().map(|step| step["rule"].as_str().unwrap());
    assert!(rules.any(|rule| rule == "R-10.2"), "{}", answer.text);
    for step in steps {
        assert_eq!(step["partnership"], json!(town.place.partnership));
        assert!(["overdue", "due", "not_yet_due"].contains(&step["status"].as_str().unwrap()));
    }
    // Another reads of it what it sees of the partnership: a school that takes no part, nothing.
    let seen = town.server.get(school_key, &path).await.is(200);
    assert_eq!(seen.json["data"], json!([]));
    // A partnership is no authority.
    let path = format!("/v1/authorities/{}/next-steps", town.place.partnership);
    town.server.get(council_key, &path).await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_18_2_whoever_is_directed_reads_it_among_its_obligations_and_its_next_steps() {
    let town = Town::make().await;
    let (server, place) = (&town.server, &town.place);
    let operator = server.key(PrincipalKind::Operator, None).await;
    let minister = server.key(PrincipalKind::SecretaryOfState, None).await;
    let of_council = Place::council(server, &operator, "2023-02-01").await;
    let (_, elsewhere) =
        Place::another(server, &operator, &of_council, "Old Town", "2023-02-01").await;
    let directed = async |authority: &str, area: &str, duty: &str, partnership: Value, by| {
        let satisfied = json!({
            "area": area, "authority": authority, "duty": duty, "partnership": partnership,
        });
        let case = server
            .command(&minister, "/v1/satisfactions", satisfied)
            .await;
        let case = case.is(201).id();
        let issued = json!({ "requires": "Do it.", "comply_by": by });
        let path = format!("/v1/directions/{case}/issues");
        server.command(&minister, &path, issued).await.is(200);
        case
    };
    let steps = async |key: &str, authority: &str| {
        let path = format!("/v1/authorities/{authority}/next-steps?limit=200");
        let answer = server.get(key, &path).await.is(200);
        let steps = answer.json["data"].as_array().unwrap().iter();
        let of_it = steps.filter(|step| step["rule"] == "A-18.2");
        of_it
            .map(|step| {
                json!([
                    step["partnership"],
                    step["about"],
                    step["status"],
                    step["due"]["on"]
                ])
            })
            .collect::<Vec<_>>()
    };
    let none: [Value; 0] = [];
    assert_eq!(steps(&place.school_key, &place.school).await, none);
    let own = json!(place.partnership);
    let school = directed(
        &place.school,
        &place.area,
        "15(4)",
        own.clone(),
        "2098-06-30",
    )
    .await;
    // It takes no part, and reads what is asked of itself.
    let answer = town.obligations(&place.school_key, "").await.is(200);
    assert_eq!(rules(&answer), ["A-18.2"]);
    let due = json!([own, school, "not_yet_due", "2098-06-30"]);
    for key in [&place.school_key, &town.auditor] {
        assert_eq!(steps(key, &place.school).await, std::slice::from_ref(&due));
    }
    let query = format!("limit=200&authority={}", place.school);
    let answer = town.obligations(&town.auditor, &query).await.is(200);
    assert!(rules(&answer).contains(&"A-18.2"));
    // Accepted, it is no step any more.
    let accepted = format!("/v1/directions/{school}/acceptances");
    server
        .command(&minister, &accepted, json!({}))
        .await
        .is(200);
    assert_eq!(steps(&place.school_key, &place.school).await, none);

    // In a case that names no partnership it is a step for those who see the case.
    let (council, council_key) = &of_council;
    let alone = directed(council, &elsewhere, "17(4)", Value::Null, "2098-07-31").await;
    let due = json!([null, alone, "not_yet_due", "2098-07-31"]);
    for key in [council_key, &town.auditor, &minister] {
        assert_eq!(steps(key, council).await, std::slice::from_ref(&due));
    }
    for key in [&place.school_key, &place.council_key, &operator] {
        assert_eq!(steps(key, council).await, none);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_asked_for_is_the_status_answered_and_nothing_falls_between() {
    let town = Town::make().await;
    let key = &town.auditor;
    let mut found = Vec::new();
    for status in [
        "overdue",
        "due",
        "not_yet_due",
        "excepted",
        "satisfied",
        "not_applicable",
        "not_known",
        "not_recorded_yet",
        "used",
        "not_used",
        "applies",
        "does_not_apply",
        "fact",
    ] {
        let query = format!("limit=200&status={status}");
        let answer = town.obligations(key, &query).await.is(200);
        let rows = answer.json["data"]["obligations"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["status"] == status), "{status}");
        found.push((status, rows.len()));
    }
    let of = |status: &str| found.iter().find(|(s, _)| *s == status).unwrap().1;
    for some in [
        "due",
        "not_yet_due",
        "satisfied",
        "not_recorded_yet",
        "fact",
    ] {
        assert!(of(some) > 0, "{some}: {found:?}");
    }
    assert_eq!(of("excepted"), 0);
    let all: usize = found.iter().map(|(_, count)| count).sum();
    let first = town.obligations(key, "limit=200").await.is(200);
    let next = first.json["links"]["next"].as_str();
    let rest = match next {
        Some(path) => rules(&town.server.get(key, path).await.is(200)).len(),
        None => 0,
    };
    assert_eq!(all, rules(&first).len() + rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn next_steps_of_two_partnerships_are_one_list_by_their_dates() {
    let town = Town::make().await;
    let operator = town.server.key(PrincipalKind::Operator, None).await;
    let of_council = Place::council(&town.server, &operator, "2023-02-01").await;
    let (council, council_key) = &of_council;
    let make = async |name: &str, adopted: &str| {
        let made = Place::another(&town.server, &operator, &of_council, name, "2023-02-01").await;
        Place::adopted_on(&town.server, council_key, &made.0, adopted).await;
        made.0
    };
    let first = make("North Town", "2025-06-02").await;
    let second = make("South Town", "2025-03-02").await;
    let third = make("West Town", "2025-09-02").await;
    let path = format!("/v1/authorities/{council}/next-steps?limit=200");
    let answer = town.server.get(council_key, &path).await.is(200);
    let steps = answer.json["data"].as_array().unwrap();
    let reviews: Vec<_> = steps
        .iter()
        .filter(|step| step["rule"] == "R-42.1" && step["due"].is_object())
        .map(|step| {
            let due = step["due"]["on"].as_str().unwrap();
            (due, step["partnership"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("2026-03-02", second.as_str()),
        ("2026-06-02", first.as_str()),
        ("2026-09-02", third.as_str()),
    ];
    assert_eq!(reviews, expected);
    // The date of the first strategy, of each of them, comes before any review.
    let due = |step: &Value| step["due"]["on"].as_str().unwrap_or("9999").to_owned();
    let dated: Vec<_> = steps.iter().filter(|s| s["due"].is_object()).collect();
    assert!(dated.is_sorted_by_key(|step| due(step)));
    assert_eq!(due(dated[0]), "2024-01-31");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_date_of_the_first_strategy_is_set_by_the_operator_and_withdrawn() {
    let town = Town::make().await;
    let operator = town.server.key(PrincipalKind::Operator, None).await;
    let of_council = Place::council(&town.server, &operator, "2023-02-01").await;
    let (partnership, _) = Place::another(
        &town.server,
        &operator,
        &of_council,
        "Old Town",
        "2023-02-01",
    )
    .await;
    let row = async |on: &str| {
        let path = format!("/v1/partnerships/{partnership}/obligations?limit=200{on}");
        let answer = town.server.get(&town.auditor, &path).await.is(200);
        let rows = answer.json["data"]["obligations"].as_array().unwrap();
        rows.iter()
            .find(|row| row["rule"] == "R-10.4")
            .unwrap()
            .clone()
    };
    let triggers = async || {
        let path = format!("/v1/partnerships/{partnership}/triggers");
        let answer = town.server.get(&town.auditor, &path).await.is(200);
        let all = answer.json["data"]["triggers"].as_array().unwrap();
        let of_it = all.iter().filter(|t| t["duty"] == "8(3)(c)");
        of_it
            .map(|t| (t["state"].clone(), t["since"].clone()))
            .collect::<Vec<_>>()
    };
    let before = row("&on=2024-03-01").await;
    assert_eq!(before["status"], "overdue", "{before}");
    assert_eq!(
        before["due"],
        json!({ "on": "2024-01-31", "provenance": "unverified" })
    );
    assert_eq!(
        triggers().await,
        [(json!("attention"), json!("2024-02-01"))]
    );

    let set = json!({
        "occurred_on": "2024-01-01",
        "particulars": { "rule": "R-10.4", "due_on": "2024-03-31", "provenance": "regulations" },
        "source": { "title": "The Regulations", "reference": "regulation 3", "date": "2022-12-12" },
    });
    let path = "/v1/deadline-dates";
    for key in [&town.auditor, &town.place.council_key] {
        town.server.post(key, path, set.clone()).await.is(403);
    }
    let mut unsourced = set.clone();
    unsourced.as_object_mut().unwrap().remove("source");
    let answer = town.server.post(&operator, path, unsourced).await.is(422);
    assert_eq!(answer.code(), "source-required");
    // The ledger was opened today: nothing is dated before it.
    town.server.post(&operator, path, set.clone()).await.is(422);
    let mut today = set;
    today.as_object_mut().unwrap().remove("occurred_on");
    let recorded = town.server.post(&operator, path, today).await.is(200);
    let entry = recorded.json["entries"][0]["entry_id"].as_str().unwrap();

    // The rule shows the date that holds, with the entry and its source, beside the pack's own.
    let rule = async |asked: &str| {
        let path = format!("/v1/rules/R-10.4{asked}");
        let answer = town.server.get(&town.place.council_key, &path).await;
        answer.is(200).json
    };
    let shown = rule("").await;
    assert_eq!(shown["deadline"]["on"], "2024-01-31");
    let day = &shown["date"]["from"];
    assert!(day.is_string(), "{shown}");
    assert_eq!(
        shown["date"],
        json!({
            "on": "2024-03-31",
            "provenance": "regulations",
            "set_by": entry,
            "from": day,
            "source": {
                "title": "The Regulations", "reference": "regulation 3", "date": "2022-12-12",
                "sha256": null,
            },
        })
    );
    let own = json!({ "on": "2024-01-31", "provenance": "unverified" });
    assert_eq!(rule("?on=2024-03-01").await["date"], own);
    assert_eq!(rule("?known_at=1").await["date"], own);

    let after = row("").await;
    assert_eq!(
        after["due"],
        json!({ "on": "2024-03-31", "provenance": "regulations", "set_by": entry })
    );
    assert!(after["why"].as_str().unwrap().contains("The Regulations"));
    let explained = async |on: &str| {
        let path = format!("/v1/audit/partnerships/{partnership}/explanations?rule=R-10.4{on}");
        let answer = town.server.get(&town.auditor, &path).await.is(200);
        answer.json["data"][0].clone()
    };
    let of = |why: &Value, id: &str| {
        let entries = why["entries"].as_array().unwrap();
        let positions = entries.iter().map(|e| e["position"].as_u64().unwrap());
        assert!(positions.is_sorted(), "{why}");
        entries.iter().find(|e| e["entry_id"] == id).cloned()
    };
    let why = explained("").await;
    let told = of(&why, entry).expect("the entry that set the date");
    assert_eq!(told["counts"], true, "{why}");
    let changes = why["what_would_change_it"].to_string();
    assert!(changes.contains(entry), "{changes}");
    // Before the day it was set for it bears on the row, and does not count.
    let why = explained("&on=2024-03-01").await;
    assert_eq!(
        of(&why, entry).expect("it bears on the row")["counts"],
        false
    );
    assert!(!why["what_would_change_it"].to_string().contains(entry));
    assert_eq!(triggers().await, [(json!("open"), json!("2024-04-01"))]);
    // As true before it was set, it is the pack's.
    assert_eq!(row("&on=2024-03-01").await["due"]["on"], "2024-01-31");

    let withdrawn = json!({ "particulars": { "entry_id": entry, "reason": "Misread." } });
    let path = "/v1/deadline-dates/corrections";
    town.server
        .post(&town.place.council_key, path, withdrawn.clone())
        .await
        .is(403);
    let corrected = town.server.post(&operator, path, withdrawn).await.is(200);
    let correction = &corrected.json["entries"][0]["entry_id"];
    let why = explained("").await;
    let told = of(&why, entry).expect("what was withdrawn is still told");
    assert_eq!(
        (&told["counts"], &told["withdrawn_by"]),
        (&json!(false), correction)
    );
    assert!(of(&why, correction.as_str().unwrap()).is_some(), "{why}");
    assert_eq!(row("").await["due"]["on"], "2024-01-31");
    assert_eq!(rule("").await["date"], own);
    assert_eq!(
        triggers().await,
        [(json!("attention"), json!("2024-02-01"))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_of_the_draft_are_listed_when_they_are_asked_for() {
    let town = Town::make().await;
    let get = async |path: &str| town.server.get(&town.auditor, path).await;
    let enacted = get("/v1/rules").await.is(200);
    assert_eq!(enacted.json["pack"], "enacted-2022");
    assert_eq!(enacted.json["in_force_from"], "2023-01-31");
    let draft = get("/v1/rules?pack=draft-2021").await.is(200);
    assert_eq!(draft.json["pack"], "draft-2021");
    assert!(draft.json["in_force_from"].is_null());
    let rows = draft.json["data"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["section"].is_null()));
    assert!(get("/v1/rules/R-10.4?pack=draft-2021").await.is(200).json["date"].is_null());
    let row = get("/v1/rules/R-42.1?pack=draft-2021").await.is(200);
    assert_eq!(row.json["mode"], "must");
    assert_eq!(get("/v1/rules/R-42.1").await.is(200).json["mode"], "should");
    get("/v1/rules/A-8.7a?pack=draft-2021").await.is(404);
    get("/v1/rules?pack=draft-2020").await.is(400);
}
