//! Directions (s.18): a finding, the Secretary of State's satisfaction, the direction, compliance,
//! and the order of a court.
//!
//! One stream is about one authority, one duty and one area. Being satisfied of a failure is the
//! Secretary of State's decision: nothing derived ever decides it or issues anything.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{
    Envelope, Mark, PlainText, PrincipalKind, PublicText, Sealed, Stream, StreamId, StreamType,
};

use super::{area, authority, shown};
use crate::decide::{Actor, Actors, Opens, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::scene::Scene;
use crate::triggers::TriggerKey;
use crate::values::{Class, Duty, HeldBy, Shown};
use crate::world::World;

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Direction;

event! {
    /// A case about one authority, one duty and one area was opened. Opens the stream; what is found
    /// follows, so that a mistaken finding can be withdrawn.
    DirectionCaseOpened {
        /// The area.
        area: StreamId,
        /// The authority.
        authority: StreamId,
        /// The duty.
        duty: Duty,
        /// The partnership it concerns.
        partnership: Option<StreamId>,
    }
}
event! {
    /// A local policing body or an inspectorate found a failure (s.14(2)–(3), R-128.1).
    FindingRecorded {
        /// The area.
        area: StreamId,
        /// The authority.
        authority: StreamId,
        /// The duty.
        duty: Duty,
        /// The partnership it concerns.
        partnership: Option<StreamId>,
        /// What was found, sealed.
        summary: Option<Sealed>,
    }
}
event! {
    /// The Secretary of State is satisfied that the authority has failed to discharge the duty
    /// (s.18(1)).
    SecretaryOfStateSatisfied {
        /// The area.
        area: StreamId,
        /// The authority.
        authority: StreamId,
        /// The duty.
        duty: Duty,
        /// The partnership it concerns.
        partnership: Option<StreamId>,
        /// Why, sealed.
        reasons: Option<Sealed>,
    }
}
event! {
    /// The Welsh Ministers answered whether they consent (s.18(4)).
    WelshConsentAnswered {
        /// Whether they consent.
        given: bool,
    }
}
event! {
    /// The Secretary of State directed the authority (s.18(2)).
    DirectionIssued {
        /// The date by which to comply, where the direction sets one.
        comply_by: Option<NaiveDate>,
        /// What it is directed to do, for publication.
        requires: PublicText,
    }
}
event! {
    /// The direction was varied. A variation is a further direction.
    DirectionVaried {
        /// The date by which to comply, where the direction sets one.
        comply_by: Option<NaiveDate>,
        /// What it is directed to do from now on, for publication.
        requires: PublicText,
    }
}
event! {
    /// The authority reported that it has complied.
    ComplianceReported {
        /// What was done, sealed.
        account: Option<Sealed>,
    }
}
event! {
    /// The Secretary of State accepted that the direction is complied with.
    ComplianceAccepted {}
}
event! {
    /// The Secretary of State recorded that the direction is not complied with.
    NonComplianceRecorded {
        /// Why, sealed.
        reasons: Option<Sealed>,
    }
}
event! {
    /// The direction was withdrawn.
    DirectionWithdrawn {
        /// Why, for publication.
        note: Option<PublicText>,
    }
}
event! {
    /// A mandatory order was applied for on behalf of the Secretary of State (s.18(3)).
    MandatoryOrderSought {
        /// The court and its reference, for publication.
        reference: PublicText,
    }
}
event! {
    /// The court made a mandatory order (s.18(3)).
    MandatoryOrderMade {
        /// The court and its reference, for publication.
        reference: PublicText,
    }
}

events! {
    /// The events of a direction.
    DirectionEvent {
        DirectionCaseOpened,
        FindingRecorded seals "/summary" => summary,
        SecretaryOfStateSatisfied seals "/reasons" => reasons,
        WelshConsentAnswered, DirectionIssued, DirectionVaried,
        ComplianceReported seals "/account" => account,
        ComplianceAccepted,
        NonComplianceRecorded seals "/reasons" => reasons,
        DirectionWithdrawn, MandatoryOrderSought, MandatoryOrderMade,
    }
}

/// An answer about consent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Consent {
    /// Whether they consent.
    pub given: bool,
    /// When.
    pub at: Shown,
}

/// A finding, and whose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Who found it.
    pub by: PrincipalKind,
    /// When.
    pub at: Shown,
    /// How a failure told as a past fact is known.
    pub mark: Option<Mark>,
}

impl Finding {
    /// Whether it shows a failure: the body's own finding, or one that its source establishes.
    #[must_use]
    pub fn established(&self) -> bool {
        self.at.own() || matches!(self.mark, Some(Mark::Admitted | Mark::Found))
    }
}

/// The direction as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Directed {
    /// When it was issued or last varied.
    pub at: Shown,
    /// The date by which to comply, where it sets one.
    pub comply_by: Option<NaiveDate>,
    /// What the authority is directed to do.
    pub requires: PublicText,
    /// What the Welsh Ministers had answered about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welsh_consent: Option<Consent>,
}

/// What is known of a direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DirectionState {
    /// Whether a step of the case was recorded by whoever took it: what others tell of steps then
    /// changes nothing.
    pub own_steps: bool,
    /// When the case was opened, and by which entry.
    pub opened: Option<Shown>,
    /// The authority.
    pub authority: Option<StreamId>,
    /// The duty.
    pub duty: Option<Duty>,
    /// The area.
    pub area: Option<StreamId>,
    /// The partnership it concerns.
    pub partnership: Option<StreamId>,
    /// The findings.
    pub findings: Vec<Finding>,
    /// When the Secretary of State was satisfied.
    pub satisfied: Option<Shown>,
    /// What the Welsh Ministers answered about the next direction.
    pub welsh_consent: Option<Consent>,
    /// The direction as it stands.
    pub directed: Option<Directed>,
    /// When compliance was reported, if nothing since then says otherwise.
    pub compliance_reported: Option<Shown>,
    /// When compliance was accepted.
    pub complied: Option<Shown>,
    /// When non-compliance was recorded, if nothing since then says otherwise.
    pub not_complied: Option<Shown>,
    /// When it was withdrawn.
    pub withdrawn: Option<Shown>,
    /// When an order was sought.
    pub order_sought: Option<Shown>,
    /// When an order was made.
    pub order_made: Option<Shown>,
    /// When the direction before was accepted as complied with, or withdrawn, where the Secretary of
    /// State has been satisfied anew since. What was found up to then is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_closed: Option<Shown>,
}

impl DirectionState {
    /// Whose record the case is part of: the partnership's it names, and a record of its own where it
    /// names none. What the clock announces, and what bears on the case, is derived for that.
    #[must_use]
    pub fn belongs_to(&self, case: StreamId) -> StreamId {
        self.partnership.unwrap_or(case)
    }

    /// Whether the Welsh Ministers consented: to the next direction, or to the one that stands.
    #[must_use]
    pub fn has_welsh_consent(&self) -> bool {
        let standing = self.directed.as_ref().filter(|_| self.stands());
        let to_standing = standing.and_then(|directed| directed.welsh_consent.as_ref());
        let asked = [self.welsh_consent.as_ref(), to_standing];
        asked.into_iter().flatten().any(|consent| consent.given)
    }

    /// Whether a direction stands: issued, and neither complied with nor withdrawn.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.directed.is_some() && self.closed().is_none()
    }

    /// When the direction was accepted as complied with, or withdrawn, if nothing began anew since.
    #[must_use]
    pub fn closed(&self) -> Option<Shown> {
        self.complied.or(self.withdrawn)
    }
}

/// The case a command is about must be the stream's, and its authority must exist for the area.
fn check_case(
    state: &DirectionState,
    scene: &Scene<'_>,
    case: (StreamId, Duty, StreamId),
) -> Result<(), Refusal> {
    let (who, _, where_) = case;
    if let (Some(a), Some(d), Some(l)) = (state.authority, state.duty, state.area)
        && (a, d, l) != case
    {
        return Err(Refusal::invalid(
            "/particulars",
            "This stream is about another authority, duty or area: open another.",
        ));
    }
    if scene
        .world
        .authorities
        .get(&who)
        .is_none_or(|a| a.capacity.is_none())
    {
        return Err(Refusal::not_found("There is no such authority.").at("/particulars/authority"));
    }
    let recorded = scene
        .world
        .areas
        .get(&where_)
        .and_then(|a| a.authorities.get(&who));
    if recorded.is_none_or(|a| !a.exists_on(scene.on)) {
        return Err(Refusal::not_found(format!(
            "The authority is not recorded for this area on {}.",
            crate::in_words(scene.on)
        ))
        .at("/particulars/area"));
    }
    Ok(())
}

/// The entry that opens a case, where it is not open yet.
fn opening(
    state: &DirectionState,
    (authority, duty, area): (StreamId, Duty, StreamId),
    partnership: Option<StreamId>,
) -> Option<DirectionEvent> {
    let opened = DirectionCaseOpened {
        area,
        authority,
        duty,
        partnership,
    };
    state.authority.is_none().then(|| opened.into())
}

/// A partnership named must be one for the area, and that of the case once it is open: who is told of
/// an entry hangs on it.
fn check_partnership(
    partnership: Option<StreamId>,
    area: StreamId,
    state: &DirectionState,
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    if state.authority.is_some() && partnership.is_some() && partnership != state.partnership {
        return Err(Refusal::invalid(
            "/particulars/partnership",
            "This stream is not about this partnership: open another.",
        ));
    }
    let covers = |id| {
        scene
            .world
            .partnerships
            .get(&id)
            .is_some_and(|p| p.areas.contains(&area))
    };
    match partnership {
        Some(id) if !covers(id) => Err(Refusal::not_found(
            "There is no such partnership for this area.",
        )
        .at("/particulars/partnership")),
        _ => Ok(()),
    }
}

command! {
    /// Records a finding of failure: a local policing body's on a specified authority, or an
    /// inspectorate's.
    RecordFinding {
        /// The authority.
        authority: StreamId,
        /// The duty.
        duty: Duty,
        /// The area.
        area: StreamId,
        /// The partnership it concerns.
        partnership: Option<StreamId>,
        /// What was found. It is sealed.
        summary: Option<PlainText>,
    }
}

impl Particulars<Direction> for RecordFinding {
    const NAME: &'static str = "record-finding";
    const ACTORS: Actors = Actors {
        own: &[Actor::LocalPolicingBody, Actor::Inspectorate],
        reportable: false,
        past_fact: true,
    };
    const OPENS: Opens = Opens::Either;

    fn partnership(&self) -> Option<StreamId> {
        self.partnership
    }

    fn needs(&self, _: &DirectionState, _: &World) -> Vec<Stream> {
        vec![authority::stream(self.authority), area::stream(self.area)]
    }

    fn decide(
        self,
        state: &DirectionState,
        scene: &Scene<'_>,
    ) -> Result<Vec<DirectionEvent>, Refusal> {
        check_case(state, scene, (self.authority, self.duty, self.area))?;
        let polices = |id| {
            let area = scene.world.areas.get(&self.area);
            area.is_some_and(|a| {
                a.authorities_of(Class::LocalPolicingBody, scene.on)
                    .any(|(body, _)| body == id)
            })
        };
        if scene.principal.kind == PrincipalKind::LocalPolicingBody
            && !scene.principal.id.is_some_and(polices)
        {
            return Err(Refusal::not_permitted(
                "A local policing body records findings in its own police area.",
            ));
        }
        check_partnership(self.partnership, self.area, state, scene)?;
        let case = (self.authority, self.duty, self.area);
        let recorded = FindingRecorded {
            area: self.area,
            authority: self.authority,
            duty: self.duty,
            partnership: self.partnership,
            summary: self.summary.map(Sealed::from),
        };
        let opening = opening(state, case, self.partnership);
        Ok(opening.into_iter().chain([recorded.into()]).collect())
    }
}

command! {
    /// Records that the Secretary of State is satisfied of a failure (s.18(1)).
    RecordSatisfaction {
        /// The authority.
        authority: StreamId,
        /// The duty.
        duty: Duty,
        /// The area.
        area: StreamId,
        /// The partnership it concerns.
        partnership: Option<StreamId>,
        /// Why. It is sealed.
        reasons: Option<PlainText>,
    }
}

impl Particulars<Direction> for RecordSatisfaction {
    const NAME: &'static str = "record-satisfaction";
    const ACTORS: Actors = SECRETARY_OF_STATE;
    const OPENS: Opens = Opens::Either;

    fn partnership(&self) -> Option<StreamId> {
        self.partnership
    }

    fn needs(&self, _: &DirectionState, _: &World) -> Vec<Stream> {
        vec![authority::stream(self.authority), area::stream(self.area)]
    }

    fn decide(
        self,
        state: &DirectionState,
        scene: &Scene<'_>,
    ) -> Result<Vec<DirectionEvent>, Refusal> {
        check_case(state, scene, (self.authority, self.duty, self.area))?;
        check_partnership(self.partnership, self.area, state, scene)?;
        let case = (self.authority, self.duty, self.area);
        let recorded = SecretaryOfStateSatisfied {
            area: self.area,
            authority: self.authority,
            duty: self.duty,
            partnership: self.partnership,
            reasons: self.reasons.map(Sealed::from),
        };
        let opening = opening(state, case, self.partnership);
        Ok(opening.into_iter().chain([recorded.into()]).collect())
    }
}

const SECRETARY_OF_STATE: Actors = Actors {
    own: &[Actor::SecretaryOfState],
    reportable: false,
    past_fact: true,
};

/// Declares a command on a case that is already open.
macro_rules! on_case {
    ($command:ident, $name:literal, $actors:expr, |$given:ident, $state:ident| $body:expr) => {
        impl Particulars<Direction> for $command {
            const NAME: &'static str = $name;
            const ACTORS: Actors = $actors;

            fn subject(&self, state: &DirectionState) -> Option<StreamId> {
                state.authority
            }

            fn needs(&self, state: &DirectionState, _: &World) -> Vec<Stream> {
                let who = state.authority.map(authority::stream);
                who.into_iter()
                    .chain(state.area.map(area::stream))
                    .collect()
            }

            fn decide(
                self,
                $state: &DirectionState,
                _: &Scene<'_>,
            ) -> Result<Vec<DirectionEvent>, Refusal> {
                let $given = self;
                $body
            }
        }
    };
}

command! {
    /// Answers whether the Welsh Ministers consent to a direction (s.18(4)).
    AnswerConsent {
        /// Whether they consent.
        given: bool,
    }
}
on_case!(
    AnswerConsent,
    "answer-consent",
    Actors {
        own: &[Actor::WelshMinisters],
        reportable: false,
        past_fact: true
    },
    |given, _state| Ok(vec![WelshConsentAnswered { given: given.given }.into()])
);

command! {
    /// Directs the authority (s.18(2)).
    IssueDirection {
        /// What it is directed to do, for publication. Names no person.
        requires: PublicText,
        /// The date by which to comply.
        comply_by: Option<NaiveDate>,
    }
}
on_case!(
    IssueDirection,
    "issue-direction",
    SECRETARY_OF_STATE,
    |given, state| {
        if state.directed.is_some() && state.withdrawn.is_none() {
            return Err(Refusal::already(
                "A direction is already issued: vary it instead.",
            ));
        }
        Ok(vec![
            DirectionIssued {
                comply_by: given.comply_by,
                requires: given.requires,
            }
            .into(),
        ])
    }
);

command! {
    /// Varies the direction. All gates apply again.
    VaryDirection {
        /// What it is directed to do from now on, for publication. Names no person.
        requires: PublicText,
        /// The date by which to comply.
        comply_by: Option<NaiveDate>,
    }
}
on_case!(
    VaryDirection,
    "vary-direction",
    SECRETARY_OF_STATE,
    |given, state| {
        check_stands(state)?;
        Ok(vec![
            DirectionVaried {
                comply_by: given.comply_by,
                requires: given.requires,
            }
            .into(),
        ])
    }
);

fn check_stands(state: &DirectionState) -> Result<(), Refusal> {
    if state.stands() {
        Ok(())
    } else {
        Err(Refusal::state(
            "No direction stands: none is issued, or it is complied with or withdrawn.",
        ))
    }
}

command! {
    /// Reports that the authority has complied.
    ReportCompliance {
        /// What was done. It is sealed.
        account: Option<PlainText>,
    }
}
on_case!(
    ReportCompliance,
    "report-compliance",
    Actors::SUBJECT_ONLY,
    |given, state| {
        check_stands(state)?;
        Ok(vec![
            ComplianceReported {
                account: given.account.map(Sealed::from),
            }
            .into(),
        ])
    }
);

command! {
    /// Accepts that the direction is complied with.
    AcceptCompliance {}
}
on_case!(
    AcceptCompliance,
    "accept-compliance",
    SECRETARY_OF_STATE,
    |_given, state| {
        check_stands(state)?;
        Ok(vec![ComplianceAccepted {}.into()])
    }
);

command! {
    /// Records that the direction is not complied with.
    RecordNonCompliance {
        /// Why. It is sealed.
        reasons: Option<PlainText>,
    }
}
on_case!(
    RecordNonCompliance,
    "record-non-compliance",
    SECRETARY_OF_STATE,
    |given, state| {
        check_stands(state)?;
        Ok(vec![
            NonComplianceRecorded {
                reasons: given.reasons.map(Sealed::from),
            }
            .into(),
        ])
    }
);

command! {
    /// Withdraws the direction.
    WithdrawDirection {
        /// Why, for publication. Names no person.
        note: Option<PublicText>,
    }
}
on_case!(
    WithdrawDirection,
    "withdraw-direction",
    SECRETARY_OF_STATE,
    |given, state| {
        check_stands(state)?;
        Ok(vec![DirectionWithdrawn { note: given.note }.into()])
    }
);

command! {
    /// Records that a mandatory order was applied for (s.18(3)).
    SeekMandatoryOrder {
        /// The court and its reference, for publication.
        reference: PublicText,
    }
}
on_case!(
    SeekMandatoryOrder,
    "seek-mandatory-order",
    SECRETARY_OF_STATE,
    |given, state| {
        if state.order_sought.is_some() {
            return Err(Refusal::already("An order has already been applied for."));
        }
        Ok(vec![
            MandatoryOrderSought {
                reference: given.reference,
            }
            .into(),
        ])
    }
);

command! {
    /// Records that the court made a mandatory order (s.18(3)).
    RecordMandatoryOrder {
        /// The court and its reference, for publication.
        reference: PublicText,
    }
}
on_case!(
    RecordMandatoryOrder,
    "record-mandatory-order",
    SECRETARY_OF_STATE,
    |given, state| {
        if state.order_made.is_some() {
            return Err(Refusal::already("The order is already made."));
        }
        Ok(vec![
            MandatoryOrderMade {
                reference: given.reference,
            }
            .into(),
        ])
    }
);

commands! {
    /// The commands on a direction.
    DirectionCommand of Direction {
        RecordFinding, RecordSatisfaction, AnswerConsent, IssueDirection, VaryDirection,
        ReportCompliance, AcceptCompliance, RecordNonCompliance, WithdrawDirection,
        SeekMandatoryOrder, RecordMandatoryOrder,
    }
}

/// Names a direction's stream.
#[must_use]
pub fn stream(id: StreamId) -> Stream {
    Stream::new(Direction::TYPE, id)
}

/// The rows a direction, or its variation, does not meet (s.18).
fn directing(before: &DirectionState, scene: &Scene<'_>) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    // A decision rests on what the Secretary of State and the Welsh Ministers recorded themselves; a
    // past fact on what is told of them.
    let counts = |at: &Shown| at.own() || scene.past_fact;
    if !before.satisfied.as_ref().is_some_and(counts) {
        unmet.push(Unmet::new(
            "R-129.1",
            "The Secretary of State has not recorded being satisfied that this authority failed \
             in this duty in this area.",
            "Record the satisfaction, naming authority, duty and area, first.",
        ));
    }
    let authority = before
        .authority
        .and_then(|id| scene.world.authorities.get(&id));
    let (Some(authority), Some(duty)) = (authority, before.duty) else {
        return unmet;
    };
    let class = authority
        .capacity
        .map_or(Class::Other, crate::Capacity::class);
    if !duty.may_be_directed(class) {
        unmet.push(Unmet::new(
            "R-129.1",
            format!(
                "s.18(1) does not list s.{} for this kind of authority.",
                duty.section()
            ),
            "No direction can be given for this duty; use the means the department has otherwise.",
        ));
    }
    if authority.held_by.is_some_and(HeldBy::beyond_direction) {
        unmet.push(Unmet::new(
            "R-129.2",
            "s.18(5) puts the holder of this office beyond direction.",
            "The Secretary of State uses existing means instead.",
        ));
    }
    let consent = before.welsh_consent.as_ref();
    let consented = consent.is_some_and(|c| c.given && counts(&c.at));
    if authority.devolved_welsh_authority.is_some() && !consented {
        unmet.push(Unmet::new(
            "A-18.4",
            "The Welsh Ministers have not consented to a direction to this devolved Welsh \
             authority.",
            "Ask the Welsh Ministers to record their consent first.",
        ));
    }
    unmet
}

impl StreamKind for Direction {
    const TYPE: StreamType = StreamType::of("direction");
    const NAME: &'static str = "direction";
    type Event = DirectionEvent;
    type State = DirectionState;
    type Command = DirectionCommand;

    fn evolve(state: &mut DirectionState, entry: &Envelope<DirectionEvent>) {
        let at = shown(entry);
        let is_step = entry.payload.is_step();
        if is_step && state.own_steps && !at.own() {
            return;
        }
        state.own_steps |= is_step && at.own();
        match &entry.payload {
            DirectionEvent::DirectionCaseOpened(e) => {
                state.open((e.authority, e.duty, e.area), e.partnership, at);
            }
            DirectionEvent::FindingRecorded(e) => {
                state.open((e.authority, e.duty, e.area), e.partnership, at);
                state.findings.push(Finding {
                    by: entry.standing.principal.kind,
                    at,
                    mark: entry.standing.past_fact.as_ref().map(|p| p.mark),
                });
            }
            DirectionEvent::SecretaryOfStateSatisfied(e) => {
                state.open((e.authority, e.duty, e.area), e.partnership, at);
                state.begin_anew();
                state.satisfied = Some(at);
            }
            DirectionEvent::WelshConsentAnswered(e) => {
                state.welsh_consent = Some(Consent { given: e.given, at });
            }
            DirectionEvent::DirectionIssued(DirectionIssued {
                comply_by,
                requires,
            })
            | DirectionEvent::DirectionVaried(DirectionVaried {
                comply_by,
                requires,
            }) => {
                state.directed = Some(Directed {
                    at,
                    comply_by: *comply_by,
                    requires: requires.clone(),
                    // A variation is a further direction: consent is given to each.
                    welsh_consent: state.welsh_consent.take(),
                });
                state.compliance_reported = None;
                state.not_complied = None;
                state.withdrawn = None;
                state.complied = None;
                // An order enforces the direction before.
                state.order_sought = None;
                state.order_made = None;
            }
            DirectionEvent::ComplianceReported(_) => {
                state.compliance_reported = Some(at);
                state.not_complied = None;
            }
            DirectionEvent::ComplianceAccepted(_) => state.complied = Some(at),
            DirectionEvent::NonComplianceRecorded(_) => {
                state.not_complied = Some(at);
                state.compliance_reported = None;
            }
            DirectionEvent::DirectionWithdrawn(_) => {
                state.withdrawn = Some(at);
                // Another direction begins anew: with satisfaction, and any order for its own breach.
                state.satisfied = None;
                state.order_sought = None;
                state.order_made = None;
            }
            DirectionEvent::MandatoryOrderSought(_) => state.order_sought = Some(at),
            DirectionEvent::MandatoryOrderMade(_) => state.order_made = Some(at),
            DirectionEvent::EntryCorrected(_) | DirectionEvent::ListClosed(_) => {}
        }
    }

    fn unmet(event: &DirectionEvent, before: &DirectionState, scene: &Scene<'_>) -> Vec<Unmet> {
        let counts = |at: &Shown| at.own() || scene.past_fact;
        match event {
            DirectionEvent::FindingRecorded(e) => {
                let capacity = scene
                    .world
                    .authorities
                    .get(&e.authority)
                    .and_then(|a| a.capacity);
                let specified = capacity.is_some_and(|c| c.class() == Class::Specified);
                if scene.principal.kind == PrincipalKind::LocalPolicingBody && !specified {
                    vec![Unmet::new(
                        "A-14.3",
                        "A local policing body monitors specified authorities alone.",
                        "An inspectorate may record a finding about another authority.",
                    )]
                } else {
                    Vec::new()
                }
            }
            DirectionEvent::DirectionIssued(_) | DirectionEvent::DirectionVaried(_) => {
                directing(before, scene)
            }
            DirectionEvent::MandatoryOrderMade(_) => {
                if before.order_sought.as_ref().is_some_and(counts) {
                    Vec::new()
                } else {
                    vec![Unmet::new(
                        "R-130.1",
                        "No application for an order is recorded.",
                        "Record first that the order was applied for.",
                    )]
                }
            }
            DirectionEvent::MandatoryOrderSought(_) => {
                let directed = before.directed.as_ref().is_some_and(|d| counts(&d.at));
                if before.stands() && directed && before.not_complied.as_ref().is_some_and(counts) {
                    Vec::new()
                } else {
                    vec![Unmet::new(
                        "R-130.1",
                        "An order enforces a direction that stands and is recorded as not \
                         complied with.",
                        "Record the non-compliance first.",
                    )]
                }
            }
            DirectionEvent::DirectionCaseOpened(_)
            | DirectionEvent::SecretaryOfStateSatisfied(_)
            | DirectionEvent::WelshConsentAnswered(_)
            | DirectionEvent::ComplianceReported(_)
            | DirectionEvent::ComplianceAccepted(_)
            | DirectionEvent::NonComplianceRecorded(_)
            | DirectionEvent::DirectionWithdrawn(_)
            | DirectionEvent::EntryCorrected(_)
            | DirectionEvent::ListClosed(_) => Vec::new(),
        }
    }

    fn concerns(state: &DirectionState, authority: StreamId) -> bool {
        state.authority == Some(authority)
    }

    fn gated(event: &DirectionEvent) -> bool {
        matches!(
            event,
            DirectionEvent::FindingRecorded(_)
                | DirectionEvent::DirectionIssued(_)
                | DirectionEvent::DirectionVaried(_)
                | DirectionEvent::MandatoryOrderSought(_)
                | DirectionEvent::MandatoryOrderMade(_)
        )
    }

    fn recordable_by(event: &DirectionEvent) -> (Actors, Option<StreamId>) {
        match event {
            DirectionEvent::FindingRecorded(e) => (RecordFinding::ACTORS, Some(e.authority)),
            DirectionEvent::WelshConsentAnswered(_) => (AnswerConsent::ACTORS, None),
            DirectionEvent::ComplianceReported(_) => (Actors::SUBJECT_ONLY, None),
            _ => (SECRETARY_OF_STATE, None),
        }
    }

    fn partnership(_: StreamId, state: &DirectionState) -> Option<StreamId> {
        state.partnership
    }
}

impl DirectionEvent {
    /// The authority, the duty and the area of the case, which every entry that may be its first names.
    #[must_use]
    pub const fn case(&self) -> Option<TriggerKey> {
        match self {
            Self::DirectionCaseOpened(e) => Some((e.authority, e.duty, e.area)),
            Self::FindingRecorded(e) => Some((e.authority, e.duty, e.area)),
            Self::SecretaryOfStateSatisfied(e) => Some((e.authority, e.duty, e.area)),
            _ => None,
        }
    }

    /// Whether it is a step of the case, which is taken by one and may be told of by others.
    #[must_use]
    pub const fn is_step(&self) -> bool {
        !matches!(
            self,
            Self::DirectionCaseOpened(_)
                | Self::FindingRecorded(_)
                | Self::EntryCorrected(_)
                | Self::ListClosed(_)
        )
    }
}

impl DirectionState {
    /// Being satisfied once more, after a direction is complied with or withdrawn, is of another
    /// failure.
    fn begin_anew(&mut self) {
        let Some(closed) = self.closed() else { return };
        self.earlier_closed = Some(closed);
        self.directed = None;
        self.compliance_reported = None;
        self.complied = None;
        self.not_complied = None;
        self.withdrawn = None;
        self.order_sought = None;
        self.order_made = None;
    }

    /// What the case is about, which every entry that may be its first says alike.
    fn open(
        &mut self,
        (who, duty, area): (StreamId, Duty, StreamId),
        partnership: Option<StreamId>,
        at: Shown,
    ) {
        self.opened = self.opened.or(Some(at));
        self.authority = Some(who);
        self.duty = Some(duty);
        self.area = Some(area);
        self.partnership = self.partnership.or(partnership);
    }
}
