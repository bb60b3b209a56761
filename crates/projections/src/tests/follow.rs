//! Following the ledger, and questions about how far it is.

use std::time::Duration;

use dutyledger_domain::streams::area::AreaRegistered;
use dutyledger_domain::streams::authority::AuthorityRegistered;
use dutyledger_domain::streams::ledger::RulePackAdopted;
use dutyledger_domain::streams::{Area, Authority, LedgerStream};
use dutyledger_domain::{AreaKind, Capacity, Country, HeldBy};
use dutyledger_record::{Event, Stream, StreamType};
use serde_json::json;
use tokio::sync::oneshot;

use super::support::{Book, How, LEDGER, On, dump, id, on_both, text};
use crate::database::sql;
use crate::{ProjectionError, Projections, Stale, rebuild};

const SOON: Duration = Duration::from_secs(60);

fn area() -> AreaRegistered {
    AreaRegistered {
        country: Country::Wales,
        kind: AreaKind::WelshCounty,
        name: text("Gwynedd"),
    }
}

async fn waiting_ends_when_the_projector_gets_there(on: On) {
    let mut book = Book::on(on).await;
    let (p, mut projector) = book.open().await;
    let tail = book.ledger.tail();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        projector
            .run(tail, async {
                let _ = stopped.await;
            })
            .await
    });
    let waiting = tokio::spawn({
        let p = p.clone();
        // It must be woken: the time it would wait for is longer than this test waits for it.
        async move { tokio::time::timeout(SOON, p.wait_for(3, SOON * 60)).await }
    });
    book.add::<Area>(id(1), How::default(), area()).await;
    book.add::<Area>(id(2), How::default(), area()).await;
    assert_eq!(waiting.await.unwrap().expect("it is woken"), Ok(3));
    assert_eq!(p.areas(None, 10).await.unwrap().rows.len(), 2);
    let fresh = p.freshness().await.unwrap();
    assert_eq!(
        (fresh.position, fresh.ledger_head, fresh.stopped),
        (3, 3, None)
    );

    assert_eq!(
        p.wait_for(9, Duration::ZERO).await,
        Err(Stale {
            position: 3,
            wanted: 9
        })
    );
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

async fn what_is_not_understood_stops_everything_and_is_never_skipped(on: On) {
    let unknown = |stream_type: &'static str, event_type: &str, schema_version| {
        let stream = Stream::new(StreamType::of(stream_type), id(7));
        (
            stream,
            Event {
                schema_version,
                event_type: event_type.to_owned(),
            },
        )
    };
    for (stream, event) in [
        unknown("area", "AreaAbolished", 1),
        unknown("area", "AreaRegistered", 2),
        unknown("ledger", "LedgerArchived", 1),
        unknown("information-request", "InformationRequested", 1),
    ] {
        let mut book = Book::on(on).await;
        book.add::<Area>(id(1), How::default(), area()).await;
        let (p, mut projector) = book.open().await;
        projector.small(1, 100);
        let name = event.event_type.clone();
        let payload = json!({"country": "wales", "kind": "welsh_county", "name": "Gwynedd"});
        book.append(stream, How::default(), event, payload).await;
        book.add::<Area>(id(2), How::default(), area()).await;

        let run = projector.run(book.ledger.tail(), std::future::pending());
        let ended = tokio::time::timeout(SOON, run).await;
        let error = ended.expect("it stops").unwrap_err();
        assert!(
            matches!(
                error,
                ProjectionError::Event { .. } | ProjectionError::UnknownStream { .. }
            ),
            "{error}"
        );
        let fresh = p.freshness().await.unwrap();
        assert_eq!((fresh.position, fresh.ledger_head), (2, 4));
        let why = fresh.stopped.unwrap();
        assert!(why.contains("unknown to this program"), "{name}: {why}");
        // Nobody waits for what will not come.
        assert_eq!(
            p.wait_for(4, SOON).await,
            Err(Stale {
                position: 2,
                wanted: 4
            })
        );
        assert_eq!(p.areas(None, 10).await.unwrap().rows.len(), 1);
    }
}

async fn rules(p: &Projections) -> Vec<(String, i64)> {
    let rules = p.rows.all(sql("SELECT pack, revision FROM rules")).await;
    rules.unwrap()
}

async fn marks_are_evaluated_under_the_rule_pack_the_ledger_adopted(on: On) {
    let mut book = Book::on(on).await;
    let (p, mut projector) = book.open().await;
    projector.catch_up(|_, _| ()).await.unwrap();
    assert_eq!(rules(&p).await, [("enacted-2022".to_owned(), 1)]);

    let later = RulePackAdopted {
        pack: "enacted-2022".into(),
        revision: 2,
        pack_sha256: "0".repeat(64),
    };
    let how = How::default();
    book.add::<LedgerStream>(id(LEDGER), how, later).await;
    projector.catch_up(|_, _| ()).await.unwrap();
    let rows = dump(&p).await;
    assert_eq!(rules(&p).await, [("enacted-2022".to_owned(), 2)]);

    p.close().await;
    projector.close().await;
    rebuild(&book.place, &book.ledger, |_, _| ()).await.unwrap();
    let (p, _projector) = book.open().await;
    assert_eq!(dump(&p).await, rows);
}

async fn pages_go_on_where_the_last_ended(on: On) {
    let mut book = Book::on(on).await;
    for n in 1..=5 {
        let (body, devolved_welsh_authority) = (text("A school"), None);
        let capacity = if n == 3 {
            Capacity::PrisonAuthority
        } else {
            Capacity::EducationalAuthority
        };
        let held_by = HeldBy::Ordinary;
        let event = AuthorityRegistered {
            body,
            capacity,
            devolved_welsh_authority,
            held_by,
        };
        book.add::<Authority>(id(n), How::default(), event).await;
    }
    let (p, mut projector) = book.open().await;
    let mut told = Vec::new();
    projector.small(2, 100);
    projector
        .catch_up(|done, total| told.push((done, total)))
        .await
        .unwrap();
    assert_eq!(told, [(0, 6), (2, 6), (4, 6), (6, 6), (6, 6)]);

    let schools = Some(Capacity::EducationalAuthority);
    let first = p.authorities(schools, None, 2).await.unwrap();
    assert_eq!(
        first.rows.iter().map(|r| r.id).collect::<Vec<_>>(),
        [id(1), id(2)]
    );
    let second = p.authorities(schools, first.next, 2).await.unwrap();
    assert_eq!(
        second.rows.iter().map(|r| r.id).collect::<Vec<_>>(),
        [id(4), id(5)]
    );
    assert_eq!(second.next, None);
    // A page has at least one row, and never more than the most.
    assert_eq!(p.authorities(None, None, 0).await.unwrap().rows.len(), 1);
    assert_eq!(
        p.authorities(None, None, u32::MAX)
            .await
            .unwrap()
            .rows
            .len(),
        5
    );
}

on_both! {
    waiting_ends_when_the_projector_gets_there
    what_is_not_understood_stops_everything_and_is_never_skipped
    marks_are_evaluated_under_the_rule_pack_the_ledger_adopted
    pages_go_on_where_the_last_ended
}
