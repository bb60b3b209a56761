//! Commands on areas.

use aide::axum::ApiRouter;
use serde_json::json;

use dutyledger_domain::streams::Area;
use dutyledger_domain::streams::area::{
    AmendArea, EndAuthority, RecordAreaCode, RecordAuthorities, RegisterArea, SucceedArea, area_id,
};

use super::table::Table;
use crate::app::App;

const ID: &str = "0198d0c2-6f00-7000-8000-000000000001";

// A table: one line each.
#[rustfmt::skip]
pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    Table::<Area>::new(router, "Areas", "/v1/areas")
        .opens_named::<RegisterArea>("/v1/areas", |p| area_id(p.country, p.name.as_str()), "Register an area", "s.11(4)", json!({ "country": "england", "kind": "district", "name": "Example District" }))
        .on::<AmendArea>("amendments", "Change an area's particulars", "s.11(4)", json!({ "kind": "district", "name": "Example District" }))
        .on::<RecordAreaCode>("codes", "Record a code of an area", "s.11(4)", json!({ "scheme": "gss", "code": "E07000999", "from": "2020-04-01" }))
        .on::<RecordAuthorities>("authorities", "Record authorities for an area", "ss.11, 12 and 14", json!({ "authorities": [{ "authority": ID, "from": "2023-01-31" }] }))
        .on::<EndAuthority>("authority-endings", "Record that an authority ended for an area", "ss.11, 12 and 14", json!({ "authority": ID, "until": "2026-03-31" }))
        .on::<SucceedArea>("successions", "Record that another area took an area's place", "s.11(4)", json!({ "successor": ID }))
        .corrections()
}
