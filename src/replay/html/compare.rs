//! The strategies side by side.

use std::fmt::Write;

use super::super::bootstrap::Interval;
use super::super::report::Named;
use super::plots::{Line, by_cut_off, legend};
use super::rows::{Row, chart};
use super::words::{Plain, Unit, count};
use super::{Part, View, class, meaning};

/// A heading and a chart for each of the two leading figures, side by side where there is room.
pub(super) fn twice(view: &View<'_>, unit: Unit, reference: f64, rows: impl Fn(&str) -> Vec<Row>) -> String {
    let mut text = String::from("<div class=\"pair\">");
    for figure in view.figures() {
        let rows = rows(&figure);
        if !rows.is_empty() {
            let meaning = meaning(&figure);
            let _ = write!(text, "<div><h3 title=\"{meaning}\">{figure}</h3>{}</div>", chart(&rows, unit, reference));
        }
    }
    text + "</div>\n"
}

/// How good each strategy was.
pub fn headline(view: &View<'_>) -> Option<Part> {
    let charts = twice(view, Unit::Share, 0.0, |figure| {
        let strategies = view.report.strategies.iter();
        let row = |name: &str, interval: &Interval| Row::of(name, class(name), interval, Unit::Share).bar();
        strategies.filter_map(|found| Some(row(&found.name, found.metrics.get(figure)?))).collect()
    });
    let [leading, ranking] = view.figures();
    let body = format!(
        "<p class=\"soft small\">{leading}: {}. {ranking}: {}. Lines are 95% intervals by bootstrap over sessions.</p>\n\
         {charts}{}",
        meaning(&leading),
        meaning(&ranking),
        who(view)
    );
    Some(Part { id: "strategies", title: "Strategies", body })
}

/// What the names of the strategies mean.
fn who(view: &View<'_>) -> String {
    let said = |name: &str| match name {
        "static" => "bestsellers and curated lists, fixed at the cut",
        "batch" => "an item-to-item table, rebuilt at each midnight of the events' clock",
        "frozen" => "the real-time hybrid with all it learned fixed at the cut; it sees what the request carries",
        "realtime" => "the default: it sees each event before the next question",
        "conditional" => "a yardstick, never served: decayed conditional probability of being bought together",
        "conditional-frozen" => "the same yardstick, fixed at the cut",
        _ => "",
    };
    let names = view.report.strategies.iter().map(|strategy| strategy.name.as_str());
    let entries: String = names
        .map(|name| format!("<dt class=\"{}\">{}</dt><dd>{}</dd>", class(name), Plain(name), said(name)))
        .collect();
    format!("<details><summary>What the names mean</summary><dl>{entries}</dl></details>\n")
}

/// How that depends on the length of the answer.
pub fn cut_offs(view: &View<'_>) -> Option<Part> {
    if view.cut_offs.len() < 2 {
        return None;
    }
    let strategies = &view.report.strategies;
    let mut text = legend(strategies.iter().map(|found| (class(&found.name), found.name.clone())));
    text.push_str("<div class=\"pair\">");
    for metric in [view.leading, view.ranking] {
        let points = |metrics: &Named<Interval>| {
            let at = |&k: &usize| Some((k, *metrics.get(&format!("{metric}@{k}"))?));
            view.cut_offs.iter().filter_map(at).collect()
        };
        let lines = strategies.iter().map(|found| Line {
            name: found.name.clone(),
            class: class(&found.name),
            points: points(&found.metrics),
        });
        let said = format!("{metric} by length of the answer");
        let _ = write!(text, "<div><h3>{metric}</h3>{}</div>", by_cut_off(&lines.collect::<Vec<_>>(), &said));
    }
    Some(Part { id: "length", title: "By length of the answer", body: text + "</div>\n" })
}

/// The live strategy minus each other, query by query.
pub fn differences(view: &View<'_>) -> Option<Part> {
    let differences = &view.report.differences;
    if differences.is_empty() {
        return None;
    }
    let charts = twice(view, Unit::Difference, 0.0, |figure| {
        let row =
            |minus: &str, interval: &Interval| Row::of(&format!("- {minus}"), class(minus), interval, Unit::Difference);
        differences.iter().filter_map(|each| Some(row(each.minus, each.metrics.get(figure)?))).collect()
    });
    let body = format!(
        "<p class=\"soft small\">The same questions to both, resampled alike; right of the dashed line, realtime is \
         better. An interval that holds 0 tells no difference.</p>\n{charts}"
    );
    Some(Part { id: "differences", title: "realtime minus each other", body })
}

/// The hybrid as a multiple of each yardstick.
pub fn ratios(view: &View<'_>) -> Option<Part> {
    let ratios = &view.report.ratios;
    if ratios.is_empty() {
        return None;
    }
    let charts = twice(view, Unit::Multiple, 1.0, |figure| {
        let row = |of: &str, over: &str, interval: &Interval| {
            Row::of(&format!("{of} / {over}"), class(of), interval, Unit::Multiple)
        };
        ratios.iter().filter_map(|each| Some(row(each.of, each.over, each.metrics.get(figure)?))).collect()
    });
    Some(Part { id: "yardsticks", title: "Over the yardsticks", body: charts })
}

/// Figures by kind of event, where there are several.
pub fn types(view: &View<'_>) -> Option<Part> {
    let strategies = view.report.strategies.iter().filter(|found| !found.by_type.is_empty());
    let figures = view.figures();
    let mut rows = String::new();
    for found in strategies {
        for (kind, of_kind) in &found.by_type {
            let cells = figures.iter().filter_map(|figure| of_kind.metrics.get(figure));
            let cells: String =
                cells.map(|interval| format!("<td>{}</td>", Unit::Share.write_interval(interval))).collect();
            let (name, queries) = (Plain(&found.name), count(of_kind.queries as usize));
            let _ = write!(rows, "<tr><td>{name}</td><td>{kind}</td><td>{queries}</td>{cells}</tr>\n");
        }
    }
    let [leading, ranking] = figures;
    let body = format!(
        "<div class=\"scroll\"><table><tr><th>strategy</th><th>foretold</th><th>questions</th><th>{leading}</th>\
         <th>{ranking}</th></tr>\n{rows}</table></div>\n"
    );
    (!rows.is_empty()).then_some(Part { id: "types", title: "By kind of event", body })
}
