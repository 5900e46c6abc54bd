use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::problem::{Problem, ProblemBody};
use crate::ingest::StateDigest;
use crate::service::Service;

/// What the state is, in 32 bytes
///
/// With everything in it that was acknowledged before this was asked. Two servers with the same config and the same
/// records give the same digest; so does `sidecart log digest` from the log alone. Encodes all of the state: events
/// that come meanwhile are acknowledged, and are visible about a second per 400 MB of state later.
#[utoipa::path(get, path = "/v1/state/digest", tag = "operations",
    responses(
        (status = 200, description = "The digest", body = StateDigest),
        (status = 503, description = "Somebody else is asking, or the server stops", body = ProblemBody),
    ))]
pub async fn get_digest(State(service): State<Arc<Service>>) -> Result<Json<StateDigest>, Problem> {
    Ok(Json(service.state_digest().await?))
}
