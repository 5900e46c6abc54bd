use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use uuid::Uuid;

use super::body::Whole;
use super::name::Name;
use super::problem::{Problem, ProblemBody};
use crate::decisions::Lookup;
use crate::service::Service;
use crate::wire::answer::Answer;
use crate::wire::features::{ItemFeatures, SessionFeatures, UserFeatures};
use crate::wire::request::RecommendationRequest;
use crate::wire::scalar::clip;

type RequestSchema = RecommendationRequest<'static>;

/// Ask for recommendations
///
/// Answers every well-formed request with 200 within its deadline, if need be with fewer items or none; `tier` and
/// `degraded` say which rung of the ladder served it and why. Items and cart in the request count at once.
#[utoipa::path(
    post, path = "/v1/recommendations", tag = "recommendations", request_body = RequestSchema,
    responses(
        (status = 200, description = "The answer", body = Answer),
        (status = 400, description = "The request is malformed", body = ProblemBody),
        (status = 408, description = "The request took longer than `server.request_timeout`", body = ProblemBody),
        (status = 413, description = "The body is larger than `server.max_body`", body = ProblemBody),
        (status = 415, description = "The body has a content encoding, such as gzip", body = ProblemBody),
    )
)]
pub async fn post_recommendations(State(service): State<Arc<Service>>, body: Whole) -> Result<Json<Answer>, Problem> {
    Ok(Json(service.recommend(&body.bytes).await?))
}

/// Look up a decision
///
/// Why each item was shown and why each other candidate was not. The newest `observability.decisions_kept` answers can
/// be looked up, and those that a rule with `audit: true` touched.
#[utoipa::path(
    get, path = "/v1/decisions/{requestId}", tag = "recommendations",
    params(("requestId" = String, Path, description = "The `requestId` of the answer")),
    responses(
        (status = 200, description = "The decision", body = Lookup),
        (status = 400, description = "Not a request id", body = ProblemBody),
        (status = 404, description = "Not kept, or never given", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn get_decision(State(service): State<Arc<Service>>, Name(id): Name) -> Result<Json<Lookup>, Problem> {
    let Ok(uuid) = Uuid::parse_str(&id) else {
        let message = format!("`{}` is no request id: give the `requestId` of an answer", clip(&id));
        return Err(Problem::new(axum::http::StatusCode::BAD_REQUEST, "bad_id", message));
    };
    let kept = service.in_force().config.observability.decisions_kept;
    service.decision(uuid).map(Json).ok_or_else(|| {
        let message = format!(
            "no decision `{uuid}`: the newest {kept} since the start are kept (`observability.decisions_kept`)"
        );
        Problem::not_found("unknown_decision", message)
    })
}

/// Read what is known of a visit
#[utoipa::path(
    get, path = "/v1/features/sessions/{id}", tag = "features",
    params(("id" = String, Path, description = "The visit")),
    responses(
        (status = 200, description = "What is known", body = SessionFeatures),
        (status = 404, description = "No event of this visit is known", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn get_session(
    State(service): State<Arc<Service>>,
    Name(id): Name,
) -> Result<Json<SessionFeatures>, Problem> {
    service.session(&id).map(|view| Json(view.into())).ok_or_else(|| unknown("session", &id))
}

/// Read what is known of a shopper
#[utoipa::path(
    get, path = "/v1/features/users/{id}", tag = "features",
    params(("id" = String, Path, description = "The shopper")),
    responses(
        (status = 200, description = "What is known", body = UserFeatures),
        (status = 404, description = "No event of this shopper is known", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn get_user(State(service): State<Arc<Service>>, Name(id): Name) -> Result<Json<UserFeatures>, Problem> {
    service.user(&id).await.map(|view| Json(view.into())).ok_or_else(|| unknown("user", &id))
}

/// Read what is known of an item
///
/// Live counters and what goes with it; its catalogue entry is at `/v1/items/{id}`.
#[utoipa::path(
    get, path = "/v1/features/items/{id}", tag = "features",
    params(("id" = String, Path, description = "The item")),
    responses(
        (status = 200, description = "What is known", body = ItemFeatures),
        (status = 404, description = "Neither the catalogue nor an event names it", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn get_item_features(
    State(service): State<Arc<Service>>,
    Name(id): Name,
) -> Result<Json<ItemFeatures>, Problem> {
    service.item_features(&id).map(|view| Json(view.into())).ok_or_else(|| unknown("item", &id))
}

fn unknown(what: &'static str, id: &str) -> Problem {
    let (code, id) = match what {
        "session" => ("unknown_session", clip(id)),
        "user" => ("unknown_user", clip(id)),
        _ => ("unknown_item", clip(id)),
    };
    Problem::not_found(code, format!("nothing is known of the {what} `{id}`: no applied event or item names it"))
}
