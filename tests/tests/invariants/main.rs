//! The invariants of `tests/invariants.md`, over random histories decided by the real thing and read
//! by a naive reader of the entry list that shares no code with it.

mod as_of;
mod list;
mod play;
mod reader;
mod shown;
mod told;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use dutyledger_domain::streams::{
    Area, Authority, Direction, NeedsAssessment, Partnership, Strategy,
};
use dutyledger_domain::{Payload, StreamKind};
use dutyledger_record::LedgerId;
use dutyledger_test_nation::{Nation, Size};
use dutyledger_tests::{long, repository};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use uuid::Uuid;

use list::ALL;
use play::{Play, Step};
use reader::{Before, event, is_decision};

/// How often each invariant had something to say, and how often each event was recorded.
#[derive(Debug, Default)]
struct Seen {
    said: BTreeMap<&'static str, u32>,
    events: BTreeMap<String, u32>,
    decisions: BTreeMap<String, u32>,
    accepted: u32,
    refused: u32,
}

/// Asks every invariant of every entry.
fn check(entries: &[Value], seen: &mut Seen) -> Result<(), String> {
    for entry in entries {
        *seen.events.entry(event(entry).to_owned()).or_default() += 1;
        if is_decision(entry) {
            *seen.decisions.entry(event(entry).to_owned()).or_default() += 1;
        }
        let before = Before::of(entries, entry);
        for one in ALL {
            match (one.says)(&before) {
                None => {}
                Some(true) => *seen.said.entry(one.name).or_default() += 1,
                Some(false) => return Err(format!("{} does not hold of {entry:#}", one.name)),
            }
        }
    }
    Ok(())
}

fn step() -> impl Strategy_<Value = Step> {
    any::<(u8, u8, u8, u8, u8, u8, u8)>().prop_map(|(what, a, b, c, day, how, who)| Step {
        what,
        a,
        b,
        c,
        day,
        how,
        who,
    })
}

// `Strategy` is a strategy under the duty here.
use proptest::strategy::Strategy as Strategy_;

/// The entries of a ledger, as the leaf data say them.
async fn entries(play: &Play) -> Vec<Value> {
    let stored = play.bus.ledger().read(0, u32::MAX).await.unwrap();
    stored
        .iter()
        .map(|one| serde_json::from_str(&one.leaf_data).unwrap())
        .collect()
}

/// Every event of the streams that commands are decided on.
fn events() -> BTreeSet<&'static str> {
    fn of<K: StreamKind>() -> impl Iterator<Item = &'static str> {
        K::Event::schemas().into_iter().map(|s| s.event_type)
    }
    of::<Area>()
        .chain(of::<Authority>())
        .chain(of::<Partnership>())
        .chain(of::<NeedsAssessment>())
        .chain(of::<Strategy>())
        .chain(of::<Direction>())
        .collect()
}

/// How often each invariant has to have had something to say, lest it be believed for nothing.
const SAID_MIN: u32 = 3;

#[test]
fn no_accepted_sequence_of_decisions_reaches_a_forbidden_state() {
    let cases = if long() { 600 } else { 40 };
    let seen = RefCell::new(Seen::default());
    let every_step = RefCell::new(if long() { 30 } else { 1 });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // The same courses of action each time: what they reach is then no matter of luck.
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases,
            failure_persistence: None,
            max_shrink_iters: if long() { 200 } else { 10 },
            ..Config::default()
        },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let ran = runner.run(&prop::collection::vec(step(), 50..120), |steps| {
        runtime.block_on(async {
            let mut play = Play::found().await;
            for step in &steps {
                play.step(step).await;
            }
            let entries = entries(&play).await;
            let checked = {
                let mut seen = seen.borrow_mut();
                seen.accepted += play.accepted;
                seen.refused += play.refused;
                check(&entries, &mut seen)
            };
            if checked.is_ok() {
                as_of::agrees(&play, &entries, &steps).await;
                let mut stepped = every_step.borrow_mut();
                if *stepped > 0 {
                    *stepped -= 1;
                    as_of::every_step_is_explained(&play, &entries);
                }
            }
            play.bus.close().await;
            checked.map_err(TestCaseError::fail)
        })
    });
    if let Err(error) = ran {
        panic!("{error}");
    }

    let seen = seen.into_inner();
    println!("{seen:#?}");
    let never: Vec<_> = events()
        .into_iter()
        .filter(|event| !seen.events.contains_key(*event))
        .collect();
    assert!(never.is_empty(), "never accepted: {never:?}");
    let rarely: Vec<_> = ALL
        .iter()
        .map(|one| (one.name, seen.said.get(one.name).copied().unwrap_or(0)))
        .filter(|(_, said)| *said < SAID_MIN)
        .collect();
    assert!(rarely.is_empty(), "hardly ever asked for: {rarely:?}");
    assert!(seen.refused * 5 > seen.accepted, "too few are refused");
}

#[test]
fn the_nation_holds_to_them() {
    const LEDGER: LedgerId =
        LedgerId::new(Uuid::from_u128(0x0193_1c2e_5a00_7000_8000_0000_0000_01ed));
    let size = Size {
        areas: if long() { 20 } else { 2 },
        years: 2,
        seed: 3,
    };
    // The reader reads everything anew for every entry: as many of them as it can.
    let entries_max = if long() { 6_000 } else { 900 };
    let (mut entries, mut after) = (Vec::new(), 0);
    for decided in Nation::new(size, LEDGER) {
        for (record, draft) in decided
            .records(LEDGER, after, size.today())
            .iter()
            .zip(decided.append(LEDGER).drafts)
        {
            let leaf = draft.leaf_data(record.position, record.recorded_at);
            entries.push(serde_json::from_str(&leaf).unwrap());
            after = record.position;
        }
        if entries.len() > entries_max {
            break;
        }
    }
    let mut seen = Seen::default();
    check(&entries, &mut seen).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(seen.said.len() > 20, "{seen:#?}");
}

/// The list in plain words names every function, and no other; and each row it cites is one.
#[test]
fn the_list_in_plain_words_is_the_list_that_is_checked() {
    let path = repository().join("tests/invariants.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let named: Vec<_> = rows
        .iter()
        .map(|row| row.split('`').nth(1).unwrap())
        .collect();
    let checked: Vec<_> = ALL.iter().map(|one| one.name).collect();
    assert_eq!(named, checked);
    let (pack, _) = dutyledger_domain::rules::enacted();
    let known: BTreeSet<_> = pack
        .rows
        .iter()
        .flat_map(|row| std::iter::once(&row.id).chain(&row.also))
        .map(|id| id.as_str().to_owned())
        .collect();
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert!(!cells[2].is_empty(), "{row}");
        for rule in cells[3].split([',', ' ']).filter(|rule| !rule.is_empty()) {
            let row_id = rule.starts_with("R-") || rule.starts_with("A-") || rule.starts_with("L-");
            assert!(!row_id || known.contains(rule), "{rule} is no row");
        }
    }
}
