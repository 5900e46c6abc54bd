//! `sidecart import`: history into a running server, or into a data directory.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::replay::{DataArgs, bar, read};
use super::{DONE, NO, serve};
use crate::clock::SystemClock;
use crate::config::ConfigFlags;
use crate::data::Dataset;
use crate::import::{Client, Imported, import};

/// How long an import into a data directory waits until what it taught is in the log.
const PATIENCE: Duration = Duration::from_secs(60);

/// Load a catalogue and events of any age into a running server, or into a data directory
///
/// Safe to repeat: an event counts once.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// A running server, such as http://127.0.0.1:8080; without it the data go into --data-dir, which no server may be
    /// using
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    config: ConfigFlags,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let loaded = args.config.load()?;
    let data = read(&args.data.options(&loaded.config.settings())?)?;
    let mut done = match &args.url {
        Some(url) => send(&data, url)?,
        None => into_data_dir(&data, loaded)?,
    };
    done.rejected.lines().iter().for_each(|line| eprintln!("{line}"));
    done.rejected = data.rejections.and(&done.rejected);
    report(args, &done)?;
    Ok(if done.rejected.total == 0 { DONE } else { NO })
}

fn send(data: &Dataset, url: &str) -> anyhow::Result<Imported> {
    Ok(import(data, &Client::new(url), &bar("events", data.events().len() as u64))?)
}

/// Runs the server's own write path on the data directory for as long as the import takes, at an address of its own.
fn into_data_dir(data: &Dataset, mut loaded: crate::config::Loaded) -> anyhow::Result<Imported> {
    loaded.config.server.listen = ([127, 0, 0, 1], 0).into();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let running = runtime.block_on(serve::start(loaded, Arc::new(SystemClock)))?;
    let done = send(data, &format!("http://{}", running.addr()));
    // Before its turn, which may come seconds after the end of a short import.
    runtime.block_on(running.service().publish_learned(PATIENCE));
    runtime.block_on(running.shutdown());
    done
}

fn report(args: &Args, done: &Imported) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(done)?);
        return Ok(());
    }
    println!(
        "imported {}: {} items of the catalogue, {} items from events, {} events in {:.1} s ({:.0} events/s)",
        done.data, done.items, done.bare_items, done.events, done.seconds, done.events_per_s
    );
    println!(
        "{} records are new, {} events were there already, {} rejected",
        done.accepted, done.duplicates, done.rejected.total
    );
    Ok(())
}
