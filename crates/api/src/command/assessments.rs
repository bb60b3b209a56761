//! Commands on needs assessments.

use aide::axum::ApiRouter;
use serde_json::json;

use dutyledger_domain::streams::NeedsAssessment;
use dutyledger_domain::streams::needs_assessment::{
    AmendNeedsAssessment, CompleteNeedsAssessment, OpenNeedsAssessment, RecordAssessmentFinding,
    RecordDataGap,
};

use super::table::Table;
use crate::app::App;

const ID: &str = "0198d0c2-6f00-7000-8000-000000000001";

// A table: one line each.
#[rustfmt::skip]
pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    Table::<NeedsAssessment>::new(router, "Needs assessments", "/v1/needs-assessments")
        .opens::<OpenNeedsAssessment>("/v1/needs-assessments", "Begin a needs assessment", "R-14.1", json!({ "partnership": ID, "title": "Strategic needs assessment 2026" }))
        .on::<AmendNeedsAssessment>("amendments", "Change the title of a needs assessment", "R-14.1", json!({ "title": "Strategic needs assessment 2026" }))
        .on::<RecordAssessmentFinding>("findings", "Record a finding for publication", "paragraph 37 of the guidance", json!({ "finding": "Robbery rose in the night-time economy." }))
        .on::<RecordDataGap>("data-gaps", "Record a gap in data or intelligence", "paragraph 39 of the guidance", json!({ "gap": "No ambulance data before 2025." }))
        .on::<CompleteNeedsAssessment>("completion", "Complete a needs assessment", "R-14.1", json!({ "publication": "published" }))
        .corrections()
}
