//! Old versions of a diary's events are read as those of today.

use chrono::NaiveDate;
use serde_json::json;

use dutyledger_record::Record;

use crate::decide::{About, Acting, Given, Ids, Surroundings, decide};
use crate::history::{History, HistoryError, Payload};
use crate::rules::enacted_ref;
use crate::testing::{
    Begun, Diary, DiaryEvent, Note, Noted, PlaceTold, WeatherTold, day, entry_id, record,
};
use crate::world::Histories;

fn begun() -> Record {
    record(1, 1, ("Begun", 1), json!({}))
}

fn day_told(version: u64, on: u64) -> Record {
    let payload = json!({"words": "A walk", "place": "Bath", "weather": "rain"});
    record(version, on, ("DayTold", 1), payload)
}

fn noted(version: u64, on: u64, text: &str) -> Record {
    let payload = json!({"text": text, "author": "Ann"});
    record(version, on, ("Noted", 3), payload)
}

fn correcting(mut record: Record, corrects: u64) -> Record {
    record.entry.standing.corrects = Some(entry_id(corrects));
    record
}

fn read(records: impl IntoIterator<Item = Record>) -> History<Diary> {
    History::read(records).unwrap()
}

fn events(history: &History<Diary>) -> Vec<DiaryEvent> {
    history.entries().map(|e| e.payload.clone()).collect()
}

fn lines(history: &History<Diary>, on: NaiveDate) -> Vec<String> {
    history.state(on).lines.clone()
}

/// The event that a diary's second record is read as.
fn second(event: (&str, u32), payload: serde_json::Value) -> DiaryEvent {
    let history = read([begun(), record(2, 2, event, payload)]);
    assert_eq!(history.version(), 2);
    events(&history).remove(1)
}

fn note(text: &str, author: Option<&str>) -> DiaryEvent {
    Noted {
        text: text.to_owned(),
        author: author.map(str::to_owned),
    }
    .into()
}

#[test]
fn an_event_of_today_is_read_as_it_is() {
    let payload = json!({"text": "A walk", "author": "Ann"});
    assert_eq!(second(("Noted", 3), payload), note("A walk", Some("Ann")));
}

#[test]
fn an_event_is_written_in_its_newest_version() {
    assert_eq!(note("A walk", None).event().schema_version, 3);
    assert_eq!(DiaryEvent::from(Begun {}).event().schema_version, 1);
    let versions = DiaryEvent::schemas().into_iter();
    let noted = versions.filter(|s| s.event_type == "Noted");
    assert!(noted.map(|s| s.schema_version).eq([3]));
}

#[test]
fn a_member_an_old_version_lacks_is_given_its_default() {
    assert_eq!(
        second(("Noted", 2), json!({"text": "A walk"})),
        note("A walk", None)
    );
}

#[test]
fn a_renamed_event_with_a_renamed_member_goes_step_by_step_to_the_newest_version() {
    assert_eq!(
        second(("Written", 1), json!({"words": "A walk"})),
        note("A walk", None)
    );
}

#[test]
fn a_record_that_is_split_is_read_as_its_parts_and_each_part_goes_on_by_itself() {
    let history = read([begun(), day_told(2, 2)]);
    let parts = [
        Begun {}.into(),
        note("A walk", None),
        PlaceTold {
            place: "Bath".to_owned(),
        }
        .into(),
        WeatherTold {
            weather: "rain".to_owned(),
        }
        .into(),
    ];
    assert_eq!(events(&history), parts);
    assert_eq!(history.version(), 2);
    for part in history.entries().skip(1) {
        assert_eq!((part.entry_id, part.version), (entry_id(2), 2));
        assert_eq!(part.standing.occurred_on.date, day(2));
    }
}

#[test]
fn the_parts_of_a_record_are_folded_together_at_its_date_and_version() {
    // The split record is dated between two others and recorded last; one more is of its day.
    let history = read([
        begun(),
        noted(2, 2, "First"),
        noted(3, 4, "Last"),
        noted(4, 3, "Before it"),
        day_told(5, 3),
        noted(6, 3, "After it"),
    ]);
    let all = [
        "First",
        "Before it",
        "A walk",
        "at Bath",
        "in rain",
        "After it",
        "Last",
    ];
    assert_eq!(lines(&history, day(4)), all);
    assert_eq!(lines(&history, day(3)), all[..6]);
    assert_eq!(lines(&history, day(2)), all[..1]);
}

#[test]
fn before_a_part_only_the_parts_before_it_count() {
    let history = read([begun(), noted(2, 2, "First"), day_told(3, 2)]);
    let before: Vec<_> = history
        .entries()
        .map(|part| history.state_before(part).lines.len())
        .collect();
    assert_eq!(before, [0, 0, 1, 2, 3]);
}

#[test]
fn without_an_entry_none_of_its_parts_counts() {
    let history = read([begun(), noted(2, 2, "First"), day_told(3, 2)]);
    assert_eq!(history.state_without(day(2), entry_id(3)).lines, ["First"]);
}

#[test]
fn a_correction_withdraws_all_parts_of_the_entry_it_names() {
    let mut history = read([begun(), day_told(2, 2)]);
    assert_eq!(lines(&history, day(9)).len(), 3);
    assert_eq!(history.correctable(entry_id(2)), Ok(()));
    let correction = record(3, 3, ("EntryCorrected", 1), json!({"reason": null}));
    history.extend([correcting(correction, 2)]).unwrap();
    assert!(lines(&history, day(9)).is_empty());
    assert!(history.correctable(entry_id(2)).is_err());
    assert_eq!(history.version(), 3);
}

#[test]
fn a_record_that_is_dropped_counts_for_the_version_and_says_nothing() {
    let blotted = || record(2, 2, ("Blotted", 1), json!({"ink": true}));
    let history = read([begun(), blotted()]);
    assert_eq!(events(&history), [Begun {}.into()]);
    assert_eq!(history.version(), 2);
    let went_on = read([begun(), blotted(), noted(3, 3, "Dry again")]);
    assert_eq!(went_on.version(), 3);
    assert_eq!(lines(&went_on, day(3)), ["Dry again"]);
    assert!(history.correctable(entry_id(2)).is_err());
    // A history that differs from it by nothing but what was dropped stands at another version.
    assert!(history != read([begun()]));
}

#[test]
fn what_is_decided_after_a_dropped_record_takes_the_next_version() {
    struct NoIds;
    impl Ids for NoIds {
        fn next(&self) -> uuid::Uuid {
            uuid::Uuid::nil()
        }
    }
    let history = read([begun(), record(2, 2, ("Blotted", 1), json!({}))]);
    let text = "Next".to_owned();
    let given = Given {
        about: About {
            principal: dutyledger_record::Principal::SYSTEM,
            acting: Acting::Own,
            occurred_on: None,
            on_behalf_of: Vec::new(),
            source: None,
            reasons: Vec::new(),
            correlation_id: uuid::Uuid::nil(),
            causation_id: None,
        },
        command: Note { text }.into(),
    };
    let surroundings = Surroundings {
        stream: dutyledger_record::StreamId::new(uuid::Uuid::nil()),
        today: day(5),
        rests_on: Histories::default(),
        rules: enacted_ref(),
        ids: Box::new(NoIds),
    };
    let entries = decide(&history, given, &surroundings).unwrap();
    let versions: Vec<_> = entries.iter().map(|e| e.version).collect();
    assert_eq!(versions, [3]);
}

#[test]
fn an_opening_and_a_correction_are_not_dropped() {
    let dropped = |version| record(version, 1, ("Blotted", 1), json!({}));
    let opening = History::<Diary>::read([dropped(1)]).unwrap_err();
    assert!(opening.to_string().contains("opening"), "{opening}");
    let correction = correcting(dropped(3), 2);
    let refused = History::<Diary>::read([begun(), noted(2, 2, "First"), correction]).unwrap_err();
    assert!(refused.to_string().contains("correction"), "{refused}");
}

#[test]
fn a_record_that_is_refused_names_the_event_the_version_and_the_reason() {
    let torn = record(2, 2, ("Torn", 1), json!({}));
    let refused = History::<Diary>::read([begun(), torn]).unwrap_err();
    assert_eq!(
        refused,
        HistoryError::NotUpcast {
            entry_id: entry_id(2),
            event_type: "Torn".to_owned(),
            schema_version: 1,
            reason: "a torn page says nothing".to_owned(),
        }
    );
    assert!(refused.to_string().ends_with(
        "event Torn version 1, cannot be read as a newer version: a torn page says nothing"
    ));
}

#[test]
fn an_unknown_event_and_an_unknown_version_stay_unknown() {
    for (event_type, schema_version) in [("Sung", 1), ("Noted", 1), ("Noted", 4), ("Begun", 2)] {
        let unknown = record(2, 2, (event_type, schema_version), json!({}));
        assert_eq!(
            History::<Diary>::read([begun(), unknown]),
            Err(HistoryError::UnknownEvent {
                stream_type: "diary".to_owned(),
                event_type: event_type.to_owned(),
                schema_version,
            })
        );
    }
}

#[test]
fn steps_that_lead_back_end_at_an_unknown_event() {
    let here = record(2, 2, ("Here", 1), json!({}));
    assert_eq!(
        History::<Diary>::read([begun(), here]),
        Err(HistoryError::UnknownEvent {
            stream_type: "diary".to_owned(),
            event_type: "Here".to_owned(),
            schema_version: 1,
        })
    );
}

#[test]
fn an_old_payload_without_what_a_step_needs_does_not_fit_the_event_it_is_read_as() {
    let wordless = record(2, 2, ("Written", 1), json!({}));
    let error = History::<Diary>::read([begun(), wordless]).unwrap_err();
    assert!(
        matches!(&error, HistoryError::Payload { event_type, reason, .. }
            if event_type == "Noted" && reason.contains("text")),
        "{error}"
    );
}
