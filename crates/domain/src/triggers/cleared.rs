//! What brought it about that a trigger is shown no more, where one entry did.

use chrono::NaiveDate;

use dutyledger_record::EntryId;

use super::met::{is_gated, met_since};
use crate::history::{History, StreamKind};
use crate::streams::Strategy;
use crate::streams::strategy::StrategyEvent;
use crate::streams::trigger::WhatIsShown;
use crate::values::ActionStatus;
use crate::world::Histories;

/// The entry by which a trigger that was shown is shown no more: the one that withdrew what it was
/// counted from, closed the case about it, met what was not met, ended what it belonged to, or said
/// more of the same action. Nothing where a date did, or several entries together.
#[must_use]
pub fn cleared_by(trigger: &WhatIsShown, histories: &Histories, on: NaiveDate) -> Option<EntryId> {
    withdrawn(trigger, histories)
        .or_else(|| closed(trigger, histories, on))
        .or_else(|| met(trigger, histories, on))
        .or_else(|| ended(trigger, histories, on))
}

/// What met since what the adoption or publication that it is counted from did not meet.
fn met(trigger: &WhatIsShown, histories: &Histories, on: NaiveDate) -> Option<EntryId> {
    let (_, duty, _) = trigger.key();
    if !is_gated(duty) {
        return None;
    }
    let mut ids = histories.strategies.keys();
    ids.find_map(|id| met_since(duty, *id, trigger.counted_from(), histories, on))
}

fn withdrawn(trigger: &WhatIsShown, histories: &Histories) -> Option<EntryId> {
    fn among<'h, K: StreamKind>(
        mut all: impl Iterator<Item = &'h History<K>>,
        wrong: EntryId,
    ) -> Option<EntryId> {
        let by = all.find_map(|history| history.withdrawal_of(wrong))?;
        Some(by.entry_id)
    }
    let wrong = trigger.counted_from();
    among(histories.strategies.values(), wrong)
        .or_else(|| among(histories.directions.values(), wrong))
        .or_else(|| among(histories.partnerships.values(), wrong))
}

fn closed(trigger: &WhatIsShown, histories: &Histories, on: NaiveDate) -> Option<EntryId> {
    let counted_from = counted_in(trigger, histories);
    let counted_from = counted_from.and_then(|strategy| on_date(strategy, trigger.counted_from()));
    let cases = histories.directions.values();
    let cases = cases.map(|history| history.state(on)).filter(|case| {
        let about = case.authority.zip(case.duty).zip(case.area);
        about.map(|((authority, duty), area)| (authority, duty, area)) == Some(trigger.key())
    });
    let closed = cases.filter_map(|case| case.closed());
    // What came to light after a case was closed is not cleared by that.
    let closed = closed.filter(|at| counted_from.is_none_or(|from| from <= at.on));
    closed.max_by_key(|at| at.on).map(|at| at.entry_id)
}

fn ended(trigger: &WhatIsShown, histories: &Histories, on: NaiveDate) -> Option<EntryId> {
    let partnership = trigger.partnership();
    let partnership = partnership.and_then(|id| histories.partnerships.get(&id));
    let dissolved = partnership.and_then(|history| history.state(on).dissolved);
    if let Some(at) = dissolved {
        return Some(at.entry_id);
    }
    let strategy = counted_in(trigger, histories)?;
    if let Some(superseded) = &strategy.state(on).superseded {
        return Some(superseded.at.entry_id);
    }
    let counted = strategy.counted(on);
    let first = counted
        .iter()
        .find(|entry| entry.entry_id == trigger.counted_from())?;
    let (action, given_up) = match &first.payload {
        StrategyEvent::ActionDeclined(e) => (e.action, false),
        StrategyEvent::ActionProgressed(e) => (e.action, true),
        _ => return None,
    };
    let says_more = |event: &StrategyEvent| match event {
        StrategyEvent::ActionAgreed(e) => (e.action, e.authority) == (action, trigger.authority()),
        StrategyEvent::ExceptionClaimed(e) => {
            e.authority == trigger.authority() && e.action.is_none_or(|of| of == action)
        }
        StrategyEvent::ActionProgressed(e) => {
            let goes_on = given_up && e.status != ActionStatus::Stopped;
            e.action == action && (goes_on || e.status == ActionStatus::Completed)
        }
        _ => false,
    };
    let mut latest = counted.iter().rev();
    let more = latest.find(|entry| says_more(&entry.payload));
    more.map(|entry| entry.entry_id)
}

/// The strategy with the entry a trigger is counted from.
fn counted_in<'h>(
    trigger: &WhatIsShown,
    histories: &'h Histories,
) -> Option<&'h History<Strategy>> {
    let mut all = histories.strategies.values();
    all.find(|strategy| on_date(strategy, trigger.counted_from()).is_some())
}

fn on_date(strategy: &History<Strategy>, entry: EntryId) -> Option<NaiveDate> {
    let mut entries = strategy.entries();
    let found = entries.find(|one| one.entry_id == entry)?;
    Some(found.standing.occurred_on.date)
}
