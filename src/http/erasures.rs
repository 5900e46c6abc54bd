use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::body::Whole;
use super::name::Name;
use super::problem::{Problem, ProblemBody};
use crate::erasure::{ErasureStatus, JobError};
use crate::service::Service;
use crate::wire::erasure::{self, ErasureInput};
use crate::wire::scalar::clip;

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "erasure_unavailable", error.to_string())
    }
}

/// Forget a shopper
///
/// The order is durable when this answers, and is carried out in the background: visits, carts, profile and orders leave
/// the state, the checkpoints and the remembered answers; their ids leave the log and the dead letters. What was counted
/// of them for items stays, tied to nobody. Reading and rewriting the log takes about a minute per gigabyte. Events that
/// come after the order are new ones: stop sending them first. Backups are not touched. With several replicas each does the
/// same to its own files.
#[utoipa::path(
    post, path = "/v1/erasures", tag = "operations", request_body = ErasureInput,
    responses(
        (status = 202, description = "The order is taken", body = ErasureStatus),
        (status = 400, description = "It names nobody, or somebody malformed", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn post_erasure(
    State(service): State<Arc<Service>>,
    body: Whole,
) -> Result<(StatusCode, Json<ErasureStatus>), Problem> {
    let target = erasure::read(&body.bytes)?;
    // A file is synced: the thread's other requests go on elsewhere meanwhile.
    let ordered = tokio::task::block_in_place(|| service.order_erasure(target));
    Ok((StatusCode::ACCEPTED, Json(ordered?)))
}

/// How an erasure stands
///
/// With several replicas: how it stands with the files of the one that is asked, whichever took the order.
#[utoipa::path(
    get, path = "/v1/erasures/{id}", tag = "operations", params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "How it stands", body = ErasureStatus),
        (status = 404, description = "There is none of this id", body = ProblemBody),
        (status = 503, description = "To be asked again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn get_erasure(State(service): State<Arc<Service>>, Name(id): Name) -> Result<Json<ErasureStatus>, Problem> {
    let unknown = || Problem::not_found("unknown_erasure", format!("there is no erasure `{}`", clip(&id)));
    let id = id.parse().map_err(|_| unknown())?;
    let status = tokio::task::block_in_place(|| service.erasure(id))?;
    status.map(Json).ok_or_else(unknown)
}
