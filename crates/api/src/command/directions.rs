//! Commands on directions.

use aide::axum::ApiRouter;
use serde_json::{Value, json};

use dutyledger_domain::streams::Direction;
use dutyledger_domain::streams::direction::{
    AcceptCompliance, AnswerConsent, IssueDirection, RecordFinding, RecordMandatoryOrder,
    RecordNonCompliance, RecordSatisfaction, ReportCompliance, SeekMandatoryOrder, VaryDirection,
    WithdrawDirection,
};

use super::table::Table;
use crate::app::App;

const ID: &str = "0198d0c2-6f00-7000-8000-000000000001";

fn case() -> Value {
    json!({ "authority": ID, "duty": "8(4)", "area": ID })
}

// A table: one line each.
#[rustfmt::skip]
pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    Table::<Direction>::new(router, "Directions", "/v1/directions")
        .opens::<RecordFinding>("/v1/findings", "Record a finding of failure", "s.14(2) and (3), A-14.3", case())
        .opens::<RecordSatisfaction>("/v1/satisfactions", "Record that the Secretary of State is satisfied of a failure", "s.18(1), R-129.1", case())
        .on::<RecordFinding>("findings", "Record a further finding on the same case", "s.14(2) and (3), A-14.3", case())
        .on::<RecordSatisfaction>("satisfactions", "Record satisfaction on the same case", "s.18(1), R-129.1", case())
        .on::<AnswerConsent>("consents", "Answer whether the Welsh Ministers consent", "s.18(4), A-18.4", json!({ "given": true }))
        .on::<IssueDirection>("issues", "Direct the authority", "s.18(1), (2), (4) and (5), R-129.1, R-129.2, A-18.4", json!({ "requires": "Consult every educational authority for the area on the strategy.", "comply_by": "2026-12-31" }))
        .on::<VaryDirection>("variations", "Vary the direction", "s.18(2)", json!({ "requires": "Consult every relevant authority for the area on the strategy." }))
        .on::<ReportCompliance>("compliance-reports", "Report that the authority has complied", "s.18(2)", json!({ "account": "Each authority was consulted." }))
        .on::<AcceptCompliance>("acceptances", "Accept that the direction is complied with", "s.18(2)", json!({}))
        .on::<RecordNonCompliance>("non-compliances", "Record that the direction is not complied with", "s.18(3), R-130.1", json!({ "reasons": "Two authorities were not consulted." }))
        .on::<WithdrawDirection>("withdrawal", "Withdraw the direction", "s.18(2)", json!({ "note": "The strategy was published." }))
        .on::<SeekMandatoryOrder>("order-applications", "Record that a mandatory order was applied for", "s.18(3), R-130.1", json!({ "reference": "High Court, reference AC-2026-LON-000000" }))
        .on::<RecordMandatoryOrder>("orders", "Record that a mandatory order was made", "s.18(3), R-130.1", json!({ "reference": "High Court, reference AC-2026-LON-000000" }))
        .corrections()
}
