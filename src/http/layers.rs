use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::problem::Problem;
use crate::metrics::{Route, seconds};
use crate::service::{Gate, Service};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id echoed.
const MAX_REQUEST_ID_BYTES: usize = 128;
/// The label of routes and methods that are none of ours.
const OTHER: &str = "other";
/// Routes that answer whatever the load: what a balancer and a monitor ask, and recommendations, which shed by
/// themselves.
const ALWAYS: [&str; 4] = ["/v1/recommendations", "/healthz", "/readyz", "/metrics"];

/// What the layers need.
#[derive(Clone)]
pub struct Around {
    /// The service.
    pub service: Arc<Service>,
    /// Counts the requests handled at once, but for those that always answer.
    pub admission: Arc<Gate>,
}

/// Around every request: its id, its time limit, admission and its measurement.
pub async fn around(State(around): State<Around>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let route = request.extensions().get::<MatchedPath>().map_or(OTHER, MatchedPath::as_str).to_owned();
    let method = method_name(request.method());
    let in_force = around.service.in_force();
    let limit = in_force.config.server.request_timeout;
    let has_body = !request.body().is_end_stream();
    let reads_body = route != OTHER && matches!(method, "POST" | "PUT" | "PATCH");
    let handled = async {
        let _pass = if ALWAYS.contains(&route.as_str()) {
            None
        } else {
            match around.admission.enter(in_force.config.server.max_in_flight) {
                Some(pass) => Some(pass),
                None => return closing(overloaded()),
            }
        };
        next.run(request).await
    };
    let mut response = tokio::time::timeout(limit.duration(), handled).await.unwrap_or_else(|_| {
        let message = format!("the request took longer than {limit}: send it faster or in smaller parts");
        closing(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", message).into_response())
    });
    let unread = [StatusCode::METHOD_NOT_ALLOWED, StatusCode::PAYLOAD_TOO_LARGE].contains(&response.status());
    if has_body && (!reads_body || unread) {
        response = closing(response);
    }
    response.headers_mut().entry(&REQUEST_ID).or_insert(id);
    let status = response.status().as_u16();
    let label = Route { route, method, status };
    around.service.metrics().requests.get_or_create(&label).observe(seconds(started.elapsed()));
    tracing::debug!(method, route = label.route, status, micros = started.elapsed().as_micros() as u64, "request");
    response
}

/// Says that the connection ends with this response, as it must when a part of the request was not read: a client that
/// is not told would send its next request into the closed connection.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn overloaded() -> Response {
    let message = "more requests at once than `server.max_in_flight`: send again in a moment";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message).into_response()
}

/// The caller's own id if it is short, visible ASCII; else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let told = request.headers().get(&REQUEST_ID).filter(|id| {
        let bytes = id.as_bytes();
        (1..=MAX_REQUEST_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    told.cloned()
        .unwrap_or_else(|| HeaderValue::from_str(&Uuid::now_v7().to_string()).expect("a UUID is a valid header value"))
}

/// The method as a label; methods that nobody serves are one.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => OTHER,
    }
}

/// The answer to a request whose handler panicked. The panic itself is in the log of the process.
pub fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    let message = "a fault in this server: its log says where, please report it";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", message).into_response()
}
