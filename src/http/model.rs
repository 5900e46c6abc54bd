use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::body::Whole;
use super::problem::{Problem, ProblemBody};
use crate::service::{ModelError, ModelView, Service};
use crate::wire::model::{self, FreezeInput, ModelInput, RollbackInput};

/// Which model.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
pub struct ModelQuery {
    /// A version listed under `past`; absent: the one in force.
    version: Option<u64>,
}

impl From<ModelError> for Problem {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Unknown(rejection) => rejection.into(),
            ModelError::Submit(error) => error.into(),
            ModelError::Contended => {
                let message = "the trainer published at the same moment, again and again: send again in a moment";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "contended", message)
            }
        }
    }
}

/// Export the scorer's model
///
/// The one in force, or one of before; `PUT` takes it back.
#[utoipa::path(
    get, path = "/v1/model", tag = "model", params(ModelQuery),
    responses(
        (status = 200, description = "The model", body = ModelView),
        (status = 400, description = "The version is no number", body = ProblemBody),
        (status = 404, description = "No model of that version is kept", body = ProblemBody),
    )
)]
pub async fn get_model(
    State(service): State<Arc<Service>>,
    query: Result<Query<ModelQuery>, QueryRejection>,
) -> Result<Json<ModelView>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad_query", error.body_text()))?;
    Ok(Json(service.model(query.version)?))
}

/// Import a model
///
/// It comes into force as the next version, on this log's history for good.
#[utoipa::path(
    put, path = "/v1/model", tag = "model", request_body = ModelInput,
    responses(
        (status = 200, description = "The model in force now", body = ModelView),
        (status = 400, description = "The model is malformed", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn put_model(State(service): State<Arc<Service>>, body: Whole) -> Result<Json<ModelView>, Problem> {
    Ok(Json(service.import_model(model::read(&body.bytes)?).await?))
}

/// Go back to a model of before
///
/// It comes into force as the next version, frozen: else learning would go on from it at once.
#[utoipa::path(
    post, path = "/v1/model/rollback", tag = "model", request_body = RollbackInput,
    responses(
        (status = 200, description = "The model in force now", body = ModelView),
        (status = 400, description = "The request is malformed", body = ProblemBody),
        (status = 404, description = "No model of that version is kept", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn post_rollback(State(service): State<Arc<Service>>, body: Whole) -> Result<Json<ModelView>, Problem> {
    Ok(Json(service.roll_model_back(model::read_rollback(&body.bytes)?.version).await?))
}

/// Let learning stand still, or go on
#[utoipa::path(
    post, path = "/v1/model/freeze", tag = "model", request_body = FreezeInput,
    responses(
        (status = 200, description = "The model in force now", body = ModelView),
        (status = 400, description = "The request is malformed", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn post_freeze(State(service): State<Arc<Service>>, body: Whole) -> Result<Json<ModelView>, Problem> {
    Ok(Json(service.freeze_model(model::read_freeze(&body.bytes)?.frozen).await?))
}
