//! Steady load for long: what grows that should not?

use std::fs::File;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::load::{Load, Pace};
use crate::row::Row;
use crate::server::Server;
use crate::shop::{Shop, metric, resident_kib};

/// Some 1,000 events and 80 questions a second in all, for as long as it takes: a modest share of one processor, so that
/// what else the machine does is not what is measured.
const PACE: Pace = Pace { send: Duration::from_millis(58), ask: Duration::from_millis(11) };
/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// The share by which resident memory may differ between the first and the last third of the looks that are compared: an
/// allocator breathes.
const MAX_GROWTH: f64 = 0.25;
/// The factor by which the largest log of the last third may be above that of the first: it holds what two checkpoints
/// need, and these come when they come.
const MAX_LOG_GROWTH: f64 = 1.5;
/// Visits and shoppers that leave one of the stores because it is full: what each must have done before looks are compared.
const EVICTED: [&str; 4] = [
    "sidecart_evicted_sessions",
    "sidecart_evicted_users",
    "sidecart_evicted_indexed_sessions",
    "sidecart_evicted_embeddings",
];

/// One look at the process.
#[derive(Debug, Clone, Copy)]
struct Look {
    at_s: f64,
    memory_kib: f64,
    files: usize,
    log_bytes: u64,
    pairs: f64,
    acknowledged: u64,
    answers: u64,
    p50_ms: f64,
    p99_ms: f64,
    worst_ms: f64,
}

/// How much the stores that are bounded hold: so little that all are full within a quarter of `seconds`, at the pace of a
/// machine that keeps up, and a log that retention keeps at its size.
struct Limits {
    visits: u64,
    event_ids: u64,
    decisions: u64,
}

impl Limits {
    fn for_length(seconds: u64) -> Self {
        // Some 100 visits begin each second.
        let visits = (seconds * 12).clamp(500, 20_000);
        Self { visits, event_ids: visits * 8, decisions: visits / 4 }
    }

    fn config(&self) -> String {
        let Self { visits, event_ids, decisions } = self;
        format!(
            "storage: {{checkpoint_every: 5s, checkpoints_kept: 2, segment_size: 1MiB, retention_size: 4MiB}}\n\
             events: {{dedupe_ids: {event_ids}}}\n\
             observability: {{decisions_kept: {decisions}}}\n\
             features: {{sessions: {{max_live: {visits}}}, users: {{max_users: {}}}, index: {{max_sessions: {visits}}}, \
             affinities: {{row_len: 32}}, embeddings: {{max_items: 250}}}}\n",
            visits / 2
        )
    }

    /// What is still not full.
    fn missing(&self, server: &Server) -> Vec<&'static str> {
        let evicted = EVICTED.map(|name| (name, 1));
        let full = [("sidecart_event_ids", self.event_ids), ("sidecart_decisions", self.decisions)];
        let all = evicted.into_iter().chain(full);
        all.filter(|(name, least)| metric(server, name) < *least as f64).map(|(name, _)| name).collect()
    }
}

#[test]
#[ignore = "steady load for SOAK_SECONDS (60 unless told; an hour in the long form)"]
fn steady_load_leaves_memory_files_and_log_flat() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(60, |text| text.parse().expect("SOAK_SECONDS is a number"));
    let (shop, mut row) = (Shop::new(), Row::new(&format!("soak: {seconds} s of steady load")));
    shop.heal();
    let limits = Limits::for_length(seconds);
    let server = shop.open_with(&limits.config());
    let (started, mut looks, mut full, mut csv) = (Instant::now(), Vec::new(), None, csv());
    // The first quarter fills them, or as much more as this machine takes for it: what is compared is all from then on.
    while full.is_none_or(|(_, at): (usize, Instant)| at.elapsed() < Duration::from_secs(seconds * 3 / 4)) {
        let load = Load::at_pace(&server.url, &format!("l{}", looks.len()), PACE, |_| std::thread::sleep(EVERY));
        row.add(&load);
        let look = look(&shop, &server, started, &load);
        assert!(look.acknowledged > 0 && look.answers > 0, "{look:?}");
        write(csv.as_mut(), &look);
        looks.push(look);
        if full.is_none() && started.elapsed() > Duration::from_secs(seconds / 4) {
            let missing = limits.missing(&server);
            assert!(started.elapsed() < Duration::from_secs(seconds * 2), "still not full: {missing:?}");
            full = missing.is_empty().then(|| (looks.len(), Instant::now()));
        }
    }
    assert_flat(&looks[full.map_or(0, |(from, _)| from)..]);
    assert!(metric(&server, "sidecart_bot_visits") == 0.0, "the load is taken for a program's, and not learned from");
    assert!(metric(&server, "sidecart_checkpoints_total{outcome=\"failed\"}") == 0.0);
    assert_eq!(server.stop(), Some(0));
    row.report();
}

/// Compares the last third with the first; all stores were full before it.
fn assert_flat(looks: &[Look]) {
    let third = (looks.len() / 3).max(1);
    let mean = |looks: &[Look], of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / looks.len() as f64;
    let (early, late) = (&looks[..third], &looks[looks.len() - third..]);
    let grown = mean(late, |look| look.memory_kib) / mean(early, |look| look.memory_kib) - 1.0;
    assert!(grown < MAX_GROWTH, "memory grew by {:.0} %", grown * 100.0);
    let files = |looks: &[Look]| looks.iter().map(|look| look.files).max();
    assert!(files(late) <= files(early).map(|files| files + 8), "file handles: {looks:?}");
    let log = |looks: &[Look]| looks.iter().map(|look| look.log_bytes as f64).fold(0.0, f64::max);
    assert!(log(late) < log(early) * MAX_LOG_GROWTH, "the log grows: {looks:?}");
}

fn look(shop: &Shop, server: &Server, started: Instant, load: &Load) -> Look {
    let proc = std::path::PathBuf::from(format!("/proc/{}", server.id()));
    let log_bytes = shop.files("log", "seg").iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    let ms = |share| load.percentile(share).as_secs_f64() * 1e3;
    Look {
        at_s: started.elapsed().as_secs_f64(),
        memory_kib: resident_kib(server),
        files: std::fs::read_dir(proc.join("fd")).expect("its files").count(),
        log_bytes,
        pairs: metric(server, "sidecart_pairs"),
        acknowledged: load.taken.load(Ordering::Acquire),
        answers: load.asked.load(Ordering::Acquire),
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        worst_ms: ms(1.0),
    }
}

/// The file `SOAK_CSV`, for `scripts/faults` to draw, with a line that names its columns.
fn csv() -> Option<File> {
    let mut file = File::create(std::env::var_os("SOAK_CSV")?).expect("a file");
    writeln!(file, "seconds,memory_kib,files,log_bytes,pairs,acknowledged,answers,p50_ms,p99_ms,worst_ms")
        .expect("written");
    Some(file)
}

/// Writes a look at once: a run that is cut short leaves what it saw.
fn write(csv: Option<&mut File>, look: &Look) {
    let Some(file) = csv else { return };
    let Look { at_s, memory_kib, files, log_bytes, pairs, acknowledged, answers, p50_ms, p99_ms, worst_ms } = look;
    let counts = format!("{at_s:.1},{memory_kib},{files},{log_bytes},{pairs},{acknowledged},{answers}");
    writeln!(file, "{counts},{p50_ms:.2},{p99_ms:.2},{worst_ms:.2}").expect("written");
}
