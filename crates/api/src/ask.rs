//! A request as the handlers see it.

use std::sync::{Mutex, PoisonError};

use axum::RequestPartsExt;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Query, RawPathParams, Request};
use axum::http::{HeaderMap, Method, Uri, header};
use serde::de::DeserializeOwned;

use aide::OperationInput;
use dutyledger_application::Under;
use dutyledger_ledger::request_digest;
use dutyledger_record::{Principal, canonical_json};

use crate::app::{App, Limits};
use crate::edge::principal_of;
use crate::problem::{Code, Problem};
use crate::waits::Ending;

/// A request with a key that holds.
pub(crate) struct Ask {
    pub(crate) principal: Principal,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    params: Vec<(String, String)>,
    limits: Limits,
    ending: Option<Ending>,
    /// Behind a lock only because a body cannot be shared, and this can.
    body: Mutex<Body>,
}

impl OperationInput for Ask {}

impl<S: Send + Sync> FromRequest<S> for Ask {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        // The layer before puts the principal here. A route it does not cover stays closed.
        let principal = parts.extensions.get::<Principal>().copied();
        let principal = principal.ok_or_else(|| Problem::plain(Code::Unauthenticated))?;
        let limits = parts
            .extensions
            .get::<Limits>()
            .copied()
            .unwrap_or_default();
        let ending = parts.extensions.get::<Ending>().cloned();
        let params = parts
            .extract::<RawPathParams>()
            .await
            .map_err(|_| Problem::absent())?
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Self {
            principal,
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            params,
            limits,
            ending,
            body: Mutex::new(body),
        })
    }
}

impl Ask {
    /// The limits the request is kept within.
    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    /// A part of the path. What is no id names nothing that is there.
    pub(crate) fn path<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        let found = self.params.iter().find(|(own, _)| own == name);
        found
            .and_then(|(_, value)| value.parse().ok())
            .ok_or_else(Problem::absent)
    }

    /// Completes when the server is to end; never where it is not served over connections.
    pub(crate) fn ending(&self) -> impl Future<Output = ()> + Send + use<> {
        let ending = self.ending.clone();
        async move {
            match ending {
                Some(mut ending) => ending.come().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Refuses whoever's key was revoked, or has expired, since the request was let in.
    pub(crate) async fn still_admitted(&self, app: &App) -> Result<(), Problem> {
        match principal_of(app, &self.headers).await? {
            Some(principal) if principal == self.principal => Ok(()),
            _ => Err(Problem::plain(Code::Unauthenticated)),
        }
    }

    /// The path as it was asked for.
    pub(crate) fn uri_path(&self) -> &str {
        self.uri.path()
    }

    /// The query as it was sent; empty where there is none.
    pub(crate) fn raw_query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The path and the query as they were asked for.
    pub(crate) fn address(&self) -> String {
        self.uri
            .path_and_query()
            .map_or_else(|| self.uri_path().to_owned(), ToString::to_string)
    }

    /// The query, every member of which is known.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        Query::<T>::try_from_uri(&self.uri)
            .map(|Query(query)| query)
            .map_err(|rejection| {
                let reason = rejection.body_text();
                let reason = reason
                    .rsplit_once("query string: ")
                    .map_or(&*reason, |(_, why)| why);
                Problem::new(
                    Code::MalformedRequest,
                    format!("The query cannot be read: {reason}."),
                )
            })
    }

    /// The version in `If-Match`, if there is one.
    pub(crate) fn if_match(&self) -> Result<Option<u64>, Problem> {
        let mut values = self.headers.get_all(header::IF_MATCH).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let version = value
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix('"')?.strip_suffix('"'))
            .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok());
        match (version, values.next()) {
            (Some(version), None) => Ok(Some(version)),
            _ => Err(Problem::member(
                Code::MalformedRequest,
                "If-Match",
                "If-Match takes one version in double quotes, such as \"4\". It takes neither a \
                 weak tag nor *.",
            )),
        }
    }

    /// Whether `If-None-Match` has a tag, compared as one that is weak.
    pub(crate) fn has_already(&self, tag: &str) -> bool {
        let all = self.headers.get_all(header::IF_NONE_MATCH).iter();
        let mut tags = all
            .filter_map(|one| one.to_str().ok())
            .flat_map(|all| all.split(','));
        tags.any(|one| one.trim().trim_start_matches("W/") == format!("\"{tag}\""))
    }

    /// The position in `Last-Event-ID`, if there is one.
    pub(crate) fn last_event_id(&self) -> Result<Option<u64>, Problem> {
        let Some(value) = self.headers.get("last-event-id") else {
            return Ok(None);
        };
        let position = value.to_str().ok().and_then(|text| text.parse().ok());
        position.map(Some).ok_or_else(|| {
            Problem::member(
                Code::MalformedRequest,
                "Last-Event-ID",
                "Last-Event-ID takes the id of an event: a position.",
            )
        })
    }

    /// The idempotency key, if there is one.
    pub(crate) fn idempotency_key(&self) -> Result<Option<String>, Problem> {
        let mut values = self.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let key = value.to_str().ok().filter(|text| {
            (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        });
        match (key, values.next()) {
            (Some(key), None) => Ok(Some(key.to_owned())),
            _ => Err(Problem::member(
                Code::MalformedRequest,
                "Idempotency-Key",
                "Idempotency-Key takes 1 to 200 visible ASCII characters.",
            )),
        }
    }

    /// Refuses a header this request has no use for and the caller would rely on.
    pub(crate) fn refuse_header(&self, name: &'static str, why: &str) -> Result<(), Problem> {
        if self.headers.contains_key(name) {
            return Err(Problem::member(Code::MalformedRequest, name, why));
        }
        Ok(())
    }

    /// The idempotency key with the digest of the whole request.
    pub(crate) fn under(&self, app: &App, body: &[u8]) -> Result<Option<Under>, Problem> {
        let Some(key) = self.idempotency_key()? else {
            return Ok(None);
        };
        let if_match = self
            .if_match()?
            .map(|version| version.to_string())
            .unwrap_or_default();
        let canonical = serde_json::from_slice(body)
            .ok()
            .and_then(|v| canonical_json(&v).ok());
        let digest = request_digest(
            &app.idempotency_key,
            &[
                self.method.as_str().as_bytes(),
                self.uri.path().as_bytes(),
                if_match.as_bytes(),
                canonical.as_ref().map_or(body, |text| text.as_bytes()),
            ],
        );
        Ok(Some(Under {
            key,
            digest,
            lasting: false,
        }))
    }

    /// The body: JSON, no larger than usual.
    pub(crate) async fn json_body(&mut self) -> Result<Vec<u8>, Problem> {
        self.json_body_within(self.limits.body_bytes).await
    }

    /// The body of an import.
    pub(crate) async fn import_body(&mut self) -> Result<Vec<u8>, Problem> {
        self.json_body_within(self.limits.import_bytes).await
    }

    async fn json_body_within(&mut self, most: usize) -> Result<Vec<u8>, Problem> {
        let content_type = self
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok());
        let essence = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
        if !essence.is_some_and(|text| text.eq_ignore_ascii_case("application/json")) {
            return Err(Problem::plain(Code::UnsupportedMediaType));
        }
        let length = self
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok());
        let too_large = || {
            Problem::new(
                Code::TooLarge,
                format!("The body has more than {most} bytes."),
            )
        };
        if length
            .and_then(|text| text.parse::<usize>().ok())
            .is_some_and(|found| found > most)
        {
            return Err(too_large());
        }
        // What cannot be read is either over the limit or broken off by the caller, who then does
        // not see the answer.
        let body = std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner));
        to_bytes(body, most)
            .await
            .map(Into::into)
            .map_err(|_| too_large())
    }
}
