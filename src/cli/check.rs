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
    match writeln!(io::stdout(), "{text}") {
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(code),
        written => Ok(written.map(|()| code)?),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str) -> (Value, String) {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("shop.yaml");
        std::fs::write(&file, content).expect("a file");
        let result = config::load(Some(&file), &[]);
        (as_json(&result), as_text(Path::new("shop.yaml"), &result).replace(&file.display().to_string(), "shop.yaml"))
    }

    #[test]
    fn a_valid_file_is_summed_up_by_its_version() {
        let (json, text) = check("server: {deadline: 60ms}");
        let version = json["configVersion"].as_str().expect("a version");
        assert_eq!(json["valid"], true);
        assert!(text.ends_with(&format!("shop.yaml: valid, config version {version}")), "{text}");
    }

    #[test]
    fn every_error_is_listed_with_its_place_and_key() {
        let (json, text) = check("server:\n  deadlin: 60ms\n  max_in_flight: 0\n");
        assert_eq!(
            text,
            "error: unknown key `deadlin` at shop.yaml:2:3: did you mean `deadline`?\n\
             error: `0` for `server.max_in_flight` at shop.yaml:3:18 is below 1: give 1 to 100000\n\
             shop.yaml: 2 errors"
        );
        assert_eq!(json["valid"], false);
        assert_eq!(json["configVersion"], Value::Null);
        assert_eq!(json["errors"][1]["key"], "server.max_in_flight");
        assert_eq!((&json["errors"][0]["line"], &json["errors"][0]["column"]), (&json!(2), &json!(3)));
    }

    #[test]
    fn exit_codes_tell_valid_from_invalid_from_unreadable() {
        let dir = tempfile::tempdir().expect("a directory");
        let code = |name: &str, content: Option<&str>| {
            let file = dir.path().join(name);
            content.iter().for_each(|content| std::fs::write(&file, content).expect("a file"));
            run(&Args { file: Some(file), json: true, schema: false }).expect("a verdict")
        };
        assert_eq!(code("valid.yaml", Some("version: 1")), DONE);
        assert_eq!(code("invalid.yaml", Some("version: 2")), NO);
        assert_eq!(code("missing.yaml", None), UNUSABLE);
    }
}
