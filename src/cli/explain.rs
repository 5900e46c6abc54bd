//! `sidecart explain`: why an answer is as it is, in words.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, bail};
use serde_json::Value;

use super::{DONE, NO};

/// Dropped candidates listed in words; `--json` has all.
const MAX_LISTED: usize = 20;

/// Say why an answer is as it is: why each item was shown, and why each other candidate was not.
///
/// Asks a running server. Exit code 0: explained; 1: the server does not keep that answer (any more).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The `requestId` of the answer
    request_id: String,
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print the decision as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// The server cannot be reached or answers something else.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let url = format!("{}/v1/decisions/{}", args.url.trim_end_matches('/'), args.request_id);
    let agent = super::agent::agent();
    let mut response = agent
        .get(&url)
        .call()
        .with_context(|| format!("cannot reach `{}`: is the server up? give its address with --url", args.url))?;
    let status = response.status().as_u16();
    let decision: Value =
        response.body_mut().read_json().with_context(|| format!("`{url}` does not answer as Sidecart does"))?;
    let mut out = std::io::stdout();
    match status {
        200 if args.json => writeln!(out, "{decision:#}")?,
        200 => write!(out, "{}", in_words(&decision))?,
        400 | 404 => {
            writeln!(out, "{}", text(&decision["error"]["message"]))?;
            return Ok(NO);
        }
        _ => bail!("`{url}` answered {status}: {}", text(&decision["error"]["message"])),
    }
    Ok(DONE)
}

fn in_words(decision: &Value) -> String {
    let mut words = String::new();
    let (request, answer, explain) = (&decision["request"], &decision["answer"], &decision["explain"]);
    // Writing to a String cannot fail.
    let _ = writeln!(
        words,
        "{} for visit {} at {}",
        text(&request["placement"]),
        text(&request["sessionId"]),
        text(&decision["answeredAt"])
    );
    let _ = writeln!(words, "cart: {}", listed(&explain["cart"]));
    let _ = writeln!(words, "looked at: {}", listed(&explain["context"]));
    let _ = writeln!(words, "{} candidates considered; served by: {}", explain["considered"], served(answer));
    words.push_str("\nshown:\n");
    let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        words.push_str("  nothing\n");
    }
    for item in items {
        let score = item["score"].as_f64().unwrap_or_default();
        let _ = writeln!(
            words,
            "  {}. {}: {} (score {score:.3}, found by {})",
            item["rank"],
            text(&item["itemId"]),
            reason(&item["reason"]),
            text(&item["source"])
        );
    }
    not_shown(&mut words, explain);
    if decision["basis"] == "recomputed" && decision["recordsSince"] != 0 {
        let _ = writeln!(
            words,
            "\nnot shown is computed from the state of now, {} records later; ask with explain: true to keep it as of then",
            decision["recordsSince"]
        );
    }
    words
}

fn not_shown(words: &mut String, explain: &Value) {
    let dropped = explain["dropped"].as_array().map(Vec::as_slice).unwrap_or_default();
    if dropped.is_empty() {
        return;
    }
    words.push_str("\nnot shown:\n");
    for item in dropped.iter().take(MAX_LISTED) {
        let why = match item["rule"].as_str() {
            Some(rule) => format!("rule {rule}: {}", text(&item["why"])),
            None => format!("outscored ({:.3})", item["score"].as_f64().unwrap_or_default()),
        };
        let _ = writeln!(words, "  {}: {why}", text(&item["itemId"]));
    }
    if dropped.len() > MAX_LISTED {
        let _ = writeln!(words, "  and {} more, see --json", dropped.len() - MAX_LISTED);
    }
}

fn served(answer: &Value) -> String {
    let tier = text(&answer["tier"]);
    match answer["degraded"]["cause"].as_str() {
        Some(cause) => format!("{tier}, degraded by {cause}"),
        None => tier,
    }
}

fn reason(reason: &Value) -> String {
    let because = listed(&reason["becauseOf"]);
    let (before, after) = match reason["code"].as_str().unwrap_or_default() {
        "bought_together" => ("often bought together with", "often bought together"),
        "carted_together" => ("often put into the cart together with", "often put into the cart together"),
        "viewed_together" => ("often looked at together with", "often looked at together"),
        "similar_sessions" => ("visits like this one went on to it, because of", "visits like this one went on to it"),
        "bought_before" => ("bought before, with", "bought before by this shopper"),
        "goes_with_purchases" => ("goes with what was bought before:", "goes with what was bought before"),
        "goes_with_category" => ("of a category that goes with", "of a category that goes with this visit"),
        "new_arrival" => ("new in the shop, near", "new in the shop"),
        "trending" => ("much wanted right now, with", "much wanted right now"),
        "curated" => ("chosen by the shop for", "chosen by the shop"),
        "seen_before" => ("looked at earlier in this visit, with", "looked at earlier in this visit"),
        other => return format!("{other} ({because})"),
    };
    if because == NOTHING { after.to_owned() } else { format!("{before} {because}") }
}

const NOTHING: &str = "nothing";

fn listed(items: &Value) -> String {
    let items: Vec<_> = items.as_array().into_iter().flatten().map(text).collect();
    if items.is_empty() { NOTHING.to_owned() } else { items.join(", ") }
}

/// A text without its quotes. Control characters, which an id cannot have but a foreign server might send, are escaped.
fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_decision_reads_as_a_story() {
        let decision = json!({
            "request": {"placement": "cart", "sessionId": "s-17"},
            "answeredAt": "2026-11-23T10:00:00Z",
            "answer": {
                "items": [{
                    "itemId": "CARD", "rank": 1, "score": 1.23456, "source": "bought_together",
                    "reason": {"code": "bought_together", "becauseOf": ["CAMERA"]},
                }],
                "tier": "full",
                "degraded": {"cause": "lag"},
            },
            "explain": {
                "context": ["CAMERA"], "cart": [], "considered": 3,
                "dropped": [
                    {"itemId": "BAG", "rule": "stock", "why": "stock is 0"},
                    {"itemId": "TRI\u{1b}POD", "score": 0.5},
                ],
            },
            "basis": "recomputed",
            "recordsSince": 2,
        });
        expect_test::expect![[r#"
            cart for visit s-17 at 2026-11-23T10:00:00Z
            cart: nothing
            looked at: CAMERA
            3 candidates considered; served by: full, degraded by lag

            shown:
              1. CARD: often bought together with CAMERA (score 1.235, found by bought_together)

            not shown:
              BAG: rule stock: stock is 0
              TRI\u{1b}POD: outscored (0.500)

            not shown is computed from the state of now, 2 records later; ask with explain: true to keep it as of then
        "#]]
        .assert_eq(&in_words(&decision));
    }
}
