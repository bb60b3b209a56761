//! The whole program beside a real NATS server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use dutyledger_ledger::LedgerReader;
use dutyledger_messages::schema_files;
use dutyledger_test_nats::Nats;
use dutyledger_test_postgres::{APPLICATION, Postgres};
use dutyledger_tests::{
    Client, PATIENCE, Server, Town, done, in_time, key, prepared, program, ran, repository, until,
};
use serde_json::{Value, json};

use crate::stream::{holds_up_to, last};

/// Everything that a client is shown, page by page.
fn feed(client: &Client, query: &str) -> Vec<Value> {
    let head = client.head();
    let mut page = client
        .get_at(&format!("/v1/entries?limit=7{query}"), head)
        .ok();
    let mut all = Vec::new();
    loop {
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        // The clock may have recorded more meanwhile.
        if page["meta"]["position"].as_u64() >= Some(head) {
            return all;
        }
        page = client.get(page["links"]["next"].as_str().unwrap()).ok();
    }
}

/// What the feed shows up to the last of these messages; the clock may have recorded more since.
fn shown_as_far(client: &Client, events: &[Value]) -> Vec<Value> {
    let last = events.last().expect("there are messages")["data"]["position"].as_u64();
    let mut shown = feed(client, "");
    shown.retain(|said| said["position"].as_u64() <= last);
    shown
}

/// What `dutyledger subscribe` writes, from the beginning.
fn subscribed(nats: &Nats, user: &str, filters: &[&str]) -> Vec<Value> {
    let folder = tempfile::TempDir::new().unwrap();
    let mut command = Command::new(program());
    command
        .args([
            "subscribe",
            "--from",
            "1",
            "--until-caught-up",
            "--name",
            user,
        ])
        .args(["--nats-url", &nats.url(), "--nats-user", user])
        .args(["--nats-inbox-prefix", &format!("_INBOX_{user}")])
        .env("DUTYLEDGER_NATS_PASSWORD", format!("{user}-password"))
        .arg("--position-file")
        .arg(folder.path().join("position.json"));
    for filter in filters {
        command.args(["--filter", filter]);
    }
    done(&ran(&mut command))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn data(events: &[Value]) -> Vec<Value> {
    events.iter().map(|event| event["data"].clone()).collect()
}

fn published(server: &Server) {
    in_time(|| {
        let ready = server.stranger().get("/health/ready").body;
        match ready["notifications"]["lag_entries"] == 0 {
            true => Ok(()),
            false => Err(ready),
        }
    });
}

/// Waits until readiness is answered with a status, and the relay is in a state.
fn readiness_says(server: &Server, status: u16, state: &str) {
    in_time(|| {
        let ready = server.stranger().get("/health/ready");
        match ready.status == status && ready.body["notifications"]["state"] == state {
            true => Ok(()),
            false => Err(ready.text),
        }
    });
}

/// Waits until nothing stands still any more, whichever relay publishes.
fn is_ready_again(server: &Server) {
    in_time(|| {
        let ready = server.stranger().get("/health/ready");
        match ready.status {
            200 => Ok(()),
            _ => Err(ready.text),
        }
    });
}

/// The last sequence of the first stream.
fn last_sequence(nats: &Nats) -> u64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(last(&nats.url(), "DUTYLEDGER_1"))
}

fn permissions(partnership: &str) -> String {
    let path = repository().join("ops/nats/permissions.conf");
    let text = std::fs::read_to_string(path).unwrap();
    text.replace("PARTNERSHIP_ID", partnership)
}

#[test]
fn a_subscriber_gets_what_the_feed_shows_the_same_principal() {
    // The server's permissions name a partnership, so that comes first.
    let mut server = Server::start();
    let town = Town::found(&server, "Eastmere");
    let other = Town::found(&server, "Westmere");
    let _ = (town.adopted("2023-06-01"), other.adopted("2023-06-01"));
    let case = json!({ "particulars": { "authority": town.ids["council"], "duty": "8(4)",
        "area": town.area, "partnership": town.partnership } });
    let commissioner = town.client("commissioner");
    let _ = commissioner.post("/v1/findings", &case).ok();
    // A case that names no partnership is no partnership's, nor becomes one's.
    let mut case = json!({ "particulars": { "authority": town.ids["council"],
        "duty": "15(3)", "area": town.area } });
    let opened = commissioner.post("/v1/findings", &case).ok();
    let id = opened["stream"]["id"].as_str().unwrap();
    case["particulars"]["partnership"] = town.partnership.as_str().into();
    let path = format!("/v1/directions/{id}/findings");
    let refused = commissioner.post(&path, &case);
    assert!(refused.text.contains("open another"), "{}", refused.text);
    let nats = Nats::start_with(&permissions(&town.partnership));
    let auditor = key(&town.operator, "auditor", None);
    server.end();
    server.set(&[
        ("DUTYLEDGER_NATS_URL", &nats.url()),
        ("DUTYLEDGER_NATS_USER", "relay"),
        ("DUTYLEDGER_NATS_PASSWORD", "relay-password"),
    ]);
    server.restart();
    // What the clock says of both partnerships' reviews is among what is compared.
    let auditing = server.client(&auditor);
    until("the reviews are overdue", || {
        feed(&auditing, "&event_type=DeadlinePassed").len() >= 2
    });
    published(&server);

    let own = &town.partnership;
    let filters = [
        format!("dutyledger.v1.*.*.{own}"),
        "dutyledger.v1.*.*.several".to_owned(),
        "dutyledger.v1.area.*.none".to_owned(),
        "dutyledger.v1.authority.*.none".to_owned(),
    ];
    let filters: Vec<_> = filters.iter().map(String::as_str).collect();
    let events = subscribed(&nats, "city", &filters);
    let coordinator = town.coordinator.at(server.address());
    let shown = shown_as_far(&coordinator, &events);
    assert!(shown.len() > 60, "{} entries", shown.len());
    assert_eq!(data(&events), shown);
    let passed = shown
        .iter()
        .filter(|said| said["event"]["type"] == "DeadlinePassed");
    assert_eq!(passed.count(), 1, "its own, and not the other's");
    let cases = shown
        .iter()
        .filter(|said| said["stream"]["type"] == "direction");
    assert_eq!(cases.count(), 2, "the case and its finding are among them");

    let everything = subscribed(&nats, "archive", &[]);
    let shown = shown_as_far(&server.client(&auditor), &everything);
    assert_eq!(data(&everything), shown);
    let last = &everything.last().expect("it is caught up")["data"];
    assert_eq!(last["position"], everything.len());

    // What the filters of the feed let through.
    let of_type = feed(
        &server.client(&auditor),
        "&stream_type=strategy&event_type=StrategyAdopted",
    );
    assert_eq!(of_type.len(), 2);
    let head = coordinator.head();
    let [of_one, seen] = [&server.client(&auditor), &coordinator].map(|client| {
        let mut of_one = feed(client, &format!("&partnership={own}"));
        of_one.retain(|said| said["position"].as_u64() <= Some(head));
        of_one
    });
    assert!(
        of_one
            .iter()
            .all(|said| said["partnerships"] == json!([own]))
    );
    assert_eq!(of_one, seen);
    let elses = feed(&coordinator, &format!("&partnership={}", other.partnership));
    assert!(elses.is_empty());

    let told = server.log();
    assert!(!told.contains("relay-password"), "{told}");
}

#[test]
fn nats_being_away_is_told_and_delays_nothing_and_a_stranger_turns_it_red() {
    let mut nats = Nats::start();
    let server = Server::start_with(&[("DUTYLEDGER_NATS_URL", &nats.url())]);
    let town = Town::found(&server, "Eastmere");
    published(&server);
    nats.kill();
    let _ = town.adopted("2023-06-01");
    readiness_says(&server, 200, "unreachable");
    let away = metrics(&server);
    assert!(away["dutyledger_notifications_lag_entries"] > 10.0);
    let lag = away["dutyledger_notifications_lag_seconds"];
    assert!(lag > 0.0 && lag < PATIENCE.as_secs_f64(), "{away:?}");
    let unreachable = "dutyledger_notifications_state{state=\"unreachable\"}";
    assert_eq!(away[unreachable], 1.0, "{away:?}");
    nats.go();
    // The clock may record something between the two.
    let after = in_time(|| {
        let (head, after) = (server.stranger().head(), metrics(&server));
        match after["dutyledger_notifications_published_position"] as u64 == head {
            true => Ok(after),
            false => Err(format!("{head} {after:?}")),
        }
    });
    let figure = |name: &str| after[&format!("dutyledger_notifications_{name}")];
    assert_eq!((figure("lag_entries"), figure("lag_seconds")), (0.0, 0.0));
    assert!(figure("failures_total") >= 1.0, "{after:?}");
    assert!(figure("reconnects_total") >= 1.0, "{after:?}");
    assert_eq!(figure("standing_still"), 0.0);

    publish_foreign(&nats);
    let _ = town.draft("2023-07-01");
    readiness_says(&server, 503, "foreign-message");
    let detail = server.stranger().get("/health/ready").body["notifications"]["detail"].clone();
    assert!(
        detail
            .as_str()
            .unwrap()
            .contains("dutyledger notifications rebuild"),
        "{detail}"
    );
    let rebuilt = server.run(&["--json", "notifications", "rebuild"]);
    assert!(
        rebuilt.status.success(),
        "{}",
        String::from_utf8_lossy(&rebuilt.stderr)
    );
    let rebuilt: Value = serde_json::from_slice(&rebuilt.stdout).unwrap();
    assert_eq!(rebuilt["stream"], "DUTYLEDGER_2");
    is_ready_again(&server);
    published(&server);
    let said = server.log();
    assert_eq!(
        said.matches("notifications stand still").count(),
        1,
        "once: {said}"
    );
}

/// NATS is put back to an older copy of its store while the server runs and takes commands.
#[test]
fn an_older_copy_of_nats_is_noticed_by_the_server_that_runs_and_filled_again_beside_it() {
    let mut nats = Nats::start();
    let server = Server::start_with(&[("DUTYLEDGER_NATS_URL", &nats.url())]);
    let town = Town::found(&server, "Eastmere");
    published(&server);
    nats.stop();
    let copy = nats.copy_store();
    let in_copy = last_sequence(&Nats::start_in(nats.copy_store(), ""));
    nats.go();
    let _ = Town::found(&server, "Westmere");
    published(&server);

    // It is put back while it is being published to.
    nats.kill();
    nats.put_back(&copy);
    nats.go();
    let strategy = town.adopted("2023-06-01");
    assert!(!strategy.is_empty(), "commands are taken");
    readiness_says(&server, 503, "stream-older-copy");
    assert_eq!(last_sequence(&nats), in_copy, "nothing is published");
    let told = server.stranger().get("/health/ready").body["notifications"]["detail"].clone();
    let told = told.as_str().unwrap();
    assert!(told.contains("dutyledger notifications refill"), "{told}");

    let filled = server.run(&["notifications", "refill"]);
    let said = String::from_utf8_lossy(&filled.stderr);
    assert!(filled.status.success(), "{said}");
    is_ready_again(&server);
    published(&server);
    let up_to = last_sequence(&nats);
    assert!(up_to > in_copy);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ledger = LedgerReader::open(&server.ledger()).await.unwrap();
        holds_up_to(&nats.url(), "DUTYLEDGER_1", &ledger, up_to).await;
    });
}

/// The ledger is put back to an older copy while the server runs: nothing of another history is ever
/// published over the one that was.
#[test]
fn a_ledger_put_back_under_a_running_server_is_behind_its_stream_and_takes_no_command() {
    let nats = Nats::start();
    let database = prepared(Postgres::shared());
    let mut server = Server::start_on(&database.url(APPLICATION));
    server.end();
    server.set(&[("DUTYLEDGER_NATS_URL", &nats.url())]);
    server.restart();
    let sql = |sql: &str| Postgres::shared().sql(database.name(), sql);
    let area = |name: &str| {
        json!({ "occurred_on": "2023-01-31", "particulars": {
            "country": "england", "kind": "district", "name": name } })
    };
    let _ = server.operator().post("/v1/areas", &area("Eastmere")).ok();
    sql("CREATE TABLE public.head AS SELECT * FROM ledger.head");
    let _ = server.operator().post("/v1/areas", &area("Westmere")).ok();
    published(&server);

    // As its administrator, whom no trigger stops.
    sql("BEGIN; SET LOCAL session_replication_role = replica; \
         DELETE FROM ledger.entry WHERE position > (SELECT position FROM public.head); \
         DELETE FROM ledger.root WHERE position > (SELECT position FROM public.head); \
         DELETE FROM ledger.head; INSERT INTO ledger.head SELECT * FROM public.head; COMMIT");
    let in_stream = last_sequence(&nats);
    let body = area("Northmere").to_string();
    let refused = server
        .operator()
        .try_send("POST", "/v1/areas", &[], Some(&body));
    assert!(!refused.is_ok_and(|answer| answer.status < 500));
    assert_eq!(server.ended().code(), Some(6), "{}", server.log());
    assert!(server.log().contains("it was replaced"), "{}", server.log());
    assert_eq!(last_sequence(&nats), in_stream, "nothing is published");
    // Nor is it served when it is started again: its note still tells what is missing.
    let again = server.run(&["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(5), "{said}");
    assert!(said.contains("put back a newer copy"), "{said}");
}

/// The figures at `/metrics`, each by its name and labels.
fn metrics(server: &Server) -> BTreeMap<String, f64> {
    let text = server.operator().get("/metrics").text;
    let figures = text.lines().filter(|line| !line.starts_with('#'));
    let figures = figures.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    figures.collect()
}

fn publish_foreign(nats: &Nats) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stranger = async_nats::connect(nats.url()).await.unwrap();
        let subject = "dutyledger.v1.strategy.strategy-adopted.none";
        stranger.publish(subject, "{}".into()).await.unwrap();
        stranger.flush().await.unwrap();
    });
}

#[test]
fn a_command_is_run_for_each_event_and_again_where_it_failed() {
    let nats = Nats::start();
    let server = Server::start_with(&[("DUTYLEDGER_NATS_URL", &nats.url())]);
    published(&server);
    let folder = tempfile::TempDir::new().unwrap();
    let run = |script: &str| {
        Command::new(program())
            .args([
                "subscribe",
                "--from",
                "1",
                "--until-caught-up",
                "--nats-url",
                &nats.url(),
            ])
            .arg("--position-file")
            .arg(folder.path().join("position.json"))
            .args(["--", "sh", "-c", script])
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let failed = run("cat >> given; echo >> given; exit 3");
    assert_eq!(failed.status.code(), Some(1));
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(
        told.contains("position 1") && told.contains("exit status: 3"),
        "{told}"
    );
    assert!(run("cat >> given; echo >> given").status.success());
    assert!(run("cat >> given; echo >> given").status.success());
    let given = std::fs::read_to_string(folder.path().join("given")).unwrap();
    let positions: Vec<_> = given
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["data"]["position"].clone())
        .collect();
    assert_eq!(
        positions,
        [1, 1, 2],
        "the first twice, since it failed; the others once"
    );
}

/// The lines that a process says, each in time.
fn lines_in_time(from: impl Read + Send + 'static) -> impl Iterator<Item = String> {
    let (say, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(from).lines().map_while(Result::ok);
        while lines.next().is_some_and(|line| say.send(line).is_ok()) {}
    });
    std::iter::from_fn(move || Some(said.recv_timeout(PATIENCE).expect("a line comes in time")))
}

/// The subscriber that the documentation shows, with a client that is not ours.
#[test]
fn the_documented_subscriber_gets_everything_as_the_schemas_say() {
    let nats = Nats::start();
    let server = Server::start_with(&[("DUTYLEDGER_NATS_URL", &nats.url())]);
    let town = Town::found(&server, "Eastmere");
    let _ = town.adopted("2023-06-01");
    published(&server);
    let text = std::fs::read_to_string(repository().join("schemas/notifications.md")).unwrap();
    let script = text
        .split("```python\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("subscriber.py"), script).unwrap();
    let start = || {
        let mut child = Command::new("python3")
            .args(["subscriber.py", &nats.url(), "dutyledger.v1.>", "position"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_in_time(child.stdout.take().unwrap());
        let events = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
        (child, events)
    };
    let head = || usize::try_from(server.stranger().head()).unwrap();
    let (mut child, mut given) = start();
    let mut events: Vec<Value> = given.by_ref().take(head()).collect();
    // It follows a rebuilt stream, and goes on where it was when it is started again.
    assert!(server.run(&["notifications", "rebuild"]).status.success());
    let _ = Town::found(&server, "Westmere");
    events.extend(given.by_ref().take(head() - events.len()));
    child.kill().unwrap();
    child.wait().unwrap();
    let _ = Town::found(&server, "Northmere");
    let (mut child, given) = start();
    // The line it was killed after may not have been kept as handled.
    let done = events.len() as u64;
    let new = given.filter(|event| event["data"]["position"].as_u64() > Some(done));
    let last = head();
    events.extend(new.take(last - events.len()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(events.len(), last);

    let schemas: BTreeMap<String, Value> = schema_files()
        .into_iter()
        .map(|(_, text)| {
            let schema: Value = serde_json::from_str(&text).unwrap();
            (schema["$id"].as_str().unwrap().to_owned(), schema)
        })
        .collect();
    for (event, position) in events.iter().zip(1..) {
        let attribute = |name: &str| event[name].as_str().unwrap_or_else(|| panic!("{event}"));
        assert_eq!(
            event["data"]["position"], position,
            "in order, none missing"
        );
        // The rules of CloudEvents 1.0.
        assert_eq!(attribute("specversion"), "1.0");
        for required in ["id", "source", "type", "time", "subject", "dataschema"] {
            assert!(!attribute(required).is_empty(), "{event}");
        }
        assert!(chrono::DateTime::parse_from_rfc3339(attribute("time")).is_ok());
        assert_eq!(attribute("datacontenttype"), "application/json");
        for name in event.as_object().unwrap().keys() {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            assert!(name.len() <= 20 && name.bytes().all(plain), "{name}");
        }
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schemas[attribute("dataschema")])
            .unwrap();
        let wrong: Vec<_> = validator
            .iter_errors(&event["data"])
            .map(|e| e.to_string())
            .collect();
        assert!(wrong.is_empty(), "{event}: {wrong:?}");
    }
}

#[test]
fn an_open_line_to_elsewhere_is_refused_at_start_and_no_secret_is_repeated() {
    let server = Server::start();
    let refused = |arguments: &[&str]| {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let output = server.command(&all).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, told) = refused(&["--nats-url", "nats://nats.example:4222"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("would not be encrypted"), "{told}");
    let (code, told) = refused(&["--nats-url", "nats://u:se-cret@127.0.0.1:4222"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(!told.contains("se-cret"), "{told}");
}

#[test]
fn server_sent_events_go_on_where_the_last_one_was() {
    let server = Server::start();
    let auditor = key(&server.operator(), "auditor", None);
    let address = server.address().trim_start_matches("http://").to_owned();
    let listen = |last: Option<u64>| {
        let mut line = TcpStream::connect(&address).unwrap();
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!(
            "GET /v1/entries/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {auditor}\r\n{last}\r\n"
        );
        line.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(line).lines().map(Result::unwrap);
        // The answer has begun once this is there: it begins at the head then, and says so.
        let began = lines.by_ref().any(|line| line.starts_with("retry:"));
        assert!(began);
        let from = lines.next().unwrap();
        let from: u64 = from.strip_prefix("id: ").unwrap().parse().unwrap();
        (from, lines)
    };
    let ids = |lines: &mut dyn Iterator<Item = String>, count: usize| -> Vec<u64> {
        let ids = lines.filter_map(|line| line.strip_prefix("id: ")?.parse().ok());
        ids.take(count).collect()
    };
    let (from, mut from_now) = listen(None);
    assert_eq!(from, 3);
    let (from, mut from_two) = listen(Some(2));
    assert_eq!(from, 2);
    let area = json!({ "occurred_on": "2023-01-31", "particulars": {
        "country": "england", "kind": "district", "name": "Eastmere" } });
    let _ = server.operator().post("/v1/areas", &area).ok();
    assert_eq!(ids(&mut from_now, 1), [4]);
    assert_eq!(ids(&mut from_two, 2), [3, 4]);
    // While nothing comes, it is said how far that holds.
    assert_eq!(ids(&mut from_now, 1), [4]);
    let (_, mut lines) = listen(Some(3));
    let row = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    let row: Value = serde_json::from_str(&row.unwrap()).unwrap();
    assert_eq!(vec![row], feed(&server.client(&auditor), "&after=3"));
    let wrong = server.client(&auditor).try_send(
        "GET",
        "/v1/entries/stream",
        &[("last-event-id", "x")],
        None,
    );
    assert_eq!(wrong.unwrap().status, 400);
    // A ledger that was restored does not have what was listened to before.
    let ahead = [("last-event-id", "5")];
    let refused = server
        .client(&auditor)
        .try_send("GET", "/v1/entries/stream", &ahead, None);
    assert_eq!(refused.unwrap().problem().1, "beyond-the-ledger");
    let refused = server.client(&auditor).get("/v1/entries?after=5");
    assert_eq!(refused.problem().1, "beyond-the-ledger");
}

#[test]
fn a_page_is_waited_for_and_no_longer_than_asked() {
    let server = Server::start();
    let auditor = server.client(&key(&server.operator(), "auditor", None));
    let head = feed(&auditor, "").len();
    let since = Instant::now();
    let none = auditor
        .get(&format!("/v1/entries?after={head}&wait=1"))
        .ok();
    assert_eq!(none["data"], json!([]));
    assert!(since.elapsed().as_millis() >= 1_000);
    let waiting = std::thread::spawn({
        let auditor = auditor.clone();
        move || {
            auditor
                .get(&format!("/v1/entries?after={head}&wait=20"))
                .ok()
        }
    });
    let area = json!({ "occurred_on": "2023-01-31", "particulars": {
        "country": "england", "kind": "district", "name": "Eastmere" } });
    let _ = server.operator().post("/v1/areas", &area).ok();
    let found = waiting.join().unwrap();
    assert_eq!(found["data"][0]["event"]["type"], "AreaRegistered");
    for wrong in ["limit=0", "limit=201", "wait=21", "after=x", "kind=1"] {
        let refused = auditor.get(&format!("/v1/entries?{wrong}"));
        assert_eq!(refused.status, 400, "{wrong}");
    }
}
