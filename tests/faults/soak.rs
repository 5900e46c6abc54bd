//! Steady load for long: what grows that should not?

use std::io::Write;
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::row::Row;
use crate::server::Server;
use crate::shop::{Shop, metric};

/// Of each sender after a batch: some 2,000 events and 300 questions a second in all, for as long as it takes.
const PAUSE: Duration = Duration::from_millis(25);
/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// The share by which resident memory may differ between the second and the last quarter: an allocator breathes.
const MAX_GROWTH: f64 = 0.25;
/// The factor by which the largest log of the last quarter may be above that of the second: it holds what two checkpoints
/// need, and these come when they come.
const MAX_LOG_GROWTH: f64 = 1.5;
/// Bounded stores that are full within the first quarter, and a log that retention keeps at its size.
const CONFIG: &str = "storage: {checkpoint_every: 5s, checkpoints_kept: 2, segment_size: 1MiB, retention_size: 4MiB}\n\
    events: {dedupe_ids: 20000}\n";

/// One look at the process.
#[derive(Debug, Clone, Copy)]
struct Look {
    at_s: f64,
    memory_kib: f64,
    files: usize,
    log_bytes: u64,
    worst_ms: f64,
    acknowledged: u64,
}

#[test]
#[ignore = "steady load for SOAK_SECONDS (60 unless told; an hour in the long form)"]
fn steady_load_leaves_memory_files_and_log_flat() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(60, |text| text.parse().expect("SOAK_SECONDS is a number"));
    let (shop, mut row) = (Shop::new(), Row::new(&format!("soak: {seconds} s of steady load")));
    shop.heal();
    let server = Server::start(shop.path(), CONFIG);
    let (started, mut looks) = (Instant::now(), Vec::new());
    while started.elapsed() < Duration::from_secs(seconds) {
        let load = Load::with_pause(&server.url, &format!("l{}", looks.len()), PAUSE, |_| std::thread::sleep(EVERY));
        row.add(&load);
        looks.push(look(&shop, &server, started, &load));
        assert!(looks.last().is_some_and(|look| look.acknowledged > 0));
    }
    write_looks(&looks);
    let quarter = (looks.len() / 4).max(1);
    let mean = |looks: &[Look], of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / looks.len() as f64;
    let (early, late) =
        (&looks[quarter..(2 * quarter).max(quarter + 1).min(looks.len())], &looks[looks.len() - quarter..]);
    let grown = mean(late, |look| look.memory_kib) / mean(early, |look| look.memory_kib) - 1.0;
    assert!(grown < MAX_GROWTH, "memory grew by {:.0} %", grown * 100.0);
    let files = |looks: &[Look]| looks.iter().map(|look| look.files).max();
    assert!(files(late) <= files(early).map(|files| files + 8), "file handles: {looks:?}");
    let log = |looks: &[Look]| looks.iter().map(|look| look.log_bytes as f64).fold(0.0, f64::max);
    assert!(log(late) < log(early) * MAX_LOG_GROWTH, "the log grows: {looks:?}");
    assert!(metric(&server, "sidecart_checkpoints_total{outcome=\"failed\"}") == 0.0);
    assert_eq!(server.stop(), Some(0));
    row.report();
}

fn look(shop: &Shop, server: &Server, started: Instant, load: &Load) -> Look {
    let proc = std::path::PathBuf::from(format!("/proc/{}", server.id()));
    let status = std::fs::read_to_string(proc.join("status")).expect("a process");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let memory_kib = memory.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    let log_bytes = shop.files("log", "seg").iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    Look {
        at_s: started.elapsed().as_secs_f64(),
        memory_kib,
        files: std::fs::read_dir(proc.join("fd")).expect("its files").count(),
        log_bytes,
        worst_ms: load.worst().as_secs_f64() * 1e3,
        acknowledged: load.taken.load(std::sync::atomic::Ordering::Acquire),
    }
}

/// Writes the looks as CSV to `SOAK_CSV`, for `scripts/faults` to draw.
fn write_looks(looks: &[Look]) {
    let Some(path) = std::env::var_os("SOAK_CSV") else { return };
    let mut file = std::fs::File::create(path).expect("a file");
    writeln!(file, "seconds,memory_kib,files,log_bytes,worst_ms,acknowledged").expect("written");
    for Look { at_s, memory_kib, files, log_bytes, worst_ms, acknowledged } in looks {
        writeln!(file, "{at_s:.1},{memory_kib},{files},{log_bytes},{worst_ms:.2},{acknowledged}").expect("written");
    }
}
