use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::problem::Problem;

/// The one name in a path, such as an item's id, with our own error body where it is none.
pub struct Name(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        name.map(|Path(name)| Self(name)).map_err(|error| {
            let message = format!("the path cannot be read: {}: send its bytes as UTF-8, %-encoded", error.body_text());
            Problem::new(StatusCode::BAD_REQUEST, "bad_path", message)
        })
    }
}
