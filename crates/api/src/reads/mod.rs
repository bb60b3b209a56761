//! Reads: what is so, what was so, and what follows from it.

mod areas;
mod assessments;
pub(crate) mod audit;
mod authorities;
mod calendar;
mod consultation;
mod directions;
pub(crate) mod entries;
pub(crate) mod exports;
mod feed;
mod keys;
mod marks;
mod me;
mod obligations;
mod page;
mod partnerships;
mod past;
pub(crate) mod proofs;
mod reviews;
mod rules;
pub(crate) mod seen;
mod state;
mod strategies;
mod table;
mod timeline;
mod triggers;

use aide::axum::ApiRouter;

use crate::app::App;

pub(crate) use calendar::{
    CALENDARS, Calendars, address as calendar_address, principal as calendar_principal,
};
pub(crate) use entries::TextErased;

/// Every read.
pub(crate) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let router = me::routes(router);
    let router = areas::routes(router);
    let router = authorities::routes(router);
    let router = partnerships::routes(router);
    let router = timeline::routes(router);
    let router = assessments::routes(router);
    let router = strategies::routes(router);
    let router = consultation::routes(router);
    let router = directions::routes(router);
    let router = reviews::routes(router);
    let router = triggers::routes(router);
    let router = obligations::routes(router);
    let router = audit::routes(router);
    let router = proofs::routes(router);
    let router = exports::routes(router);
    let router = entries::routes(router);
    let router = feed::routes(router);
    let router = rules::routes(router);
    let router = calendar::routes(router);
    keys::routes(router)
}
