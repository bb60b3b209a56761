//! Which rows an entry cites, and which it bears on, as far as that is told by the entry itself.

use std::collections::BTreeSet;

use dutyledger_domain::Duty;
use dutyledger_domain::obligations::By;
use dutyledger_domain::rules::{DRAFT, ENACTED, Row, RulePack, newest};
use dutyledger_record::Record;
use serde_json::Value;

/// The row of the date by which responses to a consultation are asked for.
const CONSULTATION: &str = "L-6";
/// The row of directions, which every trigger bears on.
pub(crate) const DIRECTIONS: &str = "R-129.1";
/// The packs whose rows an entry may bear on.
const PACKS: [&str; 2] = [ENACTED, DRAFT];
/// Where a duty of s.18(1) stands in a payload.
const DUTY: [&str; 2] = ["/duty", "/trigger/duty"];

/// The events that bear on a row: those the pack names, and for what is judged in another way those
/// it is counted from.
pub(crate) fn bearing(pack: &RulePack, rule: &str) -> Vec<String> {
    let row = pack.row(rule);
    let named = row.and_then(|row| row.evidence.as_ref());
    let events = named.map(|evidence| evidence.events.clone());
    let mut events = events.unwrap_or_default();
    let counted_from = row.map_or(&[][..], counted_from);
    events.extend(counted_from.iter().map(|event| (*event).to_owned()));
    events
}

/// The events that a row is counted from, where it is judged in another way than by those it names.
fn counted_from(row: &Row) -> &'static [&'static str] {
    match row.evidence.as_ref().map(|evidence| evidence.by) {
        Some(By::AnnualReview) => &["StrategyAdopted", "ReviewCompleted"],
        _ => &[],
    }
}

/// The rows that bear on a duty of s.18(1), for an educational authority or another.
pub(crate) const fn rows_of(duty: Duty, educational: bool) -> &'static [&'static str] {
    match (duty, educational) {
        (Duty::CollaborateAndPlan, _) => &["R-10.1"],
        (Duty::IdentifyKinds, _) => &["R-10.2"],
        (Duty::IdentifyCauses, _) => &["R-10.3"],
        (Duty::PrepareAndImplement, _) => &["R-10.4", "R-10.5"],
        (Duty::Consult, _) => &["R-10.6"],
        (Duty::Publish, _) => &["A-8.7a"],
        (Duty::KeepUnderReview, _) => &["A-8.7b", "R-42.1"],
        (Duty::Revise, _) => &["A-8.7c"],
        (Duty::LeaveOutBarredMaterial, _) => &["A-8.8"],
        (Duty::SectionNine, _) => &["A-9.1"],
        (Duty::CooperateWithLocalPolicingBody, _) => &["R-18.2"],
        (Duty::CollaborateOnRequest, true) => &["R-19.2"],
        (Duty::CollaborateOnRequest, false) => &["R-20.2"],
        (Duty::CarryOutActions, true) => &["R-19.4"],
        (Duty::CollaborateWithRelevantAuthority, true) => &["R-19.5"],
        (Duty::CarryOutActions | Duty::CollaborateWithRelevantAuthority, false) => &["R-20.4"],
        (Duty::SupplyInformation, _) => &["R-58.3"],
    }
}

/// The rows that an entry cites or bears on, by the newest reading of the pack it was recorded under:
/// those that warned or were unmet, that set the date it speaks of, that it is evidence for, or that
/// bear on the duty of s.18(1) it is about.
pub(crate) fn rules_of(record: &Record) -> BTreeSet<String> {
    let standing = &record.entry.standing;
    let (event, payload) = (&record.event.event_type, &record.entry.payload);
    let warned = standing.warnings.iter().map(|warning| warning.rule.clone());
    let unmet = standing.past_fact.iter();
    let unmet = unmet.flat_map(|fact| fact.unmet.clone());
    let set = ["/rule", "/deadline/rule"].map(|member| payload.pointer(member));
    let set = set.into_iter().flatten().filter_map(Value::as_str);
    let mut all: BTreeSet<_> = warned.chain(unmet).chain(set.map(str::to_owned)).collect();
    if event == "ConsultationOpened" {
        all.insert(CONSULTATION.to_owned());
    }
    let duty = DUTY.iter().find_map(|member| payload.pointer(member));
    if let Some(duty) = duty.and_then(|duty| serde_json::from_value::<Duty>(duty.clone()).ok()) {
        // Which kind of authority it is of stands elsewhere.
        let rows = [true, false].map(|educational| rows_of(duty, educational));
        all.extend(rows.concat().into_iter().map(str::to_owned));
        all.insert(DIRECTIONS.to_owned());
    }
    if let Some((pack, _)) = newest(&standing.rules.pack) {
        let kind = standing.principal.kind;
        let shows = |row: &&Row| {
            let named = row.evidence.as_ref();
            let shown = named.is_some_and(|evidence| evidence.is_shown_by(event, payload, kind));
            shown || counted_from(row).contains(&event.as_str())
        };
        for row in pack.rows.iter().filter(shows) {
            all.extend(
                [&row.id]
                    .into_iter()
                    .chain(&row.also)
                    .map(ToString::to_string),
            );
        }
    }
    all
}

/// Texts of which one at least stands in every entry that cites a row or bears on it.
pub(crate) fn marks_of(rule: &str) -> Vec<String> {
    let packs = PACKS.iter().filter_map(|pack| newest(pack));
    let mut all: Vec<_> = packs.flat_map(|(pack, _)| bearing(pack, rule)).collect();
    // Which rows a duty has is not told by its name.
    all.extend([rule, "\"duty\":"].map(str::to_owned));
    if rule == CONSULTATION {
        all.push("ConsultationOpened".to_owned());
    }
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use dutyledger_record::{KeyId, Mark, PastFact, Sealed, SealedBox, Warning};
    use serde_json::{Map, json};
    use uuid::Uuid;

    use super::*;
    use crate::given::{Given, id};
    use crate::search::Filter;

    /// An entry of an event, as it was recorded.
    fn recorded(event: &str, payload: Value) -> Record {
        let mut given = Given::default();
        given.opened(1, "strategy");
        given.told(1, event, "2024-05-01", payload);
        given.last(1).clone()
    }

    /// Whether searching by a row finds an entry, both by a look at its text and by reading it.
    fn is_found(record: &Record, rule: &str) -> bool {
        let filter = Filter {
            rule: Some(rule.to_owned()),
            ..Filter::default()
        };
        let passes = filter.passes(record);
        let standing = serde_json::to_value(&record.entry.standing).unwrap();
        let text = json!([record.event.event_type, record.entry.payload, standing]).to_string();
        assert!(!passes || filter.look().may_pass(&text), "{rule}: {text}");
        passes
    }

    #[test]
    fn an_announced_trigger_and_a_case_are_found_by_the_rows_of_their_duty() {
        for (member, events) in [
            (
                "trigger",
                &[
                    "TriggerOpened",
                    "TriggerCleared",
                    "CaseTriggerOpened",
                    "CaseTriggerCleared",
                ][..],
            ),
            (
                "",
                &[
                    "DirectionCaseOpened",
                    "SecretaryOfStateSatisfied",
                    "FindingRecorded",
                ][..],
            ),
        ] {
            for event in events {
                let about = json!({ "authority": id(4), "area": id(5) });
                let about = about.as_object().unwrap().clone();
                for duty in Duty::ALL {
                    let mut about = about.clone();
                    about.insert("duty".to_owned(), json!(duty));
                    let payload = match member {
                        "" => Value::Object(about),
                        member => json!({ member: about }),
                    };
                    let record = recorded(event, payload);
                    for educational in [true, false] {
                        for rule in rows_of(*duty, educational) {
                            assert!(is_found(&record, rule), "{event} {rule}");
                        }
                    }
                    assert!(is_found(&record, DIRECTIONS), "{event}");
                    assert!(!is_found(&record, "R-0.0"), "{event}");
                }
            }
        }
    }

    #[test]
    fn a_consultation_is_found_by_its_duty_and_by_the_row_of_the_date_it_sets() {
        let opened = json!({ "version": 1, "responses_by": "2024-06-01" });
        let opened = recorded("ConsultationOpened", opened);
        for rule in ["R-10.6", "L-6"] {
            assert!(is_found(&opened, rule), "{rule}");
        }
        let consulted = |capacity: &str| {
            let payload = json!({ "authority": id(4), "capacity": capacity, "version": 1 });
            recorded("AuthorityConsulted", payload)
        };
        assert!(is_found(&consulted("prison_authority"), "R-81.1"));
        let other = consulted("educational_authority");
        assert!(is_found(&other, "R-10.6") && !is_found(&other, "R-81.1"));
        assert!(!is_found(&other, "L-6"));
    }

    #[test]
    fn a_date_is_found_by_its_row_whoever_set_it_and_whatever_is_announced_of_it() {
        let set = json!({ "rule": "R-10.4", "due_on": "2024-01-31", "provenance": "local" });
        assert!(is_found(&recorded("DeadlineDateSet", set), "R-10.4"));
        for of in ["", "Area", "Action"] {
            for stage in ["Approached", "Reached", "Passed", "Met", "Lifted"] {
                let payload = json!({ "deadline": { "rule": "R-42.1" } });
                let announced = recorded(&format!("{of}Deadline{stage}"), payload);
                assert!(is_found(&announced, "R-42.1"), "{of}Deadline{stage}");
                assert!(!is_found(&announced, "R-10.4"), "{of}Deadline{stage}");
            }
        }
    }

    #[test]
    fn an_entry_is_found_by_the_rows_that_warned_and_those_it_did_not_meet() {
        let mut record = recorded("StrategyAmended", json!({}));
        record.entry.standing.warnings = vec![Warning {
            reason: Sealed::Closed(Box::new(SealedBox {
                alg: String::new(),
                ciphertext: String::new(),
                key_id: KeyId::new(Uuid::nil()),
                nonce: String::new(),
            })),
            rule: "R-46.2".to_owned(),
        }];
        record.entry.standing.past_fact = Some(PastFact {
            mark: Mark::NotEvidenced,
            unmet: vec!["R-31.1".to_owned()],
        });
        assert!(is_found(&record, "R-46.2") && is_found(&record, "R-31.1"));
        assert!(!is_found(&record, "R-44.2"));
    }

    #[test]
    fn an_entry_of_every_event_that_a_row_names_is_found_by_it() {
        for (pack, _) in PACKS.iter().filter_map(|pack| newest(pack)) {
            for row in &pack.rows {
                let Some(evidence) = &row.evidence else {
                    continue;
                };
                let members = evidence.r#where.iter().map(|(member, wanted)| {
                    let any = wanted.as_array().and_then(|any| any.first());
                    (member.clone(), any.unwrap_or(wanted).clone())
                });
                let payload = Value::Object(members.collect::<Map<_, _>>());
                for event in bearing(pack, row.id.as_str()) {
                    let mut record = recorded(&event, payload.clone());
                    pack.name.clone_into(&mut record.entry.standing.rules.pack);
                    if let Some(by) = evidence.told_by {
                        record.entry.standing.principal.kind = by;
                    }
                    for rule in [&row.id].into_iter().chain(&row.also) {
                        assert!(is_found(&record, rule.as_str()), "{event} {rule}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_duty_is_cited_by_rows_of_its_own_section() {
        for duty in Duty::ALL {
            for educational in [true, false] {
                let rows = rows_of(*duty, educational);
                let sections = rows
                    .iter()
                    .filter_map(|id| dutyledger_domain::rules::row(id)?.section.clone());
                let cited: Vec<_> = sections.collect();
                let own = |section: &String| section.contains(duty.section());
                assert!(cited.iter().any(own), "{duty:?}: {rows:?} {cited:?}");
                let known = |id: &&str| dutyledger_domain::rules::row(id).is_some();
                assert!(rows.iter().all(known), "{duty:?}: {rows:?}");
            }
        }
    }
}
