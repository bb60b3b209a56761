//! The bodies of a nation: those whose patch is wider than an area, and those of one partnership.

use chrono::NaiveDate;
use dutyledger_domain::streams::Authority;
use dutyledger_domain::streams::authority::RegisterAuthority;
use dutyledger_domain::{Capacity, HeldBy};
use dutyledger_record::{Principal, PrincipalKind, StreamId};

use crate::figures;
use crate::random::Random;
use crate::recorder::{How, Recorder, text};

/// The operator, who keeps the register.
pub(crate) const OPERATOR: Principal = keyed(PrincipalKind::Operator);

/// A principal whose kind has no id.
pub(crate) const fn keyed(kind: PrincipalKind) -> Principal {
    Principal {
        id: None,
        key_id: None,
        kind,
    }
}

/// An authority's own key.
pub(crate) const fn key(authority: StreamId) -> Principal {
    Principal {
        id: Some(authority),
        key_id: None,
        kind: PrincipalKind::Authority,
    }
}

/// Words that names are made of. No place is called so.
const FIRST: [&str; 20] = [
    "Quill", "Ember", "Thistle", "Sorrel", "Fennel", "Juniper", "Plover", "Saffron", "Tansy",
    "Umber", "Vetch", "Yarrow", "Zephyr", "Mallow", "Comfrey", "Teasel", "Bracken", "Larkspur",
    "Madder", "Samphire",
];
const LAST: [&str; 16] = [
    "mere", "hollow", "reach", "barrow", "steep", "fold", "gate", "moor", "strand", "haven",
    "cross", "spire", "weir", "rise", "garth", "quay",
];

/// The name of a place, by its number; no two have the same.
pub(crate) fn place(number: u32) -> String {
    let (first, last) = (number % 20, number / 20);
    let name = [FIRST[first as usize], LAST[(last % 16) as usize]].concat();
    match last / 16 {
        0 => name,
        again => format!("{name} {}", again + 1),
    }
}

/// A number of the whole nation, for as much of it as there is.
pub(crate) const fn share(of_nation: u32, areas: u32) -> u32 {
    let part = (of_nation as u64 * areas as u64).div_ceil(figures::AREAS as u64);
    if part == 0 { 1 } else { part as u32 }
}

/// The bodies whose patch is wider than an area.
pub(crate) struct Wide {
    forces: Vec<StreamId>,
    policing_bodies: Vec<StreamId>,
    probation: Vec<StreamId>,
    fire: Vec<StreamId>,
    care_boards: Vec<StreamId>,
    health_boards: Vec<StreamId>,
    youth_offending_teams: Vec<StreamId>,
}

/// Those that an area has of them.
pub(crate) struct OfArea {
    pub(crate) force: u32,
    pub(crate) specified: Vec<StreamId>,
    pub(crate) policing_body: StreamId,
    pub(crate) health: StreamId,
}

impl Wide {
    /// Enters them in the register.
    pub(crate) fn register(recorder: &mut Recorder, areas: u32, on: NaiveDate) -> Self {
        let mut some = |of_nation: u32, what: &str, capacity, held_by, devolved| {
            let all = 0..share(of_nation, areas);
            let ids = all.map(|n| {
                let body = format!("{} {what}", place(n));
                register(recorder, on, &body, capacity, held_by, devolved)
            });
            ids.collect::<Vec<_>>()
        };
        let state = HeldBy::SecretaryOfStateAsProbationProvider;
        let ordinary = HeldBy::Ordinary;
        Self {
            forces: some(
                figures::FORCES,
                "Constabulary",
                Capacity::ChiefOfficerOfPolice,
                ordinary,
                false,
            ),
            policing_bodies: some(
                figures::FORCES,
                "Police and Crime Commissioner",
                Capacity::LocalPolicingBody,
                ordinary,
                false,
            ),
            probation: some(
                figures::PROBATION_REGIONS,
                "Probation Region",
                Capacity::ProbationProvider,
                state,
                false,
            ),
            fire: some(
                figures::FIRE_AUTHORITIES,
                "Fire and Rescue Authority",
                Capacity::FireAndRescueAuthority,
                ordinary,
                false,
            ),
            care_boards: some(
                figures::INTEGRATED_CARE_BOARDS,
                "Integrated Care Board",
                Capacity::IntegratedCareBoard,
                ordinary,
                false,
            ),
            health_boards: some(
                figures::LOCAL_HEALTH_BOARDS,
                "Health Board",
                Capacity::LocalHealthBoard,
                ordinary,
                true,
            ),
            youth_offending_teams: some(
                figures::YOUTH_OFFENDING_TEAMS,
                "Youth Justice Service",
                Capacity::YouthOffendingTeam,
                ordinary,
                false,
            ),
        }
    }

    /// Those of an area: neighbours, by number, share them.
    pub(crate) fn of(&self, area: u32, areas: u32, wales: bool) -> OfArea {
        let at = |all: &[StreamId]| all[(area as usize * all.len()) / areas.max(1) as usize];
        let health = at(if wales {
            &self.health_boards
        } else {
            &self.care_boards
        });
        OfArea {
            force: area * u32::try_from(self.forces.len()).unwrap() / areas.max(1),
            specified: vec![
                at(&self.forces),
                at(&self.probation),
                at(&self.fire),
                at(&self.youth_offending_teams),
                health,
            ],
            policing_body: at(&self.policing_bodies),
            health,
        }
    }
}

/// Enters a body in the register.
pub(crate) fn register(
    recorder: &mut Recorder,
    on: NaiveDate,
    body: &str,
    capacity: Capacity,
    held_by: HeldBy,
    devolved: bool,
) -> StreamId {
    let id = recorder.new_id();
    let command = RegisterAuthority {
        body: text(body),
        capacity,
        devolved_welsh_authority: devolved.then(|| text("A source that says so")),
        held_by: Some(held_by),
    };
    recorder.give::<Authority>(id, How::by(OPERATOR, on), command);
    id
}

/// How many schools an area has: many have few, and a large county's hundreds.
pub(crate) fn schools(random: &mut Random, areas: u32, index: u32) -> u32 {
    let mean = figures::SCHOOLS / figures::AREAS;
    // One area in a hundred and six is a large county's.
    if index % 106 == 53 && areas > 100 {
        return figures::SCHOOLS_OF_AN_AREA_MAX;
    }
    // A skewed spread around the rest of the mean.
    let (low, wide) = (mean / 3, random.below(u64::from(mean)) + 1);
    low + u32::try_from((random.below(wide) + random.below(wide)).min(500)).unwrap() + mean / 6
}
