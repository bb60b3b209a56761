//! The table of who may do and see what, tried against every operation of the OpenAPI document.

use std::collections::BTreeMap;

use dutyledger_tests::{Answer, Client, Server, Town, key, repository};
use serde_json::{Value, json};

/// A caller: its column, its client, and the authority it is, where it is one.
struct Caller {
    column: &'static str,
    client: Client,
    authority: Option<String>,
}

/// The streams and items the operations are tried on.
struct Things {
    town: Town,
    strategy: String,
    assessment: String,
    /// A direction and an action for each authority that may be the one a command is about.
    directions: BTreeMap<String, String>,
    actions: BTreeMap<String, String>,
    entry: String,
    /// A key nobody needs.
    spare_key: String,
    /// A calendar nobody needs.
    spare_calendar: String,
}

fn things(server: &Server) -> Things {
    let town = Town::found(server, "Tableton");
    let police = town.client("police");
    let body = json!({ "occurred_on": "2023-03-01", "particulars": {
        "partnership": town.partnership, "title": "Needs" } });
    let assessment = police.post("/v1/needs-assessments", &body).stream();
    let strategy = town.draft("2023-06-01");
    let minister = server.client(&key(&town.operator, "secretary_of_state", None));
    let (mut directions, mut actions) = (BTreeMap::new(), BTreeMap::new());
    let mut entry = String::new();
    for short in ["council", "school", "prison"] {
        let id = town.ids[short].clone();
        let body = json!({ "occurred_on": "2025-01-10", "particulars": { "authority": id,
            "duty": "15(3)", "area": town.area, "partnership": town.partnership } });
        directions.insert(
            id.clone(),
            minister.post("/v1/satisfactions", &body).stream(),
        );
        let body = json!({ "occurred_on": "2023-06-02", "particulars": { "version": 1,
            "title": "A", "description": "B", "owner": id } });
        let path = format!("/v1/strategies/{strategy}/actions");
        let proposed = town.client("police").post(&path, &body).ok();
        let recorded = &proposed["entries"][0];
        actions.insert(
            id,
            recorded["payload"]["action"].as_str().unwrap().to_owned(),
        );
        entry = recorded["entry_id"].as_str().unwrap().to_owned();
    }
    let body = json!({ "kind": "auditor", "label": "spare",
        "expires_at": "2029-01-01T00:00:00.000000Z" });
    let issued = town.operator.post("/v1/keys", &body).ok();
    let spare_key = issued["key_id"].as_str().unwrap().to_owned();
    let issued = town.operator.post("/v1/calendars", &body).ok();
    let spare_calendar = issued["id"].as_str().unwrap().to_owned();
    Things {
        town,
        strategy,
        assessment,
        directions,
        actions,
        entry,
        spare_key,
        spare_calendar,
    }
}

fn callers(server: &Server, town: &Town) -> Vec<Caller> {
    let plain = |column, kind| Caller {
        column,
        client: server.client(&key(&town.operator, kind, None)),
        authority: None,
    };
    let of = |column, short: &str| Caller {
        column,
        client: town.client(short).clone(),
        authority: Some(town.ids[short].clone()),
    };
    vec![
        of("SA", "council"),
        of("RA", "school"),
        Caller {
            authority: None,
            ..of("LP", "commissioner")
        },
        plain("IN", "inspectorate"),
        plain("SS", "secretary_of_state"),
        plain("WM", "welsh_ministers"),
        plain("OP", "operator"),
        Caller {
            column: "CO",
            client: town.coordinator.clone(),
            authority: None,
        },
        plain("AU", "auditor"),
    ]
}

impl Things {
    fn about(&self, caller: &Caller) -> String {
        caller
            .authority
            .clone()
            .unwrap_or_else(|| self.town.ids["prison"].clone())
    }

    fn path(&self, path: &str, caller: &Caller) -> String {
        let about = self.about(caller);
        let of = path.replacen("/v1/audit/", "/v1/", 1);
        let id = match of.split('/').nth(2).unwrap_or_default() {
            "areas" => &self.town.area,
            "authorities" => &about,
            "partnerships" => &self.town.partnership,
            "needs-assessments" => &self.assessment,
            "strategies" => &self.strategy,
            "directions" => &self.directions[&about],
            "keys" => &self.spare_key,
            "calendars" => &self.spare_calendar,
            _ => &self.entry,
        };
        path.replace("{id}", id)
            .replace("{entry_id}", &self.entry)
            .replace("{n}", "1")
            .replace("{rule}", "R-10.6")
    }

    /// The operation's own example, about what is there and about the caller where it is an
    /// authority.
    fn body(&self, example: &Value, caller: &Caller) -> Value {
        let about = self.about(caller);
        let mut body = example.clone();
        let Some(particulars) = body.get_mut("particulars").and_then(Value::as_object_mut) else {
            return body;
        };
        // A coordinator tells of its own partnership alone.
        if particulars.contains_key("duty") && particulars.contains_key("area") {
            particulars.insert(
                "partnership".to_owned(),
                self.town.partnership.as_str().into(),
            );
        }
        let actions = &self.actions[&about];
        for (name, value) in particulars.iter_mut() {
            match name.as_str() {
                "authority" | "owner" => *value = about.as_str().into(),
                "partnership" => *value = self.town.partnership.as_str().into(),
                "area" => *value = self.town.area.as_str().into(),
                "areas" => *value = json!([self.town.area]),
                "action" => *value = actions.as_str().into(),
                _ => {}
            }
        }
        body
    }
}

/// Whether an answer lets the caller do the thing: whatever else was wrong with it.
fn permitted(answer: &Answer) -> bool {
    assert!(answer.status < 500, "{}", answer.text);
    // A partnership one may not see is no partnership to name either.
    let unseen = answer.body["detail"] == "There is no such partnership.";
    ![401, 403, 404].contains(&answer.status) && !unseen
}

#[test]
fn every_command_is_open_to_exactly_those_the_table_says() {
    let server = Server::start();
    let things = things(&server);
    let callers = callers(&server, &things.town);
    let document = things.town.operator.get("/openapi.json").ok();
    let table = std::fs::read_to_string(repository().join("schemas/permissions.txt")).unwrap();
    let mut tried = 0;
    for line in table.lines() {
        let Some((cells, path)) = line.split_once("  POST ") else {
            continue;
        };
        // Who may withdraw an entry depends on the entry; an import speaks for others in a
        // sandbox. Both have tests of their own.
        if path.ends_with("/corrections") {
            continue;
        }
        let cells: Vec<_> = cells.split_whitespace().chain(["."]).collect();
        let content = &document["paths"][path]["post"]["requestBody"]["content"];
        let example = &content["application/json"]["example"];
        assert!(example.is_object(), "{path} has no example");
        for (caller, cell) in callers.iter().zip(&cells) {
            // Of an English case they know nothing; `abuse.rs` has a Welsh one.
            if caller.column == "WM" && path.ends_with("/consents") {
                continue;
            }
            let mut footings = vec![("own", cell.contains(['o', 'i']))];
            if example.get("particulars").is_some() {
                footings.push(("reported", cell.contains('r')));
                footings.push(("past_fact", cell.contains('p')));
            }
            for (acting, expected) in footings {
                let mut body = things.body(example, caller);
                if acting != "own" {
                    body["acting"] = acting.into();
                    body["source"] =
                        json!({ "title": "T", "reference": "R", "date": "2024-01-01" });
                }
                let answer = caller.client.post(&things.path(path, caller), &body);
                assert_eq!(
                    permitted(&answer),
                    expected,
                    "{path} by {} as {acting}: {} {}",
                    caller.column,
                    answer.status,
                    answer.text
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 1_500, "the table is read: {tried} tried");
}

#[test]
fn what_is_posted_and_changes_nothing_is_open_to_exactly_those_the_table_says() {
    let server = Server::start();
    let things = things(&server);
    let table = std::fs::read_to_string(repository().join("schemas/permissions.txt")).unwrap();
    let expected = |path: &str| -> &[&str] {
        match path {
            "/v1/audit/checkpoints" => &["OP", "SS", "IN", "AU"],
            "/v1/audit/exports" => &["IN", "AU"],
            // About whose command it is asked decides; its own test asks.
            "/v1/audit/refusals" => &[],
            _ => panic!("{path} is new: say who may"),
        }
    };
    for line in table.lines() {
        let Some((path, _)) = line.strip_prefix("POST ").and_then(|l| l.split_once(": ")) else {
            continue;
        };
        for caller in &callers(&server, &things.town) {
            let may = expected(path);
            let answer = caller.client.post(path, &json!({}));
            if !may.is_empty() {
                // Nothing is signed here, so those who may are told that there is none.
                let status = if may.contains(&caller.column) {
                    404
                } else {
                    403
                };
                let who = caller.column;
                assert_eq!(answer.status, status, "{path} by {who}: {}", answer.text);
            }
        }
        let without = server.stranger().post(path, &json!({}));
        assert_eq!(without.status, 401, "{path} without a key");
    }
}

#[test]
fn every_read_shows_to_exactly_those_the_table_says() {
    let server = Server::start();
    let things = things(&server);
    let callers = callers(&server, &things.town);
    let head = things.town.operator.head();
    let table = std::fs::read_to_string(repository().join("schemas/permissions.txt")).unwrap();
    let record = ["SA", "LP", "IN", "SS", "CO", "AU"];
    let mut tried = 0;
    for line in table.lines() {
        let Some((path, who)) = line.strip_prefix("GET ").and_then(|l| l.split_once(": ")) else {
            continue;
        };
        let hidden_by_path = path.contains('{');
        for caller in &callers {
            let is = |columns: &[&str]| columns.contains(&caller.column);
            let expected = match who {
                // No checkpoint is signed here: who is given proofs is tried where one is.
                _ if path.ends_with("/proof") || path.ends_with("/consistency") => continue,
                _ if who.starts_with("everyone with a key") => true,
                "the operator" => is(&["OP"]),
                _ if path == "/metrics" => is(&["OP", "SS", "IN", "AU"]),
                // No key opens a calendar, and no address was issued here.
                _ if who.starts_with("whoever has the address") => false,
                // It answers for as long as a minute; its own test listens.
                _ if path == "/v1/entries/stream" => continue,
                _ if !hidden_by_path => true,
                _ if who.starts_with("those who read the stream") => is(&record),
                // The entry has no sealed text: nobody is told more than that.
                _ if path.ends_with("/sealed-text") => continue,
                // The school is one of the area's.
                _ if path.ends_with("/obligations") => is(&record) || is(&["RA"]),
                _ if path.starts_with("/v1/directions/") => is(&record) || is(&["RA"]),
                // The school is touched by an action of the strategy.
                _ if path.starts_with("/v1/strategies/{id}") && !path.contains("{n}") => {
                    is(&record) || is(&["RA"])
                }
                _ if path.starts_with("/v1/strategies/{id}/versions") => is(&record),
                // Lists below a partnership are there for those who read its record, and for the
                // others what they may see of it.
                _ if path.ends_with("/strategies")
                    || path.ends_with("/directions")
                    || path.ends_with("/needs-assessments") =>
                {
                    if is(&record) {
                        true
                    } else {
                        continue;
                    }
                }
                _ => is(&record),
            };
            let path = things.path(path, caller);
            let unwaiting = ["/v1/keys", "/v1/me", "/v1/rules", "/v1/entries"];
            let answer = match unwaiting.iter().any(|begin| path.starts_with(begin)) {
                true => caller.client.get(&path),
                false => caller.client.get_at(&path, head),
            };
            assert_eq!(
                permitted(&answer),
                expected,
                "{path} by {}: {} {}",
                caller.column,
                answer.status,
                answer.text
            );
            tried += 1;
        }
        let without = server.stranger().get(&things.path(path, &callers[0]));
        assert_eq!(without.status, 401, "{path} without a key");
    }
    assert!(tried > 150, "the table is read: {tried} tried");
}
