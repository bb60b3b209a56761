//! Erasing a sealed text: what is left of it, in every file; who looked; the keys' own backups; a new
//! master key; and a process killed in the middle.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use dutyledger_bundle::{Given, verify};
use dutyledger_ledger::LedgerReader;
use dutyledger_test_bundles::Parts;
use dutyledger_test_nats::Nats;
use dutyledger_test_postgres::{APPLICATION, OWNER, Postgres};
use dutyledger_tests::{Client, Server, Stops, Town, chance, key, prepared, until};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::Runtime;

/// What was sealed: found nowhere else.
const WORDS: &str = "Ask for the fictional Zebedee Quillfeather on extension 40962";

/// A response with a sealed text, and who may read it.
struct Sealed {
    town: Town,
    auditor: Client,
    entry: String,
    path: String,
}

impl Sealed {
    fn record(server: &Server, name: &str) -> Self {
        let town = Town::found(server, name);
        let entry = respond(&town, WORDS);
        Self {
            auditor: server.client(&key(&town.operator, "auditor", None)),
            path: format!("/v1/entries/{entry}"),
            town,
            entry,
        }
    }

    fn read(&self, client: &Client) -> Value {
        client.get(&format!("{}/sealed-text", self.path)).ok()["texts"][0].clone()
    }

    fn erase(&self, client: &Client) -> dutyledger_tests::Answer {
        let body = json!({ "ground": "consent_withdrawn" });
        client.post(&format!("{}/erasures", self.path), &body)
    }
}

/// Has the college answer, in words that are sealed, when it is asked about another strategy. Gives the
/// entry.
fn respond(town: &Town, words: &str) -> String {
    let strategy = town.draft("2023-06-01");
    town.consult(&strategy, 1, "2023-06-02");
    let body = json!({ "occurred_on": "2023-06-03", "particulars": { "version": 1,
        "authority": town.ids["college"], "response": words } });
    let path = format!("/v1/strategies/{strategy}/responses");
    let said = town.client("college").post(&path, &body).ok();
    said["entries"][0]["entry_id"].as_str().unwrap().to_owned()
}

/// Has the police object to a strategy, for reasons that are sealed. Gives the entry.
fn object(town: &Town, words: &str) -> String {
    let strategy = town.draft("2023-06-01");
    let body = json!({ "occurred_on": "2023-06-03", "particulars": { "version": 1,
        "authority": town.ids["police"], "position": "object", "reason": words } });
    let path = format!("/v1/strategies/{strategy}/positions");
    let said = town.client("police").post(&path, &body).ok();
    said["entries"][0]["entry_id"].as_str().unwrap().to_owned()
}

/// Texts that are sealed in several members of entries, and whether each is to be erased: by chance, but
/// never none and never all.
fn several(town: &Town, chance: u64) -> Vec<(String, String, bool)> {
    let texts = (0..6u8).map(|n| {
        let words = format!("The words of Quillfeather the {n}th of his fictional name");
        let seal = [respond, object][usize::from(n >> 1) % 2];
        let entry = seal(town, &words);
        let erased = n == 0 || (n != 1 && chance >> n & 1 == 1);
        (words, entry, erased)
    });
    texts.collect()
}

/// Erases those texts that are to be erased, and looks what is read of each.
fn erase_of(texts: &[(String, String, bool)], operator: &Client, auditor: &Client, chance: u64) {
    for (_, entry, _) in texts.iter().filter(|(.., erased)| *erased) {
        let body = json!({ "ground": "consent_withdrawn" });
        let path = format!("/v1/entries/{entry}/erasures");
        let _ = operator.post(&path, &body).ok();
    }
    for (words, entry, erased) in texts {
        let path = format!("/v1/entries/{entry}/sealed-text");
        let read = auditor.get(&path).ok();
        let shown = read["texts"][0]["text"].as_str();
        assert_eq!(shown, (!erased).then_some(words.as_str()), "{chance:x}");
    }
}

/// The bundle of the whole ledger and that of a partnership, unpacked, where no server runs.
struct Bundles(Vec<(String, Vec<u8>)>);

impl Bundles {
    fn exported(server: &Server, partnership: &str) -> Self {
        let apart = tempfile::tempdir().unwrap();
        ran(&server.run(&["audit", "new-key"]));
        let mut all = Vec::new();
        for (name, more) in [
            ("whole.zip", &[][..]),
            ("one.zip", &["--partnership", partnership]),
        ] {
            let file = apart.path().join(name);
            let export = ["audit", "export", file.to_str().unwrap()];
            ran(&server.run(&[&export[..], more].concat()));
            let parts = Parts::of(&fs::read(&file).unwrap()).0.into_iter();
            all.extend(parts.map(|(path, bytes)| (format!("{name}: {path}"), bytes)));
        }
        Self(all)
    }

    /// The files that hold some bytes, as they are or as a JSON text would have them.
    fn holding(&self, bytes: &[u8]) -> Vec<&str> {
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let base64 = BASE64_STANDARD.encode(bytes);
        let forms = [bytes, hex.as_bytes(), base64.as_bytes()];
        let holds = |file: &[u8], form: &[u8]| file.windows(form.len()).any(|part| part == form);
        let files = self.0.iter();
        files
            .filter(|(_, file)| forms.iter().any(|form| holds(file, form)))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    #[track_caller]
    fn hold_nothing_of(&self, entry: &str, sought: &[&[u8]]) {
        let told = self.holding(entry.as_bytes());
        let both = ["whole.zip", "one.zip"].map(|name| format!("{name}: entries.jsonl"));
        assert!(
            both.iter().all(|file| told.contains(&file.as_str())),
            "{told:?}"
        );
        for bytes in sought {
            assert_eq!(self.holding(bytes), Vec::<&str>::new());
        }
    }
}

/// The entries of an event, as the feed tells the operator of them.
fn told(operator: &Client, event: &str) -> Vec<Value> {
    let path = format!("/v1/entries?limit=200&event_type={event}");
    operator.get_now(&path).ok()["data"]
        .as_array()
        .unwrap()
        .clone()
}

/// Every file of a folder and the folders in it, save the server's own log on PostgreSQL, which holds
/// what was stored until its segments are used again.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "pg_wal") {
            all.extend(files(&path));
        } else if path.is_file() {
            all.push(path);
        }
    }
    all
}

/// The files that hold some bytes.
fn holding(folders: &[&Path], bytes: &[u8]) -> Vec<PathBuf> {
    let all: Vec<_> = folders.iter().flat_map(|folder| files(folder)).collect();
    assert!(!all.is_empty());
    let holds = |path: &PathBuf| {
        let file = fs::read(path).unwrap_or_default();
        let mut starts = file.iter().enumerate().filter(|(_, b)| **b == bytes[0]);
        starts.any(|(at, _)| file[at..].starts_with(bytes))
    };
    all.into_iter().filter(holds).collect()
}

fn vault(server: &Server) -> SqliteConnection {
    let path = server.folder().join("ledger.keys.db");
    let options = SqliteConnectOptions::new().filename(path);
    runtime().block_on(options.connect()).unwrap()
}

fn runtime() -> &'static Runtime {
    static RUNTIME: std::sync::LazyLock<Runtime> =
        std::sync::LazyLock::new(|| Runtime::new().unwrap());
    &RUNTIME
}

/// The data key of an entry's sealed text, as its record names it.
fn data_key(reader: &LedgerReader, entry: &str) -> String {
    let stored = runtime().block_on(reader.entry(entry.parse().unwrap()));
    let record = stored.unwrap().unwrap().record().unwrap();
    sealed_under(&record.entry.payload)
}

/// The data key of the text that is sealed in a payload.
fn sealed_under(payload: &Value) -> String {
    let mut members = payload.as_object().unwrap().values();
    let key = members.find_map(|member| member.get("key_id")?.as_str());
    key.unwrap().to_owned()
}

/// A wrapped key, as it lies in the vault's file.
fn wrapped(server: &Server, entry: &str) -> Vec<u8> {
    runtime().block_on(async {
        let reader = LedgerReader::open(server.ledger()).await.unwrap();
        let stored = reader.entry(entry.parse().unwrap()).await.unwrap().unwrap();
        let record = stored.record().unwrap();
        let id = sealed_under(&record.entry.payload);
        let path = server.folder().join("ledger.keys.db");
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut conn = options.connect().await.unwrap();
        let found = sqlx::query_scalar("SELECT wrapped FROM data_key WHERE key_id = ?1")
            .bind(id)
            .fetch_one(&mut conn)
            .await
            .unwrap();
        conn.close().await.unwrap();
        found
    })
}

fn ran(output: &std::process::Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn an_erased_text_is_in_no_file_and_its_ledger_still_verifies() {
    let nats = Nats::start();
    let mut server = Server::start_with(&[("DUTYLEDGER_NATS_URL", &nats.url())]);
    let sealed = Sealed::record(&server, "Eraston");
    let operator = server.operator();
    let wrapped = wrapped(&server, &sealed.entry);
    let erased_key = {
        let reader = runtime().block_on(LedgerReader::open(server.ledger()));
        data_key(&reader.unwrap(), &sealed.entry)
    };
    assert_eq!(sealed.read(&sealed.auditor)["text"], WORDS);
    let apart = tempfile::tempdir().unwrap();
    let older = apart.path().join("older.keys.db");
    ran(&server.run(&["vault", "backup", older.to_str().unwrap()]));
    assert!(!holding(&[apart.path()], b"SQLite format 3").is_empty());

    let refused = sealed.erase(sealed.town.client("police"));
    assert_eq!(refused.status, 403, "{}", refused.text);
    let erased = sealed.erase(&operator).ok();
    assert_eq!(erased["erased"][0]["member"], "/payload/response");
    let on = erased["erased"][0]["erased_on"]
        .as_str()
        .unwrap()
        .to_owned();
    let again = sealed.erase(&operator).ok();
    assert_eq!(again["erased"], erased["erased"]);
    assert!(again.get("recorded").is_none(), "it is recorded once");
    assert_eq!(told(&operator, "SealedTextErased").len(), 1);

    let say_so = |server: &Server| {
        let shown = sealed.read(&sealed.auditor.at(server.address()));
        assert_eq!(shown["erased_on"], on.as_str());
        assert_eq!(shown.get("text"), None);
        let note = shown["note"].as_str().unwrap();
        let date: chrono::NaiveDate = on.parse().unwrap();
        assert_eq!(note, date.format("erased on %-d %B %Y").to_string());
        let entry = sealed.auditor.at(server.address()).get(&sealed.path).ok();
        assert_eq!(entry["erased"][0]["erased_on"], on.as_str());
        assert_eq!(entry["sealed"][0], "/payload/response");
    };
    say_so(&server);
    let kept = server.folder().join("backup.db");
    ran(&server.run(&["ledger", "backup", kept.to_str().unwrap()]));
    let later = server.folder().join("later.keys.db");
    ran(&server.run(&["vault", "backup", later.to_str().unwrap()]));
    let clean = |server: &Server| {
        let folders = [server.folder(), nats.folder()];
        for sought in [WORDS.as_bytes(), &wrapped] {
            assert_eq!(holding(&folders, sought), Vec::<PathBuf>::new());
        }
    };
    clean(&server);
    server.end();
    ran(&server.run(&["ledger", "verify"]));
    clean(&server);

    // An older file of keys is put back, and the key with it: it is destroyed before anything is
    // served.
    let keys = server.folder().join("ledger.keys.db");
    fs::remove_file(&keys).unwrap();
    ran(&server.run(&["vault", "restore", older.to_str().unwrap()]));
    let mut rows = vault(&server);
    let there: (i64, i64) = runtime().block_on(async {
        let there =
            sqlx::query_as("SELECT count(*), count(*) FILTER (WHERE key_id = ?1) FROM data_key")
                .bind(&erased_key)
                .fetch_one(&mut rows)
                .await
                .unwrap();
        rows.close().await.unwrap();
        there
    });
    assert!(there.0 > 1, "the others came back");
    assert_eq!(there.1, 0, "it came back");
    server.restart();
    say_so(&server);
    let other = sealed.town.client("police").at(server.address());
    assert_eq!(sealed.read(&other)["erased_on"], on.as_str());
    clean(&server);
    server.end();
    fs::copy(&older, &keys).unwrap();
    server.restart();
    assert!(server.log().contains("are destroyed"), "{}", server.log());
    say_so(&server);
    server.end();
    ran(&server.run(&["ledger", "verify"]));
    let bundles = Bundles::exported(&server, &sealed.town.partnership);
    bundles.hold_nothing_of(&sealed.entry, &[WORDS.as_bytes(), &wrapped]);
}

#[test]
fn a_partnerships_bundle_tells_what_was_announced_of_it_and_what_was_erased() {
    let mut server = Server::start();
    let sealed = Sealed::record(&server, "Tellingham");
    let _ = sealed.town.adopted("2023-06-01");
    let other = Sealed::record(&server, "Otherham");
    let _ = other.town.adopted("2023-06-01");
    let operator = server.operator();
    for one in [&sealed, &other] {
        let _ = one.erase(&operator).ok();
    }
    // The clock announces that the review's date has passed.
    let announced = |one: &Sealed| {
        let passed = "/v1/audit/entries?limit=200&event=deadline-passed&partnership=";
        let found = one
            .auditor
            .get(&format!("{passed}{}", one.town.partnership));
        found.ok()["data"].as_array().unwrap().len()
    };
    until("both are announced", || {
        announced(&sealed) > 0 && announced(&other) > 0
    });
    let counted = announced(&sealed);
    server.end();
    ran(&server.run(&["audit", "new-key"]));
    let apart = tempfile::tempdir().unwrap();
    let exported = |name: &str| {
        let file = apart.path().join(name);
        let export = ["audit", "export", file.to_str().unwrap()];
        let of_one = ["--partnership", &sealed.town.partnership];
        ran(&server.run(&[&export[..], &of_one].concat()));
        fs::read(file).unwrap()
    };
    let bundle = exported("with-rows.zip");
    let parts = Parts::of(&bundle);
    let entries = parts.entries().into_iter();
    let entries: Vec<Value> = entries.map(|e| serde_json::from_str(&e).unwrap()).collect();
    let of = |event: &str| -> Vec<&Value> {
        let all = entries.iter();
        all.filter(|entry| entry["event"]["type"] == event)
            .collect()
    };
    let passed = of("DeadlinePassed");
    assert!(passed.len() >= counted);
    let whose = json!([sealed.town.partnership]);
    assert!(passed.iter().all(|entry| entry["partnerships"] == whose));
    let erased = of("SealedTextErased");
    assert_eq!(erased.len(), 1, "no other partnership's");
    assert_eq!(erased[0]["payload"]["entry"], sealed.entry.as_str());

    // The bundle verifies, and its figures and its report tell of them.
    let verified = verify(Cursor::new(&bundle), &Given::default()).unwrap();
    let counts = &verified.figures["counts"]["by_stream_type"];
    assert_eq!(counts["erasure"]["events"]["SealedTextErased"], 1);
    assert_eq!(counts["deadline"]["events"]["DeadlinePassed"], passed.len());
    let report = String::from_utf8(parts.0["report.html"].clone()).unwrap();
    assert!(report.contains("SealedTextErased") && report.contains("DeadlinePassed"));

    // Where no rows tell which streams they are, the ledger does.
    fs::remove_file(server.folder().join("ledger.projections.db")).unwrap();
    let without = Parts::of(&exported("without-rows.zip"));
    assert_eq!(without.entries(), parts.entries());
}

#[test]
fn of_several_texts_those_that_are_erased_are_in_no_file_and_no_bundle() {
    let nats = Nats::start();
    let mut server = Server::start_with(&[("DUTYLEDGER_NATS_URL", &nats.url())]);
    let town = Town::found(&server, "Severalton");
    let chance = chance();
    let texts = several(&town, chance);
    let keys: Vec<_> = texts
        .iter()
        .map(|(_, entry, _)| wrapped(&server, entry))
        .collect();
    let auditor = server.client(&key(&town.operator, "auditor", None));
    erase_of(&texts, &server.operator(), &auditor, chance);
    let backup = server.folder().join("backup.db");
    ran(&server.run(&["ledger", "backup", backup.to_str().unwrap()]));
    server.end();
    let bundles = Bundles::exported(&server, &town.partnership);
    for ((words, entry, erased), key) in texts.iter().zip(&keys) {
        let folders = [server.folder(), nats.folder()];
        assert_eq!(
            holding(&folders, words.as_bytes()),
            Vec::<PathBuf>::new(),
            "{chance:x}"
        );
        assert_eq!(holding(&folders, key).is_empty(), *erased, "{chance:x}");
        // A bundle holds no key and no words of any text, erased or not.
        bundles.hold_nothing_of(entry, &[words.as_bytes(), key]);
    }
}

#[test]
fn whoever_is_served_a_sealed_text_is_recorded_once_for_each_request() {
    let server = Server::start();
    let sealed = Sealed::record(&server, "Lookton");
    let operator = server.operator();
    assert_eq!(told(&operator, "SealedTextServed").len(), 0);
    let college = sealed.town.client("college");
    assert_eq!(sealed.read(college)["text"], WORDS);
    assert_eq!(sealed.read(&sealed.auditor)["text"], WORDS);
    // Whoever is told nothing leaves no access.
    let school = sealed.town.client("school");
    let refused = school.get(&format!("{}/sealed-text", sealed.path));
    assert_eq!(refused.status, 404);
    let served = told(&operator, "SealedTextServed");
    assert_eq!(served.len(), 2, "{served:?}");
    let reader = |n: usize| served[n]["particulars"].clone();
    assert_eq!(
        reader(0),
        json!({ "entry": sealed.entry, "principal_id": sealed.town.ids["college"],
                "principal_kind": "authority" })
    );
    assert_eq!(reader(1)["principal_kind"], "auditor");
    assert_eq!(served[0]["principal"]["kind"], "system");
    // Who looked is not told to those looked at.
    let police = sealed.town.client("police");
    assert_eq!(told(police, "SealedTextServed").len(), 0);
    // What is erased is served to nobody, which is no access.
    let _ = sealed.erase(&operator).ok();
    assert!(sealed.read(&sealed.auditor)["erased_on"].is_string());
    assert_eq!(told(&operator, "SealedTextServed").len(), 2);
    assert_eq!(
        told(police, "SealedTextErased").len(),
        1,
        "its record says so"
    );
    assert_eq!(told(school, "SealedTextErased").len(), 0);
}

#[test]
fn a_process_killed_between_the_entry_and_the_key_is_made_good_by_the_next() {
    let mut server = Server::start();
    let sealed = Sealed::record(&server, "Killerase");
    let wrapped = wrapped(&server, &sealed.entry);
    // Somebody writes to the vault's file, so that destroying the key has to wait.
    let mut held = vault(&server);
    runtime()
        .block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut held))
        .unwrap();
    let reader = runtime()
        .block_on(LedgerReader::open(server.ledger()))
        .unwrap();
    std::thread::scope(|scope| {
        let operator = server.operator();
        let (path, body) = (
            format!("{}/erasures", sealed.path),
            json!({ "ground": "legal_obligation" }).to_string(),
        );
        scope.spawn(move || {
            let _ = operator.try_send("POST", &path, &[], Some(&body));
        });
        until("it is recorded", || {
            let erasures = runtime().block_on(reader.erasures(None, 1));
            !erasures.unwrap().is_empty()
        });
        server.kill();
    });
    runtime().block_on(async {
        sqlx::query("ROLLBACK").execute(&mut held).await.unwrap();
        held.close().await.unwrap();
        reader.close().await;
    });
    let keys = server.folder();
    assert!(!holding(&[keys], &wrapped).is_empty(), "it was there still");
    server.restart();
    assert_eq!(holding(&[server.folder()], &wrapped), Vec::<PathBuf>::new());
    let auditor = sealed.auditor.at(server.address());
    assert!(sealed.read(&auditor)["erased_on"].is_string());
}

#[test]
fn an_erasure_whose_key_is_not_destroyed_yet_says_so_and_is_finished_when_asked_again() {
    let server = Server::start();
    let sealed = Sealed::record(&server, "Halferase");
    let wrapped = wrapped(&server, &sealed.entry);
    let operator = server.operator();
    let mut held = vault(&server);
    let begin = sqlx::query("BEGIN IMMEDIATE").execute(&mut held);
    runtime().block_on(begin).unwrap();
    let refused = sealed.erase(&operator);
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.body["code"], "key-not-destroyed");
    assert!(refused.text.contains("It is recorded"), "{}", refused.text);
    assert_eq!(told(&operator, "SealedTextErased").len(), 1);
    assert!(sealed.read(&sealed.auditor)["erased_on"].is_string());
    runtime().block_on(async {
        sqlx::query("ROLLBACK").execute(&mut held).await.unwrap();
        held.close().await.unwrap();
    });
    let erased = sealed.erase(&operator).ok();
    assert_eq!(erased["erased"][0]["member"], "/payload/response");
    assert!(erased.get("recorded").is_none(), "it is recorded once");
    assert_eq!(holding(&[server.folder()], &wrapped), Vec::<PathBuf>::new());
}

#[test]
fn keys_that_are_lost_come_back_with_the_backup_and_nothing_is_served_before() {
    let mut server = Server::start();
    let sealed = Sealed::record(&server, "Lostkeys");
    let body = json!({ "kind": "auditor", "label": "dates", "expires_at": "2028-01-01T00:00:00Z" });
    let calendar = server.operator().post("/v1/calendars", &body).ok();
    let address = calendar["address"].as_str().unwrap().to_owned();
    server.end();
    ran(&server.run(&["vault", "rotate-master"]));
    let backup = server.folder().join("backup.keys.db");
    ran(&server.run(&["vault", "backup", backup.to_str().unwrap()]));
    fs::remove_file(server.folder().join("ledger.keys.db")).unwrap();
    let refused = server.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(5));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("dutyledger vault restore"), "{told}");
    let second = server.folder().join("second.keys.db");
    let refused = server.run(&["vault", "backup", second.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(!second.exists(), "a backup of nothing");
    ran(&server.run(&["vault", "restore", backup.to_str().unwrap()]));
    server.restart();
    let auditor = sealed.auditor.at(server.address());
    assert_eq!(sealed.read(&auditor)["text"], WORDS);
    let dates = server.stranger().get(&address);
    assert_eq!(dates.status, 200, "{}", dates.text);
}

#[test]
fn a_text_whose_key_comes_back_while_it_is_read_is_served_to_nobody_who_is_not_recorded() {
    let server = Server::start();
    let sealed = Sealed::record(&server, "Backton");
    let wrapped = wrapped(&server, &sealed.entry);
    let reader = runtime().block_on(LedgerReader::open(server.ledger()));
    let reader = reader.unwrap();
    let key = data_key(&reader, &sealed.entry);
    let mut vault = vault(&server);
    let over = AtomicBool::new(false);
    let (served, without) = std::thread::scope(|scope| {
        let reads = scope.spawn(|| {
            let position = || runtime().block_on(reader.last_position()).unwrap();
            let (mut served, mut without) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                let before = position();
                if sealed.read(&sealed.auditor)["text"] == WORDS {
                    served += 1;
                    without += usize::from(position() == before);
                }
            }
            (served, without)
        });
        let stops = Stops(&over);
        let comes_and_goes = runtime().block_on(async {
            for _ in 0..400 {
                sqlx::query("DELETE FROM data_key WHERE key_id = ?1")
                    .bind(&key)
                    .execute(&mut vault)
                    .await?;
                tokio::time::sleep(Duration::from_millis(4)).await;
                sqlx::query("INSERT INTO data_key (key_id, wrapped) VALUES (?1, ?2)")
                    .bind(&key)
                    .bind(&wrapped)
                    .execute(&mut vault)
                    .await?;
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
            Ok::<_, sqlx::Error>(())
        });
        comes_and_goes.unwrap();
        drop(stops);
        reads.join().unwrap()
    });
    assert!(served > 0, "it is read while its key is there");
    assert_eq!(
        without, 0,
        "of {served} that were served, so many without a record"
    );
}

#[test]
fn on_postgres_texts_that_are_erased_are_in_no_file_no_dump_and_no_bundle() {
    let postgres = Postgres::start();
    let database = prepared(&postgres);
    let mut server = Server::start_on(&database.url(APPLICATION));
    let town = Town::found(&server, "Eraspost");
    let chance = chance();
    let texts = several(&town, chance);
    let place = dutyledger_ledger::Place::parse(&database.url(APPLICATION)).unwrap();
    let reader = runtime().block_on(LedgerReader::open(place)).unwrap();
    let keys = texts.iter().map(|(_, entry, _)| {
        let id = data_key(&reader, entry);
        let kept =
            format!("SELECT encode(wrapped, 'hex') FROM keys.data_key WHERE key_id = '{id}'");
        let hex = database.sql(OWNER, &kept).unwrap().trim().to_owned();
        let wrapped: Vec<u8> = (0..hex.len() / 2)
            .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
            .collect();
        assert_eq!(wrapped.len(), 72);
        (hex, wrapped)
    });
    let keys: Vec<_> = keys.collect();
    let auditor = server.client(&key(&town.operator, "auditor", None));
    let look = |sought: &[u8]| {
        postgres.sql("postgres", "CHECKPOINT");
        holding(&[&postgres.data(), server.folder()], sought)
    };
    for (_, wrapped) in &keys {
        assert!(!look(wrapped).is_empty(), "it can be found");
    }
    erase_of(&texts, &server.operator(), &auditor, chance);
    let dumped = database.program("pg_dump").output().unwrap();
    assert!(dumped.status.success());
    let dump = String::from_utf8_lossy(&dumped.stdout).into_owned();
    assert!(dump.contains("COPY keys.data_key"), "the keys are in it");
    for ((words, _, erased), (hex, wrapped)) in texts.iter().zip(&keys) {
        assert_eq!(look(wrapped).is_empty(), *erased, "{chance:x}");
        assert_eq!(look(words.as_bytes()), Vec::<PathBuf>::new(), "{chance:x}");
        assert_eq!(dump.contains(hex), !erased, "{chance:x}");
        assert!(!dump.contains(words), "{chance:x}");
    }
    // Whoever serves removes no key but by destroying it for good.
    let removed = database.sql(APPLICATION, "DELETE FROM keys.data_key");
    assert!(removed.unwrap_err().contains("permission denied"));
    server.end();
    ran(&server.run(&["ledger", "verify"]));
    let bundles = Bundles::exported(&server, &town.partnership);
    for ((words, entry, _), (_, wrapped)) in texts.iter().zip(&keys) {
        bundles.hold_nothing_of(entry, &[words.as_bytes(), wrapped]);
    }
}

#[test]
fn where_an_access_cannot_be_recorded_nothing_is_served() {
    let postgres = Postgres::start();
    let database = prepared(&postgres);
    let mut server = Server::start_on(&database.url(APPLICATION));
    let sealed = Sealed::record(&server, "Nolook");
    assert_eq!(sealed.read(&sealed.auditor)["text"], WORDS);
    let revoke = format!("REVOKE INSERT ON ledger.entry FROM {APPLICATION}");
    database.sql(OWNER, &revoke).unwrap();
    let path = format!("{}/sealed-text", sealed.path);
    let answer = sealed.auditor.try_send("GET", &path, &[], None);
    // A server that can record nothing may end before it answers: then nothing was served either.
    let refused =
        |answer: &dutyledger_tests::Answer| answer.status >= 500 && !answer.text.contains(WORDS);
    assert!(answer.as_ref().map_or(true, refused), "{answer:?}");
    assert!(!format!("{answer:?}").contains(WORDS));
    let grant = format!("GRANT INSERT ON ledger.entry TO {APPLICATION}");
    database.sql(OWNER, &grant).unwrap();
    server.kill();
    server.restart();
    let served = told(&server.operator(), "SealedTextServed");
    assert_eq!(
        served.len(),
        1,
        "only the first was served, and is recorded"
    );
    let auditor = sealed.auditor.at(server.address());
    assert_eq!(sealed.read(&auditor)["text"], WORDS, "it can be again");
}

#[test]
fn a_new_master_key_opens_what_was_sealed_and_changes_no_address() {
    let mut server = Server::start();
    let sealed = Sealed::record(&server, "Rotaton");
    let operator = server.operator();
    let calendar = operator
        .post(
            "/v1/calendars",
            &json!({ "kind": "auditor", "label": "dates", "expires_at": "2028-01-01T00:00:00Z" }),
        )
        .ok();
    let address = calendar["address"].as_str().unwrap().to_owned();
    let name = [("idempotency-key", "before-the-rotation")];
    let body = json!({ "particulars": { "body": "Rotaton School",
        "capacity": "educational_authority" } })
    .to_string();
    let first = operator.send("/v1/authorities", &name, &body).ok();
    let before = wrapped(&server, &sealed.entry);
    let refused = server.run(&["vault", "rotate-master"]);
    assert_eq!(refused.status.code(), Some(4), "a server has the ledger");
    server.end();
    let file = server.folder().join("ledger.master.key");
    let old = fs::read(&file).unwrap();
    ran(&server.run(&["vault", "rotate-master"]));
    let new = fs::read(&file).unwrap();
    assert_ne!(old, new);
    let folder = server.folder();
    assert_eq!(holding(&[folder], &before), Vec::<PathBuf>::new());
    assert_eq!(holding(&[folder], old.trim_ascii()), Vec::<PathBuf>::new());

    // As a process leaves it that is killed once the keys are wrapped anew, before the file of the
    // new master key has taken its place.
    let next = folder.join("ledger.master.key.next");
    fs::rename(&file, &next).unwrap();
    fs::write(&file, &old).unwrap();
    server.restart();
    assert_eq!(fs::read(&file).unwrap(), new);
    assert!(!next.exists());
    let auditor = sealed.auditor.at(server.address());
    assert_eq!(sealed.read(&auditor)["text"], WORDS);
    let dates = server.stranger().get(&address);
    assert_eq!(dates.status, 200, "{}", dates.text);
    let again = server.operator().send("/v1/authorities", &name, &body).ok();
    assert_eq!(again["stream"], first["stream"], "the same answer again");
    server.end();

    // As a process leaves it that is killed before: the next rotation goes on with that key.
    let made = "5a".repeat(32);
    fs::write(&next, format!("{made}\n")).unwrap();
    server.restart();
    assert_eq!(fs::read(&file).unwrap(), new);
    server.end();
    ran(&server.run(&["vault", "rotate-master"]));
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), made);
    server.restart();
    let auditor = sealed.auditor.at(server.address());
    assert_eq!(sealed.read(&auditor)["text"], WORDS);
}

#[test]
fn the_program_erases_where_no_server_holds_the_ledger() {
    let mut server = Server::start();
    let sealed = Sealed::record(&server, "Cliton");
    let erase =
        |server: &Server, entry: &str| server.run(&["erase", entry, "--ground", "retention-ended"]);
    server.end();
    let said = erase(&server, &sealed.entry);
    ran(&said);
    let told = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        told.contains("/payload/response") && told.contains("erased on "),
        "{told}"
    );
    server.restart();
    let again = erase(&server, &sealed.entry);
    ran(&again);
    assert_eq!(
        String::from_utf8_lossy(&again.stdout),
        told,
        "and through it"
    );
    let wrong = server.run(&["erase", &sealed.entry, "--ground", "because"]);
    assert_eq!(wrong.status.code(), Some(2));
}
