//! `sidecart config`: look at the config of a running server, change it, go back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{DONE, NO};

/// Look at the config of a running server, change it, go back to one of before.
///
/// Exit code 0: done; 1: the server would not, or there is a difference.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print what the server answers as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say which config is in force, since when, and what went wrong since
    Show,
    /// List the configs that were in force
    History,
    /// Say what another config would change, changing nothing: a file, or a version of the history
    Diff {
        /// A file, or a version that `history` lists
        other: String,
    },
    /// Put a file into force as a whole; it counts until the server's own file changes
    Apply {
        /// The file; its references to variables are not replaced
        file: PathBuf,
        /// Only if this version is in force
        #[arg(long, value_name = "VERSION")]
        if_version: Option<String>,
    },
    /// Go back to the config before, or to one of the history
    #[command(disable_version_flag = true)]
    Rollback {
        /// A version that `history` lists [default: the one before]
        version: Option<String>,
    },
}

/// Runs the command.
///
/// # Errors
/// The server cannot be reached or answers something else, or the file cannot be read.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let server = Server::at(&args.url);
    let (status, answer) = match &args.action {
        Action::Show => server.get("")?,
        Action::History => server.get("/history")?,
        Action::Diff { other } => server.diff(other)?,
        Action::Apply { file, if_version } => server.apply(file, if_version.as_deref())?,
        Action::Rollback { version } => server.roll_back(version.as_deref())?,
    };
    let mut out = std::io::stdout();
    match status {
        // 202: it is on its way to all replicas, the one that was asked included.
        200 | 202 => {
            let (words, code) = match &args.action {
                Action::Show | Action::Apply { .. } | Action::Rollback { .. } => (shown(&answer), DONE),
                Action::History => (history(&answer), DONE),
                Action::Diff { .. } => difference(&answer),
            };
            if args.json {
                writeln!(out, "{answer:#}")?;
            } else {
                write!(out, "{words}")?;
            }
            Ok(code)
        }
        400 | 404 | 409 | 412 => {
            if args.json {
                writeln!(out, "{answer:#}")?;
            } else {
                writeln!(out, "{}", message(&answer))?;
            }
            Ok(NO)
        }
        _ => bail!("`{}` answered {status}: {}", args.url, message(&answer)),
    }
}

type Answer = (u16, Value);

struct Server {
    base: String,
    agent: ureq::Agent,
}

impl Server {
    fn at(url: &str) -> Self {
        let agent = super::agent::agent();
        Self { base: format!("{}/v1/config", url.trim_end_matches('/')), agent }
    }

    fn read(&self, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Answer> {
        let base = &self.base;
        let mut response =
            sent.with_context(|| format!("cannot reach `{base}`: is the server up? give its address with --url"))?;
        let answer =
            response.body_mut().read_json().with_context(|| format!("`{base}` does not answer as Sidecart does"))?;
        Ok((response.status().as_u16(), answer))
    }

    fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.read(self.agent.get(format!("{}{path}", self.base)).call())
    }

    fn roll_back(&self, version: Option<&str>) -> anyhow::Result<Answer> {
        let body = version.map_or_else(|| json!({}), |version| json!({ "version": version }));
        self.read(self.agent.post(format!("{}/rollback", self.base)).send_json(body))
    }

    fn apply(&self, file: &Path, if_version: Option<&str>) -> anyhow::Result<Answer> {
        let body = content(file)?;
        let mut request = self.agent.put(&self.base).content_type("application/yaml");
        if let Some(version) = if_version {
            request = request.header("if-match", format!("\"{version}\""));
        }
        self.read(request.send(&body[..]))
    }

    fn diff(&self, other: &str) -> anyhow::Result<Answer> {
        let body = if Path::new(other).exists() {
            content(Path::new(other))?
        } else {
            match self.get(&format!("/history/{other}"))? {
                (200, config) => config.to_string().into_bytes(),
                answer => return Ok(answer),
            }
        };
        let request = self.agent.post(format!("{}/validate", self.base)).content_type("application/yaml");
        self.read(request.send(&body[..]))
    }
}

fn content(file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or("no reason given")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

// Writing to a String cannot fail.

fn shown(view: &Value) -> String {
    let (version, since) = (text(view, "version"), text(view, "since"));
    let mut words = format!("config {version}, in force since {since}, from {}", origin(view));
    if let Some(file) = view["file"].as_str() {
        let _ = write!(words, "; watching {file}");
    }
    words.push('\n');
    for key in view["restartRequired"].as_array().into_iter().flatten() {
        let _ = writeln!(words, "needs a restart: {}", key.as_str().unwrap_or_default());
    }
    let failure = &view["lastError"];
    for error in failure["errors"].as_array().into_iter().flatten() {
        let (at, source) = (text(failure, "at"), text(failure, "source"));
        let _ = writeln!(words, "not taken up ({source}, {at}): {}", text(error, "message"));
    }
    words
}

fn origin(view: &Value) -> String {
    let source = text(view, "source");
    view["who"].as_str().map_or_else(|| source.to_owned(), |who| format!("{source} by {who}"))
}

fn history(answer: &Value) -> String {
    let mut words = String::new();
    for past in answer["versions"].as_array().into_iter().flatten() {
        let mark = if past["inForce"] == true { "  in force" } else { "" };
        let _ = writeln!(words, "{}  {}  {}{mark}", text(past, "version"), text(past, "at"), origin(past));
    }
    words
}

fn difference(answer: &Value) -> (String, u8) {
    let mut words = String::new();
    for error in answer["errors"].as_array().into_iter().flatten() {
        let _ = writeln!(words, "error: {}", text(error, "message"));
    }
    let restart: Vec<&str> =
        answer["restartRequired"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let changes: BTreeMap<&str, &Value> =
        answer["changes"].as_array().into_iter().flatten().map(|change| (text(change, "key"), change)).collect();
    for (key, change) in &changes {
        let side = |side: &str| change.get(side).map_or_else(|| "absent".to_owned(), ToString::to_string);
        let note = if restart.contains(key) { "  (needs a restart)" } else { "" };
        let _ = writeln!(words, "{key}: {} -> {}{note}", side("from"), side("to"));
    }
    if words.is_empty() {
        return ("no difference\n".to_owned(), DONE);
    }
    (words, NO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_what_waits_is_said() {
        let view = json!({
            "version": "ab", "since": "t", "source": "put", "who": "ops", "file": "shop.yaml",
            "restartRequired": ["data_dir"],
            "lastError": {"at": "u", "source": "file", "errors": [{"message": "unknown key `x`"}]},
        });
        assert_eq!(
            shown(&view),
            "config ab, in force since t, from put by ops; watching shop.yaml\nneeds a restart: data_dir\n\
             not taken up (file, u): unknown key `x`\n"
        );
    }

    #[test]
    fn a_difference_is_a_no() {
        let change = json!({"key": "a.b", "from": 1, "to": 2});
        let answer = json!({"errors": [], "restartRequired": ["a.b"], "changes": [change]});
        assert_eq!(difference(&answer), ("a.b: 1 -> 2  (needs a restart)\n".to_owned(), NO));
        assert_eq!(difference(&json!({"errors": [], "changes": []})), ("no difference\n".to_owned(), DONE));
    }
}
