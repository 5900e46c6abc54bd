use prometheus_client::registry::Registry;
use sidecart_engine::nouns::Tier;
use sidecart_engine::views::Sizes;

use super::Level;

/// The size of a memory page on the machines that Linux runs on here; `/proc/self/statm` counts in pages.
const PAGE_BYTES: u64 = 4_096;

/// What is read at the moment of a scrape.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The engine's state.
    pub sizes: Sizes,
    /// Whether all of the log has been applied and the writers live.
    pub ready: bool,
    /// Records waiting for the log's writer.
    pub queued: usize,
    /// Records in the log that the engine has not applied.
    pub unapplied: u64,
    /// Age of the oldest of them, in milliseconds.
    pub lag_ms: u64,
    /// Requests for recommendations being answered.
    pub in_flight: usize,
    /// The offset that the next record of the log gets.
    pub next_offset: u64,
    /// Decisions that can be looked up.
    pub decisions: usize,
    /// Version of the scorer's model.
    pub model_version: u64,
    /// Whether the newest config that was given is in force.
    pub config_ok: bool,
    /// Keys of it that wait for a restart.
    pub config_restart_required: usize,
    /// The highest rung of the ladder that may serve.
    pub ladder_ceiling: Tier,
    /// Since when the config in force is.
    pub config_since_seconds: u64,
}

/// How a figure is read.
type Read = fn(&Observed) -> u64;

/// One gauge per observed figure.
#[derive(Debug)]
pub(super) struct Gauges(Vec<(Level, Read)>);

impl Gauges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let figures: [(&str, &str, Read); 29] = [
            ("ready", "1 when all of the log has been applied and the writers live", |o| u64::from(o.ready)),
            ("queued_records", "Records waiting for the log's writer", |o| o.queued as u64),
            ("unapplied_records", "Records in the log that are not applied", |o| o.unapplied),
            ("lag_milliseconds", "Age of the oldest unapplied record", |o| o.lag_ms),
            ("in_flight_recommendations", "Recommendations being answered", |o| o.in_flight as u64),
            ("log_next_offset", "The offset that the next record gets", |o| o.next_offset),
            ("decisions", "Decisions that can be looked up", |o| o.decisions as u64),
            ("items", "Items in the catalogue", |o| o.sizes.items as u64),
            ("sessions", "Live visits", |o| o.sizes.sessions as u64),
            ("users", "Known shoppers", |o| o.sizes.users as u64),
            ("event_ids", "Event ids remembered", |o| o.sizes.event_ids as u64),
            ("indexed_sessions", "Past visits in the index", |o| o.sizes.indexed_sessions as u64),
            ("pairs", "Co-visitation pairs, all relations", |o| o.sizes.pairs as u64),
            ("embedded_items", "Items that have vectors", |o| o.sizes.embedded_items as u64),
            ("evicted_embeddings", "Items that lost their vectors because of the limit", |o| {
                o.sizes.evicted_embeddings
            }),
            ("evicted_sessions", "Live visits that left because of the limit", |o| o.sizes.evicted_sessions),
            ("evicted_users", "Shoppers that left because of the limit", |o| o.sizes.evicted_users),
            ("evicted_indexed_sessions", "Indexed visits that left because of the limit", |o| {
                o.sizes.evicted_indexed_sessions
            }),
            ("refused_items", "Items refused because of the limit", |o| o.sizes.refused_items),
            ("bot_events", "Events nothing is learned from: their visits are too busy for a person", |o| {
                o.sizes.bot_events
            }),
            ("bot_visits", "Visits taken for a program's", |o| o.sizes.bot_visits),
            ("model_version", "Version of the scorer's model; 0: the starting weights", |o| o.model_version),
            ("applied_records", "Records applied since the state began", |o| o.sizes.applied),
            ("newest_event_timestamp_seconds", "Time of the newest applied event", |o| o.newest_event()),
            ("ladder_ceiling", "The highest rung that may serve, as set by hand: 0 full, 5 empty", |o| {
                o.ladder_ceiling as u64
            }),
            ("config_ok", "1 when the newest config that was given is in force", |o| u64::from(o.config_ok)),
            ("config_restart_required", "Keys of the config that wait for a restart", |o| {
                o.config_restart_required as u64
            }),
            ("config_since_timestamp_seconds", "Since when the config in force is", |o| o.config_since_seconds),
            ("resident_memory_bytes", "Resident memory of the process", |_| resident()),
        ];
        Self(figures.into_iter().map(|(name, help, read)| (gauge(registry, name, help), read)).collect())
    }

    pub(super) fn set(&self, observed: &Observed) {
        for (gauge, read) in &self.0 {
            gauge.set(read(observed));
        }
    }
}

impl Observed {
    fn newest_event(&self) -> u64 {
        self.sizes.newest_event_at.map_or(0, |at| u64::try_from(at.0 / 1_000).unwrap_or(0))
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Level {
    let gauge = Level::default();
    registry.register(name, help, gauge.clone());
    gauge
}

/// Resident memory in bytes; zero where there is no `/proc`.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * PAGE_BYTES
}
