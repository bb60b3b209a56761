//! What changed between two moments, each as true on a date and as known at a position.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::NaiveDate;
use dutyledger_domain::deadlines::{Dated, Ended, deadlines};
use dutyledger_domain::obligations::{Due, Obligation, Status, obligations};
use dutyledger_domain::rules::{self, RuleId};
use dutyledger_domain::streams::deadline::{DeadlineKind, WhatIsDue};
use dutyledger_domain::streams::strategy::StrategyEvent;
use dutyledger_domain::triggers::Trigger;
use dutyledger_domain::{Histories, in_words};
use dutyledger_record::{EntryId, OccurredOn, StreamId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::as_of::AsOf;
use crate::lines::{Line, lines};
use crate::names::Names;
use crate::outline::capital;
use crate::replay::{stands, triggers};
use crate::words::{clause, counted_by, joined, number, sentence, several};

/// An entry that counts at one of the moments and not at the other.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// The entry.
    pub entry_id: EntryId,
    /// The stream it stands in.
    pub stream: StreamId,
    /// What kind of stream that is.
    pub stream_type: String,
    /// The date it happened.
    pub occurred_on: OccurredOn,
    /// What it says happened.
    pub sentence: String,
    /// How many days after its date what was due was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_late: Option<i64>,
    /// Whether it became known only between the moments, although it happened before both.
    pub late_entry: bool,
}

/// Entries of one event.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Group {
    /// The event.
    pub event_type: String,
    /// How often it happened: actions that several authorities agreed count once.
    pub count: usize,
    /// The same in words.
    pub sentence: String,
    /// The entries: the first 500.
    pub entries: Vec<Change>,
    /// How many more there are.
    pub left_out: usize,
}

/// The most of anything that is listed.
const LISTED_MAX: usize = 500;

/// Leaves out what is too much to list, and tells how many are left out.
fn bounded<T>(all: &mut Vec<T>) -> usize {
    let left_out = all.len().saturating_sub(LISTED_MAX);
    all.truncate(LISTED_MAX);
    left_out
}

/// An entry that counted at the first moment and does not at the second.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Gone {
    /// The entry.
    pub entry_id: EntryId,
    /// The event.
    pub event_type: String,
    /// What it said.
    pub sentence: String,
    /// The entry that withdrew it; none where it is not yet true, or not yet known, at the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_by: Option<EntryId>,
}

/// A row that stands differently, or whose date another entry sets.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Turned {
    /// The row.
    pub rule: RuleId,
    /// The authority it is looked at for, where each is looked at for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<StreamId>,
    /// The strategy or the case it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<StreamId>,
    /// How it stood; nothing where it was not looked at.
    pub from: Option<Status>,
    /// How it stands; nothing where it is no longer looked at.
    pub to: Option<Status>,
    /// When it was due, where an entry set another date in place of the rule pack's, or did then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_from: Option<Due>,
    /// When it is due, in that case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_to: Option<Due>,
    /// The same in words.
    pub sentence: String,
}

/// What changed for a partnership.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Diff {
    /// The partnership.
    pub partnership: StreamId,
    /// The first moment.
    pub from: AsOf,
    /// The second.
    pub to: AsOf,
    /// All of it in one sentence.
    pub summary: String,
    /// What counts at the second moment and not at the first, by event.
    pub happened: Vec<Group>,
    /// What counted at the first moment and does not at the second: the first 500 entries.
    pub gone: Vec<Gone>,
    /// How many more there are.
    pub gone_left_out: usize,
    /// The rows that stand differently: the first 500.
    pub obligations: Vec<Turned>,
    /// How many more there are.
    pub obligations_left_out: usize,
    /// The direction triggers that are open at the second moment and were not at the first: the first
    /// 500.
    pub triggers_opened: Vec<Trigger>,
    /// Those that were open at the first and are not at the second: the first 500.
    pub triggers_closed: Vec<Trigger>,
    /// How many more triggers of both there are.
    pub triggers_left_out: usize,
}

/// A moment: what was known, and of when it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The histories, read up to the position.
    pub histories: &'a Histories,
    /// The date and the position.
    pub as_of: AsOf,
}

type Key = (EntryId, usize);

/// What is known at a moment, whether or not it counts.
type Known = BTreeMap<Key, Line>;

/// What counts at one moment and not at another.
fn counting<'a>(here: &'a Known, not: &Known) -> impl Iterator<Item = &'a Line> {
    let counts = |key| not.get(key).is_some_and(|line| line.counts);
    let all = here.iter();
    all.filter(move |(key, line)| line.counts && !counts(key))
        .map(|(_, line)| line)
}

impl Moment<'_> {
    fn known(&self) -> Known {
        let all = lines(self.histories, self.as_of.on).into_iter();
        all.map(|line| ((line.entry_id, line.part), line)).collect()
    }

    fn obligations(&self, partnership: StreamId) -> BTreeMap<RowKey, Obligation> {
        let pack = rules::newest_of(&self.histories.rules);
        let all = obligations(partnership, self.histories, pack, self.as_of.on);
        all.into_iter()
            .map(|one| ((one.rule.clone(), one.authority, one.about), one))
            .collect()
    }

    fn open(&self, partnership: StreamId) -> Vec<Trigger> {
        let mut open = triggers(partnership, self.histories, self.as_of.on);
        open.retain(Trigger::is_open);
        open
    }
}

type RowKey = (RuleId, Option<StreamId>, Option<StreamId>);

/// What changed for a partnership between two moments.
#[must_use]
pub fn diff(partnership: StreamId, from: Moment<'_>, to: Moment<'_>, names: &Names) -> Diff {
    let (before, after) = (from.known(), to.known());
    let late = days_late(partnership, to.histories);
    let happened = happened(from.as_of, &before, &after, &late, names);
    let gone = gone(&before, &after, to, names);
    let obligations = turned(
        &from.obligations(partnership),
        &to.obligations(partnership),
        names,
    );
    let (was, is) = (from.open(partnership), to.open(partnership));
    let without = |all: &[Trigger], others: &[Trigger]| -> Vec<Trigger> {
        let among = |one: &Trigger| others.iter().any(|other| other.id == one.id);
        all.iter().filter(|one| !among(one)).cloned().collect()
    };
    let mut diff = Diff {
        partnership,
        from: from.as_of,
        to: to.as_of,
        summary: String::new(),
        happened,
        gone,
        gone_left_out: 0,
        obligations,
        obligations_left_out: 0,
        triggers_opened: without(&is, &was),
        triggers_closed: without(&was, &is),
        triggers_left_out: 0,
    };
    // Of all of it: what is too much to list is counted.
    diff.summary = diff.summed_up();
    for group in &mut diff.happened {
        group.left_out = bounded(&mut group.entries);
    }
    diff.gone_left_out = bounded(&mut diff.gone);
    diff.obligations_left_out = bounded(&mut diff.obligations);
    diff.triggers_left_out =
        bounded(&mut diff.triggers_opened) + bounded(&mut diff.triggers_closed);
    diff
}

/// How many days after its date each thing that was due was done, by the entry that shows it. Of a
/// date beyond what the sources of a history reach nothing is said. A consultation that closes later
/// than responses were asked for is late for nobody, and so is what comes after a date no source
/// could be checked for.
fn days_late(partnership: StreamId, histories: &Histories) -> BTreeMap<EntryId, i64> {
    let dated = deadlines(partnership, histories);
    let known = dated
        .into_iter()
        .filter(|dated| dated.is_known() && dated.set.makes_late());
    known
        .filter_map(|dated| {
            let (on, by) = done(&dated, histories)?;
            let days = (on - dated.set.due_on()).num_days();
            (days > 0).then_some((by, days))
        })
        .collect()
}

/// When what was due was done, and the entry that shows it.
fn done(dated: &Dated, histories: &Histories) -> Option<(NaiveDate, EntryId)> {
    let met = match dated.ended {
        Some(Ended::Met { on, by }) => Some((on, by)),
        Some(Ended::Lifted { .. }) => return None,
        None => None,
    };
    let own = match &dated.set {
        WhatIsDue::Own(own) => own,
        WhatIsDue::Area(_) | WhatIsDue::Action(_) => return met,
    };
    match own.kind {
        DeadlineKind::ConsultationCloses => None,
        // The next adoption ends the year as well, and is no review that is late.
        DeadlineKind::AnnualReview => {
            let (on, by) = met?;
            let mut entries = histories.strategies.get(&own.about)?.entries();
            let shows = entries.find(|entry| entry.entry_id == by)?;
            matches!(shows.payload, StrategyEvent::ReviewCompleted(_)).then_some((on, by))
        }
        // What the authority owes is done when it reports it, not when that is accepted.
        DeadlineKind::DirectionCompliance => {
            let state = histories.directions.get(&own.about)?.state(NaiveDate::MAX);
            let reported = state.compliance_reported?;
            Some((reported.on, reported.entry_id))
        }
    }
}

fn happened(
    from: AsOf,
    before: &Known,
    after: &Known,
    late: &BTreeMap<EntryId, i64>,
    names: &Names,
) -> Vec<Group> {
    let mut by_event: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in counting(after, before) {
        by_event.entry(&line.event_type).or_default().push(line);
    }
    let group = |(event, mut lines): (&str, Vec<&Line>)| {
        lines.sort_by_key(|line| (line.on(), line.entry_id));
        let days: Vec<_> = lines
            .iter()
            .filter_map(|line| late.get(&line.entry_id).copied())
            .collect();
        let count = counted_by(event).map_or(lines.len(), |member| {
            let about = lines
                .iter()
                .filter_map(|line| line.payload[member].as_str());
            about.collect::<BTreeSet<_>>().len()
        });
        let change = |line: &&Line| Change {
            entry_id: line.entry_id,
            stream: line.stream.id,
            stream_type: line.stream.stream_type.to_string(),
            occurred_on: line.standing.occurred_on,
            sentence: sentence(event, &line.payload, line.standing.occurred_on, names),
            days_late: late.get(&line.entry_id).copied(),
            late_entry: line.on() <= from.on && !before.contains_key(&(line.entry_id, line.part)),
        };
        Group {
            event_type: event.to_owned(),
            count,
            sentence: format!("{}.", capital(&with_lateness(event, count, &days))),
            entries: lines.iter().map(change).collect(),
            left_out: 0,
        }
    };
    let mut groups: Vec<_> = by_event.into_iter().map(group).collect();
    // In the order in which each began.
    groups.sort_by_key(|group| {
        group
            .entries
            .first()
            .map(|entry| (entry.occurred_on.date, entry.entry_id))
    });
    groups
}

/// A clause, with how late what was done was done.
fn with_lateness(event: &str, count: usize, days: &[i64]) -> String {
    let said = clause(event, count);
    let late = |days: &i64| {
        let count = usize::try_from(*days).unwrap_or_default();
        // Days are counted in figures from ten on, as dates are.
        match count {
            1 => "one day".to_owned(),
            2..=9 => format!("{} days", number(count)),
            _ => format!("{count} days"),
        }
    };
    match days {
        [] => said,
        [one] if count == 1 => format!("{said} {} late", late(one)),
        all => {
            let each: Vec<_> = all.iter().map(late).collect();
            let of_them = match all.len() {
                1 => "one of them",
                n if n == count => "all of them",
                _ => "some of them",
            };
            format!("{said}, {of_them} late ({})", each.join("; "))
        }
    }
}

fn gone(before: &Known, after: &Known, to: Moment<'_>, names: &Names) -> Vec<Gone> {
    let known = lines(to.histories, NaiveDate::MAX);
    let withdrew: BTreeMap<EntryId, EntryId> = known
        .iter()
        .filter_map(|line| Some((line.standing.corrects?, line.entry_id)))
        .collect();
    let mut all: Vec<_> = counting(before, after).collect();
    all.sort_by_key(|line| (line.on(), line.entry_id));
    all.into_iter()
        .map(|line| Gone {
            entry_id: line.entry_id,
            event_type: line.event_type.clone(),
            sentence: sentence(
                &line.event_type,
                &line.payload,
                line.standing.occurred_on,
                names,
            ),
            withdrawn_by: withdrew.get(&line.entry_id).copied(),
        })
        .collect()
}

fn turned(
    before: &BTreeMap<RowKey, Obligation>,
    after: &BTreeMap<RowKey, Obligation>,
    names: &Names,
) -> Vec<Turned> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let stood = |all: &BTreeMap<RowKey, Obligation>, key| all.get(key).map(|one| one.status);
    keys.into_iter()
        .filter_map(|key| {
            let (from, to) = (stood(before, key), stood(after, key));
            let due = |all: &BTreeMap<RowKey, Obligation>| all.get(key).and_then(|one| one.due);
            // A date that is counted anew with each review is no date that was set.
            let set = Some((due(before), due(after))).filter(|(was, is)| {
                let by = |due: &Option<Due>| due.and_then(|due| due.set_by);
                by(was) != by(is)
            });
            let (due_from, due_to) = set.unwrap_or_default();
            let (rule, authority, about) = key;
            (from != to || set.is_some()).then(|| Turned {
                rule: rule.clone(),
                authority: *authority,
                about: *about,
                from,
                to,
                due_from,
                due_to,
                sentence: turn(key, (from, to), (due_from, due_to), names),
            })
        })
        .collect()
}

fn turn(
    (rule, authority, about): &RowKey,
    (from, to): (Option<Status>, Option<Status>),
    due: (Option<Due>, Option<Due>),
    names: &Names,
) -> String {
    let whose = authority
        .map(|id| format!(" for {}", names.say(id)))
        .unwrap_or_default();
    let of = about
        .and_then(|id| {
            names
                .get(&id.to_string())
                .map(|name| format!(" of “{name}”"))
        })
        .unwrap_or_default();
    let stood = if from == to {
        // Its date alone is another.
        ", as before".to_owned()
    } else {
        from.map_or_else(
            || "; it was not looked at before".to_owned(),
            |from| format!("; before, the answer was: it {}", stands(from)),
        )
    };
    let to = to.map_or("is no longer looked at", stands);
    let dated = match due {
        (Some(was), Some(is)) => format!(
            " Its date is {}, and was {}.",
            in_words(is.on),
            in_words(was.on)
        ),
        (None, Some(is)) => format!(" Its date is {}.", in_words(is.on)),
        (Some(was), None) => format!(" Its date was {}, and there is none.", in_words(was.on)),
        (None, None) => String::new(),
    };
    format!("{rule}{whose}{of} {to}{stood}.{dated}")
}

impl Diff {
    /// The moments, as a sentence begins with them.
    fn between(&self) -> String {
        let (from, to) = (self.from, self.to);
        if from.on == to.on && from.known_at != to.known_at {
            return format!(
                "As true on {}, between what was known at position {} and at position {}",
                in_words(to.on),
                from.known_at,
                to.known_at
            );
        }
        let known = if from.known_at == to.known_at {
            format!(", as known at position {}", to.known_at)
        } else {
            format!(
                ", as known at positions {} and {}",
                from.known_at, to.known_at
            )
        };
        format!(
            "Between {} and {}{known}",
            in_words(from.on),
            in_words(to.on)
        )
    }

    fn summed_up(&self) -> String {
        let mut parts: Vec<_> = self
            .happened
            .iter()
            .map(|group| {
                let days: Vec<_> = group.entries.iter().filter_map(|e| e.days_late).collect();
                with_lateness(&group.event_type, group.count, &days)
            })
            .collect();
        if !self.gone.is_empty() {
            let count = several(
                self.gone.len(),
                "entry no longer counts",
                "entries no longer count",
            );
            parts.push(count);
        }
        let became = |status: Status| {
            let turned = self.obligations.iter();
            turned
                .filter(|one| one.to == Some(status) && one.from != one.to)
                .count()
        };
        for (status, words) in [
            (Status::Overdue, "became overdue"),
            (Status::Due, "became due"),
            (Status::Satisfied, "became met"),
        ] {
            let count = became(status);
            if count > 0 {
                parts.push(format!(
                    "{} {words}",
                    several(count, "obligation", "obligations")
                ));
            }
        }
        let redated = self
            .obligations
            .iter()
            .filter(|one| one.due_from != one.due_to);
        let redated = redated.count();
        if redated > 0 {
            let count = several(redated, "obligation has", "obligations have");
            parts.push(format!("{count} another date"));
        }
        for (triggers, words) in [
            (&self.triggers_opened, "opened"),
            (&self.triggers_closed, "closed"),
        ] {
            if !triggers.is_empty() {
                let count = several(triggers.len(), "direction trigger", "direction triggers");
                parts.push(format!("{count} {words}"));
            }
        }
        if parts.is_empty() {
            parts.push("nothing changed".to_owned());
        }
        format!("{}: {}.", self.between(), joined(&parts))
    }

    /// All of it as text to read.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let mut text = format!("{}\n\n{}\n", names.say(self.partnership), self.summary);
        // Writing to a string does not fail.
        for group in &self.happened {
            let _ = writeln!(text, "\n{}", group.sentence);
            for entry in &group.entries {
                let late = if entry.late_entry {
                    " It was recorded late."
                } else {
                    ""
                };
                let _ = writeln!(text, "  {}{late} Entry {}.", entry.sentence, entry.entry_id);
            }
            more(&mut text, group.left_out);
        }
        if !self.gone.is_empty() {
            let _ = writeln!(text, "\nWhat no longer counts:");
        }
        for gone in &self.gone {
            let why = gone.withdrawn_by.map_or_else(
                || "It is not true yet, or not known yet, at the second moment.".to_owned(),
                |by| format!("It was withdrawn by entry {by}."),
            );
            let _ = writeln!(text, "  {} {why} Entry {}.", gone.sentence, gone.entry_id);
        }
        more(&mut text, self.gone_left_out);
        if !self.obligations.is_empty() {
            let _ = writeln!(text, "\nWhat stands differently:");
        }
        for turned in &self.obligations {
            let _ = writeln!(text, "  {}", turned.sentence);
        }
        more(&mut text, self.obligations_left_out);
        for (triggers, words) in [
            (&self.triggers_opened, "opened"),
            (&self.triggers_closed, "closed"),
        ] {
            for one in triggers {
                let _ = writeln!(
                    text,
                    "\nA direction trigger {words}: {}, section {}, {}. {}",
                    names.say(one.authority),
                    one.duty.section(),
                    names.say(one.area),
                    one.shows
                );
            }
        }
        more(&mut text, self.triggers_left_out);
        text
    }
}

/// Says that there is more than is listed.
fn more(text: &mut String, left_out: usize) {
    if left_out > 0 {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "  And {left_out} more: ask for moments that are closer."
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::given::{Given, id};

    const PARTNERSHIP: u128 = 1;
    const STRATEGY: u128 = 2;
    const DIRECTION: u128 = 3;

    fn adopted(given: &mut Given, version: u32, on: &str) -> EntryId {
        let adopted =
            json!({ "version": version, "decide_by": { "rule": "unanimous" }, "tally": null });
        given.told(STRATEGY, "StrategyAdopted", on, adopted)
    }

    fn reviewed(given: &mut Given, version: u32, on: &str) -> EntryId {
        let reviewed = json!({ "version": version, "decision": "no_change", "scope": "whole",
            "review": id(9) });
        given.told(STRATEGY, "ReviewCompleted", on, reviewed)
    }

    /// A strategy adopted on 1 June 2023.
    fn strategy() -> Given {
        let mut given = Given::default();
        let drafted = json!({ "partnership": id(PARTNERSHIP), "title": "A strategy",
            "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false } });
        given.opened(STRATEGY, "strategy");
        given.told(STRATEGY, "StrategyDrafted", "2023-02-01", drafted);
        adopted(&mut given, 1, "2023-06-01");
        given
    }

    fn late(given: &Given) -> BTreeMap<EntryId, i64> {
        days_late(id(PARTNERSHIP), &given.histories())
    }

    #[test]
    fn a_review_is_late_by_its_own_date_and_an_adoption_never_is() {
        let mut given = strategy();
        let review = reviewed(&mut given, 1, "2024-06-13");
        assert_eq!(late(&given), BTreeMap::from([(review, 12)]));
        let mut given = strategy();
        adopted(&mut given, 2, "2024-07-01");
        assert_eq!(late(&given), BTreeMap::new());
    }

    #[test]
    fn nothing_is_late_of_which_the_sources_do_not_tell() {
        let mut given = strategy();
        let review = reviewed(&mut given, 1, "2024-06-13");
        given.opened(PARTNERSHIP, "partnership");
        let covers = |until: &str| json!({ "covers_until": until, "fictional": false });
        let stated = covers("2024-01-31");
        given.told(PARTNERSHIP, "CoverageStated", "2023-01-31", stated);
        assert_eq!(late(&given), BTreeMap::new());
        let stated = covers("2024-12-31");
        given.told(PARTNERSHIP, "CoverageStated", "2023-01-31", stated);
        assert_eq!(late(&given), BTreeMap::from([(review, 12)]));
    }

    #[test]
    fn an_entry_that_sets_a_date_for_all_is_told_with_the_date_that_it_changed() {
        const LEDGER: u128 = 7;
        let mut given = Given::default();
        given.opened(PARTNERSHIP, "partnership");
        let formed = json!({ "name": "A partnership", "route": "new_structure" });
        given.told(PARTNERSHIP, "PartnershipFormed", "2023-02-01", formed);
        let nothing = given.histories();
        given.opened(LEDGER, "ledger");
        let mut rows = rules::enacted().0.rows.iter();
        let row = rows.find(|row| row.date_may_be_set()).unwrap();
        let own = row.deadline.as_ref().unwrap().on.unwrap();
        let set = json!({ "rule": row.id, "due_on": "2024-03-31", "provenance": "regulations" });
        let by = given.told(LEDGER, "DeadlineDateSet", "2023-03-01", set);
        let known = given.histories();
        let withdrawn = given.withdrawn(LEDGER, by, "2023-03-05");
        let later = given.histories();
        let on = "2023-06-01".parse().unwrap();
        let moment = |histories, known_at| Moment {
            histories,
            as_of: AsOf { on, known_at },
        };
        let names = Names::default();
        let found = diff(
            id(PARTNERSHIP),
            moment(&nothing, 1),
            moment(&known, 2),
            &names,
        );
        let entry = &found.happened[0].entries[0];
        assert_eq!((entry.entry_id, entry.stream), (by, id(LEDGER)));
        assert_eq!(found.happened[0].event_type, "DeadlineDateSet");
        let turned = found.obligations.iter().find(|one| one.rule == row.id);
        let turned = turned.unwrap();
        let date = |due: Option<Due>| due.map(|due| due.on);
        let due_on = "2024-03-31".parse().unwrap();
        assert_eq!(date(turned.due_from), Some(own));
        assert_eq!(date(turned.due_to), Some(due_on));
        let dated = format!("Its date is 31 March 2024, and was {}.", in_words(own));
        assert!(turned.sentence.ends_with(&dated), "{}", turned.sentence);
        let summary = &found.summary;
        assert!(
            summary.contains("one date of a deadline was set"),
            "{summary}"
        );
        assert!(summary.contains("another date"), "{summary}");
        assert!(found.text(&names).contains(&dated));

        // Withdrawn, the date of the rule pack holds again, and what withdrew it is named.
        let found = diff(
            id(PARTNERSHIP),
            moment(&known, 2),
            moment(&later, 3),
            &names,
        );
        assert_eq!(found.gone[0].entry_id, by);
        assert_eq!(found.gone[0].withdrawn_by, Some(withdrawn));
        let turned = found.obligations.iter().find(|one| one.rule == row.id);
        assert_eq!(date(turned.unwrap().due_to), Some(own));
    }

    #[test]
    fn what_the_first_moment_knew_was_not_recorded_late_whichever_way_the_moments_lie() {
        let mut given = strategy();
        let before = given.histories();
        let review = reviewed(&mut given, 1, "2024-06-13");
        let known = given.histories();
        given.withdrawn(STRATEGY, review, "2024-06-20");
        let withdrawn = given.histories();
        let on = "2024-07-01".parse().unwrap();
        let moment = |histories, known_at| Moment {
            histories,
            as_of: AsOf { on, known_at },
        };
        let names = Names::default();
        let (first, second, third) = (moment(&before, 2), moment(&known, 3), moment(&withdrawn, 4));
        for (from, late) in [(first, true), (third, false)] {
            let found = diff(id(PARTNERSHIP), from, second, &names);
            let entry = &found.happened[0].entries[0];
            assert_eq!((entry.entry_id, entry.late_entry), (review, late));
            let text = found.text(&names);
            assert_eq!(text.contains("It was recorded late."), late, "{text}");
        }
    }

    #[test]
    fn what_is_too_much_to_list_is_counted() {
        let mut given = strategy();
        for _ in 0..=LISTED_MAX {
            reviewed(&mut given, 1, "2024-05-01");
        }
        let histories = given.histories();
        let moment = |on: &str| Moment {
            histories: &histories,
            as_of: AsOf {
                on: on.parse().unwrap(),
                known_at: 1_000,
            },
        };
        let (from, to) = (moment("2024-04-30"), moment("2024-05-02"));
        let names = Names::default();
        let found = diff(id(PARTNERSHIP), from, to, &names);
        let group = &found.happened[0];
        assert_eq!((group.entries.len(), group.left_out), (LISTED_MAX, 1));
        assert_eq!(group.count, LISTED_MAX + 1);
        assert!(found.summary.contains("501 reviews"), "{}", found.summary);
        assert!(found.text(&names).contains("And 1 more"));
        let back = diff(id(PARTNERSHIP), to, from, &names);
        assert_eq!((back.gone.len(), back.gone_left_out), (LISTED_MAX, 1));
    }

    #[test]
    fn compliance_with_a_direction_is_late_by_the_authoritys_report() {
        let directed = || {
            let mut given = Given::default();
            given.opened(DIRECTION, "direction");
            let opened = json!({ "partnership": id(PARTNERSHIP), "authority": id(4), "area": id(5),
                "duty": "8(7)(a)" });
            given.told(DIRECTION, "DirectionCaseOpened", "2024-01-10", opened);
            let issued = json!({ "requires": "Publish it.", "comply_by": "2024-03-01" });
            given.told(DIRECTION, "DirectionIssued", "2024-02-01", issued);
            given
        };
        let report = json!({ "account": null });
        let mut given = directed();
        given.told(
            DIRECTION,
            "ComplianceReported",
            "2024-02-28",
            report.clone(),
        );
        given.told(DIRECTION, "ComplianceAccepted", "2024-04-10", json!({}));
        assert_eq!(late(&given), BTreeMap::new(), "it was in time");
        let mut given = directed();
        let reported = given.told(DIRECTION, "ComplianceReported", "2024-03-04", report);
        assert_eq!(late(&given), BTreeMap::from([(reported, 3)]));
        given.told(DIRECTION, "ComplianceAccepted", "2024-04-10", json!({}));
        assert_eq!(late(&given), BTreeMap::from([(reported, 3)]));
    }
}
