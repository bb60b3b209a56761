//! Why an obligation or a trigger stands as it does, and why a command was refused: the row, its
//! citation, the entries in order, and what would change it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use dutyledger_application::again::{When, WrittenError, decide_written};
use dutyledger_application::{CommandError, LoadError, Request, Target, london_date};
use dutyledger_domain::obligations::{Obligation, Status, obligations};
use dutyledger_domain::rules::{Layer, RulePack, row};
use dutyledger_domain::triggers::{Trigger, TriggerState};
use dutyledger_domain::{Acting, Duty, Histories, ReasonGiven, SourceGiven, in_words};
use dutyledger_ledger::{LedgerReader, ReadError, Stored};
use dutyledger_record::{
    EntryId, OccurredOn, Principal, PrincipalKind, Record, Stream, StreamId, StreamType,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::as_of::AsOf;
use crate::lines::lines;
use crate::names::Names;
use crate::outline::said;
use crate::replay::{pack, stands, triggers};
use crate::words::sentence;

/// The most entries of a stream that are told of: the newest.
const ENTRIES_MAX: usize = 100;

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
                "The entries, in order",
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
}

impl From<ReadError> for ExplainError {
    fn from(error: ReadError) -> Self {
        Self::Load(error.into())
    }
}

/// Which entry is shown, whether it counts, and what withdrew it.
#[derive(Default)]
struct Shown(BTreeMap<EntryId, (bool, Option<EntryId>)>);

impl Shown {
    async fn told(self, ledger: &LedgerReader, names: &Names) -> Result<Vec<Told>, LoadError> {
        let mut all = Vec::with_capacity(self.0.len());
        for (id, (counts, withdrawn_by)) in self.0 {
            if let Some(stored) = ledger.entry(id).await? {
                all.push(told(&stored.record()?, names, counts, withdrawn_by));
            }
        }
        all.sort_by_key(|told| told.position);
        Ok(all)
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

/// The entries an answer rests on, and those of the same kinds and streams that were withdrawn or
/// are dated later: had they counted, it might be another.
fn shown(
    evidence: &[EntryId],
    about: Option<StreamId>,
    events: &[String],
    histories: &Histories,
    on: NaiveDate,
) -> Shown {
    let all = lines(histories, on);
    let withdrew: BTreeMap<EntryId, EntryId> = all
        .iter()
        .filter_map(|line| Some((line.standing.corrects?, line.entry_id)))
        .collect();
    let mut found = Shown::default();
    for id in evidence {
        found.0.insert(*id, (true, withdrew.get(id).copied()));
    }
    let bears = |line: &&crate::lines::Line| {
        about.is_some_and(|about| line.stream.id == about) && events.contains(&line.event_type)
    };
    for line in all.iter().filter(bears).rev().take(ENTRIES_MAX) {
        let by = withdrew.get(&line.entry_id).copied();
        found.0.entry(line.entry_id).or_insert((line.counts, by));
        if let Some(by) = by {
            found.0.entry(by).or_insert((true, None));
        }
    }
    found
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
) -> Result<Vec<Explanation>, ExplainError> {
    let names = Names::of(histories);
    let Some(pack) = pack(histories) else {
        return Ok(Vec::new());
    };
    let mut found = obligations(partnership, histories, pack, as_of.on);
    found.retain(|one| {
        let named = one.rule.as_str() == asked.rule
            || one.also.iter().any(|also| also.as_str() == asked.rule);
        named
            && asked.authority.is_none_or(|id| one.authority == Some(id))
            && asked.about.is_none_or(|id| one.about == Some(id))
    });
    found.sort_by_key(|one| !one.status.asks_for_something());
    found.truncate(ENTRIES_MAX);
    let mut all = Vec::with_capacity(found.len());
    for one in &found {
        all.push(of_obligation(ledger, pack, one, histories, as_of, &names).await?);
    }
    Ok(all)
}

async fn of_obligation(
    ledger: &LedgerReader,
    pack: &RulePack,
    one: &Obligation,
    histories: &Histories,
    as_of: AsOf,
    names: &Names,
) -> Result<Explanation, ExplainError> {
    let rule = one.rule.as_str();
    let events = bearing(pack, rule);
    let entries = shown(&one.evidence, one.about, &events, histories, as_of.on);
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
    Ok(Explanation {
        sentence: format!("{rule}{whose}{about} {}.", stands(one.status)),
        on: as_of.on,
        known_at: as_of.known_at,
        why,
        rules: vec![Cited::of(rule)],
        entries: entries.told(ledger, names).await?,
        what_would_change_it: changes,
    })
}

/// The events that bear on a row: those the pack names, and for what is judged in another way those
/// it is counted from.
fn bearing(pack: &RulePack, rule: &str) -> Vec<String> {
    let row = pack.row(rule);
    let named = row.and_then(|row| row.evidence.as_ref());
    let mut events: Vec<_> = named
        .map(|evidence| evidence.events.clone())
        .unwrap_or_default();
    if rule == "R-42.1" {
        events.extend(["StrategyAdopted", "ReviewCompleted"].map(str::to_owned));
    }
    events
}

/// Explains a trigger that is shown; nothing where it is not.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn trigger(
    ledger: &LedgerReader,
    partnership: StreamId,
    id: Uuid,
    histories: &Histories,
    as_of: AsOf,
) -> Result<Option<Explanation>, ExplainError> {
    let names = Names::of(histories);
    let all = triggers(partnership, histories, as_of.on);
    let Some(one) = all.into_iter().find(|trigger| trigger.id == id) else {
        return Ok(None);
    };
    let rules: BTreeSet<_> = [rule_of(one.duty), "R-129.1"].into_iter().collect();
    let entries = shown(&one.evidence, None, &[], histories, as_of.on);
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
    Ok(Some(Explanation {
        sentence: format!(
            "The direction trigger about {}, the duty in section {}, for {} {stands}.",
            names.say(one.authority),
            one.duty.section(),
            names.say(one.area)
        ),
        on: as_of.on,
        known_at: as_of.known_at,
        why,
        rules: rules.into_iter().map(Cited::of).collect(),
        entries: entries.told(ledger, &names).await?,
        what_would_change_it: changes(&one),
    }))
}

/// The row that bears on a duty of s.18(1).
const fn rule_of(duty: Duty) -> &'static str {
    match duty {
        Duty::IdentifyKinds => "R-10.2",
        Duty::IdentifyCauses => "R-10.3",
        Duty::Consult => "R-10.6",
        Duty::LeaveOutBarredMaterial => "A-8.8",
        Duty::KeepUnderReview => "R-42.1",
        _ => "R-129.1",
    }
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
        _ => "An entry that shows the row met on the date of what it is counted from.",
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
    /// The kind of stream it was given on, such as `strategy`.
    pub stream_type: String,
    /// The stream; left out for a command that opens one.
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
    /// The day it was given, where `occurred_on` was another. The day the entry at the position was
    /// recorded, where left out.
    #[serde(default)]
    pub given_on: Option<NaiveDate>,
}

/// What a command comes to when it is decided again.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DecidedAgain {
    /// Whether it is refused again.
    pub refused: bool,
    /// The code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
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
    let today = match given.occurred_on {
        None => given.decided_for,
        Some(on) => given.given_on.or(recorded_on).unwrap_or(on),
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
    let written = (given.command.as_str(), given.particulars);
    let decided = decide_written(ledger, &given.stream_type, written, about, when).await;
    let stream = given
        .stream
        .map(|id| Stream::new(StreamType::read(&given.stream_type), id));
    let entries = of_stream(ledger, stream.as_ref(), given.decided_at, names).await?;
    let explained = |sentence: &str, why, rules, what_would_change_it| Explanation {
        sentence: sentence.to_owned(),
        on: given.decided_for,
        known_at: given.decided_at,
        why,
        rules,
        entries,
        what_would_change_it,
    };
    match decided {
        Ok(events) => Ok(DecidedAgain {
            refused: false,
            code: None,
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
            code: Some("not-found".to_owned()),
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
        Err(other) => Err(ExplainError::Written(other)),
    }
}

/// The newest entries of the stream a command was given on, as known at a position.
async fn of_stream(
    ledger: &LedgerReader,
    stream: Option<&Stream>,
    up_to: u64,
    names: &Names,
) -> Result<Vec<Told>, ExplainError> {
    let Some(stream) = stream else {
        return Ok(Vec::new());
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
    let newest = records.len().saturating_sub(ENTRIES_MAX);
    let told = records.iter().skip(newest).map(|record| {
        let by = withdrew.get(&record.entry.entry_id).copied();
        told(record, names, by.is_none(), by)
    });
    Ok(told.collect())
}
