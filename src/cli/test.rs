//! `sidecart test`: does the config do what its `tests:` say?

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::json;

use super::{DONE, NO, UNUSABLE};
use crate::config::{self, ConfigErrors, DEFAULT_FILE};
use crate::rules::trial;

/// Run the `tests:` of a config file: small shops and requests, and what must come of them.
///
/// Needs no server and no data. Exit code 0: all passed; 1: some did not, or the config is invalid; 2: no such file.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The config file [default: cross-sell-config.yaml]
    file: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// No file was named and there is none of the default name, or standard output is gone.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let file = args.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    if args.file.is_none() && !file.exists() {
        bail!("there is no `{DEFAULT_FILE}` here: name a file, or write one by `sidecart init`");
    }
    let loaded = match config::load(Some(file), &[]) {
        Ok(loaded) => loaded,
        Err(errors) => {
            eprintln!("error: {}", errors.to_string().replace('\n', "\nerror: "));
            return Ok(if matches!(errors, ConfigErrors::Unreadable { .. }) { UNUSABLE } else { NO });
        }
    };
    let outcomes = trial::run(&loaded.config);
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let mut out = std::io::stdout();
    if args.json {
        let result = json!({"passed": outcomes.len() - failed, "failed": failed, "tests": outcomes});
        writeln!(out, "{result:#}")?;
        return Ok(if failed == 0 { DONE } else { NO });
    }
    for outcome in &outcomes {
        writeln!(out, "{} {}", if outcome.passed { "pass" } else { "FAIL" }, outcome.name)?;
        for failure in &outcome.failures {
            writeln!(out, "     {failure}")?;
        }
    }
    let summary = if outcomes.is_empty() {
        "there are no `tests:`".to_owned()
    } else {
        format!("{} passed, {failed} failed", outcomes.len() - failed)
    };
    writeln!(out, "{}: {summary}", file.display())?;
    Ok(if failed == 0 { DONE } else { NO })
}
