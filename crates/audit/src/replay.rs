//! Replay: what was true on a date, as known at a position. Pure, over histories read up to it.

use std::fmt::Write;

use chrono::NaiveDate;
use dutyledger_domain::obligations::{Obligation, Status, obligations};
use dutyledger_domain::reviews::{ReviewStatus, due, status};
use dutyledger_domain::rules;
use dutyledger_domain::streams::{PartnershipState, StrategyState};
use dutyledger_domain::triggers::{NOT_RECORDED_YET, Trigger, triggers as all_triggers};
use dutyledger_domain::{Duty, Histories, History, StreamKind, in_words};
use dutyledger_record::{EntryId, StreamId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::as_of::AsOf;
use crate::names::Names;
use crate::outline::{outline, said};

/// What is asked about a partnership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Its own record: areas, members, representatives, lists, positions.
    #[default]
    Partnership,
    /// Who owes what by when.
    Obligations,
    /// Which reviews are due or overdue.
    Reviews,
    /// What the record shows that bears on a direction.
    Triggers,
}

/// How a review that is listed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// Overdue.
    Overdue,
    /// Due on the date.
    Due,
    /// Not known.
    NotKnown,
}

/// How a review stands in a list; nothing where it is not listed.
#[must_use]
pub const fn listed(status: ReviewStatus) -> Option<Stands> {
    match status {
        ReviewStatus::Overdue => Some(Stands::Overdue),
        ReviewStatus::Due => Some(Stands::Due),
        ReviewStatus::NotKnown => Some(Stands::NotKnown),
        ReviewStatus::NotApplicable | ReviewStatus::NotYetDue => None,
    }
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReviewShown {
    /// The strategy.
    pub strategy: StreamId,
    /// The partnership.
    pub partnership: StreamId,
    /// The date it is due; it is overdue from the next day.
    pub due_on: NaiveDate,
    /// The date it is counted from.
    pub counted_from: NaiveDate,
    /// Whether that date is assumed.
    pub assumed: bool,
    /// The entry it is counted from.
    pub entry_id: EntryId,
    /// The date a history's sources reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covers_until: Option<NaiveDate>,
    /// Whether what is told is fictional.
    pub fictional: bool,
}

/// The reviews, those overdue apart from those of which it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reviews {
    /// The date has passed without a review of the whole strategy.
    pub overdue: Vec<ReviewShown>,
    /// Due on the date.
    pub due: Vec<ReviewShown>,
    /// Not known: the sources do not reach that far, or the date it is counted from is assumed.
    pub not_known: Vec<ReviewShown>,
}

impl Reviews {
    /// Arranges reviews by how they stand.
    #[must_use]
    pub fn arranged(rows: impl IntoIterator<Item = (Stands, ReviewShown)>) -> Self {
        let mut reviews = Self::default();
        for (stands, row) in rows {
            match stands {
                Stands::Overdue => reviews.overdue.push(row),
                Stands::Due => reviews.due.push(row),
                Stands::NotKnown => reviews.not_known.push(row),
            }
        }
        reviews
    }
}

/// The review of one strategy on a date, where it is listed.
#[must_use]
pub fn review(
    (strategy, then): (StreamId, &StrategyState),
    (partnership, state): (StreamId, Option<&PartnershipState>),
    on: NaiveDate,
) -> Option<(Stands, ReviewShown)> {
    let (due, stands) = due(then).zip(listed(status(then, state, on)))?;
    // What is not known is listed from the day it would be due.
    if due.on > on {
        return None;
    }
    let coverage = state.and_then(|p| p.coverage.as_ref());
    let shown = ReviewShown {
        strategy,
        partnership,
        due_on: due.on,
        counted_from: due.counted_from,
        assumed: due.assumed,
        entry_id: due.entry_id,
        covers_until: coverage.map(|c| c.covers_until),
        fictional: coverage.is_some_and(|c| c.fictional),
    };
    Some((stands, shown))
}

/// The reviews of a partnership's strategies on a date, the longest due first.
#[must_use]
pub fn reviews(partnership: StreamId, histories: &Histories, on: NaiveDate) -> Reviews {
    let world = histories.on(on);
    let state = world.partnerships.get(&partnership).map(AsRef::as_ref);
    let own = world.strategies.iter();
    let mut found: Vec<_> = own
        .filter(|(_, then)| then.partnership == Some(partnership))
        .filter_map(|(id, then)| review((*id, then), (partnership, state), on))
        .collect();
    found.sort_by_key(|(_, review)| (review.due_on, review.strategy));
    Reviews::arranged(found)
}

/// The triggers shown for a partnership on a date, the oldest first.
#[must_use]
pub fn triggers(partnership: StreamId, histories: &Histories, on: NaiveDate) -> Vec<Trigger> {
    let mut found = all_triggers(partnership, histories, on);
    found.retain(|trigger| trigger.since <= on);
    found.sort_by_key(|trigger| (trigger.since, trigger.id));
    found
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Answer {
    /// The partnership's own record.
    Partnership {
        /// How many entries its stream had.
        version: u64,
        /// What was known of it.
        state: Box<PartnershipState>,
    },
    /// A strategy.
    Strategy {
        /// The strategy.
        strategy: StreamId,
        /// How many entries its stream had.
        version: u64,
        /// What was known of it.
        state: Box<StrategyState>,
    },
    /// Who owes what by when.
    Obligations {
        /// The rule pack they are judged by.
        pack: String,
        /// Its revision.
        revision: u32,
        /// The obligations, in the order of the rule pack.
        obligations: Vec<Obligation>,
    },
    /// Which reviews are due or overdue.
    Reviews {
        /// The reviews.
        reviews: Reviews,
    },
    /// What the record shows that bears on a direction.
    Triggers {
        /// The triggers, the oldest first.
        triggers: Vec<Trigger>,
        /// The duties whose failure the record cannot show yet.
        not_recorded_yet: Vec<Duty>,
    },
}

/// What was true on a date, as known at a position.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Replay {
    /// The partnership.
    pub partnership: StreamId,
    /// As true on this date.
    pub on: NaiveDate,
    /// As known when the ledger ended at this position.
    pub known_at: u64,
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
}

/// Whether anything of a stream had happened by a date.
fn begun<K: StreamKind>(history: &History<K>, on: NaiveDate) -> bool {
    !history.counted(on).is_empty()
}

/// Answers a question about a partnership; nothing where there was none by then.
#[must_use]
pub fn replay(
    partnership: StreamId,
    question: Question,
    histories: &Histories,
    as_of: AsOf,
) -> Option<Replay> {
    let AsOf { on, known_at } = as_of;
    let history = histories.partnerships.get(&partnership)?;
    if !begun(history, on) {
        return None;
    }
    let answer = match question {
        Question::Partnership => Answer::Partnership {
            version: history.version(),
            state: Box::new((*history.state(on)).clone()),
        },
        Question::Obligations => {
            let pack = rules::newest_of(&histories.rules);
            Answer::Obligations {
                pack: pack.name.clone(),
                revision: pack.revision,
                obligations: obligations(partnership, histories, pack, on),
            }
        }
        Question::Reviews => Answer::Reviews {
            reviews: reviews(partnership, histories, on),
        },
        Question::Triggers => Answer::Triggers {
            triggers: triggers(partnership, histories, on),
            not_recorded_yet: NOT_RECORDED_YET.to_vec(),
        },
    };
    Some(Replay {
        partnership,
        on,
        known_at,
        answer,
    })
}

/// A strategy as it stood; nothing where there was none by then.
#[must_use]
pub fn replay_strategy(strategy: StreamId, histories: &Histories, as_of: AsOf) -> Option<Replay> {
    let AsOf { on, known_at } = as_of;
    let history = histories.strategies.get(&strategy)?;
    if !begun(history, on) {
        return None;
    }
    let state = history.state(on);
    Some(Replay {
        partnership: state.partnership?,
        on,
        known_at,
        answer: Answer::Strategy {
            strategy,
            version: history.version(),
            state: Box::new((*state).clone()),
        },
    })
}

impl Replay {
    /// The answer as text to read.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let mut text = format!(
            "{}, as true on {}, as known at position {}.\n\n",
            names.say(self.partnership),
            in_words(self.on),
            self.known_at
        );
        match &self.answer {
            Answer::Partnership { state, .. } => {
                text.push_str(&outline(&serde_json::json!(state), names));
            }
            Answer::Strategy { state, .. } => {
                text.push_str(&outline(&serde_json::json!(state), names));
            }
            Answer::Obligations { obligations, .. } => {
                obligations_text(obligations, names, &mut text);
            }
            Answer::Reviews { reviews } => reviews_text(reviews, names, &mut text),
            Answer::Triggers { triggers, .. } => triggers_text(triggers, names, &mut text),
        }
        text
    }
}

/// How an obligation stands, as a sentence goes on after it.
pub(crate) const fn stands(status: Status) -> &'static str {
    match status {
        Status::Overdue => "is overdue",
        Status::Due => "is due",
        Status::NotYetDue => "is not yet due",
        Status::Excepted => "is met by an exception that is claimed",
        Status::Satisfied => "is met",
        Status::NotApplicable => "does not arise",
        Status::NotKnown => "is not known",
        Status::NotRecordedYet => "cannot be recorded here yet",
        Status::Used => "is used",
        Status::NotUsed => "is not used",
        Status::Applies => "applies",
        Status::DoesNotApply => "does not apply",
        Status::Fact => "is a statement of fact",
    }
}

// Writing to a string does not fail.
fn obligations_text(all: &[Obligation], names: &Names, text: &mut String) {
    for one in all {
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
        let _ = writeln!(text, "{}{whose}{about} {}.", one.rule, stands(one.status));
        let _ = writeln!(text, "  It says: {}", one.says);
        let _ = writeln!(text, "  {}", one.why);
        if let Some(due) = one.due {
            let _ = writeln!(text, "  Its date is {}.", in_words(due.on));
        }
        if let Some(next) = &one.next {
            let _ = writeln!(text, "  What to do next: {next}");
        }
    }
}

fn reviews_text(reviews: &Reviews, names: &Names, text: &mut String) {
    let parts = [
        (&reviews.overdue, "is overdue: it was due on"),
        (&reviews.due, "is due on"),
        (
            &reviews.not_known,
            "is not known to be done: it would be due on",
        ),
    ];
    for (rows, stands) in parts {
        for row in rows {
            let _ = writeln!(
                text,
                "The annual review of “{}” {stands} {}, counted from {}{}.",
                names.say(row.strategy),
                in_words(row.due_on),
                in_words(row.counted_from),
                if row.assumed {
                    ", which is assumed"
                } else {
                    ""
                }
            );
        }
    }
    if reviews == &Reviews::default() {
        text.push_str("No review is due or overdue.\n");
    }
}

fn triggers_text(triggers: &[Trigger], names: &Names, text: &mut String) {
    for one in triggers {
        let state = serde_json::to_value(one.state).unwrap_or_default();
        let _ = writeln!(
            text,
            "{}, the duty in section {}, {}: {} since {}. {}",
            names.say(one.authority),
            one.duty.section(),
            names.say(one.area),
            said(state.as_str().unwrap_or_default(), names),
            in_words(one.since),
            one.shows
        );
    }
    if triggers.is_empty() {
        text.push_str("Nothing is shown that bears on a direction.\n");
    }
    text.push_str("A trigger decides nothing. Missing evidence is never a breach.\n");
}
