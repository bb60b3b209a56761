//! A naive reader of the entry list: JSON alone. It shares no code with the domain; what it says of
//! the law it says once more, in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A member of an entry, found by its path; null where there is none.
pub(crate) fn at<'a>(entry: &'a Value, path: &str) -> &'a Value {
    const NULL: &Value = &Value::Null;
    entry.pointer(path).unwrap_or(NULL)
}

/// The text of a member.
pub(crate) fn text<'a>(entry: &'a Value, path: &str) -> &'a str {
    at(entry, path).as_str().unwrap_or_default()
}

/// A number among its members.
pub(crate) fn number(entry: &Value, path: &str) -> u64 {
    at(entry, path).as_u64().unwrap_or_default()
}

pub(crate) fn event(entry: &Value) -> &str {
    text(entry, "/event/type")
}

pub(crate) fn position(entry: &Value) -> u64 {
    number(entry, "/position")
}

/// The civil date; dates of four-digit years are in order as texts are.
pub(crate) fn date(entry: &Value) -> &str {
    text(entry, "/occurred_on/date")
}

pub(crate) fn stream(entry: &Value) -> &str {
    text(entry, "/stream/id")
}

pub(crate) fn is_decision(entry: &Value) -> bool {
    text(entry, "/basis") == "decision"
}

/// Whether it is the principal's own act: neither a report nor a past fact.
pub(crate) fn own(entry: &Value) -> bool {
    text(entry, "/basis") != "past_fact" && at(entry, "/reported") == &Value::Bool(false)
}

/// The principal's kind and id.
pub(crate) fn who(entry: &Value) -> (&str, &str) {
    (text(entry, "/principal/kind"), text(entry, "/principal/id"))
}

/// The entries withdrawn by some of these.
fn withdrawn<'a>(entries: &[&'a Value]) -> BTreeSet<&'a str> {
    entries.iter().map(|e| text(e, "/corrects")).collect()
}

/// Of a list, those known at a position that count on a date, in the order in which they happened.
pub(crate) fn counted<'a>(all: &'a [Value], known: u64, on: &str) -> Vec<&'a Value> {
    let known: Vec<_> = all.iter().filter(|e| position(e) <= known).collect();
    let withdrawn = withdrawn(&known);
    let mut counted: Vec<_> = known
        .into_iter()
        .filter(|e| !withdrawn.contains(text(e, "/entry_id")) && date(e) <= on)
        .collect();
    counted.sort_by_key(|e| (date(e), position(e)));
    counted
}

/// What was known when an entry was recorded, as true on the entry's date.
pub(crate) struct Before<'a> {
    pub(crate) all: &'a [Value],
    pub(crate) entry: &'a Value,
    counted: Vec<&'a Value>,
    /// The same without regard to dates.
    latest: Vec<&'a Value>,
}

/// A member of a partnership.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) standing: String,
    pub(crate) ended: bool,
    pub(crate) successor: bool,
    pub(crate) by_succession: bool,
}

impl<'a> Before<'a> {
    pub(crate) fn of(all: &'a [Value], entry: &'a Value) -> Self {
        let before = position(entry) - 1;
        Self {
            all,
            entry,
            counted: counted(all, before, date(entry)),
            latest: counted(all, before, "9999"),
        }
    }

    pub(crate) fn on(&self) -> &'a str {
        date(self.entry)
    }

    /// The entries of a stream.
    pub(crate) fn stream(&self, id: &str) -> impl Iterator<Item = &'a Value> + use<'a, '_> {
        let id = id.to_owned();
        self.counted
            .iter()
            .copied()
            .filter(move |e| stream(e) == id)
    }

    /// The entries of the entry's own stream.
    pub(crate) fn here(&self) -> impl Iterator<Item = &'a Value> + use<'a, '_> {
        self.stream(stream(self.entry))
    }

    /// The same, whatever their dates.
    pub(crate) fn ever_here(&self) -> impl Iterator<Item = &'a Value> + use<'a, '_> {
        let id = stream(self.entry);
        self.latest.iter().copied().filter(move |e| stream(e) == id)
    }

    /// Whether something of a version happened in the entry's own stream.
    pub(crate) fn of_version(&self, what: &str, version: u64) -> bool {
        let mut all = self.here();
        all.any(|e| event(e) == what && number(e, "/payload/version") == version)
    }

    /// The last of an event in the entry's own stream.
    pub(crate) fn last(&self, what: &str) -> Option<&'a Value> {
        self.here().filter(|e| event(e) == what).last()
    }

    /// The partnership of the entry's stream.
    pub(crate) fn partnership(&self) -> &'a str {
        if text(self.entry, "/stream/type") == "partnership" {
            return stream(self.entry);
        }
        let mut all = self.ever_here();
        let names = all.find(|e| !text(e, "/payload/partnership").is_empty());
        names.map_or(text(self.entry, "/payload/partnership"), |e| {
            text(e, "/payload/partnership")
        })
    }

    /// A partnership's areas. What is told of others does not replace what the authorities set.
    pub(crate) fn areas(&self, partnership: &str) -> BTreeSet<&'a str> {
        let (mut areas, mut set_by_themselves, mut only_told) = (BTreeSet::new(), false, false);
        for e in self.stream(partnership) {
            match event(e) {
                "PartnershipAreaSet" => {
                    only_told = set_by_themselves && !own(e);
                    if !only_told {
                        areas.clear();
                        set_by_themselves = own(e);
                    }
                }
                "PartnershipAreaNamed" if !only_told => {
                    areas.insert(text(e, "/payload/area"));
                }
                _ => {}
            }
        }
        areas
    }

    /// The authorities recorded for an area: capacity, from, until.
    pub(crate) fn recorded(&self, area: &str) -> BTreeMap<&'a str, (&'a str, &'a str, &'a str)> {
        let mut all = BTreeMap::new();
        for e in self.stream(area) {
            let id = text(e, "/payload/authority");
            match event(e) {
                "AuthorityRecorded" => {
                    let (capacity, from) = (text(e, "/payload/capacity"), text(e, "/payload/from"));
                    all.insert(id, (capacity, from, "9999"));
                }
                "AuthorityEnded" => {
                    if let Some(one) = all.get_mut(id) {
                        one.2 = text(e, "/payload/until");
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// Whether the day from which an area has an authority is only assumed.
    pub(crate) fn is_assumed(&self, area: &str, authority: &str) -> bool {
        let all = self.stream(area);
        let recorded = all.filter(|e| {
            event(e) == "AuthorityRecorded" && text(e, "/payload/authority") == authority
        });
        let last = recorded.last();
        last.is_some_and(|e| at(e, "/payload/from_assumed") == &Value::Bool(true))
    }

    /// The authorities of a class that exist for an area on the date.
    pub(crate) fn existing(&self, area: &str, class: &str) -> BTreeSet<&'a str> {
        let recorded = self.recorded(area).into_iter();
        recorded
            .filter(|(_, (capacity, from, until))| {
                class_of(capacity) == class && *from <= self.on() && self.on() <= *until
            })
            .map(|(id, _)| id)
            .collect()
    }

    pub(crate) fn members(&self, partnership: &str) -> BTreeMap<&'a str, Member> {
        let mut members: BTreeMap<_, Member> = BTreeMap::new();
        for e in self.stream(partnership) {
            let id = text(e, "/payload/authority");
            match event(e) {
                "MemberRecognised" => {
                    let standing = text(e, "/payload/standing").to_owned();
                    let member = Member {
                        standing,
                        ..Member::default()
                    };
                    members.insert(id, member);
                }
                "MemberSucceeded" => {
                    let mut standing = "specified".to_owned();
                    if let Some(before) = members.get_mut(id) {
                        before.ended = true;
                        before.successor = true;
                        standing.clone_from(&before.standing);
                    }
                    let member = Member {
                        standing,
                        by_succession: true,
                        ..Member::default()
                    };
                    members.insert(text(e, "/payload/successor"), member);
                }
                "MemberLeft" => {
                    if let Some(member) = members.get_mut(id) {
                        member.ended = true;
                    }
                }
                _ => {}
            }
        }
        members
    }

    /// The specified authorities of the areas by law.
    pub(crate) fn by_law(&self, partnership: &str) -> BTreeSet<&'a str> {
        let areas = self.areas(partnership).into_iter();
        areas
            .flat_map(|area| self.existing(area, "specified"))
            .collect()
    }

    /// Those whose decision counts: by law, or in the place of such a one.
    pub(crate) fn specified(&self, partnership: &str) -> BTreeSet<&'a str> {
        let members = self.members(partnership);
        let succeeded = |id: &str| members.get(id).is_some_and(|m| m.successor);
        let successors = members
            .iter()
            .filter(|(_, m)| m.by_succession && !m.ended && m.standing == "specified")
            .map(|(id, _)| *id);
        let mut all: BTreeSet<_> = self.by_law(partnership).into_iter().collect();
        all.extend(successors);
        all.retain(|id| !succeeded(id));
        all
    }

    /// What the strategy is made under: s.8, s.9.
    pub(crate) fn bases(&self) -> (bool, bool) {
        let said = self
            .here()
            .filter(|e| matches!(event(e), "StrategyDrafted" | "StrategyAmended"));
        let last = said.last().unwrap_or(&Value::Null);
        let under = |section| at(last, &format!("/payload/bases/{section}")) == &Value::Bool(true);
        (under("section_8"), under("section_9"))
    }

    /// The specified authorities that make the strategy.
    pub(crate) fn makers(&self) -> BTreeSet<&'a str> {
        let partnership = self.partnership();
        let mut all = self.specified(partnership);
        if !self.bases().0 {
            let members = self.members(partnership);
            let in_it = |id: &str| {
                members
                    .get(id)
                    .is_some_and(|m| !m.ended && m.standing == "specified")
            };
            all.retain(|id| in_it(id));
        }
        all
    }

    /// The items of a version that some events name, those of the version it began from included.
    pub(crate) fn content(&self, events: &[(&str, &str)], version: u64) -> BTreeSet<&'a str> {
        let mut versions: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
        for e in self.here() {
            let of = number(e, "/payload/version");
            if event(e) == "RevisionStarted" {
                let from = number(e, "/payload/from_version");
                let carried = versions.get(&from).cloned().unwrap_or_default();
                versions.entry(of).or_default().extend(carried);
            }
            if event(e) == "ActionLeftOut" {
                let left_out = text(e, "/payload/action");
                versions.entry(of).or_default().remove(left_out);
            }
            for (_, member) in events.iter().filter(|(name, _)| *name == event(e)) {
                let item = text(e, &format!("/payload/{member}"));
                versions.entry(of).or_default().insert(item);
            }
        }
        versions.remove(&version).unwrap_or_default()
    }

    /// The authorities consulted on a version.
    pub(crate) fn consulted(&self, version: u64) -> BTreeSet<&'a str> {
        self.here()
            .filter(|e| event(e) == "AuthorityConsulted")
            .filter(|e| number(e, "/payload/version") == version)
            .map(|e| text(e, "/payload/authority"))
            .collect()
    }

    /// The list of relevant authorities last closed, if one is.
    pub(crate) fn list(&self, partnership: &str) -> Option<BTreeSet<&'a str>> {
        let mut order: Vec<&str> = Vec::new();
        let mut lists: BTreeMap<&str, (bool, BTreeSet<&str>)> = BTreeMap::new();
        for e in self.stream(partnership) {
            let (list, closes) = match event(e) {
                "RelevantAuthorityListed" => (text(e, "/payload/list"), false),
                "ListClosed" if text(e, "/payload/list") == "relevant_authorities_to_consult" => {
                    (text(e, "/payload/item"), true)
                }
                _ => continue,
            };
            let held = lists.entry(list).or_insert_with(|| {
                order.push(list);
                Default::default()
            });
            if closes {
                held.0 = true;
            } else {
                held.1.insert(text(e, "/payload/authority"));
            }
        }
        order.retain(|list| lists[list].0);
        order.last().map(|list| lists[list].1.clone())
    }

    /// The relevant authorities to be consulted: those listed that have not closed, and those that
    /// exist for the areas.
    pub(crate) fn to_be_consulted(&self, partnership: &str) -> BTreeSet<&'a str> {
        let areas = self.areas(partnership);
        let mut all = self.list(partnership).unwrap_or_default();
        all.retain(|id| {
            let mut recorded = areas
                .iter()
                .filter_map(|area| self.recorded(area).get(id).copied());
            recorded.any(|(_, _, until)| self.on() <= until)
        });
        all.extend(
            areas
                .iter()
                .flat_map(|area| self.existing(area, "relevant")),
        );
        all
    }

    /// Whether a version has an action: proposed for it, or there in the one it was begun from, and not
    /// left out of it.
    pub(crate) fn has_action(&self, version: u64, action: &str) -> bool {
        self.content(&[("ActionProposed", "action")], version)
            .contains(action)
    }

    /// The positions on adopting a version, in order: those before it was adopted are spent where what
    /// the version says changed since, or something was withdrawn.
    pub(crate) fn positions(&self, version: u64) -> Vec<&'a Value> {
        let (mut positions, mut adopted) = (Vec::new(), false);
        let mut bases = &Value::Null;
        for e in self.here() {
            let same = number(e, "/payload/version") == version;
            let under = at(e, "/payload/bases");
            match event(e) {
                "StrategyDrafted" => bases = under,
                "StrategyAmended" => {
                    if !adopted && under != bases {
                        positions.clear();
                    }
                    bases = under;
                }
                "EntryCorrected" if !adopted => positions.clear(),
                "AssessmentLinked"
                | "ViolenceKindIdentified"
                | "ViolenceCauseIdentified"
                | "CauseRecordedAsUnknown"
                | "ActionProposed"
                | "ActionLeftOut"
                | "ActionDated"
                    if same && !adopted =>
                {
                    positions.clear();
                }
                "ActionDateSet"
                    if !adopted && self.has_action(version, text(e, "/payload/action")) =>
                {
                    positions.clear();
                }
                "StrategyAdopted" if same => adopted = true,
                "StrategyPositionRecorded" if same => positions.push(e),
                _ => {}
            }
        }
        positions
    }

    /// Each authority's own position of these.
    pub(crate) fn own_positions(&self, version: u64) -> BTreeMap<&'a str, &'a str> {
        let positions = self.positions(version).into_iter().filter(|e| own(e));
        positions
            .map(|e| (text(e, "/payload/authority"), text(e, "/payload/position")))
            .collect()
    }

    /// The rule a partnership's specified authorities decide by, as they recorded it themselves.
    pub(crate) fn rule(&self, partnership: &str) -> &'a Value {
        let recorded = self
            .stream(partnership)
            .filter(|e| event(e) == "DecisionRuleRecorded" && own(e));
        recorded
            .last()
            .map_or(&Value::Null, |e| at(e, "/payload/decide_by"))
    }

    /// Whether the partnership's specified authorities agreed on a matter, each with its own key.
    pub(crate) fn agreed(&self, partnership: &str, matter: &Value) -> bool {
        let mut positions: Vec<(&Value, &str, &str)> = Vec::new();
        let (mut set_by_themselves, kind) = (false, |m: &Value| text(m, "/matter").to_owned());
        for e in self.stream(partnership) {
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
            positions.retain(|(m, _, _)| !spent.contains(&kind(m).as_str()));
            if event(e) == "PartnershipPositionRecorded" && own(e) {
                positions.push((
                    at(e, "/payload/on_matter"),
                    text(e, "/payload/authority"),
                    text(e, "/payload/position"),
                ));
            }
        }
        let mut held = BTreeMap::new();
        for (on, authority, position) in positions {
            if on == matter {
                held.insert(authority, position);
            }
        }
        let all = self.specified(partnership);
        let agreed = all
            .iter()
            .filter(|id| held.get(*id) == Some(&"agree"))
            .count();
        enough(self.rule(partnership), agreed, all.len())
    }

    /// The parts of a version considered harmful that are still in it.
    pub(crate) fn barred(&self, version: u64) -> BTreeSet<&'a str> {
        let mut versions: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
        for e in self.here() {
            let harmful = at(e, "/payload/harms")
                .as_array()
                .is_some_and(|harms| !harms.is_empty());
            let from = number(e, "/payload/from_version");
            let carried = versions.get(&from).cloned().unwrap_or_default();
            let barred = versions.entry(number(e, "/payload/version")).or_default();
            match event(e) {
                "RevisionStarted" => barred.extend(carried),
                "MaterialConsidered" if harmful => {
                    barred.insert(text(e, "/payload/material"));
                }
                "ObjectionDetermined" => {
                    let objection = text(e, "/payload/objection");
                    let raised = self.here().any(|r| {
                        event(r) == "ObjectionRaised"
                            && text(r, "/payload/objection") == objection
                            && (date(r), position(r)) < (date(e), position(e))
                    });
                    if harmful && raised {
                        barred.insert(objection);
                    } else {
                        barred.remove(objection);
                    }
                }
                "MaterialRemoved" => {
                    barred.remove(text(e, "/payload/material"));
                }
                _ => {}
            }
        }
        versions.remove(&version).unwrap_or_default()
    }

    /// The authority of an id as the register has it: capacity, holder, whether a devolved Welsh
    /// authority.
    pub(crate) fn authority(&self, id: &str) -> Option<(&'a str, &'a str, bool)> {
        let mut found = None;
        for e in self.stream(id) {
            let devolved = !at(e, "/payload/devolved_welsh_authority").is_null();
            let held_by = text(e, "/payload/held_by");
            match event(e) {
                "AuthorityRegistered" => {
                    found = Some((text(e, "/payload/capacity"), held_by, devolved));
                }
                "AuthorityAmended" => {
                    if let Some((capacity, _, _)) = found {
                        found = Some((capacity, held_by, devolved));
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The steps of a direction's case that count: once one was recorded by whoever took it, what
    /// others tell of steps changes nothing.
    pub(crate) fn steps(&self) -> Vec<&'a Value> {
        let (mut steps, mut by_themselves) = (Vec::new(), false);
        for e in self.here() {
            if matches!(
                event(e),
                "DirectionCaseOpened" | "FindingRecorded" | "EntryCorrected" | "ListClosed"
            ) {
                continue;
            }
            if own(e) || !by_themselves {
                steps.push(e);
            }
            by_themselves |= own(e);
        }
        steps
    }

    /// What a case is about.
    pub(crate) fn case(&self) -> (&'a str, &'a str, &'a str) {
        let all = self.ever_here().chain([self.entry]);
        let mut about = all.filter(|e| !text(e, "/payload/duty").is_empty());
        let first = about.next().unwrap_or(&Value::Null);
        let member = |name| text(first, &format!("/payload/{name}"));
        (member("authority"), member("duty"), member("area"))
    }
}

/// Whether so many of all are enough under a rule; unanimous where none is recorded.
pub(crate) fn enough(rule: &Value, agreed: usize, all: usize) -> bool {
    match text(rule, "/rule") {
        "majority" => 2 * agreed > all,
        "at_least" => agreed > 0 && agreed as u64 >= number(rule, "/count"),
        _ => all > 0 && agreed == all,
    }
}

/// The class the Act puts a capacity in.
pub(crate) fn class_of(capacity: &str) -> &'static str {
    match capacity {
        "chief_officer_of_police"
        | "probation_provider"
        | "youth_offending_team"
        | "fire_and_rescue_authority"
        | "integrated_care_board"
        | "local_health_board"
        | "local_authority" => "specified",
        "educational_authority" | "prison_authority" | "youth_custody_authority" => "relevant",
        "local_policing_body" => "policing body",
        _ => "none",
    }
}
