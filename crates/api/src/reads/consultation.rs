//! The consultation on a version of a strategy: who was asked, who answered, who was not asked.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_application::access::Sight;
use dutyledger_domain::Capacity;
use dutyledger_domain::streams::Strategy;
use dutyledger_domain::streams::strategy::Consultation;
use dutyledger_record::StreamId;

use super::seen::Seer;
use super::state::{StateQuery, answer, find};
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
    /// The relevant authorities to be consulted that are not, on the date of adoption or today;
    /// only for those who read the partnership's record.
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
    let query = StateQuery {
        wait_for: query.wait_for,
        ..StateQuery::default()
    };
    let found = find::<Strategy>(&app, ask.path("id")?, &query).await?;
    let mut seer = Seer::new(&app, ask.principal);
    let (state, sight) = seer
        .strategy(&found.state)
        .await?
        .ok_or_else(Problem::absent)?;
    let version = state.versions.get(&number).ok_or_else(Problem::absent)?;
    let missing = match (sight, state.partnership) {
        (Sight::Whole, Some(partnership)) => {
            let on = version
                .adopted
                .as_ref()
                .map_or(seer.today, |adoption| adoption.at.on);
            let world = seer.world_of(partnership).await?;
            let to_be = world
                .partnerships
                .get(&partnership)
                .map(|p| p.to_be_consulted(&world, on));
            let mut missing = to_be.unwrap_or_default();
            missing.retain(|id, _| !version.consultation.consulted.contains_key(id));
            Some(missing)
        }
        _ => None,
    };
    let consultation = version.consultation.clone();
    let stated = ConsultationStated {
        strategy: found.id,
        version: number,
        consultation,
        missing,
    };
    Ok(answer(found.version, found.position, stated))
}
