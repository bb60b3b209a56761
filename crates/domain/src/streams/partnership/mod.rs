//! A partnership: the arrangement through which the specified authorities of an area work
//! together. It has no legal personality; duties sit on its members.

mod commands;
mod state;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{Envelope, PublicText, Sealed, Stream, StreamId, StreamType};

use crate::decide::{Actor, Actors, Particulars};
use crate::history::{StreamKind, events};
use crate::refusal::Unmet;
use crate::scene::Scene;
use crate::values::{
    Capacity, Class, DecisionRule, ItemId, Matter, MemberStanding, Position, Post, Route,
};

pub use commands::*;
pub use state::*;

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partnership;

/// Specified authorities set out to form a partnership. Opens the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipProposed {
    /// Its name.
    pub name: PublicText,
    /// The structure it works through.
    pub route: Route,
    /// More about the structure, such as the name of a board.
    pub route_detail: Option<PublicText>,
}

/// An area the partnership is for; one entry of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipAreaNamed {
    /// The area.
    pub area: StreamId,
}

/// The areas from now on are those of the list that follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipAreaSet {
    /// How many areas the list has.
    pub count: u32,
    /// The digest of the list, as in the entry that closes it.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub digest: String,
}

/// The partnership was formed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipFormed {
    /// Its name.
    pub name: PublicText,
    /// The structure it works through.
    pub route: Route,
}

/// The partnership's name changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipAmended {
    /// Its name from now on.
    pub name: PublicText,
}

/// The structure the partnership works through was chosen or changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteChosen {
    /// More about the structure.
    pub detail: Option<PublicText>,
    /// The structure.
    pub route: Route,
}

/// A member was recognised: a specified authority by law (s.11), a relevant authority on request
/// (s.15(3)), another by invitation (s.8(6), 8(12)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberRecognised {
    /// The authority.
    pub authority: StreamId,
    /// Its capacity.
    pub capacity: Capacity,
    /// In what standing.
    pub standing: MemberStanding,
}

/// A member's place was taken by its successor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberSucceeded {
    /// The member before.
    pub authority: StreamId,
    /// The successor's capacity.
    pub capacity: Capacity,
    /// The member from now on.
    pub successor: StreamId,
}

/// A member that is not one by law left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberLeft {
    /// The member.
    pub authority: StreamId,
}

/// The authority that leads was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadNamed {
    /// The authority that leads.
    pub authority: StreamId,
}

/// A post that represents a member (R-78.1, R-86.1, …).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepresentativeNamed {
    /// The member it represents.
    pub authority: StreamId,
    /// A named contact, sealed under a key of its own.
    pub contact: Option<Sealed>,
    /// The post.
    pub post: Post,
    /// The item's id.
    pub representative: ItemId,
    /// Whether it is the strategic education representative.
    pub strategic_education: bool,
}

/// A post no longer represents a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepresentativeEnded {
    /// The item's id.
    pub representative: ItemId,
}

/// A specified authority recorded its position on a matter decided together (L-3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipPositionRecorded {
    /// The authority.
    pub authority: StreamId,
    /// The matter.
    pub on_matter: Matter,
    /// Its position.
    pub position: Position,
    /// Why, sealed.
    pub reason: Option<Sealed>,
}

/// How the specified authorities decide together from now on (L-3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRuleRecorded {
    /// The rule.
    pub decide_by: DecisionRule,
}

/// A relevant authority to be consulted; one entry of a list (s.8(4), 9(4)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelevantAuthorityListed {
    /// The authority.
    pub authority: StreamId,
    /// Its capacity.
    pub capacity: Capacity,
    /// The list's id.
    pub list: ItemId,
}

/// How far a history's sources reach: after this date, absence shows nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageStated {
    /// The date the sources reach.
    pub covers_until: chrono::NaiveDate,
    /// Whether what is told is fictional.
    pub fictional: bool,
}

/// The partnership was dissolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipDissolved {
    /// What follows it, for publication.
    pub note: Option<PublicText>,
}

events! {
    /// The events of a partnership.
    PartnershipEvent {
        PartnershipProposed, PartnershipAreaNamed, PartnershipAreaSet, PartnershipFormed,
        PartnershipAmended, RouteChosen, MemberRecognised, MemberSucceeded, MemberLeft, LeadNamed,
        RepresentativeNamed seals "/contact" => contact,
        RepresentativeEnded,
        PartnershipPositionRecorded seals "/reason" => reason,
        DecisionRuleRecorded, RelevantAuthorityListed, CoverageStated, PartnershipDissolved,
    }
}

/// Names a partnership's stream.
#[must_use]
pub fn stream(id: StreamId) -> Stream {
    Stream::new(Partnership::TYPE, id)
}

impl StreamKind for Partnership {
    const TYPE: StreamType = StreamType::of("partnership");
    const NAME: &'static str = "partnership";
    type Event = PartnershipEvent;
    type State = PartnershipState;
    type Command = PartnershipCommand;

    fn evolve(state: &mut PartnershipState, entry: &Envelope<PartnershipEvent>) {
        state.apply(entry);
    }

    fn unmet(event: &PartnershipEvent, before: &PartnershipState, scene: &Scene<'_>) -> Vec<Unmet> {
        let together = |matter: Matter| before.together(&matter, scene);
        match event {
            PartnershipEvent::PartnershipFormed(_) => {
                let mut unmet = together(Matter::Formation);
                if before.areas.is_empty() {
                    unmet.push(Unmet::new(
                        "R-26.1",
                        "The partnership names no local government area.",
                        "Set the areas first.",
                    ));
                }
                unmet
            }
            PartnershipEvent::LeadNamed(e) => together(Matter::Lead {
                authority: e.authority,
            }),
            PartnershipEvent::RouteChosen(e) => together(Matter::Route { route: e.route }),
            PartnershipEvent::DecisionRuleRecorded(e) => together(Matter::DecisionRule {
                decide_by: e.decide_by,
            }),
            PartnershipEvent::PartnershipDissolved(_) => together(Matter::Dissolution),
            PartnershipEvent::PartnershipAreaSet(e) => {
                if before.formed.is_some() {
                    together(Matter::Areas {
                        digest: e.digest.clone(),
                    })
                } else {
                    Vec::new()
                }
            }
            PartnershipEvent::MemberLeft(e) => {
                let specified = |m: &Member| m.standing == MemberStanding::Specified;
                let by_law = before.members.get(&e.authority).is_some_and(specified)
                    && before.by_law(e.authority, scene);
                if by_law {
                    vec![Unmet::new(
                        "A-11.6",
                        "A specified authority of the area is a member by law and cannot leave.",
                        "If another body has taken its place, record the succession instead.",
                    )]
                } else {
                    Vec::new()
                }
            }
            PartnershipEvent::MemberRecognised(e) if e.standing == MemberStanding::Specified => {
                if before.by_law(e.authority, scene) {
                    Vec::new()
                } else {
                    vec![Unmet::new(
                        "A-11.6",
                        "This authority is not a specified authority of any of the partnership's \
                         areas on that date.",
                        "Ask the operator to record it for the area, from the date it is so.",
                    )]
                }
            }
            PartnershipEvent::MemberRecognised(e)
                if e.standing == MemberStanding::Relevant
                    && !before.in_its_areas(Class::Relevant, e.authority, scene) =>
            {
                vec![
                    Unmet::new(
                        "R-19.3",
                        "A relevant authority takes part in the partnerships of its own area, and \
                         this one is not recorded for any of the partnership's on that date.",
                        "Ask the operator to record it for the area, or the partnership to invite \
                         it.",
                    )
                    .at("/particulars/authority"),
                ]
            }
            PartnershipEvent::MemberRecognised(_)
            | PartnershipEvent::PartnershipProposed(_)
            | PartnershipEvent::PartnershipAreaNamed(_)
            | PartnershipEvent::PartnershipAmended(_)
            | PartnershipEvent::MemberSucceeded(_)
            | PartnershipEvent::RepresentativeNamed(_)
            | PartnershipEvent::RepresentativeEnded(_)
            | PartnershipEvent::PartnershipPositionRecorded(_)
            | PartnershipEvent::RelevantAuthorityListed(_)
            | PartnershipEvent::CoverageStated(_)
            | PartnershipEvent::EntryCorrected(_)
            | PartnershipEvent::ListClosed(_) => Vec::new(),
        }
    }

    fn unmet_to_withdraw(
        entry: &Envelope<PartnershipEvent>,
        state: &PartnershipState,
        scene: &Scene<'_>,
    ) -> Vec<Unmet> {
        let decided_together = match &entry.payload {
            PartnershipEvent::PartnershipFormed(_)
            | PartnershipEvent::LeadNamed(_)
            | PartnershipEvent::RouteChosen(_)
            | PartnershipEvent::DecisionRuleRecorded(_)
            | PartnershipEvent::PartnershipDissolved(_) => true,
            PartnershipEvent::PartnershipAreaSet(_) | PartnershipEvent::PartnershipAreaNamed(_) => {
                state.formed.is_some()
            }
            _ => false,
        };
        let entry_id = entry.entry_id;
        if decided_together {
            state.together(&Matter::Correction { entry_id }, scene)
        } else {
            Vec::new()
        }
    }

    fn already(
        event: &PartnershipEvent,
        latest: &PartnershipState,
        _: &Scene<'_>,
    ) -> Option<String> {
        let (what, at) = match event {
            PartnershipEvent::PartnershipFormed(_) => ("formed", latest.formed?),
            PartnershipEvent::PartnershipDissolved(_) => ("dissolved", latest.dissolved?),
            _ => return None,
        };
        Some(format!(
            "The partnership is recorded as {what} on {}.",
            crate::in_words(at.on)
        ))
    }

    fn gated(event: &PartnershipEvent) -> bool {
        matches!(
            event,
            PartnershipEvent::PartnershipFormed(_)
                | PartnershipEvent::LeadNamed(_)
                | PartnershipEvent::RouteChosen(_)
                | PartnershipEvent::DecisionRuleRecorded(_)
                | PartnershipEvent::PartnershipDissolved(_)
                | PartnershipEvent::PartnershipAreaSet(_)
                | PartnershipEvent::MemberLeft(_)
                | PartnershipEvent::MemberRecognised(_)
        )
    }

    fn recordable_by(event: &PartnershipEvent) -> (Actors, Option<StreamId>) {
        match event {
            PartnershipEvent::PartnershipPositionRecorded(e) => {
                (Actors::SUBJECT, Some(e.authority))
            }
            PartnershipEvent::MemberRecognised(e) if e.standing == MemberStanding::Relevant => (
                Actors {
                    own: &[Actor::SpecifiedAuthority, Actor::Subject],
                    reportable: true,
                    past_fact: true,
                },
                Some(e.authority),
            ),
            PartnershipEvent::MemberLeft(e) => (Actors::SUBJECT, Some(e.authority)),
            PartnershipEvent::RepresentativeNamed(e) => {
                (NameRepresentative::ACTORS, Some(e.authority))
            }
            PartnershipEvent::CoverageStated(_) => (Actors::OPERATOR, None),
            _ => (Actors::SPECIFIED, None),
        }
    }

    fn partnership(id: StreamId, _: &PartnershipState) -> Option<StreamId> {
        Some(id)
    }
}
