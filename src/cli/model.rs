//! `sidecart model`: look at what the scorer has learned, carry it elsewhere, go back, let it stand still.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{DONE, NO};

/// Weights shown per intent; `export` has all.
const MAX_SHOWN: usize = 12;

/// Look at what the scorer of a running server has learned, carry it elsewhere, go back, let it stand still.
///
/// Exit code 0: done; 1: the server would not.
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
    /// Say which model is in force, and its largest weights
    Show,
    /// Write the model in force, or one of before, into a file
    #[command(disable_version_flag = true)]
    Export {
        /// Where to
        file: PathBuf,
        /// A version that `show` lists [default: the one in force]
        #[arg(long)]
        version: Option<u64>,
    },
    /// Bring the model of a file into force
    Import {
        /// What `export` wrote
        file: PathBuf,
    },
    /// Bring a model of before back into force, and freeze it
    #[command(disable_version_flag = true)]
    Rollback {
        /// A version that `show` lists
        version: u64,
    },
    /// Let learning stand still
    Freeze,
    /// Let learning go on
    Thaw,
}

/// Runs the command.
///
/// # Errors
/// The server cannot be reached or answers something else, or the file cannot be read or written.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let (status, answer) = ask(args)?;
    let mut out = std::io::stdout();
    match status {
        200 => {
            if let Action::Export { file, .. } = &args.action {
                let text = format!("{answer:#}\n");
                fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
            }
            if args.json {
                writeln!(out, "{answer:#}")?;
            } else {
                write!(out, "{}", in_words(&answer))?;
            }
            Ok(DONE)
        }
        400 | 404 => {
            writeln!(out, "{}", message(&answer))?;
            Ok(NO)
        }
        _ => bail!("`{}` answered {status}: {}", args.url, message(&answer)),
    }
}

/// Asks the server; gives the status and the body.
fn ask(args: &Args) -> anyhow::Result<(u16, Value)> {
    let base = format!("{}/v1/model", args.url.trim_end_matches('/'));
    let agent = super::agent::agent();
    let freeze = |frozen: bool| agent.post(format!("{base}/freeze")).send_json(json!({ "frozen": frozen }));
    let sent = match &args.action {
        Action::Show => agent.get(&base).call(),
        Action::Export { version, .. } => {
            let query = version.map_or_else(String::new, |version| format!("?version={version}"));
            agent.get(format!("{base}{query}")).call()
        }
        Action::Import { file } => {
            let body = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            agent.put(&base).content_type("application/json").send(&body[..])
        }
        Action::Rollback { version } => agent.post(format!("{base}/rollback")).send_json(json!({ "version": version })),
        Action::Freeze => freeze(true),
        Action::Thaw => freeze(false),
    };
    let mut response =
        sent.with_context(|| format!("cannot reach `{}`: is the server up? give its address with --url", args.url))?;
    let answer =
        response.body_mut().read_json().with_context(|| format!("`{}` does not answer as Sidecart does", args.url))?;
    Ok((response.status().as_u16(), answer))
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or("no reason given")
}

fn in_words(model: &Value) -> String {
    let mut words = String::new();
    // Writing to a String cannot fail.
    let learning = if model["frozen"] == true { "frozen" } else { "learning" };
    let since = model["since"].as_str().unwrap_or_default();
    let _ = match model["version"].as_u64() {
        Some(0) | None => writeln!(words, "model 0: the starting weights, nothing learned yet"),
        Some(version) => writeln!(words, "model {version}, in force since {since}, {learning}"),
    };
    for (intent, weights) in model["weights"].as_object().into_iter().flatten() {
        let found = model["found"][intent].as_f64();
        let found =
            found.map_or_else(String::new, |share| format!("; {:.0}% found among the candidates", share * 100.0));
        let _ = writeln!(words, "\n{intent}{found}");
        let weights = weights.as_object().into_iter().flatten();
        let mut weights: Vec<(&String, f64)> =
            weights.map(|(name, weight)| (name, weight.as_f64().unwrap_or_default())).collect();
        weights.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        for (name, weight) in weights.iter().take(MAX_SHOWN) {
            let _ = writeln!(words, "  {weight:+.3}  {name}");
        }
    }
    let past = model["past"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !past.is_empty() {
        words.push_str("\nto go back to:\n");
    }
    for model in past {
        let _ = writeln!(words, "  {} of {}", model["version"], model["since"].as_str().unwrap_or_default());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_by_its_largest_weights() {
        let model = json!({
            "version": 7, "since": "2026-11-24T10:00:00Z", "frozen": true,
            "weights": {"basket": {"log_count": 0.1, "best_buy": -2.0}}, "found": {"basket": 0.44},
            "past": [{"version": 3, "since": "2026-11-24T09:00:00Z"}],
        });
        let expected = "model 7, in force since 2026-11-24T10:00:00Z, frozen\n\nbasket; 44% found among the candidates\n  \
                        -2.000  best_buy\n  +0.100  log_count\n\nto go back to:\n  3 of 2026-11-24T09:00:00Z\n";
        assert_eq!(in_words(&model), expected);
    }
}
