use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::in_force::Wrong;
use crate::ingest::SubmitError;
use crate::wire::{Code, Rejection};

/// When a caller that was turned away may try again, in seconds: queues empty within one.
const RETRY_AFTER_SECONDS: &str = "1";

/// Why a request got no answer. Every error of this server has this body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ProblemBody {
    /// The problem.
    pub error: ProblemDetail,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ErrorDetail)]
pub struct ProblemDetail {
    /// The kind of problem; stable.
    #[schema(example = "missing_field")]
    pub code: &'static str,
    /// What is wrong, and the remedy.
    pub message: String,
    /// The field at fault, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Everything that is wrong, one by one, where a config is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Wrong>,
}

/// A problem and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: ProblemDetail,
}

impl Problem {
    /// A problem with the request as a whole.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, detail: ProblemDetail { code, message: message.into(), field: None, errors: Vec::new() } }
    }

    /// The same, with everything that is wrong one by one.
    #[must_use]
    pub fn with_list(mut self, errors: Vec<Wrong>) -> Self {
        self.detail.errors = errors;
        self
    }

    /// Something that is asked for by name and is not there.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.code {
            Code::UnknownItem | Code::UnknownModel => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        let (code, message) = (rejection.code.name(), rejection.to_string());
        Self { status, detail: ProblemDetail { code, message, field: rejection.field, errors: Vec::new() } }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.name(), error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(ProblemBody { error: self.detail })).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_turned_away_is_told_when_to_come_again() {
        let response = Problem::from(SubmitError::Full(64)).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], RETRY_AFTER_SECONDS);
        let response = Problem::from(Rejection::missing("itemId", "name it")).into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(!response.headers().contains_key(header::RETRY_AFTER));
    }
}
