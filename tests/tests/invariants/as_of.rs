//! As-of answers against a fold of the entry list, and obligations against what explains a change.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;
use std::sync::LazyLock;

use chrono::{Days, Months, NaiveDate};
use dutyledger_domain::obligations::{Obligation, obligations};
use dutyledger_domain::{Histories, History, StreamKind, by_kind, rules};
use dutyledger_projections::Projections;
use dutyledger_record::{Record, Stream, StreamId};
use dutyledger_tests::repository;
use serde_json::Value;

use crate::play::{Play, Step};
use crate::reader::{at, counted, date, position, stream, text};

/// How many pairs of a date and a position are asked about.
const PAIRS: usize = 6;
const LAST: NaiveDate = NaiveDate::MAX;

fn record(entry: &Value) -> Record {
    Record::parse(&entry.to_string()).unwrap()
}

/// The state the entries of a stream come to, one after the other.
fn folded<K: StreamKind>(entries: &[&Value]) -> K::State {
    let mut state = K::State::default();
    for entry in entries {
        let read = History::<K>::read(once(record(entry))).unwrap();
        for envelope in read.entries() {
            K::evolve(&mut state, envelope);
        }
    }
    state
}

fn streams(entries: &[Value]) -> BTreeMap<&str, Vec<&Value>> {
    let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in entries {
        streams.entry(stream(entry)).or_default().push(entry);
    }
    streams
}

fn histories(entries: &[Value], known: u64) -> Histories {
    let known: Vec<_> = entries
        .iter()
        .filter(|e| position(e) <= known && text(e, "/stream/type") != "ledger")
        .cloned()
        .collect();
    let mut all = Histories::default();
    for of_stream in streams(&known).into_values() {
        let name: Stream = serde_json::from_value(of_stream[0]["stream"].clone()).unwrap();
        let records = of_stream.iter().map(|e| record(e)).collect();
        all.read(&name, records).unwrap();
    }
    all
}

/// What a ledger answers is what its entry list says.
pub(crate) async fn agrees(play: &Play, entries: &[Value], steps: &[Step]) {
    let first = NaiveDate::from_ymd_opt(2023, 1, 30).unwrap();
    let head = entries.len() as u64;
    let pairs: Vec<_> = steps
        .iter()
        .take(PAIRS)
        .map(|s| {
            let on = first + Days::new(u64::from(s.a) * 6 + u64::from(s.day));
            (on, 1 + (u64::from(s.b) * 256 + u64::from(s.c)) % head)
        })
        .collect();
    for (on, known) in &pairs {
        states_agree(play, entries, *on, *known).await;
        for partnership in &play.partnerships {
            changes_are_explained(entries, *partnership, *on, *known);
        }
    }
    rows_agree(play, entries).await;
}

/// As true on a date, as known at a position: what is read from the ledger is the fold of the list.
async fn states_agree(play: &Play, entries: &[Value], on: NaiveDate, known: u64) {
    let counted = counted(entries, known, &on.to_string());
    for (id, of_stream) in streams(entries) {
        let here: Vec<_> = counted
            .iter()
            .copied()
            .filter(|e| stream(e) == id)
            .collect();
        let stream_id: StreamId = id.parse().unwrap();
        by_kind!(text(of_stream[0], "/stream/type"), K => {
            let ledger = play.bus.ledger();
            let history = dutyledger_application::load::history::<K>(ledger, stream_id, Some(known));
            let answered = history.await.unwrap().state(on);
            assert!(*answered == folded::<K>(&here), "{} on {on}, known at {known}", K::NAME);
        }, else {});
    }
}

/// The rows are what the list comes to at its head.
async fn rows_agree(play: &Play, entries: &[Value]) {
    let ledger = play.bus.ledger();
    let (rows, mut projector) = Projections::open(play.home.projections.clone(), ledger)
        .await
        .unwrap();
    projector.catch_up(|_, _| ()).await.unwrap();
    let counted = counted(entries, u64::MAX, "9999");
    for (id, of_stream) in streams(entries) {
        let here: Vec<_> = counted
            .iter()
            .copied()
            .filter(|e| stream(e) == id)
            .collect();
        let stream_id: StreamId = id.parse().unwrap();
        by_kind!(text(of_stream[0], "/stream/type"), K => {
            let row = rows.stream::<K>(stream_id).await.unwrap().unwrap();
            assert!(row.state == folded::<K>(&here), "the row of {} {id}", K::NAME);
            assert_eq!(row.version, of_stream.len() as u64);
        }, else {});
    }
    rows.close().await;
    projector.close().await;
}

fn owed(histories: &Histories, partnership: StreamId, on: NaiveDate) -> Vec<Obligation> {
    obligations(partnership, histories, rules::enacted().0, on)
}

/// Obligations as they stand: without the words, which may count days.
fn standing(all: &[Obligation]) -> Vec<Value> {
    let each = all.iter().map(|one| {
        serde_json::json!([
            one.rule,
            one.authority,
            one.about,
            one.status,
            one.due,
            one.evidence
        ])
    });
    each.collect()
}

/// From one position to the next, and from one day to the next, obligations change only where an
/// entry or a date explains it.
fn changes_are_explained(entries: &[Value], partnership: StreamId, on: NaiveDate, known: u64) {
    let (now, today) = (histories(entries, known), on.to_string());
    let before = standing(&owed(&now, partnership, on));
    if let Some(next) = entries.get(usize::try_from(known).unwrap()) {
        let after = standing(&owed(&histories(entries, known + 1), partnership, on));
        if before != after {
            let withdraws = entries.iter().find(|e| {
                !at(next, "/corrects").is_null() && at(e, "/entry_id") == at(next, "/corrects")
            });
            let dated = date(next) <= today.as_str()
                || withdraws.is_some_and(|wrong| date(wrong) <= today.as_str());
            let concerns = next["partnerships"]
                .as_array()
                .is_some_and(|of| of.contains(&serde_json::json!(partnership)));
            let register = matches!(
                text(next, "/stream/type"),
                "area" | "authority" | "direction" | "ledger"
            );
            assert!(
                dated && (concerns || register),
                "nothing in {next:#} explains what changed on {on} for {partnership}"
            );
        }
    }
    let tomorrow = on + Days::new(1);
    let after = standing(&owed(&now, partnership, tomorrow));
    if before != after {
        let mut dates = BTreeSet::new();
        for entry in entries.iter().filter(|e| position(e) <= known) {
            dates_in(entry, &mut dates);
        }
        dates_in(pack(), &mut dates);
        let explains = |day: NaiveDate| {
            // A date itself, the day after it, and twelve months on from it.
            [day, day + Days::new(1)].contains(&tomorrow)
                || day
                    .checked_add_months(Months::new(12))
                    .is_some_and(|due| [due, due + Days::new(1)].contains(&tomorrow))
        };
        assert!(
            dates.into_iter().filter(|day| *day < LAST).any(explains),
            "no date explains what changed on {tomorrow} for {partnership}, known at {known}"
        );
    }
}

/// The rule pack in force, as its file says it.
fn pack() -> &'static Value {
    static PACK: LazyLock<Value> = LazyLock::new(|| {
        let pack = rules::enacted().0;
        let name = format!("crates/domain/packs/{}.r{}.json", pack.name, pack.revision);
        let text = std::fs::read_to_string(repository().join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    });
    &PACK
}

/// Every date anywhere in a value.
fn dates_in(value: &Value, found: &mut BTreeSet<NaiveDate>) {
    match value {
        Value::String(text) => {
            let date = text.parse::<NaiveDate>().ok();
            found.extend(date.filter(|_| text.len() == 10));
        }
        Value::Array(items) => items.iter().for_each(|item| dates_in(item, found)),
        Value::Object(members) => members.values().for_each(|item| dates_in(item, found)),
        _ => {}
    }
}
