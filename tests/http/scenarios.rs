//! HTTP behaviour as YAML files: `tests/scenarios/*.yaml`, each on a server of its own. Steps say what is answered, not how
//! fast: a busy machine must not cut an answer short.
//!
//! ```yaml
//! config: {}                            # optional: the config of this server
//! steps:
//!   - call: PUT /v1/items?wait=applied  # method and path; `${name}` is what an earlier step saved
//!     body: {itemId: A}                 # JSON; or `text:` for raw text
//!     type: application/x-ndjson        # optional content type
//!     headers: {ce-id: "1"}             # optional: further headers
//!     status: 202
//!     expect: {accepted: 1}             # optional: a part of the answer; lists must match element by element
//!     absent: [/degraded]               # optional: JSON pointers to what must not be there
//!     contains: [text]                  # optional: texts that the body must contain
//!     save: {id: /requestId}            # optional: JSON pointers to values that later steps use
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::server::{Response, Server};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[serde(default)]
    config: Option<Value>,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    call: String,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    status: u16,
    #[serde(default)]
    expect: Option<Value>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    contains: Vec<String>,
    #[serde(default)]
    save: BTreeMap<String, String>,
}

#[test]
fn every_scenario_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("the folder").map(|e| e.expect("entry").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let failures: Vec<_> = files.iter().filter_map(|file| run(file).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn run(file: &Path) -> Result<(), String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let scenario: Scenario = serde_saphyr::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    let dir = tempfile::tempdir().expect("a folder");
    let config = scenario.config.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    // JSON is YAML.
    let server = Server::start_with_variables(dir.path(), &config.to_string(), &[("SIDECART_SERVER_DEADLINE", "10s")]);
    let mut saved = BTreeMap::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        let told = |why: String| format!("{name}, step {} ({}): {why}", index + 1, step.call);
        let response = send(&server, step, &saved).map_err(told)?;
        judge(step, &response, &saved).map_err(told)?;
        for (key, pointer) in &step.save {
            let value = response.json();
            let value = value.pointer(pointer).ok_or_else(|| told(format!("nothing at {pointer} to save")))?;
            saved.insert(key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    match server.stop() {
        Some(0) => Ok(()),
        code => Err(format!("{name}: the server ended with {code:?}")),
    }
}

fn send(server: &Server, step: &Step, saved: &BTreeMap<String, String>) -> Result<Response, String> {
    let fill = |text: &str| fill(text, saved);
    let call = fill(&step.call);
    let (method, path) = call.split_once(' ').ok_or("a call is a method, a space and a path")?;
    let body = match (&step.body, &step.text) {
        (Some(body), None) => fill(&body.to_string()),
        (None, Some(text)) => fill(text),
        (None, None) => String::new(),
        (Some(_), Some(_)) => return Err("either `body` or `text`".into()),
    };
    let kind = step.kind.as_deref().unwrap_or("application/json");
    let more = step.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = std::iter::once(("content-type", kind)).chain(more);
    server.try_send_with(method, path, headers, body.as_bytes()).map_err(|error| error.to_string())
}

/// Puts what earlier steps saved in the place of `${name}`.
fn fill(text: &str, saved: &BTreeMap<String, String>) -> String {
    saved.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

fn judge(step: &Step, response: &Response, saved: &BTreeMap<String, String>) -> Result<(), String> {
    if response.status != step.status {
        return Err(format!("status {} instead of {}: {}", response.status, step.status, response.text));
    }
    let json = response.json();
    if let Some(expected) = &step.expect {
        let expected = serde_json::from_str(&fill(&expected.to_string(), saved)).map_err(|error| error.to_string())?;
        contained(&expected, &json, "").map_err(|why| format!("{why}\nin {}", response.text))?;
    }
    for pointer in &step.absent {
        if let Some(value) = json.pointer(pointer) {
            return Err(format!("{pointer} is {value}, but should be absent"));
        }
    }
    match step.contains.iter().find(|text| !response.text.contains(*text)) {
        Some(text) => Err(format!("`{text}` is not in {}", response.text)),
        None => Ok(()),
    }
}

/// Whether `expected` is a part of `actual`.
fn contained(expected: &Value, actual: &Value, at: &str) -> Result<(), String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                let at = format!("{at}/{key}");
                contained(value, actual.get(key).ok_or_else(|| format!("{at} is absent"))?, &at)?;
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if expected.len() != actual.len() {
                return Err(format!("{at} has {} elements instead of {}", actual.len(), expected.len()));
            }
            let mut pairs = expected.iter().zip(actual).enumerate();
            pairs.try_for_each(|(index, (e, a))| contained(e, a, &format!("{at}/{index}")))
        }
        (Value::Number(e), Value::Number(a)) if e.as_f64() == a.as_f64() => Ok(()),
        (expected, actual) if expected == actual => Ok(()),
        (expected, actual) => Err(format!("{at} is {actual} instead of {expected}")),
    }
}
