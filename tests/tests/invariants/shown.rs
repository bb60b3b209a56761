//! What the entry list tells of direction triggers, in the plainest way: of what was adopted and is not
//! published, not reviewed within the year, or decided to be revised and is not; of actions that a
//! relevant authority declined or gave up; and of every case about these duties, or about those that
//! nothing but a case shows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::reader::{Before, at, class_of, date, event, number, own, position, stream, text};
use crate::told::{Point, next_day, twelve_months_on};

/// The duties that are looked at: those of s.18(1) whose gates need not be gone through again.
pub(crate) const DUTIES: [&str; 9] = [
    "8(1)-(2)", "8(7)(a)", "8(7)(b)", "8(7)(c)", "14(6)", "15(3)", "15(4)", "15(5)(b)", "17(4)",
];
/// From weakest to what has come furthest.
const STATES: [&str; 9] = [
    "attention",
    "open",
    "satisfied",
    "directed",
    "compliance_reported",
    "complied",
    "order_sought",
    "order_made",
    "withdrawn",
];
const BEGAN: &str = "2023-01-31";

/// Authority, duty, area.
type Key = (String, String, String);

/// What shows something: how far it has come, since when, whether it is a case, and when that closed.
struct Shows {
    state: &'static str,
    since: String,
    case: bool,
    closed: Option<String>,
}

/// The triggers of a partnership as true on a date, as known at a position: authority, duty, area,
/// state, since.
pub(crate) fn shown(point: &Point<'_>, partnership: &str) -> Vec<Value> {
    let mut all: BTreeMap<Key, Vec<Shows>> = BTreeMap::new();
    for e in point.all().iter().filter(|e| position(e) <= point.known()) {
        let of_it = text(e, "/payload/partnership") == partnership;
        let seen = point.of(text(e, "/stream/type"), stream(e));
        match event(e) {
            "StrategyDrafted" if of_it => of_strategy(&seen.seen(), partnership, &mut all),
            "DirectionCaseOpened" if of_it => of_case(&seen.seen(), &mut all),
            _ => {}
        }
    }
    let mut told = Vec::new();
    for ((authority, duty, area), found) in all {
        let closed = found.iter().filter_map(|one| one.closed.clone()).max();
        let rank = |state: &str| STATES.iter().position(|one| *one == state);
        let later = |one: &&Shows| {
            let since = one.since.as_str();
            since <= point.on() && closed.as_deref().is_none_or(|closed| since > closed)
        };
        let standing = found
            .iter()
            .filter(|one| one.closed.is_none() && (one.case || later(one)));
        let mut standing: Vec<_> = standing
            .filter(|one| one.since.as_str() <= point.on())
            .collect();
        standing.sort_by_key(|one| (rank(one.state), one.case, std::cmp::Reverse(&one.since)));
        let last = found.iter().filter(|one| one.closed.is_some());
        let last = last.max_by_key(|one| &one.closed);
        if let Some(one) = standing.last().copied().or(last) {
            told.push(json!([authority, duty, area, one.state, one.since]));
        }
    }
    told
}

fn of_strategy(seen: &Before<'_>, partnership: &str, all: &mut BTreeMap<Key, Vec<Shows>>) {
    let over = seen.last("StrategySuperseded").is_some()
        || seen
            .stream(partnership)
            .any(|e| event(e) == "PartnershipDissolved");
    let adoptions = || seen.here().filter(|e| event(e) == "StrategyAdopted");
    let Some(newest) = adoptions().max_by_key(|e| number(e, "/payload/version")) else {
        return;
    };
    if over || seen.here().next().is_none() {
        return;
    }
    let in_force = number(newest, "/payload/version");
    let mut notices = Vec::new();
    if seen.bases().0 {
        if !seen.of_version("StrategyPublished", in_force) {
            notices.push(("8(7)(a)", next_day(date(newest))));
        }
        let reviews = || seen.here().filter(|e| event(e) == "ReviewCompleted");
        let whole = reviews().filter(|e| text(e, "/payload/scope") == "whole");
        let years = adoptions().chain(whole).map(date);
        if let Some(last) = years.max() {
            notices.push(("8(7)(b)", next_day(&twelve_months_on(last))));
        }
        let decided = reviews().filter(|e| text(e, "/payload/decision") == "revise");
        if let Some(review) = decided.last() {
            let reviewed = number(review, "/payload/version");
            let mut published = seen.here().filter(|e| event(e) == "StrategyPublished");
            let later = |e: &&Value| number(e, "/payload/version") > reviewed;
            if !published.any(|e| later(&e) && date(e) >= date(review)) {
                notices.push(("8(7)(c)", next_day(date(review))));
            }
        }
    }
    let specified = seen.specified(partnership);
    for (duty, since) in notices {
        for authority in &specified {
            show(seen, partnership, authority, duty, "attention", &since, all);
        }
    }
    let actions = seen.content(&[("ActionProposed", "action")], in_force);
    for action in actions {
        of_action(seen, partnership, action, all);
    }
}

/// What a relevant authority declined or gave up of an action that is not done, where it claims no
/// exception.
fn of_action(
    seen: &Before<'_>,
    partnership: &str,
    action: &str,
    all: &mut BTreeMap<Key, Vec<Shows>>,
) {
    let here = || seen.here().filter(|e| text(e, "/payload/action") == action);
    let last_step = here().filter(|e| event(e) == "ActionProgressed").last();
    let status = last_step.map(|e| text(e, "/payload/status"));
    if status == Some("completed") {
        return;
    }
    let Some(proposed) = here().find(|e| event(e) == "ActionProposed") else {
        return;
    };
    let owner = text(proposed, "/payload/owner");
    // Before a strategy specifies it there is no duty to carry it out.
    let adopted = seen.here().filter(|e| event(e) == "StrategyAdopted");
    let with_it = adopted.filter(|e| seen.has_action(number(e, "/payload/version"), action));
    let specified_on = with_it.map(date).min().unwrap_or_default();
    let relevant = |capacity: &str| class_of(capacity) == "relevant";
    let capacity = seen.authority(owner).map(|(capacity, ..)| capacity);
    if let Some(step) = last_step.filter(|_| status == Some("stopped"))
        && capacity.is_some_and(relevant)
        && !excepted(seen, action, owner).0
    {
        let state = if own(step) { "open" } else { "attention" };
        let since = date(step).max(specified_on);
        show(seen, partnership, owner, "15(4)", state, since, all);
    }
    let named = here().filter(|e| event(e) == "ActionAuthorityNamed");
    for e in named {
        let authority = text(e, "/payload/authority");
        // Whoever answered with its own key is not spoken for by others.
        let mut stance: Option<&Value> = None;
        for e in here().filter(|e| matches!(event(e), "ActionAgreed" | "ActionDeclined")) {
            let of_it = text(e, "/payload/authority") == authority;
            if of_it && (own(e) || stance.is_none_or(|held| !own(held))) {
                stance = Some(e);
            }
        }
        let (claims, told, ended) = excepted(seen, action, authority);
        let Some(declined) = stance.filter(|e| event(e) == "ActionDeclined") else {
            continue;
        };
        if claims || !relevant(text(e, "/payload/capacity")) {
            continue;
        }
        let state = if own(declined) && !told {
            "open"
        } else {
            "attention"
        };
        let since = ended.map_or(date(declined), |ended| ended.max(date(declined)));
        let since = since.max(specified_on);
        show(seen, partnership, authority, "15(4)", state, since, all);
    }
}

/// Whether an authority itself claims an exception from carrying out an action; whether one is told of;
/// and when one ended.
fn excepted<'a>(seen: &Before<'a>, action: &str, authority: &str) -> (bool, bool, Option<&'a str>) {
    let (mut claims, mut told, mut ended) = (false, false, None);
    for of in [action, ""] {
        // What was claimed last holds, and what others tell takes the place of no claim.
        let mut held: Option<(&Value, Option<&'a str>)> = None;
        for e in seen.here() {
            let whose = text(e, "/payload/authority") == authority;
            if !whose || text(e, "/payload/action") != of {
                continue;
            }
            match event(e) {
                "ExceptionClaimed" if own(e) || held.is_none_or(|(held, _)| !own(held)) => {
                    held = Some((e, None));
                }
                "ExceptionEnded" => {
                    let same = |held: &Value| {
                        at(held, "/payload/duty") == at(e, "/payload/duty")
                            && (own(e) || !own(held))
                    };
                    if let Some((claim, _)) = held.filter(|(held, _)| same(held)) {
                        held = Some((claim, Some(date(e))));
                    }
                }
                _ => {}
            }
        }
        let Some((claim, over)) = held else { continue };
        if text(claim, "/payload/duty") != "15(4)"
            && text(claim, "/payload/duty") != "carry_out_actions"
        {
            continue;
        }
        claims |= over.is_none() && own(claim);
        told |= over.is_none();
        ended = ended.max(over);
    }
    (claims, told, ended)
}

/// Notes something for each area the authority exists for.
fn show(
    seen: &Before<'_>,
    partnership: &str,
    authority: &str,
    duty: &str,
    state: &'static str,
    since: &str,
    all: &mut BTreeMap<Key, Vec<Shows>>,
) {
    let took_a_place = took_a_place(seen, partnership, authority);
    for area in seen.areas(partnership) {
        let recorded = seen.recorded(area);
        let there = recorded.get(authority);
        let there = there.filter(|(_, from, until)| *from <= seen.on() && seen.on() <= *until);
        if let Some((_, from, _)) = there {
            // Nothing is shown of it from before it was there, unless it took another's place.
            let known = !took_a_place && !seen.is_assumed(area, authority);
            let since = if known { since.max(*from) } else { since };
            if since < BEGAN {
                continue;
            }
            let key = (authority.to_owned(), duty.to_owned(), area.to_owned());
            all.entry(key).or_default().push(Shows {
                state,
                since: since.to_owned(),
                case: false,
                closed: None,
            });
        }
    }
}

/// Whether an authority is in a partnership because it took the place of another.
fn took_a_place(seen: &Before<'_>, partnership: &str, authority: &str) -> bool {
    let mut took = false;
    for e in seen.stream(partnership) {
        match event(e) {
            "MemberRecognised" if text(e, "/payload/authority") == authority => took = false,
            "MemberSucceeded" if text(e, "/payload/successor") == authority => took = true,
            _ => {}
        }
    }
    took
}

fn of_case(seen: &Before<'_>, all: &mut BTreeMap<Key, Vec<Shows>>) {
    let Some(opened) = seen.here().find(|e| event(e) == "DirectionCaseOpened") else {
        return;
    };
    let of = |member: &str| text(opened, &format!("/payload/{member}"));
    let (authority, duty, area) = (of("authority"), of("duty"), of("area"));
    let class = seen
        .authority(authority)
        .map(|(capacity, ..)| class_of(capacity));
    let listed = match duty {
        "15(3)" | "17(4)" => matches!(class, Some("specified" | "relevant")),
        "15(4)" | "15(5)(b)" => class == Some("relevant"),
        _ => class == Some("specified"),
    };
    if !listed || !DUTIES.contains(&duty) {
        return;
    }
    // A direction that is over is followed by what the Secretary of State is satisfied of anew.
    let mut steps: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut earlier = "";
    let closed_by = |steps: &BTreeMap<&str, &'_ Value>| {
        let closed = steps.get("complied").or_else(|| steps.get("withdrawn"));
        closed.map(|e| date(e).to_owned())
    };
    for e in seen.steps() {
        match event(e) {
            "SecretaryOfStateSatisfied" => {
                let over = steps.get("complied").or_else(|| steps.get("withdrawn"));
                if let Some(over) = over {
                    earlier = date(over);
                    steps.clear();
                }
                steps.insert("satisfied", e);
            }
            "DirectionIssued" | "DirectionVaried" => {
                steps.retain(|step, _| *step == "satisfied");
                steps.insert("directed", e);
            }
            "ComplianceReported" => {
                steps.remove("not_complied");
                steps.insert("compliance_reported", e);
            }
            "NonComplianceRecorded" => {
                steps.remove("compliance_reported");
                steps.insert("not_complied", e);
            }
            "ComplianceAccepted" => {
                steps.insert("complied", e);
            }
            "DirectionWithdrawn" => {
                steps.retain(|step, _| {
                    !matches!(*step, "satisfied" | "order_sought" | "order_made")
                });
                steps.insert("withdrawn", e);
            }
            "MandatoryOrderSought" => {
                steps.insert("order_sought", e);
            }
            "MandatoryOrderMade" => {
                steps.insert("order_made", e);
            }
            _ => {}
        }
    }
    let counts = |e: &Value| date(e) >= BEGAN && date(e) > earlier;
    let findings = seen
        .here()
        .filter(|e| event(e) == "FindingRecorded" && counts(e));
    let mut findings: Vec<_> = findings.collect();
    let mut closed = closed_by(&steps);
    let anew = |e: &&Value| closed.as_deref().is_none_or(|on| date(e) > on);
    if closed.is_some() && findings.iter().any(anew) {
        findings.retain(anew);
        (closed, steps) = (None, BTreeMap::new());
    }
    let dates = findings.iter().copied().chain(steps.values().copied());
    let Some(since) = dates.filter(|e| counts(e)).map(date).min() else {
        return;
    };
    let furthest = [
        "complied",
        "withdrawn",
        "order_made",
        "order_sought",
        "compliance_reported",
        "directed",
        "satisfied",
    ];
    let state = if steps.values().any(|e| counts(e)) {
        furthest
            .into_iter()
            .find(|step| steps.contains_key(step))
            .unwrap_or("open")
    } else {
        let established =
            |e: &&Value| own(e) || matches!(text(e, "/past_fact/mark"), "admitted" | "found");
        if findings.iter().any(established) {
            "open"
        } else {
            "attention"
        }
    };
    let key = (authority.to_owned(), duty.to_owned(), area.to_owned());
    all.entry(key).or_default().push(Shows {
        state,
        since: since.to_owned(),
        case: true,
        closed,
    });
}
