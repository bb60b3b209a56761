//! A ledger in a folder of its own, and entries made by hand.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::ledger::{LedgerEvent, LedgerMode, LedgerOpened};
use dutyledger_domain::{Payload, StreamKind};
use dutyledger_ledger::{Append, Clock, Ledger, Opening, Options, Place, StreamAppend};
use dutyledger_record::{
    Basis, Draft, EntryId, Envelope, Event, LedgerId, Mark, OccurredOn, PastFact, Principal,
    PrincipalKind, PublicText, RulePackRef, Source, Standing, Stream, StreamId,
};
use dutyledger_test_postgres::{APPLICATION, Database, OWNER, Postgres};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::database::{Pool, sql};
use crate::turn::Timing;
use crate::{Projections, Projector, migrate};

pub(super) const LEDGER: u128 = 0xd0;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }
}

pub(super) fn day(n: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2023, 2, 1).unwrap() + chrono::Days::new(n.into())
}

/// A stream's id by a number below 2^62.
pub(super) fn id(n: u128) -> StreamId {
    StreamId::new(uuid(n))
}

/// An id that every reader takes, by a number below 2^62.
fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x0193_1c2e_5a00_7000_8000_0000_0000_0000 | n)
}

pub(super) fn text(text: &str) -> PublicText {
    PublicText::new(text).unwrap()
}

/// How an entry stands.
#[derive(Clone, Copy, Default)]
pub(super) struct How {
    pub(super) day: u32,
    pub(super) partnership: Option<StreamId>,
    pub(super) corrects: Option<EntryId>,
    pub(super) assumed: bool,
    pub(super) reported: bool,
    pub(super) admitted: bool,
}

/// Where the rows are.
#[derive(Clone, Copy, Debug)]
pub(super) enum On {
    File,
    Server,
}

/// Runs tests, functions of where the rows are, on a file and on a server.
macro_rules! on_both {
    ($($test:ident)+) => {
        mod on_a_file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::tests::support::On::File).await;
            })+
        }
        mod on_a_server {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::tests::support::On::Server).await;
            })+
        }
    };
}
pub(super) use on_both;

/// A database whose tables are made.
pub(super) async fn migrated() -> Database {
    let database = Postgres::shared().database();
    migrate(&database.url(OWNER), APPLICATION).await.unwrap();
    database
}

/// A database as the role that serves has it.
pub(super) fn served(database: &Database) -> Place {
    Place::parse(&database.url(APPLICATION)).unwrap()
}

/// A ledger, and the versions of its streams.
pub(super) struct Book {
    pub(super) place: Place,
    pub(super) folder: TempDir,
    pub(super) ledger: Ledger,
    versions: HashMap<Stream, u64>,
    entries: u128,
}

impl Book {
    /// With the rows in a file.
    pub(super) async fn new() -> Self {
        Self::numbered(LEDGER).await
    }

    pub(super) async fn on(on: On) -> Self {
        let mut book = Self::new().await;
        if let On::Server = on {
            book.place = served(&migrated().await);
        }
        book
    }

    pub(super) async fn numbered(number: u128) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = LedgerId::new(uuid(number));
        let opened = LedgerEvent::from(LedgerOpened {
            ledger_id: ledger,
            mode: LedgerMode::Sandbox,
            pack: "enacted-2022".into(),
            revision: 1,
            pack_sha256: "0".repeat(64),
        });
        let stream = Stream::new(LedgerStream::TYPE, StreamId::new(ledger.uuid()));
        let of_ledger = stream.clone();
        let entry = envelope(stream, 1, 1, How::default(), opened.to_payload().unwrap());
        let draft = Draft::new(ledger, opened.event(), &entry).unwrap();
        let ledger = Ledger::open(
            Options::at(folder.path().join("ledger.db")),
            Arc::new(Noon),
            |_| Ok(Opening { ledger, draft }),
        )
        .await
        .unwrap();
        Self {
            place: folder.path().join("projections.db").into(),
            folder,
            ledger,
            versions: HashMap::from([(of_ledger, 1)]),
            entries: 1,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("projections.db")
    }

    pub(super) async fn open(&self) -> (Projections, Projector) {
        // Turns that are not given up run out soon.
        let timing = Timing {
            lasts: Duration::from_millis(50),
            look: Duration::from_millis(5),
        };
        self.open_timed(timing).await
    }

    pub(super) async fn open_timed(&self, timing: Timing) -> (Projections, Projector) {
        Projections::open_timed(self.place.clone(), &self.ledger, timing)
            .await
            .unwrap()
    }

    pub(super) async fn add<K: StreamKind>(
        &mut self,
        stream: StreamId,
        how: How,
        event: impl Into<K::Event>,
    ) -> EntryId {
        let event = event.into();
        let payload = event.to_payload().unwrap();
        self.append(Stream::new(K::TYPE, stream), how, event.event(), payload)
            .await
    }

    pub(super) async fn append(
        &mut self,
        stream: Stream,
        how: How,
        event: Event,
        payload: Value,
    ) -> EntryId {
        let version = self.versions.entry(stream.clone()).or_default();
        self.entries += 1;
        let entry = envelope(stream.clone(), *version + 1, self.entries, how, payload);
        let draft = Draft::new(self.ledger.id(), event, &entry).unwrap();
        let part = StreamAppend {
            stream,
            expected_version: *version,
            drafts: vec![draft],
        };
        *version += 1;
        let append = Append {
            streams: vec![part],
            ..Append::default()
        };
        self.ledger.append(append).await.unwrap();
        entry.entry_id
    }
}

fn envelope(
    stream: Stream,
    version: u64,
    entry: u128,
    how: How,
    payload: Value,
) -> Envelope<Value> {
    Envelope {
        entry_id: EntryId::new(uuid(entry)),
        stream,
        version,
        standing: Standing {
            basis: if how.admitted {
                Basis::PastFact
            } else {
                Basis::Decision
            },
            causation_id: None,
            correlation_id: uuid(entry),
            corrects: how.corrects,
            occurred_on: OccurredOn {
                assumed: how.assumed,
                date: day(how.day),
            },
            on_behalf_of: vec![],
            partnerships: how.partnership.into_iter().collect(),
            past_fact: how.admitted.then(|| PastFact {
                mark: Mark::Admitted,
                unmet: vec!["R-10.2".into()],
            }),
            principal: Principal {
                id: None,
                key_id: None,
                kind: PrincipalKind::Operator,
            },
            reported: how.reported,
            rests_on: vec![],
            rules: RulePackRef {
                pack: "enacted-2022".into(),
                revision: 1,
            },
            source: how.admitted.then(|| Source {
                date: day(how.day),
                reference: text("item 4"),
                sha256: None,
                title: text("Minutes"),
            }),
            warnings: vec![],
        },
        payload,
    }
}

/// Every row, as text: for SQLite and for PostgreSQL.
pub(super) async fn dump(projections: &Projections) -> Vec<String> {
    let mut all = Vec::new();
    for (sqlite, postgres) in [
        (
            "SELECT json_array(one, ledger_id, position, hex(leaf_hash)) FROM checkpoint",
            "SELECT CAST(to_jsonb(t) - 'holder' - 'held_till' AS text) FROM checkpoint AS t",
        ),
        (
            "SELECT json_array(pack, revision) FROM rules",
            "SELECT CAST(to_jsonb(t) AS text) FROM rules AS t",
        ),
        (
            "SELECT json_array(stream_type, stream_id, partnership_id, capacity, version, \
                 position, name, state) FROM stream_row ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM stream_row AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(partnership_id, authority_id, capacity, standing, since, until) \
                 FROM member ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM member AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(partnership_id, area_id) FROM partnership_area ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM partnership_area AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(area_id, authority_id, capacity, from_on, until) \
                 FROM area_authority ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM area_authority AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(strategy_id, version, authority_id, partnership_id) \
                 FROM consulted ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM consulted AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(strategy_id, partnership_id, version, published_on) \
                 FROM published ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM published AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(strategy_id, partnership_id, due_on, counted_from, assumed, \
                 entry_id, covers_until, fictional) FROM review ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM review AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(partnership_id, shown_from, shown_until, since, trigger_id, \
                 authority_id, duty, area_id, json) FROM trigger_row ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM trigger_row AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(strategy_id, entry_id, partnership_id, place, json) \
                 FROM mark ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM mark AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(partnership_id, stream_type, stream_id) FROM depends ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM depends AS t ORDER BY 1",
        ),
        (
            "SELECT json_array(partnership_id, position, stream_type, stream_id, version, \
                 entry_id, event_type, occurred_on, occurred_on_assumed, recorded_at, basis, \
                 reported, principal_kind, principal_id, withdrawn_by) FROM timeline ORDER BY 1",
            "SELECT CAST(to_jsonb(t) AS text) FROM timeline AS t ORDER BY 1",
        ),
    ] {
        let statement = match &projections.rows {
            Pool::Sqlite(_) => sqlite,
            Pool::Postgres(_) => postgres,
        };
        let rows = projections.rows.all::<(String,)>(sql(statement)).await;
        all.extend(rows.unwrap().into_iter().map(|(row,)| row));
    }
    all
}
