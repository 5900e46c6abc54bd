//! `sidecart check`: is the config valid?

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::{Value, json};

use super::{DONE, NO, UNUSABLE};
use crate::config::{self, At, ConfigErrors, DEFAULT_FILE, Loaded, Problem};

/// Check a config file: every error at once, with line, column and remedy.
///
/// The environment's overrides (SIDECART_...) are checked with it. Exit code 0: valid; 1: not; 2: no such file.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The config file [default: cross-sell-config.yaml]
    file: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of config files, for editors, and exit
    #[arg(long, conflicts_with_all = ["file", "json"])]
    schema: bool,
}

/// Runs the command.
///
/// # Errors
/// No file was named and there is none of the default name, or standard output is gone.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    if args.schema {
        return print(&format!("{:#}", config::schema()), DONE);
    }
    let file = args.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    if args.file.is_none() && !file.exists() {
        bail!("there is no `{DEFAULT_FILE}` here: name a file, or write one by `sidecart init`");
    }
    let result = config::load(Some(file), &[]);
    let code = match &result {
        Ok(_) => DONE,
        Err(ConfigErrors::Invalid(..)) => NO,
        Err(ConfigErrors::Unreadable { .. }) => UNUSABLE,
    };
    if args.json { print(&format!("{:#}", as_json(&result)), code) } else { print(&as_text(file, &result), code) }
}

fn print(text: &str, code: u8) -> anyhow::Result<u8> {
    writeln!(io::stdout(), "{text}")?;
    Ok(code)
}

fn as_text(file: &Path, result: &Result<Loaded, ConfigErrors>) -> String {
    let file = file.display();
    match result {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(|warning| format!("warning: {warning}\n"));
            let summary = format!("{file}: valid, config version {}", loaded.version);
            warnings.chain([summary]).collect()
        }
        Err(errors @ ConfigErrors::Unreadable { .. }) => format!("error: {errors}"),
        Err(errors @ ConfigErrors::Invalid(problems, more)) => {
            let count = problems.len() + more;
            let plural = if count == 1 { "" } else { "s" };
            let lines = errors.to_string().replace('\n', "\nerror: ");
            format!("error: {lines}\n{file}: {count} error{plural}")
        }
    }
}

fn as_json(result: &Result<Loaded, ConfigErrors>) -> Value {
    match result {
        Ok(loaded) => {
            let warnings: Vec<Value> =
                loaded.warnings.iter().map(|warning| json!({"message": warning.to_string()})).collect();
            json!({"valid": true, "errors": [], "warnings": warnings, "configVersion": loaded.version})
        }
        Err(errors) => {
            let listed: Vec<Value> = match errors {
                ConfigErrors::Invalid(problems, _) => problems.iter().map(problem).collect(),
                ConfigErrors::Unreadable { .. } => {
                    vec![json!({"message": errors.to_string(), "line": null, "column": null, "key": null})]
                }
            };
            json!({"valid": false, "errors": listed, "warnings": [], "configVersion": null})
        }
    }
}

fn problem(problem: &Problem) -> Value {
    let (line, column) = match problem.at {
        At::File { line, column, .. } => (Some(line), Some(column)),
        At::Env(_) | At::Flag(_) | At::Nowhere => (None, None),
    };
    let key = Some(&problem.key).filter(|key| !key.is_empty());
    json!({"message": problem.to_string(), "line": line, "column": column, "key": key})
}
