//! Why an obligation or a trigger stands as it does, and why a command was refused: the row, its
//! citation, the entries in order, and what would change it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use dutyledger_application::again::{When, WrittenError, decide_written};
use dutyledger_application::{CommandError, LoadError, Request, Target, london_date};
use dutyledger_domain::obligations::{Obligation, Status, Within, obligations};
use dutyledger_domain::rules::{self, Layer, RulePack, row};
use dutyledger_domain::streams::{Direction, NeedsAssessment, Partnership, Strategy};
use dutyledger_domain::triggers::{Trigger, TriggerState};
use dutyledger_domain::{
    Acting, Capacity, Duty, Histories, History, ReasonGiven, RefusalCode, SourceGiven, StreamKind,
    in_words,
};
use dutyledger_ledger::{LedgerReader, ReadError, Stored};
use dutyledger_record::{
    EntryId, OccurredOn, Principal, PrincipalKind, Record, Stream, StreamId, StreamType,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::as_of::AsOf;
use crate::cited::{DIRECTIONS, bearing, rows_of};
use crate::lines::{Line, lines};
use crate::names::Names;
use crate::outline::said;
use crate::replay::{stands, triggers};
use crate::words::sentence;

/// The most entries that bear on one answer and are told of: the newest, and as many again of those that
/// were withdrawn or are asked about.
const ENTRIES_MAX: usize = 100;
/// What stands above the entries of an explanation.
const ENTRIES: &str = "The entries, in order";
/// The most explanations that are given at once.
const EXPLAINED_MAX: usize = 100;

/// A row, with where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Cited {
    /// The row.
    pub rule: String,
    /// What it says.
    pub says: String,
    /// Where it comes from.
    pub layer: Option<Layer>,
    /// The section of the enacted Act, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The paragraph of the guidance, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<String>,
}

impl Cited {
    fn of(id: &str) -> Self {
        let known = row(id);
        Self {
            rule: id.to_owned(),
            says: known.map(|row| row.says.clone()).unwrap_or_default(),
            layer: known.map(|row| row.layer),
            section: known.and_then(|row| row.section.clone()),
            guidance: known.and_then(|row| row.guidance.clone()),
        }
    }

    fn sentence(&self) -> String {
        let section = self.section.as_ref().map(|s| format!("section {s}"));
        let guidance = self
            .guidance
            .as_ref()
            .map(|p| format!("paragraph {p} of the guidance"));
        let cited: Vec<_> = section.into_iter().chain(guidance).collect();
        let cited = if cited.is_empty() {
            String::new()
        } else {
            format!(" ({})", cited.join("; "))
        };
        format!("{}{cited}: {}", self.rule, self.says)
    }
}

/// An entry, and what it says.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Told {
    /// Its position.
    pub position: u64,
    /// Its id.
    pub entry_id: EntryId,
    /// The date it happened.
    pub occurred_on: OccurredOn,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who recorded it.
    pub principal_kind: PrincipalKind,
    /// Which of them, for kinds that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<StreamId>,
    /// What it says happened.
    pub sentence: String,
    /// Whether the answer rests on it. The others bear on it and do not count, or not any more.
    pub counts: bool,
    /// The entry that withdrew it, where one had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_by: Option<EntryId>,
}

/// Why something stands as it does.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// What is explained, as a sentence.
    pub sentence: String,
    /// As true on this date.
    pub on: NaiveDate,
    /// As known when the ledger ended at this position.
    pub known_at: u64,
    /// Why, in plain English.
    pub why: Vec<String>,
    /// The rows behind it.
    pub rules: Vec<Cited>,
    /// The entries it rests on and those that bear on it, in the order of the record.
    pub entries: Vec<Told>,
    /// How many more bear on it and are left out: older ones, none of which is among the newest 100 that
    /// were withdrawn or are asked about.
    pub left_out: usize,
    /// What would change it.
    pub what_would_change_it: Vec<String>,
}

impl Explanation {
    /// The explanation as text to read.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let mut text = format!("{}\n", self.sentence);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "As true on {}, as known at position {}.\n",
            in_words(self.on),
            self.known_at
        );
        for why in &self.why {
            let _ = writeln!(text, "{why}");
        }
        for (heading, lines) in [
            (
                "What it rests on",
                self.rules.iter().map(Cited::sentence).collect::<Vec<_>>(),
            ),
            (
                ENTRIES,
                self.entries.iter().map(|e| e.line(names)).collect(),
            ),
            ("What would change it", self.what_would_change_it.clone()),
        ] {
            if !lines.is_empty() {
                let _ = writeln!(text, "\n{heading}");
            }
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
            if heading == ENTRIES && self.left_out > 0 {
                let _ = writeln!(
                    text,
                    "  {} older entries that bear on it are left out here.",
                    self.left_out
                );
            }
        }
        text
    }
}

impl Told {
    fn line(&self, names: &Names) -> String {
        let kind = serde_json::to_value(self.principal_kind).unwrap_or_default();
        let kind = said(kind.as_str().unwrap_or_default(), names);
        let who = self
            .principal_id
            .and_then(|id| names.get(&id.to_string()))
            .map_or_else(|| kind.clone(), |name| format!("{name}, {kind}"));
        let withdrawn = match (self.withdrawn_by, self.counts) {
            (Some(by), _) => format!(" It was withdrawn by entry {by}."),
            (None, false) => " It does not count here.".to_owned(),
            (None, true) => String::new(),
        };
        format!(
            "{}: {} Recorded on {} by {who}.{withdrawn} Entry {}.",
            self.position,
            self.sentence,
            in_words(london_date(self.recorded_at)),
            self.entry_id
        )
    }
}

/// Why an explanation cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The ledger could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It cannot be read as a command.
    #[error("{0}")]
    Written(WrittenError),
    /// Something is wrong on our side.
    #[error("{0}")]
    Internal(String),
}

impl From<WrittenError> for ExplainError {
    fn from(error: WrittenError) -> Self {
        match error {
            // What went wrong on our side is not the caller's mistake.
            WrittenError::Decided(CommandError::Internal(cause)) => Self::Internal(cause),
            other => Self::Written(other),
        }
    }
}

impl From<ReadError> for ExplainError {
    fn from(error: ReadError) -> Self {
        Self::Load(error.into())
    }
}

/// Which entry is shown, whether it counts, and what withdrew it.
#[derive(Default)]
struct Shown {
    entries: BTreeMap<EntryId, (bool, Option<EntryId>)>,
    left_out: usize,
}

/// The newest of some in their order, those to be kept whatever is newer, and how many are left out.
fn newest<'a, T>(
    all: impl DoubleEndedIterator<Item = &'a T>,
    kept: impl Fn(&T) -> bool,
) -> (Vec<&'a T>, usize) {
    let (mut chosen, mut counted, mut left_out) = (Vec::new(), [0; 2], 0);
    for one in all.rev() {
        let count = &mut counted[usize::from(kept(one))];
        if *count < ENTRIES_MAX {
            *count += 1;
            chosen.push(one);
        } else {
            left_out += 1;
        }
    }
    chosen.reverse();
    (chosen, left_out)
}

/// Tells of entries, each read once however often it is told of.
struct Telling<'a> {
    ledger: &'a LedgerReader,
    names: &'a Names,
    read: BTreeMap<EntryId, Record>,
}

impl Telling<'_> {
    async fn tell(&mut self, shown: Shown) -> Result<(Vec<Told>, usize), LoadError> {
        let mut all = Vec::with_capacity(shown.entries.len());
        for (id, (counts, withdrawn_by)) in shown.entries {
            let record = match self.read.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) => match self.ledger.entry(id).await? {
                    Some(stored) => free.insert(stored.record()?),
                    None => continue,
                },
            };
            all.push(told(record, self.names, counts, withdrawn_by));
        }
        all.sort_by_key(|told| told.position);
        Ok((all, shown.left_out))
    }
}

fn told(record: &Record, names: &Names, counts: bool, withdrawn_by: Option<EntryId>) -> Told {
    let standing = &record.entry.standing;
    Told {
        position: record.position,
        entry_id: record.entry.entry_id,
        occurred_on: standing.occurred_on,
        recorded_at: record.recorded_at,
        principal_kind: standing.principal.kind,
        principal_id: standing.principal.id,
        sentence: sentence(
            &record.event.event_type,
            &record.entry.payload,
            standing.occurred_on,
            names,
        ),
        counts,
        withdrawn_by,
    }
}

/// Everything known, entry by entry, and what withdrew what.
struct Known {
    lines: Vec<Line>,
    withdrew: BTreeMap<EntryId, EntryId>,
}

impl Known {
    fn of(histories: &Histories, on: NaiveDate) -> Self {
        let lines = lines(histories, on);
        let withdrew = lines
            .iter()
            .filter_map(|line| Some((line.standing.corrects?, line.entry_id)));
        Self {
            withdrew: withdrew.collect(),
            lines,
        }
    }

    /// The entries an answer rests on, and those that bear on it and were withdrawn or are dated
    /// later: had they counted, it might be another.
    fn shown(&self, evidence: &[EntryId], bears: impl Fn(&Line) -> bool) -> Shown {
        let by = |id: EntryId| self.withdrew.get(&id).copied();
        let mut found: BTreeMap<_, _> = evidence.iter().map(|id| (*id, (true, by(*id)))).collect();
        let bearing = |line: &&Line| !evidence.contains(&line.entry_id) && bears(line);
        let bearing = self.lines.iter().filter(bearing);
        let (shown, left_out) = newest(bearing, |line| by(line.entry_id).is_some());
        for line in shown {
            let by = by(line.entry_id);
            found.entry(line.entry_id).or_insert((line.counts, by));
            if let Some(by) = by {
                found.entry(by).or_insert((true, None));
            }
        }
        Shown {
            entries: found,
            left_out,
        }
    }
}

/// Whether an entry stands in a stream that a row is looked for in: the strategy or the case it is
/// about, or else each stream of the kind that belongs to the partnership.
fn is_looked_in(
    stream: &Stream,
    within: Within,
    (partnership, about): (StreamId, Option<StreamId>),
    histories: &Histories,
) -> bool {
    let kind = match within {
        Within::Partnership => Partnership::NAME,
        Within::NeedsAssessment => NeedsAssessment::NAME,
        Within::Strategy => Strategy::NAME,
        Within::Direction => Direction::NAME,
    };
    if stream.stream_type.as_str() != kind {
        return false;
    }
    let is_about = matches!(within, Within::Strategy | Within::Direction);
    if let Some(about) = about.filter(|_| is_about) {
        return stream.id == about;
    }
    let of = match within {
        Within::Partnership => Some(stream.id),
        // Those that its strategies rest on count as well, whosever they are.
        Within::NeedsAssessment => Some(partnership),
        Within::Strategy => state_of(&histories.strategies, stream.id, |s| s.partnership),
        Within::Direction => state_of(&histories.directions, stream.id, |s| s.partnership),
    };
    of == Some(partnership)
}

fn state_of<K: StreamKind, T>(
    all: &BTreeMap<StreamId, History<K>>,
    id: StreamId,
    look: impl Fn(&K::State) -> Option<T>,
) -> Option<T> {
    look(&*all.get(&id)?.state(NaiveDate::MAX))
}

/// Which obligation is asked about.
#[derive(Clone, Debug)]
pub struct Row {
    /// The row.
    pub rule: String,
    /// The authority, where each is looked at for itself.
    pub authority: Option<StreamId>,
    /// The strategy or the case, where it is about one.
    pub about: Option<StreamId>,
}

/// Why something stands as it does: once for each authority and strategy it is looked at for.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Explanations {
    /// The explanations: the first 100, those that ask for something before the others.
    pub data: Vec<Explanation>,
    /// How many there are. Where there are more than are given, ask for those of one authority, or
    /// about one strategy or case.
    pub total: usize,
}

impl Explanations {
    const fn of(data: Vec<Explanation>) -> Self {
        let total = data.len();
        Self { data, total }
    }

    /// The explanations as text to read.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let mut texts: Vec<_> = self.data.iter().map(|one| one.text(names)).collect();
        if self.total > self.data.len() {
            texts.push(format!(
                "These are the first {} of {}: ask for those of one authority, or about one strategy \
                 or case.\n",
                self.data.len(),
                self.total
            ));
        }
        texts.join("\n")
    }
}

/// Explains how a row stands: once for each authority and each strategy it is looked at for, those
/// that ask for something first.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn obligation(
    ledger: &LedgerReader,
    partnership: StreamId,
    asked: &Row,
    histories: &Histories,
    as_of: AsOf,
) -> Result<Explanations, ExplainError> {
    let names = Names::of(histories);
    let mut all = Explanations::of(Vec::new());
    let pack = rules::newest_of(&histories.rules);
    let mut found = obligations(partnership, histories, pack, as_of.on);
    found.retain(|one| {
        let named = one.rule.as_str() == asked.rule
            || one.also.iter().any(|also| also.as_str() == asked.rule);
        named
            && asked.authority.is_none_or(|id| one.authority == Some(id))
            && asked.about.is_none_or(|id| one.about == Some(id))
    });
    all.total = found.len();
    found.sort_by_key(|one| !one.status.asks_for_something());
    found.truncate(EXPLAINED_MAX);
    let known = Known::of(histories, as_of.on);
    let mut telling = Telling {
        ledger,
        names: &names,
        read: BTreeMap::new(),
    };
    for one in &found {
        let shown = of_row(pack, partnership, one, &known, histories);
        let entries = telling.tell(shown).await?;
        all.data.push(of_obligation(one, entries, as_of, &names));
    }
    Ok(all)
}

/// The entries a row rests on, and those that bear on it.
fn of_row(
    pack: &RulePack,
    partnership: StreamId,
    one: &Obligation,
    known: &Known,
    histories: &Histories,
) -> Shown {
    let rule = one.rule.as_str();
    let within = pack.row(rule).and_then(|row| row.evidence.as_ref());
    let within = within.map(|evidence| evidence.within);
    let events = bearing(pack, rule);
    let mut shown = known.shown(&one.evidence, |line| {
        let place = (partnership, one.about);
        events.contains(&line.event_type)
            && within.is_some_and(|within| is_looked_in(&line.stream, within, place, histories))
    });
    // The ledger's own stream is no partnership's: what it says of a row is the row's date.
    let set_by = one.due.and_then(|due| due.set_by);
    let row = pack.row(rule);
    for set in row.into_iter().flat_map(|row| histories.dates.ever(row)) {
        let withdrawn_by = set.withdrawn.as_ref().map(|by| by.by);
        let counts = set_by == Some(set.by);
        shown.entries.insert(set.by, (counts, withdrawn_by));
        if let Some(by) = withdrawn_by {
            shown.entries.insert(by, (true, None));
        }
    }
    shown
}

fn of_obligation(
    one: &Obligation,
    (entries, left_out): (Vec<Told>, usize),
    as_of: AsOf,
    names: &Names,
) -> Explanation {
    let rule = one.rule.as_str();
    let whose = one
        .authority
        .map(|id| format!(", for {}", names.say(id)))
        .unwrap_or_default();
    let about = one
        .about
        .and_then(|id| {
            names
                .get(&id.to_string())
                .map(|name| format!(", of “{name}”"))
        })
        .unwrap_or_default();
    let mut why = vec![one.why.clone()];
    if let Some(due) = one.due {
        let from = serde_json::to_value(due.provenance).unwrap_or_default();
        why.push(format!(
            "Its date is {}; it comes from: {}.",
            in_words(due.on),
            said(from.as_str().unwrap_or_default(), names)
        ));
    }
    let mut changes: Vec<_> = one.next.iter().cloned().collect();
    if one.status.asks_for_something() {
        changes.push(
            "An entry that shows it was done, with the date it was done, even if that is recorded \
             late; or the withdrawal of an entry it rests on."
                .to_owned(),
        );
    } else if one.status == Status::Satisfied {
        changes.push("The withdrawal of an entry it rests on.".to_owned());
    }
    if let Some(set_by) = one.due.and_then(|due| due.set_by) {
        changes.push(format!(
            "Another date set in place of the one that entry {set_by} set, or the withdrawal of that \
             entry: the date of the rule pack, or one set before, holds again."
        ));
    }
    Explanation {
        sentence: format!("{rule}{whose}{about} {}.", stands(one.status)),
        on: as_of.on,
        known_at: as_of.known_at,
        why,
        rules: vec![Cited::of(rule)],
        entries,
        left_out,
        what_would_change_it: changes,
    }
}

/// Explains a trigger that is shown; none where it is not.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn trigger(
    ledger: &LedgerReader,
    partnership: StreamId,
    id: Uuid,
    histories: &Histories,
    as_of: AsOf,
) -> Result<Explanations, ExplainError> {
    let names = Names::of(histories);
    let all = triggers(partnership, histories, as_of.on);
    let Some(one) = all.into_iter().find(|trigger| trigger.id == id) else {
        return Ok(Explanations::of(Vec::new()));
    };
    let cited = rules_of(&one, histories);
    let shown = of_trigger(&one, &cited, &Known::of(histories, as_of.on), histories);
    let mut telling = Telling {
        ledger,
        names: &names,
        read: BTreeMap::new(),
    };
    let (entries, left_out) = telling.tell(shown).await?;
    let stands = if one.is_open() {
        "is open"
    } else {
        "is shown and not open"
    };
    let mut why = vec![
        one.shows.clone(),
        format!("It is shown since {}.", in_words(one.since)),
    ];
    why.push(match (&one.in_law.note, one.in_law.open) {
        (Some(note), _) => note.clone(),
        (None, true) => {
            format!(
                "A direction is open in law under section {}.",
                one.in_law.section
            )
        }
        (None, false) => format!("Section {} stands in the way of one.", one.in_law.section),
    });
    why.push(
        "A trigger decides nothing: whether an authority has failed is for the Secretary of State."
            .to_owned(),
    );
    Ok(Explanations::of(vec![Explanation {
        sentence: format!(
            "The direction trigger about {}, the duty in section {}, for {} {stands}.",
            names.say(one.authority),
            one.duty.section(),
            names.say(one.area)
        ),
        on: as_of.on,
        known_at: as_of.known_at,
        why,
        rules: cited.into_iter().map(Cited::of).collect(),
        entries,
        left_out,
        what_would_change_it: changes(&one),
    }]))
}

/// The rows behind a trigger: those that bear on the duty, and that of directions.
fn rules_of(one: &Trigger, histories: &Histories) -> BTreeSet<&'static str> {
    let capacity = state_of(&histories.authorities, one.authority, |state| {
        state.capacity
    });
    let educational = capacity.is_none_or(|c| c == Capacity::EducationalAuthority);
    let own = rows_of(one.duty, educational);
    own.iter().copied().chain([DIRECTIONS]).collect()
}

/// The entries a trigger rests on, and in the streams where these stand those of the same events and
/// of the events its rows are judged by.
fn of_trigger(
    one: &Trigger,
    cited: &BTreeSet<&str>,
    known: &Known,
    histories: &Histories,
) -> Shown {
    let rests_on = |line: &&Line| one.evidence.contains(&line.entry_id);
    let (mut streams, mut events) = (BTreeSet::new(), BTreeSet::new());
    for line in known.lines.iter().filter(rests_on) {
        streams.insert(&line.stream);
        events.insert(line.event_type.clone());
    }
    let pack = rules::newest_of(&histories.rules);
    events.extend(cited.iter().flat_map(|rule| bearing(pack, rule)));
    let own = one.authority.to_string();
    known.shown(&one.evidence, |line| {
        // What others say of the same actions is about them.
        let others = one.duty == Duty::CarryOutActions
            && line.payload["authority"]
                .as_str()
                .is_some_and(|id| id != own);
        streams.contains(&line.stream) && events.contains(&line.event_type) && !others
    })
}

fn changes(one: &Trigger) -> Vec<String> {
    let done = match one.duty {
        Duty::KeepUnderReview => "A review of the whole strategy, or an adoption, with its date.",
        Duty::Publish => "The publication of the version in force, with its date.",
        Duty::Revise => "The publication of a revised version, with its date.",
        Duty::CarryOutActions => {
            "The authority’s agreement to the action, an exception it claims itself, or a further \
             version without the action."
        }
        _ => {
            "An entry that shows the row met on the date of what it is counted from, or since; or a \
             later version that meets it, adopted or published as that one was."
        }
    };
    let step = match one.state {
        TriggerState::Attention => Some(
            "A source that establishes it, which would open it; or a finding that others record.",
        ),
        TriggerState::Open => {
            Some("The Secretary of State’s being satisfied, which takes it further.")
        }
        TriggerState::Satisfied => Some("A direction, or no further step."),
        TriggerState::Directed => Some("A report of compliance, or the direction’s withdrawal."),
        TriggerState::ComplianceReported => {
            Some("The Secretary of State’s answer to the report of compliance.")
        }
        TriggerState::OrderSought => Some("The court’s order, or the direction’s withdrawal."),
        TriggerState::OrderMade => Some("The acceptance of compliance, or the withdrawal."),
        TriggerState::Complied | TriggerState::Withdrawn => None,
    };
    let from_record = matches!(one.state, TriggerState::Attention | TriggerState::Open);
    let done = from_record.then_some(done);
    let withdrawn = "The withdrawal of the entry it is counted from.";
    let all = done.into_iter().chain(step).chain([withdrawn]);
    all.map(str::to_owned).collect()
}

/// A command that was refused, as it was given, and what its answer named.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The kind of principal that gave it.
    pub principal_kind: PrincipalKind,
    /// The authority or the partnership, for kinds that have one.
    #[serde(default)]
    pub principal_id: Option<StreamId>,
    /// The kind of stream it was given on, such as `strategy`; `ledger` for rule packs, the dates of
    /// deadlines, keys and calendars. A refused erasure is not decided again: it rests on the entry alone.
    pub stream_type: String,
    /// The stream; left out for a command that opens one, and for the ledger's own stream.
    #[serde(default)]
    pub stream: Option<StreamId>,
    /// The command's name in kebab-case, such as `adopt-version`.
    pub command: String,
    /// What was asked for.
    pub particulars: Value,
    /// The date it was to happen; the date it was decided for where left out.
    #[serde(default)]
    pub occurred_on: Option<NaiveDate>,
    /// Whether that date was assumed.
    #[serde(default)]
    pub occurred_on_assumed: bool,
    /// On what footing it was given.
    #[serde(default)]
    pub acting: Acting,
    /// The authorities it was to be done for.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub on_behalf_of: Vec<StreamId>,
    /// What was to show it.
    #[serde(default)]
    pub source: Option<SourceGiven>,
    /// The reasons given for going on.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub reasons: Vec<ReasonGiven>,
    /// The position the answer names in `decided_at`.
    #[schemars(range(min = 1))]
    pub decided_at: u64,
    /// The date the answer names in `decided_for`.
    pub decided_for: NaiveDate,
    /// The day the answer names in `decided_on`. Where left out, the day the entry at the position was
    /// recorded or the date it was decided for, whichever is later.
    #[serde(default)]
    pub decided_on: Option<NaiveDate>,
}

/// What a command comes to when it is decided again.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DecidedAgain {
    /// Whether it is refused again.
    pub refused: bool,
    /// The code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether it is answered as if there were nothing of the kind.
    #[serde(skip)]
    pub absent: bool,
    /// What would have been recorded, where it is not refused.
    pub events: Vec<String>,
    /// Why.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// Decides a refused command again, as known at the position its answer named. Nothing is recorded:
/// it is given a reader and no more.
///
/// # Errors
/// When it cannot be read as a command, or the ledger cannot be read.
pub async fn refusal(
    ledger: &LedgerReader,
    given: Refused,
    names: &Names,
) -> Result<DecidedAgain, ExplainError> {
    let recorded = ledger.read(given.decided_at.saturating_sub(1), 1).await?;
    let recorded = recorded.first().map(Stored::record).transpose();
    let recorded = recorded.map_err(LoadError::from)?;
    let recorded_on = recorded.map(|record| london_date(record.recorded_at));
    let today = match (given.decided_on, given.occurred_on) {
        (Some(on), _) => on,
        // Without a date of its own it was decided for the day it was given on.
        (None, None) => given.decided_for,
        // On a day without entries the last one is of a day before.
        (None, Some(on)) => recorded_on.map_or(on, |recorded| recorded.max(on)),
    };
    let about = Request {
        principal: Principal {
            id: given.principal_id,
            key_id: None,
            kind: given.principal_kind,
        },
        target: given.stream.map_or(Target::New, Target::Stream),
        acting: given.acting,
        occurred_on: given.occurred_on.map(|date| OccurredOn {
            assumed: given.occurred_on_assumed,
            date,
        }),
        on_behalf_of: given.on_behalf_of,
        source: given.source,
        reasons: given.reasons,
        correlation_id: None,
        causation_id: None,
        if_match: None,
        idempotency: None,
        command: (),
    };
    let when = When {
        known_at: given.decided_at,
        today,
    };
    let asked = named(&given.particulars);
    let written = (given.command.as_str(), given.particulars);
    let decided = decide_written(ledger, &given.stream_type, written, about, when).await;
    let stream = given
        .stream
        .map(|id| Stream::new(StreamType::read(&given.stream_type), id));
    let then = (given.decided_at, given.decided_for);
    let (entries, left_out) = of_stream(ledger, stream.as_ref(), then, &asked, names).await?;
    let explained = |sentence: &str, why, rules, what_would_change_it| Explanation {
        sentence: sentence.to_owned(),
        on: given.decided_for,
        known_at: given.decided_at,
        why,
        rules,
        entries,
        left_out,
        what_would_change_it,
    };
    match decided {
        Ok(events) => Ok(DecidedAgain {
            refused: false,
            code: None,
            absent: false,
            explanation: explained(
                "Decided again as known at that position, the command is not refused.",
                vec![
                    "What was given to decide is not what was refused then, or the answer was given \
                     for another reason than what the record says."
                        .to_owned(),
                ],
                Vec::new(),
                Vec::new(),
            ),
            events,
        }),
        Err(WrittenError::Decided(CommandError::Refused { refusal, .. })) => {
            let mut why = vec![refusal.detail.clone()];
            why.extend(refusal.also.iter().map(|also| also.detail.clone()));
            let unmet = refusal.rules.iter().map(|rule| &rule.unmet);
            why.extend(
                unmet
                    .clone()
                    .map(|unmet| format!("{}: {}", unmet.rule, unmet.detail)),
            );
            let rules = unmet.clone().map(|unmet| Cited::of(unmet.rule.as_str()));
            let next = unmet.clone().map(|unmet| unmet.next.clone());
            Ok(DecidedAgain {
                refused: true,
                code: Some(refusal.code.as_str().to_owned()),
                absent: refusal.code == RefusalCode::NotFound && refusal.pointer.is_none(),
                explanation: explained(
                    "Decided again as known at that position, the command is refused again.",
                    why,
                    rules.collect(),
                    next.collect(),
                ),
                events: Vec::new(),
            })
        }
        Err(WrittenError::Decided(CommandError::Hidden)) => Ok(DecidedAgain {
            refused: true,
            code: Some(RefusalCode::NotFound.as_str().to_owned()),
            absent: true,
            explanation: explained(
                "Decided again as known at that position, the command is refused again.",
                vec![
                    "The stream was not there, or the principal could not see it: both are answered \
                     alike."
                        .to_owned(),
                ],
                vec![Cited::of("L-2")],
                vec!["The key of somebody who sees the stream.".to_owned()],
            ),
            events: Vec::new(),
        }),
        Err(other) => Err(other.into()),
    }
}

/// The entries that particulars name in any member.
fn named(particulars: &Value) -> BTreeSet<EntryId> {
    match particulars {
        Value::String(text) => text.parse().into_iter().collect(),
        Value::Array(rows) => rows.iter().flat_map(named).collect(),
        Value::Object(members) => members.values().flat_map(named).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => BTreeSet::new(),
    }
}

/// The newest entries of the stream a command was given on, as known at a position, and those it named
/// or that were withdrawn; and how many are left out. Those dated after the date that it was decided for
/// did not count.
async fn of_stream(
    ledger: &LedgerReader,
    stream: Option<&Stream>,
    (up_to, decided_for): (u64, NaiveDate),
    asked: &BTreeSet<EntryId>,
    names: &Names,
) -> Result<(Vec<Told>, usize), ExplainError> {
    let Some(stream) = stream else {
        return Ok((Vec::new(), 0));
    };
    let stored = ledger.read_stream(stream, Some(up_to)).await?;
    let records = stored.iter().map(Stored::record);
    let records: Vec<_> = records.collect::<Result<_, _>>().map_err(LoadError::from)?;
    let withdrew: BTreeMap<EntryId, EntryId> = records
        .iter()
        .filter_map(|record| {
            let entry = &record.entry;
            Some((entry.standing.corrects?, entry.entry_id))
        })
        .collect();
    let (shown, left_out) = newest(records.iter(), |record: &Record| {
        let id = &record.entry.entry_id;
        asked.contains(id) || withdrew.contains_key(id)
    });
    let told = shown.into_iter().map(|record| {
        let entry = &record.entry;
        let by = withdrew.get(&entry.entry_id).copied();
        let counts = by.is_none() && entry.standing.occurred_on.date <= decided_for;
        told(record, names, counts, by)
    });
    Ok((told.collect(), left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_told_of_and_those_asked_about_however_old_they_are() {
        let all: Vec<usize> = (0..ENTRIES_MAX + 5).collect();
        let (shown, left_out) = newest(all.iter(), |n| *n == 1);
        assert_eq!(left_out, 4);
        assert_eq!(shown[..2], [&1, &5]);
        assert_eq!(shown.len(), ENTRIES_MAX + 1);
        let (shown, left_out) = newest(all.iter(), |_| true);
        assert_eq!((shown.len(), left_out), (ENTRIES_MAX, 5));
    }

    #[test]
    fn an_entry_that_a_command_names_is_asked_about() {
        let id = "01931c2e-5a00-7000-8000-0000000000e5";
        let given =
            serde_json::json!({ "reason": "It was misread.", "rows": [{ "entry_id": id }] });
        assert_eq!(named(&given), BTreeSet::from([id.parse().unwrap()]));
    }
}
