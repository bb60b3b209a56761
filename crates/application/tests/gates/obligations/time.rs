//! What is true on a date, as known by the entries there are: sources that end, a partnership that
//! is dissolved, late entries and corrections.

use dutyledger_domain::obligations::{Obligation, Status, obligations};
use dutyledger_domain::rules::enacted;
use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::partnership::{CoverageStated, PartnershipDissolved};
use dutyledger_domain::streams::strategy::StrategyEvent as E;
use dutyledger_domain::{ActionStatus, ExceptedDuty, ReviewDecision, ReviewScope};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use super::{having, row};
use crate::given::*;

fn adopted() -> Setting {
    having(&strategy().adopted("2023-03-01", 1))
}

#[test]
fn past_what_the_sources_reach_nothing_is_known_to_be_owed() {
    for fictional in [false, true] {
        let told = CoverageStated {
            covers_until: day("2024-03-02"),
            fictional,
        };
        let covered = adopted().with(&partnership().and("2024-03-02", told));
        for (id, known) in [("R-42.1", Status::Overdue), ("A-8.7a", Status::Due)] {
            row(id, &covered).on("2024-03-02").stands(known);
            let stands = row(id, &covered).on("2024-03-03").stands(Status::NotKnown);
            assert_eq!(stands.0.next, None);
        }
        // What the record shows stays shown.
        row("R-10.2", &covered)
            .on("2024-03-03")
            .stands(Status::Satisfied);
        for one in on(&covered, "2024-03-03") {
            let owed = matches!(one.status, Status::Due | Status::Overdue);
            assert!(!owed, "{one:#?}");
        }
    }
}

#[test]
fn a_date_ahead_is_known_whatever_the_sources_reach_and_what_may_have_begun_is_not() {
    let told = CoverageStated {
        covers_until: day("2023-06-01"),
        fictional: false,
    };
    let covered = setting().with(&partnership().and("2023-06-01", told));
    row("R-10.4", &covered)
        .on("2024-01-30")
        .stands(Status::NotYetDue);
    row("R-10.4", &covered)
        .on("2024-02-01")
        .stands(Status::NotKnown);
    row("A-8.7a", &covered)
        .on("2023-06-01")
        .stands(Status::NotYetDue);
    row("A-8.7a", &covered)
        .on("2023-06-02")
        .stands(Status::NotKnown);
}

#[test]
fn a_dissolved_partnership_owes_nothing_any_more() {
    let dissolved = partnership().and("2024-02-01", PartnershipDissolved { note: None });
    let over = adopted().with(&dissolved);
    for id in ["R-42.1", "R-14.3", "A-8.7a", "A-8.7b", "R-10.5"] {
        row(id, &over)
            .on(TODAY)
            .stands(Status::NotApplicable)
            .undated()
            .because("stays with the authorities");
        let before = row(id, &over).on("2024-01-31").all();
        assert_ne!(before[0].status, Status::NotApplicable, "{id}");
    }
    // Nor does anybody work together in it any more, though it was formed and they took part.
    for (id, of) in [
        ("R-10.1", None),
        ("R-120.1", Some(FIRE)),
        ("A-11.6", Some(FIRE)),
    ] {
        let asked = |on| match of {
            Some(body) => row(id, &over).of(body).on(on),
            None => row(id, &over).on(on),
        };
        asked("2024-01-31").stands(Status::Satisfied);
        asked("2024-02-01")
            .stands(Status::NotApplicable)
            .because("stays with the authorities");
    }
    row("R-10.2", &over).on(TODAY).stands(Status::Satisfied);
    for one in on(&over, TODAY) {
        assert!(!one.status.asks_for_something(), "{one:#?}");
    }
}

#[test]
fn a_late_entry_counts_from_its_own_date() {
    let late = strategy()
        .adopted("2023-03-01", 1)
        .and_so("2023-02-01", published(), past_fact);
    let setting = having(&late);
    row("A-8.7a", &setting)
        .on("2023-02-28")
        .stands(Status::NotYetDue);
    row("A-8.7a", &setting)
        .on("2023-03-01")
        .stands(Status::Satisfied);
}

#[test]
fn what_is_withdrawn_never_counted() {
    let adopted = strategy().adopted("2023-03-01", 1);
    let withdrawn = adopted
        .clone()
        .published("2023-03-02", 1)
        .corrected("2024-06-01");
    for date in ["2023-03-02", DECIDED_ON, TODAY] {
        assert_eq!(on(&having(&withdrawn), date), on(&having(&adopted), date));
    }
    row("A-8.7a", &having(&withdrawn))
        .stands(Status::Due)
        .shown_by(&[]);
}

fn published() -> E {
    let published = strategy().published("2023-03-01", 1);
    published.entries.last().unwrap().payload.clone()
}

fn on(setting: &Setting, date: &str) -> Vec<Obligation> {
    obligations(partnership_id(), &setting.histories, enacted().0, day(date))
}

/// All that may happen to a strategy, after it is drafted.
fn events() -> Vec<E> {
    let whole = strategy()
        .adopted("2023-03-01", 1)
        .published("2023-03-01", 1)
        .progressed("2023-04-01", ActionStatus::Completed)
        .claimed_by("2023-04-01", SCHOOL, ExceptedDuty::CarryOutActions)
        .touching("2023-04-01", PRISON)
        .agreed_by("2023-04-01", PRISON)
        .reviewed("2023-09-01", ReviewScope::Whole, ReviewDecision::Revise)
        .revision("2023-10-01", 2)
        .prepared("2023-11-01", 2)
        .adopted("2023-12-01", 2)
        .published("2023-12-01", 2);
    let drafted = |event: &E| matches!(event, E::StrategyDrafted(_));
    let events = whole.entries.into_iter().map(|entry| entry.payload);
    events.filter(|event| !drafted(event)).collect()
}

const DATES: [&str; 5] = [
    "2022-06-01",
    "2023-01-31",
    "2023-03-01",
    "2024-02-01",
    "2024-03-02",
];

/// The events in some order, each on one of the dates, some of them withdrawn on a later entry.
fn told(order: &[(usize, usize, bool)]) -> Past<Strategy> {
    let events = events();
    order
        .iter()
        .fold(drafted(SECTION_8), |past, (event, date, withdrawn)| {
            let past = past.and(DATES[*date], events[*event].clone());
            if *withdrawn {
                past.corrected(DATES[4])
            } else {
                past
            }
        })
}

/// The entries that stay, as if there had never been others.
fn keeping(past: &Past<Strategy>, stays: impl Fn(&Entry) -> bool) -> Past<Strategy> {
    let mut kept = past.clone();
    kept.entries.retain(stays);
    for (at, entry) in kept.entries.iter_mut().enumerate() {
        entry.version = at as u64 + 1;
    }
    kept
}

type Entry = dutyledger_record::Envelope<E>;

fn orders() -> impl proptest::strategy::Strategy<Value = Vec<(usize, usize, bool)>> {
    let all: Vec<_> = (0..events().len()).collect();
    let length = all.len();
    let dates = proptest::collection::vec((0..DATES.len(), proptest::bool::weighted(0.2)), length);
    (Just(all).prop_shuffle(), dates, 0..=length).prop_map(|(events, dates, some)| {
        let dated = events.into_iter().zip(dates);
        dated
            .take(some)
            .map(|(event, (date, gone))| (event, date, gone))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_dated_later_or_withdrawn_changes_nothing(order in orders(), date in 0..DATES.len()) {
        let told = told(&order);
        let date = DATES[date];
        let answered = on(&having(&told), date);

        let withdraws = |entry: &Entry| entry.standing.corrects.is_some();
        let earlier = keeping(&told, |entry| {
            withdraws(entry) || entry.standing.occurred_on.date <= day(date)
        });
        prop_assert_eq!(&answered, &on(&having(&earlier), date));

        let withdrawn: Vec<_> = told.entries.iter().filter_map(|e| e.standing.corrects).collect();
        let standing = keeping(&told, |entry| {
            !withdraws(entry) && !withdrawn.contains(&entry.entry_id)
        });
        prop_assert_eq!(&answered, &on(&having(&standing), date));
    }
}
