//! Refusals and errors as problem details (RFC 9457).

mod codes;
mod map;
mod page;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

pub use codes::Code;
pub(crate) use map::{command_problem, internal};
pub(crate) use page::page;

/// A member of the request that something is wrong with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MemberProblem {
    /// The JSON pointer of the member (RFC 6901); empty for the body as a whole. For a member of
    /// the query or a header, its name.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// A rule behind a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleProblem {
    /// The rule; see `/v1/rules/{id}`.
    pub rule: String,
    /// The section of the enacted Act, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The paragraph of the guidance, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<String>,
    /// What is missing or in the way.
    pub detail: String,
    /// What to do next.
    pub next: String,
    /// The JSON pointer of the member it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// A problem (RFC 9457), as it is sent.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Document {
    /// Where the problem is explained: `/problems/` and the code.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// A short title, the same for every problem of this code.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened this time, in plain English.
    pub(crate) detail: String,
    /// The code: stable, for programs.
    pub(crate) code: String,
    /// Names this occurrence.
    pub(crate) instance: String,
    /// The request's id, as in `X-Request-Id`.
    pub(crate) request_id: Uuid,
    /// The members something is wrong with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<MemberProblem>,
    /// The rules behind it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<RuleProblem>,
    /// The ledger's position when it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decided_at: Option<u64>,
    /// The date it was decided for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decided_for: Option<NaiveDate>,
    /// The day it was decided on, in Europe/London.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decided_on: Option<NaiveDate>,
}

/// A problem on its way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Its code.
    pub code: Code,
    /// The HTTP status: the code's own, save where something the request names is not there.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The members something is wrong with.
    pub errors: Vec<MemberProblem>,
    /// The rules behind it.
    pub rules: Vec<RuleProblem>,
    /// The ledger's position when it was decided.
    pub decided_at: Option<u64>,
    /// The date it was decided for.
    pub decided_for: Option<NaiveDate>,
    /// The day it was decided on.
    pub decided_on: Option<NaiveDate>,
    /// What the log is told and the caller is not.
    pub(crate) log: Option<Box<str>>,
}

/// How long a caller is asked to wait, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

impl Problem {
    /// A problem with no more to say than its code.
    #[must_use]
    pub fn plain(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    /// A problem.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into(),
            errors: Vec::new(),
            rules: Vec::new(),
            decided_at: None,
            decided_for: None,
            decided_on: None,
            log: None,
        }
    }

    /// Nothing is there, or nothing this principal may see: both answer alike, to the byte.
    #[must_use]
    pub fn absent() -> Self {
        Self::new(Code::NotFound, "There is nothing here that you can see.")
    }

    /// Something is wrong with a member.
    #[must_use]
    pub fn member(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let error = MemberProblem {
            pointer: pointer.into(),
            detail: detail.clone(),
        };
        Self {
            errors: vec![error],
            ..Self::new(code, detail)
        }
    }

    /// The document that is sent for a request.
    pub(crate) fn document(&self, request_id: Uuid) -> Document {
        Document {
            kind: format!("/problems/{}", self.code.name()),
            title: self.code.title().to_owned(),
            status: self.status,
            detail: self.detail.clone(),
            code: self.code.name().to_owned(),
            instance: format!("urn:uuid:{request_id}"),
            request_id,
            errors: self.errors.clone(),
            rules: self.rules.clone(),
            decided_at: self.decided_at,
            decided_for: self.decided_for,
            decided_on: self.decided_on,
        }
    }
}

impl aide::OperationOutput for Problem {
    type Inner = Self;
}

/// The outermost layer writes the body, for it knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        let headers = response.headers_mut();
        match self.code {
            Code::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::Busy | Code::InFlight | Code::NotThereYet | Code::TookTooLong => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}
