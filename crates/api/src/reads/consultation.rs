//! The consultation on a version of a strategy: who was asked, who answered, who was not asked.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_application::access::Sight;
use dutyledger_domain::Capacity;
use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::strategy::{Consultation, Version};
use dutyledger_record::StreamId;

use super::past;
use super::seen::Seer;
use super::state::{AsOf, StateQuery, answer, answer_in_part, as_asked, current};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::Problem;

/// What the consultation may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConsultationQuery {
    /// Wait, for 5 seconds at the most, until the answer holds up to this position.
    #[serde(default)]
    wait_for: Option<u64>,
}

/// The consultation on a version.
#[derive(Debug, Serialize, JsonSchema)]
struct ConsultationStated {
    /// The strategy.
    strategy: StreamId,
    /// The version.
    version: u32,
    /// Who was consulted, and who responded. What they said is sealed.
    consultation: Consultation,
    /// The authorities to be consulted that were not, by the consultation list and the areas as true
    /// on the date of adoption, or today where it is not adopted; only for those who read the
    /// partnership's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<BTreeMap<StreamId, Capacity>>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let consultation = Read {
        path: "/v1/strategies/{id}/versions/{n}/consultation",
        id: "readConsultation",
        tag: "Strategies",
        summary: "Read the consultation on a version",
        about: "Who was consulted, who responded, and which relevant authorities to be consulted \
                are not. A consultee sees its own part.\n\nRests on ss.8(4) and 9(4), R-10.6.",
    };
    add::<ConsultationQuery, ConsultationStated, _, _>(router, consultation, read)
}

async fn read(app: App, ask: Ask, query: ConsultationQuery) -> Outcome {
    let number: u32 = ask.path("n")?;
    let current = current::<Strategy>(&app, ask.path("id")?, query.wait_for).await?;
    let mut seer = Seer::new(&app, ask.principal);
    let (state, sight) = seer
        .strategy(&current.state)
        .await?
        .ok_or_else(Problem::absent)?;
    let version = state.versions.get(&number).ok_or_else(Problem::absent)?;
    let found = as_asked::<Strategy>(&app, current, &StateQuery::default()).await?;
    let stated = |missing| ConsultationStated {
        strategy: found.id,
        version: number,
        consultation: version.consultation.clone(),
        missing,
    };
    if sight == Sight::Part {
        return answer_in_part(found.position, &stated(None));
    }
    let missing = match state.partnership {
        Some(partnership) => Some(missing(&app, partnership, version, seer.today).await?),
        None => None,
    };
    Ok(answer(found.version, found.position, stated(missing)))
}

/// Who was to be consulted on a version and was not: by the partnership's list and its areas as true
/// on the date it was adopted, or today where it is not adopted, as known now.
async fn missing(
    app: &App,
    partnership: StreamId,
    version: &Version,
    today: NaiveDate,
) -> Result<BTreeMap<StreamId, Capacity>, Problem> {
    let adopted = version.adopted.as_ref();
    let as_of = AsOf {
        on: adopted.map_or(today, |adoption| adoption.at.on),
        known_at: app.bus.ledger().head(),
    };
    let world = past::world(app, partnership, as_of).await?;
    let state = world.partnerships.get(&partnership);
    let mut missing = state
        .map(|p| p.to_be_consulted(&world, as_of.on))
        .unwrap_or_default();
    missing.retain(|id, _| !version.consultation.consulted.contains_key(id));
    Ok(missing)
}
