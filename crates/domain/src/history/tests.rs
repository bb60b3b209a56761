//! The state kept beside a history is the fold of its entries by the definition, however they came.

use chrono::NaiveDate;
use proptest::prelude::*;
use uuid::Uuid;

use dutyledger_record::{Envelope, PublicText, StreamId};

use super::*;
use crate::streams::EntryCorrected;
use crate::streams::area::{
    Area, AreaAmended, AreaCodeRecorded, AreaEvent, AuthorityEnded, AuthorityRecorded,
};
use crate::testing::{Diary, Noted, day, entry, entry_id, folded};
use crate::values::{AreaKind, Capacity, CodeScheme};

/// The dates that entries of random histories have: few, so that many fall together.
const DAYS: u64 = 6;

/// The fold as `schemas/record.md` defines it, in the section “Time”.
fn by_definition<K: StreamKind>(
    entries: &[Envelope<K::Event>],
    on: NaiveDate,
    counts: impl Fn(&Envelope<K::Event>) -> bool,
) -> K::State {
    let mut counted: Vec<_> = entries
        .iter()
        .filter(|e| {
            let mut others = entries.iter();
            !others.any(|other| other.standing.corrects == Some(e.entry_id))
        })
        .filter(|e| e.standing.occurred_on.date <= on && counts(e))
        .collect();
    counted.sort_by_key(|e| (e.standing.occurred_on.date, e.version));
    let mut state = K::State::default();
    for entry in counted {
        K::evolve(&mut state, entry);
    }
    state
}

/// What happens to a history: an entry comes, a state is asked for, or a clone goes its own way.
#[derive(Clone, Debug)]
enum Step {
    Push {
        /// The date of the newest entry, or the one after it.
        next: bool,
        /// Another date.
        late: Option<u64>,
        /// By their number, entries that never come and come later included.
        corrects: Option<u64>,
        what: u8,
        about: u8,
    },
    Ask(u64),
    Clone,
}

fn step(steps: u64) -> impl Strategy<Value = Step> {
    // Most entries come in the order of their dates, as they do in life.
    let (next, late) = (prop::bool::weighted(0.1), 0..=DAYS);
    let corrects = prop::option::weighted(0.15, 1..=steps);
    let push = (
        next,
        prop::option::weighted(0.3, late),
        corrects,
        0..5u8,
        0..3u8,
    );
    prop_oneof![
        6 => push.prop_map(|(next, late, corrects, what, about)| Step::Push {
            next, late, corrects, what, about,
        }),
        2 => (0..=DAYS + 1).prop_map(Step::Ask),
        1 => Just(Step::Clone),
    ]
}

/// An event of an area. The codes show the order they were folded in.
fn event(version: u64, what: u8, about: u8) -> AreaEvent {
    let text = |text: String| PublicText::new(text).unwrap();
    let authority = StreamId::new(Uuid::from_u128(about.into()));
    match what {
        0 => AreaAmended {
            kind: AreaKind::District,
            name: text(format!("Name {version}")),
        }
        .into(),
        1 => AuthorityRecorded {
            authority,
            capacity: Capacity::FireAndRescueAuthority,
            from: day(version),
            from_assumed: false,
        }
        .into(),
        2 => AuthorityEnded {
            authority,
            until: day(version),
        }
        .into(),
        _ => AreaCodeRecorded {
            code: text(format!("E{version}")),
            name: None,
            scheme: CodeScheme::Gss,
            from: None,
            until: None,
        }
        .into(),
    }
}

fn agrees(history: &History<Area>, entries: &[Envelope<AreaEvent>]) -> Result<(), TestCaseError> {
    prop_assert!(history.entries().map(|e| &**e).eq(entries));
    for on in (0..=DAYS + 1).map(day) {
        let expected = by_definition::<Area>(entries, on, |_| true);
        prop_assert_eq!(&*history.state(on), &expected, "on {}", on);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_state_is_the_fold_of_the_entries_whatever_came_in_whatever_order(
        steps in prop::collection::vec(step(90), 0..90),
    ) {
        let mut history = History::<Area>::default();
        let mut entries = Vec::new();
        let mut clones = Vec::new();
        let mut newest = 0;
        for step in steps {
            match step {
                Step::Push { next, late, corrects, what, about } => {
                    let version = entries.len() as u64 + 1;
                    let on = late.unwrap_or((newest + u64::from(next)).min(DAYS));
                    newest = newest.max(on);
                    let corrects = corrects.map(entry_id);
                    let event = event(version, what, about);
                    entries.push(entry::<Area, _>(version, day(on), corrects, event));
                    history.push(entries[entries.len() - 1].clone());
                }
                Step::Ask(on) => {
                    let expected = by_definition::<Area>(&entries, day(on), |_| true);
                    prop_assert_eq!(&*history.state(day(on)), &expected);
                }
                Step::Clone => clones.push((history.clone(), entries.len())),
            }
        }
        agrees(&history, &entries)?;
        prop_assert_eq!(history.version(), entries.len() as u64);
        for (clone, length) in &clones {
            agrees(clone, &entries[..*length])?;
        }
        for one in &entries {
            let on = one.standing.occurred_on.date;
            let without = by_definition::<Area>(&entries, on, |e| e.entry_id != one.entry_id);
            prop_assert_eq!(history.state_without(on, one.entry_id), without);
            let place = |e: &Envelope<AreaEvent>| (e.standing.occurred_on.date, e.version);
            let before = by_definition::<Area>(&entries, on, |e| place(e) < place(one));
            prop_assert_eq!(history.state_before(one), before);
        }
    }
}

fn diary(length: u64) -> History<Diary> {
    let mut history = History::default();
    (1..=length).for_each(|version| history.push(note(version, version)));
    history
}

fn note(version: u64, on: u64) -> Envelope<<Diary as StreamKind>::Event> {
    let (text, author) = (format!("note {version}"), None);
    entry::<Diary, _>(version, day(on), None, Noted { text, author }.into())
}

#[test]
fn an_entry_that_comes_last_is_all_that_is_folded() {
    let mut history = diary(1_000);
    assert_eq!(folded(|| drop(history.state(day(1_000)))), 1_000);
    assert_eq!(folded(|| drop(history.state(NaiveDate::MAX))), 0);
    for version in 1_001..=1_010 {
        // As in a command: a clone decides and is added to, then what was cloned is.
        let mut clone = history.clone();
        let added = folded(|| {
            drop(clone.state(NaiveDate::MAX));
            clone.push(note(version, 1_000));
            drop(clone.state(NaiveDate::MAX));
            history.push(note(version, 1_000));
            drop(history.state(day(1_000)));
        });
        assert_eq!(added, 2, "one for each");
    }
}

#[test]
fn clones_share_the_state_until_one_is_added_to() {
    let mut history = diary(100);
    let clone = history.clone();
    let state = clone.state(NaiveDate::MAX);
    assert!(Arc::ptr_eq(&state, &history.state(NaiveDate::MAX)));
    history.push(note(101, 101));
    assert_eq!(history.state(NaiveDate::MAX).lines.len(), 101);
    assert!(Arc::ptr_eq(&state, &clone.state(NaiveDate::MAX)));
    assert_eq!(state.lines.len(), 100);
}

#[test]
fn a_late_entry_and_a_correction_are_folded_in_their_place() {
    let mut history = diary(3);
    assert_eq!(
        history.state(NaiveDate::MAX).lines,
        ["note 1", "note 2", "note 3"]
    );
    history.push(note(4, 1));
    let late = ["note 1", "note 4", "note 2", "note 3"];
    assert_eq!(history.state(NaiveDate::MAX).lines, late);
    let corrected = EntryCorrected { reason: None }.into();
    history.push(entry::<Diary, _>(5, day(9), Some(entry_id(2)), corrected));
    history.push(note(6, 9));
    let after = ["note 1", "note 4", "note 3", "note 6"];
    assert_eq!(history.state(NaiveDate::MAX).lines, after);
    assert_eq!(history.state(day(8)).lines, after[..3]);
}

#[test]
fn a_history_is_its_entries_whatever_was_asked_of_it() {
    let asked = diary(70);
    let _ = asked.state(NaiveDate::MAX);
    assert_eq!(asked, diary(70));
    assert!(asked != diary(69));
    let written = serde_json::to_string(&asked).unwrap();
    let read: History<Diary> = serde_json::from_str(&written).unwrap();
    assert_eq!(read, asked);
    assert_eq!(read.state(NaiveDate::MAX), asked.state(NaiveDate::MAX));
    assert_eq!(serde_json::to_string(&diary(70)).unwrap(), written);
}

#[test]
fn a_fold_that_panicked_leaves_nothing_half_done() {
    let history = diary(3);
    let shared = history.clone();
    let panicked = std::thread::spawn(move || {
        let _held = shared.latest.lock();
        panic!("while it is held");
    });
    assert!(panicked.join().is_err());
    assert_eq!(history.state(NaiveDate::MAX).lines.len(), 3);
}
