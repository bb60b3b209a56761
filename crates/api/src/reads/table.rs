//! How a read is added and described.

use aide::OperationInput;
use aide::axum::ApiRouter;
use axum::extract::Query;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::ask::Ask;
use crate::doc::{self, Doc};
use crate::endpoint::{self, Outcome};

/// A read.
#[derive(Clone, Copy)]
pub(super) struct Read {
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
}

/// Adds a read with a query of type `Q` and an answer of type `R`.
pub(super) fn add<Q, R, F, Fut>(router: ApiRouter<App>, read: Read, function: F) -> ApiRouter<App>
where
    Q: JsonSchema + DeserializeOwned + Send + 'static,
    R: JsonSchema,
    F: Fn(App, Ask, Q) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    add_as::<Q, R, F, Fut>(router, read, "application/json", function)
}

/// Adds a read whose answer is of another media type than JSON.
pub(super) fn add_as<Q, R, F, Fut>(
    router: ApiRouter<App>,
    read: Read,
    media_type: &'static str,
    function: F,
) -> ApiRouter<App>
where
    Q: JsonSchema + DeserializeOwned + Send + 'static,
    R: JsonSchema,
    F: Fn(App, Ask, Q) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    let run = endpoint::run(move |app, ask: Ask| {
        // What cannot be read is refused before anything is looked up.
        let asked = ask.query::<Q>();
        let function = function.clone();
        async move { function(app, ask, asked?).await }
    });
    endpoint::get(router, read.path, run, |op, ctx| {
        let doc = Doc {
            id: read.id.to_owned(),
            tag: read.tag,
            summary: read.summary.to_owned(),
            description: read.about.to_owned(),
        };
        doc::describe(op, doc, read.path, ctx);
        Query::<Q>::operation_input(ctx, op);
        let media = doc::media(ctx.schema.subschema_for::<R>(), None);
        let position = (
            "Dutyledger-Position",
            "The position the answer holds up to.",
        );
        let content = Some((media_type, media));
        let problems: &[u16] = if read.path.contains('{') {
            &[400, 401, 404, 500, 503]
        } else {
            &[400, 401, 403, 500, 503]
        };
        doc::answers(op, 200, "The answer.", content, &[position], problems);
    })
}
