//! The HTTP interface: a thin layer over [`crate::service::Service`]. Handlers turn bytes into calls and outcomes into
//! JSON; whatever decides anything is behind them.

mod answers;
mod body;
mod config;
mod dead_letters;
mod erasures;
mod guard;
mod ingest;
mod items;
mod ladder;
mod layers;
mod model;
mod name;
mod operations;
mod problem;
mod server;
mod state;
mod tls;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::{Extension, Router, middleware};
pub use guard::{Door, Guard};
use layers::Around;
use problem::Problem;
pub use server::Listening;
pub use tls::Tls;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use serde_json::{Value, json};

use crate::access::Audit;
use crate::service::{Gate, Service};
use crate::wire::scalar::clip;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sidecart",
        description = "Real-time cross-sell: shop events in, what-else answers out. Every error has the body \
                       `{\"error\": {\"code\", \"message\", \"field\"?}}`; every answer carries `x-request-id`."
    ),
    tags(
        (name = "events", description = "What shoppers do"),
        (name = "catalog", description = "What the shop sells"),
        (name = "recommendations", description = "What else, given this cart, right now?"),
        (name = "features", description = "What is known, as of now"),
        (name = "model", description = "What the scorer has learned"),
        (name = "config", description = "What is set, and how to change it while the server runs"),
        (name = "operations", description = "How the server fares"),
    )
)]
struct Document;

/// All routes, documented.
fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(ingest::post_events))
        .routes(routes!(ingest::put_items))
        .routes(routes!(ingest::put_inventory))
        .routes(routes!(items::get_item, items::patch_item, items::delete_item))
        .routes(routes!(answers::post_recommendations))
        .routes(routes!(answers::get_decision))
        .routes(routes!(answers::get_session))
        .routes(routes!(answers::get_user))
        .routes(routes!(answers::get_item_features))
        .routes(routes!(model::get_model, model::put_model))
        .routes(routes!(model::post_rollback))
        .routes(routes!(model::post_freeze))
        .routes(routes!(dead_letters::get_dead_letters))
        .routes(routes!(dead_letters::replay_dead_letters))
        .routes(routes!(erasures::post_erasure))
        .routes(routes!(erasures::get_erasure))
        .routes(routes!(state::get_digest))
        .routes(routes!(config::get_config, config::put_config))
        .routes(routes!(config::post_validate))
        .routes(routes!(config::post_simulate))
        .routes(routes!(config::get_history))
        .routes(routes!(config::get_past))
        .routes(routes!(config::post_rollback))
        .routes(routes!(ladder::get_ladder, ladder::put_ladder))
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .routes(routes!(operations::openapi))
        .routes(routes!(operations::root))
}

/// The whole interface over a service.
pub fn router(service: &Arc<Service>, guard: &Arc<Guard>, audit: &Arc<Audit>, door: Door) -> Router {
    let (router, document) = routes().split_for_parts();
    let document: Arc<str> = secured(&document).to_string().into();
    let admission = Arc::new(Gate::default());
    let (guard, audit) = (Arc::clone(guard), Arc::clone(audit));
    let around = Around { service: Arc::clone(service), admission, guard, audit, door };
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(middleware::from_fn_with_state(around, layers::around))
        .layer(Extension(document))
        .with_state(Arc::clone(service))
}

/// The document, with what every operation that asks for a key can answer.
fn secured(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("a document of plain data has a JSON form");
    let schema = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}});
    let refusals = [
        ("401", "No valid key, where the server asks for one"),
        ("403", "The key has not the scope, or this is for the admin listener"),
        (
            "429",
            "The key is used more often than its rate, or too many requests without a valid key came from this address (20 \
             at once, then one a second): to be sent again after `Retry-After` seconds",
        ),
    ];
    document["components"]["securitySchemes"] = json!({"key": {"type": "http", "scheme": "bearer"}});
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap_or_default();
            let Some(scope) = guard::scope_of(&method, path) else { continue };
            operation["security"] = json!([{"key": []}]);
            operation["x-scope"] = scope.name().into();
            for (status, description) in refusals {
                operation["responses"][status] = json!({"description": description, "content": schema});
            }
        }
    }
    document
}

async fn unknown_path(request: Request) -> Problem {
    let path = clip(request.uri().path());
    Problem::not_found("unknown_path", format!("no such path `{path}`: see /openapi.json for those there are"))
}

async fn unknown_method(request: Request) -> Problem {
    let (method, path) = (clip(request.method().as_str()), clip(request.uri().path()));
    let message = format!("`{path}` does not take {method}: see /openapi.json for what it takes");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "unknown_method", message)
}

#[cfg(test)]
mod tests {
    /// Routes can only be added with their description, so this list is the whole interface; that each of them is
    /// served is tested over HTTP.
    #[test]
    fn the_document_names_every_operation() {
        let document = serde_json::to_value(super::routes().to_openapi()).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        let mut operations = Vec::new();
        for (path, methods) in paths {
            operations.extend(methods.as_object().expect("methods").keys().map(|method| format!("{path} {method}")));
        }
        expect_test::expect![[r#"
            / get
            /healthz get
            /metrics get
            /openapi.json get
            /readyz get
            /v1/config get
            /v1/config put
            /v1/config/history get
            /v1/config/history/{version} get
            /v1/config/rollback post
            /v1/config/simulate post
            /v1/config/validate post
            /v1/dead-letters get
            /v1/dead-letters/replay post
            /v1/decisions/{requestId} get
            /v1/erasures post
            /v1/erasures/{id} get
            /v1/events post
            /v1/features/items/{id} get
            /v1/features/sessions/{id} get
            /v1/features/users/{id} get
            /v1/inventory put
            /v1/items put
            /v1/items/{id} delete
            /v1/items/{id} get
            /v1/items/{id} patch
            /v1/ladder get
            /v1/ladder put
            /v1/model get
            /v1/model put
            /v1/model/freeze post
            /v1/model/rollback post
            /v1/recommendations post
            /v1/state/digest get"#]]
        .assert_eq(&operations.join("\n"));
    }
}
