//! Why something stands as it does: the rows it rests on, and the entries that bear on it.

use std::sync::Arc;

use chrono::Days;
use dutyledger_api::Limits;
use dutyledger_record::PrincipalKind;
use serde_json::{Value, json};

use crate::common::{Place, Server, SetClock, today};

/// A day on which what was done today has long been due again.
const LATER: &str = "2099-01-31";

struct Town {
    server: Server,
    auditor: String,
    place: Place,
    strategy: String,
}

impl Town {
    async fn begin() -> Self {
        Self::begin_on(Server::start().await).await
    }

    async fn begin_on(server: Server) -> Self {
        let operator = server.key(PrincipalKind::Operator, None).await;
        let auditor = server.key(PrincipalKind::Auditor, None).await;
        let place = Place::make(&server, &operator, "Town").await;
        let strategy = place.strategy(&server).await;
        Self {
            server,
            auditor,
            place,
            strategy,
        }
    }

    /// Gives a command as a past fact, and answers the entry it made.
    async fn told(&self, path: &str, particulars: Value) -> String {
        let body = json!({
            "acting": "past_fact", "particulars": particulars,
            "source": { "title": "Minutes", "reference": "M/1", "date": today() },
        });
        let key = &self.place.council_key;
        let answer = self.server.post(key, path, body).await.is(200);
        let entry = &answer.json["entries"][0]["entry_id"];
        entry.as_str().unwrap().to_owned()
    }

    /// Withdraws an entry, and answers the one that does.
    async fn withdraw(&self, of: &str, entry: &str) -> String {
        let particulars = json!({ "entry_id": entry, "reason": "It was misread." });
        let key = &self.place.council_key;
        let path = format!("{of}/corrections");
        let answer = self.server.command(key, &path, particulars).await.is(200);
        let entry = &answer.json["entries"][0]["entry_id"];
        entry.as_str().unwrap().to_owned()
    }

    async fn explained(&self, query: &str) -> Value {
        let id = &self.place.partnership;
        let path = format!("/v1/audit/partnerships/{id}/explanations?{query}");
        self.server.get(&self.auditor, &path).await.is(200).json
    }
}

/// The entry of an explanation, as it is told of.
#[track_caller]
fn entry<'a>(explanation: &'a Value, id: &str) -> &'a Value {
    let entries = explanation["entries"].as_array().unwrap();
    let found = entries.iter().find(|entry| entry["entry_id"] == id);
    found.unwrap_or_else(|| panic!("{id} is not among {explanation}"))
}

#[tokio::test]
async fn what_was_withdrawn_is_told_of_a_row_shown_by_the_partnerships_own_stream() {
    let town = Town::begin().await;
    let partnership = format!("/v1/partnerships/{}", town.place.partnership);
    let lead = json!({ "authority": town.place.council });
    let named = town.told(&format!("{partnership}/leads"), lead).await;
    let why = town.explained("rule=R-17.1").await;
    assert_eq!(entry(&why["data"][0], &named)["counts"], true);
    let by = town.withdraw(&partnership, &named).await;
    let why = town.explained("rule=R-17.1").await;
    let told = entry(&why["data"][0], &named);
    assert_eq!(told["counts"], false);
    assert_eq!(told["withdrawn_by"], *by);
    entry(&why["data"][0], &by);
}

#[tokio::test]
async fn a_trigger_cites_the_rows_of_its_duty_and_tells_of_what_was_withdrawn() {
    let town = Town::begin().await;
    let strategy = format!("/v1/strategies/{}", town.strategy);
    let version = json!({ "version": 1 });
    let adopted = town.told(&format!("{strategy}/adoptions"), version).await;
    let publication = json!({ "version": 1, "form": "stand_alone", "locator": "L/1" });
    let path = format!("{strategy}/publications");
    let published = town.told(&path, publication).await;
    let by = town.withdraw(&strategy, &published).await;
    let path = format!(
        "/v1/partnerships/{}/triggers?on={LATER}",
        town.place.partnership
    );
    let shown = town.server.get(&town.auditor, &path).await.is(200);
    let triggers = shown.json["data"]["triggers"].as_array().unwrap();
    for (duty, rows) in [
        ("8(7)(a)", vec!["A-8.7a", "R-129.1"]),
        ("8(7)(b)", vec!["A-8.7b", "R-129.1", "R-42.1"]),
    ] {
        let mut about = triggers.iter().filter(|one| one["duty"] == duty);
        let id = about
            .next()
            .unwrap_or_else(|| panic!("{duty}: {triggers:?}"))["id"]
            .clone();
        let query = format!("trigger={}&on={LATER}", id.as_str().unwrap());
        let why = town.explained(&query).await["data"][0].clone();
        let cited: Vec<_> = why["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["rule"].clone())
            .collect();
        assert_eq!(json!(cited), json!(rows));
        assert_eq!(entry(&why, &adopted)["counts"], true);
        if duty == "8(7)(a)" {
            let told = entry(&why, &published);
            assert_eq!(told["counts"], false);
            assert_eq!(told["withdrawn_by"], *by);
        }
    }
}

#[tokio::test]
async fn what_happened_after_the_date_decided_for_does_not_count() {
    let town = Town::begin().await;
    let given = json!({
        "principal_kind": "authority", "principal_id": town.place.council,
        "stream_type": "strategy", "stream": town.strategy, "command": "amend-strategy",
        "particulars": { "title": "Other" }, "occurred_on": "2024-01-31",
        "decided_at": town.server.bus.ledger().head(), "decided_for": "2024-01-31",
    });
    let path = "/v1/audit/refusals";
    let why = town
        .server
        .post(&town.auditor, path, given.clone())
        .await
        .is(200);
    assert_eq!(why.json["refused"], true);
    assert_eq!(why.json["entries"][0]["counts"], false, "{}", why.text);
    let mut since = given;
    since["occurred_on"] = Value::Null;
    since["decided_for"] = json!(today());
    let why = town.server.post(&town.auditor, path, since).await.is(200);
    assert_eq!(why.json["entries"][0]["counts"], true, "{}", why.text);
}

/// An id that the record cannot hold is refused before it is asked whose it is, then and again.
#[tokio::test]
async fn a_refusal_of_an_id_that_no_record_holds_is_decided_again_as_it_was() {
    let town = Town::begin().await;
    let id = json!(["6f0c8d8e-3c1b-4b7e-9a53-0d3a1f6f2b11"]);
    let path = format!("/v1/strategies/{}/amendments", town.strategy);
    let body = json!({ "particulars": { "title": "Other" }, "on_behalf_of": id });
    let key = &town.place.council_key;
    let refused = town.server.post(key, &path, body).await.is(422);
    assert_eq!(refused.code(), "invalid");
    assert_eq!(refused.json["decided_at"], town.server.bus.ledger().head());
    let given = json!({
        "principal_kind": "authority", "principal_id": town.place.council,
        "stream_type": "strategy", "stream": town.strategy, "command": "amend-strategy",
        "particulars": { "title": "Other" }, "on_behalf_of": id,
        "decided_at": refused.json["decided_at"], "decided_for": refused.json["decided_for"],
    });
    let again = town.server.post(&town.auditor, "/v1/audit/refusals", given);
    let again = again.await.is(200).json;
    assert_eq!(again["code"], "invalid", "{again}");
    assert_eq!(again["why"][0], refused.json["detail"]);
}

#[tokio::test]
async fn a_refusal_on_a_day_without_entries_is_decided_again_on_that_day() {
    let clock = SetClock::now();
    let server = Server::start_by(Arc::new(clock.clone()), Limits::default()).await;
    let town = Town::begin_on(server).await;
    let opened: chrono::NaiveDate = today().parse().unwrap();
    clock.forward(3);
    let day = (opened + Days::new(3)).to_string();
    let path = format!("/v1/strategies/{}/adoptions", town.strategy);
    let particulars = json!({ "version": 1 });
    for on in [&day, &(opened + Days::new(4)).to_string()] {
        let body = json!({ "particulars": particulars, "occurred_on": on });
        let key = &town.place.council_key;
        let refused = town.server.post(key, &path, body).await;
        assert!(refused.status.is_client_error(), "{}", refused.text);
        assert_eq!(refused.json["decided_on"], *day, "{}", refused.text);
        let mut asked = json!({
            "principal_kind": "authority", "principal_id": town.place.council,
            "stream_type": "strategy", "stream": town.strategy, "command": "adopt-version",
            "particulars": particulars, "occurred_on": on,
            "decided_at": refused.json["decided_at"], "decided_for": refused.json["decided_for"],
            "decided_on": refused.json["decided_on"],
        });
        let path = "/v1/audit/refusals";
        let why = town
            .server
            .post(&town.auditor, path, asked.clone())
            .await
            .is(200);
        assert_eq!(why.json["code"], refused.json["code"], "{}", why.text);
        // Whoever does not have the whole answer is told of a day on which that date had come.
        asked["decided_on"] = Value::Null;
        let why = town.server.post(&town.auditor, path, asked).await.is(200);
        assert_ne!(why.json["code"], "date-after-today", "{}", why.text);
    }
}

#[tokio::test]
async fn a_refusal_on_the_ledgers_own_stream_is_decided_again_and_one_of_an_erasure_is_not() {
    let town = Town::begin().await;
    let operator = town.server.key(PrincipalKind::Operator, None).await;
    let date = json!({ "rule": "R-42.1", "due_on": "2026-01-31", "provenance": "regulations" });
    let expires: chrono::NaiveDate = today().parse().unwrap();
    let calendar = json!({
        "label": "Dates", "expires_at": format!("{}T00:00:00Z", expires + Days::new(10)),
        "principal_id": town.place.council,
    });
    let with = |mut calendar: Value, member: &str| {
        calendar[member] = json!("auditor");
        calendar
    };
    let source = json!({ "title": "SI 2026/1", "reference": "reg. 2", "date": "2026-01-01" });
    for (path, body, command, particulars) in [
        (
            "/v1/deadline-dates",
            json!({ "particulars": date, "source": source }),
            "set-deadline-date",
            date.clone(),
        ),
        (
            "/v1/calendars",
            with(calendar.clone(), "kind"),
            "issue-calendar-token",
            with(calendar.clone(), "principal_kind"),
        ),
        (
            "/v1/keys",
            with(calendar.clone(), "kind"),
            "issue-key",
            with(calendar, "principal_kind"),
        ),
    ] {
        let refused = town.server.post(&operator, path, body).await.is(422);
        assert!(
            refused.json["decided_at"].is_u64(),
            "{path}: {}",
            refused.text
        );
        let asked = json!({
            "principal_kind": "operator", "stream_type": "ledger", "command": command,
            "particulars": particulars, "source": source,
            "decided_at": refused.json["decided_at"], "decided_for": refused.json["decided_for"],
            "decided_on": refused.json["decided_on"],
        });
        for key in [&operator, &town.auditor] {
            let why = town
                .server
                .post(key, "/v1/audit/refusals", asked.clone())
                .await;
            let why = why.is(200).json;
            assert_eq!(why["code"], refused.json["code"], "{path}: {why}");
            assert_eq!(why["why"][0], refused.json["detail"], "{path}: {why}");
        }
        let other = &town.place.council_key;
        town.server
            .post(other, "/v1/audit/refusals", asked)
            .await
            .is(404);
    }
    let asked = json!({
        "principal_kind": "operator", "stream_type": "erasure", "command": "erase-sealed-text",
        "particulars": {}, "decided_at": 1, "decided_for": today(),
    });
    let why = town
        .server
        .post(&town.auditor, "/v1/audit/refusals", asked)
        .await
        .is(422);
    assert!(
        why.text.contains("which the entry itself shows"),
        "{}",
        why.text
    );
}

#[tokio::test]
async fn more_than_are_explained_at_once_are_counted() {
    let town = Town::begin().await;
    let one = town.explained("rule=R-42.1").await;
    assert_eq!(
        (one["data"].as_array().unwrap().len(), &one["total"]),
        (1, &json!(1))
    );
    for _ in 0..100 {
        town.place.strategy(&town.server).await;
    }
    let many = town.explained("rule=R-42.1").await;
    assert_eq!(many["data"].as_array().unwrap().len(), 100);
    assert_eq!(many["total"], 101);
    let about = format!("rule=R-42.1&about={}", town.strategy);
    assert_eq!(town.explained(&about).await["total"], 1);
    let id = &town.place.partnership;
    let path = format!("/v1/audit/partnerships/{id}/explanations?rule=R-42.1&format=text");
    let text = town.server.get(&town.auditor, &path).await.is(200).text;
    assert!(text.contains("the first 100 of 101"), "{text}");
}

#[tokio::test]
async fn a_moment_that_is_none_is_named_by_its_own_member() {
    let town = Town::begin().await;
    let changes = format!("/v1/audit/partnerships/{}/changes", town.place.partnership);
    for (query, member) in [
        ("from_known_at=999999", "from_known_at"),
        ("known_at=999999", "known_at"),
        ("from_known_by=2001-01-31T00:00:00Z", "from_known_by"),
        ("known_by=2001-01-31T00:00:00Z", "known_by"),
    ] {
        let path = format!("{changes}?{query}");
        let refused = town.server.get(&town.auditor, &path).await.is(400);
        assert_eq!(refused.json["errors"][0]["pointer"], member, "{query}");
    }
}
