//! What a strategy's events must not do, and should not.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use dutyledger_record::StreamId;

use super::StrategyEvent;
use super::events::{ExceptionClaimed, ReviewCompleted, StrategyAdopted, StrategyPublished};
use super::state::{Stance, StrategyState, Version};
use crate::refusal::Unmet;
use crate::reviews;
use crate::rules::Bearer;
use crate::scene::Scene;
use crate::streams::PartnershipState;
use crate::streams::partnership::met_together;
use crate::values::{Class, CodeScheme, EngagedGroup, ExceptedDuty, in_words};
use crate::world::World;

pub(super) fn unmet(
    event: &StrategyEvent,
    before: &StrategyState,
    scene: &Scene<'_>,
) -> Vec<Unmet> {
    match event {
        StrategyEvent::StrategyAdopted(e) => adoption(e, before, scene),
        StrategyEvent::StrategyPublished(e) => publication(e, before),
        StrategyEvent::ReviewCompleted(e) => review(e, before, scene),
        StrategyEvent::ExceptionClaimed(e) => exception(e, before, scene),
        _ => Vec::new(),
    }
}

/// The specified authorities that make the strategy: under s.8 all of the area, by law; under s.9
/// alone those that chose to make it together.
pub fn makers(
    state: &StrategyState,
    partnership: &PartnershipState,
    world: &World,
    on: NaiveDate,
) -> BTreeSet<StreamId> {
    let all = partnership.specified_authorities(world, on);
    if state.bases.section_8 {
        all
    } else {
        all.into_iter()
            .filter(|id| partnership.has_specified(*id))
            .collect()
    }
}

fn adoption(event: &StrategyAdopted, before: &StrategyState, scene: &Scene<'_>) -> Vec<Unmet> {
    let mut unmet = to_adopt(event.version, before, scene);
    let Some(partnership) = partnership(before, scene) else {
        return unmet;
    };
    let nothing = Version::default();
    let version = before.versions.get(&event.version).unwrap_or(&nothing);
    let own: BTreeMap<_, _> = version
        .positions
        .iter()
        .filter(|(_, held)| held.at.own())
        .map(|(id, held)| (*id, held.position))
        .collect();
    let makers = makers(before, partnership, scene.world, scene.on);
    unmet.extend(met_together(event.decide_by, &makers, &own));
    unmet
}

/// What a version lacks to be adopted, but for the authorities' agreement.
pub(super) fn to_adopt(number: u32, state: &StrategyState, scene: &Scene<'_>) -> Vec<Unmet> {
    let Some(partnership) = partnership(state, scene) else {
        return Vec::new();
    };
    let nothing = Version::default();
    let version = state.versions.get(&number).unwrap_or(&nothing);
    let makers = makers(state, partnership, scene.world, scene.on);
    let mut unmet = Vec::new();
    unmet.extend(kinds_and_causes(version, state));
    unmet.extend(width(state, partnership));
    unmet.extend(consulted(
        number,
        version,
        state,
        partnership,
        &makers,
        scene,
    ));
    unmet.extend(barred_material(version, state));
    unmet.extend(open_objections(version));
    unmet.extend(advice(version, state, partnership, &makers, scene));
    unmet
}

fn partnership<'a>(state: &StrategyState, scene: &Scene<'a>) -> Option<&'a PartnershipState> {
    let id = state.partnership?;
    scene.world.partnerships.get(&id).map(AsRef::as_ref)
}

fn kinds_and_causes(version: &Version, state: &StrategyState) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    let no_kinds = version.kinds.is_empty();
    let no_causes = version.causes.is_empty() && version.causes_unknown.is_none();
    if state.bases.section_8 {
        if no_kinds {
            unmet.push(Unmet::new(
                "R-10.2",
                "No kind of serious violence that occurs in the area is identified.",
                "Identify at least one kind on this version.",
            ));
        }
        if no_causes {
            unmet.push(Unmet::new(
                "R-10.3",
                "No cause is identified, nor why causes are unknown.",
                "Identify the causes on this version, or record why they are unknown.",
            ));
        }
    } else if no_kinds || no_causes {
        unmet.push(Unmet::new(
            "A-9.3",
            "Kinds or causes of serious violence are not identified.",
            "Identify them, or give a reason for going on without them.",
        ));
    }
    unmet
}

fn width(state: &StrategyState, partnership: &PartnershipState) -> Option<Unmet> {
    let wide = partnership.areas.len() > 1;
    (wide && state.bases.section_8 && !state.bases.section_9).then(|| {
        Unmet::new(
            "A-8.9",
            format!(
                "The partnership is for {} local government areas and the strategy is not also \
                 under s.9.",
                partnership.areas.len()
            ),
            "Draft the strategy under s.9 as well; or form a partnership for each area, since a \
             strategy is for all the areas of its partnership.",
        )
    })
}

fn consulted(
    number: u32,
    version: &Version,
    state: &StrategyState,
    partnership: &PartnershipState,
    makers: &BTreeSet<StreamId>,
    scene: &Scene<'_>,
) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    let consulted = &version.consultation.consulted;
    let missing = partnership
        .to_be_consulted(scene.world, scene.on)
        .into_keys()
        .filter(|id| !consulted.contains_key(id))
        .count();
    let rule = match (state.bases.section_8, number) {
        (_, 2..) => "A-8.11",
        (true, _) => "R-10.6",
        (false, _) => "A-9.4b",
    };
    if !partnership.has_list() {
        unmet.push(Unmet::new(
            rule,
            "No list of the relevant authorities to consult has been drawn up.",
            "Draw up the list, empty if there are none, so that it is known who was to be asked.",
        ));
    }
    if missing > 0 {
        let who = count(missing, "relevant authority", "relevant authorities");
        unmet.push(Unmet::new(
            rule,
            format!("{who} not been consulted on version {number}, of those for the area."),
            "Consult each of them on this version: see the consultation's list of those missing.",
        ));
    }
    if state.bases.section_9 {
        if makers.len() < 2 {
            unmet.push(Unmet::new(
                "A-9.1",
                "A strategy under s.9 is made by two or more specified authorities.",
                "Recognise the other specified authorities as members.",
            ));
        }
        let others = partnership
            .specified_authorities(scene.world, scene.on)
            .into_iter()
            .filter(|id| !makers.contains(id) && !consulted.contains_key(id))
            .count();
        if others > 0 {
            let who = count(
                others,
                "other specified authority",
                "other specified authorities",
            );
            unmet.push(Unmet::new(
                "A-9.4a",
                format!(
                    "{who} not been consulted on version {number}, of those of the relevant area."
                ),
                "Consult each of them on this version.",
            ));
        }
    }
    unmet
}

fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one} has")
    } else {
        format!("{n} {many} have")
    }
}

fn barred_material(version: &Version, state: &StrategyState) -> Option<Unmet> {
    let barred = version.material.values().find(|part| part.is_barred())?;
    let rule = if state.bases.section_8 {
        "A-8.8"
    } else {
        "A-9.9"
    };
    Some(Unmet::new(
        rule,
        format!(
            "The specified authorities consider that \"{}\" might do harm, and it is still in \
             this version.",
            barred.part
        ),
        "Take the part out and record that it was removed.",
    ))
}

fn open_objections(version: &Version) -> Option<Unmet> {
    let open = version
        .objections
        .values()
        .filter(|o| !o.determined)
        .count();
    (open > 0).then(|| {
        Unmet::new(
            "L-5",
            format!(
                "{} on material still to be determined.",
                plural(open, "objection is", "objections are")
            ),
            "The specified authorities determine each objection first.",
        )
    })
}

fn plural(n: usize, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {many}")
    }
}

/// What should be so, and asks for a reason where it is not.
fn advice(
    version: &Version,
    state: &StrategyState,
    partnership: &PartnershipState,
    makers: &BTreeSet<StreamId>,
    scene: &Scene<'_>,
) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    let mut warn = |rule, detail: String, next| unmet.push(Unmet::new(rule, detail, next));
    let completed = version.assessments.iter().any(|id| {
        scene
            .world
            .assessments
            .get(id)
            .is_some_and(|a| a.completed.is_some())
    });
    if !completed {
        warn(
            "R-14.1",
            "The version rests on no completed needs assessment.".into(),
            "Link a completed needs assessment.",
        );
    }
    let forces: BTreeSet<_> = partnership
        .areas
        .iter()
        .filter_map(|id| scene.world.areas.get(id))
        .filter_map(|a| a.code(CodeScheme::PoliceForceArea, scene.on))
        .map(|code| code.code.as_str())
        .collect();
    if forces.len() > 1 {
        warn(
            "R-gl.1",
            format!(
                "The partnership's areas lie in {} police force areas.",
                forces.len()
            ),
            "Say why the area goes beyond one police force area.",
        );
    }
    let not_agreed = state
        .actions_of(version)
        .filter(|action| {
            let agreed = |id: &StreamId| {
                action
                    .authorities
                    .get(id)
                    .is_some_and(|t| matches!(t.stance, Stance::Agreed { at } if at.own()))
            };
            !makers.iter().all(agreed) || !action.authorities.keys().all(agreed)
        })
        .count();
    if not_agreed > 0 {
        warn(
            "R-31.1",
            format!(
                "{} not agreed by every specified authority and every authority affected.",
                plural(not_agreed, "action is", "actions are")
            ),
            "Ask each authority to agree with its own key.",
        );
    }
    let uncosted = state
        .actions_of(version)
        .filter(|action| {
            !action.cost_assessed
                && action
                    .authorities
                    .values()
                    .any(|t| t.capacity.is_some_and(|c| c.class() == Class::Relevant))
        })
        .count();
    if uncosted > 0 {
        warn(
            "R-44.2",
            format!(
                "{} a school, prison or secure setting without an agreed cost assessment.",
                plural(uncosted, "action touches", "actions touch")
            ),
            "Record that the cost was assessed and agreed.",
        );
    }
    if !version.equality_assessed {
        warn(
            "R-46.1",
            "No due regard under the Equality Act 2010 is recorded.".into(),
            "Record that it was assessed.",
        );
    }
    let engaged = |group| version.engaged.contains(&group);
    if !engaged(EngagedGroup::VoluntarySector) || !engaged(EngagedGroup::YoungPeople) {
        warn(
            "R-45.1",
            "No engagement of the voluntary sector, or of children and young people, is recorded."
                .into(),
            "Record the engagement held.",
        );
    }
    if !partnership.has_education_representative() {
        warn(
            "R-19.6",
            "The partnership has no strategic education representative.".into(),
            "Name the post that represents education.",
        );
    }
    if let Some(by) = version.consultation.responses_by
        && scene.on < by
        && version.consultation.closed.is_none()
    {
        warn(
            "L-6",
            format!("Responses were asked for by {}.", in_words(by)),
            "Wait for that date, or say why not.",
        );
    }
    unmet
}

fn publication(event: &StrategyPublished, before: &StrategyState) -> Vec<Unmet> {
    let nothing = Version::default();
    let version = before.versions.get(&event.version).unwrap_or(&nothing);
    let mut unmet = Vec::new();
    if version.adopted.is_none() {
        unmet.push(Unmet::new(
            "L-1",
            format!("Version {} is not adopted.", event.version),
            "Adopt the version first.",
        ));
    }
    unmet.extend(barred_material(version, before));
    unmet
}

fn review(_: &ReviewCompleted, before: &StrategyState, scene: &Scene<'_>) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    if let Some(due) = reviews::due(before)
        && scene.on > due.on
    {
        unmet.push(Unmet::new(
            "R-42.1",
            format!("The annual review was due on {}.", in_words(due.on)),
            "Say why it is late.",
        ));
    }
    if before.equality_monitored.is_none() {
        unmet.push(Unmet::new(
            "R-46.2",
            "No monitoring of the effect on people with protected characteristics is recorded.",
            "Record the monitoring, or say why there is none.",
        ));
    }
    unmet
}

fn exception(event: &ExceptionClaimed, before: &StrategyState, scene: &Scene<'_>) -> Vec<Unmet> {
    let partnership = before
        .partnership
        .and_then(|id| scene.world.partnerships.get(&id));
    let class = partnership.and_then(|p| p.class_of(event.authority, scene.world));
    let mut unmet = Vec::new();
    // Whom exceptions are for is the pack's to say: the draft has none for specified authorities.
    let excepted = scene.pack.row("R-fn8.1");
    let for_specified =
        excepted.is_some_and(|row| row.bearers.contains(&Bearer::SpecifiedAuthority));
    let barred = match (class, event.duty) {
        (Some(Class::Specified), _) if !for_specified => Some((
            "R-fn8.1",
            "Only a relevant authority may claim an exception.",
        )),
        (_, ExceptedDuty::Other) => Some((
            "R-fn8.1",
            "An exception may be claimed only against s.15(3), s.15(4) and s.15(5)(b).",
        )),
        (Some(Class::Relevant), ExceptedDuty::CollaborateOnKindsCausesOrPreparation) => Some((
            "A-15.9",
            "There is no exception for help to identify kinds or causes or to prepare a strategy.",
        )),
        (
            Some(Class::Specified),
            ExceptedDuty::CarryOutActions | ExceptedDuty::CollaborateWithRelevantAuthority,
        ) => Some((
            "A-15.7-SA",
            "A specified authority may be excepted from s.15(3) alone.",
        )),
        (Some(Class::Relevant | Class::Specified), _) => None,
        (Some(Class::LocalPolicingBody | Class::Other) | None, _) => Some((
            "R-fn8.1",
            "Only a relevant or a specified authority may claim an exception.",
        )),
    };
    if let Some((rule, detail)) = barred {
        unmet.push(
            Unmet::new(
                rule,
                detail,
                "The duty stands; talk to the partnership about how to meet it.",
            )
            .at("/particulars/duty"),
        );
    }
    if !event.cumulative_effect_considered {
        unmet.push(Unmet::new(
            "R-fn8.2",
            "The cumulative effect of all duties is not said to have been considered.",
            "Consider it and say so, or give a reason.",
        ));
    }
    unmet
}
