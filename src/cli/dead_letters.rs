//! `sidecart dead-letters`: events that came too late or from the future; look at them, take them after all.

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::Value;

use super::{DONE, NO};
use crate::ingest::DeadLetters;

/// Look at events that came too late or from the future, and take them after all.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only letters of this code: too_late or in_future
    #[arg(long, global = true)]
    code: Option<String>,
    /// Print JSON, one letter a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the newest letters of a data folder, oldest first; a server may be using it
    List {
        /// The data folder
        #[arg(long, default_value = "./sidecart-data")]
        data_dir: PathBuf,
        /// How many at most
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Have a running server take the events as history, and forget the letters of those that it takes
    ///
    /// Exit code 0: all are taken; 1: some are still refused, or left
    Replay {
        /// The server
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
        url: String,
    },
}

/// Runs the command.
///
/// # Errors
/// The files cannot be read, or the server does not answer.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    match &args.action {
        Action::List { data_dir, limit } => {
            let letters = DeadLetters::new(data_dir.clone()).read(args.code.as_deref());
            let letters =
                letters.with_context(|| format!("cannot read the dead letters in `{}`", data_dir.display()))?;
            for (line, letter) in &letters[letters.len().saturating_sub(*limit)..] {
                if args.json {
                    println!("{line}");
                } else {
                    println!("{}  {}  {}  {}", letter.rejected_at, letter.code, letter.error, letter.event);
                }
            }
            Ok(DONE)
        }
        Action::Replay { url } => replay(args, url),
    }
}

fn replay(args: &Args, url: &str) -> anyhow::Result<u8> {
    let agent = super::agent::agent();
    let mut request = agent.post(format!("{}/v1/dead-letters/replay", url.trim_end_matches('/')));
    if let Some(code) = &args.code {
        request = request.query("code", code);
    }
    let mut response = request.send_empty().with_context(|| format!("no answer from {url}: is the server running?"))?;
    let (status, text) = (response.status().as_u16(), response.body_mut().read_to_string()?);
    if status != 200 {
        bail!("the server answered {status}: {text}");
    }
    let done: Value = serde_json::from_str(&text)?;
    if args.json {
        println!("{done}");
    } else {
        let [accepted, duplicates, refused, left] =
            ["accepted", "duplicates", "refused", "left"].map(|name| done[name].as_u64().unwrap_or(0));
        println!(
            "{accepted} events taken, {duplicates} were known, {refused} still refused, {left} left for next time"
        );
    }
    Ok(if done["refused"] == 0 && done["left"] == 0 { DONE } else { NO })
}
