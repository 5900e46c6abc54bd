use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ingest::Phase;
use crate::service::Service;

/// The media type of `/metrics`.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the process lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
    /// The version of Sidecart.
    pub version: &'static str,
}

/// Whether the process knows all of its log and takes records.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// `ready`, `catching_up`, `stopping` or `failed`.
    pub status: &'static str,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What works, but not as well as it could, each with its remedy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Every record before this offset is in the engine.
    pub applied: u64,
    /// Every record before this offset is in the log.
    pub appended: u64,
}

/// Where things are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Links {
    /// The name of this server.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Paths worth knowing.
    pub links: Vec<&'static str>,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, description = "It does", body = Health)))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether the process is ready
///
/// Not until all of the log is applied after a start, and no more when a writer died or the server stops.
/// Recommendations are answered either way.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, description = "It is", body = Readiness),
        (status = 503, description = "It is not; the body says why", body = Readiness),
    ))]
pub async fn readyz(State(service): State<Arc<Service>>) -> (StatusCode, Json<Readiness>) {
    let (applied, appended) = service.offsets();
    let (status, name, reason) = match service.phase() {
        Phase::Ready => (StatusCode::OK, "ready", None),
        Phase::CatchingUp => {
            let left = appended.0.saturating_sub(applied.0);
            let of_log = || format!("{left} records of the log are still to be applied");
            let reason = service.behind().unwrap_or_else(of_log);
            (StatusCode::SERVICE_UNAVAILABLE, "catching_up", Some(reason))
        }
        Phase::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping", Some("a stop signal has come".to_owned())),
        Phase::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, "failed", Some(why)),
    };
    let warnings = service.warnings();
    (status, Json(Readiness { status: name, reason, warnings, applied: applied.0, appended: appended.0 }))
}

/// Metrics in the OpenMetrics text format
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "The metrics", body = String,
        content_type = "application/openmetrics-text")))]
pub async fn metrics(State(service): State<Arc<Service>>) -> Response {
    ([(header::CONTENT_TYPE, OPENMETRICS)], service.scrape()).into_response()
}

/// Where things are
#[utoipa::path(get, path = "/", tag = "operations",
    responses((status = 200, description = "Links", body = Links)))]
pub async fn root() -> Json<Links> {
    let links = vec!["/openapi.json", "/healthz", "/readyz", "/metrics", "/v1/config"];
    Json(Links { name: "sidecart", version: env!("CARGO_PKG_VERSION"), links })
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json")))]
pub async fn openapi(axum::Extension(document): axum::Extension<Arc<str>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}
