//! Who may see what.
//!
//! A member or coordinator sees its partnerships; a consulted authority that is no member only the
//! version it is consulted on, its own consultation, response and actions, and what is published;
//! a local policing body the partnerships of its areas; the Welsh Ministers what concerns areas in
//! Wales; the Secretary of State, inspectorates and auditors all; an operator no partnership's
//! record; everyone with a key what is published. What one may not see is as if absent.

use chrono::NaiveDate;

use dutyledger_domain::streams::deadline::{DeadlineKind, WhatIsDue};
use dutyledger_domain::streams::strategy::{
    Action, Adoption, Consultation, StrategyState, Version,
};
use dutyledger_domain::streams::{DirectionState, PartnershipState};
use dutyledger_domain::{Class, Country, World};
use dutyledger_record::{Principal, PrincipalKind, StreamId};

/// How much of a partnership's record a principal sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// What it is consulted on, what touches it, and what is published.
    Part,
}

/// How much of a partnership's record a principal sees on a date. The world must hold the
/// partnership's areas.
#[must_use]
pub fn sight(
    principal: Principal,
    id: StreamId,
    partnership: &PartnershipState,
    world: &World,
    on: NaiveDate,
) -> Sight {
    let mut areas = partnership
        .areas
        .iter()
        .filter_map(|area| world.areas.get(area));
    let whole = match (principal.kind, principal.id) {
        (
            PrincipalKind::SecretaryOfState
            | PrincipalKind::Inspectorate
            | PrincipalKind::Auditor
            | PrincipalKind::System,
            _,
        ) => true,
        (PrincipalKind::Coordinator, Some(own)) => own == id,
        (PrincipalKind::Authority, Some(own)) => partnership.takes_part(own, world, on),
        (PrincipalKind::LocalPolicingBody, Some(own)) => areas.any(|area| {
            area.authorities_of(Class::LocalPolicingBody, on)
                .any(|(id, _)| id == own)
        }),
        (PrincipalKind::WelshMinisters, _) => areas.any(|a| a.country == Some(Country::Wales)),
        (
            PrincipalKind::Operator
            | PrincipalKind::Coordinator
            | PrincipalKind::Authority
            | PrincipalKind::LocalPolicingBody,
            _,
        ) => false,
    };
    if whole { Sight::Whole } else { Sight::Part }
}

/// The authority a principal is, where it is one.
fn own(principal: Principal) -> Option<StreamId> {
    match principal.kind {
        PrincipalKind::Authority => principal.id,
        _ => None,
    }
}

/// Whether an action touches an authority, or is its own.
fn touches(action: &Action, own: StreamId) -> bool {
    action.owner == own || action.authorities.contains_key(&own)
}

/// Whether an authority is consulted on a version of a strategy or touched by an action of it.
/// What is published makes nobody take part.
#[must_use]
pub fn takes_part(state: &StrategyState, principal: Principal) -> bool {
    own(principal).is_some_and(|own| {
        let mut versions = state.versions.values();
        versions.any(|v| v.consultation.consulted.contains_key(&own))
            || state.actions.values().any(|a| touches(a, own))
    })
}

/// A strategy as a principal sees it; nothing where it sees none of it.
#[must_use]
pub fn strategy_seen(
    state: &StrategyState,
    sight: Sight,
    principal: Principal,
) -> Option<StrategyState> {
    if sight == Sight::Whole {
        return Some(state.clone());
    }
    let own = own(principal);
    let mut seen = state.clone();
    let touched = |v: &Version| {
        own.is_some_and(|own| {
            v.actions
                .iter()
                .filter_map(|id| state.actions.get(id))
                .any(|a| touches(a, own))
        })
    };
    let consulted =
        |v: &Version| own.is_some_and(|own| v.consultation.consulted.contains_key(&own));
    let touched_any = state.versions.values().any(touched);
    seen.versions
        .retain(|_, v| consulted(v) || (v.published.is_some() && v.adopted.is_some()));
    if seen.versions.is_empty() && !touched_any {
        return None;
    }
    for version in seen.versions.values_mut() {
        *version = version_in_part(version, own);
    }
    let shown: std::collections::BTreeSet<_> = seen
        .versions
        .values()
        .flat_map(|v| v.actions.iter().copied())
        .collect();
    seen.actions
        .retain(|id, a| shown.contains(id) || own.is_some_and(|own| touches(a, own)));
    for action in seen.actions.values_mut() {
        // What became of the actions of others, and what they cost, is not its business.
        if !own.is_some_and(|own| touches(action, own)) {
            action.progress.clear();
            action.cost_assessed = false;
        }
        action.authorities.retain(|id, _| Some(*id) == own);
    }
    seen.exceptions.retain(|id, _| Some(*id) == own);
    seen.reviews.clear();
    seen.equality_monitored = None;
    Some(seen)
}

/// Whether a principal that sees a strategy in part sees a date of it: by when it is asked to respond to
/// a consultation, and by when an action that touches it is to be done. When the strategy is reviewed
/// is between the members.
#[must_use]
pub fn sees_date_in_part(state: &StrategyState, set: &WhatIsDue, principal: Principal) -> bool {
    let Some((seen, own)) = strategy_seen(state, Sight::Part, principal).zip(own(principal)) else {
        return false;
    };
    match set {
        WhatIsDue::Own(set) if set.kind == DeadlineKind::ConsultationCloses => {
            let version = set.version.and_then(|number| seen.versions.get(&number));
            version.is_some_and(|v| v.consultation.responses_by == Some(set.due_on))
        }
        WhatIsDue::Action(set) => {
            let action = seen.actions.get(&set.action).filter(|a| touches(a, own));
            action.is_some_and(|action| action.by == Some(set.due_on))
        }
        WhatIsDue::Own(_) | WhatIsDue::Area(_) => false,
    }
}

/// A version without what is between the members alone.
fn version_in_part(version: &Version, own: Option<StreamId>) -> Version {
    let mine = |id: &StreamId| Some(*id) == own;
    let consultation = &version.consultation;
    let consultation = if consultation.consulted.keys().any(mine) {
        Consultation {
            opened: consultation.opened,
            responses_by: consultation.responses_by,
            closed: consultation.closed,
            consulted: own_only(&consultation.consulted, mine),
            responses: own_only(&consultation.responses, mine),
        }
    } else {
        // Whoever is not consulted is not told that or when others were.
        Consultation::default()
    };
    // How the members voted is between them.
    let adopted = version.adopted.clone().map(|adoption| Adoption {
        tally: None,
        ..adoption
    });
    Version {
        consultation,
        adopted,
        material: Default::default(),
        objections: version
            .objections
            .iter()
            .filter(|(_, o)| mine(&o.authority))
            .map(|(id, o)| (*id, o.clone()))
            .collect(),
        positions: Default::default(),
        engaged: Default::default(),
        ..version.clone()
    }
}

fn own_only<V: Clone>(
    all: &std::collections::BTreeMap<StreamId, V>,
    mine: impl Fn(&StreamId) -> bool,
) -> std::collections::BTreeMap<StreamId, V> {
    all.iter()
        .filter(|(id, _)| mine(id))
        .map(|(id, v)| (*id, v.clone()))
        .collect()
}

/// Whether a principal sees a direction. The world must hold its area and authority, and, where it
/// concerns a partnership, the partnership and its areas.
#[must_use]
pub fn sees_direction(
    principal: Principal,
    direction: &DirectionState,
    world: &World,
    on: NaiveDate,
) -> bool {
    let area = direction.area.and_then(|id| world.areas.get(&id));
    let through_partnership = || {
        direction.partnership.is_some_and(|id| {
            world
                .partnerships
                .get(&id)
                .is_some_and(|p| sight(principal, id, p, world, on) == Sight::Whole)
        })
    };
    match (principal.kind, principal.id) {
        (
            PrincipalKind::SecretaryOfState
            | PrincipalKind::Inspectorate
            | PrincipalKind::Auditor
            | PrincipalKind::System,
            _,
        ) => true,
        (PrincipalKind::Authority, Some(own)) => {
            direction.authority == Some(own) || through_partnership()
        }
        (PrincipalKind::LocalPolicingBody, Some(own)) => {
            area.is_some_and(|a| {
                a.authorities_of(Class::LocalPolicingBody, on)
                    .any(|(id, _)| id == own)
            }) || through_partnership()
        }
        (PrincipalKind::WelshMinisters, _) => {
            area.is_some_and(|a| a.country == Some(Country::Wales)) || through_partnership()
        }
        (PrincipalKind::Coordinator, Some(_)) => through_partnership(),
        (
            PrincipalKind::Operator
            | PrincipalKind::Authority
            | PrincipalKind::LocalPolicingBody
            | PrincipalKind::Coordinator,
            _,
        ) => false,
    }
}

/// Whether a principal may read sealed text of an entry: its author, its addressee, the
/// partnership's specified authorities, inspectorates and auditors.
#[must_use]
pub fn reads_sealed(
    principal: Principal,
    author: Principal,
    addressee: Option<StreamId>,
    partnership: Option<&PartnershipState>,
    world: &World,
    on: NaiveDate,
) -> bool {
    match principal.kind {
        PrincipalKind::Inspectorate | PrincipalKind::Auditor => true,
        _ if principal.kind == author.kind && principal.id == author.id => {
            principal.kind != PrincipalKind::Operator
        }
        PrincipalKind::Authority => principal.id.is_some_and(|own| {
            addressee == Some(own)
                || partnership.is_some_and(|p| p.specified_authorities(world, on).contains(&own))
        }),
        PrincipalKind::Coordinator
        | PrincipalKind::LocalPolicingBody
        | PrincipalKind::SecretaryOfState
        | PrincipalKind::WelshMinisters
        | PrincipalKind::Operator
        | PrincipalKind::System => false,
    }
}
