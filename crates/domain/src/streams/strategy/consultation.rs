//! Drafting and consulting: what a version says, and who was asked about it.

use chrono::NaiveDate;

use dutyledger_record::{PlainText, PublicText, Sealed, Stream, StreamId};

use super::Strategy;
use super::commands::{not_superseded, version, version_in_preparation};
use super::events::{
    AssessmentLinked, AuthorityConsulted, CauseRecordedAsUnknown, ConsultationClosed,
    ConsultationOpened, ConsultationResponseRecorded, EngagementHeld, EqualityImpactAssessed,
    EqualityImpactMonitored, StrategyAmended, StrategyDrafted, StrategyEvent,
    ViolenceCauseIdentified, ViolenceKindIdentified,
};
use super::state::{StrategyState, Version};
use crate::decide::{Actors, Opens, Particulars};
use crate::refusal::{Refusal, RefusalCode, Unmet};
use crate::scene::Scene;
use crate::streams::{List, ListClosed, check_list, check_partnership, needs_assessment};
use crate::values::{Bases, Capacity, Class, EngagedGroup, ViolenceCategory};
use crate::world::World;

command! {
    /// Begins a strategy with its first version.
    DraftStrategy {
        /// The partnership.
        partnership: StreamId,
        /// Its title. Names no person.
        title: PublicText,
        /// What it is made under: s.8, s.9 or both, and perhaps the Crime and Disorder Act.
        bases: Bases,
    }
}

impl Particulars<Strategy> for DraftStrategy {
    const NAME: &'static str = "draft-strategy";
    const ACTORS: Actors = Actors::SPECIFIED;
    const OPENS: Opens = Opens::Yes;

    fn partnership(&self) -> Option<StreamId> {
        Some(self.partnership)
    }

    fn decide(self, _: &StrategyState, scene: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        check_partnership(self.partnership, scene)?;
        check_bases(self.bases)?;
        Ok(vec![
            StrategyDrafted {
                bases: self.bases,
                partnership: self.partnership,
                title: self.title,
            }
            .into(),
        ])
    }
}

fn check_bases(bases: Bases) -> Result<(), Refusal> {
    if bases.section_8 || bases.section_9 {
        return Ok(());
    }
    Err(Refusal::invalid(
        "/particulars/bases",
        "A strategy is made under s.8, under s.9, or under both.",
    ))
}

command! {
    /// Changes the particulars a strategy was drafted with.
    AmendStrategy {
        /// The title from now on. Names no person.
        title: PublicText,
        /// What it is made under from now on; only while no version is adopted.
        bases: Option<Bases>,
    }
}

impl Particulars<Strategy> for AmendStrategy {
    const NAME: &'static str = "amend-strategy";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        not_superseded(state)?;
        let bases = self.bases.unwrap_or(state.bases);
        check_bases(bases)?;
        if bases != state.bases && state.in_force().is_some() {
            return Err(Refusal::state(
                "A version is adopted: what the strategy is made under does not change any more.",
            )
            .at("/particulars/bases"));
        }
        Ok(vec![
            StrategyAmended {
                bases,
                title: self.title,
            }
            .into(),
        ])
    }
}

command! {
    /// Names the needs assessments a version rests on.
    LinkAssessments {
        /// The version.
        version: u32,
        /// The needs assessments.
        #[schemars(length(min = 1, max = 2000))]
        assessments: Vec<StreamId>,
    }
}

/// Checks that an assessment is there and is this partnership's.
fn check_assessment(
    id: StreamId,
    state: &StrategyState,
    scene: &Scene<'_>,
    pointer: &str,
) -> Result<(), Refusal> {
    let known = scene.world.assessments.get(&id);
    if known.is_some_and(|a| a.partnership.is_some() && a.partnership == state.partnership) {
        Ok(())
    } else {
        Err(Refusal::not_found("The partnership has no such needs assessment.").at(pointer))
    }
}

impl Particulars<Strategy> for LinkAssessments {
    const NAME: &'static str = "link-assessments";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn needs(&self, _: &StrategyState, _: &World) -> Vec<Stream> {
        self.assessments
            .iter()
            .map(|id| needs_assessment::stream(*id))
            .collect()
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        version_in_preparation(state, self.version)?;
        check_list("/particulars/assessments", self.assessments.iter())?;
        let mut events: Vec<StrategyEvent> = Vec::new();
        for (row, id) in self.assessments.iter().enumerate() {
            check_assessment(
                *id,
                state,
                scene,
                &format!("/particulars/assessments/{row}"),
            )?;
            events.push(
                AssessmentLinked {
                    assessment: *id,
                    version: self.version,
                }
                .into(),
            );
        }
        let closed = ListClosed::new(List::Assessments, scene.on, &self.assessments);
        events.push(closed.of_version(self.version).into());
        Ok(events)
    }
}

command! {
    /// A kind of serious violence, as a command names it.
    KindGiven {
        /// The kind.
        category: ViolenceCategory,
        /// More about it, for publication. Names no person.
        description: Option<PublicText>,
        /// The needs assessment that evidences it.
        assessment: Option<StreamId>,
    }
}

command! {
    /// Identifies the kinds of serious violence that occur in the area (s.8(3)(a)).
    IdentifyKinds {
        /// The version.
        version: u32,
        /// The kinds.
        #[schemars(length(min = 1, max = 200))]
        kinds: Vec<KindGiven>,
    }
}

impl Particulars<Strategy> for IdentifyKinds {
    const NAME: &'static str = "identify-kinds";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn needs(&self, _: &StrategyState, _: &World) -> Vec<Stream> {
        self.kinds
            .iter()
            .filter_map(|k| k.assessment)
            .map(needs_assessment::stream)
            .collect()
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        version_in_preparation(state, self.version)?;
        check_list(
            "/particulars/kinds",
            self.kinds.iter().map(|k| (k.category, &k.description)),
        )?;
        let (mut events, mut ids) = (Vec::<StrategyEvent>::new(), Vec::new());
        for (row, given) in self.kinds.into_iter().enumerate() {
            if let Some(id) = given.assessment {
                let pointer = format!("/particulars/kinds/{row}/assessment");
                check_assessment(id, state, scene, &pointer)?;
            }
            let kind = scene.ids.next();
            ids.push(StreamId::new(kind));
            events.push(
                ViolenceKindIdentified {
                    assessment: given.assessment,
                    category: given.category,
                    description: given.description,
                    kind,
                    version: self.version,
                }
                .into(),
            );
        }
        let closed = ListClosed::new(List::Kinds, scene.on, &ids);
        events.push(closed.of_version(self.version).into());
        Ok(events)
    }
}

command! {
    /// A cause of serious violence, as a command names it.
    CauseGiven {
        /// The cause, for publication. Names no person.
        description: PublicText,
        /// The needs assessment that evidences it.
        assessment: Option<StreamId>,
    }
}

command! {
    /// Identifies the causes of serious violence so far as it is possible (s.8(3)(b)).
    IdentifyCauses {
        /// The version.
        version: u32,
        /// The causes.
        #[schemars(length(min = 1, max = 200))]
        causes: Vec<CauseGiven>,
    }
}

impl Particulars<Strategy> for IdentifyCauses {
    const NAME: &'static str = "identify-causes";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn needs(&self, _: &StrategyState, _: &World) -> Vec<Stream> {
        self.causes
            .iter()
            .filter_map(|c| c.assessment)
            .map(needs_assessment::stream)
            .collect()
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        version_in_preparation(state, self.version)?;
        check_list(
            "/particulars/causes",
            self.causes.iter().map(|c| &c.description),
        )?;
        let (mut events, mut ids) = (Vec::<StrategyEvent>::new(), Vec::new());
        for (row, given) in self.causes.into_iter().enumerate() {
            if let Some(id) = given.assessment {
                let pointer = format!("/particulars/causes/{row}/assessment");
                check_assessment(id, state, scene, &pointer)?;
            }
            let cause = scene.ids.next();
            ids.push(StreamId::new(cause));
            events.push(
                ViolenceCauseIdentified {
                    assessment: given.assessment,
                    cause,
                    description: given.description,
                    version: self.version,
                }
                .into(),
            );
        }
        let closed = ListClosed::new(List::Causes, scene.on, &ids);
        events.push(closed.of_version(self.version).into());
        Ok(events)
    }
}

command! {
    /// Records why causes could not be identified (s.8(3)(b)).
    RecordCausesUnknown {
        /// The version.
        version: u32,
        /// Why, for publication. Names no person.
        why: PublicText,
    }
}

impl Particulars<Strategy> for RecordCausesUnknown {
    const NAME: &'static str = "record-causes-unknown";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        version_in_preparation(state, self.version)?;
        Ok(vec![
            CauseRecordedAsUnknown {
                version: self.version,
                why: self.why,
            }
            .into(),
        ])
    }
}

command! {
    /// Opens consultation on a version.
    OpenConsultation {
        /// The version.
        version: u32,
        /// The date by which responses are asked for. The length is for the partnership.
        responses_by: NaiveDate,
    }
}

impl Particulars<Strategy> for OpenConsultation {
    const NAME: &'static str = "open-consultation";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        let version = version_in_preparation(state, self.version)?;
        if version.consultation.opened.is_some() {
            return Err(Refusal::already(
                "Consultation on this version is already open.",
            ));
        }
        if self.responses_by < scene.on {
            return Err(Refusal::invalid(
                "/particulars/responses_by",
                "Responses cannot be asked for by a date before consultation opens.",
            ));
        }
        Ok(vec![
            ConsultationOpened {
                responses_by: self.responses_by,
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Consults authorities on a version: one, or many at once, all or none.
    ConsultAuthorities {
        /// The version.
        version: u32,
        /// The authorities.
        #[schemars(length(min = 1, max = 2000))]
        authorities: Vec<StreamId>,
    }
}

/// The capacity in which an authority may be consulted on a version.
fn consultable(
    id: StreamId,
    capacity: Option<Capacity>,
    version: &Version,
) -> Result<Capacity, Refusal> {
    let Some(capacity) = capacity else {
        return Err(Refusal::not_found(
            "This authority is not recorded for any of the partnership's areas.",
        ));
    };
    if !matches!(capacity.class(), Class::Relevant | Class::Specified) {
        return Err(Refusal::new(
            RefusalCode::Invalid,
            "Only relevant authorities, and under s.9 specified ones, are consulted.",
        ));
    }
    if version.consultation.consulted.contains_key(&id) {
        return Err(Refusal::already(
            "This authority is already consulted on this version.",
        ));
    }
    Ok(capacity)
}

impl Particulars<Strategy> for ConsultAuthorities {
    const NAME: &'static str = "consult-authorities";
    const ACTORS: Actors = Actors::SPECIFIED;
    const RESTS_ON_AREAS: bool = true;

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        let version = version_in_preparation(state, self.version)?;
        check_list("/particulars/authorities", self.authorities.iter())?;
        let partnership = state
            .partnership
            .and_then(|id| scene.world.partnerships.get(&id));
        let mut events: Vec<StrategyEvent> = Vec::with_capacity(self.authorities.len() + 1);
        let mut refused = Vec::new();
        for (row, id) in self.authorities.iter().enumerate() {
            let capacity = partnership.and_then(|p| p.capacity_of(*id, scene.world));
            match consultable(*id, capacity, version) {
                Ok(capacity) => events.push(
                    AuthorityConsulted {
                        authority: *id,
                        capacity,
                        version: self.version,
                    }
                    .into(),
                ),
                Err(why) => refused.push(why.at(&format!("/particulars/authorities/{row}"))),
            }
        }
        if let Some(refusal) = Refusal::of_rows(refused) {
            return Err(refusal);
        }
        if self.authorities.len() > 1 {
            let closed = ListClosed::new(List::AuthoritiesConsulted, scene.on, &self.authorities);
            events.push(closed.of_version(self.version).into());
        }
        Ok(events)
    }
}

command! {
    /// Records what a consultee said. The text is sealed.
    RecordResponse {
        /// The version.
        version: u32,
        /// The consultee.
        authority: StreamId,
        /// What it said.
        response: Option<PlainText>,
    }
}

impl Particulars<Strategy> for RecordResponse {
    const NAME: &'static str = "record-response";
    const ACTORS: Actors = Actors::SUBJECT;

    fn subject(&self, _: &StrategyState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        let version = version(state, self.version)?;
        if !version.consultation.consulted.contains_key(&self.authority) {
            return Err(
                Refusal::not_found("This authority is not consulted on this version.")
                    .at("/particulars/authority")
                    .under(vec![Unmet::new(
                        "R-10.6",
                        "A response answers a consultation.",
                        "Record first that the authority was consulted.",
                    )]),
            );
        }
        Ok(vec![
            ConsultationResponseRecorded {
                authority: self.authority,
                response: self.response.map(Sealed::from),
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Closes consultation on a version.
    CloseConsultation {
        /// The version.
        version: u32,
    }
}

impl Particulars<Strategy> for CloseConsultation {
    const NAME: &'static str = "close-consultation";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        let consultation = &version(state, self.version)?.consultation;
        if consultation.opened.is_none() {
            return Err(Refusal::state("Consultation on this version is not open."));
        }
        if consultation.closed.is_some() {
            return Err(Refusal::already(
                "Consultation on this version is already closed.",
            ));
        }
        Ok(vec![
            ConsultationClosed {
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Records that views were gathered.
    RecordEngagement {
        /// The version.
        version: u32,
        /// Whose.
        group: EngagedGroup,
    }
}

impl Particulars<Strategy> for RecordEngagement {
    const NAME: &'static str = "record-engagement";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        version(state, self.version)?;
        Ok(vec![
            EngagementHeld {
                group: self.group,
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Records due regard under the Equality Act 2010.
    RecordEqualityAssessment {
        /// The version.
        version: u32,
    }
}

impl Particulars<Strategy> for RecordEqualityAssessment {
    const NAME: &'static str = "record-equality-assessment";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        version(state, self.version)?;
        Ok(vec![
            EqualityImpactAssessed {
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Records that the effect on people with protected characteristics was monitored.
    RecordEqualityMonitoring {
        /// The version.
        version: u32,
    }
}

impl Particulars<Strategy> for RecordEqualityMonitoring {
    const NAME: &'static str = "record-equality-monitoring";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        version(state, self.version)?;
        Ok(vec![
            EqualityImpactMonitored {
                version: self.version,
            }
            .into(),
        ])
    }
}
