//! Reads.

pub(crate) mod seen;

use aide::axum::ApiRouter;

use crate::app::App;

pub(crate) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    router
}
