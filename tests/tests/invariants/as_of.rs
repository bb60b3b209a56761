//! As-of answers against a fold of the entry list, and obligations against what explains a change.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;
use std::sync::LazyLock;

use chrono::{Days, Months, NaiveDate};
use dutyledger_domain::obligations::{Obligation, obligations};
use dutyledger_domain::triggers::{Trigger, triggers};
use dutyledger_domain::{Histories, History, StreamKind, by_kind, rules};
use dutyledger_projections::{Projections, TimelineFrom};
use dutyledger_record::{Record, Stream, StreamId};
use dutyledger_tests::repository;
use serde_json::Value;

use crate::play::{Play, Step};
use crate::reader::{at, counted, date, event, position, stream, text};
use crate::shown::{DUTIES, shown};
use crate::told::{Point, answered, members_rows, owed as owed_by_the_list, told};

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
        obligations_agree(play, entries, *on, *known).await;
    }
    rows_agree(play, entries).await;
}

/// Each step of a history is explained: every entry, and every day from its first to its last and
/// beyond.
pub(crate) fn every_step_is_explained(play: &Play, entries: &[Value]) {
    let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
    let mut read: Vec<Histories> = Vec::new();
    for known in 0..=entries.len() as u64 {
        read.push(histories(entries, known));
    }
    for partnership in &play.partnerships {
        for next in entries {
            let known = usize::try_from(position(next)).unwrap();
            let [before, after] = [&read[known - 1], &read[known]];
            let on_its_day = date(next).parse().unwrap();
            for on in [on_its_day, today] {
                an_entry_explains(entries, next, *partnership, on, before, after);
            }
        }
        let dates = explaining_dates(entries, entries.len() as u64);
        let head = &read[entries.len()];
        let mut day = NaiveDate::from_ymd_opt(2023, 1, 29).unwrap();
        let mut before = standing(&owed(head, *partnership, day));
        while day < today {
            day = day + Days::new(1);
            let after = standing(&owed(head, *partnership, day));
            a_date_explains(&dates, &before, &after, day, *partnership);
            before = after;
        }
    }
}

/// As true on a date, as known at a position: the obligations that the list alone tells of stand as it
/// tells.
async fn obligations_agree(play: &Play, entries: &[Value], on: NaiveDate, known: u64) {
    let names = streams(entries).into_values().map(|of_stream| {
        let name: Stream = serde_json::from_value(of_stream[0]["stream"].clone()).unwrap();
        name
    });
    let of_partnerships = names.filter(|name| name.stream_type.as_str() != "ledger");
    let ledger = play.bus.ledger();
    let read = dutyledger_application::load::histories(ledger, of_partnerships, known);
    let read = read.await.unwrap();
    let day = on.to_string();
    let point = Point::new(entries, &day, known);
    for partnership in &play.partnerships {
        let mut expected = owed_by_the_list(&point, &partnership.to_string());
        let rows: BTreeSet<String> = expected.iter().map(|o| text(o, "/0").to_owned()).collect();
        let all = owed(&read, *partnership, on).into_iter();
        let of_them = all.filter(|one| rows.contains(one.rule.as_str()));
        let in_force = on >= NaiveDate::from_ymd_opt(2023, 1, 31).unwrap();
        let mut found: Vec<_> = of_them
            .map(|o| {
                let due = o.due.map(|due| due.on);
                serde_json::json!([o.rule, o.authority, o.about, o.status, due])
            })
            .collect();
        if !in_force {
            found.retain(|o| o[3] != "not_applicable");
            expected.clear();
        }
        found.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(found, expected, "{partnership} on {on}, known at {known}");
    }
}

/// As true on a date, as known at a position: what is read from the ledger is the fold of the list.
async fn states_agree(play: &Play, entries: &[Value], on: NaiveDate, known: u64) {
    let day = on.to_string();
    let counted = counted(entries, known, &day);
    let point = Point::new(entries, &day, known);
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
            let state = history.await.unwrap().state(on);
            assert!(*state == folded::<K>(&here), "{} on {on}, known at {known}", K::NAME);
            if let Some(told) = told(&point, K::NAME, id) {
                let answered = answered(K::NAME, &serde_json::to_value(&*state).unwrap());
                let asked = format!("{} {id} on {on}, known at {known}", K::NAME);
                assert_eq!(answered, told, "{asked}");
            }
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
    for partnership in &play.partnerships {
        timeline_agrees(&rows, entries, *partnership).await;
        members_agree(&rows, entries, *partnership).await;
        triggers_agree(&rows, entries, *partnership).await;
    }
    rows.close().await;
    projector.close().await;
}

/// The timeline has each entry that names the partnership, once, with what withdrew it.
async fn timeline_agrees(rows: &Projections, entries: &[Value], partnership: StreamId) {
    let concerns = |e: &&Value| {
        let named = e["partnerships"].as_array();
        named.is_some_and(|all| all.contains(&serde_json::json!(partnership)))
    };
    let withdrawn_by = |wrong: &Value| {
        let by = entries
            .iter()
            .find(|e| at(e, "/corrects") == at(wrong, "/entry_id"));
        by.map(|by| text(by, "/entry_id").to_owned())
    };
    let expected: Vec<_> = entries
        .iter()
        .filter(concerns)
        .map(|e| {
            let id = text(e, "/entry_id").to_owned();
            (
                position(e),
                id,
                event(e).to_owned(),
                date(e).to_owned(),
                withdrawn_by(e),
            )
        })
        .collect();
    let (mut found, mut next) = (Vec::new(), Some(0));
    while let Some(after) = next {
        let page = rows.timeline(partnership, TimelineFrom::After(after), 50);
        let page = page.await.unwrap();
        found.extend(page.rows.into_iter().map(|row| {
            let by = row.withdrawn_by.map(|by| by.to_string());
            let (id, on) = (row.entry_id.to_string(), row.occurred_on.date.to_string());
            (row.position, id, row.event_type, on, by)
        }));
        next = page.next;
    }
    assert_eq!(found, expected, "the timeline of {partnership}");
}

/// The rows of members are those the list tells of.
async fn members_agree(rows: &Projections, entries: &[Value], partnership: StreamId) {
    let point = Point::new(entries, "9999", entries.len() as u64);
    let found = rows.members(partnership, None, 200).await.unwrap().rows;
    let found: serde_json::Map<_, _> = found
        .into_iter()
        .map(|m| {
            let row = serde_json::json!([m.capacity, m.standing, m.since, m.until]);
            (m.authority.to_string(), row)
        })
        .collect();
    let expected = members_rows(&point, &partnership.to_string());
    assert_eq!(Value::Object(found), expected, "members of {partnership}");
}

/// The rows of triggers are what the whole list comes to, read from its beginning, and each rests on
/// entries of the list that were not withdrawn.
async fn triggers_agree(rows: &Projections, entries: &[Value], partnership: StreamId) {
    let head = entries.len() as u64;
    let all = histories(entries, head);
    let withdrawn: BTreeSet<_> = entries.iter().map(|e| text(e, "/corrects")).collect();
    let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
    for on in [today, today + Days::new(1), today + Days::new(400)] {
        let mut expected = triggers(partnership, &all, on);
        expected.retain(|trigger| trigger.since <= on);
        expected.sort_by_key(|trigger| (trigger.since, trigger.id));
        let found = rows
            .triggers(Some(partnership), on, None, 500)
            .await
            .unwrap();
        let found: Vec<_> = found.rows.into_iter().map(|row| row.trigger).collect();
        assert_eq!(found, expected, "triggers of {partnership} on {on}");
        shown_as_told(entries, partnership, on, &found);
        for trigger in found {
            for entry in trigger.evidence {
                let id = entry.to_string();
                assert!(entries.iter().any(|e| text(e, "/entry_id") == id));
                assert!(!withdrawn.contains(id.as_str()), "{id} was withdrawn");
            }
        }
    }
}

/// Of the duties that the list alone tells of, the triggers are those it tells.
fn shown_as_told(entries: &[Value], partnership: StreamId, on: NaiveDate, found: &[Trigger]) {
    let day = on.to_string();
    let point = Point::new(entries, &day, entries.len() as u64);
    let mut told = shown(&point, &partnership.to_string());
    let found = found
        .iter()
        .map(|one| serde_json::json!([one.authority, one.duty, one.area, one.state, one.since]));
    let mut found: Vec<_> = found
        .filter(|one| DUTIES.contains(&text(one, "/1")))
        .collect();
    told.sort_by_key(Value::to_string);
    found.sort_by_key(Value::to_string);
    assert_eq!(found, told, "triggers of {partnership} on {on}");
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
    let now = histories(entries, known);
    if let Some(next) = entries.get(usize::try_from(known).unwrap()) {
        let then = histories(entries, known + 1);
        an_entry_explains(entries, next, partnership, on, &now, &then);
    }
    let tomorrow = on + Days::new(1);
    let before = standing(&owed(&now, partnership, on));
    let after = standing(&owed(&now, partnership, tomorrow));
    let dates = explaining_dates(entries, known);
    a_date_explains(&dates, &before, &after, tomorrow, partnership);
}

/// Where obligations change with an entry, it concerns the partnership, or the register, and is dated
/// by then, or withdraws one that is.
fn an_entry_explains(
    entries: &[Value],
    next: &Value,
    partnership: StreamId,
    on: NaiveDate,
    before: &Histories,
    after: &Histories,
) {
    let [before, after] = [before, after].map(|all| standing(&owed(all, partnership, on)));
    if before == after {
        return;
    }
    let today = on.to_string();
    let withdraws = entries
        .iter()
        .find(|e| !at(next, "/corrects").is_null() && at(e, "/entry_id") == at(next, "/corrects"));
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

/// The dates that stand in the record as known at a position, and in the rule pack.
fn explaining_dates(entries: &[Value], known: u64) -> BTreeSet<NaiveDate> {
    let mut dates = BTreeSet::new();
    for entry in entries.iter().filter(|e| position(e) <= known) {
        dates_in(entry, &mut dates);
    }
    dates_in(pack(), &mut dates);
    dates
}

/// Where obligations change with a day, a date explains it.
fn a_date_explains(
    dates: &BTreeSet<NaiveDate>,
    before: &[Value],
    after: &[Value],
    day: NaiveDate,
    partnership: StreamId,
) {
    if before == after {
        return;
    }
    let explains = |date: &NaiveDate| {
        // A date itself, the day after it, and twelve months on from it.
        [*date, *date + Days::new(1)].contains(&day)
            || date
                .checked_add_months(Months::new(12))
                .is_some_and(|due| [due, due + Days::new(1)].contains(&day))
    };
    assert!(
        dates.iter().filter(|date| **date < LAST).any(explains),
        "no date explains what changed on {day} for {partnership}"
    );
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
