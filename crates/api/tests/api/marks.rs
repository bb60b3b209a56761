//! Decisions whose rules are not met with what is now known, and who is shown that.

use crate::common::{Place, Server, today};
use dutyledger_record::PrincipalKind;
use serde_json::{Value, json};

/// A past fact: what it says, with a source.
fn past_fact(particulars: &Value) -> Value {
    json!({
        "acting": "past_fact",
        "source": { "title": "Minutes", "reference": "M/1", "date": today() },
        "particulars": particulars,
    })
}

/// Of each mark: the event, the rules not met, whether it is a past fact, and how it is known.
fn marks(answer: &Value) -> Value {
    let marks = answer["marks"].as_array().unwrap().iter();
    let told = marks.map(|mark| {
        let unmet = mark["unmet"].as_array().unwrap().iter();
        let unmet: Vec<_> = unmet.map(|row| row["rule"].clone()).collect();
        json!([mark["event_type"], unmet, mark["past_fact"], mark["mark"]])
    });
    told.collect()
}

/// A command that happened on a date.
fn dated(date: &str, particulars: &Value) -> Value {
    json!({ "occurred_on": date, "particulars": particulars })
}

/// A partnership proposed for an area by its one specified authority, each step on a day of its
/// own.
struct Proposed {
    council: String,
    key: String,
    id: String,
    position: Value,
}

impl Proposed {
    async fn make(server: &Server, operator: &str) -> Self {
        let start = "2020-01-31";
        let one = dated(
            start,
            &json!({ "body": "Council", "capacity": "local_authority" }),
        );
        let council = server.post(operator, "/v1/authorities", one).await;
        let council = council.is(201).id();
        let one = dated(
            start,
            &json!({ "country": "england", "kind": "district", "name": "Town" }),
        );
        let area = server.post(operator, "/v1/areas", one).await.is(201).id();
        let row = json!({ "authorities": [{ "authority": council, "from": start }] });
        let path = format!("/v1/areas/{area}/authorities");
        let listed = server.post(operator, &path, dated(start, &row)).await;
        listed.is(200);
        let key = server.key(PrincipalKind::Authority, Some(&council)).await;
        let proposal = json!({ "name": "Town", "route": "new_structure", "areas": [area] });
        let proposal = dated("2024-02-01", &proposal);
        let proposed = server.post(&key, "/v1/partnerships", proposal).await;
        let proposed = proposed.is(201);
        Self {
            council,
            key,
            id: proposed.id(),
            position: proposed.json["position"].clone(),
        }
    }

    fn path(&self) -> String {
        format!("/v1/partnerships/{}", self.id)
    }

    async fn agree(&self, server: &Server) {
        let position = json!({
            "authority": self.council, "on_matter": { "matter": "formation" }, "position": "agree",
        });
        let position = dated("2024-02-02", &position);
        let path = format!("{}/positions", self.path());
        server.post(&self.key, &path, position).await.is(200);
    }

    async fn form(&self, server: &Server, mut body: Value) {
        body["occurred_on"] = json!("2024-02-03");
        let path = format!("{}/formation", self.path());
        server.post(&self.key, &path, body).await.is(200);
    }
}

#[tokio::test]
async fn a_formation_agreed_is_not_marked() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let partnership = Proposed::make(&server, &operator).await;
    partnership.agree(&server).await;
    let reasons = json!([{ "rule": "R-17.1", "reason": "To be decided." }]);
    let own = json!({ "particulars": {}, "reasons": reasons });
    partnership.form(&server, own).await;
    let seen = server.get(&partnership.key, &partnership.path()).await;
    let seen = seen.is(200);
    assert!(seen.json["state"]["formed"].is_object());
    assert_eq!(marks(&seen.json), json!([]));
}

#[tokio::test]
async fn a_formation_told_without_positions_is_marked_and_stands() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let partnership = Proposed::make(&server, &operator).await;
    let path = partnership.path();
    let before = server.get(&partnership.key, &path).await.is(200);
    assert_eq!(marks(&before.json), json!([]));
    partnership.form(&server, past_fact(&json!({}))).await;

    let marked = json!([["PartnershipFormed", ["L-3"], true, "not_evidenced"]]);
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    for key in [&partnership.key, &auditor] {
        let seen = server.get(key, &path).await.is(200);
        assert!(seen.json["state"]["formed"].is_object());
        assert_eq!(marks(&seen.json), marked);
    }
    // The marks are as of the time asked for, as the state is.
    let earlier = format!("{path}?known_at={}", partnership.position);
    let earlier = server.get(&partnership.key, &earlier).await.is(200);
    assert_eq!(earlier.json["state"]["formed"], Value::Null);
    assert_eq!(marks(&earlier.json), json!([]));
    let before = format!("{path}?on=2024-02-02");
    let before = server.get(&partnership.key, &before).await.is(200);
    assert_eq!(marks(&before.json), json!([]));
    let then = format!("{path}?on=2024-02-03");
    let then = server.get(&partnership.key, &then).await.is(200);
    assert_eq!(marks(&then.json), marked);
    // A position told late takes the mark away.
    partnership.agree(&server).await;
    let seen = server.get(&partnership.key, &path).await.is(200);
    assert_eq!(marks(&seen.json), json!([]));
    server.get(&operator, &path).await.is(404);
}

#[tokio::test]
async fn a_direction_told_without_satisfaction_is_marked_for_those_with_whole_sight() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let place = Place::make(&server, &operator, "Directed").await;
    let inspectorate = server.key(PrincipalKind::Inspectorate, None).await;
    let secretary = server.key(PrincipalKind::SecretaryOfState, None).await;
    let direct = async |partnership: Option<&str>| {
        let case = json!({
            "authority": place.school, "duty": "17(4)", "area": place.area,
            "partnership": partnership,
        });
        let found = server
            .command(&inspectorate, "/v1/findings", case)
            .await
            .is(201);
        let path = format!("/v1/directions/{}", found.id());
        let found = server.get(&secretary, &path).await.is(200);
        assert_eq!(marks(&found.json), json!([]));
        let issue = past_fact(&json!({ "requires": "Carry out the action." }));
        let issues = format!("{path}/issues");
        server.post(&secretary, &issues, issue).await.is(200);
        path
    };
    let marked = json!([["DirectionIssued", ["R-129.1"], true, "not_evidenced"]]);

    let path = direct(Some(&place.partnership)).await;
    for key in [
        &secretary,
        &inspectorate,
        &place.coordinator_key,
        &place.council_key,
    ] {
        let seen = server.get(key, &path).await.is(200);
        assert!(seen.json["state"]["directed"].is_object(), "it stands");
        assert_eq!(marks(&seen.json), marked);
    }
    let own = server.get(&place.school_key, &path).await.is(200);
    assert_eq!(own.json.get("marks"), None);

    let path = direct(None).await;
    let seen = server.get(&secretary, &path).await.is(200);
    assert_eq!(marks(&seen.json), marked);
    for key in [&place.school_key, &place.policing_body_key] {
        let seen = server.get(key, &path).await.is(200);
        assert_eq!(seen.json.get("marks"), None);
    }
    server.get(&place.coordinator_key, &path).await.is(404);
}
