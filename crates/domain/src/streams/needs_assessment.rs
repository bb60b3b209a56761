//! A needs assessment: the evidence a strategy answers. It is guidance, not statute; the
//! Act asks for kinds and causes, which stand on the strategy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{Envelope, PublicText, Stream, StreamId, StreamType};

use super::shown;
use crate::decide::{Actors, Opens, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::scene::Scene;
use crate::values::{AssessmentPublication, Shown};

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NeedsAssessment;

/// Work on an assessment began. Opens the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeedsAssessmentOpened {
    /// The partnership.
    pub partnership: StreamId,
    /// Its title.
    pub title: PublicText,
}

/// The title changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeedsAssessmentAmended {
    /// The title from now on.
    pub title: PublicText,
}

/// A finding for publication: a driver, a cohort, a place, a trend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssessmentFindingRecorded {
    /// What was found.
    pub finding: PublicText,
}

/// A gap in data or intelligence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataGapRecorded {
    /// What is missing.
    pub gap: PublicText,
}

/// The assessment was completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeedsAssessmentCompleted {
    /// What was decided about publishing it.
    pub publication: AssessmentPublication,
}

events! {
    /// The events of a needs assessment.
    NeedsAssessmentEvent {
        NeedsAssessmentOpened, NeedsAssessmentAmended, AssessmentFindingRecorded, DataGapRecorded,
        NeedsAssessmentCompleted,
    }
}

/// What is known of a needs assessment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NeedsAssessmentState {
    /// The partnership.
    pub partnership: Option<StreamId>,
    /// Its title.
    pub title: Option<PublicText>,
    /// When work began.
    pub opened: Option<Shown>,
    /// What was found.
    pub findings: Vec<PublicText>,
    /// What is missing.
    pub data_gaps: Vec<PublicText>,
    /// When it was completed.
    pub completed: Option<Shown>,
    /// What was decided about publishing it.
    pub publication: Option<AssessmentPublication>,
}

/// Begins an assessment.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenNeedsAssessment {
    /// The partnership.
    pub partnership: StreamId,
    /// Its title.
    pub title: PublicText,
}

impl Particulars<NeedsAssessment> for OpenNeedsAssessment {
    const NAME: &'static str = "open-needs-assessment";
    const ACTORS: Actors = Actors::SPECIFIED;
    const OPENS: Opens = Opens::Yes;

    fn partnership(&self) -> Option<StreamId> {
        Some(self.partnership)
    }

    fn decide(
        self,
        _: &NeedsAssessmentState,
        scene: &Scene<'_>,
    ) -> Result<Vec<NeedsAssessmentEvent>, Refusal> {
        super::check_partnership(self.partnership, scene)?;
        Ok(vec![
            NeedsAssessmentOpened {
                partnership: self.partnership,
                title: self.title,
            }
            .into(),
        ])
    }
}

/// Changes the title.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendNeedsAssessment {
    /// The title from now on.
    pub title: PublicText,
}

impl Particulars<NeedsAssessment> for AmendNeedsAssessment {
    const NAME: &'static str = "amend-needs-assessment";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(
        self,
        _: &NeedsAssessmentState,
        _: &Scene<'_>,
    ) -> Result<Vec<NeedsAssessmentEvent>, Refusal> {
        Ok(vec![NeedsAssessmentAmended { title: self.title }.into()])
    }
}

/// Records a finding for publication.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordAssessmentFinding {
    /// What was found. Names no person.
    pub finding: PublicText,
}

impl Particulars<NeedsAssessment> for RecordAssessmentFinding {
    const NAME: &'static str = "record-assessment-finding";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(
        self,
        _: &NeedsAssessmentState,
        _: &Scene<'_>,
    ) -> Result<Vec<NeedsAssessmentEvent>, Refusal> {
        Ok(vec![
            AssessmentFindingRecorded {
                finding: self.finding,
            }
            .into(),
        ])
    }
}

/// Records a gap in data or intelligence.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordDataGap {
    /// What is missing. Names no person.
    pub gap: PublicText,
}

impl Particulars<NeedsAssessment> for RecordDataGap {
    const NAME: &'static str = "record-data-gap";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(
        self,
        _: &NeedsAssessmentState,
        _: &Scene<'_>,
    ) -> Result<Vec<NeedsAssessmentEvent>, Refusal> {
        Ok(vec![DataGapRecorded { gap: self.gap }.into()])
    }
}

/// Completes an assessment.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteNeedsAssessment {
    /// What was decided about publishing it.
    pub publication: AssessmentPublication,
}

impl Particulars<NeedsAssessment> for CompleteNeedsAssessment {
    const NAME: &'static str = "complete-needs-assessment";
    const ACTORS: Actors = Actors::SPECIFIED;

    fn decide(
        self,
        state: &NeedsAssessmentState,
        _: &Scene<'_>,
    ) -> Result<Vec<NeedsAssessmentEvent>, Refusal> {
        if state.completed.is_some() {
            return Err(Refusal::already("The assessment is already completed."));
        }
        Ok(vec![
            NeedsAssessmentCompleted {
                publication: self.publication,
            }
            .into(),
        ])
    }
}

commands! {
    /// The commands on a needs assessment.
    NeedsAssessmentCommand of NeedsAssessment {
        OpenNeedsAssessment, AmendNeedsAssessment, RecordAssessmentFinding, RecordDataGap,
        CompleteNeedsAssessment,
    }
}

/// Names a needs assessment's stream.
#[must_use]
pub fn stream(id: StreamId) -> Stream {
    Stream::new(NeedsAssessment::TYPE, id)
}

impl StreamKind for NeedsAssessment {
    const TYPE: StreamType = StreamType::of("needs-assessment");
    const NAME: &'static str = "needs-assessment";
    type Event = NeedsAssessmentEvent;
    type State = NeedsAssessmentState;
    type Command = NeedsAssessmentCommand;

    fn evolve(state: &mut NeedsAssessmentState, entry: &Envelope<NeedsAssessmentEvent>) {
        match &entry.payload {
            NeedsAssessmentEvent::NeedsAssessmentOpened(e) => {
                state.partnership = Some(e.partnership);
                state.title = Some(e.title.clone());
                state.opened = Some(shown(entry));
            }
            NeedsAssessmentEvent::NeedsAssessmentAmended(e) => state.title = Some(e.title.clone()),
            NeedsAssessmentEvent::AssessmentFindingRecorded(e) => {
                state.findings.push(e.finding.clone());
            }
            NeedsAssessmentEvent::DataGapRecorded(e) => state.data_gaps.push(e.gap.clone()),
            NeedsAssessmentEvent::NeedsAssessmentCompleted(e) => {
                state.completed = Some(shown(entry));
                state.publication = Some(e.publication);
            }
            NeedsAssessmentEvent::EntryCorrected(_) | NeedsAssessmentEvent::ListClosed(_) => {}
        }
    }

    fn unmet(_: &NeedsAssessmentEvent, _: &NeedsAssessmentState, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &NeedsAssessmentEvent) -> (Actors, Option<StreamId>) {
        (Actors::SPECIFIED, None)
    }

    fn partnership(_: StreamId, state: &NeedsAssessmentState) -> Option<StreamId> {
        state.partnership
    }
}
