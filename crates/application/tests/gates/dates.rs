//! The one date for every first strategy: set in place of the pack's with a source, and
//! withdrawn; as true on a date; and how far it speaks.

use chrono::NaiveDate;
use dutyledger_domain::dates::Dates;
use dutyledger_domain::deadlines::{Dated, Ended, deadlines};
use dutyledger_domain::obligations::{Due, Status};
use dutyledger_domain::rules::{DRAFT, ENACTED, Provenance, RuleId, enacted_ref};
use dutyledger_domain::streams::List;
use dutyledger_domain::streams::deadline::{
    ActionDeadline, Announced, Announcement, DeadlineKind, WhatIsDue,
};
use dutyledger_domain::streams::direction::{
    ComplianceAccepted, DirectionIssued, DirectionWithdrawn,
};
use dutyledger_domain::streams::ledger::{
    DeadlineDateSet, LedgerMode, LedgerOpened, SetDeadlineDate,
};
use dutyledger_domain::streams::partnership::{
    MemberSucceeded, PartnershipAreaNamed, PartnershipAreaSet, PartnershipDissolved,
    PartnershipEvent, PartnershipFormed,
};
use dutyledger_domain::streams::strategy::{
    ActionDateSet, ActionDated, ActionLeftOut, ConsultationOpened, ConsultationResponseRecorded,
    ExceptionEnded, LeaveOutAction, ReviewCompleted, RevisionStarted, SetActionDate,
};
use dutyledger_domain::streams::{Direction, EntryCorrected, LedgerStream, Partnership, Strategy};
use dutyledger_domain::{
    ActionStatus, Duty, ExceptedDuty, MemberStanding, RefusalCode, ReviewDecision, ReviewScope,
    Route,
};
use dutyledger_record::{LedgerId, PlainText, RulePackRef, Source, Standing, StreamId};

use crate::given::*;
use crate::obligations::{having, row};

fn opened() -> Past<LedgerStream> {
    let rules = enacted_ref();
    Past::of(id("ledger")).and(
        "2022-01-01",
        LedgerOpened {
            ledger_id: LedgerId::new(item("ledger")),
            mode: LedgerMode::Live,
            pack: rules.pack,
            revision: rules.revision,
            pack_sha256: "0".repeat(64),
        },
    )
}

fn sourced(standing: &mut Standing) {
    let told = source(None);
    standing.source = Some(Source {
        date: told.date,
        reference: told.reference,
        sha256: told.sha256,
        title: told.title,
    });
}

fn setting_date(past: Past<LedgerStream>, on: &str, due_on: &str) -> Past<LedgerStream> {
    let set = DeadlineDateSet {
        due_on: day(due_on),
        provenance: Provenance::Regulations,
        rule: RuleId::of("R-10.4"),
    };
    past.and_so(on, set, sourced)
}

fn knowing(mut setting: Setting, ledger: &Past<LedgerStream>) -> Setting {
    setting.histories.dates = Dates::of(&ledger.history());
    setting
}

fn command(rule: &str, due_on: &str, provenance: Provenance) -> SetDeadlineDate {
    SetDeadlineDate {
        rule: RuleId::of(rule),
        due_on: day(due_on),
        provenance,
    }
}

#[test]
fn r_10_4_its_date_is_set_with_a_source_and_no_other_rows() {
    let asked = |rule: &str, due_on: &str, provenance| {
        let command = command(rule, due_on, provenance);
        let when = given(opened(), Setting::default()).when(OPERATOR, command);
        when.with_source()
    };
    let set = asked("R-10.4", "2024-03-31", Provenance::Regulations).accepted();
    assert!(set[0].standing.source.is_some());
    asked("R-10.4", "2024-03-31", Provenance::Regulations)
        .without_source()
        .refused(RefusalCode::SourceRequired, &[]);
    // What the guidance, the Act or a direction sets, and what has no date at all, stays as it is.
    for fixed in ["R-42.1", "A-8.7a", "R-129.1", "R-10.1", "R-17.1"] {
        asked(fixed, "2024-03-31", Provenance::Regulations).refused(RefusalCode::Invalid, &[]);
    }
    asked("R-0.0", "2024-03-31", Provenance::Regulations).refused(RefusalCode::NotFound, &[]);
    for own in [Provenance::Local, Provenance::None, Provenance::Direction] {
        asked("R-10.4", "2024-03-31", own).refused(RefusalCode::Invalid, &[]);
    }
    asked("R-10.4", "2023-01-30", Provenance::Act).refused(RefusalCode::Invalid, &[]);
}

#[test]
fn r_10_4_a_date_set_counts_from_its_own_day_says_its_source_and_can_be_withdrawn() {
    let set = setting_date(opened(), "2023-06-01", "2024-03-31");
    let set_by = set.last();
    let known = knowing(setting(), &set);
    row("R-10.4", &known)
        .on("2023-05-31")
        .stands(Status::NotYetDue)
        .due("2024-01-31", Provenance::Unverified);
    let stands = row("R-10.4", &known).on("2024-03-31").stands(Status::Due);
    let due = Due {
        on: day("2024-03-31"),
        provenance: Provenance::Regulations,
        set_by: Some(set_by),
    };
    assert_eq!(stands.0.due, Some(due));
    stands.because("Minutes of the board, item 4");
    row("R-10.4", &known)
        .on("2024-04-01")
        .stands(Status::Overdue);
    // Not known yet, it is the pack's.
    row("R-10.4", &setting())
        .on("2024-03-31")
        .stands(Status::Overdue)
        .due("2024-01-31", Provenance::Unverified);
    // The last one set holds, whenever it was recorded; one that is withdrawn never did.
    let again = setting_date(set, "2023-07-01", "2024-05-31");
    row("R-10.4", &knowing(setting(), &again))
        .on("2024-04-30")
        .stands(Status::NotYetDue);
    let withdrawn = again.corrected("2023-08-01");
    let stands = row("R-10.4", &knowing(setting(), &withdrawn))
        .on("2024-04-30")
        .stands(Status::Overdue);
    assert_eq!(stands.0.due, Some(due));
    // The draft has no such date.
    row("R-10.4", &known)
        .in_the_draft()
        .stands(Status::Due)
        .undated();
}

#[test]
fn r_10_4_the_date_runs_until_a_strategy_is_published_for_each_area() {
    let published = strategy()
        .adopted("2023-03-01", 1)
        .published("2023-04-01", 1);
    row("R-10.4", &having(&published))
        .on("2024-02-01")
        .stands(Status::Satisfied)
        .undated();
    let adopted = strategy().adopted("2023-03-01", 1);
    row("R-10.4", &having(&adopted))
        .on("2024-02-01")
        .stands(Status::Overdue)
        .due("2024-01-31", Provenance::Unverified)
        .because("published");
    // What was published before the next town came in was not for it.
    let wider = resetting(partnership(), "2023-12-01", &[town_id(), next_town_id()]);
    let both = having(&published).with(&wider);
    row("R-10.4", &both)
        .on("2024-02-01")
        .stands(Status::Overdue);
    let again = published.revision("2024-01-10", 2).adopted("2024-01-20", 2);
    let again = again.published("2024-01-21", 2);
    row("R-10.4", &both.with(&again))
        .on("2024-02-01")
        .stands(Status::Satisfied);
}

/// The dates for areas, in the order of the areas and of the dates.
fn for_areas(setting: &Setting) -> Vec<(StreamId, NaiveDate, Dated)> {
    let all = deadlines(partnership_id(), &setting.histories).into_iter();
    let mut found: Vec<_> = all
        .filter_map(|dated| match &dated.set {
            WhatIsDue::Area(set) => Some((set.area, set.due_on, dated.clone())),
            WhatIsDue::Own(_) | WhatIsDue::Action(_) => None,
        })
        .collect();
    found.sort_by_key(|(area, due, _)| (*area, *due));
    found
}

fn only(setting: &Setting) -> Dated {
    let mut found = for_areas(setting);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0).2
}

#[test]
fn r_10_4_each_area_has_a_date_of_its_own_that_publication_meets() {
    let both = setting().with(&partnership_of_both());
    let found = for_areas(&both);
    assert_eq!(found.len(), 2);
    assert_ne!(found[0].2.stream(), found[1].2.stream());
    let dated = only(&setting());
    assert_eq!((dated.set.rule().as_str(), dated.ended), ("R-10.4", None));
    assert_eq!(
        dated.set.counted_from(),
        partnership().named(&["PartnershipFormed"])[0]
    );
    let published = strategy()
        .adopted("2023-03-01", 1)
        .published("2024-04-01", 1);
    let (on, by) = (day("2024-04-01"), published.last());
    assert_eq!(only(&having(&published)).ended, Some(Ended::Met { on, by }));
    assert_eq!(only(&having(&published)).stream(), dated.stream());
}

#[test]
fn r_10_4_the_date_speaks_ahead_on_its_day_and_when_it_has_passed() {
    let dated = only(&setting());
    let says = |today: &str, announced| {
        let all = dated.to_announce(day("2022-02-02"), announced, day(today));
        all.into_iter().map(|(said, _)| said).collect::<Vec<_>>()
    };
    let nothing = Announced::default();
    assert_eq!(says("2023-12-31", nothing), []);
    assert_eq!(says("2024-01-01", nothing), [Announcement::Approached]);
    let late = false;
    let passed = [
        Announcement::Approached,
        Announcement::Reached { late },
        Announcement::Passed { late },
    ];
    assert_eq!(says("2024-02-01", nothing), passed);
    // Told of afterwards, it says one thing, marked late.
    let told = dated.to_announce(day("2025-01-01"), nothing, day("2025-01-01"));
    assert_eq!(
        told,
        [(Announcement::Passed { late: true }, day("2024-02-01"))]
    );
}

#[test]
fn a_date_told_of_less_than_30_days_before_is_announced_ahead_once_on_the_day_of_looking() {
    let adopted = strategy().adopted("2025-01-10", 1);
    let [year] = &of_reviews(&adopted)[..] else {
        panic!("one date");
    };
    let says = |announced, today: &str| {
        let told = year.to_announce(day("2025-12-20"), announced, day(today));
        told.into_iter()
            .map(|(said, on)| (said, on.to_string()))
            .collect::<Vec<_>>()
    };
    let nothing = Announced::default();
    let ahead = |on: &str| vec![(Announcement::Approached, on.to_owned())];
    assert_eq!(says(nothing, "2025-12-20"), ahead("2025-12-20"));
    assert_eq!(says(nothing, "2026-01-09"), ahead("2026-01-09"));
    let approached = Announced {
        approached: true,
        ..nothing
    };
    assert_eq!(says(approached, "2025-12-21"), []);
    // Once the day has come, that it was ahead is no news.
    let late = false;
    let reached = (Announcement::Reached { late }, "2026-01-10".to_owned());
    assert_eq!(says(nothing, "2026-01-10"), std::slice::from_ref(&reached));
    assert_eq!(says(approached, "2026-01-10"), [reached]);
    // Nor is it of what is done by then.
    let reviewed = adopted.reviewed("2025-12-15", ReviewScope::Whole, ReviewDecision::NoChange);
    let [year, _] = &of_reviews(&reviewed)[..] else {
        panic!("two dates");
    };
    assert_eq!(
        year.to_announce(day("2025-12-20"), nothing, day("2025-12-20")),
        []
    );
}

#[test]
fn r_10_4_another_date_lifts_the_one_before_and_withdrawing_it_brings_that_back() {
    let set = setting_date(opened(), "2023-06-01", "2024-03-31");
    let [(_, first, old), (_, second, new)] = &for_areas(&knowing(setting(), &set))[..] else {
        panic!("two dates");
    };
    assert_eq!((*first, *second), (day("2024-01-31"), day("2024-03-31")));
    let (on, by) = (day("2023-06-01"), set.last());
    assert_eq!(old.ended, Some(Ended::Lifted { on, by }));
    assert_eq!((new.ended, new.set.counted_from()), (None, by));
    assert_eq!((old.set.makes_late(), new.set.makes_late()), (false, true));
    // The formation, what named the area, and what set the date.
    assert_eq!(new.causes.len(), 3);
    let withdrawn = set.corrected("2023-07-01");
    let [(_, _, old), (_, _, new)] = &for_areas(&knowing(setting(), &withdrawn))[..] else {
        panic!("two dates");
    };
    let (on, by) = (day("2023-07-01"), withdrawn.last());
    assert_eq!(old.ended, None);
    assert_eq!(new.ended, Some(Ended::Lifted { on, by }));
}

#[test]
fn r_10_4_a_formation_that_is_withdrawn_takes_its_dates_back() {
    let standing = partnership_that_was_formed();
    let dated = only(&setting().with(&standing));
    let withdrawn = standing.corrected("2024-03-01");
    let lifted = only(&setting().with(&withdrawn));
    let (on, by) = (day("2024-03-01"), withdrawn.last());
    assert_eq!(lifted.ended, Some(Ended::Lifted { on, by }));
    assert_eq!(lifted.stream(), dated.stream());
    let announced = Announced {
        approached: true,
        reached: true,
        passed: true,
        ended: false,
    };
    assert_eq!(
        lifted.to_announce(day("2022-02-02"), announced, day("2024-03-01")),
        [(Announcement::Lifted { by }, on)]
    );
    let taken_back = Announced {
        ended: true,
        ..Announced::default()
    };
    assert_eq!(
        lifted.to_announce(day("2022-02-02"), taken_back, day(TODAY)),
        []
    );
    // Formed again by the day, the date holds again; formed after it, it does not.
    let formed = |on: &str| {
        let name = text("The partnership");
        let route = Route::CommunitySafetyPartnership;
        let again = withdrawn.clone().and(on, PartnershipFormed { name, route });
        only(&setting().with(&again)).ended
    };
    assert_eq!(formed("2024-01-31"), None);
    assert_eq!(formed("2024-02-01"), Some(Ended::Lifted { on, by }));
}

/// What is last is that it was formed.
fn partnership_that_was_formed() -> Past<Partnership> {
    let name = text("The partnership");
    let route = Route::CommunitySafetyPartnership;
    proposed(&[town_id()], &SPECIFIED).and("2022-02-02", PartnershipFormed { name, route })
}

#[test]
fn r_10_4_areas_that_were_set_by_mistake_take_their_dates_back() {
    let both = partnership_of_both();
    let wrong = both.those(|event| {
        matches!(event, PartnershipEvent::PartnershipAreaNamed(e) if e.area == next_town_id())
    })[0];
    let withdrawn = both.and_so("2024-03-01", EntryCorrected { reason: None }, |standing| {
        standing.corrects = Some(wrong);
    });
    let found = for_areas(&setting().with(&withdrawn));
    let (on, by) = (day("2024-03-01"), withdrawn.last());
    for (area, _, dated) in found {
        let gone = (area == next_town_id()).then_some(Ended::Lifted { on, by });
        assert_eq!(dated.ended, gone);
    }
}

#[test]
fn a_consultation_that_is_withdrawn_with_its_version_takes_its_date_back() {
    let revised = strategy()
        .adopted("2023-03-01", 1)
        .and(
            "2024-02-01",
            RevisionStarted {
                from_version: 1,
                version: 2,
            },
        )
        .corrected("2024-02-03")
        .and(
            "2024-02-02",
            ConsultationOpened {
                responses_by: day("2024-04-01"),
                version: 2,
            },
        )
        .corrected("2024-02-04");
    let all = deadlines(partnership_id(), &having(&revised).histories);
    let mut of_it = all
        .iter()
        .filter(|dated| dated.set.due_on() == day("2024-04-01"));
    let (on, by) = (day("2024-02-04"), revised.last());
    assert_eq!(of_it.next().unwrap().ended, Some(Ended::Lifted { on, by }));
    assert_eq!(of_it.next(), None);
}

#[test]
fn a_18_2_a_date_to_comply_by_ends_with_what_ended_its_own_direction() {
    let by = |date: &str| Some(day(date));
    let issued = |comply_by| DirectionIssued {
        comply_by,
        requires: text("Consult the prison"),
    };
    let ended = |past: &Past<Direction>| {
        let all = deadlines(partnership_id(), &setting().with(past).histories).into_iter();
        let mut all: Vec<_> = all
            .filter(|dated| dated.set.rule().as_str() == "A-18.2")
            .map(|dated| (dated.set.due_on().to_string(), dated.ended))
            .collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    };
    let satisfied = satisfied_that(COUNCIL, Duty::Consult);
    let again = satisfied.entries[0].payload.clone();
    let first = satisfied.and("2024-02-02", issued(by("2024-06-01")));
    assert_eq!(ended(&first), [("2024-06-01".to_owned(), None)]);
    let accepted = first.clone().and("2024-05-01", ComplianceAccepted {});
    let (on, met_by) = (day("2024-05-01"), accepted.last());
    let met = ("2024-06-01".to_owned(), Some(Ended::Met { on, by: met_by }));
    assert_eq!(ended(&accepted), std::slice::from_ref(&met));
    // Another failure, directed anew, changes nothing about it.
    let anew = accepted.and("2025-01-01", again);
    assert_eq!(ended(&anew), std::slice::from_ref(&met));
    let directed_anew = anew.and("2025-01-02", issued(by("2025-06-01")));
    assert_eq!(
        ended(&directed_anew),
        [met, ("2025-06-01".to_owned(), None)]
    );
    // Withdrawn, it is lifted; directed again by the same date, that holds again.
    let withdrawn = first.and("2024-05-01", DirectionWithdrawn { note: None });
    let (on, lifted_by) = (day("2024-05-01"), withdrawn.last());
    let lifted = Some(Ended::Lifted { on, by: lifted_by });
    assert_eq!(ended(&withdrawn), [("2024-06-01".to_owned(), lifted)]);
    let same = withdrawn.and("2024-05-02", issued(by("2024-06-01")));
    assert_eq!(ended(&same), [("2024-06-01".to_owned(), None)]);
}

#[test]
fn a_18_2_what_others_tell_of_a_direction_sets_no_date_beside_its_own_steps() {
    let issued = |comply_by: &str| DirectionIssued {
        comply_by: Some(day(comply_by)),
        requires: text("Consult the prison"),
    };
    let found = |past: &Past<Direction>| {
        let all = deadlines(partnership_id(), &setting().with(past).histories);
        let mut own = all.into_iter();
        own.find(|dated| dated.set.due_on() == day("2024-09-01"))
    };
    let told = satisfied_that(COUNCIL, Duty::Consult);
    let told = told.and_so("2024-03-01", issued("2024-09-01"), reported);
    let mut told_alone = told.clone();
    reported(&mut told_alone.entries[0].standing);
    assert_eq!(found(&told_alone).unwrap().ended, None);
    let by = told.entries[0].entry_id;
    let on = told.entries[0].standing.occurred_on.date;
    let passed_over = found(&told).unwrap();
    assert_eq!(passed_over.ended, Some(Ended::Lifted { on, by }));
    // Said before, it is taken back; and otherwise nothing is said of it.
    let announced = Announced {
        reached: true,
        ..Announced::default()
    };
    let today = day("2024-10-01");
    assert_eq!(
        passed_over.to_announce(on, announced, today),
        [(Announcement::Lifted { by }, today)]
    );
    assert_eq!(passed_over.to_announce(on, Announced::default(), today), []);
}

#[test]
fn a_date_that_had_passed_when_its_cause_was_recorded_is_late_from_the_very_next_day() {
    let dated = only(&setting());
    let due = dated.set.due_on();
    let said = |recorded_on: NaiveDate| {
        dated.to_announce(recorded_on, Announced::default(), day("2024-06-01"))
    };
    let next_day = due.succ_opt().unwrap();
    let passed = |late| (Announcement::Passed { late }, next_day);
    assert_eq!(said(next_day), [passed(true)]);
    let on_the_day = said(due);
    let reached = (Announcement::Reached { late: false }, due);
    assert_eq!(on_the_day, [reached, passed(false)]);
}

#[test]
fn r_10_4_an_area_has_a_date_where_the_partnership_was_for_it_by_then() {
    let both = [town_id(), next_town_id()];
    let of_next = |past: &Past<Partnership>| {
        let all = for_areas(&setting().with(past)).into_iter();
        let mut of_it = all.filter(|(area, ..)| *area == next_town_id());
        of_it.next().map(|(_, _, dated)| dated)
    };
    // It came after the date, and left again.
    let came = resetting(partnership(), "2024-06-01", &both);
    let left = resetting(came, "2025-01-01", &[town_id()]);
    assert_eq!(of_next(&left), None);
    // It left before the date: nothing was said of it, and nothing is, whatever comes after.
    let left = resetting(partnership_of_both(), "2023-09-01", &[town_id()]);
    let by = left.those(|e| matches!(e, PartnershipEvent::PartnershipAreaSet(_)));
    let (on, by) = (day("2023-09-01"), *by.last().unwrap());
    let reset = resetting(left.clone(), "2024-06-01", &[town_id()]);
    let came_back = resetting(left.clone(), "2024-06-01", &both);
    for past in [left, reset, came_back] {
        let dated = of_next(&past).unwrap();
        assert_eq!(dated.ended, Some(Ended::Lifted { on, by }));
        let said = dated.to_announce(day("2022-01-01"), Announced::default(), day(TODAY));
        assert_eq!(said, []);
    }
    // Set anew with the others, it never went.
    let anew = resetting(partnership_of_both(), "2024-06-01", &both);
    assert_eq!(of_next(&anew).unwrap().ended, None);
    // What others tell of areas changes nothing about them.
    let told = |past: Past<Partnership>| {
        let list = closed(List::Areas, &both, "2023-06-01");
        let set = PartnershipAreaSet {
            count: list.count,
            digest: list.digest,
        };
        let named = PartnershipAreaNamed {
            area: next_town_id(),
        };
        past.and_so("2023-06-01", set, reported)
            .and_so("2023-06-01", named, reported)
    };
    assert_eq!(of_next(&told(partnership())), None);
}

#[test]
fn r_10_4_an_area_named_in_error_had_the_date_until_that_was_withdrawn() {
    let named = partnership_of_both();
    let is_named = |e: &PartnershipEvent| matches!(e, PartnershipEvent::PartnershipAreaNamed(e) if e.area == next_town_id());
    let wrong = named.those(is_named)[0];
    let withdrawn = named.and_so("2024-03-01", EntryCorrected { reason: None }, |standing| {
        standing.corrects = Some(wrong);
    });
    let found = for_areas(&setting().with(&withdrawn));
    let of_it = found.iter().find(|(area, ..)| *area == next_town_id());
    let (on, by) = (day("2024-03-01"), withdrawn.last());
    assert_eq!(of_it.unwrap().2.ended, Some(Ended::Lifted { on, by }));
}

#[test]
fn a_18_2_a_date_cites_the_newest_row_of_the_pack_a_ledger_adopted_in_whichever_revision() {
    let issued = DirectionIssued {
        comply_by: Some(day("2024-06-01")),
        requires: text("Consult the prison"),
    };
    let directed = satisfied_that(COUNCIL, Duty::Consult).and("2024-02-02", issued);
    let adopted = having(&strategy().adopted("2024-01-15", 1)).with(&directed);
    let cited = |pack: &str, revision| {
        let mut histories = adopted.histories.clone();
        histories.rules = RulePackRef {
            pack: pack.to_owned(),
            revision,
        };
        let all = deadlines(partnership_id(), &histories).into_iter();
        let own = all.filter_map(|dated| match dated.set {
            WhatIsDue::Own(own) if own.kind != DeadlineKind::ConsultationCloses => {
                Some((own.rule.to_string(), own.provenance))
            }
            _ => None,
        });
        own.collect::<Vec<_>>()
    };
    let row = |rule: &str, provenance| (rule.to_owned(), provenance);
    let enacted = [
        row("R-42.1", Provenance::Guidance),
        row("A-18.2", Provenance::Direction),
    ];
    for revision in [1, 5, 6] {
        assert_eq!(cited(ENACTED, revision), enacted, "revision {revision}");
    }
    // The draft has no such row, and its year is its own.
    let draft = [
        row("R-42.1", Provenance::DraftGuidance),
        row("R-129.1", Provenance::Direction),
    ];
    assert_eq!(cited(DRAFT, 4), draft);
}

/// The dates of annual reviews.
fn of_reviews(past: &Past<Strategy>) -> Vec<Dated> {
    let mut all = deadlines(partnership_id(), &having(past).histories);
    all.retain(|dated| dated.set.rule().as_str() == "R-42.1");
    all
}

#[test]
fn r_42_1_a_review_on_an_assumed_day_ends_the_year_and_begins_none_that_is_known() {
    let adopted = strategy().adopted("2024-01-15", 1);
    let review = ReviewCompleted {
        decision: ReviewDecision::NoChange,
        review: item("review"),
        scope: ReviewScope::Whole,
        version: 1,
    };
    let reviewed = adopted.and_so("2024-12-01", review, assumed);
    let [year] = &of_reviews(&reviewed)[..] else {
        panic!("one date");
    };
    assert_eq!(year.set.due_on(), day("2025-01-15"));
    let (on, by) = (day("2024-12-01"), reviewed.last());
    assert_eq!(year.ended, Some(Ended::Met { on, by }));
    assert_eq!(
        year.to_announce(day("2024-01-15"), Announced::default(), day("2025-06-01")),
        []
    );
    row("R-42.1", &having(&reviewed))
        .on("2025-06-01")
        .stands(Status::NotKnown);
    // Nor does an adoption on an assumed day begin one.
    let assumed_adoption = strategy().and_so("2024-01-15", adoption(1), assumed);
    assert_eq!(of_reviews(&assumed_adoption), []);
}

#[test]
fn l_6_replies_by_all_or_adoption_end_the_time_for_responses_as_closing_does() {
    let reply = |body: Body| ConsultationResponseRecorded {
        authority: body.id(),
        response: None,
        version: 2,
    };
    let opened = ConsultationOpened {
        responses_by: day("2024-04-01"),
        version: 2,
    };
    let open = strategy()
        .adopted("2023-03-01", 1)
        .revision("2024-02-01", 2)
        .and("2024-02-02", opened)
        .consulting("2024-02-02", 2, SCHOOL)
        .consulting("2024-02-02", 2, PRISON);
    let ended = |past: &Past<Strategy>| {
        let mut all = deadlines(partnership_id(), &having(past).histories).into_iter();
        let of_it = all.find(|dated| dated.set.due_on() == day("2024-04-01"));
        of_it.unwrap().ended
    };
    let met = |on: &str, past: &Past<Strategy>| {
        let (on, by) = (day(on), past.last());
        Some(Ended::Met { on, by })
    };
    let one = open.and("2024-02-10", reply(SCHOOL));
    assert_eq!(ended(&one), None);
    let all = one.clone().and("2024-02-20", reply(PRISON));
    assert_eq!(ended(&all), met("2024-02-20", &all));
    let adopted = one.adopted("2024-03-01", 2);
    assert_eq!(ended(&adopted), met("2024-03-01", &adopted));
}

#[test]
fn r_42_1_no_review_is_due_on_a_day_before_the_duty_was_in_force() {
    let before = strategy().adopted("2022-01-30", 1);
    assert_eq!(of_reviews(&before), []);
    let on_the_day = strategy().adopted("2022-01-31", 1);
    assert_eq!(of_reviews(&on_the_day).len(), 1);
}

#[test]
fn the_date_of_an_action_cites_a_row_that_bears_on_whoever_has_it() {
    let cites = |bases, owner: Body| {
        let dated = ActionDated {
            action: action_id(),
            by: day("2024-02-01"),
            version: 1,
        };
        let past = strategy_under(bases, &[owner]).and("2022-05-04", dated);
        let adopted = past.adopted("2023-03-01", 1);
        of_actions(&adopted)[0].0.rule.as_str().to_owned()
    };
    for (owner, section_8, section_9) in [
        (POLICE, "R-10.5", "A-9.3"),
        (SCHOOL, "R-19.4", "R-19.4"),
        (POLICING_BODY, "R-18.1", "R-18.1"),
        (CHARITY, "A-8.6", "A-9.6"),
    ] {
        assert_eq!(cites(SECTION_8, owner), section_8, "{}", owner.name);
        assert_eq!(cites(SECTION_9, owner), section_9, "{}", owner.name);
    }
}

/// The dates of actions.
fn of_actions(past: &Past<Strategy>) -> Vec<(ActionDeadline, Option<Ended>)> {
    let all = deadlines(partnership_id(), &having(past).histories).into_iter();
    all.filter_map(|dated| match dated.set {
        WhatIsDue::Action(set) => Some((set, dated.ended)),
        _ => None,
    })
    .collect()
}

#[test]
fn r_10_5_the_date_of_an_action_holds_from_the_adoption_until_it_is_done_excepted_or_revised() {
    let by = day("2024-02-01");
    let (action, version) = (action_id(), 1);
    let dated = ActionDated {
        action,
        by,
        version,
    };
    let proposed = strategy().and("2022-05-04", dated);
    assert_eq!(of_actions(&proposed), []);
    let adopted = proposed.adopted("2023-03-01", 1);
    let [(set, None)] = &of_actions(&adopted)[..] else {
        panic!("one date");
    };
    assert_eq!((set.due_on, set.authority), (by, POLICE.id()));
    assert_eq!(
        (set.rule.as_str(), set.counted_from),
        ("R-10.5", adopted.last())
    );
    let ends = |past: &Past<Strategy>| of_actions(past)[0].1;
    let lifted = |on: &str, past: &Past<Strategy>| {
        let (on, by) = (day(on), past.last());
        Some(Ended::Lifted { on, by })
    };
    let done = adopted
        .clone()
        .progressed("2024-01-10", ActionStatus::Completed);
    let (on, met_by) = (day("2024-01-10"), done.last());
    assert_eq!(ends(&done), Some(Ended::Met { on, by: met_by }));
    let excepted = adopted
        .clone()
        .claimed_by("2024-01-11", POLICE, ExceptedDuty::CarryOutActions);
    assert_eq!(ends(&excepted), lifted("2024-01-11", &excepted));
    let over = ExceptionEnded {
        action: Some(action),
        authority: POLICE.id(),
        duty: ExceptedDuty::CarryOutActions,
    };
    assert_eq!(ends(&excepted.and("2024-01-12", over)), None);
    let withdrawn = adopted.clone().corrected("2024-01-13");
    assert_eq!(ends(&withdrawn), lifted("2024-01-13", &withdrawn));
    // A revised version that keeps the action keeps its date.
    let revised = adopted.revision("2024-01-14", 2).adopted("2024-01-15", 2);
    assert_eq!(ends(&revised), None);
    assert_eq!(of_actions(&revised).len(), 1);
}

#[test]
fn r_10_5_an_action_given_another_date_is_due_by_that_and_the_one_before_is_lifted() {
    let action = action_id();
    let set = |by: &str| ActionDateSet {
        action,
        by: day(by),
        owner: POLICE.id(),
        reason: None,
    };
    // One that had none is due by the date it is given.
    let adopted = strategy().adopted("2023-03-01", 1);
    assert_eq!(of_actions(&adopted), []);
    let dated = adopted.and("2023-06-01", set("2024-02-01"));
    let ends = |past: &Past<Strategy>| {
        let all = of_actions(past).into_iter();
        let mut all: Vec<_> = all.map(|(set, ended)| (set.due_on, ended)).collect();
        all.sort_by_key(|(due_on, _)| *due_on);
        all
    };
    let (first, second) = (day("2024-02-01"), day("2024-05-01"));
    assert_eq!(ends(&dated), [(first, None)]);
    let moved = dated.and("2023-12-01", set("2024-05-01"));
    let lifted = |on: &str, past: &Past<Strategy>| {
        let (on, by) = (day(on), past.last());
        Some(Ended::Lifted { on, by })
    };
    let first_lifted = lifted("2023-12-01", &moved);
    assert_eq!(ends(&moved), [(first, first_lifted), (second, None)]);
    // Given again, the first holds again; once that is withdrawn, the second does.
    let again = moved.and("2023-12-02", set("2024-02-01"));
    let second_lifted = lifted("2023-12-02", &again);
    assert_eq!(ends(&again), [(first, None), (second, second_lifted)]);
    let withdrawn = again.corrected("2023-12-03");
    assert_eq!(ends(&withdrawn), [(first, first_lifted), (second, None)]);
    // Moved before the strategy was adopted, the earlier date was never due.
    let before = strategy().and("2022-05-04", set("2024-02-01"));
    let before = before.and("2022-05-05", set("2024-05-01"));
    assert_eq!(ends(&before.adopted("2023-03-01", 1)), [(second, None)]);
}

#[test]
fn r_10_4_nothing_is_due_of_a_partnership_formed_later_or_on_an_assumed_day_or_for_an_area_gone() {
    let begun = proposed(&[town_id()], &SPECIFIED);
    assert_eq!(for_areas(&setting().with(&begun)), []);
    let dropped = resetting(partnership_of_both(), "2023-12-01", &[town_id()]);
    let found = for_areas(&setting().with(&dropped));
    let gone = found.iter().find(|(area, ..)| *area == next_town_id());
    assert!(matches!(gone.unwrap().2.ended, Some(Ended::Lifted { .. })));
    let came = resetting(partnership(), "2024-06-01", &[town_id(), next_town_id()]);
    assert_eq!(for_areas(&setting().with(&came)).len(), 1);
    let published = strategy()
        .adopted("2023-03-01", 1)
        .published("2023-04-01", 1);
    // It is asked for the area that came, and no date is about it.
    row("R-10.4", &having(&published).with(&came))
        .on(TODAY)
        .stands(Status::Due)
        .undated()
        .because("before 1 of the partnership's areas came");
    let revised = published.revision("2024-07-01", 2).adopted("2024-08-01", 2);
    row("R-10.4", &having(&revised).with(&came))
        .on(TODAY)
        .stands(Status::Satisfied);
    let over = partnership().and("2023-05-01", PartnershipDissolved { note: None });
    let (on, by) = (day("2023-05-01"), over.last());
    assert_eq!(
        only(&setting().with(&over)).ended,
        Some(Ended::Lifted { on, by })
    );
}

#[test]
fn r_10_5_an_action_is_over_once_a_version_that_leaves_it_out_is_adopted() {
    let past = strategy().and(
        "2022-05-04",
        ActionDated {
            action: action_id(),
            by: day("2024-06-30"),
            version: 1,
        },
    );
    let revised = past.adopted("2024-01-15", 1).revision("2024-12-01", 2);
    let command = |version| LeaveOutAction {
        version,
        action: action_id(),
    };
    let council = |past: &Past<Strategy>| given(past.clone(), setting());
    let left_out = council(&revised).when(COUNCIL.key(), command(2));
    let left_out = left_out.on("2024-12-02").done();
    let ended = |past: &Past<Strategy>| {
        let all = deadlines(partnership_id(), &having(past).histories).into_iter();
        let mut of_action = all.filter(|dated| matches!(dated.set, WhatIsDue::Action(_)));
        of_action.next().unwrap().ended
    };
    // It is owed until the version without it is adopted.
    assert_eq!(ended(&left_out), None);
    row("R-10.5", &having(&left_out))
        .on("2025-01-01")
        .stands(Status::Overdue);
    let adopted = left_out.clone().adopted("2025-01-10", 2);
    let lifted = Some(Ended::Lifted {
        on: day("2025-01-10"),
        by: adopted.last(),
    });
    assert_eq!(ended(&adopted), lifted);
    row("R-10.5", &having(&adopted))
        .on("2025-01-09")
        .stands(Status::Overdue);
    row("R-10.5", &having(&adopted))
        .on("2025-01-10")
        .stands(Status::Due);
    // It shows nothing of what the new version proposes.
    let proposed = adopted.named(&["ActionProposed"])[0];
    for (version, shows) in [(&revised, true), (&adopted, false)] {
        let setting = having(version);
        let stands = row("R-41.1", &setting).on("2025-01-10");
        let found = stands.stands(Status::Satisfied).0.evidence;
        assert_eq!(found.contains(&proposed), shows);
    }
    // Left out in error, it is there again.
    let corrected = left_out.corrected("2024-12-03").adopted("2025-01-10", 2);
    assert_eq!(ended(&corrected), None);
    // Nothing is left out of what is adopted, nor what is not there.
    council(&adopted)
        .when(COUNCIL.key(), command(2))
        .on("2025-02-01")
        .refused(RefusalCode::WrongState, &[]);
    let twice = revised.and(
        "2024-12-02",
        ActionLeftOut {
            action: action_id(),
            version: 2,
        },
    );
    let again = council(&twice).when(COUNCIL.key(), command(2));
    let refused = again.on("2024-12-03").refused(RefusalCode::NotFound, &[]);
    assert_eq!(refused.pointer.as_deref(), Some("/particulars/action"));
}

#[test]
fn r_10_5_whoever_carries_an_action_out_gives_it_a_date_to_come_and_says_why_one_moves() {
    let set = |by: &str, why: bool| SetActionDate {
        action: action_id(),
        by: day(by),
        reason: why.then(|| PlainText::new("The mentors are trained first.").unwrap()),
    };
    let adopted = || strategy().adopted("2023-03-01", 1);
    let by_owner = |past, command| given(past, setting()).when(POLICE.key(), command);
    // The first date needs no reason, and today is no day that has passed.
    let dated = by_owner(adopted(), set(TODAY, false)).done();
    let refused =
        |past: &Past<Strategy>, command, code| by_owner(past.clone(), command).refused(code, &[]);
    let without = refused(&dated, set("2029-01-01", false), RefusalCode::Invalid);
    assert_eq!(without.pointer.as_deref(), Some("/particulars/reason"));
    let late = refused(&dated, set("2023-06-01", true), RefusalCode::Invalid);
    assert_eq!(late.pointer.as_deref(), Some("/particulars/by"));
    refused(&dated, set(TODAY, true), RefusalCode::AlreadySo);
    by_owner(dated, set("2029-01-01", true)).done();
    // What happened elsewhere is told as it was.
    given(adopted(), setting())
        .when(POLICE.key(), set("2023-06-01", false))
        .past_fact(None)
        .done();
    let done = adopted().progressed("2024-01-10", ActionStatus::Completed);
    refused(&done, set("2029-01-01", true), RefusalCode::WrongState);
}

#[test]
fn r_10_5_an_action_is_over_with_whoever_was_to_carry_it_out() {
    let dated = ActionDated {
        action: action_id(),
        by: day("2024-06-30"),
        version: 1,
    };
    let past = strategy().and("2022-05-04", dated).adopted("2024-01-15", 1);
    let ended = |setting: &Setting| {
        let all = deadlines(partnership_id(), &setting.histories).into_iter();
        let mut of_action = all.filter(|dated| matches!(dated.set, WhatIsDue::Action(_)));
        of_action.next().unwrap().ended
    };
    assert_eq!(ended(&having(&past)), None);
    let lost = town().losing(POLICE, "2024-03-31");
    let lifted = |on: &str, by| Some(Ended::Lifted { on: day(on), by });
    assert_eq!(
        ended(&having(&past).with(&lost)),
        lifted("2024-03-31", lost.last())
    );
    // In the other of two areas it still exists.
    let both = having(&past).with(&partnership_of_both()).with(&lost);
    assert_eq!(ended(&both), None);
    let succeeded = MemberSucceeded {
        authority: POLICE.id(),
        capacity: POLICE.capacity,
        successor: id("next police"),
    };
    let succeeded = partnership().and("2024-04-01", succeeded);
    assert_eq!(
        ended(&having(&past).with(&succeeded)),
        lifted("2024-04-01", succeeded.last())
    );
    // Recognised once more, it is there again.
    let back = succeeded.joined_by("2024-05-01", POLICE, MemberStanding::Specified);
    assert_eq!(ended(&having(&past).with(&back)), None);
}
