//! Who a key stands for.

use aide::axum::ApiRouter;
use axum::Json;
use axum::response::IntoResponse;

use dutyledger_record::Principal;

use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::command::NoQuery;
use crate::endpoint::Outcome;

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let me = Read {
        path: "/v1/me",
        id: "readMe",
        tag: "Service",
        summary: "Read who your key stands for",
        about: "The kind of principal, the authority or partnership it is bound to, and the key's \
                id.\n\nRests on L-2.",
    };
    add::<NoQuery, Principal, _, _>(router, me, read)
}

async fn read(_: App, ask: Ask, _: NoQuery) -> Outcome {
    Ok(Json(ask.principal).into_response())
}
