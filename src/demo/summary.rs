//! The comparison, as a table for people and as JSON in the shape of `sidecart replay --json`.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};
use sidecart_engine::nouns::Strategy;

use super::measure::{Figures, K};
use super::story::span;

/// What the demo did and found.
#[derive(Debug)]
pub struct Summary {
    /// One row per strategy.
    pub figures: Vec<Figures>,
    /// Events sent before the cut, and per second.
    pub history: (usize, f64),
    /// Events sent from the cut on, and per second, the questions in between included.
    pub live: (usize, f64),
    /// Items shown that no answer may hold.
    pub forbidden_shown: usize,
}

/// How hits are counted, in one sentence.
pub const PROTOCOL: &str = "test-then-train on live carts: asked over HTTP before the shopper's next step is sent; a hit if one \
     of 10 items is carted later in the same visit";

impl Summary {
    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["strategy", "hit rate @10 (95% interval)", "p95 latency", "freshness, p95"]);
        for figures in &self.figures {
            let rate = figures.hit_rate;
            let percent = |share: f64| format!("{:.1}", share * 100.0);
            table.add_row([
                name(figures.strategy).to_owned(),
                format!("{} % ({} to {})", percent(rate.value), percent(rate.low), percent(rate.high)),
                span(figures.latency_us[1]),
                format!("{} {}", span(figures.freshness_ms[1] * 1e3), meaning(figures.strategy)),
            ]);
        }
        for column in 1..=2 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }

    /// The table and how to read it.
    #[must_use]
    pub fn text(&self) -> String {
        let kept = match self.forbidden_shown {
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

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let strategy = |figures: &Figures| {
            let rate = figures.hit_rate;
            let [p50, p95, p99] = figures.latency_us.map(f64::round);
            let [fresh_p50, fresh_p95] = figures.freshness_ms;
            json!({
                "name": figures.strategy.name(),
                "queries": figures.queries,
                "metrics": {format!("hr@{K}"): {"value": rate.value, "low": rate.low, "high": rate.high}},
                "latency_us": {"p50": p50, "p95": p95, "p99": p99},
                "freshness_ms": {"p50": fresh_p50, "p95": fresh_p95, "what": meaning(figures.strategy)},
            })
        };
        json!({
            "protocol": PROTOCOL,
            "data": "complete-journey (bundled); browsing, cost, stock and age limits generated",
            "strategies": self.figures.iter().map(strategy).collect::<Vec<_>>(),
            "events": {
                "history": {"count": self.history.0, "per_second": self.history.1.round()},
                "live": {"count": self.live.0, "per_second": self.live.1.round()},
            },
            "forbidden_shown": self.forbidden_shown,
        })
    }
}

fn name(strategy: Strategy) -> &'static str {
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
