//! A report in words, for people.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use super::bootstrap::Interval;
use super::lane::Contender;
use super::report::{EventCounts, Named, Ratio, Report, StrategyReport};

/// The head of a report: what was replayed.
pub fn summary(report: &Report) -> String {
    let mut lines = vec![format!(
        "{} on {}: {} events, {} sessions, {} items; cut at {}, {} events before it",
        report.protocol,
        report.data,
        report.events.total,
        report.sessions,
        report.items,
        report.cut,
        report.events.before_cut
    )];
    if let Some(met) = report.pairs {
        lines.push(format!(
            "{} pairs: {} met at their moment in the test sessions, {} asked at the cut",
            met.pairs, met.matched, met.unmatched
        ));
    }
    if report.events.duplicates + report.events.refused > 0 {
        lines.push(format!(
            "{} events were duplicates, {} were refused by the engine",
            report.events.duplicates, report.events.refused
        ));
    }
    lines.extend(bots(report));
    lines.push(table(report).to_string());
    lines.push(format!(
        "update: p50 {:.1} us, p99 {:.1} us per event; intervals: 95%, bootstrap over {} sessions",
        report.update_us.p50, report.update_us.p99, report.scored_sessions
    ));
    lines.join("\n")
}

/// What is said of visits that are too busy for a person, if there are any.
pub fn bots(report: &Report) -> Option<String> {
    let EventCounts { bots, bot_visits, bot_queries, .. } = report.events;
    (bot_visits > 0).then(|| {
        format!(
            "{bot_visits} visits were too busy for a person (`features.sessions`): nothing was learned from {bots} of their \
             events, and {bot_queries} questions of the figures are theirs"
        )
    })
}

/// The paired differences of a report, one line each: to the other strategies, then to the live one without a source or
/// behind.
pub fn differences(report: &Report) -> Vec<String> {
    let shown = shown(report);
    let line = |of: &str, minus: &str, metrics: &Named<Interval>| {
        let figures = shown.iter().filter_map(|name| {
            let Interval { value, low, high } = metrics.get(name)?;
            Some(format!("{name} {value:+.4} [{low:+.4}, {high:+.4}]"))
        });
        format!("{of} minus {minus}: {}", figures.collect::<Vec<_>>().join(", "))
    };
    let strategies = report.differences.iter().map(|each| line(each.of, each.minus, &each.metrics));
    let live = Contender::Realtime.name();
    let ablations = report.ablations.iter().map(|each| line(live, &each.lane.name, &each.realtime_minus));
    let behind = report.freshness.iter().map(|each| {
        let shares = shown.iter().filter_map(|name| Some((name, each.share_of_realtime.get(name)?)));
        let shares = shares.map(|(name, share)| format!("{:.1} % of {name}", 100.0 * share.value));
        format!(
            "{}; kept: {}",
            line(live, &each.lane.name, &each.realtime_minus),
            shares.collect::<Vec<_>>().join(", ")
        )
    });
    strategies.chain(ratios(report, &shown)).chain(ablations).chain(behind).collect()
}

/// The hybrid as a multiple of each baseline, one line each.
fn ratios(report: &Report, shown: &[String]) -> Vec<String> {
    let line = |each: &Ratio| {
        let figures = shown.iter().filter_map(|name| {
            let Interval { value, low, high } = each.metrics.get(name)?;
            Some(format!("{name} {value:.3} x [{low:.3}, {high:.3}]"))
        });
        format!("{} over {}: {}", each.of, each.over, figures.collect::<Vec<_>>().join(", "))
    };
    report.ratios.iter().map(line).collect()
}

/// What the live answers were made of: what each source found of what was to be found, and whether the probabilities
/// came true. Nothing where the live strategy was not asked.
pub fn findings(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(found) = report.retrieval {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header(["source", "recall", "alone", "proposed"]);
        for source in &report.sources {
            let [recall, alone] = [source.recall, source.alone].map(|share| format!("{share:.3}"));
            table.add_row([source.name.to_owned(), recall, alone, format!("{:.0}", source.proposed_mean)]);
        }
        right_align(&mut table);
        lines.push(table.to_string());
        lines.push(format!(
            "all sources: {:.3} of what was to be found, {:.3} after rules and limit, {:.0} candidates scored",
            found.union, found.scored, found.scored_mean
        ));
    }
    if let Some(calibration) = &report.calibration {
        lines.push(format!(
            "probabilities: mean {:.4}, came true {:.4}, expected calibration error {:.4}",
            calibration.predicted, calibration.happened, calibration.ece
        ));
    }
    lines
}

/// Figures stand flush right; names do not.
fn right_align(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// The figures that a table has room for: all of them at the largest cut-off, and the first at the others.
fn shown(report: &Report) -> Vec<String> {
    let Some(first) = report.strategies.first() else { return Vec::new() };
    let several_targets = report.protocol == "basket";
    let names: Vec<&str> = first.metrics.0.iter().map(|(name, _)| name.as_str()).collect();
    let largest = names.last().and_then(|name| name.split('@').next_back()).unwrap_or_default();
    let leading = if several_targets { "recall@" } else { "hr@" };
    // With one target, recall is the hit rate.
    let wanted = |name: &&&str| {
        let at_largest = name.split('@').next_back() == Some(largest);
        name.starts_with(leading) || (at_largest && (several_targets || !name.starts_with("recall@")))
    };
    names.iter().filter(wanted).map(|&name| name.to_owned()).collect()
}

fn table(report: &Report) -> Table {
    let shown = shown(report);
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let mut header = vec!["strategy".to_owned(), "queries".to_owned()];
    header.extend(shown.iter().cloned());
    header.extend(["p50 us".to_owned(), "p95 us".to_owned(), "p99 us".to_owned(), "behind".to_owned()]);
    table.set_header(header);
    for strategy in &report.strategies {
        table.add_row(row(strategy, &shown));
    }
    right_align(&mut table);
    table
}

fn row(strategy: &StrategyReport, shown: &[String]) -> Vec<String> {
    let mut row = vec![strategy.name.clone(), strategy.queries.to_string()];
    row.extend(shown.iter().map(|name| strategy.metrics.get(name).map_or_else(String::new, interval)));
    let latency = strategy.latency_us;
    row.extend([latency.p50, latency.p95, latency.p99].map(|us| format!("{us:.0}")));
    row.push(span(strategy.behind_ms.p50));
    row
}

fn interval(interval: &Interval) -> String {
    let half = (interval.high - interval.low) / 2.0;
    format!("{:.3} ±{:.3}", interval.value, half)
}

/// A span of time at the precision that matters.
fn span(ms: f64) -> String {
    match ms / 1_000.0 {
        s if s <= 0.0 => "0".to_owned(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}
