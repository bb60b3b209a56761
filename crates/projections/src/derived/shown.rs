//! The triggers of a partnership, or of a case that names none, each with the dates it is shown on.
//!
//! Which authorities exist for an area depends on the date, and the record may know today that one
//! ends, or begins, later on. Rows must not need to be written again because a day has passed, so
//! the triggers are derived once for every stretch of dates on which the same authorities exist and none
//! takes the place of another.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

use chrono::NaiveDate;
use dutyledger_domain::depends::authorities;
use dutyledger_domain::triggers::{Trigger, triggers_until};
use dutyledger_domain::{Histories, History, StreamKind};
use dutyledger_record::StreamId;

use crate::streams::FOLDS_ALL;

/// A trigger and the dates it is shown on: from one up to, and not including, another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) from: NaiveDate,
    pub(crate) until: NaiveDate,
    pub(crate) trigger: Trigger,
}

/// The first date of all, for what is shown until something changes. (A date that does not exist
/// would not compile.)
const FIRST: NaiveDate = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();

pub(crate) fn shown(partnership: StreamId, histories: &Histories) -> Vec<Shown> {
    let Some(last) = last_date(histories) else {
        return Vec::new();
    };
    // Questions are asked about today, and nothing is dated after today: no question is asked about
    // a date before the last.
    let mut changes = changes(partnership, histories).split_off(&last);
    let mut all: Vec<Shown> = Vec::new();
    let (mut on, mut from) = (last, FIRST);
    loop {
        let (shown, later) = triggers_until(partnership, histories, on);
        changes.extend(later);
        let next = changes.range((Excluded(on), Unbounded)).next().copied();
        let until = next.unwrap_or(FOLDS_ALL);
        for trigger in shown {
            let goes_on = all
                .iter_mut()
                .find(|s| s.until == from && s.trigger == trigger);
            match goes_on {
                Some(earlier) => earlier.until = until,
                None => all.push(Shown {
                    from,
                    until,
                    trigger,
                }),
            }
        }
        match next {
            Some(day) => (on, from) = (day, day),
            None => return all,
        }
    }
}

/// The dates on which an authority that a trigger could be about begins or ceases to exist.
fn changes(partnership: StreamId, histories: &Histories) -> BTreeSet<NaiveDate> {
    let about = authorities(histories, partnership);
    let mut dates = BTreeSet::new();
    for area in histories.areas.values() {
        let area = area.state(FOLDS_ALL);
        let recorded = area.authorities.iter();
        for (_, authority) in recorded.filter(|(id, _)| about.contains(id)) {
            dates.insert(authority.from);
            dates.extend(authority.until.and_then(|until| until.succ_opt()));
        }
    }
    dates
}

fn last_date(histories: &Histories) -> Option<NaiveDate> {
    fn last<K: StreamKind>(history: &History<K>) -> Option<NaiveDate> {
        history.entries().map(|e| e.standing.occurred_on.date).max()
    }
    let each = [
        histories.areas.values().filter_map(last).max(),
        histories.authorities.values().filter_map(last).max(),
        histories.partnerships.values().filter_map(last).max(),
        histories.assessments.values().filter_map(last).max(),
        histories.strategies.values().filter_map(last).max(),
        histories.directions.values().filter_map(last).max(),
        histories.dates.last_day(),
    ];
    each.into_iter().flatten().max()
}
