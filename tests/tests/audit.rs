//! The auditor's questions, over HTTP and on the command line: what was true, what was known of it
//! then, what changed, why, and what the log holds.

use std::collections::BTreeSet;

use dutyledger_tests::{Client, Server, Town, in_time, key, repository};
use serde_json::{Value, json};

fn auditor(server: &Server) -> Client {
    server.client(&key(&server.operator(), "auditor", None))
}

/// What the command line says, as JSON.
fn told(server: &Server, arguments: &[&str]) -> Value {
    let output = server.run(&[&["--json", "audit"], arguments].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// What the command line says, as text.
fn read(server: &Server, arguments: &[&str]) -> String {
    let output = server.run(&[&["audit"], arguments].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every row of a list, page by page.
fn all(client: &Client, path: &str, rows: &str) -> Vec<Value> {
    let mut next = Some(path.to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = client.get(&path).ok();
        found.extend(page.pointer(rows).unwrap().as_array().unwrap().clone());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    found
}

/// The rows of a list that one page holds.
fn all_at_once(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).ok()["data"].as_array().unwrap().clone()
}

/// A town whose review came twelve days late, was recorded after the fact, and was then withdrawn.
struct Course {
    town: Town,
    /// What was known before the review was told of, once it was, and once it was withdrawn.
    before: u64,
    reviewed: u64,
    withdrawn: u64,
    review: String,
    correction: String,
}

fn course(server: &Server) -> Course {
    let town = Town::found(server, "Lateham");
    let strategy = town.draft("2023-06-01");
    let path = |segment: &str| format!("/v1/strategies/{strategy}/{segment}");
    let action = json!({ "occurred_on": "2023-06-01", "particulars": { "version": 1,
        "title": "Mentors in schools", "description": "Train and place mentors.",
        "owner": town.ids["school"] } });
    let action = town.client("police").post(&path("actions"), &action).ok();
    let action = action["entries"][0]["payload"]["action"].clone();
    let declined = json!({ "occurred_on": "2023-06-01", "particulars": {
        "action": action, "authority": town.ids["school"], "reason": "We have no staff for it." } });
    let _ = town
        .client("school")
        .post(&path("refusals"), &declined)
        .ok();
    town.consult(&strategy, 1, "2023-06-01");
    town.agree(&strategy, 1, "2023-06-01");
    let adoption = Town::adoption(1, "2023-06-01");
    let adopted = town.client("fire").post(&path("adoptions"), &adoption).ok();
    let late = json!([{ "rule": "R-42.1", "reason": "The minutes came late." },
        { "rule": "R-46.2", "reason": "It is monitored next year." }]);
    let review = json!({ "occurred_on": "2024-06-13", "reasons": late, "particulars": {
        "version": 1, "scope": "whole", "decision": "no_change" } });
    let reviewed = town.client("council").post(&path("reviews"), &review).ok();
    let entry = reviewed["entries"][0]["entry_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let correction = json!({ "occurred_on": "2024-07-01", "particulars": { "entry_id": entry,
        "reason": "It was a meeting about something else." } });
    let corrected = town
        .client("council")
        .post(&path("corrections"), &correction)
        .ok();
    let position = |answer: &Value| answer["position"].as_u64().unwrap();
    Course {
        before: position(&adopted),
        reviewed: position(&reviewed),
        withdrawn: position(&corrected),
        review: entry,
        correction: corrected["entries"][0]["entry_id"]
            .as_str()
            .unwrap()
            .to_owned(),
        town,
    }
}

#[test]
fn a_replay_at_the_head_is_the_live_answer_for_every_partnership_of_the_histories() {
    let server = Server::start();
    let histories = [
        "city-of-london",
        "gwent",
        "havering",
        "kent-and-medway",
        "west-midlands",
        "fictional-marrowby",
    ];
    for name in histories {
        let file = repository().join(format!("ops/histories/{name}.json"));
        let import = server.run(&["import", file.to_str().unwrap()]);
        assert!(
            import.status.success(),
            "{}",
            String::from_utf8_lossy(&import.stderr)
        );
    }
    let auditor = auditor(&server);
    let reviews = auditor.get_now("/v1/reviews?limit=200").ok();
    let partnerships = all(&auditor, "/v1/partnerships", "/data");
    assert_eq!(partnerships.len(), histories.len());
    let (mut triggers_seen, mut reviews_seen) = (0, 0);
    for live in &partnerships {
        let id = live["id"].as_str().unwrap();
        let replay = |of: &str| {
            let path = format!("/v1/audit/partnerships/{id}/replay?of={of}");
            let over_rest = auditor.get(&path).ok();
            let offline = told(&server, &["replay", of, id]);
            for answer in ["state", "obligations", "reviews", "triggers"] {
                assert_eq!(over_rest[answer], offline[answer], "{of} {answer}");
            }
            over_rest
        };
        assert_eq!(replay("partnership")["state"], live["state"]);
        let path = format!("/v1/partnerships/{id}/obligations?limit=200");
        let obligations = all(&auditor, &path, "/data/obligations");
        assert!(obligations.len() > 100);
        assert_eq!(
            replay("obligations")["obligations"],
            Value::Array(obligations)
        );
        let path = format!("/v1/partnerships/{id}/triggers?limit=200");
        let triggers = all(&auditor, &path, "/data/triggers");
        triggers_seen += triggers.len();
        assert_eq!(replay("triggers")["triggers"], Value::Array(triggers));
        let replayed = replay("reviews");
        for stands in ["overdue", "due", "not_known"] {
            let listed = reviews["data"][stands].as_array().unwrap().iter();
            let own: Vec<_> = listed
                .filter(|row| row["partnership"] == id)
                .cloned()
                .collect();
            reviews_seen += own.len();
            assert_eq!(replayed["reviews"][stands], Value::Array(own), "{stands}");
        }
        let path = format!("/v1/partnerships/{id}/strategies");
        for strategy in all(&auditor, &path, "/data") {
            let own = strategy["id"].as_str().unwrap();
            let path = format!("/v1/audit/strategies/{own}/replay");
            let replayed = auditor.get(&path).ok();
            assert_eq!(replayed["state"], strategy["state"]);
            assert_eq!(
                told(&server, &["replay", "strategy", own])["state"],
                strategy["state"]
            );
        }
    }
    assert!(
        triggers_seen > 0 && reviews_seen > 0,
        "{triggers_seen} {reviews_seen}"
    );
}

#[test]
fn what_was_true_and_what_was_known_of_it_are_asked_apart() {
    let mut server = Server::start();
    let course = course(&server);
    let auditor = auditor(&server);
    let id = &course.town.partnership;
    let _ = auditor.get_at("/v1/reviews", course.withdrawn).ok();
    let overdue = |on: &str, known_at: u64| {
        let path =
            format!("/v1/audit/partnerships/{id}/replay?of=reviews&on={on}&known_at={known_at}");
        let found = auditor.get(&path).ok();
        let position = known_at.to_string();
        let asked = ["replay", "reviews", id, "--on", on, "--known-at", &position];
        assert_eq!(told(&server, &asked), found);
        !found["reviews"]["overdue"].as_array().unwrap().is_empty()
    };
    assert!(!overdue("2024-06-01", course.reviewed), "due on the day");
    assert!(
        overdue("2024-06-10", course.reviewed),
        "late until it was done"
    );
    assert!(
        overdue("2024-06-20", course.before),
        "nobody knew of it yet"
    );
    assert!(
        !overdue("2024-06-20", course.reviewed),
        "it was told of afterwards"
    );
    assert!(overdue("2024-06-20", course.withdrawn), "it was withdrawn");

    // Triggers answer for other days and other times like their neighbours.
    let about_review = |query: &str| {
        let path = format!("/v1/partnerships/{id}/triggers?{query}");
        let found = all(&auditor, &path, "/data/triggers");
        let listed = all(
            &auditor,
            &format!("/v1/triggers?limit=2&{query}"),
            "/data/triggers",
        );
        assert_eq!(found, listed, "page by page as at once");
        found.iter().filter(|t| t["duty"] == "8(7)(b)").count()
    };
    assert_eq!(
        about_review(&format!("on=2024-05-31&known_at={}", course.withdrawn)),
        0
    );
    assert!(about_review(&format!("on=2024-06-20&known_at={}", course.before)) > 0);
    assert_eq!(
        about_review(&format!("on=2024-06-20&known_at={}", course.reviewed)),
        0
    );
    assert!(about_review(&format!("on=2024-06-20&known_at={}", course.withdrawn)) > 0);

    // An instant is a position: the one that was last then.
    let entry = auditor.get(&format!("/v1/entries/{}", course.review)).ok();
    let instant = entry["record"]["recorded_at"].as_str().unwrap();
    let by = auditor.get(&format!(
        "/v1/audit/partnerships/{id}/replay?of=reviews&on=2024-06-20&known_by={instant}"
    ));
    // What the clock announced may have been recorded together with it.
    let since = format!("/v1/entries?limit=200&after={}", course.reviewed - 1);
    let since = all_at_once(&auditor, &since);
    let mut then = since.iter().rev();
    let then = then.find(|said| said["recorded_at"] == instant);
    assert_eq!(by.ok()["known_at"], then.unwrap()["position"]);

    // Offline, with the ledger alone: no projections tell which streams belong to it.
    let asked = [
        "replay",
        "obligations",
        id,
        "--on",
        "2024-06-20",
        "--known-at",
    ];
    let position = course.withdrawn.to_string();
    let asked = [&asked[..], &[&position]].concat();
    let beside = told(&server, &asked);
    server.end();
    let ledger = server.ledger();
    std::fs::remove_file(ledger.with_extension("projections.db")).unwrap();
    assert_eq!(told(&server, &asked), beside);
    let text = read(&server, &asked);
    assert!(
        text.contains("R-42.1, of “A strategy” is overdue."),
        "{text}"
    );
}

#[test]
fn what_changed_is_said_in_words() {
    let server = Server::start();
    let course = course(&server);
    let auditor = auditor(&server);
    let id = &course.town.partnership;
    let _ = auditor.get_at("/v1/reviews", course.withdrawn).ok();
    let changes = |query: &str| {
        auditor
            .get(&format!("/v1/audit/partnerships/{id}/changes?{query}"))
            .ok()
    };
    let reviewed = course.reviewed;
    let year = changes(&format!(
        "from_on=2024-03-31&on=2024-12-31&known_at={reviewed}"
    ));
    let summary = year["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("Between 31 March 2024 and 31 December 2024, as known at position "),
        "{summary}"
    );
    assert!(
        summary.contains(": one review was completed 12 days late"),
        "{summary}"
    );
    let group = &year["happened"][0];
    assert_eq!(group["sentence"], "One review was completed 12 days late.");
    assert_eq!(group["entries"][0]["days_late"], 12);
    assert_eq!(group["entries"][0]["late_entry"], false);

    let first = changes(&format!(
        "from_on=2023-01-31&on=2023-12-31&known_at={reviewed}"
    ));
    let summary = first["summary"].as_str().unwrap();
    for said in [
        "three authorities were consulted",
        "one action was declined",
        "one version of a strategy was adopted",
    ] {
        assert!(summary.contains(said), "{said}: {summary}");
    }
    let told_of = first["happened"].as_array().unwrap().iter();
    let sentences: BTreeSet<_> = told_of.map(|g| g["sentence"].as_str().unwrap()).collect();
    assert!(sentences.iter().all(|s| s.ends_with('.')), "{sentences:?}");

    // One date, two states of knowledge: what was learned about it.
    let learned = changes(&format!(
        "from_on=2024-06-20&on=2024-06-20&from_known_at={}&known_at={reviewed}",
        course.before
    ));
    let summary = learned["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("As true on 20 June 2024, between what was known at"),
        "{summary}"
    );
    assert_eq!(learned["happened"][0]["entries"][0]["late_entry"], true);
    let took_back = changes(&format!(
        "from_on=2024-07-20&on=2024-07-20&from_known_at={reviewed}&known_at={}",
        course.withdrawn
    ));
    assert_eq!(took_back["gone"][0]["entry_id"], course.review.as_str());
    assert_eq!(
        took_back["gone"][0]["withdrawn_by"],
        course.correction.as_str()
    );
    let turned = took_back["obligations"].as_array().unwrap();
    let review = turned.iter().find(|one| one["rule"] == "R-42.1").unwrap();
    assert_eq!(review["to"], "overdue");
    let summary = took_back["summary"].as_str().unwrap();
    for said in [
        "one entry no longer counts",
        "became overdue",
        "one earlier entry was withdrawn",
    ] {
        assert!(summary.contains(said), "{said}: {summary}");
    }

    let position = reviewed.to_string();
    let asked = [
        "diff",
        id,
        "--from-on",
        "2024-03-31",
        "--on",
        "2024-12-31",
        "--known-at",
        &position,
    ];
    assert_eq!(told(&server, &asked), year);
    let text = read(&server, &asked);
    assert!(
        text.starts_with("Lateham partnership\n\nBetween 31 March 2024"),
        "{text}"
    );
    let nothing = changes(&format!(
        "from_on=2024-03-31&on=2024-03-31&known_at={reviewed}"
    ));
    assert!(
        nothing["summary"]
            .as_str()
            .unwrap()
            .ends_with(": nothing changed.")
    );
}

#[test]
fn why_a_review_is_overdue_and_a_trigger_open_is_explained() {
    let server = Server::start();
    let course = course(&server);
    let auditor = auditor(&server);
    let id = &course.town.partnership;
    let withdrawn = course.withdrawn;
    let _ = auditor.get_at("/v1/reviews", withdrawn).ok();
    let path = format!("/v1/audit/partnerships/{id}/explanations");
    let moment = format!("on=2024-07-20&known_at={withdrawn}");
    let moment_of = moment.clone();
    let why = auditor.get(&format!("{path}?rule=R-42.1&{moment}")).ok();
    let why = &why["data"][0];
    assert_eq!(why["sentence"], "R-42.1, of “A strategy” is overdue.");
    assert_eq!(why["rules"][0]["rule"], "R-42.1");
    assert!(why["rules"][0]["guidance"].is_string(), "{why}");
    let entries = why["entries"].as_array().unwrap();
    let positions: Vec<_> = entries
        .iter()
        .map(|e| e["position"].as_u64().unwrap())
        .collect();
    assert!(positions.is_sorted(), "{positions:?}");
    let review = entries
        .iter()
        .find(|e| e["entry_id"] == course.review.as_str())
        .unwrap();
    assert_eq!(review["counts"], false);
    assert_eq!(review["withdrawn_by"], course.correction.as_str());
    assert!(
        entries.iter().any(|e| e["counts"] == true),
        "the adoption it is counted from"
    );
    assert!(!why["what_would_change_it"].as_array().unwrap().is_empty());

    let path_of_triggers = format!("/v1/partnerships/{id}/triggers?{moment}");
    let triggers = all(&auditor, &path_of_triggers, "/data/triggers");
    let open = triggers.iter().find(|t| t["state"] == "open").unwrap();
    let trigger = open["id"].as_str().unwrap();
    let why = auditor
        .get(&format!("{path}?trigger={trigger}&{moment}"))
        .ok();
    let why = &why["data"][0];
    assert_eq!(
        why["sentence"],
        "The direction trigger about Lateham school, the duty in section 15(4), for Lateham is open."
    );
    assert_eq!(why["why"][0], open["shows"]);
    assert_eq!(why["entries"][0]["entry_id"], open["evidence"][0]);
    assert!(
        why["entries"][0]["sentence"]
            .as_str()
            .unwrap()
            .contains("Mentors in schools")
    );
    let position = withdrawn.to_string();
    let asked = [
        "explain",
        "trigger",
        id,
        trigger,
        "--on",
        "2024-07-20",
        "--known-at",
        &position,
    ];
    let text = read(&server, &asked);
    assert!(text.contains("A trigger decides nothing"), "{text}");
    assert!(text.contains("What would change it"), "{text}");
    assert_eq!(told(&server, &asked)["data"][0], *why);
    let neither = auditor.get(&path);
    assert_eq!(neither.status, 400);

    // What is answered is read as text alike by both ways.
    let strategies = all(
        &auditor,
        &format!("/v1/partnerships/{id}/strategies"),
        "/data",
    );
    let strategy = strategies[0]["id"].as_str().unwrap();
    let of_partnership = |of: &str| format!("/v1/audit/partnerships/{id}/replay?of={of}&");
    for (of, about, over_rest, says) in [
        (
            "partnership",
            id.as_str(),
            of_partnership("partnership"),
            "Lateham",
        ),
        ("reviews", id, of_partnership("reviews"), "A strategy"),
        ("triggers", id, of_partnership("triggers"), "15(4)"),
        (
            "strategy",
            strategy,
            format!("/v1/audit/strategies/{strategy}/replay?"),
            "A strategy",
        ),
    ] {
        let moment = ["--on", "2024-07-20", "--known-at", &position];
        let offline = read(&server, &[&["replay", of, about], &moment[..]].concat());
        let text = auditor.get(&format!("{over_rest}{moment_of}&format=text"));
        assert_eq!(text.status, 200, "{}", text.text);
        assert_eq!(text.text.trim_end(), offline.trim_end(), "{of}");
        assert!(offline.contains(says), "{of}: {offline}");
        assert!(offline.contains("20 July 2024"), "{of}: {offline}");
        assert!(!offline.contains('{'), "{of} is for people: {offline}");
    }
    assert_eq!(auditor.get(&format!("{path}?rule=R-0.0")).status, 404);
}

#[test]
fn a_refusal_is_decided_again_as_it_was_and_nothing_is_recorded() {
    let mut server = Server::start();
    let town = Town::found(&server, "Gateham");
    let strategy = town.draft("2023-06-01");
    town.agree(&strategy, 1, "2023-06-01");
    let path = format!("/v1/strategies/{strategy}/adoptions");
    let adoption = Town::adoption(1, "2023-06-01");
    let refused = town.client("fire").post(&path, &adoption);
    let (status, _, rules) = refused.problem();
    assert_eq!(status, 409, "{}", refused.text);
    assert!(rules.contains(&"R-10.6".to_owned()), "{rules:?}");
    town.consult(&strategy, 1, "2023-06-01");

    let auditor = auditor(&server);
    let mut asked = json!({
        "principal_kind": "authority", "principal_id": town.ids["fire"],
        "stream_type": "strategy", "stream": strategy, "command": "adopt-version",
        "particulars": adoption["particulars"], "reasons": adoption["reasons"],
        "occurred_on": "2023-06-01",
        "decided_at": refused.body["decided_at"], "decided_for": refused.body["decided_for"],
    });
    let version = |client: &Client| {
        let of = &town.partnership;
        let path = format!("/v1/audit/entries?limit=200&partnership={of}");
        let _ = client.get_now(&path).ok();
        let entries = all(client, &path, "/data");
        entries
            .iter()
            .filter(|e| e["principal_kind"] != "system")
            .count()
    };
    let before = version(&auditor);
    let again = auditor.post("/v1/audit/refusals", &asked).ok();
    assert_eq!(again["refused"], true);
    assert_eq!(again["code"], refused.body["code"]);
    assert_eq!(again["why"][0], refused.body["detail"]);
    let cited: BTreeSet<_> = again["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["rule"].as_str().unwrap())
        .collect();
    assert_eq!(cited, rules.iter().map(String::as_str).collect());
    let next: Vec<_> = refused.body["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["next"].clone())
        .collect();
    assert_eq!(again["what_would_change_it"], Value::Array(next));
    let entries = again["entries"].as_array().unwrap();
    assert!(
        entries
            .iter()
            .all(|e| e["position"].as_u64() <= refused.body["decided_at"].as_u64())
    );

    // Its own is explained to the one that gave it, and to none of the others.
    let own = town.client("fire").post("/v1/audit/refusals", &asked).ok();
    assert_eq!(own["rules"], again["rules"]);
    for other in ["police", "school"] {
        assert_eq!(
            town.client(other).post("/v1/audit/refusals", &asked).status,
            404
        );
    }
    assert_eq!(town.operator.post("/v1/audit/refusals", &asked).status, 404);

    // What was recorded since is not known there; where it is, the gate stands open.
    let head = server.operator().head();
    asked["decided_at"] = json!(head);
    let later = auditor.post("/v1/audit/refusals", &asked).ok();
    assert_eq!(later["refused"], false, "{later}");
    assert!(
        later["events"]
            .as_array()
            .unwrap()
            .contains(&json!("StrategyAdopted"))
    );
    asked["decided_at"] = json!(head + 1_000);
    assert_eq!(auditor.post("/v1/audit/refusals", &asked).status, 400);
    asked["decided_at"] = refused.body["decided_at"].clone();
    asked["command"] = json!("no-such-command");
    assert_eq!(auditor.post("/v1/audit/refusals", &asked).status, 422);
    asked["command"] = json!("adopt-version");
    assert_eq!(before, version(&auditor), "nothing was recorded");

    // Offline, not one byte of the ledger changes.
    server.end();
    let file = server.folder().join("refused.json");
    std::fs::write(&file, asked.to_string()).unwrap();
    let bytes = std::fs::read(server.ledger()).unwrap();
    let offline = told(&server, &["explain", "refusal", file.to_str().unwrap()]);
    assert_eq!(offline["rules"], again["rules"]);
    assert!(
        bytes == std::fs::read(server.ledger()).unwrap(),
        "the file is as it was"
    );
}

#[test]
fn the_log_is_searched_page_by_page_and_shows_to_each_what_it_may_read() {
    let server = Server::start();
    let (ours, theirs) = (
        Town::found(&server, "Ourham"),
        Town::found(&server, "Theirham"),
    );
    let strategy = ours.adopted("2023-06-01");
    let correlation = "0198d0c2-6f00-7000-8000-0000000000c0";
    let body = json!({ "occurred_on": "2023-07-01", "acting": "reported", "correlation_id": correlation,
        "source": { "title": "=HYPERLINK(\"https://example.org\")", "reference": "+1", "date": "2023-07-01" },
        "particulars": { "version": 1, "form": "stand_alone", "locator": "https://example.org/s" } });
    let path = format!("/v1/strategies/{strategy}/publications");
    let last = ours.coordinator.post(&path, &body).ok();
    let auditor = auditor(&server);
    let told = last["position"].as_u64().unwrap();
    let _ = auditor.get_at("/v1/audit/entries?limit=1", told).ok();
    // The clock may have something to say meanwhile.
    let search = |client: &Client, query: &str| {
        let mut found = all(client, &format!("/v1/audit/entries?{query}"), "/data");
        found.retain(|entry| entry["principal_kind"] != "system");
        found
    };
    let id = &ours.partnership;

    let at_once = search(&auditor, &format!("limit=200&partnership={id}"));
    assert_eq!(
        search(&auditor, &format!("limit=3&partnership={id}")),
        at_once
    );
    assert!(at_once.len() > 20 && at_once.iter().all(|e| e["partnerships"][0] == id.as_str()));
    assert_eq!(
        search(ours.client("police"), &format!("limit=7&partnership={id}")),
        at_once
    );
    // What others recorded there is absent for a neighbour; a school has what it recorded itself.
    assert!(
        search(
            theirs.client("police"),
            &format!("limit=200&partnership={id}")
        )
        .is_empty()
    );
    let everything = search(theirs.client("police"), "limit=200");
    assert!(everything.iter().all(|e| {
        let concerned = e["partnerships"].as_array().unwrap();
        concerned.is_empty() || concerned.contains(&json!(theirs.partnership))
    }));
    assert!(everything.iter().all(|e| e["stream_type"] != "ledger"));

    let consulted = search(
        &auditor,
        &format!("authority={}&event=authority-consulted", ours.ids["school"]),
    );
    assert_eq!(consulted.len(), 1);
    assert_eq!(
        consulted,
        search(
            &auditor,
            &format!("authority={}&event=AuthorityConsulted", ours.ids["school"])
        )
    );
    // A row that warned, and who recorded: those of all entries to which it applies.
    let log = search(&auditor, "limit=200");
    let adopted = at_once
        .iter()
        .find(|e| e["event_type"] == "StrategyAdopted");
    let row = adopted.unwrap()["rules"][0].as_str().expect("a row warned");
    let some = |passes: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        let found: Vec<_> = log.iter().filter(|e| passes(e)).cloned().collect();
        assert!(!found.is_empty() && found.len() < log.len());
        found
    };
    let citing = some(&|e| e["rules"].as_array().unwrap().contains(&json!(row)));
    assert_eq!(search(&auditor, &format!("limit=200&rule={row}")), citing);
    assert!(search(&auditor, "rule=R-0.0").is_empty());
    let police = &ours.ids["police"];
    let own = some(&|e| e["principal_id"] == json!(police));
    let found = search(&auditor, &format!("limit=200&principal={police}"));
    assert_eq!(found, own);
    let reported = some(&|e| e["principal_kind"] == "coordinator");
    let found = search(&auditor, "limit=200&principal_kind=coordinator");
    assert_eq!(found, reported);
    let published = search(&auditor, &format!("correlation_id={correlation}"));
    assert_eq!(published.len(), 1);
    assert_eq!(published[0]["event_type"], "StrategyPublished");
    let dated = search(
        &auditor,
        &format!("partnership={id}&occurred_from=2023-07-01&occurred_until=2023-07-01"),
    );
    assert_eq!(dated, published);
    let at = published[0]["recorded_at"].as_str().unwrap();
    let then = search(
        &auditor,
        &format!("partnership={id}&recorded_from={at}&recorded_until={at}"),
    );
    assert_eq!(then, published);
    assert_eq!(auditor.get("/v1/audit/entries?limit=201").status, 400);

    // A spreadsheet shows what somebody wrote, and does not run it.
    let list = auditor.get(&format!(
        "/v1/audit/entries?format=csv&correlation_id={correlation}"
    ));
    assert_eq!(list.status, 200);
    assert!(list.text.contains("\"'=HYPERLINK("), "{}", list.text);

    // The command line finds the same.
    let lines = read(
        &server,
        &["search", "--partnership", id, "--format", "json-lines"],
    );
    let found: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let told_by_people = |all: &[Value]| -> Vec<Value> {
        all.iter()
            .filter(|e| e["principal_kind"] != "system")
            .cloned()
            .collect()
    };
    assert_eq!(told_by_people(&found), told_by_people(&at_once));
    let by = |filter: [&str; 2]| -> Vec<Value> {
        let search = [&["search", "--format", "json-lines"][..], &filter].concat();
        let lines = read(&server, &search);
        let lines = lines.lines().map(|l| serde_json::from_str(l).unwrap());
        lines.collect()
    };
    assert_eq!(by(["--principal-kind", "coordinator"]), reported);
    // What the clock announces is found alike by both ways, once it has: the review's date has passed.
    let announced = in_time(|| {
        let passed = "/v1/audit/entries?limit=200&event=deadline-passed";
        let found = all(&auditor, passed, "/data");
        if found.is_empty() {
            return Err("an announcement");
        }
        Ok(found)
    });
    assert!(announced.iter().all(|e| e["principal_kind"] == "system"));
    let offline = by(["--event", "deadline-passed"]);
    assert_eq!(offline[..announced.len()], announced);
    let list = read(
        &server,
        &["search", "--correlation-id", correlation, "--format", "csv"],
    );
    assert!(
        list.starts_with("\"position\",\"entry_id\",") && list.contains("\"'=HYPERLINK("),
        "{list}"
    );
    assert_eq!(list.lines().count(), 2);
}
