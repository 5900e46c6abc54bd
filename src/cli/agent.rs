//! How the command line talks to a server: with the key in `SIDECART_API_KEY`, if there is one.

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::config::KEY_VARIABLE;

/// An agent that takes every status for an answer.
#[must_use]
pub fn agent() -> ureq::Agent {
    with_key(ureq::Agent::config_builder()).http_status_as_error(false).build().new_agent()
}

/// Adds the key to each request, where there is one. A key that no header can hold is left out, and refused as missing.
#[must_use]
pub fn with_key(builder: ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> {
    let Ok(key) = std::env::var(KEY_VARIABLE) else { return builder };
    let Ok(value) = ureq::http::HeaderValue::from_str(&format!("Bearer {}", key.trim())) else { return builder };
    builder.middleware(
        move |mut request: ureq::http::Request<ureq::SendBody<'_>>, next: ureq::middleware::MiddlewareNext<'_>| {
            request.headers_mut().insert("authorization", value.clone());
            next.handle(request)
        },
    )
}
