#![expect(unused_qualifications, reason = "utoipa's `path` macro writes qualified names")]

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Problem, ProblemBody};
use crate::ingest::Letter;
use crate::service::{LettersError, Replayed, Service};

/// Letters listed unless told.
const DEFAULT_LIMIT: usize = 100;
/// Letters listed at most.
const MAX_LIMIT: usize = 10_000;

/// Which letters.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LettersQuery {
    /// Only those of this code: `too_late` or `in_future`.
    code: Option<String>,
    /// At most so many, 1 to 10,000; 100 unless told. Of listing only.
    limit: Option<usize>,
}

/// Dead letters, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Letters {
    /// The letters.
    pub letters: Vec<Letter>,
}

impl From<LettersError> for Problem {
    fn from(error: LettersError) -> Self {
        match error {
            LettersError::Submit(error) => error.into(),
            error @ LettersError::Io(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "dead_letters_unavailable", error.to_string())
            }
        }
    }
}

fn params(query: Result<Query<LettersQuery>, QueryRejection>) -> Result<LettersQuery, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad_query", error.body_text()))?;
    Ok(query)
}

/// Events that came too late or from the future
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "events", params(LettersQuery),
    responses(
        (status = 200, description = "The newest of them", body = Letters),
        (status = 400, description = "A query that is not understood", body = ProblemBody),
        (status = 503, description = "To be asked again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn get_dead_letters(
    State(service): State<Arc<Service>>,
    query: Result<Query<LettersQuery>, QueryRejection>,
) -> Result<Json<Letters>, Problem> {
    let query = params(query)?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    // Files are read: the thread's other requests go on elsewhere meanwhile.
    let letters = tokio::task::block_in_place(|| service.dead_letters(query.code.as_deref(), limit));
    let letters = letters.map_err(LettersError::from)?;
    Ok(Json(Letters { letters }))
}

/// Take dead letters after all
///
/// As history, of any age, oldest first, at most 10,000 at once. What is taken is no dead letter any more.
#[utoipa::path(
    post, path = "/v1/dead-letters/replay", tag = "events", params(LettersQuery),
    responses(
        (status = 200, description = "What became of them", body = Replayed),
        (status = 400, description = "A query that is not understood", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn replay_dead_letters(
    State(service): State<Arc<Service>>,
    query: Result<Query<LettersQuery>, QueryRejection>,
) -> Result<Json<Replayed>, Problem> {
    Ok(Json(service.replay_dead_letters(params(query)?.code.as_deref()).await?))
}
