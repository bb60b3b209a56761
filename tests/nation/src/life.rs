//! The life of a partnership: formed once, and every year an assessment, a version, a consultation,
//! actions, a review.

use std::ops::Range;

use chrono::{Days, Months, NaiveDate};
use dutyledger_domain::rules::commencement;
use dutyledger_domain::streams::area::{
    AuthorityForArea, EndAuthority, RecordAreaCode, RecordAuthorities, RegisterArea, area_id,
};
use dutyledger_domain::streams::direction::{
    AcceptCompliance, AnswerConsent, IssueDirection, RecordFinding, RecordSatisfaction,
    ReportCompliance,
};
use dutyledger_domain::streams::needs_assessment::{
    CompleteNeedsAssessment, OpenNeedsAssessment, RecordAssessmentFinding, RecordDataGap,
};
use dutyledger_domain::streams::partnership::{
    DrawUpConsultationList, FormPartnership, MatterGiven, NameLead, NameRepresentative,
    ProposePartnership, RecordPartnershipPosition, StateCoverage,
};
use dutyledger_domain::streams::strategy::{
    AdoptVersion, AgreeAction, AssessActionCost, CauseGiven, ClaimException, CloseConsultation,
    CompleteReview, ConsiderMaterial, ConsultAuthorities, DeclineAction, DetermineObjection,
    DraftStrategy, IdentifyCauses, IdentifyKinds, KindGiven, LinkAssessments, OpenConsultation,
    ProgressAction, ProposeAction, PublishVersion, RaiseObjection, RecordEngagement,
    RecordEqualityAssessment, RecordEqualityMonitoring, RecordResponse, RecordStrategyPosition,
    RemoveMaterial, StartRevision,
};
use dutyledger_domain::streams::{
    Area, CorrectEntry, Direction, NeedsAssessment, Partnership, Strategy,
};
use dutyledger_domain::{
    ActionStatus, AreaKind, AssessmentPublication, Bases, Capacity, CodeScheme, Country, Duty,
    EngagedGroup, ExceptedDuty, ExceptionGround, Harm, HeldBy, ItemId, Position, Post,
    PublicationForm, ReviewDecision, ReviewScope, Route, ViolenceCategory,
};
use dutyledger_record::{PlainText, Principal, PrincipalKind, StreamId};

use crate::bodies::{OPERATOR, Wide, key, keyed, place, register, schools, share};
use crate::figures;
use crate::nation::Size;
use crate::random::Random;
use crate::recorder::{How, Recorder, forget_partnership, text};

/// How many actions a version adds that touch a few authorities.
const SMALL_ACTIONS: u64 = 7;
/// How many it adds that touch many schools.
const SCHOOL_ACTIONS: u64 = 5;
/// Within how many days those whom the actions touch have all answered.
const ANSWERED_WITHIN: usize = 20;
/// Within how many days of the duty's beginning every partnership is formed. Each year's work begins
/// so many days into it.
const FORMED_WITHIN: u64 = 27;
/// How many authorities one list names at the most.
const LIST_MAX: usize = 1_000;

/// A partnership under way.
struct Life<'a> {
    recorder: &'a mut Recorder,
    random: &'a mut Random,
    size: Size,
    number: u32,
    wales: bool,
    areas: Vec<StreamId>,
    partnership: StreamId,
    strategy: StreamId,
    specified: Vec<StreamId>,
    council: StreamId,
    policing_body: StreamId,
    health: StreamId,
    /// The schools of each area that are open.
    schools: Vec<Vec<StreamId>>,
    /// Every relevant authority there ever was.
    ever: Vec<StreamId>,
    /// Prisons and youth custody.
    secure: Vec<StreamId>,
    /// The needs assessments: a revised version rests on those before it too.
    assessments: Vec<StreamId>,
}

/// Tells a partnership's years, for these areas.
pub(crate) fn live(
    recorder: &mut Recorder,
    random: &mut Random,
    wide: &Wide,
    size: Size,
    numbers: Range<u32>,
) {
    let wales = numbers.start >= size.areas - share(figures::AREAS_IN_WALES, size.areas);
    let mut life = found(recorder, random, wide, size, numbers, wales);
    if size.years > 0 {
        life.form();
    }
    for year in 0..size.years {
        life.year(year);
    }
    let Life {
        recorder,
        partnership,
        strategy,
        areas,
        ever,
        assessments,
        ..
    } = life;
    recorder.forget::<NeedsAssessment>(assessments);
    recorder.forget::<Strategy>([strategy]);
    forget_partnership(recorder, partnership, &areas, ever);
}

/// The areas, with everybody in them.
fn found<'a>(
    recorder: &'a mut Recorder,
    random: &'a mut Random,
    wide: &Wide,
    size: Size,
    numbers: Range<u32>,
    wales: bool,
) -> Life<'a> {
    let on = commencement();
    let number = numbers.start;
    let mut life = Life {
        partnership: recorder.new_id(),
        strategy: recorder.new_id(),
        council: recorder.new_id(),
        policing_body: recorder.new_id(),
        health: recorder.new_id(),
        recorder,
        random,
        size,
        number,
        wales,
        areas: Vec::new(),
        specified: Vec::new(),
        schools: Vec::new(),
        ever: Vec::new(),
        secure: Vec::new(),
        assessments: Vec::new(),
    };
    for (at, number) in numbers.enumerate() {
        let of_area = wide.of(number, size.areas, wales);
        let name = place(number);
        let council = life.enter(on, &format!("{name} Council"), Capacity::LocalAuthority);
        let count = schools(life.random, size.areas, number);
        let schools: Vec<_> = (0..count).map(|n| life.school(on, &name, n)).collect();
        let mut secure = Vec::new();
        if life.random.below(figures::AREAS.into()) < figures::PRISONS.into() {
            secure.push(life.prison(on, &name));
        }
        if life.random.below(figures::AREAS.into()) < figures::YOUTH_CUSTODY.into() {
            let body = format!("{name} Secure Home");
            secure.push(life.enter(on, &body, Capacity::YouthCustodyAuthority));
        }
        let everybody = of_area
            .specified
            .iter()
            .chain([&council, &of_area.policing_body])
            .chain(&schools)
            .chain(&secure);
        let everybody: Vec<_> = everybody.copied().collect();
        life.area(on, number, &name, of_area.force, &everybody);
        for specified in of_area.specified.iter().chain([&council]) {
            if !life.specified.contains(specified) {
                life.specified.push(*specified);
            }
        }
        if at == 0 {
            life.council = council;
            life.policing_body = of_area.policing_body;
            life.health = of_area.health;
        }
        life.ever
            .extend(schools.iter().chain(&secure).chain([&council]));
        life.schools.push(schools);
        life.secure.extend(secure);
    }
    life
}

impl Life<'_> {
    fn enter(&mut self, on: NaiveDate, body: &str, capacity: Capacity) -> StreamId {
        register(self.recorder, on, body, capacity, HeldBy::Ordinary, false)
    }

    fn school(&mut self, on: NaiveDate, area: &str, number: u32) -> StreamId {
        let body = format!("{area} School {}", number + 1);
        self.enter(on, &body, Capacity::EducationalAuthority)
    }

    fn prison(&mut self, on: NaiveDate, area: &str) -> StreamId {
        let held_by = if self.random.per_mille(120) {
            HeldBy::DirectorOfContractedOutInstitution
        } else {
            HeldBy::GovernorOfPrisonYoiOrStc
        };
        let body = format!("{area} Prison");
        let capacity = Capacity::PrisonAuthority;
        register(self.recorder, on, &body, capacity, held_by, false)
    }

    fn area(&mut self, on: NaiveDate, number: u32, name: &str, force: u32, everybody: &[StreamId]) {
        let (country, kind) = match self.wales {
            true => (Country::Wales, AreaKind::WelshCounty),
            false => (Country::England, AreaKind::District),
        };
        let id = area_id(country, name);
        let how = || How::by(OPERATOR, on);
        let registered = RegisterArea {
            country,
            kind,
            name: text(name),
        };
        self.recorder.give::<Area>(id, how(), registered);
        // Codes of no register: "X" begins none.
        let codes = [
            (CodeScheme::Gss, format!("X07{number:06}")),
            (CodeScheme::Csp, format!("X22{number:06}")),
            (CodeScheme::PoliceForceArea, format!("X23{force:06}")),
        ];
        for (scheme, code) in codes {
            let recorded = RecordAreaCode {
                scheme,
                code: text(&code),
                name: None,
                from: None,
                until: None,
            };
            self.recorder.give::<Area>(id, how(), recorded);
        }
        self.exist(id, on, everybody);
        self.areas.push(id);
    }

    /// Authorities exist for an area from a day.
    fn exist(&mut self, area: StreamId, on: NaiveDate, everybody: &[StreamId]) {
        for some in everybody.chunks(LIST_MAX) {
            let authorities = some.iter().map(|id| AuthorityForArea {
                authority: *id,
                from: on,
                from_assumed: false,
            });
            let command = RecordAuthorities {
                authorities: authorities.collect(),
            };
            self.recorder
                .give::<Area>(area, How::by(OPERATOR, on), command);
        }
    }

    fn coordinator(&self) -> Principal {
        Principal {
            id: Some(self.partnership),
            key_id: None,
            kind: PrincipalKind::Coordinator,
        }
    }

    fn council_on(&self, on: NaiveDate) -> How {
        How::by(key(self.council), on)
    }

    fn relevant(&self) -> Vec<StreamId> {
        let schools = self.schools.iter().flatten();
        schools.chain(&self.secure).copied().collect()
    }

    /// Proposed, agreed by each, formed; who leads, and who speaks for education.
    fn form(&mut self) {
        let id = self.partnership;
        let begun = commencement() + Days::new(1 + self.random.below(20));
        let name = format!("{} Violence Prevention Partnership", place(self.number));
        let route = match self.random.below(10) {
            0..=5 => Route::CommunitySafetyPartnership,
            6..=7 => Route::ViolenceReductionUnit,
            8 => Route::SeveralStructures,
            _ => Route::NewStructure,
        };
        let proposed = ProposePartnership {
            name: text(&name),
            route,
            route_detail: None,
            areas: self.areas.clone(),
        };
        self.recorder
            .give::<Partnership>(id, How::by(key(self.council), begun), proposed);
        let covers = StateCoverage {
            covers_until: self.size.today(),
            fictional: true,
        };
        self.recorder
            .give::<Partnership>(id, How::by(OPERATOR, begun), covers);
        self.together(begun + Days::new(2), &MatterGiven::Formation);
        let formed = begun + Days::new(4);
        let how = self.council_on(formed);
        self.recorder
            .give::<Partnership>(id, how, FormPartnership {});
        let authority = self.council;
        self.together(formed, &MatterGiven::Lead { authority });
        let how = self.council_on(formed);
        self.recorder
            .give::<Partnership>(id, how.clone(), NameLead { authority });
        let representative = NameRepresentative {
            authority,
            post: Post {
                body: text(&format!("{} Council", place(self.number))),
                capacity: Capacity::LocalAuthority,
                title: text("Director of Education"),
            },
            contact: None,
            strategic_education: true,
        };
        self.recorder.give::<Partnership>(id, how, representative);
    }

    /// Each specified authority agrees to a matter with its own key.
    fn together(&mut self, on: NaiveDate, matter: &MatterGiven) {
        for authority in self.specified.clone() {
            let position = RecordPartnershipPosition {
                authority,
                on_matter: matter.clone(),
                position: Position::Agree,
                reason: None,
            };
            let how = How::by(key(authority), on);
            self.recorder
                .give::<Partnership>(self.partnership, how, position);
        }
    }

    fn year(&mut self, year: u32) {
        let begins = commencement() + Months::new(12 * year);
        // Some years everything comes weeks late, the review included.
        let late = year > 0 && self.random.per_mille(120);
        let begins = begins + Days::new(FORMED_WITHIN + if late { 30 } else { 0 });
        let day = |n: u64| begins + Days::new(n);
        let version = year + 1;
        if year > 0 {
            self.schools_come_and_go(begins, year);
        }
        let assessment = self.assess(day(0), year);
        self.begin(day(35), version);
        self.say(day(40), version, assessment);
        self.consult(day(45), version);
        let actions = self.plan(day(60), version);
        self.weigh(day(88), version);
        if year > 0 {
            self.review(day(98), version - 1, late);
        }
        self.adopt(day(100), version);
        self.carry_out(day(130), &actions, late);
        if year == 2 && self.number % 80 == 40 {
            self.direct(day(150));
        }
    }

    fn schools_come_and_go(&mut self, on: NaiveDate, year: u32) {
        for at in 0..self.areas.len() {
            let area = self.areas[at];
            let changes = self.schools[at].len() / 120;
            for n in 0..changes {
                let gone = usize::try_from(self.random.below(self.schools[at].len() as u64));
                let gone = self.schools[at].swap_remove(gone.unwrap());
                let ended = EndAuthority {
                    authority: gone,
                    until: on - Days::new(1),
                };
                self.recorder
                    .give::<Area>(area, How::by(OPERATOR, on), ended);
                let number = 1_000 * year + u32::try_from(n).unwrap();
                let name = place(self.number + u32::try_from(at).unwrap());
                let new = self.school(on, &name, number);
                self.exist(area, on, &[new]);
                self.schools[at].push(new);
                self.ever.push(new);
            }
        }
    }

    fn assess(&mut self, on: NaiveDate, year: u32) -> StreamId {
        let id = self.recorder.new_id();
        let how = |life: &Self, n: u64| life.council_on(on + Days::new(n));
        let opened = OpenNeedsAssessment {
            partnership: self.partnership,
            title: text(&format!("Needs assessment, year {}", year + 1)),
        };
        self.recorder
            .give::<NeedsAssessment>(id, how(self, 0), opened);
        for n in 0..6 {
            let finding = RecordAssessmentFinding {
                finding: text("Harm gathers in a few streets, on a few evenings of the week"),
            };
            self.recorder
                .give::<NeedsAssessment>(id, how(self, 2 * n), finding);
        }
        let gap = RecordDataGap {
            gap: text("Attendance at hospital is not told apart by cause"),
        };
        self.recorder
            .give::<NeedsAssessment>(id, how(self, 20), gap);
        let completed = CompleteNeedsAssessment {
            publication: self.random.of(AssessmentPublication::ALL),
        };
        self.recorder
            .give::<NeedsAssessment>(id, how(self, 30), completed);
        self.assessments.push(id);
        id
    }

    fn begin(&mut self, on: NaiveDate, version: u32) {
        let how = self.council_on(on);
        if version > 1 {
            self.recorder
                .give::<Strategy>(self.strategy, how, StartRevision {});
            return;
        }
        let drafted = DraftStrategy {
            partnership: self.partnership,
            title: text(&format!("{} serious violence strategy", place(self.number))),
            bases: Bases {
                section_8: true,
                section_9: self.areas.len() > 1,
                crime_and_disorder_act_section_6: false,
            },
        };
        self.recorder.give::<Strategy>(self.strategy, how, drafted);
    }

    /// What the version says: what it rests on, kinds, causes.
    fn say(&mut self, on: NaiveDate, version: u32, assessment: StreamId) {
        let how = self.council_on(on);
        let id = self.strategy;
        let linked = LinkAssessments {
            version,
            assessments: vec![assessment],
        };
        self.recorder.give::<Strategy>(id, how.clone(), linked);
        let first = self.random.below(9);
        let kinds = (first..first + 3).map(|n| KindGiven {
            category: ViolenceCategory::ALL[usize::try_from(n).unwrap()],
            description: None,
            assessment: Some(assessment),
        });
        let kinds = IdentifyKinds {
            version,
            kinds: kinds.collect(),
        };
        self.recorder.give::<Strategy>(id, how.clone(), kinds);
        let causes = [
            "Exclusion from school",
            "Few places to go in the evening",
            "Debt and exploitation",
            "Violence seen at home",
        ];
        let causes = causes.iter().map(|cause| CauseGiven {
            description: text(cause),
            assessment: None,
        });
        let causes = IdentifyCauses {
            version,
            causes: causes.collect(),
        };
        self.recorder.give::<Strategy>(id, how, causes);
    }

    /// The list, the consultation, and what consultees say: many say nothing.
    fn consult(&mut self, on: NaiveDate, version: u32) {
        let (id, everybody) = (self.strategy, self.relevant());
        let list = DrawUpConsultationList {
            authorities: everybody.clone(),
        };
        let how = self.council_on(on);
        self.recorder
            .give::<Partnership>(self.partnership, how.clone(), list);
        let opened = OpenConsultation {
            version,
            responses_by: on + Days::new(42),
        };
        self.recorder.give::<Strategy>(id, how.clone(), opened);
        let consulted = ConsultAuthorities {
            version,
            authorities: everybody.clone(),
        };
        self.recorder.give::<Strategy>(id, how, consulted);
        let mut answered = on + Days::new(2);
        for authority in everybody {
            if !self.random.per_mille(350) {
                continue;
            }
            let said = self.random.per_mille(100);
            let response = said.then(|| PlainText::new("We should like to help.").unwrap());
            let command = RecordResponse {
                version,
                authority,
                response,
            };
            if answered < on + Days::new(14) && self.random.per_mille(60) {
                answered = answered + Days::new(1);
            }
            let mut how = How::by(key(authority), answered);
            if self.random.per_mille(150) {
                how = how.reported(self.coordinator());
            }
            self.recorder.give::<Strategy>(id, how, command);
        }
    }

    /// The actions a version adds, and where each authority stands on them. The dates of a plan only
    /// go on: what happened before something that is known costs a fold of everything.
    fn plan(&mut self, on: NaiveDate, version: u32) -> Vec<(ItemId, StreamId)> {
        let mut planned = Vec::new();
        let specified = self.specified.clone();
        for n in 0..SMALL_ACTIONS {
            let owner = self.random.of(&specified);
            let others = specified.iter().filter(|id| **id != owner);
            let some: Vec<_> = others.copied().take(3).collect();
            // One of three has a date of its own, most of a year on.
            let by = (n % 3 == 0).then(|| on + Days::new(300));
            let action = self.propose((on + Days::new(n / 3), by), version, owner, &some);
            planned.push((action, owner, some));
        }
        let relevant = self.relevant();
        for n in 0..SCHOOL_ACTIONS {
            let touched: Vec<_> = relevant
                .iter()
                .copied()
                .filter(|_| self.random.per_mille(750))
                .collect();
            let owner = self.council;
            let action = self.propose((on + Days::new(3 + n), None), version, owner, &touched);
            planned.push((action, owner, touched));
        }
        let first = on + Days::new(3 + SCHOOL_ACTIONS);
        let all: usize = planned.iter().map(|(_, _, some)| some.len()).sum();
        let mut asked = 0;
        for (action, _, touched) in &planned {
            let answered = first + Days::new((asked * ANSWERED_WITHIN / all.max(1)) as u64);
            self.answer(answered, *action, touched);
            asked += touched.len();
        }
        let owned = planned.into_iter();
        owned.map(|(action, owner, _)| (action, owner)).collect()
    }

    /// One is proposed on a day, to be done by another where it has a date.
    fn propose(
        &mut self,
        (on, by): (NaiveDate, Option<NaiveDate>),
        version: u32,
        owner: StreamId,
        authorities: &[StreamId],
    ) -> ItemId {
        let id = self.strategy;
        let proposed = ProposeAction {
            version,
            title: text("Mentors"),
            description: text("Mentors for young people, where they already are"),
            owner,
            by,
            authorities: authorities.to_vec(),
        };
        let known = self.recorder.state::<Strategy>(id).actions.len();
        let how = self.council_on(on);
        self.recorder.give::<Strategy>(id, how, proposed);
        let state = self.recorder.state::<Strategy>(id);
        // Ids count up: the newest is the last.
        let (action, _) = state.actions.iter().next_back().unwrap();
        assert_eq!(state.actions.len(), known + 1);
        *action
    }

    /// What those whom an action touches say on a day, and what it costs.
    fn answer(&mut self, on: NaiveDate, action: ItemId, authorities: &[StreamId]) {
        let id = self.strategy;
        let relevant = authorities
            .iter()
            .filter(|id| !self.specified.contains(id))
            .copied();
        let everybody: Vec<_> = self.specified.iter().copied().chain(relevant).collect();
        for authority in &everybody {
            let authority = *authority;
            let specified = self.specified.contains(&authority);
            let how = How::by(key(authority), on);
            match self.random.below(1_000) {
                0..=24 if !specified => {
                    let declined = DeclineAction {
                        action,
                        authority,
                        reason: None,
                    };
                    self.recorder.give::<Strategy>(id, how, declined);
                }
                // Silence is neither agreement nor refusal.
                25..=99 if !specified => {}
                _ => {
                    let agreed = AgreeAction { action, authority };
                    self.recorder.give::<Strategy>(id, how, agreed);
                }
            }
        }
        if everybody.len() > self.specified.len() {
            let how = self.council_on(on);
            self.recorder
                .give::<Strategy>(id, how, AssessActionCost { action });
        }
    }

    /// Engagement, due regard, material, and sometimes an objection, a report, a past fact, or a
    /// mistake that is put right.
    fn weigh(&mut self, on: NaiveDate, version: u32) {
        let id = self.strategy;
        let mut how = self.council_on(on);
        if self.random.per_mille(200) {
            how = how.reported(self.coordinator());
        }
        for group in [EngagedGroup::VoluntarySector, EngagedGroup::YoungPeople] {
            let engaged = RecordEngagement { version, group };
            self.recorder.give::<Strategy>(id, how.clone(), engaged);
        }
        let how = self.council_on(on);
        let assessed = RecordEqualityAssessment { version };
        self.recorder.give::<Strategy>(id, how.clone(), assessed);
        if self.random.per_mille(100) {
            // Held earlier, elsewhere.
            let earlier = self.council_on(on - Days::new(20)).past_fact();
            let group = EngagedGroup::ServiceUsers;
            let engaged = RecordEngagement { version, group };
            self.recorder.give::<Strategy>(id, earlier, engaged);
        }
        if self.random.per_mille(150) {
            let group = EngagedGroup::Businesses;
            let wrong = RecordEngagement { version, group };
            self.recorder.give::<Strategy>(id, how.clone(), wrong);
            let entry_id = self.recorder.last::<Strategy>(id);
            let corrected = CorrectEntry {
                entry_id,
                reason: None,
            };
            let how = self.council_on(on + Days::new(1));
            self.recorder.give::<Strategy>(id, how, corrected);
        }
        let later = self.council_on(on + Days::new(2));
        let harmless = ConsiderMaterial {
            version,
            part: text("Section 3"),
            harms: Vec::new(),
        };
        self.recorder.give::<Strategy>(id, later.clone(), harmless);
        if self.random.per_mille(80) {
            let harmful = ConsiderMaterial {
                version,
                part: text("Annex B"),
                harms: vec![Harm::Safety],
            };
            self.recorder.give::<Strategy>(id, later.clone(), harmful);
            let material = self.newest(version, |v| v.material.keys().next_back().copied());
            let removed = RemoveMaterial { version, material };
            self.recorder.give::<Strategy>(id, later.clone(), removed);
        }
        if self.random.per_mille(60) {
            let authority = self.random.of(&self.relevant());
            let raised = RaiseObjection {
                version,
                authority,
                part: text("Section 4"),
                reason: None,
            };
            let own = How::by(key(authority), on + Days::new(2));
            self.recorder.give::<Strategy>(id, own, raised);
            let objection = self.newest(version, |v| v.objections.keys().next_back().copied());
            let determined = DetermineObjection {
                version,
                objection,
                harms: Vec::new(),
            };
            self.recorder
                .give::<Strategy>(id, later.clone(), determined);
        }
        let closed = CloseConsultation { version };
        self.recorder.give::<Strategy>(id, later, closed);
    }

    fn newest(
        &mut self,
        version: u32,
        which: impl Fn(&dutyledger_domain::streams::strategy::Version) -> Option<ItemId>,
    ) -> ItemId {
        let state = self.recorder.state::<Strategy>(self.strategy);
        which(&state.versions[&version]).expect("what was just recorded")
    }

    fn review(&mut self, on: NaiveDate, version: u32, late: bool) {
        let id = self.strategy;
        let how = self.council_on(on);
        if self.random.per_mille(30) {
            // Nobody reviewed it that year.
            return;
        }
        let monitored = RecordEqualityMonitoring { version };
        self.recorder.give::<Strategy>(id, how.clone(), monitored);
        let completed = CompleteReview {
            version,
            scope: ReviewScope::Whole,
            decision: ReviewDecision::Revise,
        };
        let how = match late {
            true => how.because("Held as soon as it could be."),
            false => how,
        };
        self.recorder.give::<Strategy>(id, how, completed);
    }

    fn adopt(&mut self, on: NaiveDate, version: u32) {
        let id = self.strategy;
        for authority in self.specified.clone() {
            let position = RecordStrategyPosition {
                version,
                authority,
                position: Position::Agree,
                reason: None,
            };
            self.recorder
                .give::<Strategy>(id, How::by(key(authority), on), position);
        }
        let how = self
            .council_on(on + Days::new(1))
            .because("Those who did not answer were asked twice.");
        self.recorder
            .give::<Strategy>(id, how, AdoptVersion { version });
        let published = PublishVersion {
            version,
            form: PublicationForm::StandAlone,
            locator: text("https://strategy.example/"),
        };
        let how = self.council_on(on + Days::new(5));
        self.recorder.give::<Strategy>(id, how, published);
    }

    /// A step each quarter; some are told late, a few actions are given up, and a few schools claim an
    /// exception.
    fn carry_out(&mut self, on: NaiveDate, actions: &[(ItemId, StreamId)], late: bool) {
        let id = self.strategy;
        let quarters = if late { 2 } else { 3 };
        for quarter in 0..=quarters {
            let on = on + Days::new(65 * quarter);
            for (action, owner) in actions {
                let status = match quarter == quarters {
                    true if self.random.per_mille(60) => ActionStatus::Stopped,
                    true => ActionStatus::Completed,
                    false => ActionStatus::Started,
                };
                let progressed = ProgressAction {
                    action: *action,
                    status,
                    note: None,
                };
                let told_late = self.random.per_mille(20);
                let on = if told_late { on - Days::new(20) } else { on };
                self.recorder
                    .give::<Strategy>(id, How::by(key(*owner), on), progressed);
            }
            if quarter == 0 {
                for (action, _) in &actions[actions.len().saturating_sub(1)..] {
                    self.except(on + Days::new(1), *action);
                }
            }
        }
    }

    fn except(&mut self, on: NaiveDate, action: ItemId) {
        let state = self.recorder.state::<Strategy>(self.strategy);
        let touched = state.actions[&action].authorities.keys().copied();
        let claiming: Vec<_> = touched
            .filter(|id| !self.specified.contains(id) && self.random.per_mille(6))
            .collect();
        drop(state);
        for authority in claiming {
            let claimed = ClaimException {
                authority,
                duty: ExceptedDuty::CarryOutActions,
                ground: ExceptionGround::UnreasonableCosts,
                action: Some(action),
                enactment: None,
                extent: None,
                cumulative_effect_considered: true,
            };
            self.recorder
                .give::<Strategy>(self.strategy, How::by(key(authority), on), claimed);
        }
    }

    /// A case from its finding to compliance. In Wales it is a devolved authority's, and consent is
    /// given.
    fn direct(&mut self, on: NaiveDate) {
        let id = self.recorder.new_id();
        let authority = if self.wales {
            self.health
        } else {
            self.council
        };
        let (duty, area) = (Duty::CollaborateAndPlan, self.areas[0]);
        let by = |kind, n: u64| How::by(keyed(kind), on + Days::new(n));
        let partnership = Some(self.partnership);
        let found = RecordFinding {
            authority,
            duty,
            area,
            partnership,
            summary: None,
        };
        let policing_body = Principal {
            id: Some(self.policing_body),
            key_id: None,
            kind: PrincipalKind::LocalPolicingBody,
        };
        self.recorder
            .give::<Direction>(id, How::by(policing_body, on), found);
        let satisfied = RecordSatisfaction {
            authority,
            duty,
            area,
            partnership,
            reasons: None,
        };
        let secretary = PrincipalKind::SecretaryOfState;
        self.recorder
            .give::<Direction>(id, by(secretary, 10), satisfied);
        if self.wales {
            let consent = AnswerConsent { given: true };
            self.recorder
                .give::<Direction>(id, by(PrincipalKind::WelshMinisters, 12), consent);
        }
        let directed = IssueDirection {
            requires: text("To meet with the other specified authorities each month"),
            comply_by: Some(on + Days::new(90)),
        };
        self.recorder
            .give::<Direction>(id, by(secretary, 14), directed);
        let how = How::by(key(authority), on + Days::new(80));
        self.recorder
            .give::<Direction>(id, how, ReportCompliance { account: None });
        self.recorder
            .give::<Direction>(id, by(secretary, 85), AcceptCompliance {});
        self.recorder.forget::<Direction>([id]);
    }
}
