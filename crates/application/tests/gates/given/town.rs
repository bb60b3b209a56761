//! The town the tests play in: its authorities, its area and the next one, its partnership, a
//! needs assessment, and a strategy with everything in place.
//!
//! All of it is set up in 2022, so that decisions can be dated on either side of the day the duty
//! came into force.

use dutyledger_domain::streams::area::{
    AreaCodeRecorded, AreaRegistered, AuthorityEnded, AuthorityRecorded,
};
use dutyledger_domain::streams::authority::AuthorityRegistered;
use dutyledger_domain::streams::direction::{DirectionIssued, SecretaryOfStateSatisfied};
use dutyledger_domain::streams::needs_assessment::{
    NeedsAssessmentCompleted, NeedsAssessmentOpened,
};
use dutyledger_domain::streams::partnership::{
    MemberRecognised, PartnershipAreaNamed, PartnershipAreaSet, PartnershipFormed,
    PartnershipProposed, RepresentativeNamed,
};
use dutyledger_domain::streams::strategy::{
    ActionAgreed, ActionAuthorityNamed, ActionCostAssessed, ActionProgressed, ActionProposed,
    AssessmentLinked, AuthorityConsulted, ConsultationOpened, EngagementHeld,
    EqualityImpactAssessed, ExceptionClaimed, ReviewCompleted, RevisionStarted, StrategyAdopted,
    StrategyDrafted, StrategyPositionRecorded, StrategyPublished, ViolenceCauseIdentified,
    ViolenceKindIdentified,
};
use dutyledger_domain::streams::{
    Area, Authority, Direction, List, ListClosed, NeedsAssessment, Partnership, Strategy,
};
use dutyledger_domain::{
    ActionStatus, AreaKind, AssessmentPublication, Bases, Capacity, CodeScheme, Country,
    DecisionRule, Duty, EngagedGroup, ExceptedDuty, ExceptionGround, HeldBy, MemberStanding,
    Position, Post, PublicationForm, ReviewDecision, ReviewScope, Route, ViolenceCategory,
};
use dutyledger_record::{ListDigest, Principal, PrincipalKind, StreamId};
use uuid::Uuid;

use super::{Past, Setting, day, id, item, text};

/// A body in one capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) name: &'static str,
    pub(crate) capacity: Capacity,
}

impl Body {
    const fn new(name: &'static str, capacity: Capacity) -> Self {
        Self { name, capacity }
    }

    pub(crate) fn id(self) -> StreamId {
        id(self.name)
    }

    /// Its own key.
    pub(crate) fn key(self) -> Principal {
        let kind = match self.capacity {
            Capacity::LocalPolicingBody => PrincipalKind::LocalPolicingBody,
            _ => PrincipalKind::Authority,
        };
        Principal {
            id: Some(self.id()),
            key_id: None,
            kind,
        }
    }

    /// Its entry in the register.
    pub(crate) fn registered(self) -> Past<Authority> {
        self.held_by(HeldBy::Ordinary)
    }

    /// Its entry in the register, where it matters who holds the office.
    pub(crate) fn held_by(self, held_by: HeldBy) -> Past<Authority> {
        Past::of(self.id()).and(
            "2022-01-01",
            AuthorityRegistered {
                body: text(self.name),
                capacity: self.capacity,
                devolved_welsh_authority: None,
                held_by,
            },
        )
    }
}

pub(crate) const POLICE: Body = Body::new("police", Capacity::ChiefOfficerOfPolice);
pub(crate) const COUNCIL: Body = Body::new("council", Capacity::LocalAuthority);
pub(crate) const FIRE: Body = Body::new("fire service", Capacity::FireAndRescueAuthority);
pub(crate) const SPECIFIED: [Body; 3] = [POLICE, COUNCIL, FIRE];

pub(crate) const SCHOOL: Body = Body::new("school", Capacity::EducationalAuthority);
pub(crate) const PRISON: Body = Body::new("prison", Capacity::PrisonAuthority);
pub(crate) const SECURE_HOME: Body = Body::new("secure home", Capacity::YouthCustodyAuthority);
pub(crate) const RELEVANT: [Body; 3] = [SCHOOL, PRISON, SECURE_HOME];

pub(crate) const POLICING_BODY: Body = Body::new("policing body", Capacity::LocalPolicingBody);
pub(crate) const CHARITY: Body = Body::new("charity", Capacity::OtherBody);
/// This and those that follow are of no area until a test says so.
pub(crate) const YOUTH_OFFENDING_TEAM: Body =
    Body::new("youth offending team", Capacity::YouthOffendingTeam);
pub(crate) const PROBATION: Body = Body::new("probation provider", Capacity::ProbationProvider);
pub(crate) const INTEGRATED_CARE_BOARD: Body =
    Body::new("integrated care board", Capacity::IntegratedCareBoard);
pub(crate) const LOCAL_HEALTH_BOARD: Body =
    Body::new("local health board", Capacity::LocalHealthBoard);
pub(crate) const ANOTHER_PRISON: Body = Body::new("another prison", Capacity::PrisonAuthority);
pub(crate) const NEW_SCHOOL: Body = Body::new("new school", Capacity::EducationalAuthority);

pub(crate) const NEXT_COUNCIL: Body = Body::new("next council", Capacity::LocalAuthority);
pub(crate) const NEXT_SCHOOL: Body = Body::new("next school", Capacity::EducationalAuthority);
pub(crate) const NEXT_POLICING_BODY: Body =
    Body::new("next policing body", Capacity::LocalPolicingBody);

pub(crate) const ALL_BODIES: [Body; 12] = [
    POLICE,
    COUNCIL,
    FIRE,
    SCHOOL,
    PRISON,
    SECURE_HOME,
    POLICING_BODY,
    CHARITY,
    NEW_SCHOOL,
    NEXT_COUNCIL,
    NEXT_SCHOOL,
    NEXT_POLICING_BODY,
];

const fn keyed(kind: PrincipalKind) -> Principal {
    Principal {
        id: None,
        key_id: None,
        kind,
    }
}
pub(crate) const SECRETARY_OF_STATE: Principal = keyed(PrincipalKind::SecretaryOfState);
pub(crate) const WELSH_MINISTERS: Principal = keyed(PrincipalKind::WelshMinisters);
pub(crate) const INSPECTORATE: Principal = keyed(PrincipalKind::Inspectorate);
pub(crate) const AUDITOR: Principal = keyed(PrincipalKind::Auditor);
pub(crate) const OPERATOR: Principal = keyed(PrincipalKind::Operator);

pub(crate) fn coordinator() -> Principal {
    Principal {
        id: Some(partnership_id()),
        key_id: None,
        kind: PrincipalKind::Coordinator,
    }
}

pub(crate) fn town_id() -> StreamId {
    id("town")
}

pub(crate) fn next_town_id() -> StreamId {
    id("next town")
}

pub(crate) fn partnership_id() -> StreamId {
    id("partnership")
}

pub(crate) fn assessment_id() -> StreamId {
    id("assessment")
}

pub(crate) fn strategy_id() -> StreamId {
    id("strategy")
}

pub(crate) fn action_id() -> Uuid {
    item("action")
}

fn area(name: &str, force: &str, bodies: &[Body]) -> Past<Area> {
    let registered = AreaRegistered {
        country: Country::England,
        kind: AreaKind::District,
        name: text(name),
    };
    let code = AreaCodeRecorded {
        code: text(force),
        name: None,
        scheme: CodeScheme::PoliceForceArea,
        from: None,
        until: None,
    };
    let area = Past::of(id(name))
        .and("2022-01-01", registered)
        .and("2022-01-01", code);
    bodies
        .iter()
        .fold(area, |area, body| area.having(*body, "2022-01-01"))
}

impl Past<Area> {
    /// The authority exists for the area from this day.
    pub(crate) fn having(self, body: Body, from: &str) -> Self {
        let recorded = AuthorityRecorded {
            authority: body.id(),
            capacity: body.capacity,
            from: day(from),
            from_assumed: false,
        };
        self.and("2022-01-01", recorded)
    }

    /// The authority does not exist for the area after this day.
    pub(crate) fn losing(self, body: Body, until: &str) -> Self {
        self.and(
            "2022-01-02",
            AuthorityEnded {
                authority: body.id(),
                until: day(until),
            },
        )
    }
}

/// The town: three specified authorities, a school, a prison, a secure home, a policing body.
pub(crate) fn town() -> Past<Area> {
    let bodies: Vec<_> = SPECIFIED
        .into_iter()
        .chain(RELEVANT)
        .chain([POLICING_BODY])
        .collect();
    area("town", "force one", &bodies)
}

/// The next town, in the same police force area.
pub(crate) fn next_town() -> Past<Area> {
    area(
        "next town",
        "force one",
        &[POLICE, NEXT_COUNCIL, NEXT_SCHOOL, NEXT_POLICING_BODY],
    )
}

/// The next town, had it another police force.
pub(crate) fn next_town_of_another_force() -> Past<Area> {
    area(
        "next town",
        "force two",
        &[POLICE, NEXT_COUNCIL, NEXT_SCHOOL],
    )
}

/// A partnership proposed for these areas.
pub(crate) fn proposed(areas: &[StreamId], members: &[Body]) -> Past<Partnership> {
    let proposed = PartnershipProposed {
        name: text("The partnership"),
        route: Route::CommunitySafetyPartnership,
        route_detail: None,
    };
    let list = closed(List::Areas, areas, "2022-02-01");
    let mut partnership = Past::of(partnership_id()).and("2022-02-01", proposed).and(
        "2022-02-01",
        PartnershipAreaSet {
            count: list.count,
            digest: list.digest.clone(),
        },
    );
    for area in areas {
        partnership = partnership.and("2022-02-01", PartnershipAreaNamed { area: *area });
    }
    partnership = partnership.and("2022-02-01", list);
    for member in members {
        partnership = partnership.and(
            "2022-02-01",
            MemberRecognised {
                authority: member.id(),
                capacity: member.capacity,
                standing: MemberStanding::Specified,
            },
        );
    }
    partnership
}

pub(crate) fn closed(list: List, ids: &[StreamId], on: &str) -> ListClosed {
    ListClosed {
        count: u32::try_from(ids.len()).unwrap(),
        digest: ListDigest::of(ids),
        list,
        item: None,
        on: day(on),
        strategy_version: None,
    }
}

/// A partnership formed for these areas, with a representative of education, and with its list of
/// those to consult: the register names them all, so it adds nobody.
pub(crate) fn partnership_for(areas: &[StreamId], members: &[Body]) -> Past<Partnership> {
    let name = text("The partnership");
    let list = ListClosed {
        item: Some(item("the list")),
        ..closed(List::RelevantAuthoritiesToConsult, &[], "2022-02-04")
    };
    proposed(areas, members)
        .and(
            "2022-02-02",
            PartnershipFormed {
                name,
                route: Route::CommunitySafetyPartnership,
            },
        )
        .and(
            "2022-02-03",
            RepresentativeNamed {
                authority: COUNCIL.id(),
                contact: None,
                post: Post {
                    body: text("the council"),
                    capacity: Capacity::LocalAuthority,
                    title: text("Director of Education"),
                },
                representative: item("education representative"),
                strategic_education: true,
            },
        )
        .and("2022-02-04", list)
}

/// The partnership's areas are these from a day on.
pub(crate) fn resetting(
    past: Past<Partnership>,
    on: &str,
    areas: &[StreamId],
) -> Past<Partnership> {
    let list = closed(List::Areas, areas, on);
    let set = PartnershipAreaSet {
        count: list.count,
        digest: list.digest.clone(),
    };
    let named = areas.iter().fold(past.and(on, set), |past, area| {
        past.and(on, PartnershipAreaNamed { area: *area })
    });
    named.and(on, list)
}

/// The partnership of the town.
pub(crate) fn partnership() -> Past<Partnership> {
    partnership_for(&[town_id()], &SPECIFIED)
}

/// The partnership of the town and the next.
pub(crate) fn partnership_of_both() -> Past<Partnership> {
    let members: Vec<_> = SPECIFIED.into_iter().chain([NEXT_COUNCIL]).collect();
    partnership_for(&[town_id(), next_town_id()], &members)
}

/// A needs assessment begun.
pub(crate) fn assessment_begun() -> Past<NeedsAssessment> {
    let opened = NeedsAssessmentOpened {
        partnership: partnership_id(),
        title: text("The assessment"),
    };
    Past::of(assessment_id()).and("2022-03-01", opened)
}

/// The needs assessment, completed.
pub(crate) fn assessment() -> Past<NeedsAssessment> {
    let publication = AssessmentPublication::Published;
    assessment_begun().and("2022-04-01", NeedsAssessmentCompleted { publication })
}

/// The town, its register, its partnership and its needs assessment.
pub(crate) fn setting() -> Setting {
    let empty = Setting::default()
        .with(&town())
        .with(&next_town())
        .with(&partnership())
        .with(&assessment());
    ALL_BODIES
        .iter()
        .fold(empty, |setting, body| setting.with(&body.registered()))
}

pub(crate) const SECTION_8: Bases = Bases {
    section_8: true,
    section_9: false,
    crime_and_disorder_act_section_6: false,
};
pub(crate) const SECTION_9: Bases = Bases {
    section_8: false,
    section_9: true,
    crime_and_disorder_act_section_6: false,
};
pub(crate) const BOTH_SECTIONS: Bases = Bases {
    section_8: true,
    section_9: true,
    crime_and_disorder_act_section_6: false,
};

/// The same, where another authority exists for the town.
pub(crate) fn setting_having(body: Body) -> Setting {
    setting()
        .with(&town().having(body, "2022-01-01"))
        .with(&body.registered())
}

impl Past<Partnership> {
    /// An authority is recognised as a member.
    pub(crate) fn joined_by(self, on: &str, body: Body, standing: MemberStanding) -> Self {
        self.and(
            on,
            MemberRecognised {
                authority: body.id(),
                capacity: body.capacity,
                standing,
            },
        )
    }

    /// A post represents an authority.
    pub(crate) fn representing(self, on: &str, body: Body) -> Self {
        self.and(
            on,
            RepresentativeNamed {
                authority: body.id(),
                contact: None,
                post: Post {
                    body: text(body.name),
                    capacity: body.capacity,
                    title: text("Deputy"),
                },
                representative: representative(body),
                strategic_education: false,
            },
        )
    }
}

/// The post that represents an authority.
pub(crate) fn representative(body: Body) -> Uuid {
    item(&["representative of", body.name].concat())
}

pub(crate) const CRIME_AND_DISORDER_ACT: Bases = Bases {
    section_8: false,
    section_9: false,
    crime_and_disorder_act_section_6: true,
};

/// A strategy just drafted.
pub(crate) fn drafted(bases: Bases) -> Past<Strategy> {
    let title = text("The strategy");
    Past::of(strategy_id()).and(
        "2022-05-01",
        StrategyDrafted {
            bases,
            partnership: partnership_id(),
            title,
        },
    )
}

/// The first version of a strategy, with everything an adoption must and should rest on.
pub(crate) fn strategy_under(bases: Bases, makers: &[Body]) -> Past<Strategy> {
    drafted(bases)
        .prepared("2022-05-02", 1)
        .resting_on_evidence(makers)
        .agreed(1, makers)
}

/// The same, under s.8 by the specified authorities of the town.
pub(crate) fn strategy() -> Past<Strategy> {
    strategy_under(SECTION_8, &SPECIFIED)
}

impl Past<Strategy> {
    /// What each version needs anew: consultation, engagement, due regard.
    pub(crate) fn prepared(mut self, on: &str, version: u32) -> Self {
        self = self.and(
            on,
            ConsultationOpened {
                responses_by: day("2022-06-30"),
                version,
            },
        );
        for body in RELEVANT {
            self = self.consulting(on, version, body);
        }
        for group in [EngagedGroup::VoluntarySector, EngagedGroup::YoungPeople] {
            self = self.and(on, EngagementHeld { group, version });
        }
        self.and(on, EqualityImpactAssessed { version })
    }

    /// An authority is consulted on a version.
    pub(crate) fn consulting(self, on: &str, version: u32, body: Body) -> Self {
        let (authority, capacity) = (body.id(), body.capacity);
        self.and(
            on,
            AuthorityConsulted {
                authority,
                capacity,
                version,
            },
        )
    }

    /// What a revision carries over: the assessment, a kind, a cause, an action agreed by all.
    fn resting_on_evidence(self, makers: &[Body]) -> Self {
        let (on, version, action) = ("2022-05-02", 1, action_id());
        let mut past = self
            .and(
                on,
                AssessmentLinked {
                    assessment: assessment_id(),
                    version,
                },
            )
            .and(on, a_kind(version))
            .and(on, a_cause(version))
            .and(
                on,
                ActionProposed {
                    action,
                    description: text("Mentors in schools"),
                    owner: makers[0].id(),
                    title: text("Mentors"),
                    version,
                },
            );
        let touched: Vec<_> = makers.iter().copied().chain([SCHOOL]).collect();
        for body in &touched {
            let (authority, capacity) = (body.id(), body.capacity);
            past = past.and(
                on,
                ActionAuthorityNamed {
                    action,
                    authority,
                    capacity,
                },
            );
        }
        for body in &touched {
            past = past.and(
                on,
                ActionAgreed {
                    action,
                    authority: body.id(),
                },
            );
        }
        past.and(on, ActionCostAssessed { action })
    }

    /// Each of these agrees to adopt a version.
    pub(crate) fn agreed(self, version: u32, makers: &[Body]) -> Self {
        self.agreed_on("2022-05-03", version, makers)
    }

    /// These agree on a day: anew, where the version has changed since.
    pub(crate) fn agreed_on(self, on: &str, version: u32, makers: &[Body]) -> Self {
        makers.iter().fold(self, |past, body| {
            past.position(on, version, *body, Position::Agree)
        })
    }

    /// An authority records its position on adopting a version.
    pub(crate) fn position(self, on: &str, version: u32, body: Body, position: Position) -> Self {
        let authority = body.id();
        self.and(
            on,
            StrategyPositionRecorded {
                authority,
                position,
                reason: None,
                version,
            },
        )
    }

    /// A version is adopted.
    pub(crate) fn adopted(self, on: &str, version: u32) -> Self {
        self.and(on, adoption(version))
    }

    /// A revised version is begun.
    pub(crate) fn revision(self, on: &str, version: u32) -> Self {
        self.and(
            on,
            RevisionStarted {
                from_version: version - 1,
                version,
            },
        )
    }

    /// The action has come so far.
    pub(crate) fn progressed(self, on: &str, status: ActionStatus) -> Self {
        self.and(
            on,
            ActionProgressed {
                action: action_id(),
                note: None,
                owner: POLICE.id(),
                status,
            },
        )
    }

    /// The action touches another authority too, which says nothing yet.
    pub(crate) fn touching(self, on: &str, body: Body) -> Self {
        self.and(
            on,
            ActionAuthorityNamed {
                action: action_id(),
                authority: body.id(),
                capacity: body.capacity,
            },
        )
    }

    /// An authority agrees to the action.
    pub(crate) fn agreed_by(self, on: &str, body: Body) -> Self {
        self.and(
            on,
            ActionAgreed {
                action: action_id(),
                authority: body.id(),
            },
        )
    }

    /// An authority claims an exception for the action.
    pub(crate) fn claimed_by(self, on: &str, body: Body, duty: ExceptedDuty) -> Self {
        self.and(on, exception(body, duty, true))
    }

    /// The first version is reviewed.
    pub(crate) fn reviewed(self, on: &str, scope: ReviewScope, decision: ReviewDecision) -> Self {
        self.and(
            on,
            ReviewCompleted {
                decision,
                review: item(on),
                scope,
                version: 1,
            },
        )
    }

    /// A version is published.
    pub(crate) fn published(self, on: &str, version: u32) -> Self {
        let locator = text("https://example.org/strategy");
        self.and(
            on,
            StrategyPublished {
                form: PublicationForm::StandAlone,
                locator,
                version,
            },
        )
    }
}

/// An authority's claim that its cost is unreasonable.
pub(crate) fn exception(body: Body, duty: ExceptedDuty, considered: bool) -> ExceptionClaimed {
    ExceptionClaimed {
        action: Some(action_id()),
        authority: body.id(),
        cumulative_effect_considered: considered,
        duty,
        enactment: None,
        extent: None,
        ground: ExceptionGround::UnreasonableCosts,
    }
}

pub(crate) fn adoption(version: u32) -> StrategyAdopted {
    StrategyAdopted {
        decide_by: DecisionRule::Unanimous,
        tally: None,
        version,
    }
}

/// A case in which the Secretary of State is satisfied that an authority failed in a duty.
pub(crate) fn satisfied_that(body: Body, duty: Duty) -> Past<Direction> {
    Past::of(id("case")).and(
        "2024-02-01",
        SecretaryOfStateSatisfied {
            area: town_id(),
            authority: body.id(),
            duty,
            partnership: Some(partnership_id()),
            reasons: None,
        },
    )
}

/// The same, and directed.
pub(crate) fn directed(body: Body, duty: Duty) -> Past<Direction> {
    let requires = text("Do it");
    satisfied_that(body, duty).and(
        "2024-02-02",
        DirectionIssued {
            comply_by: None,
            requires,
        },
    )
}

/// A kind of serious violence, as a version identifies it.
pub(crate) fn a_kind(version: u32) -> ViolenceKindIdentified {
    ViolenceKindIdentified {
        assessment: None,
        category: ViolenceCategory::KnifeCrime,
        description: None,
        kind: item("kind"),
        version,
    }
}

/// A cause of it, likewise.
pub(crate) fn a_cause(version: u32) -> ViolenceCauseIdentified {
    ViolenceCauseIdentified {
        assessment: None,
        cause: item("cause"),
        description: text("Exclusion from school"),
        version,
    }
}
