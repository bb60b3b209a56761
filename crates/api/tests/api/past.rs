//! What was so: everything in one answer is as of one date and one position.

use crate::common::{Place, Server, today};
use dutyledger_record::PrincipalKind;
use serde_json::{Value, json};

/// A command that happened on a date.
fn dated(date: &str, particulars: &Value) -> Value {
    json!({ "occurred_on": date, "particulars": particulars })
}

/// A past fact: what it says, with a source.
fn past_fact(date: &str, particulars: &Value) -> Value {
    let mut body = dated(date, particulars);
    body["acting"] = json!("past_fact");
    body["source"] = json!({ "title": "Minutes", "reference": "M/1", "date": today() });
    body
}

/// A partnership with a strategy, each step on a day of its own: adopted on 1 June 2023, and
/// dissolved, where it is, on 1 June 2025.
struct Past {
    server: Server,
    operator: String,
    key: String,
    area: String,
    school: String,
    partnership: String,
    strategy: String,
    before_adoption: u64,
}

impl Past {
    async fn authority(server: &Server, operator: &str, date: &str, capacity: &str) -> String {
        let one = json!({ "body": format!("{capacity} of {date}"), "capacity": capacity });
        let made = server
            .post(operator, "/v1/authorities", dated(date, &one))
            .await;
        made.is(201).id()
    }

    async fn make() -> Self {
        let server = Server::start().await;
        let operator = server.key(PrincipalKind::Operator, None).await;
        let start = "2020-01-31";
        let council = Self::authority(&server, &operator, start, "local_authority").await;
        let school = Self::authority(&server, &operator, start, "educational_authority").await;
        let one = json!({ "country": "england", "kind": "district", "name": "Town" });
        let area = server
            .post(&operator, "/v1/areas", dated(start, &one))
            .await;
        let area = area.is(201).id();
        let rows = json!([
            { "authority": council, "from": start }, { "authority": school, "from": start },
        ]);
        let path = format!("/v1/areas/{area}/authorities");
        let rows = dated(start, &json!({ "authorities": rows }));
        server.post(&operator, &path, rows).await.is(200);
        let key = server.key(PrincipalKind::Authority, Some(&council)).await;
        let proposal = json!({ "name": "Town", "route": "new_structure", "areas": [area] });
        let proposal = dated("2023-02-01", &proposal);
        let proposed = server.post(&key, "/v1/partnerships", proposal).await;
        let partnership = proposed.is(201).id();
        let path = format!("/v1/partnerships/{partnership}/formation");
        let formed = past_fact("2023-02-02", &json!({}));
        server.post(&key, &path, formed).await.is(200);
        let draft = json!({
            "partnership": partnership, "title": "A strategy",
            "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false },
        });
        let draft = dated("2023-03-01", &draft);
        let strategy = server.post(&key, "/v1/strategies", draft).await;
        let strategy = strategy.is(201);
        let before_adoption = strategy.json["position"].as_u64().unwrap();
        let strategy = strategy.id();
        let path = format!("/v1/strategies/{strategy}/adoptions");
        let adopted = past_fact("2023-06-01", &json!({ "version": 1 }));
        server.post(&key, &path, adopted).await.is(200);
        Self {
            server,
            operator,
            key,
            area,
            school,
            partnership,
            strategy,
            before_adoption,
        }
    }

    async fn dissolve(&self) {
        let path = format!("/v1/partnerships/{}/dissolution", self.partnership);
        let dissolved = past_fact("2025-06-01", &json!({ "note": "Over." }));
        self.server.post(&self.key, &path, dissolved).await.is(200);
    }

    async fn strategy(&self, query: &str) -> Value {
        let path = format!("/v1/strategies/{}?{query}", self.strategy);
        self.server.get(&self.key, &path).await.is(200).json
    }

    /// How many reviews are overdue, due and not known.
    async fn reviews(&self, key: &str, query: &str) -> [usize; 3] {
        let path = format!("/v1/reviews?{query}");
        let data = self.server.get(key, &path).await.is(200).json["data"].clone();
        ["overdue", "due", "not_known"].map(|status| data[status].as_array().unwrap().len())
    }
}

#[tokio::test]
async fn the_review_and_the_marks_of_a_strategy_are_as_of_the_time_asked_for() {
    let past = Past::make().await;
    past.dissolve().await;
    let marks = |answer: &Value| answer["marks"].as_array().unwrap().len();
    let now = past.strategy("").await;
    assert_eq!(now["review"]["status"], "not_applicable");
    assert_eq!(marks(&now), 1);
    let then = past.strategy("on=2024-12-31").await;
    assert_eq!(then["review"]["status"], "overdue");
    assert_eq!(then["marks"], now["marks"], "the rows and the ledger agree");
    let before = past.strategy("on=2023-05-31").await;
    assert_eq!(before["review"]["status"], "not_applicable");
    assert_eq!(marks(&before), 0);
    let unknown = past
        .strategy(&format!("known_at={}", past.before_adoption))
        .await;
    assert_eq!(unknown["state"]["versions"]["1"]["adopted"], Value::Null);
    assert_eq!(marks(&unknown), 0);
}

#[tokio::test]
async fn who_was_not_consulted_is_asked_of_the_date_of_adoption() {
    let past = Past::make().await;
    let (server, later) = (&past.server, "2024-01-31");
    let new = Past::authority(server, &past.operator, later, "educational_authority").await;
    let path = format!("/v1/areas/{}/authorities", past.area);
    let row = json!({ "authorities": [{ "authority": new, "from": later }] });
    let row = dated(later, &row);
    server.post(&past.operator, &path, row).await.is(200);
    let path = format!("/v1/partnerships/{}/consultation-lists", past.partnership);
    let list = past_fact(later, &json!({ "authorities": [past.school, new] }));
    server.post(&past.key, &path, list).await.is(200);

    let path = format!("/v1/strategies/{}/versions/1/consultation", past.strategy);
    let seen = server.get(&past.key, &path).await.is(200);
    let missing = json!({ &past.school: "educational_authority" });
    assert_eq!(seen.json["missing"], missing);
}

#[tokio::test]
async fn reviews_of_an_earlier_day_are_those_of_the_strategies_as_they_were() {
    let past = Past::make().await;
    past.dissolve().await;
    let key = &past.key;
    assert_eq!(past.reviews(key, "").await, [0, 0, 0]);
    assert_eq!(past.reviews(key, "on=2999-12-31").await, [0, 0, 0]);
    assert_eq!(past.reviews(key, "on=2025-06-01").await, [0, 0, 0]);
    assert_eq!(past.reviews(key, "on=2025-05-31").await, [1, 0, 0]);
    assert_eq!(past.reviews(key, "on=2024-06-01").await, [0, 1, 0]);
    assert_eq!(past.reviews(key, "on=2024-05-31").await, [0, 0, 0]);
    let overdue = "on=2025-05-31&status=overdue&limit=1";
    assert_eq!(past.reviews(key, overdue).await, [1, 0, 0]);
    let due = "on=2025-05-31&status=due";
    assert_eq!(past.reviews(key, due).await, [0, 0, 0]);
    let outsider = &past.operator;
    assert_eq!(past.reviews(outsider, "on=2025-05-31").await, [0, 0, 0]);
}

#[tokio::test]
async fn reviews_of_an_earlier_day_are_read_page_by_page() {
    let past = Past::make().await;
    let draft = json!({
        "partnership": past.partnership, "title": "Another",
        "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false },
    });
    let draft = dated("2023-03-01", &draft);
    let other = past.server.post(&past.key, "/v1/strategies", draft).await;
    let other = other.is(201).id();
    let adoptions = format!("/v1/strategies/{other}/adoptions");
    let adopted = past_fact("2023-07-01", &json!({ "version": 1 }));
    past.server
        .post(&past.key, &adoptions, adopted)
        .await
        .is(200);
    let path = "/v1/reviews?on=2025-05-31&limit=1";
    let first = past.server.get(&past.key, path).await.is(200).json;
    assert_eq!(
        first["data"]["overdue"][0]["strategy"],
        past.strategy.as_str()
    );
    let next = first["links"]["next"].as_str().unwrap();
    let second = past.server.get(&past.key, next).await.is(200).json;
    assert_eq!(second["data"]["overdue"][0]["strategy"], other.as_str());
    assert_eq!(second["links"].get("next"), None);
}

#[tokio::test]
async fn what_was_recorded_after_the_rows_is_read() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    let place = Place::make(&server, &operator, "Town").await;
    server.get(&auditor, "/v1/partnerships").await.is(200);
    let before = server.bus.ledger().head();
    server.rows_stand_still().await;
    let strategy = place.strategy(&server).await;
    let head = server.bus.ledger().head();
    let partnership = &place.partnership;
    let audit = format!("/v1/audit/partnerships/{partnership}");
    let on = today();
    for (path, found) in [
        (
            format!("{audit}/changes?from_known_at={before}&known_at={head}&from_on={on}"),
            "StrategyDrafted",
        ),
        (
            format!("{audit}/replay?of=obligations&known_at={head}"),
            &*strategy,
        ),
        (format!("{audit}/explanations?rule=R-42.1"), "R-42.1"),
        (
            format!("/v1/partnerships/{partnership}/obligations?known_at={head}&limit=200"),
            &*strategy,
        ),
    ] {
        let answer = server.get_plain(&auditor, &path).await.is(200);
        assert!(answer.text.contains(found), "{path}: {}", answer.text);
        // What was not known then is not told.
        let path = path.replace(&format!("known_at={head}"), &format!("known_at={before}"));
        let answer = server.get_plain(&auditor, &path).await.is(200);
        assert!(
            !path.contains("known_at") || !answer.text.contains(&strategy),
            "{path}"
        );
    }
}
