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
