//! One shape for every operation under `/v1`.

use std::pin::Pin;
use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::generate::in_context;
use aide::openapi::Operation;
use aide::transform::TransformOperation;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::ask::Ask;
use crate::problem::Problem;

/// What an operation comes to.
pub(crate) type Outcome = Result<Response, Problem>;
type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;
/// How an operation is carried out.
pub(crate) type Run = Arc<dyn Fn(App, Ask) -> Running + Send + Sync>;

/// Makes a function an operation.
pub(crate) fn run<F, Fut>(function: F) -> Run
where
    F: Fn(App, Ask) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    Arc::new(move |app, ask| Box::pin(function(app, ask)))
}

type Handled = Pin<Box<dyn Future<Output = Outcome> + Send>>;

fn handler(run: Run) -> impl Fn(State<App>, Ask) -> Handled + Clone + Send + Sync + 'static {
    move |State(app), ask| run(app, ask)
}

/// Adds an operation that records.
pub(crate) fn post(
    router: ApiRouter<App>,
    path: &str,
    run: Run,
    describe: impl FnOnce(&mut Operation, &mut aide::generate::GenContext),
) -> ApiRouter<App> {
    router.api_route(path, post_with(handler(run), |op| described(op, describe)))
}

/// Adds an operation that reads.
pub(crate) fn get(
    router: ApiRouter<App>,
    path: &str,
    run: Run,
    describe: impl FnOnce(&mut Operation, &mut aide::generate::GenContext),
) -> ApiRouter<App> {
    router.api_route(path, get_with(handler(run), |op| described(op, describe)))
}

fn described<'t>(
    mut op: TransformOperation<'t>,
    describe: impl FnOnce(&mut Operation, &mut aide::generate::GenContext),
) -> TransformOperation<'t> {
    in_context(|ctx| describe(op.inner_mut(), ctx));
    op
}
