//! A client of the API that does not give up at once.

use std::time::{Duration, Instant};

use serde::Deserialize;
use sidecart_engine::nouns::ItemId;

use super::ImportError;

/// One request's time at most: a server under load takes its `server.request_timeout` and answers.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a batch is sent again and again before the import gives up. A server that restarts reads its log meanwhile.
const PATIENCE: Duration = Duration::from_secs(300);
/// The first pause before sending again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause before sending again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// New records.
    pub accepted: u64,
    /// Events whose id was known.
    pub duplicates: u64,
    /// Records that were not taken.
    pub rejected: Vec<Refusal>,
    /// Those beyond the list.
    #[serde(default)]
    pub more_rejected: u64,
}

/// A record that was not taken.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// Its place in the batch.
    pub index: usize,
    /// Why.
    pub error: String,
    /// The kind of reason.
    pub code: String,
}

/// How sending ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// The server took the batch.
    Taken(Receipt),
    /// The batch is larger than the server allows.
    TooLarge,
}

/// A connection to a server.
pub struct Client {
    url: String,
    agent: ureq::Agent,
}

impl Client {
    /// A client of the server at `url`.
    pub fn new(url: &str) -> Self {
        let config = crate::cli::agent::with_key(ureq::Agent::config_builder())
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT));
        Self { url: url.trim_end_matches('/').to_owned(), agent: config.build().new_agent() }
    }

    /// Waits until the server is ready to take records.
    ///
    /// # Errors
    /// [`ImportError::Unreachable`], [`ImportError::Busy`].
    pub fn wait_until_ready(&self) -> Result<(), ImportError> {
        let mut retry = Retry::new();
        loop {
            let (status, text) = self.answer(self.agent.get(format!("{}/readyz", self.url)).call())?;
            match status {
                200 => return Ok(()),
                _ => retry.pause(&text)?,
            }
        }
    }

    /// Whether the catalogue has an item.
    ///
    /// # Errors
    /// [`ImportError::Unreachable`], [`ImportError::Busy`], [`ImportError::Answer`].
    pub fn knows(&self, item: &ItemId) -> Result<bool, ImportError> {
        let mut retry = Retry::new();
        loop {
            let (status, text) =
                self.answer(self.agent.get(format!("{}/v1/items/{}", self.url, escaped(item))).call())?;
            match status {
                200 => return Ok(true),
                404 => return Ok(false),
                408 | 429 | 503 => retry.pause(&text)?,
                status => return Err(ImportError::Answer { status, text: told(&text) }),
            }
        }
    }

    /// Creates or replaces items; one per line.
    ///
    /// # Errors
    /// [`ImportError::Unreachable`], [`ImportError::Busy`], [`ImportError::Answer`].
    pub fn put_items(&self, lines: &[u8]) -> Result<Sent, ImportError> {
        self.send(lines, || self.agent.put(format!("{}/v1/items", self.url)))
    }

    /// Sends events of any age; one per line.
    ///
    /// # Errors
    /// [`ImportError::Unreachable`], [`ImportError::Busy`], [`ImportError::Answer`].
    pub fn post_events(&self, lines: &[u8]) -> Result<Sent, ImportError> {
        self.send(lines, || self.agent.post(format!("{}/v1/events?mode=history", self.url)))
    }

    fn send(
        &self,
        lines: &[u8],
        request: impl Fn() -> ureq::RequestBuilder<ureq::typestate::WithBody>,
    ) -> Result<Sent, ImportError> {
        let mut retry = Retry::new();
        loop {
            let sent = request().content_type("application/x-ndjson").send(lines);
            let (status, text) = self.answer(sent)?;
            match status {
                202 => {
                    let receipt = serde_json::from_str(&text);
                    return receipt.map(Sent::Taken).map_err(|_| ImportError::Answer { status, text: told(&text) });
                }
                413 => return Ok(Sent::TooLarge),
                408 | 429 | 503 => retry.pause(&text)?,
                status => return Err(ImportError::Answer { status, text: told(&text) }),
            }
        }
    }

    fn answer(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, String), ImportError> {
        let unreachable = |source| ImportError::Unreachable { url: self.url.clone(), source };
        let mut answer = answer.map_err(unreachable)?;
        let text = answer.body_mut().read_to_string().map_err(unreachable)?;
        Ok((answer.status().as_u16(), text))
    }
}

/// The message of an error body, or what there is of it.
fn told(text: &str) -> String {
    const MAX: usize = 300;
    let body: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let message = body.as_ref().and_then(|body| body.pointer("/error/message")).and_then(|message| message.as_str());
    message.unwrap_or(text).chars().take(MAX).collect()
}

/// An item id as one segment of a path.
fn escaped(item: &ItemId) -> String {
    let mut path = String::new();
    for byte in item.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

/// Pauses that double, until patience ends.
struct Retry {
    began: Instant,
    pause: Duration,
}

impl Retry {
    fn new() -> Self {
        Self { began: Instant::now(), pause: FIRST_PAUSE }
    }

    fn pause(&mut self, why: &str) -> Result<(), ImportError> {
        if self.began.elapsed() > PATIENCE {
            return Err(ImportError::Busy { seconds: PATIENCE.as_secs(), text: told(why) });
        }
        std::thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_id_is_one_segment_of_a_path() {
        let escaped_id = |id| escaped(&ItemId::new(id).expect("an id"));
        assert_eq!(escaped_id("SKU-1.a_b~"), "SKU-1.a_b~");
        assert_eq!(escaped_id("a/b c?ü"), "a%2Fb%20c%3F%C3%BC");
    }

    #[test]
    fn an_error_body_tells_its_message() {
        assert_eq!(told(r#"{"error":{"code":"x","message":"the queue is full"}}"#), "the queue is full");
        assert_eq!(told("Bad Gateway"), "Bad Gateway");
    }
}
