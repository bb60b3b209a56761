//! The commands on a partnership.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use dutyledger_record::{EntryId, ListDigest, PlainText, PublicText, Sealed, Stream, StreamId};

use super::{
    CoverageStated, DecisionRuleRecorded, LeadNamed, MemberLeft, MemberRecognised, MemberSucceeded,
    Partnership, PartnershipAmended, PartnershipAreaNamed, PartnershipAreaSet,
    PartnershipDissolved, PartnershipEvent, PartnershipFormed, PartnershipPositionRecorded,
    PartnershipProposed, PartnershipState, RelevantAuthorityListed, RepresentativeEnded,
    RepresentativeNamed, RouteChosen,
};
use crate::decide::{Actor, Actors, Opens, Particulars, commands};
use crate::refusal::Refusal;
use crate::scene::Scene;
use crate::streams::{List, ListClosed, area, authority, check_list};
use crate::values::{Class, DecisionRule, ItemId, Matter, MemberStanding, Position, Post, Route};
use crate::world::World;

fn still_open(state: &PartnershipState) -> Result<(), Refusal> {
    match &state.dissolved {
        Some(at) => Err(Refusal::state(format!(
            "The partnership was dissolved on {}.",
            crate::in_words(at.on)
        ))),
        None => Ok(()),
    }
}

/// The entries that set the areas, in ascending order of their ids.
fn area_entries(
    areas: &BTreeSet<StreamId>,
    scene: &Scene<'_>,
) -> Result<Vec<PartnershipEvent>, Refusal> {
    for (row, id) in areas.iter().enumerate() {
        if scene.world.areas.get(id).is_none_or(|a| a.name.is_none()) {
            return Err(Refusal::not_found("There is no such area.")
                .at(&format!("/particulars/areas/{row}")));
        }
    }
    let ids: Vec<_> = areas.iter().copied().collect();
    let closed = ListClosed::new(List::Areas, scene.on, &ids);
    let mut events: Vec<PartnershipEvent> = vec![
        PartnershipAreaSet {
            count: closed.count,
            digest: closed.digest.clone(),
        }
        .into(),
    ];
    events.extend(
        ids.iter()
            .map(|area| PartnershipAreaNamed { area: *area }.into()),
    );
    events.push(closed.into());
    Ok(events)
}

/// The most areas a partnership may be for: every area of England and Wales, and room to grow.
const AREAS_MAX: usize = 400;

fn check_areas(areas: &[StreamId]) -> Result<BTreeSet<StreamId>, Refusal> {
    check_list("/particulars/areas", areas.iter())?;
    if areas.len() > AREAS_MAX {
        return Err(Refusal::invalid(
            "/particulars/areas",
            format!("A partnership may have at most {AREAS_MAX} areas."),
        ));
    }
    Ok(areas.iter().copied().collect())
}

/// Sets out to form a partnership for one or more areas. The specified authorities of the areas
/// then each record their position on the formation.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposePartnership {
    /// Its name.
    pub name: PublicText,
    /// The structure it works through.
    pub route: Route,
    /// More about the structure, such as the name of a board.
    #[serde(default)]
    pub route_detail: Option<PublicText>,
    /// The areas it is for.
    #[schemars(length(min = 1, max = 400))]
    pub areas: Vec<StreamId>,
}

impl Particulars<Partnership> for ProposePartnership {
    const NAME: &'static str = "propose-partnership";
    const ACTORS: Actors = Actors {
        own: &[Actor::SpecifiedAuthority],
        reportable: false,
        past_fact: true,
    };
    const OPENS: Opens = Opens::Yes;

    fn needs(&self, _: &PartnershipState, _: &World) -> Vec<Stream> {
        self.areas.iter().map(|id| area::stream(*id)).collect()
    }

    fn decide(
        self,
        _: &PartnershipState,
        scene: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        let areas = check_areas(&self.areas)?;
        let mut events: Vec<PartnershipEvent> = vec![
            PartnershipProposed {
                name: self.name,
                route: self.route,
                route_detail: self.route_detail,
            }
            .into(),
        ];
        events.extend(area_entries(&areas, scene)?);
        // Every specified authority of the areas is a member by law (s.11).
        let mut recognised = BTreeSet::new();
        for area in areas.iter().filter_map(|id| scene.world.areas.get(id)) {
            for (authority, capacity) in area.authorities_of(Class::Specified, scene.on) {
                if recognised.insert(authority) {
                    let standing = MemberStanding::Specified;
                    events.push(
                        MemberRecognised {
                            authority,
                            capacity,
                            standing,
                        }
                        .into(),
                    );
                }
            }
        }
        Ok(events)
    }
}

/// Forms the partnership as proposed, when the specified authorities have agreed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormPartnership {}

impl Particulars<Partnership> for FormPartnership {
    const NAME: &'static str = "form-partnership";
    const ACTORS: Actors = Actors::SPECIFIED;
    const RESTS_ON_AREAS: bool = true;

    fn decide(
        self,
        state: &PartnershipState,
        _: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        if state.formed.is_some() {
            return Err(Refusal::already("The partnership is already formed."));
        }
        let (Some(name), Some(route)) = (state.name.clone(), state.route) else {
            return Err(Refusal::state(
                "The partnership has not been proposed by that date.",
            ));
        };
        Ok(vec![PartnershipFormed { name, route }.into()])
    }
}

/// Changes the partnership's name.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendPartnership {
    /// Its name from now on.
    pub name: PublicText,
}

impl Particulars<Partnership> for AmendPartnership {
    const NAME: &'static str = "amend-partnership";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(
        self,
        state: &PartnershipState,
        _: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        Ok(vec![PartnershipAmended { name: self.name }.into()])
    }
}

/// Sets the partnership's areas anew, when the specified authorities have agreed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAreas {
    /// The areas from now on.
    #[schemars(length(min = 1, max = 400))]
    pub areas: Vec<StreamId>,
}

impl Particulars<Partnership> for SetAreas {
    const NAME: &'static str = "set-areas";
    const ACTORS: Actors = Actors::SPECIFIED;
    const RESTS_ON_AREAS: bool = true;

    fn needs(&self, _: &PartnershipState, _: &World) -> Vec<Stream> {
        self.areas.iter().map(|id| area::stream(*id)).collect()
    }

    fn decide(
        self,
        state: &PartnershipState,
        scene: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        area_entries(&check_areas(&self.areas)?, scene)
    }
}

/// Chooses the structure the partnership works through, when the specified authorities have agreed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseRoute {
    /// The structure.
    pub route: Route,
    /// More about it.
    #[serde(default)]
    pub detail: Option<PublicText>,
}

impl Particulars<Partnership> for ChooseRoute {
    const NAME: &'static str = "choose-route";
    const ACTORS: Actors = Actors::SPECIFIED;
    const RESTS_ON_AREAS: bool = true;

    fn decide(
        self,
        state: &PartnershipState,
        _: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        Ok(vec![
            RouteChosen {
                detail: self.detail,
                route: self.route,
            }
            .into(),
        ])
    }
}

/// Names the authority that leads, when the specified authorities have agreed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NameLead {
    /// The member that leads.
    pub authority: StreamId,
}

impl Particulars<Partnership> for NameLead {
    const NAME: &'static str = "name-lead";
    const ACTORS: Actors = Actors::SPECIFIED;
    const RESTS_ON_AREAS: bool = true;

    fn decide(
        self,
        state: &PartnershipState,
        _: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        if !state.has_member(self.authority) {
            return Err(
                Refusal::not_found("This authority is not a member.").at("/particulars/authority")
            );
        }
        Ok(vec![
            LeadNamed {
                authority: self.authority,
            }
            .into(),
        ])
    }
}

/// Records how the specified authorities decide together, when they have agreed to it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordDecisionRule {
    /// The rule.
    pub decide_by: DecisionRule,
}

impl Particulars<Partnership> for RecordDecisionRule {
    const NAME: &'static str = "record-decision-rule";
    const ACTORS: Actors = Actors {
        own: &[Actor::SpecifiedAuthority],
        reportable: false,
        past_fact: true,
    };
    const RESTS_ON_AREAS: bool = true;

    fn decide(
        self,
        state: &PartnershipState,
        _: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        if self.decide_by == (DecisionRule::AtLeast { count: 0 }) {
            return Err(Refusal::invalid(
                "/particulars/decide_by/count",
                "At least one authority must agree: silence is never agreement.",
            ));
        }
        Ok(vec![
            DecisionRuleRecorded {
                decide_by: self.decide_by,
            }
            .into(),
        ])
    }
}

/// Records a specified authority's position on a matter decided together.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordPartnershipPosition {
    /// The authority.
    pub authority: StreamId,
    /// The matter.
    pub on_matter: MatterGiven,
    /// Its position.
    pub position: Position,
    /// Why. It is sealed.
    #[serde(default)]
    pub reason: Option<PlainText>,
}

/// A matter, as a command names it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "matter", rename_all = "snake_case", deny_unknown_fields)]
pub enum MatterGiven {
    /// Forming the partnership as proposed.
    Formation,
    /// Who leads.
    Lead {
        /// The authority proposed.
        authority: StreamId,
    },
    /// Through which structure it works.
    Route {
        /// The structure proposed.
        route: Route,
    },
    /// Which areas it is for.
    Areas {
        /// The areas proposed.
        areas: Vec<StreamId>,
    },
    /// How they decide.
    DecisionRule {
        /// The rule proposed.
        decide_by: DecisionRule,
    },
    /// Dissolving it.
    Dissolution,
    /// Withdrawing an entry that was decided together, of the partnership or of a strategy of its.
    Correction {
        /// The entry.
        entry_id: EntryId,
    },
}

impl From<MatterGiven> for Matter {
    fn from(given: MatterGiven) -> Self {
        match given {
            MatterGiven::Formation => Self::Formation,
            MatterGiven::Lead { authority } => Self::Lead { authority },
            MatterGiven::Route { route } => Self::Route { route },
            MatterGiven::Areas { areas } => {
                let ordered: BTreeSet<_> = areas.into_iter().collect();
                let ids: Vec<_> = ordered.into_iter().collect();
                Self::Areas {
                    digest: ListDigest::of(&ids),
                }
            }
            MatterGiven::DecisionRule { decide_by } => Self::DecisionRule { decide_by },
            MatterGiven::Dissolution => Self::Dissolution,
            MatterGiven::Correction { entry_id } => Self::Correction { entry_id },
        }
    }
}

impl Particulars<Partnership> for RecordPartnershipPosition {
    const NAME: &'static str = "record-partnership-position";
    const ACTORS: Actors = Actors::SUBJECT;
    const RESTS_ON_AREAS: bool = true;

    fn subject(&self, _: &PartnershipState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(
        self,
        state: &PartnershipState,
        scene: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        if !state
            .specified_authorities(scene.world, scene.on)
            .contains(&self.authority)
        {
            return Err(Refusal::not_permitted(
                "Only a specified authority of the partnership has a position on this.",
            )
            .at("/particulars/authority"));
        }
        Ok(vec![
            PartnershipPositionRecorded {
                authority: self.authority,
                on_matter: self.on_matter.into(),
                position: self.position,
                reason: self.reason.map(Sealed::from),
            }
            .into(),
        ])
    }
}

/// Recognises a member: a specified authority by law, a relevant authority when either side asks,
/// another body by invitation.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecogniseMember {
    /// The authority.
    pub authority: StreamId,
}

impl Particulars<Partnership> for RecogniseMember {
    const NAME: &'static str = "recognise-member";
    const ACTORS: Actors = Actors {
        own: &[Actor::SpecifiedAuthority, Actor::Subject],
        reportable: true,
        past_fact: true,
    };
    const RESTS_ON_AREAS: bool = true;

    fn subject(&self, _: &PartnershipState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn needs(&self, _: &PartnershipState, _: &World) -> Vec<Stream> {
        vec![authority::stream(self.authority)]
    }

    fn decide(
        self,
        state: &PartnershipState,
        scene: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        let pointer = "/particulars/authority";
        let known = scene.world.authorities.get(&self.authority);
        let Some(capacity) = known.and_then(|a| a.capacity) else {
            return Err(Refusal::not_found("There is no such authority.").at(pointer));
        };
        if state.has_member(self.authority) {
            return Err(Refusal::already("This authority is already a member.").at(pointer));
        }
        let of_area = state.in_its_areas(Class::Relevant, self.authority, scene);
        let own_request = scene.principal.id == Some(self.authority);
        // Inviting others is not barred (s.8(12)); asking to take part is a right of those s.15(3)
        // names alone.
        let standing = match capacity.class() {
            Class::Specified => MemberStanding::Specified,
            Class::Relevant if of_area || own_request => MemberStanding::Relevant,
            Class::LocalPolicingBody | Class::Other if own_request => {
                return Err(Refusal::not_permitted(
                    "A body with no right under s.15(3) is invited by the specified authorities.",
                ));
            }
            Class::Relevant | Class::LocalPolicingBody | Class::Other => MemberStanding::Invited,
        };
        Ok(vec![
            MemberRecognised {
                authority: self.authority,
                capacity,
                standing,
            }
            .into(),
        ])
    }
}

/// Records that a member's place was taken by its successor.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SucceedMember {
    /// The member before.
    pub authority: StreamId,
}

impl Particulars<Partnership> for SucceedMember {
    const NAME: &'static str = "succeed-member";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn needs(&self, _: &PartnershipState, world: &World) -> Vec<Stream> {
        let successor = world
            .authorities
            .get(&self.authority)
            .and_then(|a| a.successor);
        std::iter::once(self.authority)
            .chain(successor)
            .map(authority::stream)
            .collect()
    }

    fn decide(
        self,
        state: &PartnershipState,
        scene: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        let pointer = "/particulars/authority";
        if !state.has_member(self.authority) {
            return Err(Refusal::not_found("This authority is not a member.").at(pointer));
        }
        let authorities = &scene.world.authorities;
        let Some(successor) = authorities.get(&self.authority).and_then(|a| a.successor) else {
            return Err(Refusal::state(
                "The register names no successor of this authority by that date.",
            )
            .at(pointer));
        };
        let Some(capacity) = authorities.get(&successor).and_then(|a| a.capacity) else {
            return Err(Refusal::not_found("There is no such successor.").at(pointer));
        };
        Ok(vec![
            MemberSucceeded {
                authority: self.authority,
                capacity,
                successor,
            }
            .into(),
        ])
    }
}

/// Records that a member left. A member by law cannot.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeavePartnership {
    /// The member.
    pub authority: StreamId,
}

impl Particulars<Partnership> for LeavePartnership {
    const NAME: &'static str = "leave-partnership";
    const ACTORS: Actors = Actors::SUBJECT;
    const RESTS_ON_AREAS: bool = true;

    fn subject(&self, _: &PartnershipState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(
        self,
        state: &PartnershipState,
        _: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        if !state.has_member(self.authority) {
            return Err(
                Refusal::not_found("This authority is not a member.").at("/particulars/authority")
            );
        }
        Ok(vec![
            MemberLeft {
                authority: self.authority,
            }
            .into(),
        ])
    }
}

/// Names a post that represents a member.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NameRepresentative {
    /// The member it represents.
    pub authority: StreamId,
    /// The post. Names no person.
    pub post: Post,
    /// A named contact. It is sealed under a key of its own.
    #[serde(default)]
    pub contact: Option<PlainText>,
    /// Whether it is the strategic education representative.
    #[serde(default)]
    pub strategic_education: bool,
}

impl Particulars<Partnership> for NameRepresentative {
    const NAME: &'static str = "name-representative";
    const ACTORS: Actors = Actors {
        own: &[Actor::SpecifiedAuthority, Actor::Subject],
        reportable: true,
        past_fact: true,
    };

    fn subject(&self, _: &PartnershipState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(
        self,
        state: &PartnershipState,
        scene: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        if !state.has_member(self.authority) {
            return Err(
                Refusal::not_found("This authority is not a member.").at("/particulars/authority")
            );
        }
        Ok(vec![
            RepresentativeNamed {
                authority: self.authority,
                contact: self.contact.map(Sealed::from),
                post: self.post,
                representative: scene.ids.next(),
                strategic_education: self.strategic_education,
            }
            .into(),
        ])
    }
}

/// Records that a post no longer represents a member.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndRepresentative {
    /// The item's id.
    pub representative: ItemId,
}

impl Particulars<Partnership> for EndRepresentative {
    const NAME: &'static str = "end-representative";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(
        self,
        state: &PartnershipState,
        _: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        match state.representatives.get(&self.representative) {
            Some(r) if r.until.is_none() => Ok(vec![
                RepresentativeEnded {
                    representative: self.representative,
                }
                .into(),
            ]),
            _ => Err(Refusal::not_found("There is no such representative.")
                .at("/particulars/representative")),
        }
    }
}

/// Draws up the list of relevant authorities to consult, on a stated date: one entry each, closed
/// by one with date, count and digest.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawUpConsultationList {
    /// The relevant authorities; none says that there are none.
    #[schemars(length(max = 2000))]
    pub authorities: Vec<StreamId>,
}

impl Particulars<Partnership> for DrawUpConsultationList {
    const NAME: &'static str = "draw-up-consultation-list";
    const ACTORS: Actors = Actors::SPECIFIED;
    const RESTS_ON_AREAS: bool = true;

    fn decide(
        self,
        state: &PartnershipState,
        scene: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        if !self.authorities.is_empty() {
            check_list("/particulars/authorities", self.authorities.iter())?;
        }
        let list = scene.ids.next();
        let mut events: Vec<PartnershipEvent> = Vec::with_capacity(self.authorities.len() + 1);
        let mut refused = Vec::new();
        for (row, id) in self.authorities.iter().enumerate() {
            let recorded = state
                .areas
                .iter()
                .filter_map(|area| scene.world.areas.get(area)?.authorities.get(id))
                .find(|a| a.capacity.class() == Class::Relevant);
            match recorded.map(|a| a.capacity) {
                Some(capacity) => events.push(
                    RelevantAuthorityListed {
                        authority: *id,
                        capacity,
                        list,
                    }
                    .into(),
                ),
                None => refused.push(
                    Refusal::not_found(
                        "This is not a relevant authority recorded for any of the areas.",
                    )
                    .at(&format!("/particulars/authorities/{row}")),
                ),
            }
        }
        if let Some(refusal) = Refusal::of_rows(refused) {
            return Err(refusal);
        }
        let closed = ListClosed::new(
            List::RelevantAuthoritiesToConsult,
            scene.on,
            &self.authorities,
        );
        events.push(closed.of_item(list).into());
        Ok(events)
    }
}

/// States how far a history's sources reach.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateCoverage {
    /// The date the sources reach.
    pub covers_until: NaiveDate,
    /// Whether what is told is fictional.
    #[serde(default)]
    pub fictional: bool,
}

impl Particulars<Partnership> for StateCoverage {
    const NAME: &'static str = "state-coverage";
    const ACTORS: Actors = Actors::OPERATOR;

    fn decide(self, _: &PartnershipState, _: &Scene<'_>) -> Result<Vec<PartnershipEvent>, Refusal> {
        Ok(vec![
            CoverageStated {
                covers_until: self.covers_until,
                fictional: self.fictional,
            }
            .into(),
        ])
    }
}

/// Dissolves the partnership, when the specified authorities have agreed. Their duties stay.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DissolvePartnership {
    /// What follows it, for publication.
    #[serde(default)]
    pub note: Option<PublicText>,
}

impl Particulars<Partnership> for DissolvePartnership {
    const NAME: &'static str = "dissolve-partnership";
    const ACTORS: Actors = Actors::SPECIFIED;
    const RESTS_ON_AREAS: bool = true;

    fn decide(
        self,
        state: &PartnershipState,
        _: &Scene<'_>,
    ) -> Result<Vec<PartnershipEvent>, Refusal> {
        still_open(state)?;
        Ok(vec![PartnershipDissolved { note: self.note }.into()])
    }
}

commands! {
    /// The commands on a partnership.
    PartnershipCommand of Partnership {
        ProposePartnership, FormPartnership, AmendPartnership, SetAreas, ChooseRoute, NameLead,
        RecordDecisionRule, RecordPartnershipPosition, RecogniseMember, SucceedMember,
        LeavePartnership, NameRepresentative, EndRepresentative, DrawUpConsultationList,
        StateCoverage, DissolvePartnership,
    }
}
