//! Calendars: read by their address alone, by whoever has it, until it is revoked.

use axum::body::Body;
use axum::http::Request;
use dutyledger_application::Target;
use dutyledger_domain::Duty;
use dutyledger_domain::streams::TriggerStream;
use dutyledger_domain::streams::trigger::{AnnounceTrigger, CaseTriggerSet, WhatIsShown};
use dutyledger_record::{EntryId, Principal, PrincipalKind, StreamId};
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

/// The event of a summary: its status, its day and its sequence.
fn event(calendar: &Answer, summary: &str) -> Option<(String, String, u64)> {
    let lines = lines(calendar);
    let events = lines.split(|line| line == "BEGIN:VEVENT").skip(1);
    let mut found = events.filter(|lines| value(lines, "SUMMARY")[0].starts_with(summary));
    let event = found.next()?;
    assert!(found.next().is_none(), "more than one: {summary}");
    let text = |property: &str| value(event, property)[0].to_owned();
    let sequence = text("SEQUENCE").parse().unwrap();
    Some((text("STATUS"), text("DTSTART;VALUE=DATE"), sequence))
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_first_strategies_and_compliance_are_there_and_cancelled_when_met() {
    let town = Town::consulting_until("2099-03-31").await;
    let (server, operator) = (&town.server, &town.operator);
    let of_council = Place::council(server, operator, "2023-02-01").await;
    let council_key = &of_council.1;
    let (partnership, area) =
        Place::another(server, operator, &of_council, "Old Town", "2023-02-01").await;
    let adopted_on = today();
    Place::adopted_on(server, council_key, &partnership, &adopted_on).await;
    let minister = server.key(PrincipalKind::SecretaryOfState, None).await;
    let satisfied = json!({
        "area": area, "authority": of_council.0, "duty": "8(4)", "partnership": partnership,
    });
    let case = server
        .command(&minister, "/v1/satisfactions", satisfied)
        .await;
    let case = case.is(201).id();
    let directed = json!({ "requires": "Consult them.", "comply_by": "2098-06-30" });
    let path = format!("/v1/directions/{case}/issues");
    server.command(&minister, &path, directed).await.is(200);
    let (_, address) = town.issue("auditor", None).await;
    town.caught_up().await;

    let before = town.read(&address).await.is(200);
    let compliance = event(&before, "Compliance with a direction").unwrap();
    assert_eq!(
        (compliance.0.as_str(), compliance.1.as_str()),
        ("CONFIRMED", "20980630")
    );
    let review = event(&before, "Annual review").unwrap();
    let next_year = adopted_on.replace('-', "")[..4].parse::<u32>().unwrap() + 1;
    assert_eq!(review.0, "CONFIRMED");
    assert!(review.1.starts_with(&next_year.to_string()), "{review:?}");
    // The date of the first strategies is long past, and stays for a year only.
    assert_eq!(event(&before, "The first strategy"), None);

    let renamed = json!({ "name": "Another name" });
    let path = format!("/v1/partnerships/{partnership}/amendments");
    server.command(council_key, &path, renamed).await.is(200);
    town.caught_up().await;
    let after = town.read(&address).await.is(200);
    assert!(after.text.replace("\r\n ", "").contains("Another name"));
    let renamed = event(&after, "Annual review").unwrap();
    assert!(renamed.2 > review.2, "what it says has changed");

    let accepted = format!("/v1/directions/{case}/acceptances");
    server
        .command(&minister, &accepted, json!({}))
        .await
        .is(200);
    town.caught_up().await;
    let after = town.read(&address).await.is(200);
    let met = event(&after, "Compliance with a direction").unwrap();
    assert_eq!((met.0.as_str(), met.1.as_str()), ("CANCELLED", "20980630"));
    assert!(met.2 > compliance.2);

    let dissolved = json!({
        "acting": "past_fact", "particulars": {},
        "source": { "title": "Minutes", "reference": "item 4", "date": today() },
    });
    let path = format!("/v1/partnerships/{partnership}/dissolution");
    server.post(council_key, &path, dissolved).await.is(200);
    town.caught_up().await;
    let after = town.read(&address).await.is(200);
    let over = event(&after, "Annual review").unwrap();
    assert_eq!(over.0, "CANCELLED");
    assert!(over.2 > renamed.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_10_4_a_date_set_for_first_strategies_is_there_until_they_are_published() {
    let town = Town::consulting_until("2099-03-31").await;
    let (server, operator) = (&town.server, &town.operator);
    let of_council = Place::council(server, operator, "2023-02-01").await;
    let council_key = &of_council.1;
    let (partnership, _) =
        Place::another(server, operator, &of_council, "Old Town", "2023-02-01").await;
    let set = json!({
        "particulars": { "rule": "R-10.4", "due_on": "2099-01-31", "provenance": "unverified" },
        "source": { "title": "A report", "reference": "item 4", "date": today() },
    });
    server
        .post(operator, "/v1/deadline-dates", set)
        .await
        .is(200);
    let (_, address) = town.issue("coordinator", Some(&partnership)).await;
    town.caught_up().await;
    let before = town.read(&address).await.is(200);
    let due = event(&before, "The first strategy is due: Old Town").unwrap();
    assert_eq!((due.0.as_str(), due.1.as_str()), ("CONFIRMED", "20990131"));

    let strategy = Place::adopted_on(server, council_key, &partnership, &today()).await;
    let published = json!({
        "acting": "past_fact",
        "particulars": { "version": 1, "form": "stand_alone", "locator": "https://example.org" },
        "source": { "title": "A page", "reference": "https://example.org", "date": today() },
    });
    let path = format!("/v1/strategies/{strategy}/publications");
    server.post(council_key, &path, published).await.is(200);
    town.caught_up().await;
    let after = town.read(&address).await.is(200);
    let met = event(&after, "The first strategy is due").unwrap();
    assert_eq!((met.0.as_str(), met.1.as_str()), ("CANCELLED", "20990131"));
    assert!(met.2 > due.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actions_date_is_there_once_a_version_with_it_is_adopted_and_cancelled_when_it_is_done()
{
    let town = Town::consulting_until("2099-03-31").await;
    let give = async |what: &str, particulars: Value| {
        let path = format!("/v1/strategies/{}/{what}", town.strategy);
        let day = today();
        let told = json!({
            "acting": "past_fact", "occurred_on": day, "particulars": particulars,
            "source": { "title": "Minutes", "reference": "M/1", "date": day },
        });
        let key = &town.place.council_key;
        town.server.post(key, &path, told).await.is(200)
    };
    let action = json!({
        "version": 1, "title": "Mentors", "description": "Mentors in schools",
        "owner": town.place.council, "by": "2098-06-30",
    });
    let proposed = give("actions", action).await;
    let action = &proposed.json["entries"][0]["payload"]["action"];
    let (_, address) = town.issue("auditor", None).await;
    let shown = async || {
        town.caught_up().await;
        event(&town.read(&address).await.is(200), "An action is due")
    };
    assert_eq!(shown().await, None);
    give("adoptions", json!({ "version": 1 })).await;
    let (status, on, sequence) = shown().await.unwrap();
    assert_eq!((status.as_str(), on.as_str()), ("CONFIRMED", "20980630"));
    give(
        "progress",
        json!({ "action": action, "status": "completed" }),
    )
    .await;
    let done = shown().await.unwrap();
    assert_eq!(
        (done.0.as_str(), done.1.as_str()),
        ("CANCELLED", "20980630")
    );
    assert!(done.2 > sequence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_names_no_partnership_is_told_to_those_who_see_it_and_to_nobody_else() {
    let town = Town::consulting_until("2099-03-31").await;
    let (server, operator, place) = (&town.server, &town.operator, &town.place);
    let of_council = Place::council(server, operator, "2023-02-01").await;
    let (_, area) = Place::another(server, operator, &of_council, "Old Town", "2023-02-01").await;
    let minister = server.key(PrincipalKind::SecretaryOfState, None).await;
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    let satisfied = json!({ "area": area, "authority": of_council.0, "duty": "17(4)" });
    let case = server
        .command(&minister, "/v1/satisfactions", satisfied)
        .await;
    let case = case.is(201);
    let satisfied: EntryId =
        serde_json::from_value(case.json["entries"][1]["entry_id"].clone()).unwrap();
    let case = case.id();
    let directed = json!({ "requires": "Supply it.", "comply_by": "2098-06-30" });
    let path = format!("/v1/directions/{case}/issues");
    server.command(&minister, &path, directed).await.is(200);
    let id = |text: &str| text.parse::<StreamId>().unwrap();
    let announced = AnnounceTrigger {
        trigger: WhatIsShown::Case(CaseTriggerSet {
            area: id(&area),
            authority: id(&of_council.0),
            case: id(&case),
            counted_from: satisfied,
            duty: Duty::SupplyInformation,
        }),
        open: true,
    };
    let announced = dutyledger_application::Request::plain(
        Principal::SYSTEM,
        Target::Stream(id("0198d0c2-6f00-7000-8000-000000000001")),
        announced.into(),
    );
    let announced = server.bus.execute::<TriggerStream>(announced).await;
    let announced = announced.unwrap().entries[0].entry_id;
    town.caught_up().await;
    let others = &place.council_key;
    for (key, sees) in [
        (&minister, true),
        (&auditor, true),
        (&of_council.1, true),
        (others, false),
        (&place.school_key, false),
        (operator, false),
    ] {
        // As it is now, and as it was to be known.
        let head = town.server.bus.ledger().head();
        for path in [
            "/v1/triggers".to_owned(),
            format!("/v1/triggers?known_at={head}"),
        ] {
            let found = server.get(key, &path).await.is(200);
            let found = found.json["data"]["triggers"].as_array().unwrap();
            let of_it = found.iter().filter(|t| t["partnership"].is_null());
            let of_it: Vec<_> = of_it.map(|t| (&t["duty"], &t["state"])).collect();
            let (duty, state) = (json!("17(4)"), json!("directed"));
            let expected = [(&duty, &state)];
            assert_eq!(of_it, &expected[..usize::from(sees)], "{path}");
        }
        let path = format!("/v1/entries/{announced}");
        let status = if sees { 200 } else { 404 };
        server.get(key, &path).await.is(status);
    }
    let path = format!("/v1/partnerships/{case}/triggers");
    server.get(&auditor, &path).await.is(404);
    for (kind, id, sees) in [
        ("auditor", None, true),
        ("authority", Some(&of_council.0), true),
        ("authority", Some(&place.council), false),
    ] {
        let (_, address) = town.issue(kind, id.map(String::as_str)).await;
        let read = town.read(&address).await.is(200);
        let compliance = event(&read, "Compliance with a direction");
        assert_eq!(compliance.is_some(), sees, "{kind}");
    }
}

/// Every date in a calendar: what is due, whether it holds, and the day.
fn events(calendar: &Answer) -> Vec<(String, String, String)> {
    let lines = lines(calendar);
    let events = lines.split(|line| line == "BEGIN:VEVENT").skip(1);
    let mut all: Vec<_> = events
        .map(|event| {
            let text = |property: &str| value(event, property)[0].to_owned();
            (text("SUMMARY"), text("STATUS"), text("DTSTART;VALUE=DATE"))
        })
        .collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_partnership_in_part_has_the_dates_of_what_is_about_it_and_no_others() {
    let town = Town::consulting_until("2099-03-31").await;
    let (server, operator, place) = (&town.server, &town.operator, &town.place);
    let body = json!({ "body": "Another school", "capacity": "educational_authority" });
    let other = server.command(operator, "/v1/authorities", body).await;
    let other = other.is(201).id();
    let there = json!({ "authorities": [{ "authority": other, "from": "2020-01-31" }] });
    let path = format!("/v1/areas/{}/authorities", place.area);
    server.command(operator, &path, there).await.is(200);
    let (_, school) = town.issue("authority", Some(&place.school)).await;
    let (_, another) = town.issue("authority", Some(&other)).await;
    let shown = async |address: &str| {
        town.caught_up().await;
        let read = town.read(address).await.is(200);
        assert!(!read.text.contains("Town partnership"), "{}", read.text);
        events(&read)
    };
    let none: [(String, String, String); 0] = [];
    let date = |what: &str, status: &str, on: &str| {
        let summary = format!("{what} due: A strategy");
        (summary, status.to_owned(), on.to_owned())
    };
    let give = async |what: &str, particulars: Value| {
        let path = format!("/v1/strategies/{}/{what}", town.strategy);
        let given = server.command(&place.council_key, &path, particulars).await;
        given.is(200)
    };
    assert_eq!(shown(&school).await, none, "it is not asked yet");

    // Consulted, it has the day by which to respond; another school has it not.
    give(
        "consultees",
        json!({ "version": 1, "authorities": [place.school] }),
    )
    .await;
    let respond = date("Responses to the consultation are", "CONFIRMED", "20990331");
    assert_eq!(shown(&school).await, [respond]);
    assert_eq!(shown(&another).await, none);

    // Of the actions, the one that touches it, once it is adopted; no review, and no first strategy.
    for (title, touched) in [("Mentors", vec![&place.school]), ("Patrols", vec![])] {
        let action = json!({
            "version": 1, "title": title, "description": "As agreed", "owner": place.council,
            "by": "2098-06-30", "authorities": touched,
        });
        give("actions", action).await;
    }
    let day = today();
    let adopted = json!({
        "acting": "past_fact", "occurred_on": day, "particulars": { "version": 1 },
        "source": { "title": "Minutes", "reference": "M/1", "date": day },
    });
    let path = format!("/v1/strategies/{}/adoptions", town.strategy);
    server
        .post(&place.council_key, &path, adopted)
        .await
        .is(200);
    let action = (
        "An action is due: Mentors".to_owned(),
        "CONFIRMED".to_owned(),
        "20980630".to_owned(),
    );
    let responded = date("Responses to the consultation are", "CANCELLED", "20990331");
    assert_eq!(shown(&school).await, [action.clone(), responded.clone()]);
    assert_eq!(shown(&another).await, none);
    // What is published is read by everybody, and is no date of theirs.
    let published = json!({
        "acting": "past_fact",
        "particulars": { "version": 1, "form": "stand_alone", "locator": "https://example.org" },
        "source": { "title": "A page", "reference": "https://example.org", "date": day },
    });
    let path = format!("/v1/strategies/{}/publications", town.strategy);
    server
        .post(&place.council_key, &path, published)
        .await
        .is(200);
    assert_eq!(shown(&school).await, [action.clone(), responded.clone()]);
    assert_eq!(shown(&another).await, none);

    // Directed, it has the day by which to comply.
    let minister = server.key(PrincipalKind::SecretaryOfState, None).await;
    let satisfied = json!({
        "area": place.area, "authority": other, "duty": "15(4)", "partnership": place.partnership,
    });
    let case = server
        .command(&minister, "/v1/satisfactions", satisfied)
        .await;
    let case = case.is(201).id();
    let issued = json!({ "requires": "Do it.", "comply_by": "2098-07-31" });
    let path = format!("/v1/directions/{case}/issues");
    server.command(&minister, &path, issued).await.is(200);
    let comply = (
        "Compliance with a direction is due".to_owned(),
        "CONFIRMED".to_owned(),
        "20980731".to_owned(),
    );
    assert_eq!(shown(&another).await, [comply]);
    assert_eq!(shown(&school).await, [action, responded]);
    // How much is recorded of the strategy or the partnership is not told: the sequence is the ledger's.
    let head = server.bus.ledger().head().to_string();
    let read = town.read(&another).await.is(200);
    assert_eq!(value(&lines(&read), "SEQUENCE"), [head.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_is_not_made_again_while_nothing_is_recorded() {
    let town = Town::consulting_until("2099-03-31").await;
    let (_, address) = town.issue("auditor", None).await;
    let (_, another) = town.issue("authority", Some(&town.place.school)).await;
    town.caught_up().await;
    let first = town.read(&address).await.is(200);
    let tag = first.header("etag").to_owned();
    let asked = async |address: &str, tag: &str| {
        let request = Request::get(address).header("if-none-match", tag);
        town.server.send(request.body(Body::empty()).unwrap()).await
    };
    let same = asked(&address, &format!("\"other\", {tag}")).await.is(304);
    assert_eq!(
        (same.text.as_str(), same.header("etag")),
        ("", tag.as_str())
    );
    assert_eq!(town.read(&address).await.is(200).text, first.text);
    // What another sees is another calendar.
    asked(&another, &tag).await.is(200);

    let path = format!("/v1/strategies/{}/consultation-closings", town.strategy);
    let closed = json!({ "version": 1 });
    let key = &town.place.council_key;
    town.server.command(key, &path, closed).await.is(200);
    town.caught_up().await;
    let after = asked(&address, &tag).await.is(200);
    assert_eq!(value(&lines(&after), "STATUS"), ["CANCELLED"]);
    assert_ne!(after.header("etag"), tag);
}
