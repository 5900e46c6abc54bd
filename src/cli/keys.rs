//! `sidecart keys`: make an API key.

use std::io::Write;

use anyhow::Context;
use serde_json::json;

use super::DONE;
use crate::access::{fresh_key, hash_of};

/// Make an API key. It is printed once and kept nowhere; its hash goes into the config, under `access.keys`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print a new key and its hash
    New {
        /// What to call it
        #[arg(long, default_value = "shop")]
        name: String,
        /// What it may be used for: events, recommend, read, admin
        #[arg(long, value_name = "SCOPE,...", value_delimiter = ',', default_value = "events,recommend")]
        scopes: Vec<String>,
    },
}

/// Runs the command.
///
/// # Errors
/// There are no random bytes, or standard output is gone.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let Action::New { name, scopes } = &args.action;
    let key = fresh_key().context("the operating system gives no random bytes")?;
    let hash = hash_of(&key);
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", json!({"key": key, "hash": hash, "name": name, "scopes": scopes}))?;
        return Ok(DONE);
    }
    let scopes = scopes.join(", ");
    writeln!(out, "key, shown this once: {key}\n")?;
    writeln!(out, "access:\n  keys:\n    {name}:\n      hash: {hash}\n      scopes: [{scopes}]")?;
    Ok(DONE)
}
