//! The commands on a strategy, as one type, and what several of them share.

use super::state::{Action, StrategyState, Version};
use super::{
    AdoptVersion, AgreeAction, AmendStrategy, AssessActionCost, ClaimException, CloseConsultation,
    CompleteReview, ConsiderMaterial, ConsultAuthorities, DeclineAction, DetermineObjection,
    DraftStrategy, EndException, IdentifyCauses, IdentifyKinds, LeaveOutAction, LinkAssessments,
    OpenConsultation, ProgressAction, ProposeAction, PublishVersion, RaiseObjection,
    RecordCausesUnknown, RecordEngagement, RecordEqualityAssessment, RecordEqualityMonitoring,
    RecordResponse, RecordStrategyPosition, RemoveMaterial, SetActionDate, StartRevision, Strategy,
    SupersedeStrategy,
};
use crate::decide::commands;
use crate::refusal::Refusal;
use crate::values::{ItemId, in_words};

commands! {
    /// The commands on a strategy.
    StrategyCommand of Strategy {
        DraftStrategy, AmendStrategy, LinkAssessments, IdentifyKinds, IdentifyCauses,
        RecordCausesUnknown, OpenConsultation, ConsultAuthorities, RecordResponse,
        CloseConsultation, RecordEngagement, RecordEqualityAssessment, RecordEqualityMonitoring,
        ProposeAction, LeaveOutAction, AgreeAction, DeclineAction, ClaimException, EndException, AssessActionCost,
        SetActionDate, ProgressAction, ConsiderMaterial, RemoveMaterial, RaiseObjection,
        DetermineObjection, RecordStrategyPosition, AdoptVersion, PublishVersion, CompleteReview,
        StartRevision, SupersedeStrategy,
    }
}

/// The version a command names.
pub(super) fn version(state: &StrategyState, number: u32) -> Result<&Version, Refusal> {
    state.versions.get(&number).ok_or_else(|| {
        Refusal::not_found(format!("The strategy has no version {number}."))
            .at("/particulars/version")
    })
}

/// The version a command would change: one that is still being prepared.
pub(super) fn version_in_preparation(
    state: &StrategyState,
    number: u32,
) -> Result<&Version, Refusal> {
    not_superseded(state)?;
    let version = version(state, number)?;
    match &version.adopted {
        Some(adoption) => Err(Refusal::state(format!(
            "Version {number} was adopted on {} and does not change any more. Start a revision.",
            in_words(adoption.at.on)
        ))
        .at("/particulars/version")),
        None => Ok(version),
    }
}

pub(super) fn not_superseded(state: &StrategyState) -> Result<(), Refusal> {
    match &state.superseded {
        Some(superseded) => Err(Refusal::state(format!(
            "The strategy was superseded on {}.",
            in_words(superseded.at.on)
        ))),
        None => Ok(()),
    }
}

/// The action a command names.
pub(super) fn action(state: &StrategyState, id: ItemId) -> Result<&Action, Refusal> {
    state
        .actions
        .get(&id)
        .ok_or_else(|| Refusal::not_found("There is no such action.").at("/particulars/action"))
}
