//! The demo as a shop: it reaches the server over HTTP alone, with the public API.

use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{Event, ItemId, Line, SessionId, Strategy, UserId};
use ureq::Agent;

/// Longer than anything the server does; what takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often a call is repeated that the server turned away because it is busy, and the pause before each.
const MAX_TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer.
    #[error("POST {url} failed")]
    Transport {
        /// The address.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// An answer other than success.
    #[error("POST {url} answered {status}: {body}")]
    Refused {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        body: String,
    },
    /// Some of the demo's own records were rejected, which is a defect of the demo.
    #[error("{url} rejected {count} records, the first with: {first}")]
    Rejected {
        /// The address.
        url: String,
        /// How many.
        count: usize,
        /// The first rejection.
        first: String,
    },
}

/// When the answer to an ingested batch is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As soon as the batch is durable.
    Durable,
    /// Once recommendations see it.
    Applied,
}

/// What the server says to a batch.
#[derive(Debug, Deserialize)]
struct Receipt {
    #[serde(default)]
    rejected: Vec<serde_json::Value>,
}

/// What else does this cart need?
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question<'a> {
    /// Where the answer would be shown.
    pub placement: &'static str,
    /// In which visit.
    pub session_id: &'a SessionId,
    /// By whom.
    pub user_id: &'a UserId,
    /// How many items at most.
    pub limit: usize,
    /// Who answers.
    pub strategy: Strategy,
}

/// One recommended item.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerItem {
    /// Which item.
    pub item_id: ItemId,
    /// Why.
    pub reason: AnswerReason,
}

/// Why an item is recommended.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerReason {
    /// The kind of reason: `bought_together`, ....
    pub code: String,
    /// The shopper's items it rests on, strongest first.
    #[serde(default)]
    pub because_of: Vec<ItemId>,
}

/// An answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    /// The items, best first.
    pub items: Vec<AnswerItem>,
    /// Why it is not the best answer that could be given, if it is not.
    #[serde(default)]
    pub degraded: Option<serde_json::Value>,
}

/// A connection to the server.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        // A proxy from the environment must not stand between the demo and its own machine.
        let config =
            Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).proxy(None).build();
        Self { agent: config.into(), base: base.to_owned() }
    }

    /// Sends events; returns how long the answer took.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn post_events(&self, events: &[Event], wait: Wait) -> Result<Duration, ClientError> {
        let body: Vec<_> = events.iter().map(event_body).collect();
        let path = match wait {
            Wait::Durable => "/v1/events",
            Wait::Applied => "/v1/events?wait=applied",
        };
        let begun = Instant::now();
        let receipt: Receipt = self.post(path, &body)?;
        match receipt.rejected.first() {
            None => Ok(begun.elapsed()),
            Some(first) => Err(ClientError::Rejected {
                url: format!("{}{path}", self.base),
                count: receipt.rejected.len(),
                first: first.to_string(),
            }),
        }
    }

    /// Asks for recommendations; returns the answer and how long it took, parsing included.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn recommend(&self, question: &Question<'_>) -> Result<(Answer, Duration), ClientError> {
        let begun = Instant::now();
        let answer = self.post("/v1/recommendations", question)?;
        Ok((answer, begun.elapsed()))
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let url = format!("{}{path}", self.base);
        let transport = |source| ClientError::Transport { url: url.clone(), source: Box::new(source) };
        let mut tries = 0;
        loop {
            let mut response = self.agent.post(&url).send_json(body).map_err(transport)?;
            let status = response.status().as_u16();
            if response.status().is_success() {
                return response.body_mut().read_json().map_err(transport);
            }
            tries += 1;
            if !matches!(status, 429 | 503) || tries == MAX_TRIES {
                let body = response.body_mut().read_to_string().unwrap_or_default();
                return Err(ClientError::Refused { url, status, body });
            }
            thread::sleep(PAUSE);
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventBody<'a> {
    event_id: &'a str,
    event_type: &'static str,
    timestamp: i64,
    session_id: &'a SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    items: Vec<LineBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineBody<'a> {
    item_id: &'a ItemId,
    quantity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<f64>,
}

fn event_body(event: &Event) -> EventBody<'_> {
    EventBody {
        event_id: event.id.as_str(),
        event_type: event.kind.name(),
        timestamp: event.at.0,
        session_id: &event.session,
        user_id: event.user.as_ref(),
        order_id: event.order.as_ref().map(|order| order.as_str()),
        items: event.lines.iter().map(line_body).collect(),
    }
}

fn line_body(line: &Line) -> LineBody<'_> {
    LineBody { item_id: &line.item, quantity: line.quantity, price: line.price.map(|price| price.major()) }
}
