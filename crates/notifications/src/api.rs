//! Asking JetStream. Questions and answers are plain JSON: what a server adds or leaves out is seen,
//! where types of the client would drop it.

use async_nats::jetstream::Context;
use serde_json::Value;

/// Why JetStream did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// It said no.
    #[error("{question}: {description} ({code})")]
    Refused {
        question: String,
        /// JetStream's own code of the error, or the HTTP-like one.
        code: u64,
        description: String,
    },
    /// It said nothing, or nothing that can be understood.
    #[error("{question}: {cause}")]
    Unanswered { question: String, cause: String },
}

impl ApiError {
    /// There is no JetStream for this account, or none at all.
    pub(crate) fn is_no_jetstream(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: 10_035 | 10_039 | 10_076,
                ..
            }
        )
    }

    /// No such stream.
    pub(crate) fn is_no_stream(&self) -> bool {
        matches!(self, Self::Refused { code: 10_059, .. })
    }
}

pub(crate) async fn ask(js: &Context, question: &str, about: &Value) -> Result<Value, ApiError> {
    let answer: Result<Value, _> = js.request(question.to_owned(), about).await;
    let answer = answer.map_err(|error| ApiError::Unanswered {
        question: question.to_owned(),
        cause: error.to_string(),
    })?;
    let Some(error) = answer.get("error").filter(|error| !error.is_null()) else {
        return Ok(answer);
    };
    let code = error["err_code"]
        .as_u64()
        .or_else(|| error["code"].as_u64());
    Err(ApiError::Refused {
        question: question.to_owned(),
        code: code.unwrap_or(0),
        description: error["description"]
            .as_str()
            .unwrap_or("no reason")
            .to_owned(),
    })
}
