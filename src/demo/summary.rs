//! The comparison, as a table for people and as JSON in the shape of `sidecart replay --json`.

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use sidecart_engine::nouns::Strategy;

use super::measure::{Figures, K, Outcome};
use super::story::span;
use crate::replay::{Interval, Named, Percentiles};

/// How hits are counted, in one sentence.
const PROTOCOL: &str = "test-then-train on live carts: asked over HTTP before the shopper's next step is sent; a hit if \
                        one of 10 items is carted later in the same visit";
const DATA: &str = "complete-journey (bundled); browsing, cost, stock and age limits generated";

/// What the demo did and found.
#[derive(Debug)]
pub struct Summary {
    /// The comparison.
    pub outcome: Outcome,
    /// Events taken before the cut, and per second.
    pub history: (usize, f64),
    /// Events sent from the cut on, and per second, the questions in between included.
    pub live: (usize, f64),
}

impl Summary {
    /// The table and how to read it.
    #[must_use]
    pub fn text(&self) -> String {
        let kept = match self.outcome.forbidden_shown {
            0 => "No answer held an item that is out of stock or limited by age.".to_owned(),
            shown => format!("DEFECT: {shown} items were shown that are out of stock or limited by age."),
        };
        format!(
            "\n{}\n\
             A hit: one of {K} items is carted later in the same visit. It says that the shopper wanted it anyway; it is \
             no conversion.\n{kept}",
            self.table()
        )
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["strategy", "hit rate @10 (95% interval)", "p95 latency", "freshness, p95"]);
        for figures in &self.outcome.figures {
            let rate = figures.metrics.get(&format!("hr@{K}"));
            table.add_row([
                in_words(figures.strategy).to_owned(),
                rate.map(percent).unwrap_or_default(),
                span(figures.latency_us.p95),
                format!("{} {}", span(figures.freshness_ms.p95 * 1e3), meaning(figures.strategy)),
            ]);
        }
        for column in 1..=2 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    /// For programs.
    ///
    /// # Errors
    /// None for figures that are numbers, as all are.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&Report {
            protocol: PROTOCOL,
            data: DATA,
            events: Events { history: self.history.into(), live: self.live.into() },
            forbidden_shown: self.outcome.forbidden_shown,
            strategies: self.outcome.figures.iter().map(StrategyReport::from).collect(),
        })
    }
}

#[derive(Serialize)]
struct Report<'a> {
    protocol: &'a str,
    data: &'a str,
    events: Events,
    forbidden_shown: usize,
    strategies: Vec<StrategyReport<'a>>,
}

#[derive(Serialize)]
struct Events {
    history: Throughput,
    live: Throughput,
}

#[derive(Serialize)]
struct Throughput {
    count: usize,
    per_second: f64,
}

impl From<(usize, f64)> for Throughput {
    fn from((count, per_second): (usize, f64)) -> Self {
        Self { count, per_second: per_second.round() }
    }
}

#[derive(Serialize)]
struct StrategyReport<'a> {
    name: &'a str,
    queries: u64,
    metrics: &'a Named<Interval>,
    latency_us: Percentiles,
    freshness_ms: Percentiles,
    freshness: &'a str,
    degraded: u64,
}

impl<'a> From<&'a Figures> for StrategyReport<'a> {
    fn from(figures: &'a Figures) -> Self {
        Self {
            name: figures.strategy.name(),
            queries: figures.queries,
            metrics: &figures.metrics,
            latency_us: figures.latency_us,
            freshness_ms: figures.freshness_ms,
            freshness: meaning(figures.strategy),
            degraded: figures.degraded,
        }
    }
}

fn percent(rate: &Interval) -> String {
    format!("{:.1} % ({:.1} to {:.1})", rate.value * 100.0, rate.low * 100.0, rate.high * 100.0)
}

fn in_words(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Static => "static rules",
        Strategy::Batch => "daily batch",
        Strategy::Realtime => "real-time",
    }
}

fn meaning(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Static => "since the lists were fixed",
        Strategy::Batch => "since the table was built",
        Strategy::Realtime => "from sending an event to its being used",
    }
}
