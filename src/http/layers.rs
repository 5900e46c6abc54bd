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
use crate::in_force::InForce;
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
pub async fn around(State(around): State<Around>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let in_force = around.service.in_force();
    let origin = guard::allowed_origin(&in_force, request.headers());
    if let Some(mut response) = guard::preflight(request.method(), request.headers(), origin.as_ref()) {
        guard::mark(&mut response, origin);
        return response;
    }
    let seen = Seen::of(&request);
    let (caller, mut response) = around.handle(&in_force, &seen, request, next).await;
    if seen.is_left_unread(response.status()) {
        response = closing(response);
    }
    guard::mark(&mut response, origin);
    let id = response.headers_mut().entry(&REQUEST_ID).or_insert(seen.id).clone();
    let status = response.status().as_u16();
    if let Some(action) = seen.action {
        action.write(&around, caller, status, &id).await;
    }
    let label = Route { route: seen.route, method: seen.method, status };
    around.service.metrics().requests.get_or_create(&label).observe(seconds(started.elapsed()));
    let micros = started.elapsed().as_micros() as u64;
    tracing::debug!(method = label.method, route = label.route, status, micros, "request");
    response
}

/// What is to be known of a request once it is handled and gone.
struct Seen {
    id: HeaderValue,
    route: String,
    method: &'static str,
    /// What it needs; `None`: nothing.
    needed: Option<Scope>,
    has_body: bool,
    action: Option<Action>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or(OTHER, MatchedPath::as_str).to_owned();
        let method = method_name(request.method());
        let needed = if route == OTHER { None } else { guard::scope_of(request.method(), &route) };
        let (id, has_body) = (request_id(request), !request.body().is_end_stream());
        Self { id, method, needed, has_body, action: Action::of(request, method, needed), route }
    }

    /// Whether the request has a body that was not read, or not all of it, if it was answered with this status.
    fn is_left_unread(&self, status: StatusCode) -> bool {
        let reads_body = self.route != OTHER && matches!(self.method, "POST" | "PUT" | "PATCH");
        self.has_body && (!reads_body || UNREAD.contains(&status))
    }
}

impl Around {
    /// Handles a request within the time that the config gives it. Says whose it was.
    async fn handle(
        &self,
        in_force: &InForce,
        seen: &Seen,
        mut request: Request,
        next: Next,
    ) -> (Option<String>, Response) {
        let peer = request.extensions().get::<Peer>().copied();
        let caller = match self.guard.admit(in_force, self.door, seen.needed, peer, request.headers()) {
            Ok(caller) => caller,
            Err(refusal) => return (None, refusal),
        };
        let name = caller.0.clone();
        request.extensions_mut().insert(caller);
        let _pass = if ALWAYS.contains(&seen.route.as_str()) {
            None
        } else {
            match self.admission.enter(in_force.config.server.max_in_flight) {
                Some(pass) => Some(pass),
                None => return (name, closing(overloaded())),
            }
        };
        let limit = in_force.config.server.request_timeout;
        let response = tokio::time::timeout(limit.duration(), next.run(request)).await.unwrap_or_else(|_| {
            let message = format!("the request took longer than {limit}: send it faster or in smaller parts");
            closing(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", message).into_response())
        });
        (name, response)
    }
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
