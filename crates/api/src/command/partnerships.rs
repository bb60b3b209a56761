//! Commands on partnerships.

use aide::axum::ApiRouter;
use serde_json::json;

use dutyledger_domain::streams::Partnership;
use dutyledger_domain::streams::partnership::{
    AmendPartnership, ChooseRoute, DissolvePartnership, DrawUpConsultationList, EndRepresentative,
    FormPartnership, LeavePartnership, NameLead, NameRepresentative, ProposePartnership,
    RecogniseMember, RecordDecisionRule, RecordPartnershipPosition, SetAreas, StateCoverage,
    SucceedMember,
};

use super::table::Table;
use crate::app::App;

const ID: &str = "0198d0c2-6f00-7000-8000-000000000001";

// A table: one line each.
#[rustfmt::skip]
pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    Table::<Partnership>::new(router, "Partnerships", "/v1/partnerships")
        .opens::<ProposePartnership>("/v1/partnerships", "Propose a partnership", "ss.8(1), 9(1) and 11, R-26.1", json!({ "name": "Example Violence Prevention Partnership", "route": "community_safety_partnership", "areas": [ID] }))
        .on::<FormPartnership>("formation", "Form the partnership as proposed", "s.8(1), L-3", json!({}))
        .on::<AmendPartnership>("amendments", "Change the partnership's name", "s.8(1)", json!({ "name": "Example Violence Prevention Partnership" }))
        .on::<SetAreas>("areas", "Set the partnership's areas", "s.11, R-26.1", json!({ "areas": [ID] }))
        .on::<ChooseRoute>("routes", "Choose the structure it works through", "R-17.1", json!({ "route": "violence_reduction_unit", "detail": "Example Violence Reduction Unit" }))
        .on::<NameLead>("leads", "Name the authority that leads", "R-17.1", json!({ "authority": ID }))
        .on::<RecordDecisionRule>("decision-rules", "Record how the authorities decide together", "L-3", json!({ "decide_by": { "rule": "at_least", "count": 5 } }))
        .on::<RecordPartnershipPosition>("positions", "Record a position on a matter decided together", "L-3", json!({ "authority": ID, "on_matter": { "matter": "formation" }, "position": "agree" }))
        .on::<RecogniseMember>("members", "Recognise a member", "ss.8(6), 8(12), 11 and 15(3), R-19.3", json!({ "authority": ID }))
        .on::<SucceedMember>("member-successions", "Record that a successor took a member's place", "s.11", json!({ "authority": ID }))
        .on::<LeavePartnership>("departures", "Record that a member left", "A-11.6", json!({ "authority": ID }))
        .on::<NameRepresentative>("representatives", "Name a post that represents a member", "R-19.6", json!({ "authority": ID, "post": { "title": "Director of Public Health", "body": "Example District Council", "capacity": "local_authority" } }))
        .on::<EndRepresentative>("representative-endings", "Record that a post no longer represents a member", "R-19.6", json!({ "representative": ID }))
        .on::<DrawUpConsultationList>("consultation-lists", "Draw up the list of authorities to consult", "ss.8(4) and 9(4), R-10.6", json!({ "authorities": [ID] }))
        .on::<StateCoverage>("coverage", "State how far a history's sources reach", "L-4", json!({ "covers_until": "2024-01-31", "fictional": false }))
        .on::<DissolvePartnership>("dissolution", "Dissolve the partnership", "L-3, A-11.6", json!({ "note": "Two partnerships became one." }))
        .corrections()
}
