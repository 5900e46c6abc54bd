//! `sidecart log`: what is in the event log, and is it whole?

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sidecart_engine::Engine;
use sidecart_engine::nouns::Timestamp;

use super::{DONE, NO};
use crate::config::{self, CONFIG_VARIABLE};
use crate::ingest::StateDigest;
use crate::ingest::rebuild::Rebuild;
use crate::log::{EventLog, LogOptions, LogView, Logged, Offset, SegmentLog, SegmentReport, Verified};
use crate::wire::scalar::rfc3339;

/// How many damaged places a report for people lists; `--json` lists them all.
const MAX_LISTED: usize = 20;

/// Look into the event log of a data folder: verify it, print records, or repair it.
///
/// `verify` and `dump` change nothing and may run beside a server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The data folder
    #[arg(long, global = true, default_value = "./sidecart-data")]
    data_dir: PathBuf,
    /// Print the result as JSON; records one a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Read every byte and check it. Exit code 0: whole; 1: damaged
    Verify,
    /// Print records
    Dump {
        /// The offset to begin with [default: the oldest]
        #[arg(long)]
        from: Option<u64>,
        /// How many records at most
        #[arg(long, default_value_t = 20)]
        limit: u64,
    },
    /// Rebuild the state from the log alone and print its digest, to be compared with `GET /v1/state/digest`
    Digest {
        /// The config file of the server [default: cross-sell-config.yaml if it exists]
        #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE)]
        config: Option<PathBuf>,
    },
    /// Do what a server's start does: cut a torn tail, go on in a new file behind damage
    Recover {
        /// Give out no offset below this one. For a checkpoint that is ahead of a log which the disk has lost part of
        #[arg(long)]
        skip_to: Option<u64>,
    },
}

/// Runs the command.
///
/// # Errors
/// The log cannot be read or is in use, or standard output is gone.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let mut out = io::stdout().lock();
    let result = match &args.action {
        Action::Verify => verify(args, &mut out),
        Action::Dump { from, limit } => dump(args, *from, *limit, &mut out),
        Action::Digest { config } => digest(args, config.as_deref(), &mut out),
        Action::Recover { skip_to } => recover(args, *skip_to, &mut out),
    };
    match result {
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if is_broken_pipe(&error) => Ok(DONE),
        result => result,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn verify(args: &Args, out: &mut dyn Write) -> anyhow::Result<u8> {
    let view = LogView::open(&args.data_dir)?;
    let bar = ProgressBar::new(view.bytes())
        .with_style(ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}")?);
    let verified = view.verify(&mut |bytes| bar.inc(bytes))?;
    bar.finish_and_clear();
    let code = if verified.is_damaged() { NO } else { DONE };
    if args.json {
        let mut report = serde_json::to_value(&verified)?;
        report["damaged"] = verified.is_damaged().into();
        writeln!(out, "{report:#}")?;
    } else {
        write_report(&verified, out)?;
    }
    Ok(code)
}

fn write_report(verified: &Verified, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["file", "first", "next", "records", "bytes", "made", "state"]);
    for segment in &verified.segments {
        table.add_row([
            segment.file.clone(),
            segment.first_offset.to_string(),
            segment.next_offset.to_string(),
            segment.records.to_string(),
            segment.bytes.to_string(),
            segment.created_at.clone().unwrap_or_else(|| "-".to_owned()),
            state(segment).to_owned(),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    let damaged = verified.segments.iter().flat_map(|s| s.damage.iter().map(move |region| (&s.file, region)));
    for (file, region) in damaged.take(MAX_LISTED) {
        writeln!(out, "damaged: {file}: {} bytes at {}", region.bytes, region.at)?;
    }
    for gap in verified.gaps.listed.iter().take(MAX_LISTED) {
        writeln!(out, "missing: offsets {} to {}", gap.from, gap.to.0 - 1)?;
    }
    if let Some(torn) = verified.segments.last().and_then(|last| last.torn) {
        writeln!(out, "torn: {} bytes at the end, not acknowledged; the next start cuts them off", torn.bytes)?;
    }
    if let Some(holder) = &verified.in_use_by {
        writeln!(out, "in use by {holder}: what it is writing may look torn")?;
    }
    let Verified { first_offset, next_offset, gaps, .. } = verified;
    let verdict = if verified.is_damaged() { "damaged" } else { "whole" };
    writeln!(out, "{verdict}: offsets {first_offset} up to {next_offset}, {} of them unreadable", gaps.lost)
}

fn state(segment: &SegmentReport) -> &'static str {
    match segment {
        SegmentReport { created_at: None, .. } => "header damaged",
        SegmentReport { damage, .. } if !damage.is_empty() => "damaged",
        SegmentReport { torn: Some(_), .. } => "torn",
        _ => "whole",
    }
}

fn dump(args: &Args, from: Option<u64>, limit: u64, out: &mut dyn Write) -> anyhow::Result<u8> {
    let view = LogView::open(&args.data_dir)?;
    let from = from.map_or(view.first_offset(), Offset);
    let mut left = limit;
    let mut written = Ok(());
    let replayed = view.replay(from, &mut |logged| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        left -= 1;
        written = if args.json { writeln!(out, "{}", as_json(&logged)) } else { writeln!(out, "{}", as_text(&logged)) };
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    for gap in replayed.gaps.iter().take(MAX_LISTED) {
        eprintln!("missing: offsets {} to {}", gap.from, gap.to.0 - 1);
    }
    Ok(DONE)
}

fn as_json(logged: &Logged<'_>) -> Value {
    let mut record = json!({ "offset": logged.offset, "appendedAt": rfc3339(logged.appended_at) });
    match serde_json::from_slice::<Value>(logged.payload) {
        Ok(payload) => record["payload"] = payload,
        Err(_) => record["payloadBase64"] = BASE64_STANDARD.encode(logged.payload).into(),
    }
    record
}

fn as_text(logged: &Logged<'_>) -> String {
    let payload = match std::str::from_utf8(logged.payload) {
        // A sender's text must not steer the terminal.
        Ok(text) => text.replace(char::is_control, "\u{FFFD}"),
        Err(_) => format!("base64:{}", BASE64_STANDARD.encode(logged.payload)),
    };
    format!("{}  {}  {payload}", logged.offset, rfc3339(logged.appended_at))
}

/// A clean replay: no checkpoint is looked at. Exit code 1 when the log does not hold all records from the first on, so
/// that the state cannot be expected to be a server's.
fn digest(args: &Args, config: Option<&Path>, out: &mut dyn Write) -> anyhow::Result<u8> {
    let settings = config::load(config, &[])?.config.settings();
    let view = LogView::open(&args.data_dir)?;
    let first = view.first_offset();
    let mut rebuild = Rebuild::new(Engine::new(settings));
    let replayed = view.replay(first, &mut |logged| rebuild.take(&logged))?;
    let next = rebuild.end(&replayed);
    let (digest, met) = (StateDigest::of(rebuild.engine.state(), next)?, rebuild.met);
    let whole = first == Offset(0) && met.lost == 0 && met.unreadable == 0;
    if args.json {
        let mut report = serde_json::to_value(&digest)?;
        report["from"] = serde_json::to_value(first)?;
        report["met"] = serde_json::to_value(met)?;
        writeln!(out, "{report:#}")?;
    } else {
        writeln!(out, "{}  offsets {first} up to {next}, {} bytes of state", digest.sha256, digest.bytes)?;
        if !whole {
            writeln!(out, "not whole: {} records missing, {} unreadable", met.lost + first.0, met.unreadable)?;
        }
    }
    Ok(if whole { DONE } else { NO })
}

fn recover(args: &Args, skip_to: Option<u64>, out: &mut dyn Write) -> anyhow::Result<u8> {
    // Looking first: a recovery must not make a new, empty log where a path was mistyped.
    drop(LogView::open(&args.data_dir)?);
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    let (mut log, recovered) = SegmentLog::open(&args.data_dir, LogOptions::default(), now)?;
    if let Some(offset) = skip_to {
        log.skip_to(Offset(offset), now)?;
    }
    let (first, next) = (log.first_offset(), log.next_offset());
    if args.json {
        let report = json!({
            "file": recovered.file, "cut": recovered.cut, "damage": recovered.damage, "firstOffset": first,
            "nextOffset": next, "bytes": log.bytes(),
        });
        writeln!(out, "{report:#}")?;
        return Ok(DONE);
    }
    if let Some(cut) = recovered.cut {
        writeln!(out, "cut: {} bytes at {} of {}", cut.bytes, cut.at, recovered.file)?;
    }
    for region in recovered.damage.iter().take(MAX_LISTED) {
        writeln!(out, "damaged: {}: {} bytes at {}", recovered.file, region.bytes, region.at)?;
    }
    writeln!(out, "ready: offsets {first} up to {next}, {} bytes", log.bytes())?;
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn command(dir: &Path, words: &[&str]) -> (anyhow::Result<u8>, String) {
        let dir = dir.to_str().unwrap();
        let args = Line::parse_from([&["log", "--data-dir", dir], words].concat()).args;
        let mut out = Vec::new();
        let code = match &args.action {
            Action::Verify => verify(&args, &mut out),
            Action::Dump { from, limit } => dump(&args, *from, *limit, &mut out),
            Action::Digest { config } => digest(&args, config.as_deref(), &mut out),
            Action::Recover { skip_to } => recover(&args, *skip_to, &mut out),
        };
        (code, String::from_utf8(out).unwrap())
    }

    /// A log of three records: JSON, text that steers terminals, and bytes.
    fn three_records() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp(1_767_268_800_000);
        let (mut log, _) = SegmentLog::open(dir.path(), LogOptions::default(), now).unwrap();
        log.append(&[br#"{"a":1}"#.to_vec(), b"\x1b[2J!".to_vec(), vec![0xFF, 0]], now).unwrap();
        dir
    }

    #[test]
    fn records_are_printed_one_a_line() {
        let dir = three_records();
        let (code, text) = command(dir.path(), &["dump", "--limit", "2"]);
        assert_eq!(code.unwrap(), DONE);
        assert_eq!(text, "0  2026-01-01T12:00:00Z  {\"a\":1}\n1  2026-01-01T12:00:00Z  \u{FFFD}[2J!\n");
        let (_, text) = command(dir.path(), &["dump", "--from", "2", "--json"]);
        assert_eq!(text, "{\"appendedAt\":\"2026-01-01T12:00:00Z\",\"offset\":2,\"payloadBase64\":\"/wA=\"}\n");
        let (_, text) = command(dir.path(), &["dump", "--limit", "1", "--json"]);
        assert!(text.contains("\"payload\":{\"a\":1}"), "{text}");
    }

    #[test]
    fn a_damaged_log_is_a_no_with_the_place() {
        let dir = three_records();
        let (code, text) = command(dir.path(), &["verify"]);
        assert_eq!(code.unwrap(), DONE, "{text}");
        assert!(text.ends_with("whole: offsets 0 up to 3, 0 of them unreadable\n"), "{text}");
        let path = dir.path().join("log/00000000000000000000.seg");
        let mut bytes = fs::read(&path).unwrap();
        bytes[64] ^= 1;
        fs::write(&path, bytes).unwrap();
        let (code, text) = command(dir.path(), &["verify"]);
        assert_eq!(code.unwrap(), NO);
        assert!(
            text.contains("damaged: 00000000000000000000.seg: 39 bytes at 32\nmissing: offsets 0 to 0\n"),
            "{text}"
        );
        let (_, text) = command(dir.path(), &["verify", "--json"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&report["damaged"], &report["lost"], &report["gaps"][0]["to"]),
            (&true.into(), &1.into(), &1.into())
        );
    }

    #[test]
    fn recovery_cuts_the_tail_and_skips_offsets() {
        let dir = three_records();
        let path = dir.path().join("log/00000000000000000000.seg");
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend([0; 11]);
        fs::write(&path, &bytes).unwrap();
        let (code, text) = command(dir.path(), &["recover", "--skip-to", "9"]);
        assert_eq!(code.unwrap(), DONE);
        let cut =
            format!("cut: 11 bytes at {} of 00000000000000000000.seg\nready: offsets 0 up to 9", bytes.len() - 11);
        assert!(text.starts_with(&cut), "{text}");
    }

    #[test]
    fn a_log_that_is_not_ours_has_a_digest_that_says_so() {
        let dir = three_records();
        let (code, text) = command(dir.path(), &["digest"]);
        assert_eq!(code.unwrap(), NO);
        assert!(text.ends_with("not whole: 0 records missing, 3 unreadable\n"), "{text}");
    }

    #[test]
    fn a_mistyped_folder_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("elsewhere");
        for action in ["verify", "dump", "recover"] {
            let error = format!("{:#}", command(&missing, &[action]).0.unwrap_err());
            assert_eq!(error.matches("os error").count(), 1, "{error}");
            assert!(error.starts_with("cannot list `"), "{error}");
        }
        assert!(!missing.exists());
    }
}
