//! Commands on strategies.

use aide::axum::ApiRouter;
use serde_json::json;

use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::strategy::{
    AdoptVersion, AgreeAction, AmendStrategy, AssessActionCost, ClaimException, CloseConsultation,
    CompleteReview, ConsiderMaterial, ConsultAuthorities, DeclineAction, DetermineObjection,
    DraftStrategy, EndException, IdentifyCauses, IdentifyKinds, LeaveOutAction, LinkAssessments,
    OpenConsultation, ProgressAction, ProposeAction, PublishVersion, RaiseObjection,
    RecordCausesUnknown, RecordEngagement, RecordEqualityAssessment, RecordEqualityMonitoring,
    RecordResponse, RecordStrategyPosition, RemoveMaterial, SetActionDate, StartRevision,
    SupersedeStrategy,
};

use super::table::Table;
use crate::app::App;

const ID: &str = "0198d0c2-6f00-7000-8000-000000000001";

// A table: one line each.
#[rustfmt::skip]
pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let table = Table::<Strategy>::new(router, "Strategies", "/v1/strategies")
        .opens::<DraftStrategy>("/v1/strategies", "Draft a strategy", "ss.8(3)(c) and 9(3)(c)", json!({ "partnership": ID, "title": "Example strategy 2026 to 2029", "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false } }))
        .on::<AmendStrategy>("amendments", "Change the title of a strategy", "s.8(3)(c)", json!({ "title": "Example strategy 2026 to 2029" }))
        .on::<LinkAssessments>("assessments", "Name the needs assessments a version rests on", "R-14.1", json!({ "version": 1, "assessments": [ID] }))
        .on::<IdentifyKinds>("kinds", "Identify the kinds of serious violence", "s.8(3)(a), R-10.2, A-9.3", json!({ "version": 1, "kinds": [{ "category": "knife_crime" }, { "category": "robbery", "description": "Robbery of personal property" }] }))
        .on::<IdentifyCauses>("causes", "Identify the causes of serious violence", "s.8(3)(b), R-10.3, A-9.3", json!({ "version": 1, "causes": [{ "description": "Exclusion from education" }] }))
        .on::<RecordCausesUnknown>("unknown-causes", "Record why causes could not be identified", "s.8(3)(b), R-10.3", json!({ "version": 1, "why": "The data does not allow it yet." }))
        .on::<OpenConsultation>("consultations", "Open consultation on a version", "ss.8(4) and 9(4)", json!({ "version": 1, "responses_by": "2026-11-30" }))
        .on::<ConsultAuthorities>("consultees", "Consult authorities on a version", "ss.8(4) and 9(4), R-10.6, A-9.4a, A-9.4b", json!({ "version": 1, "authorities": [ID] }))
        .on::<RecordResponse>("responses", "Record what a consultee said", "s.8(4), R-10.6", json!({ "version": 1, "authority": ID, "response": "We support the draft." }))
        .on::<CloseConsultation>("consultation-closings", "Close consultation on a version", "s.8(4), L-6", json!({ "version": 1 }));
    rest(table).corrections()
}

#[rustfmt::skip]
fn rest(table: Table<Strategy>) -> Table<Strategy> {
    table
        .on::<RecordEngagement>("engagements", "Record whose views were gathered", "R-45.1", json!({ "version": 1, "group": "young_people" }))
        .on::<RecordEqualityAssessment>("equality-assessments", "Record due regard under the Equality Act 2010", "R-46.1", json!({ "version": 1 }))
        .on::<RecordEqualityMonitoring>("equality-monitorings", "Record that the effect on equality was monitored", "R-46.2", json!({ "version": 1 }))
        .on::<ProposeAction>("actions", "Propose an action", "s.8(5), R-31.1", json!({ "version": 1, "title": "Mentors in schools", "description": "Train and place mentors in secondary schools.", "owner": ID, "by": "2027-03-31", "authorities": ["0198d0c2-6f00-7000-8000-000000000002"] }))
        .on::<LeaveOutAction>("action-omissions", "Leave an action out of a version", "s.8(7)(c) and 8(11), A-8.7c", json!({ "version": 2, "action": ID }))
        .on::<AgreeAction>("agreements", "Agree an action", "s.15(4), R-31.1", json!({ "action": ID, "authority": ID }))
        .on::<DeclineAction>("refusals", "Decline an action", "s.15(4), R-31.1", json!({ "action": ID, "authority": ID, "reason": "We have no staff for it this year." }))
        .on::<ClaimException>("exceptions", "Claim an exception", "s.15(7) to (9), R-fn8.1, R-fn8.2, A-15.7-SA, A-15.9", json!({ "authority": ID, "duty": "15(4)", "ground": "unreasonable_costs", "action": ID, "cumulative_effect_considered": true }))
        .on::<EndException>("exception-ends", "Say that the ground of an exception has ceased", "s.15(7), R-fn8.1", json!({ "authority": ID, "duty": "15(4)", "action": ID }))
        .on::<AssessActionCost>("cost-assessments", "Record that the cost of an action was assessed", "R-44.2", json!({ "action": ID }))
        .on::<SetActionDate>("action-dates", "Give an action a date, or another", "s.15(2) and (4), R-10.5", json!({ "action": ID, "by": "2027-09-30", "reason": "The mentors are trained in the summer." }))
        .on::<ProgressAction>("progress", "Record how far an action has come", "s.8(3)(c)", json!({ "action": ID, "status": "started" }))
        .on::<ConsiderMaterial>("materials", "Record that material was considered", "s.8(8), A-8.8, A-9.9", json!({ "version": 1, "part": "Section 4, second table", "harms": ["safety"] }))
        .on::<RemoveMaterial>("material-removals", "Record that material was taken out", "s.8(8), A-8.8, A-9.9", json!({ "version": 1, "material": ID }))
        .on::<RaiseObjection>("objections", "Object to material", "s.8(8), L-5", json!({ "version": 1, "authority": ID, "part": "Section 4, second table" }))
        .on::<DetermineObjection>("determinations", "Determine an objection", "s.8(8), L-5", json!({ "version": 1, "objection": ID, "harms": [] }))
        .on::<RecordStrategyPosition>("positions", "Record a position on adopting a version", "L-3", json!({ "version": 1, "authority": ID, "position": "agree" }))
        .on::<AdoptVersion>("adoptions", "Adopt a version", "ss.8(3)(c) and 9(3)(c), L-3, L-5, L-6, R-10.2, R-10.3, R-10.6, R-14.1, R-31.1", json!({ "version": 1 }))
        .on::<PublishVersion>("publications", "Publish an adopted version", "ss.8(7)(a) and 9(8)(a), A-8.7a, L-1", json!({ "version": 1, "form": "stand_alone", "locator": "https://www.example.org/strategy.pdf" }))
        .on::<CompleteReview>("reviews", "Complete a review", "s.8(7)(b), A-8.7b, R-42.1", json!({ "version": 1, "scope": "whole", "decision": "no_change" }))
        .on::<StartRevision>("revisions", "Begin a revised version", "s.8(7)(c) and 8(11), A-8.7c, A-8.11", json!({}))
        .on::<SupersedeStrategy>("supersession", "Record that another strategy took its place", "s.8(3)(c)", json!({ "by": ID }))
}
