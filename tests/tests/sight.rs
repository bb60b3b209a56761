//! Principals who must not see each other's record, and what each may see.

use dutyledger_tests::{Server, Town, key};
use serde_json::{Value, json};

/// A published strategy, and the position of its publication.
fn published(town: &Town, on: &str) -> (String, u64) {
    let strategy = town.adopted(on);
    let body = json!({ "occurred_on": on, "particulars": {
        "version": 1, "form": "stand_alone", "locator": "https://example.org/s" } });
    let path = format!("/v1/strategies/{strategy}/publications");
    let recorded = town.client("council").post(&path, &body).ok();
    (strategy, recorded["position"].as_u64().unwrap())
}

#[test]
fn two_partnerships_do_not_see_each_other() {
    let server = Server::start();
    let (ours, theirs) = (
        Town::found(&server, "Ourton"),
        Town::found(&server, "Theirton"),
    );
    let draft = theirs.draft("2023-06-01");
    let absent = "00000000-0000-7000-8000-000000000000";
    let police = ours.client("police");
    for (hidden, nothing) in [
        (
            format!("/v1/partnerships/{}", theirs.partnership),
            format!("/v1/partnerships/{absent}"),
        ),
        (
            format!("/v1/strategies/{draft}"),
            format!("/v1/strategies/{absent}"),
        ),
        (
            format!("/v1/partnerships/{}/timeline", theirs.partnership),
            format!("/v1/partnerships/{absent}/timeline"),
        ),
    ] {
        let (hidden, nothing) = (police.get_now(&hidden), police.get_now(&nothing));
        assert_eq!(
            (hidden.status, nothing.status),
            (404, 404),
            "{}",
            hidden.text
        );
        let bare = |mut body: Value| {
            body.as_object_mut().unwrap().remove("request_id");
            body.as_object_mut().unwrap().remove("instance");
            body
        };
        assert_eq!(
            bare(hidden.body),
            bare(nothing.body),
            "hidden answers as if absent"
        );
    }
    let title = json!({ "particulars": { "title": "Ours now" } });
    let write = police.post(&format!("/v1/strategies/{draft}/amendments"), &title);
    assert_eq!(write.status, 404, "{}", write.text);
    for list in [
        "/v1/partnerships",
        "/v1/strategies",
        "/v1/triggers",
        "/v1/reviews",
    ] {
        let listed = police.get_now(list).ok().to_string();
        assert!(!listed.contains(&theirs.partnership), "{list}: {listed}");
        assert!(!listed.contains(&draft), "{list}: {listed}");
    }
}

#[test]
fn a_consultee_sees_only_its_own_consultation_and_what_is_published() {
    let server = Server::start();
    let town = Town::found(&server, "Askton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}");
    let school = town.client("school");
    assert_eq!(school.get_now(&path).status, 404, "not consulted yet");
    town.consult(&strategy, 1, "2023-06-02");
    let body = json!({ "occurred_on": "2023-06-03", "particulars": { "version": 1,
        "authority": town.ids["college"], "response": "The college's words" } });
    let said = town
        .client("college")
        .post(&format!("{path}/responses"), &body)
        .ok();
    let told = said["position"].as_u64().unwrap();
    let seen = school.get_at(&path, told).ok();
    let consultation = &seen["state"]["versions"]["1"]["consultation"];
    let consulted: Vec<_> = consultation["consulted"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(
        consulted,
        [&town.ids["school"]],
        "its own consultation alone"
    );
    assert_eq!(
        consultation["responses"],
        json!({}),
        "not the college's response"
    );
    assert_eq!(seen["state"]["versions"]["1"]["positions"], json!({}));
    let partnership = format!("/v1/partnerships/{}", town.partnership);
    assert_eq!(school.get(&partnership).status, 404, "it is no member");

    let entry = said["entries"][0]["entry_id"].as_str().unwrap();
    let text = format!("/v1/entries/{entry}/sealed-text");
    assert_eq!(
        school.get(&text).status,
        404,
        "another's words are sealed for it"
    );
    for reader in ["college", "police"] {
        let read = town.client(reader).get(&text);
        assert!(
            read.text.contains("The college's words"),
            "{reader}: {}",
            read.text
        );
    }
    for kind in ["auditor", "inspectorate"] {
        let reader = server.client(&key(&town.operator, kind, None));
        assert!(
            reader.get(&text).text.contains("The college's words"),
            "{kind}"
        );
    }
    assert_eq!(town.operator.get(&text).status, 404);
    assert_eq!(
        town.coordinator.get(&text).status,
        404,
        "a coordinator is none of the readers"
    );
}

#[test]
fn everyone_with_a_key_sees_what_is_published_and_an_operator_nothing_else() {
    let server = Server::start();
    let (ours, theirs) = (
        Town::found(&server, "Hereton"),
        Town::found(&server, "Thereton"),
    );
    let (strategy, position) = published(&theirs, "2023-06-01");
    let path = format!("/v1/strategies/{strategy}");
    let seen = ours.client("school").get_at(&path, position).ok();
    assert_eq!(seen["state"]["versions"]["1"]["positions"], json!({}));
    assert!(seen["state"]["versions"]["1"]["published"].is_object());
    assert_eq!(ours.operator.get(&path).status, 200);
    let partnership = format!("/v1/partnerships/{}", theirs.partnership);
    assert_eq!(ours.operator.get(&partnership).status, 404);
    let commissioner = theirs.client("commissioner");
    assert_eq!(
        commissioner.get(&partnership).status,
        200,
        "it polices the area"
    );
    assert_eq!(ours.client("commissioner").get(&partnership).status, 404);
    let ministers = server.client(&key(&ours.operator, "welsh_ministers", None));
    assert_eq!(
        ministers.get(&partnership).status,
        404,
        "nothing in it concerns Wales"
    );
    assert_eq!(server.stranger().get(&path).status, 401);
}

#[test]
fn keys_expire_and_are_revoked_at_once() {
    let server = Server::start();
    let operator = server.operator();
    let body = json!({ "kind": "auditor", "label": "for a day",
        "expires_at": "2029-01-01T00:00:00.000000Z" });
    let issued = operator.post("/v1/keys", &body).ok();
    let auditor = server.client(issued["secret"].as_str().unwrap());
    assert_eq!(auditor.get("/v1/me").ok()["kind"], "auditor");
    let path = format!("/v1/keys/{}/revocation", issued["key_id"].as_str().unwrap());
    let _ = operator.post(&path, &json!({})).ok();
    assert_eq!(auditor.get("/v1/me").status, 401);
    let raw = std::fs::read(server.ledger()).unwrap();
    let secret = issued["secret"].as_str().unwrap().as_bytes();
    assert!(
        !raw.windows(secret.len()).any(|w| w == secret),
        "the secret is nowhere in the file"
    );
}
