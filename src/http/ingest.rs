#![expect(unused_qualifications, reason = "utoipa's `path` macro writes qualified names")]

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::Whole;
use super::problem::{Problem, ProblemBody};
use crate::service::{Accepted, Refused, Service, Timing};
use crate::wire::event::CrossSellEvent;
use crate::wire::item::ItemInput;
use crate::wire::repeat::{self, RequestKey};
use crate::wire::shapes::{Envelope, Transport};
use crate::wire::stock::InventoryUpdate;

type EventSchema = Vec<CrossSellEvent<'static>>;
type ItemSchema = Vec<ItemInput<'static>>;
type InventorySchema = Vec<InventoryUpdate<'static>>;

/// What became of a body of records. Everything accepted is durable.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngestResponse {
    /// Records that are new.
    pub accepted: usize,
    /// Events whose id was known; they count once.
    pub duplicates: usize,
    /// Elements that were not taken, one by one; the rest was. Sending them again unchanged does not help.
    pub rejected: Vec<Refused>,
    /// Elements that were not taken beyond the thousand that are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_rejected: usize,
    /// Foreign events that say nothing that counts here, such as `page_view`.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored: usize,
    /// Only with `wait=applied`: whether the scorer sees all of it. `false`: it will, but that took too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<bool>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// How records are taken.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IngestQuery {
    /// `applied`: answer once the scorer sees the records (at most 2 s later).
    wait: Option<String>,
    /// `history`: take events of any age, as `sidecart import` does. Of events only.
    mode: Option<String>,
}

impl IngestQuery {
    fn waits(&self) -> Result<bool, Problem> {
        match self.wait.as_deref() {
            None => Ok(false),
            Some("applied") => Ok(true),
            Some(other) => Err(bad_query("wait", other, "applied")),
        }
    }

    fn timing(&self) -> Result<Timing, Problem> {
        match self.mode.as_deref() {
            None => Ok(Timing::Live),
            Some("history") => Ok(Timing::History),
            Some(other) => Err(bad_query("mode", other, "history")),
        }
    }
}

fn bad_query(name: &str, value: &str, known: &str) -> Problem {
    let value = crate::wire::scalar::clip(value);
    let message = format!("`{name}` is `{value}`: give `{known}` or leave it out");
    Problem::new(StatusCode::BAD_REQUEST, "bad_value", message)
}

/// The query of a request, with our own error body.
pub type IngestParams = Result<Query<IngestQuery>, axum::extract::rejection::QueryRejection>;

fn params(params: IngestParams) -> Result<IngestQuery, Problem> {
    let Query(query) = params.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad_query", error.body_text()))?;
    Ok(query)
}

/// Send events
///
/// One object, an array, or one object per line (`application/x-ndjson`). Malformed elements are rejected one by one
/// with their index, the rest is kept. What is accepted is durable before this answers, and counts once per event id.
///
/// A request that failed, or got no answer, may have been taken in part. Sent again, events count once if they carry an
/// `eventId`, or if both requests carry the same `Idempotency-Key`.
///
/// An element may also be a CloudEvent 1.0 (structured, batched, or binary with `ce-` headers), an e-commerce event of
/// Segment's or of GA4's, told by its own marks and translated by `events.mapping` of the config. What such an element
/// says beside that, such as `page_view`, is counted as ignored.
#[utoipa::path(
    post, path = "/v1/events", tag = "events",
    params(IngestQuery, ("Idempotency-Key" = Option<String>, Header,
        description = "A name for this request, 1 to 255 bytes, kept when it is sent again: events without an id then \
            count once. It gives ids to events and is not remembered otherwise")),
    request_body(content(
        (EventSchema = "application/json"), (String = "application/x-ndjson"),
        (Object = "application/cloudevents+json"), (Vec<Object> = "application/cloudevents-batch+json")
    )),
    responses(
        (status = 202, description = "What became of the events", body = IngestResponse),
        (status = 400, description = "No body, or a query that is not understood", body = ProblemBody),
        (status = 408, description = "The request took longer than `server.request_timeout`", body = ProblemBody),
        (status = 413, description = "The body is larger than `server.max_body`", body = ProblemBody),
        (status = 415, description = "The body has a content encoding, such as gzip", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn post_events(
    State(service): State<Arc<Service>>,
    query: IngestParams,
    headers: HeaderMap,
    body: Whole,
) -> Result<(StatusCode, Json<IngestResponse>), Problem> {
    let query = params(query)?;
    let (waits, timing) = (query.waits()?, query.timing()?);
    not_empty(&body)?;
    let key = headers.get(repeat::HEADER).map(|value| RequestKey::new(value.as_bytes())).transpose()?;
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let envelope = Envelope::of(headers, Transport::Http)
        .map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why.code.name(), why.to_string()))?;
    let accepted = service.accept_events(&body.bytes, body.packing, &envelope, timing, key.as_ref()).await?;
    Ok(receipt(&service, accepted, waits).await)
}

/// Create or replace items
///
/// One object, an array, or one object per line. An item replaces the one of its id whole; one without a stock figure keeps
/// the figure that is known.
#[utoipa::path(
    put, path = "/v1/items", tag = "catalog", params(IngestQuery),
    request_body(content((ItemSchema = "application/json"), (String = "application/x-ndjson"))),
    responses(
        (status = 202, description = "What became of the items", body = IngestResponse),
        (status = 400, description = "No body, or a query that is not understood", body = ProblemBody),
        (status = 408, description = "The request took longer than `server.request_timeout`", body = ProblemBody),
        (status = 413, description = "The body is larger than `server.max_body`", body = ProblemBody),
        (status = 415, description = "The body has a content encoding, such as gzip", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn put_items(
    State(service): State<Arc<Service>>,
    query: IngestParams,
    body: Whole,
) -> Result<(StatusCode, Json<IngestResponse>), Problem> {
    let waits = params(query)?.waits()?;
    not_empty(&body)?;
    let accepted = service.accept_items(&body.bytes, body.packing).await?;
    Ok(receipt(&service, accepted, waits).await)
}

/// Tell stock figures
///
/// One object, an array, or one object per line. A figure that was taken earlier never overwrites a later one.
#[utoipa::path(
    put, path = "/v1/inventory", tag = "catalog", params(IngestQuery),
    request_body(content((InventorySchema = "application/json"), (String = "application/x-ndjson"))),
    responses(
        (status = 202, description = "What became of the figures", body = IngestResponse),
        (status = 400, description = "No body, or a query that is not understood", body = ProblemBody),
        (status = 408, description = "The request took longer than `server.request_timeout`", body = ProblemBody),
        (status = 413, description = "The body is larger than `server.max_body`", body = ProblemBody),
        (status = 415, description = "The body has a content encoding, such as gzip", body = ProblemBody),
        (status = 503, description = "To be sent again after `Retry-After` seconds", body = ProblemBody),
    )
)]
pub async fn put_inventory(
    State(service): State<Arc<Service>>,
    query: IngestParams,
    body: Whole,
) -> Result<(StatusCode, Json<IngestResponse>), Problem> {
    let waits = params(query)?.waits()?;
    not_empty(&body)?;
    let accepted = service.accept_stock(&body.bytes, body.packing).await?;
    Ok(receipt(&service, accepted, waits).await)
}

fn not_empty(body: &Whole) -> Result<(), Problem> {
    if body.bytes.trim_ascii().is_empty() {
        let message = "the body is empty: send an object, an array, or one object per line";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "empty_body", message));
    }
    Ok(())
}

/// Waits if asked to, and tells what became of a body.
pub(super) async fn receipt(service: &Service, accepted: Accepted, waits: bool) -> (StatusCode, Json<IngestResponse>) {
    let applied = if waits { Some(service.applied(&accepted.next).await) } else { None };
    let response = IngestResponse {
        accepted: accepted.accepted,
        duplicates: accepted.duplicates,
        rejected: accepted.rejected,
        more_rejected: accepted.more_rejected,
        ignored: accepted.ignored,
        applied,
    };
    (StatusCode::ACCEPTED, Json(response))
}

/// Takes the `wait` of a request that changes one item.
pub(super) fn waits(query: IngestParams) -> Result<bool, Problem> {
    params(query)?.waits()
}
