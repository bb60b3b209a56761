//! The API keys there are, for the operator.

use aide::axum::ApiRouter;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use dutyledger_projections::PAGE_ROWS_MAX;
use dutyledger_record::{KeyId, PrincipalKind, StreamId};

use super::page::{Filling, ListQuery, Listed, key};
use super::table::{Read, add};
use crate::app::App;
use crate::ask::Ask;
use crate::endpoint::Outcome;
use crate::problem::{Code, Problem, internal};

/// An API key, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
struct KeyShown {
    /// Its id.
    key_id: KeyId,
    /// The kind of principal it stands for.
    kind: String,
    /// The authority or the partnership, for kinds that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<StreamId>,
    /// What it is for.
    label: String,
    /// When it was issued.
    issued_at: DateTime<Utc>,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<DateTime<Utc>>,
}

pub(super) fn routes(router: ApiRouter<App>) -> ApiRouter<App> {
    let read = Read {
        path: "/v1/keys",
        id: "listKeys",
        tag: "Service",
        summary: "List API keys",
        about: "Every key that was issued, without its secret. For the operator.\n\nRests on L-2.",
    };
    add::<ListQuery, Listed<Vec<KeyShown>>, _, _>(router, read, list)
}

async fn list(app: App, ask: Ask, query: ListQuery) -> Outcome {
    if ask.principal.kind != PrincipalKind::Operator {
        return Err(Problem::new(
            Code::NotPermitted,
            "Only the operator lists keys.",
        ));
    }
    let (mut page, after) = Filling::begin(&app, "keys", &query).await?;
    let mut after: Option<KeyId> = key(after.as_deref())?;
    'rows: loop {
        let found = app
            .bus
            .ledger()
            .api_keys(after, PAGE_ROWS_MAX)
            .await
            .map_err(internal)?;
        let Some(last) = found.last() else { break };
        after = Some(last.key_id);
        for key in found {
            let shown = KeyShown {
                key_id: key.key_id,
                kind: key.kind,
                principal_id: key.principal_id,
                label: key.label,
                issued_at: key.issued_at,
                expires_at: key.expires_at,
                revoked_at: key.revoked_at,
            };
            if page.add(&key.key_id, shown) {
                break 'rows;
            }
        }
    }
    Ok(page.answer(&ask))
}
