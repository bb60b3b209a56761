//! Needs assessments.

use aide::axum::ApiRouter;

use dutyledger_domain::streams::{NeedsAssessment, NeedsAssessmentState};

use super::seen::Seer;
use super::state::{StateQuery, Stated, as_asked, current};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::Problem;

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let one_read = Read {
        path: "/v1/needs-assessments/{id}",
        id: "readNeedsAssessment",
        tag: "Needs assessments",
        summary: "Read a needs assessment",
        about: "Its findings and the gaps in its data. For those who read the partnership's record \
                and, once it is published, for everyone with a key.\n\nRests on R-14.1.",
    };
    add::<StateQuery, Stated<NeedsAssessmentState>, _, _>(router, one_read, one)
}

async fn one(app: App, ask: Ask, query: StateQuery) -> Outcome {
    let current = current::<NeedsAssessment>(&app, ask.path("id")?, query.wait_for).await?;
    let mut seer = Seer::new(&app, ask.principal);
    // What was once published and is so no longer is not shown as it was.
    if !seer.assessment(&current.state).await? {
        return Err(Problem::absent());
    }
    let found = as_asked::<NeedsAssessment>(&app, current, &query).await?;
    if seer.assessment(&found.state).await? {
        Ok(found.answer())
    } else {
        Err(Problem::absent())
    }
}
