//! Time: a command is decided on the state as true on its own date, and late entries and
//! corrections change what is known, never what was written.

use dutyledger_domain::streams::partnership::{AmendPartnership, PartnershipAmended};
use dutyledger_domain::streams::strategy::{
    AdoptVersion, StrategyEvent as E, ViolenceKindIdentified,
};
use dutyledger_domain::streams::{CorrectEntry, Partnership, Strategy};
use dutyledger_domain::{RefusalCode, ViolenceCategory};
use dutyledger_record::{Basis, EntryId};

use crate::given::*;

fn adopting(past: Past<Strategy>) -> When<Strategy> {
    given(past, setting()).when(POLICE.key(), AdoptVersion { version: 1 })
}

fn a_kind() -> ViolenceKindIdentified {
    ViolenceKindIdentified {
        assessment: None,
        category: ViolenceCategory::Robbery,
        description: None,
        kind: item("another kind"),
        version: 1,
    }
}

fn named(name: &str) -> PartnershipAmended {
    PartnershipAmended { name: text(name) }
}

fn name_on(past: &Past<Partnership>, on: &str) -> String {
    past.state(on).name.unwrap().to_string()
}

#[test]
fn a_command_dated_in_the_past_is_decided_on_the_state_then() {
    let past = strategy()
        .without(|e| matches!(e, E::ViolenceKindIdentified(_)))
        .and("2024-02-10", a_kind())
        .agreed_on("2024-02-10", 1, &SPECIFIED);
    adopting(past.clone())
        .on("2024-02-09")
        .refused(RefusalCode::RuleNotMet, &["R-10.2"]);
    adopting(past.clone()).on("2024-02-10").met();

    // What it rests on is taken as true on that date too.
    let setting = setting().with(&town().having(NEW_SCHOOL, "2024-02-11"));
    let when = given(past, setting).when(POLICE.key(), AdoptVersion { version: 1 });
    when.clone().on("2024-02-10").met();
    when.on("2024-02-11")
        .refused(RefusalCode::RuleNotMet, &["R-10.6"]);
}

#[test]
fn an_entry_carries_its_date_its_version_and_what_it_rested_on() {
    let past = strategy();
    let version = past.entries.len() as u64 + 1;
    let entry = adopting(past).on("2024-02-10").accepted().remove(0);
    assert_eq!(entry.version, version);
    assert_eq!(entry.standing.occurred_on.date, day("2024-02-10"));
    assert_eq!(entry.standing.partnerships, [partnership_id()]);
    assert_eq!(
        entry.standing.rules,
        dutyledger_domain::rules::enacted_ref()
    );
    let rested = |stream_type: &str, id, version| {
        let found = |s: &dutyledger_record::RestsOn| {
            s.stream_type.as_str() == stream_type && s.id == id && s.version == version
        };
        assert!(entry.standing.rests_on.iter().any(found), "{stream_type}");
    };
    rested(
        "partnership",
        partnership_id(),
        partnership().entries.len() as u64,
    );
    rested("needs-assessment", assessment_id(), 2);
    rested("area", town_id(), town().entries.len() as u64);
}

#[test]
fn an_entry_before_the_opening_is_refused() {
    let amending = given(partnership(), setting()).when(
        POLICE.key(),
        AmendPartnership {
            name: text("Before its time"),
        },
    );
    for when in [amending.clone(), amending.clone().past_fact(None)] {
        let refusal = when
            .on("2022-01-31")
            .refused(RefusalCode::DateBeforeOpening, &[]);
        assert_eq!(refusal.pointer.as_deref(), Some("/occurred_on"));
    }
    amending.on("2022-02-01").met();
}

#[test]
fn late_entries_take_their_place_by_date_and_on_one_date_by_version() {
    let past = partnership()
        .and("2024-03-01", named("March"))
        .and("2024-02-01", named("February, told late"))
        .and("2024-03-01", named("March, told again"));
    assert_eq!(name_on(&past, "2024-01-31"), "The partnership");
    assert_eq!(name_on(&past, "2024-02-15"), "February, told late");
    assert_eq!(name_on(&past, "2024-03-01"), "March, told again");

    let without_the_last = past.without(|e| *e == named("March, told again").into());
    assert_eq!(name_on(&without_the_last, "2024-03-01"), "March");
}

#[test]
fn a_correction_withdraws_from_then_on_and_both_entries_stay() {
    let before = partnership().and("2024-02-01", named("A mistake"));
    let after = before.clone().corrected("2024-05-01");
    assert_eq!(
        name_on(&before, "2024-03-01"),
        "A mistake",
        "as it was known then"
    );
    assert_eq!(
        name_on(&after, "2024-03-01"),
        "The partnership",
        "as it is known now"
    );
    assert_eq!(after.history().version(), before.history().version() + 1);
}

#[test]
fn a_decision_does_not_rest_on_what_was_withdrawn() {
    let past = strategy()
        .without(|e| matches!(e, E::AuthorityConsulted(e) if e.authority == PRISON.id()))
        .consulting("2024-02-01", 1, PRISON)
        .corrected("2024-02-02")
        .agreed_on("2024-02-02", 1, &SPECIFIED);
    adopting(past).refused(RefusalCode::RuleNotMet, &["R-10.6"]);
}

#[test]
fn what_may_be_corrected_and_what_not() {
    let correcting = |past: &Past<Partnership>, entry_id: EntryId| {
        given(past.clone(), setting()).when(
            POLICE.key(),
            CorrectEntry {
                entry_id,
                reason: None,
            },
        )
    };
    let past = partnership().and("2024-02-01", named("A mistake"));
    let entry = correcting(&past, past.last()).accepted().remove(0);
    assert_eq!(entry.standing.corrects, Some(past.last()));

    let corrected = past.clone().corrected("2024-02-02");
    let administrative = partnership().and_so("2024-02-01", named("By the operator"), |standing| {
        standing.basis = Basis::Administrative;
    });
    for (why, past, entry_id) in [
        ("its opening", &past, past.entries[0].entry_id),
        (
            "an administrative entry",
            &administrative,
            administrative.last(),
        ),
        ("a correction", &corrected, corrected.last()),
        ("what is withdrawn", &corrected, past.last()),
        ("an entry of another stream", &past, strategy().last()),
    ] {
        println!("{why}");
        let refusal = correcting(past, entry_id).refused(RefusalCode::Invalid, &[]);
        assert_eq!(refusal.pointer.as_deref(), Some("/particulars/entry_id"));
    }
}
