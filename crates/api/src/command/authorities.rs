//! Commands on authorities.

use aide::axum::ApiRouter;
use serde_json::json;

use dutyledger_domain::streams::Authority;
use dutyledger_domain::streams::authority::{AmendAuthority, RegisterAuthority, SucceedAuthority};

use super::table::Table;
use crate::app::App;

// A table: one line each.
#[rustfmt::skip]
pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    Table::<Authority>::new(router, "Authorities", "/v1/authorities")
        .opens::<RegisterAuthority>("/v1/authorities", "Register an authority", "ss.11, 12 and 14, Schedules 1 and 2", json!({ "body": "Example District Council", "capacity": "local_authority" }))
        .on::<AmendAuthority>("amendments", "Change an authority's particulars", "s.18(4) and (5)", json!({ "body": "Example District Council", "held_by": "ordinary" }))
        .on::<SucceedAuthority>("successions", "Record that another authority took one's place", "s.11", json!({ "successor": "0198d0c2-6f00-7000-8000-000000000001" }))
        .corrections()
}
