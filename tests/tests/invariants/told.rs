//! What the entry list tells of each thing as true on a date, as known at a position, said once more
//! in the plainest way; and which part of the product's answer that is held against.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::reader::{Before, at, date, event, number, own, position, stream, text};

/// A date and a position to look from: everything known at the position, as true on the date.
pub(crate) struct Point<'a> {
    all: &'a [Value],
    /// Stands where an entry would that is recorded next.
    next: Value,
}

impl<'a> Point<'a> {
    pub(crate) fn new(all: &'a [Value], on: &str, known: u64) -> Self {
        let next = json!({ "position": known + 1, "occurred_on": { "date": on } });
        Self { all, next }
    }

    /// The same, seen from a stream.
    pub(crate) fn of(&self, kind: &str, id: &str) -> Self {
        let mut next = self.next.clone();
        next["stream"] = json!({ "type": kind, "id": id });
        Self { next, ..*self }
    }

    pub(crate) fn on(&self) -> &str {
        date(&self.next)
    }

    pub(crate) fn known(&self) -> u64 {
        position(&self.next) - 1
    }

    pub(crate) const fn all(&self) -> &'a [Value] {
        self.all
    }

    /// What is then known.
    pub(crate) fn seen(&self) -> Before<'_> {
        Before::of(self.all, &self.next)
    }
}

/// A thing by its id.
type Things = Map<String, Value>;

fn among<'m>(things: &'m mut Things, id: &str) -> Option<&'m mut Map<String, Value>> {
    things.get_mut(id).and_then(Value::as_object_mut)
}

fn payload(entry: &Value, member: &str) -> Value {
    at(entry, &format!("/payload/{member}")).clone()
}

/// What the list tells of a stream; nothing of kinds of which a summary would be the whole.
pub(crate) fn told(point: &Point<'_>, kind: &str, id: &str) -> Option<Value> {
    let point = point.of(kind, id);
    let seen = point.seen();
    match kind {
        "partnership" => Some(partnership(&seen, id)),
        "strategy" => Some(strategy(&seen)),
        "needs-assessment" => Some(assessment(&seen)),
        "direction" => Some(direction(&seen)),
        "area" => Some(area(&seen, id)),
        "authority" => Some(authority(&seen, id)),
        _ => None,
    }
}

/// The part of the product's answer about a stream that the list is held against.
pub(crate) fn answered(kind: &str, state: &Value) -> Value {
    match kind {
        "partnership" => partnership_answered(state),
        "strategy" => strategy_answered(state),
        "needs-assessment" => json!({
            "partnership": state["partnership"],
            "title": state["title"],
            "findings": state["findings"],
            "gaps": state["data_gaps"],
            "completed": shown(&state["completed"]),
            "publication": state["publication"],
        }),
        "direction" => direction_answered(state),
        "area" => {
            let each = |one: &Value| json!([one["capacity"], one["from"], one["until"]]);
            json!({ "name": state["name"], "authorities": mapped(&state["authorities"], each) })
        }
        _ => json!({
            "capacity": state["capacity"],
            "held_by": state["held_by"],
            "devolved": !state["devolved_welsh_authority"].is_null(),
        }),
    }
}

/// The entry that shows something.
fn shown(at: &Value) -> Value {
    at.get("entry_id").cloned().unwrap_or_default()
}

fn mapped(things: &Value, each: impl Fn(&Value) -> Value) -> Value {
    let things = things.as_object().into_iter().flatten();
    things.map(|(id, one)| (id.clone(), each(one))).collect()
}

fn ids(things: &Value) -> Value {
    let ids = things.as_object().into_iter().flat_map(Map::keys);
    ids.cloned().collect()
}

fn id_of(entry: Option<&Value>) -> Value {
    entry
        .map(|e| at(e, "/entry_id").clone())
        .unwrap_or_default()
}

/// The last of some events in the stream.
fn last<'a>(seen: &Before<'a>, events: &[&str]) -> Option<&'a Value> {
    seen.here().filter(|e| events.contains(&event(e))).last()
}

// A partnership.

fn partnership(seen: &Before<'_>, id: &str) -> Value {
    let mut lead = Value::Null;
    let mut posts = Things::new();
    for e in seen.here() {
        match event(e) {
            "LeadNamed" => lead = payload(e, "authority"),
            "MemberSucceeded" if lead == payload(e, "authority") => lead = payload(e, "successor"),
            "RepresentativeNamed" => {
                let post = json!([payload(e, "authority"), Value::Null]);
                posts.insert(text(e, "/payload/representative").to_owned(), post);
            }
            "RepresentativeEnded" => {
                if let Some(post) = posts.get_mut(text(e, "/payload/representative")) {
                    post[1] = json!(date(e));
                }
            }
            _ => {}
        }
    }
    let members: Things = seen
        .members(id)
        .into_iter()
        .map(|(id, m)| (id.to_owned(), json!([m.standing, m.ended, m.by_succession])))
        .collect();
    let route = last(seen, &["PartnershipProposed", "RouteChosen"]);
    let name = last(seen, &["PartnershipProposed", "PartnershipAmended"]);
    let coverage = last(seen, &["CoverageStated"]);
    json!({
        "name": name.map(|e| payload(e, "name")),
        "route": route.map(|e| payload(e, "route")),
        "formed": id_of(last(seen, &["PartnershipFormed"])),
        "dissolved": id_of(last(seen, &["PartnershipDissolved"])),
        "areas": seen.areas(id),
        "members": members,
        "lead": lead,
        "posts": posts,
        "rule": seen.rule(id),
        "positions": matters(seen),
        "list": seen.list(id),
        "coverage": coverage.map(|e| payload(e, "covers_until")),
    })
}

/// The positions on matters that are not spent, in the order they were taken.
fn matters(seen: &Before<'_>) -> Value {
    let (mut held, mut set_by_themselves) = (Vec::new(), false);
    for e in seen.here() {
        let spent: &[&str] = match event(e) {
            "PartnershipAreaSet" if own(e) || !set_by_themselves => {
                set_by_themselves = own(e);
                &["formation", "areas"]
            }
            "RouteChosen" => &["route"],
            "LeadNamed" => &["lead"],
            "DecisionRuleRecorded" if own(e) => &["decision_rule"],
            _ => &[],
        };
        held.retain(|one: &Value| !spent.contains(&text(one, "/0/matter")));
        if event(e) == "PartnershipPositionRecorded" {
            let (authority, position) = (payload(e, "authority"), payload(e, "position"));
            held.push(json!([
                payload(e, "on_matter"),
                authority,
                position,
                own(e)
            ]));
        }
    }
    Value::Array(held)
}

fn is_own(at: &Value) -> bool {
    at["reported"] == false && at["past_fact"] == false
}

fn partnership_answered(state: &Value) -> Value {
    let member = |m: &Value| json!([m["standing"], !m["until"].is_null(), m["by_succession"]]);
    let positions = state["positions"].as_array().into_iter().flatten();
    let positions: Vec<_> = positions
        .map(|p| json!([p["matter"], p["authority"], p["position"], is_own(&p["at"])]))
        .collect();
    let mut lists = state["lists"].as_array().into_iter().flatten();
    let list = lists.rfind(|list| !list["drawn_up_on"].is_null());
    json!({
        "name": state["name"],
        "route": state["route"],
        "formed": shown(&state["formed"]),
        "dissolved": shown(&state["dissolved"]),
        "areas": state["areas"],
        "members": mapped(&state["members"], member),
        "lead": state["lead"],
        "posts": mapped(&state["representatives"], |r| json!([r["authority"], r["until"]])),
        "rule": state["decide_by"],
        "positions": positions,
        "list": list.map(|list| ids(&list["authorities"])),
        "coverage": state["coverage"].get("covers_until"),
    })
}

// A strategy.

fn strategy(seen: &Before<'_>) -> Value {
    let drafted = last(seen, &["StrategyDrafted"]);
    let said = last(seen, &["StrategyDrafted", "StrategyAmended"]);
    let reviews = seen.here().filter(|e| event(e) == "ReviewCompleted");
    let reviews: Vec<_> = reviews
        .map(|e| {
            json!([
                at(e, "/entry_id"),
                payload(e, "scope"),
                payload(e, "decision")
            ])
        })
        .collect();
    let mut numbers: Vec<u64> = seen
        .here()
        .filter(|e| !payload(e, "version").is_null() || event(e) == "StrategyDrafted")
        // These look back on a version that others speak of.
        .filter(|e| !matches!(event(e), "EqualityImpactMonitored" | "ReviewCompleted"))
        .map(|e| number(e, "/payload/version").max(1))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let versions: Things = numbers
        .into_iter()
        .map(|version| (version.to_string(), of_version(seen, version)))
        .collect();
    json!({
        "partnership": drafted.map(|e| payload(e, "partnership")),
        "title": said.map(|e| payload(e, "title")),
        "bases": said.map(|e| payload(e, "bases")),
        "superseded": id_of(last(seen, &["StrategySuperseded"])),
        "reviews": reviews,
        "versions": versions,
        "actions": actions(seen),
    })
}

fn of_version(seen: &Before<'_>, version: u64) -> Value {
    let last = |what: &str| {
        let all = seen.here().filter(|e| event(e) == what);
        all.filter(|e| number(e, "/payload/version") == version)
            .last()
    };
    let started = last("RevisionStarted").or_else(|| {
        let mut all = seen.here();
        all.find(|e| version == 1 && event(e) == "StrategyDrafted")
    });
    let (mut positions, mut responses) = (BTreeMap::new(), BTreeMap::new());
    // Whoever said something with its own key is not spoken for by others.
    let heard = |all: &mut BTreeMap<_, (bool, Value)>, e, what| {
        let whose = text(e, "/payload/authority");
        if own(e) || all.get(whose).is_none_or(|(own, _)| !own) {
            all.insert(whose, (own(e), what));
        }
    };
    for e in seen.positions(version) {
        heard(&mut positions, e, payload(e, "position"));
    }
    let responded = seen.here().filter(|e| {
        let same = number(e, "/payload/version") == version;
        same && event(e) == "ConsultationResponseRecorded"
    });
    for e in responded {
        heard(&mut responses, e, at(e, "/entry_id").clone());
    }
    let opened = last("ConsultationOpened");
    json!({
        "started": id_of(started),
        "assessments": seen.content(&[("AssessmentLinked", "assessment")], version),
        "kinds": seen.content(&[("ViolenceKindIdentified", "kind")], version),
        "causes": seen.content(&[("ViolenceCauseIdentified", "cause")], version),
        "actions": seen.content(&[("ActionProposed", "action")], version),
        "responses_by": opened.map(|e| payload(e, "responses_by")),
        "closed": id_of(last("ConsultationClosed")),
        "consulted": seen.consulted(version),
        "responses": responses,
        "equality": last("EqualityImpactAssessed").is_some(),
        "positions": positions,
        "barred": seen.barred(version),
        "adopted": id_of(last("StrategyAdopted")),
        "published": id_of(last("StrategyPublished")),
    })
}

fn actions(seen: &Before<'_>) -> Value {
    let mut actions = Things::new();
    for e in seen.here() {
        let id = text(e, "/payload/action").to_owned();
        let authority = text(e, "/payload/authority").to_owned();
        if event(e) == "ActionProposed" {
            let owner = payload(e, "owner");
            actions.insert(
                id,
                json!({ "owner": owner, "touched": {}, "costed": false, "progress": [],
                    "by": null }),
            );
            continue;
        }
        let Some(action) = among(&mut actions, &id) else {
            continue;
        };
        match event(e) {
            "ActionAuthorityNamed" | "ActionAgreed" | "ActionDeclined" | "ExceptionClaimed" => {
                let silent = json!(["silent", false]);
                let touched = &mut action["touched"];
                let held = touched
                    .as_object_mut()
                    .map(|t| t.entry(authority).or_insert(silent));
                let stance = match event(e) {
                    "ActionAgreed" => "agreed",
                    "ActionDeclined" => "declined",
                    _ => continue,
                };
                if let Some(held) = held.filter(|held| own(e) || held[1] == false) {
                    *held = json!([stance, own(e)]);
                }
            }
            "ActionCostAssessed" => action["costed"] = true.into(),
            "ActionDated" | "ActionDateSet" => action["by"] = payload(e, "by"),
            "ActionProgressed" => {
                let steps = action["progress"].as_array_mut();
                steps.into_iter().for_each(|s| s.push(payload(e, "status")));
            }
            _ => {}
        }
    }
    Value::Object(actions)
}

fn strategy_answered(state: &Value) -> Value {
    let version = |v: &Value| {
        let consultation = &v["consultation"];
        let harmful = |m: &&Value| m["removed"] == false && m["harms"] != json!([]);
        let material = v["material"].as_object().into_iter().flatten();
        let barred: Vec<_> = material
            .filter(|(_, m)| harmful(m))
            .map(|(id, _)| id)
            .collect();
        json!({
            "started": shown(&v["started"]),
            "assessments": v["assessments"],
            "kinds": ids(&v["kinds"]),
            "causes": ids(&v["causes"]),
            "actions": v["actions"],
            "responses_by": consultation["responses_by"],
            "closed": shown(&consultation["closed"]),
            "consulted": ids(&consultation["consulted"]),
            "responses": mapped(&consultation["responses"], |at| json!([is_own(at), shown(at)])),
            "equality": v["equality_assessed"],
            "positions": mapped(&v["positions"], |p| json!([is_own(&p["at"]), p["position"]])),
            "barred": barred,
            "adopted": shown(&v["adopted"]["at"]),
            "published": shown(&v["published"]["at"]),
        })
    };
    let action = |a: &Value| {
        let touched = |t: &Value| {
            let stance = &t["stance"];
            json!([stance["stance"], stance.get("at").is_some_and(is_own)])
        };
        let progress = a["progress"].as_array().into_iter().flatten();
        let progress: Vec<_> = progress.map(|p| p["status"].clone()).collect();
        json!({
            "owner": a["owner"],
            "touched": mapped(&a["authorities"], touched),
            "costed": a["cost_assessed"],
            "by": a["by"],
            "progress": progress,
        })
    };
    let reviews = state["reviews"].as_array().into_iter().flatten();
    let reviews: Vec<_> = reviews
        .map(|r| json!([shown(&r["at"]), r["scope"], r["decision"]]))
        .collect();
    json!({
        "partnership": state["partnership"],
        "title": state["title"],
        "bases": if state["partnership"].is_null() { &Value::Null } else { &state["bases"] },
        "superseded": shown(&state["superseded"]["at"]),
        "reviews": reviews,
        "versions": mapped(&state["versions"], version),
        "actions": mapped(&state["actions"], action),
    })
}

// The rest.

fn assessment(seen: &Before<'_>) -> Value {
    let all = |what: &str, member: &str| -> Vec<Value> {
        let all = seen.here().filter(|e| event(e) == what);
        all.map(|e| payload(e, member)).collect()
    };
    let opened = last(seen, &["NeedsAssessmentOpened"]);
    let title = last(seen, &["NeedsAssessmentOpened", "NeedsAssessmentAmended"]);
    let completed = last(seen, &["NeedsAssessmentCompleted"]);
    json!({
        "partnership": opened.map(|e| payload(e, "partnership")),
        "title": title.map(|e| payload(e, "title")),
        "findings": all("AssessmentFindingRecorded", "finding"),
        "gaps": all("DataGapRecorded", "gap"),
        "completed": id_of(completed),
        "publication": completed.map(|e| payload(e, "publication")),
    })
}

fn direction(seen: &Before<'_>) -> Value {
    let findings = seen.here().filter(|e| event(e) == "FindingRecorded");
    let mut now: BTreeMap<&str, &Value> = BTreeMap::new();
    for e in seen.steps() {
        let ends: &[&str] = match event(e) {
            "DirectionIssued" | "DirectionVaried" => {
                now.insert("directed", e);
                &[
                    "reported",
                    "not_complied",
                    "withdrawn",
                    "complied",
                    "consent",
                    "sought",
                    "made",
                ]
            }
            // Satisfied once more, after a direction is over, is of another failure.
            "SecretaryOfStateSatisfied"
                if now.contains_key("complied") || now.contains_key("withdrawn") =>
            {
                now = BTreeMap::from_iter(now.remove_entry("consent"));
                now.insert("satisfied", e);
                &[]
            }
            "ComplianceReported" => {
                now.insert("reported", e);
                &["not_complied"]
            }
            "NonComplianceRecorded" => {
                now.insert("not_complied", e);
                &["reported"]
            }
            "DirectionWithdrawn" => {
                now.insert("withdrawn", e);
                &["satisfied", "sought", "made"]
            }
            other => {
                let step = match other {
                    "SecretaryOfStateSatisfied" => "satisfied",
                    "WelshConsentAnswered" => "consent",
                    "ComplianceAccepted" => "complied",
                    "MandatoryOrderSought" => "sought",
                    _ => "made",
                };
                now.insert(step, e);
                &[]
            }
        };
        now.retain(|step, _| !ends.contains(step));
    }
    let now: BTreeMap<_, _> = now
        .into_iter()
        .map(|(step, e)| (step, id_of(Some(e))))
        .collect();
    let findings: Vec<_> = findings.map(|e| id_of(Some(e))).collect();
    json!({ "findings": findings, "now": now })
}

fn direction_answered(state: &Value) -> Value {
    let findings = state["findings"].as_array().into_iter().flatten();
    let findings: Vec<_> = findings.map(|f| shown(&f["at"])).collect();
    let steps = [
        ("satisfied", &state["satisfied"]),
        ("consent", &state["welsh_consent"]["at"]),
        ("directed", &state["directed"]["at"]),
        ("reported", &state["compliance_reported"]),
        ("complied", &state["complied"]),
        ("not_complied", &state["not_complied"]),
        ("withdrawn", &state["withdrawn"]),
        ("sought", &state["order_sought"]),
        ("made", &state["order_made"]),
    ];
    let now = steps.into_iter().filter(|(_, at)| !at.is_null());
    let now: BTreeMap<_, _> = now.map(|(step, at)| (step, shown(at))).collect();
    json!({ "findings": findings, "now": now })
}

fn area(seen: &Before<'_>, id: &str) -> Value {
    let name = last(seen, &["AreaRegistered", "AreaAmended"]);
    let authorities: Things = seen
        .recorded(id)
        .into_iter()
        .map(|(id, (capacity, from, until))| {
            let until = (until != "9999").then_some(until);
            (id.to_owned(), json!([capacity, from, until]))
        })
        .collect();
    json!({ "name": name.map(|e| payload(e, "name")), "authorities": authorities })
}

fn authority(seen: &Before<'_>, id: &str) -> Value {
    let known = seen.authority(id);
    json!({
        "capacity": known.map(|(capacity, ..)| capacity),
        "held_by": known.map(|(_, held_by, _)| held_by),
        "devolved": known.is_some_and(|(.., devolved)| devolved),
    })
}

// Obligations that the list alone tells how they stand.

/// Twelve months on; 29 February gives 28 February.
pub(crate) fn twelve_months_on(date: &str) -> String {
    let (year, rest) = date.split_at(4);
    let year = year.parse::<u32>().unwrap() + 1;
    let rest = if rest == "-02-29" { "-02-28" } else { rest };
    format!("{year:04}{rest}")
}

/// The day after.
pub(crate) fn next_day(date: &str) -> String {
    let date: NaiveDate = date.parse().unwrap();
    date.succ_opt().unwrap().to_string()
}

/// How some rows stand for a partnership: row, authority, what it is about, status, date due.
pub(crate) fn owed(point: &Point<'_>, partnership: &str) -> Vec<Value> {
    let here = point.of("partnership", partnership);
    let seen = here.seen();
    let mut all = Vec::new();
    if seen.here().next().is_none() {
        return all;
    }
    let any = |what: &str| seen.here().any(|e| event(e) == what);
    let mut say = |row: &str, authority: &Value, about: &Value, status: &str, due: Option<&str>| {
        let of_partnership = matches!(row, "R-10.1" | "R-26.1" | "A-11.6");
        if of_partnership && status == "satisfied" && any("PartnershipDissolved") {
            // What went on in it is over.
            all.push(json!([row, authority, about, "not_applicable", null]));
            return;
        }
        let (status, due) = limited(&seen, point.on(), status, due);
        all.push(json!([row, authority, about, status, due]));
    };
    let owed = |met: bool| if met { "satisfied" } else { "due" };
    let none = &Value::Null;
    say("R-10.1", none, none, owed(any("PartnershipFormed")), None);
    say("R-26.1", none, none, owed(any("PartnershipAreaSet")), None);
    let members = seen.members(partnership);
    let takes_part = |id: &str| members.get(id).is_some_and(|member| !member.ended);
    for id in seen.specified(partnership) {
        let status = owed(takes_part(id));
        say("A-11.6", &json!(id), none, status, None);
    }
    let mut strategies: Vec<(String, Value)> = Vec::new();
    for e in point.all {
        let id = stream(e);
        let mine = event(e) == "StrategyDrafted" && text(e, "/payload/partnership") == partnership;
        let then = point.of("strategy", id);
        if mine && position(e) <= point.known() && then.seen().here().next().is_some() {
            strategies.push((id.to_owned(), strategy(&then.seen())));
        }
    }
    strategies.retain(|(_, s)| s["superseded"].is_null());
    let under_8 = |s: &Value| s["bases"]["section_8"] == true;
    if strategies.is_empty() {
        say("R-42.1", none, none, "not_yet_due", None);
    }
    // What s.8 asks is asked whatever there is under another section.
    if !strategies.iter().any(|(_, s)| under_8(s)) {
        for row in ["A-8.7a", "R-10.2", "R-10.3"] {
            say(row, none, none, "not_yet_due", None);
        }
    }
    let under_9 = |s: &Value| s["bases"]["section_9"] == true;
    if !strategies.iter().any(|(_, s)| under_9(s)) {
        let begun = !strategies.is_empty();
        let status = if begun {
            "not_applicable"
        } else {
            "not_yet_due"
        };
        say("A-9.8a", none, none, status, None);
    }
    for (id, s) in &strategies {
        let about = json!(id);
        let versions = s["versions"].as_object().unwrap();
        let number = |n: &&String| n.parse::<u64>().unwrap();
        let newest = versions.keys().max_by_key(number).unwrap();
        let adopted = versions
            .keys()
            .filter(|n| !versions[*n]["adopted"].is_null());
        let in_force = adopted.max_by_key(number);
        let published = in_force.map(|n| !versions[n]["published"].is_null());
        let published = published.map_or("not_yet_due", owed);
        if under_9(s) {
            say("A-9.8a", none, &about, published, None);
        }
        if under_8(s) {
            say("A-8.7a", none, &about, published, None);
            // How a version was prepared is settled on the day it is adopted.
            let settled = point.dated(&versions[newest]["adopted"]);
            let then = settled.map(|on| Point::new(point.all, on, point.known()));
            let then = then.as_ref().unwrap_or(point).of("strategy", id);
            let kinds = [("ViolenceKindIdentified", "kind")];
            let causes = [
                ("ViolenceCauseIdentified", "cause"),
                ("CauseRecordedAsUnknown", "why"),
            ];
            let still_8 = then.seen().bases().0;
            for (row, told) in [("R-10.2", &kinds[..]), ("R-10.3", &causes)] {
                let identified = !then.seen().content(told, number(&newest)).is_empty();
                say(row, none, &about, owed(identified || !still_8), None);
            }
        }
        let (status, due) = review(point, s, versions.values(), any("PartnershipDissolved"));
        say("R-42.1", none, &about, status, due.as_deref());
    }
    all.extend(complying(point, &seen, partnership));
    all
}

/// How it stands that each authority complies which is directed in a case about the partnership. What is
/// directed outlives the partnership, and is not known past what the sources reach.
fn complying(point: &Point<'_>, seen: &Before<'_>, partnership: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let opened = point.all.iter().filter(|e| {
        let mine = text(e, "/payload/partnership") == partnership;
        event(e) == "DirectionCaseOpened" && mine && position(e) <= point.known()
    });
    for id in opened.map(stream) {
        let point = point.of("direction", id);
        let case = point.seen();
        let mut directed: Option<&Value> = None;
        let (mut accepted, mut withdrawn) = (false, false);
        for e in case.steps() {
            match event(e) {
                "DirectionIssued" | "DirectionVaried" => {
                    (directed, accepted, withdrawn) = (Some(e), false, false);
                }
                "ComplianceAccepted" => accepted = true,
                "DirectionWithdrawn" => withdrawn = true,
                "SecretaryOfStateSatisfied" if accepted || withdrawn => {
                    (directed, accepted, withdrawn) = (None, false, false);
                }
                _ => {}
            }
        }
        let Some(directed) = directed else { continue };
        let by = at(directed, "/payload/comply_by").as_str();
        let owed = match by.map(|by| point.on().cmp(by)) {
            Some(std::cmp::Ordering::Less) => "not_yet_due",
            Some(std::cmp::Ordering::Greater) => "overdue",
            Some(std::cmp::Ordering::Equal) | None => "due",
        };
        let (status, due) = match (accepted, withdrawn) {
            (true, _) => ("satisfied", None),
            (false, true) => ("not_applicable", None),
            (false, false) => as_sources_reach(seen, point.on(), owed, by),
        };
        all.push(json!(["A-18.2", case.case().0, id, status, due]));
    }
    if all.is_empty() {
        all.push(json!(["A-18.2", null, null, "not_applicable", null]));
    }
    all
}

/// How the annual review of a strategy stands, and when it is due.
fn review<'v>(
    point: &Point<'_>,
    strategy: &Value,
    versions: impl Iterator<Item = &'v Value>,
    dissolved: bool,
) -> (&'static str, Option<String>) {
    let reviews = strategy["reviews"].as_array().into_iter().flatten();
    let whole = reviews.filter(|r| r[1] == "whole").map(|r| &r[0]);
    let adoptions = versions.map(|v| &v["adopted"]).filter(|by| !by.is_null());
    let counted_from = adoptions.chain(whole).max_by_key(|by| point.dated(by));
    let Some(on) = counted_from.and_then(|by| point.dated(by)) else {
        return ("not_yet_due", None);
    };
    let due = twelve_months_on(on);
    let status = match point.on().cmp(&due) {
        _ if dissolved => "not_yet_due",
        std::cmp::Ordering::Less => "not_yet_due",
        std::cmp::Ordering::Equal => "due",
        std::cmp::Ordering::Greater => "overdue",
    };
    (status, Some(due))
}

/// Nothing is owed any more of a partnership that is dissolved, and what the sources do not reach
/// is not known.
fn limited<'s>(
    seen: &Before<'_>,
    on: &str,
    status: &'s str,
    due: Option<&'s str>,
) -> (&'s str, Option<&'s str>) {
    if !matches!(status, "due" | "not_yet_due" | "overdue") {
        return (status, due);
    }
    if last(seen, &["PartnershipDissolved"]).is_some() {
        return ("not_applicable", None);
    }
    as_sources_reach(seen, on, status, due)
}

/// What the sources do not reach is not known.
fn as_sources_reach<'s>(
    seen: &Before<'_>,
    on: &str,
    status: &'s str,
    due: Option<&'s str>,
) -> (&'s str, Option<&'s str>) {
    let reach = last(seen, &["CoverageStated"]).map(|e| text(e, "/payload/covers_until"));
    let ahead = status == "not_yet_due" && due.is_some();
    match reach {
        Some(until) if on > until && !ahead => ("not_known", due),
        _ => (status, due),
    }
}

impl Point<'_> {
    /// The date of an entry.
    fn dated(&self, entry_id: &Value) -> Option<&str> {
        let mut all = self.all.iter();
        all.find(|e| !entry_id.is_null() && at(e, "/entry_id") == entry_id)
            .map(date)
    }
}

/// The rows of members: capacity, standing, since, until.
pub(crate) fn members_rows(point: &Point<'_>, partnership: &str) -> Value {
    let seen = point.seen();
    let mut rows = Things::new();
    for e in seen.stream(partnership) {
        let id = text(e, "/payload/authority").to_owned();
        match event(e) {
            "MemberRecognised" => {
                let (capacity, standing) = (payload(e, "capacity"), payload(e, "standing"));
                rows.insert(id, json!([capacity, standing, date(e), Value::Null]));
            }
            "MemberSucceeded" => {
                let mut standing = json!("specified");
                if let Some(before) = rows.get_mut(&id) {
                    before[3] = json!(date(e));
                    standing = before[1].clone();
                }
                let row = json!([payload(e, "capacity"), standing, date(e), Value::Null]);
                rows.insert(text(e, "/payload/successor").to_owned(), row);
            }
            "MemberLeft" => {
                if let Some(row) = rows.get_mut(&id) {
                    row[3] = json!(date(e));
                }
            }
            _ => {}
        }
    }
    Value::Object(rows)
}
