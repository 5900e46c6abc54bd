//! Who may pass: keys and their scopes, rates, the admin listener, pages of other origins.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::access::{Failures, Known, Rates};
use crate::config::Scope;
use crate::in_force::InForce;

/// The other header that a key may come in.
static API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Routes that ask for no key: what a balancer asks, and what says nothing about the shop.
const FREE: [&str; 4] = ["/", "/healthz", "/readyz", "/openapi.json"];
/// How long a browser may remember what it was told of another origin, in seconds.
const PREFLIGHT_SECONDS: &str = "600";

/// Which of the listeners a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The only one.
    Only,
    /// The one for shoppers' traffic, where admin has its own.
    Public,
    /// The one for admin.
    Admin,
}

/// The name of the key that a request came with; `None` where the server asks for none.
#[derive(Debug, Clone, Default)]
pub struct Caller(pub Option<String>);

/// The address that a connection comes from, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Looks at requests before they are handled. Shared by all listeners.
#[derive(Debug, Default)]
pub struct Guard {
    rates: Rates,
    failures: Failures,
}

/// What a request to this route needs; `None`: nothing. What is not listed needs the most.
pub fn scope_of(method: &Method, route: &str) -> Option<Scope> {
    let is_read = *method == Method::GET || *method == Method::HEAD;
    match route {
        route if FREE.contains(&route) => None,
        "/v1/events" | "/v1/items" | "/v1/inventory" => Some(Scope::Events),
        "/v1/items/{id}" if !is_read => Some(Scope::Events),
        "/v1/recommendations" => Some(Scope::Recommend),
        route if route.starts_with("/v1/config") => Some(Scope::Admin),
        // Events as they were sent, and work that encodes all of the state.
        "/v1/dead-letters" | "/v1/state/digest" => Some(Scope::Admin),
        _ if is_read => Some(Scope::Read),
        _ => Some(Scope::Admin),
    }
}

impl Guard {
    /// Lets a request pass that needs this scope, or says why not.
    pub fn admit(
        &self,
        in_force: &InForce,
        door: Door,
        needed: Option<Scope>,
        peer: Option<Peer>,
        headers: &HeaderMap,
    ) -> Result<Caller, Response> {
        let Some(scope) = needed else { return Ok(Caller::default()) };
        if door == Door::Public && scope == Scope::Admin {
            let message = "this is for `server.admin_listen`: send it there";
            return Err(Problem::new(StatusCode::FORBIDDEN, "wrong_listener", message).into_response());
        }
        if in_force.config.access.keys.is_empty() {
            return Ok(Caller::default());
        }
        let known = presented(headers).and_then(|key| in_force.keys.find(key)).ok_or_else(|| self.refuse(peer))?;
        if !known.scopes.contains(&scope) {
            return Err(forbidden(known, scope));
        }
        match known.rate {
            Some(rate) if !self.rates.take(&known.name, rate, Instant::now()) => Err(too_often(known, rate)),
            _ => Ok(Caller(Some(known.name.clone()))),
        }
    }

    /// The answer to a request without a valid key. A valid one is never held up, whatever else comes from its address:
    /// behind a gateway all clients have one, and one that is set up wrongly must not keep the shop out.
    fn refuse(&self, peer: Option<Peer>) -> Response {
        match peer {
            Some(Peer(address)) if !self.failures.note(address, Instant::now()) => {
                limited("too many requests without a valid key from this address: check the key, and send more slowly")
            }
            _ => unauthorized(),
        }
    }
}

/// `Authorization: Bearer KEY`, or `X-Api-Key: KEY`.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    bearer.or_else(|| headers.get(&API_KEY).and_then(|value| value.to_str().ok()))
}

fn unauthorized() -> Response {
    let message = "no valid key: send one of `access.keys` as `Authorization: Bearer KEY`";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn forbidden(known: &Known, scope: Scope) -> Response {
    let (name, scope) = (&known.name, scope.name());
    let message = format!("the key `{name}` has not the scope `{scope}`: add it to `access.keys.{name}.scopes`");
    Problem::new(StatusCode::FORBIDDEN, "forbidden", message).into_response()
}

fn too_often(known: &Known, rate: u32) -> Response {
    let name = &known.name;
    limited(format!("the key `{name}` is used more than {rate} times a second: send again in a second"))
}

fn limited(message: impl Into<String>) -> Response {
    let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The origin of the page that a request comes from, if its pages may call the server.
pub fn allowed_origin(in_force: &Arc<InForce>, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    in_force.config.access.cors.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// The answer to a browser that asks whether a page of another origin may send a request; `None`: it does not ask.
pub fn preflight(method: &Method, headers: &HeaderMap, origin: Option<&HeaderValue>) -> Option<Response> {
    let asks = *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    (asks && origin.is_some()).then(|| {
        let told = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-match, x-api-key, x-request-id"),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
        ];
        (StatusCode::NO_CONTENT, told).into_response()
    })
}

/// What every response says: to whose pages it may be shown, and that browsers are to take it for what it is.
pub fn mark(response: &mut Response, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers
            .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("etag, retry-after, x-request-id"));
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_needs_the_most() {
        let needed = |method: Method, route| scope_of(&method, route).map(Scope::name);
        assert_eq!(needed(Method::GET, "/healthz"), None);
        assert_eq!(needed(Method::POST, "/v1/events"), Some("events"));
        assert_eq!(needed(Method::GET, "/v1/items/{id}"), Some("read"));
        assert_eq!(needed(Method::PATCH, "/v1/items/{id}"), Some("events"));
        assert_eq!(needed(Method::GET, "/metrics"), Some("read"));
        assert_eq!(needed(Method::GET, "/v1/config"), Some("admin"));
        assert_eq!(needed(Method::GET, "/v1/dead-letters"), Some("admin"));
        assert_eq!(needed(Method::POST, "/v1/erasures"), Some("admin"));
        assert_eq!(needed(Method::POST, "/v1/anything/new"), Some("admin"));
        assert_eq!(needed(Method::DELETE, "/metrics"), Some("admin"));
    }
}
