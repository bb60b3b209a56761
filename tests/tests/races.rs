//! Writers racing on one stream: none of them loses an entry, and none overwrites another's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use dutyledger_application::{Bus, Edge, Home, KeyRequest, Request, SystemEntropy, Target};
use dutyledger_domain::Capacity;
use dutyledger_domain::streams::Authority;
use dutyledger_domain::streams::authority::RegisterAuthority;
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_ledger::{Clock, Place, SystemClock};
use dutyledger_record::{Principal, PrincipalKind, PublicText};
use dutyledger_test_postgres::{APPLICATION, Postgres};
use dutyledger_tests::{Server, Town, prepared};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

#[test]
fn writers_racing_on_one_stream_all_succeed_once() {
    let server = Server::start();
    let town = Town::found(&server, "Raceton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/engagements");
    let (writers, each) = if dutyledger_tests::long() {
        (32, 50)
    } else {
        (8, 10)
    };
    let body = json!({ "occurred_on": "2023-06-02",
        "particulars": { "version": 1, "group": "young_people" } });
    let positions: Vec<u64> = std::thread::scope(|scope| {
        let racing: Vec<_> = (0..writers)
            .map(|_| {
                scope.spawn(|| {
                    let client = town.client("police").clone();
                    let post = |_| client.post(&path, &body).ok()["position"].as_u64().unwrap();
                    (0..each).map(post).collect::<Vec<_>>()
                })
            })
            .collect();
        racing
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let distinct: std::collections::BTreeSet<_> = positions.iter().collect();
    assert_eq!(
        distinct.len(),
        writers * each,
        "every answer names an entry of its own"
    );
    let head = positions.iter().max().unwrap();
    let strategy = town
        .client("police")
        .get_at(&format!("/v1/strategies/{strategy}"), *head);
    assert_eq!(
        strategy.headers["etag"],
        format!("\"{}\"", 5 + writers * each)
    );
}

#[test]
fn a_writer_that_names_a_version_is_told_when_it_is_stale() {
    let server = Server::start();
    let town = Town::found(&server, "Staleton");
    let strategy = town.draft("2023-06-01");
    let path = format!("/v1/strategies/{strategy}/amendments");
    let body = json!({ "particulars": { "title": "Another title" } }).to_string();
    let police = town.client("police");
    let first = police.send(&path, &[("if-match", "\"5\"")], &body);
    assert_eq!(
        (first.status, first.headers["etag"].as_str()),
        (200, "\"6\"")
    );
    let stale = police.send(&path, &[("if-match", "\"5\"")], &body);
    assert_eq!(stale.status, 412, "{}", stale.text);
    for malformed in ["5", "*", "W/\"5\"", "\"five\""] {
        assert_eq!(
            police.send(&path, &[("if-match", malformed)], &body).status,
            400
        );
    }
}

const OPERATOR: Principal = Principal {
    id: None,
    key_id: None,
    kind: PrincipalKind::Operator,
};

tokio::task_local! {
    /// Whether this task carries out a command: the ledger's own tasks ask what time it is as well.
    static COMMAND: ();
}

/// A clock by which another process issues an API key each time a command here asks what time it is,
/// for so many times.
#[derive(Default)]
struct KeysMeanwhile {
    other: OnceLock<Bus>,
    left: AtomicUsize,
}

impl Clock for KeysMeanwhile {
    fn now(&self) -> DateTime<Utc> {
        let one_less = |left: usize| left.checked_sub(1);
        let counts = || {
            self.left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
        };
        let command = COMMAND.try_with(|()| ()).is_ok();
        let meanwhile = || command && counts().is_ok();
        if let Some(other) = self.other.get().filter(|_| meanwhile()) {
            let request = KeyRequest {
                kind: PrincipalKind::Auditor,
                principal_id: None,
                label: PublicText::new("another").unwrap(),
                expires_at: SystemClock.now() + TimeDelta::days(1),
            };
            let issued = other.issue_key(OPERATOR, request);
            block_in_place(|| Handle::current().block_on(issued)).unwrap();
        }
        SystemClock.now()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_not_refused_because_another_process_issues_keys_meanwhile() {
    let database = prepared(Postgres::shared());
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let opened = async |folder: &TempDir, clock: Arc<dyn Clock>| {
        let Place::Postgres(url) = Place::parse(&database.url(APPLICATION)).unwrap() else {
            unreachable!("it is a database of PostgreSQL");
        };
        let home = Home::on_server(url, folder.path());
        let entropy = Arc::new(SystemEntropy);
        let edge = Edge { clock, entropy };
        let (bus, _) = Bus::open(&home, LedgerMode::Sandbox, edge).await.unwrap();
        (bus, home)
    };
    let clock = Arc::new(KeysMeanwhile::default());
    let (bus, home) = opened(&here, Arc::clone(&clock) as _).await;
    let key = home.master_key.file_name().unwrap();
    std::fs::copy(&home.master_key, there.path().join(key)).unwrap();
    let (other, _) = opened(&there, Arc::new(SystemClock)).await;
    assert!(clock.other.set(other).is_ok());
    // More often than a command is decided again when what it rests on changes.
    clock.left.store(60, Ordering::SeqCst);
    let command = RegisterAuthority {
        body: PublicText::new("A council").unwrap(),
        capacity: Capacity::LocalAuthority,
        devolved_welsh_authority: None,
        held_by: None,
    };
    let registered = Request::plain(OPERATOR, Target::New, command.into());
    let answer = COMMAND.scope((), bus.execute::<Authority>(registered));
    let answer = answer.await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(clock.left.load(Ordering::SeqCst), 0, "it lost to every key");
}
