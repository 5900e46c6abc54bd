use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::guard::{self, Door, Guard, Peer};
use super::problem::Problem;
use crate::access::{Audit, Entry};
use crate::config::Scope;
use crate::metrics::{Route, seconds};
use crate::service::{Gate, Service};
use crate::wire::scalar::{clip, rfc3339};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id echoed.
const MAX_REQUEST_ID_BYTES: usize = 128;
/// The label of routes and methods that are none of ours.
const OTHER: &str = "other";
/// Routes that answer whatever the load: what a balancer and a monitor ask, and recommendations, which shed by
/// themselves.
const ALWAYS: [&str; 4] = ["/v1/recommendations", "/healthz", "/readyz", "/metrics"];

/// Answers given without reading the request's body.
const UNREAD: [StatusCode; 5] = [
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::TOO_MANY_REQUESTS,
];

/// What the layers need.
#[derive(Clone)]
pub struct Around {
    /// The service.
    pub service: Arc<Service>,
    /// Counts the requests handled at once, but for those that always answer.
    pub admission: Arc<Gate>,
    /// Who may pass.
    pub guard: Arc<Guard>,
    /// Where admin actions are written down.
    pub audit: Arc<Audit>,
    /// The listener.
    pub door: Door,
}

/// Around every request: its id, its time limit, admission and its measurement.
pub async fn around(State(around): State<Around>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let route = request.extensions().get::<MatchedPath>().map_or(OTHER, MatchedPath::as_str).to_owned();
    let method = method_name(request.method());
    let in_force = around.service.in_force();
    let limit = in_force.config.server.request_timeout;
    let has_body = !request.body().is_end_stream();
    let reads_body = route != OTHER && matches!(method, "POST" | "PUT" | "PATCH");
    let origin = guard::allowed_origin(&in_force, request.headers());
    if let Some(mut response) = guard::preflight(request.method(), request.headers(), origin.as_ref()) {
        guard::mark(&mut response, origin);
        return response;
    }
    let needed = if route == OTHER { None } else { guard::scope_of(request.method(), &route) };
    let action = Action::of(&request, method, needed);
    let peer = request.extensions().get::<Peer>().copied();
    let admitted = around.guard.admit(&in_force, around.door, needed, peer, request.headers());
    let caller = admitted.as_ref().map_or_else(|_| None, |caller| caller.0.clone());
    let handled = async {
        match admitted {
            Ok(caller) => drop(request.extensions_mut().insert(caller)),
            Err(refusal) => return refusal,
        }
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
    let unread = UNREAD.contains(&response.status());
    if has_body && (!reads_body || unread) {
        response = closing(response);
    }
    guard::mark(&mut response, origin);
    let id = response.headers_mut().entry(&REQUEST_ID).or_insert(id).clone();
    let status = response.status().as_u16();
    if let Some(action) = action {
        action.write(&around, caller, status, &id).await;
    }
    let label = Route { route, method, status };
    around.service.metrics().requests.get_or_create(&label).observe(seconds(started.elapsed()));
    tracing::debug!(method, route = label.route, status, micros = started.elapsed().as_micros() as u64, "request");
    response
}

/// An admin action under way.
struct Action {
    method: &'static str,
    path: String,
}

impl Action {
    /// `None` for what changes nothing, and for what is not for admin.
    fn of(request: &Request, method: &'static str, needed: Option<Scope>) -> Option<Self> {
        let changes = needed == Some(Scope::Admin) && !matches!(method, "GET" | "HEAD");
        changes.then(|| Self { method, path: clip(request.uri().path()) })
    }

    /// Writes it down before it is answered. Where that is not possible the action has been done all the same, and the
    /// log of the process has it.
    async fn write(self, around: &Around, key: Option<String>, status: u16, id: &HeaderValue) {
        let entry = Entry {
            at: rfc3339(around.service.now()),
            key,
            method: self.method,
            path: self.path,
            status,
            request_id: id.to_str().unwrap_or_default().to_owned(),
            config_version: around.service.in_force().version.clone(),
        };
        let audit = Arc::clone(&around.audit);
        let shown = format!("{entry:?}");
        let written = tokio::task::spawn_blocking(move || audit.write(&entry)).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::error!(?written, action = shown, "an admin action is not in the audit log");
        }
    }
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
