use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::Tier;
use utoipa::ToSchema;

use super::body::Whole;
use super::problem::{Problem, ProblemBody};
use crate::service::{Ceiling, Service};
use crate::wire::scalar::{clip, rfc3339, timestamp};

/// The highest rung of the ladder that may serve.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Ladder)]
pub struct LadderView {
    /// `full` where nobody has set one.
    #[schema(example = "co_purchase")]
    pub ceiling: &'static str,
    /// Until when; absent: until it is set anew, or the server restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// When it was set; absent: it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// All rungs, best first.
    pub rungs: [&'static str; Tier::ALL.len()],
}

/// A ceiling to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LadderChange)]
pub struct LadderInput {
    /// A rung; `full` ends the restriction.
    #[schema(example = "co_purchase")]
    ceiling: String,
    /// Until when (RFC 3339); absent: until it is set anew, or the server restarts.
    until: Option<String>,
}

fn view(ceiling: Ceiling) -> Json<LadderView> {
    Json(LadderView {
        ceiling: ceiling.tier.name(),
        until: ceiling.until.map(rfc3339),
        since: ceiling.since.map(rfc3339),
        rungs: Tier::ALL.map(Tier::name),
    })
}

/// The highest rung that may serve
#[utoipa::path(get, path = "/v1/ladder", tag = "operations",
    responses(
        (status = 200, description = "The ceiling in force", body = LadderView),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    ))]
pub async fn get_ladder(State(service): State<Arc<Service>>) -> Json<LadderView> {
    view(service.ceiling())
}

/// Set the highest rung that may serve
///
/// For the case that the better rungs misbehave: answers come from this rung or a lower one at once, and say so
/// (`degraded.cause` is `manual`). Not kept over a restart.
#[utoipa::path(
    put, path = "/v1/ladder", tag = "operations", request_body = LadderInput,
    responses(
        (status = 200, description = "The ceiling in force now", body = LadderView),
        (status = 400, description = "The request is malformed", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn put_ladder(State(service): State<Arc<Service>>, body: Whole) -> Result<Json<LadderView>, Problem> {
    let bad = |message: String| Problem::new(StatusCode::BAD_REQUEST, "bad_value", message);
    let input: LadderInput = serde_json::from_slice(&body.bytes).map_err(|error| {
        bad(format!(
            "the body is no ceiling: {error}; send `{{\"ceiling\": \"co_purchase\"}}`, `until` if it is to end"
        ))
    })?;
    let tier = Tier::ALL.into_iter().find(|tier| tier.name() == input.ceiling).ok_or_else(|| {
        let rungs = Tier::ALL.map(Tier::name).join(", ");
        bad(format!("`{}` for `ceiling` is no rung: give one of {rungs}", clip(&input.ceiling)))
    })?;
    let until = input.until.as_deref().map(timestamp).transpose();
    let until = until.map_err(|error| bad(format!("`until` {error}: give a time such as 2026-01-31T12:00:00Z")))?;
    let now = service.now();
    if until.is_some_and(|until| until <= now) {
        return Err(bad(format!("`until` is over: it is {} now", rfc3339(now))));
    }
    Ok(view(service.set_ceiling(tier, until)))
}
