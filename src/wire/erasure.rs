use serde::Deserialize;
use sidecart_engine::nouns::{AnonymousId, IdError, SessionId, UserId};
use utoipa::ToSchema;

use super::json;
use super::reject::{Code, Rejection};
use crate::erasure::Target;

/// Visits that one order may name; the visits of a user are found without being named.
const MAX_SESSIONS: usize = 1_000;

/// Whom to forget: at least one of these.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErasureInput {
    /// A known shopper, with all visits, devices and orders that the log ties to them.
    #[serde(default)]
    pub user_id: Option<String>,
    /// A device, with all visits on it.
    #[serde(default)]
    pub anonymous_id: Option<String>,
    /// Visits; at most 1,000.
    #[serde(default)]
    pub session_ids: Vec<String>,
}

/// Reads an order.
///
/// # Errors
/// [`Rejection`] names the field at fault and the remedy.
pub fn read(body: &[u8]) -> Result<Target, Rejection> {
    let input: ErasureInput = json::parse(body)?;
    let bad = |field: &'static str| move |error: IdError| Rejection::field(Code::BadId, field, error.to_string());
    if input.session_ids.len() > MAX_SESSIONS {
        let problem = format!("has {} ids: at most {MAX_SESSIONS} are allowed", input.session_ids.len());
        return Err(Rejection::field(Code::TooMany, "sessionIds", problem));
    }
    let target = Target {
        user: input.user_id.map(|id| UserId::new(&id)).transpose().map_err(bad("userId"))?,
        anonymous: input.anonymous_id.map(|id| AnonymousId::new(&id)).transpose().map_err(bad("anonymousId"))?,
        sessions: input
            .session_ids
            .iter()
            .map(|id| SessionId::new(id))
            .collect::<Result<_, _>>()
            .map_err(bad("sessionIds"))?,
    };
    if target == Target::default() {
        return Err(Rejection::missing("userId", "name whom to forget: `userId`, `anonymousId` or `sessionIds`"));
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_somebody() {
        let code = |body: &str| read(body.as_bytes()).map_err(|rejection| rejection.code);
        assert_eq!(code("{}"), Err(Code::MissingField));
        assert_eq!(code(r#"{"userid": "u"}"#), Err(Code::BadShape));
        assert_eq!(code(r#"{"userId": ""}"#), Err(Code::BadId));
        assert!(code(r#"{"sessionIds": ["s"]}"#).is_ok());
        assert_eq!(code(&format!(r#"{{"sessionIds": {:?}}}"#, vec!["s"; 1_001])), Err(Code::TooMany));
    }
}
