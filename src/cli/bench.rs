//! `sidecart bench`: how fast is it here? Each part on its own, on this machine and this disk.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use serde::Serialize;
use sidecart_engine::nouns::Timestamp;

use super::DONE;
use crate::log::{EventLog, LogOptions, Offset, SegmentLog};

/// Batch sizes measured: from one event a sync to a full group commit.
const BATCHES: [usize; 4] = [1, 10, 100, 1_000];

/// Measure a part of Sidecart on this machine.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// The event log: durable appends per second by batch size, replay and restart
    Log {
        /// Where to write; a folder of its own is made there and removed [default: the system's folder for such files]
        #[arg(long)]
        data_dir: Option<PathBuf>,
        /// How long each batch size is measured, in seconds
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
        seconds: u64,
        /// Payload bytes of an event; 1000 of them fit a batch
        #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=16_384))]
        payload_bytes: u32,
    },
}

/// Runs the command.
///
/// # Errors
/// The folder cannot be written, or standard output is gone.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let Part::Log { data_dir, seconds, payload_bytes } = &args.part;
    let folder = Folder::new(data_dir.as_deref());
    let figures = measure_log(&folder.0, Duration::from_secs(*seconds), *payload_bytes as usize)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&figures)?)?;
    } else {
        write_table(&figures, &mut out)?;
    }
    Ok(DONE)
}

/// A folder that is gone when the measurement is over.
struct Folder(PathBuf);

impl Folder {
    fn new(parent: Option<&Path>) -> Self {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        Self(parent.join(format!("sidecart-bench-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            eprintln!("warning: cannot remove `{}`: {error}", self.0.display());
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogFigures {
    payload_bytes: usize,
    appends: Vec<Appends>,
    replay: Reading,
    restart_ms: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Appends {
    batch: usize,
    events: u64,
    events_per_second: u64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reading {
    events: u64,
    bytes: u64,
    events_per_second: u64,
    mb_per_second: u64,
}

fn measure_log(dir: &Path, span: Duration, payload_bytes: usize) -> anyhow::Result<LogFigures> {
    let (mut log, _) = SegmentLog::open(dir, LogOptions::default(), now())?;
    let mut appends = Vec::with_capacity(BATCHES.len());
    for batch in BATCHES {
        appends.push(measure_appends(&mut log, batch, span, payload_bytes)?);
    }
    let started = Instant::now();
    let replayed = log.replay(Offset(0), &mut |_| ControlFlow::Continue(()))?;
    let seconds = started.elapsed().as_secs_f64();
    let replay = Reading {
        events: replayed.records,
        bytes: replayed.bytes,
        events_per_second: (replayed.records as f64 / seconds) as u64,
        mb_per_second: (replayed.bytes as f64 / seconds / 1e6) as u64,
    };
    drop(log);
    let started = Instant::now();
    drop(SegmentLog::open(dir, LogOptions::default(), now())?);
    let restart_ms = started.elapsed().as_secs_f64() * 1e3;
    Ok(LogFigures { payload_bytes, appends, replay, restart_ms })
}

fn measure_appends(log: &mut SegmentLog, batch: usize, span: Duration, bytes: usize) -> anyhow::Result<Appends> {
    let payloads = vec![vec![b'e'; bytes]; batch];
    let mut latencies_us = Vec::new();
    let started = Instant::now();
    // Once at least: a process that had to wait for its turn may find the span over.
    while latencies_us.is_empty() || started.elapsed() < span {
        let before = Instant::now();
        log.append(&payloads, now())?;
        latencies_us.push(before.elapsed().as_micros() as u64);
    }
    let events = (latencies_us.len() * batch) as u64;
    let events_per_second = (events as f64 / started.elapsed().as_secs_f64()) as u64;
    latencies_us.sort_unstable();
    let quantile = |share: f64| latencies_us[((latencies_us.len() - 1) as f64 * share) as usize];
    Ok(Appends {
        batch,
        events,
        events_per_second,
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        max_us: quantile(1.0),
    })
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

fn write_table(figures: &LogFigures, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["batch", "events/s", "p50 us", "p99 us", "max us"]);
    for row in &figures.appends {
        table.add_row([row.batch as u64, row.events_per_second, row.p50_us, row.p99_us, row.max_us]);
    }
    writeln!(out, "durable appends of {} byte events, one sync a batch", figures.payload_bytes)?;
    writeln!(out, "{}", table.trim_fmt())?;
    let Reading { events, events_per_second, mb_per_second, .. } = figures.replay;
    writeln!(out, "replay of {events} events: {events_per_second} events/s, {mb_per_second} MB/s")?;
    writeln!(out, "restart: {:.0} ms", figures.restart_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_that_was_measured_is_replayed_and_the_folder_goes() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new(Some(parent.path()));
        let figures = measure_log(&folder.0, Duration::from_millis(1), 50).unwrap();
        let events: u64 = figures.appends.iter().map(|row| row.events).sum();
        assert_eq!((figures.replay.events, figures.replay.bytes), (events, events * 50));
        assert!(figures.appends.iter().all(|row| row.events > 0));
        drop(folder);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
