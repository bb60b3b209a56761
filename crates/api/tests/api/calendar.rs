//! Calendars: read by their address alone, by whoever has it, until it is revoked.

use axum::body::Body;
use axum::http::Request;
use dutyledger_record::PrincipalKind;
use serde_json::{Value, json};

use crate::common::{Answer, Place, Server, in_a_year, today};

struct Town {
    server: Server,
    operator: String,
    place: Place,
    strategy: String,
}

impl Town {
    /// A town that asks for responses to its strategy until a day.
    async fn consulting_until(day: &str) -> Self {
        let server = Server::start().await;
        let operator = server.key(PrincipalKind::Operator, None).await;
        let place = Place::make(&server, &operator, "Town, of commas; and more").await;
        let strategy = place.strategy(&server).await;
        let path = format!("/v1/strategies/{strategy}/consultations");
        let opened = json!({ "version": 1, "responses_by": day });
        server
            .command(&place.council_key, &path, opened)
            .await
            .is(200);
        Self {
            server,
            operator,
            place,
            strategy,
        }
    }

    async fn issue(&self, kind: &str, principal_id: Option<&str>) -> (String, String) {
        let mut new = json!({ "kind": kind, "label": "Dates", "expires_at": in_a_year() });
        if let Some(id) = principal_id {
            new["principal_id"] = json!(id);
        }
        let issued = self.server.post(&self.operator, "/v1/calendars", new).await;
        let issued = issued.is(201);
        let text = |member: &str| issued.json[member].as_str().unwrap().to_owned();
        (text("id"), text("address"))
    }

    /// Reads an address as calendar programs do: without a key.
    async fn read(&self, address: &str) -> Answer {
        let request = Request::get(address).body(Body::empty()).unwrap();
        self.server.send(request).await
    }

    async fn caught_up(&self) {
        self.server.get(&self.operator, "/v1/partnerships").await;
    }
}

/// The lines of a calendar, those folded put together (RFC 5545, 3.1).
fn lines(answer: &Answer) -> Vec<String> {
    let unfolded = answer.text.replace("\r\n ", "");
    unfolded.split("\r\n").map(str::to_owned).collect()
}

fn value<'a>(lines: &'a [String], property: &str) -> Vec<&'a str> {
    let lines = lines.iter();
    lines
        .filter_map(|line| line.strip_prefix(property)?.strip_prefix(':'))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_is_there_with_an_id_that_stays_and_is_cancelled_when_it_is_met() {
    let town = Town::consulting_until("2099-03-31").await;
    let (_, address) = town.issue("auditor", None).await;
    town.caught_up().await;
    let read = town.read(&address).await.is(200);
    assert_eq!(read.header("content-type"), "text/calendar; charset=utf-8");
    assert!(
        read.text.lines().all(|line| line.len() <= 75),
        "{}",
        read.text
    );
    let before = lines(&read);
    assert_eq!(value(&before, "DTSTART;VALUE=DATE"), ["20990331"]);
    assert_eq!(value(&before, "DTEND;VALUE=DATE"), ["20990401"]);
    assert_eq!(value(&before, "STATUS"), ["CONFIRMED"]);
    assert_eq!(
        value(&before, "SUMMARY"),
        ["Responses to the consultation are due: A strategy"]
    );
    assert!(value(&before, "DESCRIPTION")[0].starts_with("Town\\, of commas\\; and more"));

    let path = format!("/v1/strategies/{}/consultation-closings", town.strategy);
    let closed = json!({ "version": 1 });
    let key = &town.place.council_key;
    town.server.command(key, &path, closed).await.is(200);
    town.caught_up().await;
    let after = lines(&town.read(&address).await.is(200));
    assert_eq!(value(&after, "UID"), value(&before, "UID"));
    assert_eq!(value(&after, "STATUS"), ["CANCELLED"]);
    let sequence = |lines: &[String]| value(lines, "SEQUENCE")[0].parse::<u64>().unwrap();
    assert!(sequence(&after) > sequence(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_principals_sight_and_opens_nothing_else() {
    let town = Town::consulting_until(&today()).await;
    let place = &town.place;
    town.caught_up().await;
    for (kind, id, dates) in [
        ("auditor", None, 1),
        ("authority", Some(&place.council), 1),
        ("coordinator", Some(&place.partnership), 1),
        ("authority", Some(&place.school), 0),
        ("operator", None, 0),
    ] {
        let (_, address) = town.issue(kind, id.map(String::as_str)).await;
        let read = town.read(&address).await.is(200);
        assert_eq!(value(&lines(&read), "UID").len(), dates, "{kind}");
    }
    let (_, address) = town.issue("operator", None).await;
    let secret = address.trim_start_matches("/v1/calendar/");
    for wrong in [secret, secret.trim_end_matches(".ics")] {
        town.server.get(wrong, "/v1/partnerships").await.is(401);
    }
    town.read("/v1/partnerships").await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_not_issued_or_is_revoked_reads_nothing() {
    let town = Town::consulting_until(&today()).await;
    let (id, address) = town.issue("auditor", None).await;
    town.read(&address).await.is(200);
    let (_, another) = town.issue("auditor", None).await;
    let token = another
        .trim_start_matches("/v1/calendar/")
        .split('.')
        .next()
        .unwrap();
    let proof = address.split('.').nth(1).unwrap();
    for wrong in [
        format!("/v1/calendar/{token}.{proof}.ics"),
        format!("/v1/calendar/{token}..ics"),
        format!("/v1/calendar/{token}.ics"),
        "/v1/calendar/.ics".to_owned(),
        address.trim_end_matches(".ics").to_owned(),
        address.to_uppercase(),
    ] {
        let answer = town.read(&wrong).await;
        assert!(
            [401, 404].contains(&answer.status.as_u16()),
            "{wrong}: {}",
            answer.text
        );
    }
    let listed = |answer: &Answer| -> Vec<Value> {
        let rows = answer.json["data"].as_array().unwrap();
        rows.iter().map(|row| row["id"].clone()).collect()
    };
    let get = || town.server.get_plain(&town.operator, "/v1/calendars");
    assert!(listed(&get().await.is(200)).contains(&json!(id)));
    let path = format!("/v1/calendars/{id}/revocation");
    town.server
        .post(&town.place.council_key, &path, json!({}))
        .await
        .is(403);
    town.server
        .post(&town.operator, &path, json!({}))
        .await
        .is(200);
    town.read(&address).await.is(401);
    town.read(&another).await.is(200);
    assert!(!listed(&get().await.is(200)).contains(&json!(id)));
    town.server
        .post(&town.operator, &path, json!({}))
        .await
        .is(404);
    let new = json!({ "kind": "auditor", "label": "Dates", "expires_at": in_a_year() });
    town.server
        .post(&town.place.council_key, "/v1/calendars", new)
        .await
        .is(403);
}
