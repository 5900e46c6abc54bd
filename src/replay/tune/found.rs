//! What a search found, in the shape of its JSON and in words.

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;
use serde_json::Value;

use super::super::bootstrap::Interval;
use super::super::lane::named;
use super::super::report::{Named, Percentiles};
use super::judge::{Judge, Verdict};
use super::overlay::plain;
use super::search::{Measured, Outcome, Trial};

/// A key whose value is to change.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// The key.
    pub key: &'static str,
    /// Its value at the start.
    pub from: Value,
    /// Its value at the end.
    pub to: Value,
}

/// What was searched on.
#[derive(Debug, Clone, Serialize)]
pub struct Ground {
    /// What was asked.
    pub protocol: &'static str,
    /// Names of the data.
    pub data: String,
    /// Beginning of the window, RFC 3339.
    pub window_from: String,
    /// Its end, where the test part begins, of which nothing was read into any figure.
    pub window_to: String,
    /// Questions asked of each config.
    pub queries: usize,
    /// Sessions that were asked in.
    pub sessions: usize,
    /// Seed of samples, hidden halves and intervals.
    pub seed: u64,
    /// Comparisons allowed.
    pub budget: usize,
    /// The config file that the search began at; `None`: the defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

/// What a search found.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// What it searched on.
    #[serde(flatten)]
    pub ground: Ground,
    /// The figure that was to be raised.
    pub metric: String,
    /// The figure that was not to fall.
    pub guard: String,
    /// Standard errors that a gain had to be away from nothing, so that 95% hold for all comparisons together.
    pub standard_errors: f64,
    /// Whether the budget ended the search before every step had been tried.
    pub cut_short: bool,
    /// Figures at the start.
    pub before: Named<Interval>,
    /// Figures with the changes.
    pub after: Named<Interval>,
    /// These minus those, paired.
    pub difference: Named<Interval>,
    /// Wall time of an answer at the start, microseconds.
    pub latency_us_before: Percentiles,
    /// Wall time of an answer with the changes.
    pub latency_us_after: Percentiles,
    /// What is to change; none: nothing better was found.
    pub changes: Vec<Change>,
    /// All comparisons.
    pub trials: Vec<Trial>,
}

impl Found {
    /// A figure before, after, and its gain.
    pub fn figures(&self, name: &str) -> Option<(f64, f64, Interval)> {
        let value = |named: &Named<Interval>| named.get(name).map(|interval| interval.value);
        Some((value(&self.before)?, value(&self.after)?, *self.difference.get(name)?))
    }
}

/// Puts it together.
pub(super) fn tell(ground: Ground, judge: &Judge, start: &Measured, outcome: Outcome) -> Found {
    let end = outcome.measured.as_ref().unwrap_or(start);
    let mut changes: Vec<Change> = Vec::new();
    for trial in outcome.trials.iter().filter(|trial| trial.verdict == Verdict::Better) {
        match changes.iter_mut().find(|change| change.key == trial.key) {
            Some(change) => change.to = trial.to.clone(),
            None => changes.push(Change { key: trial.key, from: trial.from.clone(), to: trial.to.clone() }),
        }
    }
    changes.retain(|change| change.from != change.to);
    let names = || start.names.clone();
    Found {
        ground,
        metric: judge.aim().to_owned(),
        guard: judge.guard().to_owned(),
        standard_errors: judge.z,
        cut_short: outcome.cut_short,
        before: named(names(), start.means.intervals()),
        after: named(names(), end.means.intervals()),
        difference: named(names(), end.means.minus(&start.means)),
        latency_us_before: start.latency_us,
        latency_us_after: end.latency_us,
        changes,
        trials: outcome.trials,
    }
}

/// What was found, for people.
pub fn words(found: &Found) -> String {
    let ground = &found.ground;
    let mut lines = vec![format!(
        "{} on {}: window {} to {}, {} questions in {} sessions; nothing after it was read",
        ground.protocol, ground.data, ground.window_from, ground.window_to, ground.queries, ground.sessions
    )];
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["key", "from", "to", found.metric.as_str(), "95% interval", "taken for"]);
    for trial in &found.trials {
        let Interval { value, low, high } = trial.difference;
        let verdict = match trial.verdict {
            Verdict::Better => "better: adopted".to_owned(),
            Verdict::Traded => format!("better, but {} fell", found.guard),
            Verdict::Worse => "worse".to_owned(),
            Verdict::NoDifference => "chance".to_owned(),
        };
        let interval = format!("[{low:+.4}, {high:+.4}]");
        table.add_row([
            trial.key.to_owned(),
            plain(&trial.from),
            plain(&trial.to),
            format!("{value:+.4}"),
            interval,
            verdict,
        ]);
    }
    lines.push(table.to_string());
    lines.push(format!(
        "{} of at most {} comparisons{}; a gain had to be {:.2} standard errors above nothing, so that 95% hold for all \
         together",
        found.trials.len(),
        ground.budget,
        if found.cut_short { ", not every step was tried" } else { ", every step was tried" },
        found.standard_errors
    ));
    for name in [&found.metric, &found.guard] {
        let figure = |named: &Named<Interval>| {
            named.get(name).map_or_else(String::new, |i| format!("{:.4} [{:.4}, {:.4}]", i.value, i.low, i.high))
        };
        let gain = found.difference.get(name).copied();
        let gain = gain.map_or_else(String::new, |i| format!("{:+.4} [{:+.4}, {:+.4}]", i.value, i.low, i.high));
        lines.push(format!(
            "{name}: before {}, tuned {}, difference {gain}",
            figure(&found.before),
            figure(&found.after)
        ));
    }
    lines.push(format!(
        "an answer took {:.0} us (half), {:.0} us (99%) before, {:.0} and {:.0} us tuned",
        found.latency_us_before.p50,
        found.latency_us_before.p99,
        found.latency_us_after.p50,
        found.latency_us_after.p99
    ));
    if found.changes.is_empty() {
        lines.push("nothing better than the settings at the start was found".to_owned());
    }
    lines.join("\n")
}
