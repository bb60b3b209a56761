//! What is known of a partnership.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{Envelope, PublicText, StreamId};

use super::PartnershipEvent;
use crate::refusal::Unmet;
use crate::scene::Scene;
use crate::streams::{List, shown};
use crate::values::{
    Capacity, Class, Coverage, DecisionRule, ItemId, Matter, MemberStanding, Position, Post, Route,
    Shown,
};
use crate::world::World;

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Its capacity.
    pub capacity: Capacity,
    /// In what standing.
    pub standing: MemberStanding,
    /// Since when.
    pub since: Shown,
    /// The date it ceased, if it has.
    pub until: Option<NaiveDate>,
    /// The authority that took its place.
    pub successor: Option<StreamId>,
    /// Whether it took the place of a member before it.
    pub by_succession: bool,
}

/// A representative's post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Representative {
    /// The member it represents.
    pub authority: StreamId,
    /// The post.
    pub post: Post,
    /// Whether it is the strategic education representative.
    pub strategic_education: bool,
    /// Since when.
    pub since: Shown,
    /// The date it ended, if it has.
    pub until: Option<NaiveDate>,
}

/// A list of relevant authorities to consult.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationList {
    /// Its id.
    pub list: ItemId,
    /// The date it was drawn up; none until it is closed.
    pub drawn_up_on: Option<NaiveDate>,
    /// The authorities on it.
    pub authorities: BTreeMap<StreamId, Capacity>,
}

/// A position on a matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PositionOnMatter {
    /// The matter.
    pub matter: Matter,
    /// The authority.
    pub authority: StreamId,
    /// Its position.
    pub position: Position,
    /// When it was recorded.
    pub at: Shown,
}

/// What is known of a partnership.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartnershipState {
    /// Its name.
    pub name: Option<PublicText>,
    /// The structure it works through.
    pub route: Option<Route>,
    /// More about the structure.
    pub route_detail: Option<PublicText>,
    /// When it was formed.
    pub formed: Option<Shown>,
    /// Its areas.
    pub areas: BTreeSet<StreamId>,
    /// Whether the areas were set by the authorities' own act: what is told of others then changes
    /// nothing.
    pub areas_are_own: bool,
    /// Whether the list of areas being read is only told of.
    pub areas_told: bool,
    /// Its members, those that have ceased included.
    pub members: BTreeMap<StreamId, Member>,
    /// The authority that leads.
    pub lead: Option<StreamId>,
    /// The posts that represent members.
    pub representatives: BTreeMap<ItemId, Representative>,
    /// How the specified authorities decide together; unanimous where they recorded nothing else.
    pub decide_by: Option<DecisionRule>,
    /// The positions recorded on matters of the partnership.
    pub positions: Vec<PositionOnMatter>,
    /// The lists of relevant authorities to consult, in the order they were drawn up.
    pub lists: Vec<ConsultationList>,
    /// How far a history's sources reach.
    pub coverage: Option<Coverage>,
    /// When it was dissolved.
    pub dissolved: Option<Shown>,
}

impl PartnershipState {
    /// The rule the specified authorities decide together by.
    #[must_use]
    pub fn decision_rule(&self) -> DecisionRule {
        self.decide_by.unwrap_or(DecisionRule::Unanimous)
    }

    /// Whether an authority is a member now.
    #[must_use]
    pub fn has_member(&self, authority: StreamId) -> bool {
        self.members
            .get(&authority)
            .is_some_and(|m| m.until.is_none())
    }

    /// Whether an authority is a member now, and a specified one.
    #[must_use]
    pub fn has_specified(&self, authority: StreamId) -> bool {
        self.members
            .get(&authority)
            .is_some_and(|m| m.until.is_none() && m.standing == MemberStanding::Specified)
    }

    /// Whether an authority is, by law, a specified authority of one of the areas (s.11).
    #[must_use]
    pub(super) fn by_law(&self, authority: StreamId, scene: &Scene<'_>) -> bool {
        self.in_its_areas(Class::Specified, authority, scene)
    }

    /// Whether an authority is recorded for one of the areas as one of a class.
    #[must_use]
    pub(super) fn in_its_areas(
        &self,
        class: Class,
        authority: StreamId,
        scene: &Scene<'_>,
    ) -> bool {
        self.areas
            .iter()
            .filter_map(|id| scene.world.areas.get(id))
            .any(|area| {
                area.authorities_of(class, scene.on)
                    .any(|(id, _)| id == authority)
            })
    }

    /// The specified authorities whose decision counts on a date: those the register has for the
    /// areas, whom the law makes members whether recognised or not (s.11), and those that took such
    /// a member's place. Nobody becomes one by being told of.
    #[must_use]
    pub fn specified_authorities(&self, world: &World, on: NaiveDate) -> BTreeSet<StreamId> {
        // Nobody leaves what the law makes it a member of; only a successor takes its place.
        let succeeded = |id: &StreamId| self.members.get(id).is_some_and(|m| m.successor.is_some());
        let successors = self.members.iter().filter(|(_, m)| {
            m.standing == MemberStanding::Specified && m.by_succession && m.until.is_none()
        });
        let mut all: BTreeSet<StreamId> = successors.map(|(id, _)| *id).collect();
        for area in self.areas.iter().filter_map(|id| world.areas.get(id)) {
            let by_law = area.authorities_of(Class::Specified, on).map(|(id, _)| id);
            all.extend(by_law.filter(|id| !succeeded(id)));
        }
        all.retain(|id| !succeeded(id));
        all
    }

    /// Whether an authority takes part on a date: a specified authority by law or succession, or
    /// another body that was recognised as a member.
    #[must_use]
    pub fn takes_part(&self, authority: StreamId, world: &World, on: NaiveDate) -> bool {
        let recognised = self
            .members
            .get(&authority)
            .is_some_and(|m| m.until.is_none() && m.standing != MemberStanding::Specified);
        recognised || self.specified_authorities(world, on).contains(&authority)
    }

    /// Who is in an authority's place: whoever took it last, or the authority itself.
    #[must_use]
    pub fn in_place_of(&self, authority: StreamId) -> StreamId {
        let next = |id: &StreamId| self.members.get(id)?.successor;
        let line = std::iter::successors(Some(authority), next);
        // Longer than there are members, it goes round.
        let line = line.take(self.members.len() + 1);
        line.last().unwrap_or(authority)
    }

    /// Whether an authority that was of the partnership is no more: another took its place, or it ended
    /// for each area it was recorded for.
    #[must_use]
    pub fn is_gone(&self, authority: StreamId, world: &World, on: NaiveDate) -> bool {
        let member = self.members.get(&authority);
        if member.is_some_and(|member| member.successor.is_some()) {
            return true;
        }
        let areas = self.areas.iter().filter_map(|id| world.areas.get(id));
        let recorded = areas.filter_map(|area| area.authorities.get(&authority));
        let mut ended = recorded.map(|a| a.until.is_some_and(|until| until < on));
        ended
            .next()
            .is_some_and(|first| first && ended.all(|it| it))
    }

    /// Whether an authority is of the partnership on a date: it takes part, is to be consulted, or
    /// exists for one of the areas and nobody has taken its place.
    #[must_use]
    pub fn has(&self, authority: StreamId, world: &World, on: NaiveDate) -> bool {
        let member = self.members.get(&authority);
        let succeeded = member.is_some_and(|member| member.successor.is_some());
        let areas = self.areas.iter().filter_map(|id| world.areas.get(id));
        let mut recorded = areas.filter_map(|area| area.authorities.get(&authority));
        let exists = recorded.any(|recorded| recorded.exists_on(on)) && !succeeded;
        exists
            || self.takes_part(authority, world, on)
            || self.to_be_consulted(world, on).contains_key(&authority)
    }

    /// The relevant authorities to be consulted by a date: those on the list last closed, and those
    /// recorded for the areas with a start on or before it.
    #[must_use]
    pub fn to_be_consulted(&self, world: &World, on: NaiveDate) -> BTreeMap<StreamId, Capacity> {
        let areas = || self.areas.iter().filter_map(|id| world.areas.get(id));
        // A listed school that has closed by then, or that is of an area the partnership no longer has,
        // does not exist for the area (s.8(4)).
        let exists = |id: &StreamId| {
            let mut recorded = areas().filter_map(|area| area.authorities.get(id));
            recorded.any(|a| a.until.is_none_or(|until| until >= on))
        };
        let last = self
            .lists
            .iter()
            .rev()
            .find(|list| list.drawn_up_on.is_some());
        let mut all: BTreeMap<_, _> = last.map(|l| l.authorities.clone()).unwrap_or_default();
        all.retain(|id, _| exists(id));
        for area in areas() {
            all.extend(area.authorities_of(Class::Relevant, on));
        }
        all
    }

    /// Whether a list of relevant authorities to consult has been drawn up.
    #[must_use]
    pub fn has_list(&self) -> bool {
        self.lists.iter().any(|list| list.drawn_up_on.is_some())
    }

    /// The strategic education representative, if there is one.
    #[must_use]
    pub fn has_education_representative(&self) -> bool {
        self.representatives
            .values()
            .any(|r| r.strategic_education && r.until.is_none())
    }

    /// The class in which an authority has to do with the partnership, as a member or as an
    /// authority of one of its areas.
    #[must_use]
    pub fn class_of(&self, authority: StreamId, world: &World) -> Option<Class> {
        self.capacity_of(authority, world).map(Capacity::class)
    }

    /// The capacity in which an authority has to do with the partnership.
    #[must_use]
    pub fn capacity_of(&self, authority: StreamId, world: &World) -> Option<Capacity> {
        self.members
            .get(&authority)
            .map(|m| m.capacity)
            .or_else(|| {
                let mut areas = self.areas.iter().filter_map(|id| world.areas.get(id));
                areas.find_map(|a| a.authorities.get(&authority).map(|a| a.capacity))
            })
    }

    /// L-3: whether the positions recorded on a matter meet the decision rule. A reported position
    /// never counts as the authority's own.
    pub(in crate::streams) fn together(&self, matter: &Matter, scene: &Scene<'_>) -> Vec<Unmet> {
        // A coordinator reports what the authorities decided elsewhere; their positions are then
        // not in the record, and the entry says that it is a report.
        if scene.reported {
            return Vec::new();
        }
        let all = self.specified_authorities(scene.world, scene.on);
        let mut own = BTreeMap::new();
        for p in self
            .positions
            .iter()
            .filter(|p| p.matter == *matter && p.at.own())
        {
            own.insert(p.authority, p.position);
        }
        met_together(self.decision_rule(), &all, &own)
    }

    pub(super) fn apply(&mut self, entry: &Envelope<PartnershipEvent>) {
        let at = shown(entry);
        match &entry.payload {
            PartnershipEvent::PartnershipProposed(e) => {
                self.name = Some(e.name.clone());
                self.route = Some(e.route);
                self.route_detail = e.route_detail.clone();
            }
            PartnershipEvent::PartnershipAreaSet(_) => {
                self.areas_told = self.areas_are_own && !at.own();
                if !self.areas_told {
                    self.areas.clear();
                    self.areas_are_own = at.own();
                    // What was agreed was agreed for the areas before.
                    self.decided(&Matter::Formation);
                    self.decided(&Matter::Areas {
                        digest: String::new(),
                    });
                }
            }
            PartnershipEvent::PartnershipAreaNamed(e) => {
                if !self.areas_told {
                    self.areas.insert(e.area);
                }
            }
            PartnershipEvent::PartnershipFormed(_) => self.formed = Some(at),
            PartnershipEvent::PartnershipAmended(e) => self.name = Some(e.name.clone()),
            PartnershipEvent::RouteChosen(e) => {
                self.decided(&Matter::Route { route: e.route });
                self.route = Some(e.route);
                self.route_detail = e.detail.clone();
            }
            PartnershipEvent::MemberRecognised(e) => {
                self.members
                    .insert(e.authority, member(e.capacity, e.standing, at, false));
            }
            PartnershipEvent::MemberSucceeded(e) => {
                let standing = match self.members.get_mut(&e.authority) {
                    Some(before) => {
                        before.until = Some(at.on);
                        before.successor = Some(e.successor);
                        before.standing
                    }
                    None => MemberStanding::Specified,
                };
                self.members
                    .insert(e.successor, member(e.capacity, standing, at, true));
                if self.lead == Some(e.authority) {
                    self.lead = Some(e.successor);
                }
            }
            PartnershipEvent::MemberLeft(e) => {
                if let Some(member) = self.members.get_mut(&e.authority) {
                    member.until = Some(at.on);
                }
            }
            PartnershipEvent::LeadNamed(e) => {
                let authority = e.authority;
                self.decided(&Matter::Lead { authority });
                self.lead = Some(authority);
            }
            PartnershipEvent::RepresentativeNamed(e) => {
                self.representatives.insert(
                    e.representative,
                    Representative {
                        authority: e.authority,
                        post: e.post.clone(),
                        strategic_education: e.strategic_education,
                        since: at,
                        until: None,
                    },
                );
            }
            PartnershipEvent::RepresentativeEnded(e) => {
                if let Some(representative) = self.representatives.get_mut(&e.representative) {
                    representative.until = Some(at.on);
                }
            }
            PartnershipEvent::PartnershipPositionRecorded(e) => {
                self.positions.push(PositionOnMatter {
                    matter: e.on_matter.clone(),
                    authority: e.authority,
                    position: e.position,
                    at,
                });
            }
            // Told by others it is shown in the timeline; only they themselves change how they decide.
            PartnershipEvent::DecisionRuleRecorded(e) => {
                if at.own() {
                    let decide_by = e.decide_by;
                    self.decided(&Matter::DecisionRule { decide_by });
                    self.decide_by = Some(decide_by);
                }
            }
            PartnershipEvent::RelevantAuthorityListed(e) => {
                self.list(e.list)
                    .authorities
                    .insert(e.authority, e.capacity);
            }
            PartnershipEvent::ListClosed(e) => {
                if let (List::RelevantAuthoritiesToConsult, Some(item)) = (e.list, e.item) {
                    self.list(item).drawn_up_on = Some(e.on);
                }
            }
            PartnershipEvent::CoverageStated(e) => {
                self.coverage = Some(Coverage {
                    covers_until: e.covers_until,
                    fictional: e.fictional,
                });
            }
            PartnershipEvent::PartnershipDissolved(_) => self.dissolved = Some(at),
            PartnershipEvent::EntryCorrected(_) => {}
        }
    }

    /// A matter of this kind is decided: positions on it are spent, and the next is decided anew.
    fn decided(&mut self, matter: &Matter) {
        let kind = std::mem::discriminant(matter);
        self.positions
            .retain(|p| std::mem::discriminant(&p.matter) != kind);
    }

    fn list(&mut self, id: ItemId) -> &mut ConsultationList {
        let at = match self.lists.iter().position(|l| l.list == id) {
            Some(at) => at,
            None => {
                self.lists.push(ConsultationList {
                    list: id,
                    drawn_up_on: None,
                    authorities: BTreeMap::new(),
                });
                self.lists.len() - 1
            }
        };
        &mut self.lists[at]
    }
}

fn member(
    capacity: Capacity,
    standing: MemberStanding,
    since: Shown,
    by_succession: bool,
) -> Member {
    Member {
        capacity,
        standing,
        since,
        until: None,
        successor: None,
        by_succession,
    }
}

/// L-3, for whatever is decided together: the rule over the authorities' own positions.
pub(in crate::streams) fn met_together(
    rule: DecisionRule,
    all: &BTreeSet<StreamId>,
    own: &BTreeMap<StreamId, Position>,
) -> Vec<Unmet> {
    let agreed = all
        .iter()
        .filter(|id| own.get(id) == Some(&Position::Agree))
        .count();
    if rule.met(agreed, all.len()) {
        return Vec::new();
    }
    let needed = match rule {
        DecisionRule::Unanimous => "every one of them".to_owned(),
        DecisionRule::Majority => "more than half of them".to_owned(),
        DecisionRule::AtLeast { count } => format!("at least {count} of them"),
    };
    vec![Unmet::new(
        "L-3",
        format!(
            "{agreed} of {} specified authorities have agreed with their own key; {needed} must.",
            all.len()
        ),
        "Each specified authority records its position with its own key. Silence is never \
         agreement.",
    )]
}
