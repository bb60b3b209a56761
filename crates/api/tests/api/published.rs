//! What is published, what no longer is, and what falls due after it.

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

#[tokio::test]
async fn what_is_published_is_for_everyone_until_it_is_withdrawn_and_not_as_it_was_either() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let place = Place::make(&server, &operator, "Published").await;
    let strategy = place.strategy(&server).await;
    let path = format!("/v1/strategies/{strategy}");
    server.get(&operator, &path).await.is(404);

    let adoption = past_fact(&json!({ "version": 1 }));
    let adoptions = format!("{path}/adoptions");
    server
        .post(&place.council_key, &adoptions, adoption)
        .await
        .is(200);
    server.get(&operator, &path).await.is(404);
    let publication = past_fact(&json!({ "version": 1, "form": "stand_alone", "locator": "L/1" }));
    let publications = format!("{path}/publications");
    let published = server
        .post(&place.council_key, &publications, publication)
        .await
        .is(200);
    assert_eq!(published.json["entries"][0]["mark"], "not_evidenced");
    let seen = server.get(&operator, &path).await.is(200);
    assert!(seen.json["state"]["versions"]["1"]["published"].is_object());
    assert_eq!(seen.json.get("marks"), None);
    let whole = server.get(&place.council_key, &path).await.is(200);
    assert_eq!(whole.json["marks"][0]["mark"], "not_evidenced");
    let listed = server.get(&operator, "/v1/strategies").await.is(200);
    assert!(listed.text.contains(&strategy));
    // The partnership itself stays its own.
    server
        .get(
            &operator,
            &format!("/v1/partnerships/{}", place.partnership),
        )
        .await
        .is(404);

    let then = published.json["position"].as_u64().unwrap();
    let entry = &published.json["entries"][0]["entry_id"];
    let correction = past_fact(&json!({ "entry_id": entry, "reason": "Never published." }));
    let corrections = format!("{path}/corrections");
    server
        .post(&place.council_key, &corrections, correction)
        .await
        .is(200);
    server.get(&operator, &path).await.is(404);
    server
        .get(&operator, &format!("{path}?known_at={then}"))
        .await
        .is(404);
    let as_known = server
        .get(&place.council_key, &format!("{path}?known_at={then}"))
        .await
        .is(200);
    assert!(as_known.json["state"]["versions"]["1"]["published"].is_object());
}

#[tokio::test]
async fn a_review_falls_due_a_year_after_adoption_for_those_who_read_the_record() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let place = Place::make(&server, &operator, "Reviewed").await;
    let strategy = place.strategy(&server).await;
    let adoptions = format!("/v1/strategies/{strategy}/adoptions");
    let adoption = past_fact(&json!({ "version": 1 }));
    server
        .post(&place.council_key, &adoptions, adoption)
        .await
        .is(200);
    let overdue = async |key: &str, query: &str| {
        let reviews = server
            .get(key, &format!("/v1/reviews?{query}"))
            .await
            .is(200);
        reviews.json["data"]["overdue"].as_array().unwrap().len()
    };
    assert_eq!(overdue(&place.coordinator_key, "on=2999-12-31").await, 1);
    assert_eq!(
        overdue(&place.coordinator_key, "on=2999-12-31&status=overdue").await,
        1
    );
    assert_eq!(
        overdue(&place.coordinator_key, "on=2999-12-31&status=due").await,
        0
    );
    assert_eq!(overdue(&place.coordinator_key, "").await, 0);
    assert_eq!(overdue(&operator, "on=2999-12-31").await, 0);
}
