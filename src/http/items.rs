use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use sidecart_engine::nouns::ItemId;

use super::body::Whole;
use super::ingest::{IngestParams, IngestQuery, IngestResponse, receipt, waits};
use super::name::Name;
use super::problem::{Problem, ProblemBody};
use crate::service::Service;
use crate::wire::item::{ItemInput, ItemOutput};

type ItemSchema = ItemInput<'static>;

fn item_id(id: &str) -> Result<ItemId, Problem> {
    ItemId::new(id)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad_id", format!("the item id in the path {error}")))
}

/// Read an item
///
/// As it was told, with the live stock figure.
#[utoipa::path(
    get, path = "/v1/items/{id}", tag = "catalog", params(("id" = String, Path, description = "The item")),
    responses(
        (status = 200, description = "The item", body = ItemOutput),
        (status = 404, description = "The catalogue does not know it", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn get_item(State(service): State<Arc<Service>>, Name(id): Name) -> Result<Json<ItemOutput>, Problem> {
    let item = service.item(&id).ok_or_else(|| {
        let id = crate::wire::scalar::clip(&id);
        Problem::not_found("unknown_item", format!("`{id}` is not in the catalogue: send it with PUT /v1/items"))
    })?;
    Ok(Json(ItemOutput::from(&item)))
}

/// Change fields of an item
///
/// Fields that are absent stay as they are; `null` clears a field.
#[utoipa::path(
    patch, path = "/v1/items/{id}", tag = "catalog",
    params(("id" = String, Path, description = "The item"), IngestQuery), request_body = ItemSchema,
    responses(
        (status = 202, description = "The change is durable", body = IngestResponse),
        (status = 400, description = "The change is malformed", body = ProblemBody),
        (status = 404, description = "The catalogue does not know the item", body = ProblemBody),
        (status = 408, description = "The request took longer than `server.request_timeout`", body = ProblemBody),
        (status = 413, description = "The body is larger than `server.max_body`", body = ProblemBody),
        (status = 415, description = "The body has a content encoding, such as gzip", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn patch_item(
    State(service): State<Arc<Service>>,
    Name(id): Name,
    query: IngestParams,
    body: Whole,
) -> Result<(StatusCode, Json<IngestResponse>), Problem> {
    let waits = waits(query)?;
    let accepted = service.patch_item(&item_id(&id)?, &body.bytes).await??;
    Ok(receipt(&service, accepted, waits).await)
}

/// Remove an item
///
/// It is never shown again unless it is sent anew.
#[utoipa::path(
    delete, path = "/v1/items/{id}", tag = "catalog",
    params(("id" = String, Path, description = "The item"), IngestQuery),
    responses(
        (status = 202, description = "The removal is durable", body = IngestResponse),
        (status = 400, description = "No item can have this id", body = ProblemBody),
        (status = 404, description = "The catalogue does not know the item", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn delete_item(
    State(service): State<Arc<Service>>,
    Name(id): Name,
    query: IngestParams,
) -> Result<(StatusCode, Json<IngestResponse>), Problem> {
    let waits = waits(query)?;
    let accepted = service.delete_item(&item_id(&id)?).await??;
    Ok(receipt(&service, accepted, waits).await)
}
