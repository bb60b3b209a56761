//! Erasing sealed texts: for the operator, on the instruction of those who control the data.

use aide::axum::ApiRouter;
use axum::Json;
use axum::response::IntoResponse;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use dutyledger_application::erasure::Erase;
use dutyledger_domain::streams::erasure::ErasureGround;
use dutyledger_record::{EntryId, PrincipalKind};

use super::keys::{describe, refuse_headers};
use super::{NoQuery, Recorded};
use crate::app::App;
use crate::ask::Ask;
use crate::doc;
use crate::edge::to_its_end;
use crate::endpoint::{self, Outcome};
use crate::json;
use crate::problem::{Code, Problem, command_problem};
use crate::reads::TextErased;

/// The most members named at once.
const MEMBERS_MAX: usize = 200;

/// Sealed texts to erase.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewErasure {
    /// The JSON pointers of the sealed members within the record; all of the entry's where left out.
    /// Texts under the same key are erased together.
    #[serde(default)]
    #[schemars(length(max = 200))]
    members: Vec<String>,
    /// Why.
    ground: ErasureGround,
}

/// What is erased.
#[derive(Debug, Serialize, JsonSchema)]
struct ErasureShown {
    /// The entry. It stands as it was recorded, and every hash verifies.
    entry_id: EntryId,
    /// The members erased, and when.
    erased: Vec<TextErased>,
    /// The entry that tells of it; left out where it was erased before.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<Recorded>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let path = "/v1/entries/{entry_id}/erasures";
    endpoint::post(router, path, endpoint::run(erase), |op, ctx| {
        let description = "For the operator, on the instruction of those who control the data. It is \
                           recorded, with its ground and never a text, and then the key of the text \
                           is destroyed. This cannot be undone. Asked again, it answers the same.\
                           \n\nRests on L-2.";
        describe(
            op,
            ctx,
            path,
            "eraseSealedText",
            "Erase sealed texts of an entry",
            description,
        );
        let example = json!({ "members": ["/payload/reason"], "ground": "consent_withdrawn" });
        doc::body(op, ctx.schema.subschema_for::<NewErasure>(), example);
        let media = doc::media(ctx.schema.subschema_for::<ErasureShown>(), None);
        let content = Some(("application/json", media));
        let problems = [400, 401, 403, 404, 409, 413, 415, 422, 500, 503];
        doc::answers(op, 200, "It is erased.", content, &[], &problems);
    })
}

async fn erase(app: App, mut ask: Ask) -> Outcome {
    if ask.principal.kind != PrincipalKind::Operator {
        let why = "Only the operator erases sealed texts.";
        return Err(Problem::new(Code::NotPermitted, why));
    }
    refuse_headers(&ask)?;
    ask.query::<NoQuery>()?;
    let entry: EntryId = ask.path("entry_id")?;
    let body = ask.json_body().await?;
    let new: NewErasure = json::read(&body)?;
    if new.members.len() > MEMBERS_MAX {
        let detail = format!("Name at most {MEMBERS_MAX} members.");
        return Err(Problem::member(Code::Invalid, "/members", detail));
    }
    let erase = Erase {
        entry,
        members: new.members,
        ground: new.ground,
    };
    let (bus, operator) = (app.bus.clone(), ask.principal);
    let erased = to_its_end(async move { bus.erase(operator, erase).await }).await?;
    let erased = erased.map_err(command_problem)?;
    let members = erased.members.into_iter();
    let shown = ErasureShown {
        entry_id: entry,
        erased: members
            .map(|(member, erased_on): (String, NaiveDate)| TextErased { member, erased_on })
            .collect(),
        recorded: erased.answer.map(Into::into),
    };
    Ok(Json(shown).into_response())
}
