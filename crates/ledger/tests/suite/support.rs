//! What the tests share: a ledger in a folder of its own, a clock that is set, and entries.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use dutyledger_ledger::{Append, Clock, Ledger, OpenError, Opening, Options, StreamAppend};
use dutyledger_record::{
    Basis, Draft, EntryError, EntryId, Envelope, Event, LedgerId, OccurredOn, Principal,
    RulePackRef, Standing, Stream, StreamId, StreamType,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// A clock that stands where it is set.
#[derive(Clone)]
pub(crate) struct SetClock(Arc<Mutex<DateTime<Utc>>>);

impl SetClock {
    pub(crate) fn set(&self, at: DateTime<Utc>) {
        *self.0.lock().unwrap() = at;
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn at(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, hour, 0, 0).unwrap()
}

/// A place for a ledger.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) clock: SetClock,
}

impl Place {
    pub(crate) fn new() -> Self {
        let clock = SetClock(Arc::new(Mutex::new(at(12))));
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) async fn try_open(&self, ledger: u128) -> Result<Ledger, OpenError> {
        let clock = Arc::new(self.clock.clone());
        Ledger::open(Options::at(self.path()), clock, |_| opening(ledger)).await
    }

    pub(crate) async fn open(&self) -> Ledger {
        self.try_open(LEDGER).await.unwrap()
    }
}

pub(crate) const LEDGER: u128 = 0xd0;

pub(crate) fn opening(ledger: u128) -> Result<Opening, EntryError> {
    let ledger = LedgerId::new(Uuid::from_u128(ledger));
    let draft = draft_in(ledger, &stream(0), 1, u128::MAX, json!({"founded": true}))?;
    Ok(Opening { ledger, draft })
}

pub(crate) fn stream(n: u128) -> Stream {
    Stream::new(
        StreamType::of("strategy"),
        StreamId::new(Uuid::from_u128(n)),
    )
}

pub(crate) fn draft_in(
    ledger: LedgerId,
    stream: &Stream,
    version: u64,
    entry: u128,
    payload: Value,
) -> Result<Draft, EntryError> {
    let entry = Envelope {
        entry_id: EntryId::new(Uuid::from_u128(entry)),
        stream: stream.clone(),
        version,
        standing: Standing {
            basis: Basis::Administrative,
            causation_id: None,
            correlation_id: Uuid::from_u128(entry),
            corrects: None,
            occurred_on: OccurredOn {
                assumed: false,
                date: NaiveDate::from_ymd_opt(2024, 1, 31).unwrap(),
            },
            on_behalf_of: vec![],
            partnerships: vec![],
            past_fact: None,
            principal: Principal::SYSTEM,
            reported: false,
            rests_on: vec![],
            rules: RulePackRef {
                pack: "test".into(),
                revision: 1,
            },
            source: None,
            warnings: vec![],
        },
        payload,
    };
    Draft::new(
        ledger,
        Event {
            schema_version: 1,
            event_type: "Tested".into(),
        },
        &entry,
    )
}

/// `count` entries for a stream after `expected`, their ids counted from `entry`.
pub(crate) fn part(n: u128, expected: u64, count: u64, entry: u128) -> StreamAppend {
    let ledger = LedgerId::new(Uuid::from_u128(LEDGER));
    let stream = stream(n);
    let drafts = (expected + 1..=expected + count)
        .zip(entry..)
        .map(|(version, id)| draft_in(ledger, &stream, version, id, json!({"v": version})).unwrap())
        .collect();
    StreamAppend {
        stream,
        expected_version: expected,
        drafts,
    }
}

pub(crate) fn append(streams: Vec<StreamAppend>) -> Append {
    Append {
        streams,
        ..Append::default()
    }
}
