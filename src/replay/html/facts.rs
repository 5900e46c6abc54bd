//! What the answers cost, what went in, and how to read it all.

use std::fmt::Write;

use super::super::report::{EventCounts, StrategyReport};
use super::rows::{Mark, Row, chart, log_chart};
use super::words::{Plain, Unit, count, number};
use super::{Part, View, class, meaning};

/// Time and coverage of each strategy.
pub fn work(view: &View<'_>) -> Option<Part> {
    let strategies = &view.report.strategies;
    let time = |found: &StrategyReport| {
        let at = found.latency_us;
        Row {
            name: found.name.clone(),
            class: class(&found.name),
            mark: Mark::Points([at.p50, at.p95, at.p99].map(|us| us.max(0.1))),
            figure: format!("{} / {} / {}", number(at.p50), number(at.p95), number(at.p99)),
        }
    };
    let k = view.cut_offs.last().copied().unwrap_or_default();
    let coverage = |found: &StrategyReport| {
        let interval = found.metrics.get(&format!("coverage@{k}"))?;
        Some(Row::of(&found.name, class(&found.name), interval, Unit::Percent).bar())
    };
    let body = format!(
        "<div class=\"pair\"><div><h3>microseconds per answer: half, 95%, 99% are within</h3>{}\
         <p class=\"soft small\">Wall time of the engine's call, without HTTP, on a machine that may have been busy. An \
         event is taken in within {} us (half), {} us (99%).</p></div>\
         <div><h3>items ever shown among the first {k}, of all {}</h3>{}</div></div>\n{}",
        log_chart(&strategies.iter().map(time).collect::<Vec<_>>(), Unit::Number),
        number(view.report.update_us.p50),
        number(view.report.update_us.p99),
        count(view.report.items),
        chart(&strategies.iter().filter_map(coverage).collect::<Vec<_>>(), Unit::Percent, 0.0),
        rungs(strategies)
    );
    Some(Part { id: "work", title: "Time and coverage", body })
}

/// Which rung of the ladder served how many answers.
fn rungs(strategies: &[StrategyReport]) -> String {
    let served = |found: &StrategyReport| {
        let rungs = found.tiers.iter().map(|(tier, answers)| format!("{} {tier}", count(*answers as usize)));
        format!("<dt>{}</dt><dd>{}</dd>", Plain(&found.name), rungs.collect::<Vec<_>>().join(", "))
    };
    let entries: String = strategies.iter().map(served).collect();
    format!("<details><summary>Answers by rung of the ladder</summary><dl>{entries}</dl></details>\n")
}

/// What went in, and how to get the same again.
pub fn data(view: &View<'_>) -> Option<Part> {
    let (report, events) = (view.report, view.report.events);
    let mut facts = vec![
        ("data", Plain(&report.data).to_string()),
        ("rows", format!("{} read, {} rejected", count(events.rows), count(report.rejected.total as usize))),
        ("events", format!("{}, of which {} before the cut", count(events.total), count(events.before_cut))),
        ("sessions", format!("{}, of which {} were asked in", count(report.sessions), count(report.scored_sessions))),
        ("items", format!("{}, of which {} in no catalogue", count(report.items), count(report.bare_items))),
        ("cut", Plain(&report.cut).to_string()),
        ("seen items", if report.exclude_seen { "neither asked for nor shown" } else { "count" }.to_owned()),
        ("seed", report.seed.to_string()),
        ("config", Plain(&view.origin.config).to_string()),
    ];
    if let Some(met) = report.pairs {
        let met = [met.pairs, met.matched, met.unmatched].map(count);
        facts.push(("pairs", format!("{}: {} met at their moment, {} asked at the cut", met[0], met[1], met[2])));
    }
    if events.bot_visits > 0 {
        let EventCounts { bots, bot_visits, bot_queries, .. } = events;
        facts.push((
            "too busy for a person",
            format!("{bot_visits} visits; nothing was learned from {bots} of their events; {bot_queries} questions"),
        ));
    }
    if events.duplicates + events.refused > 0 {
        facts.push(("not applied", format!("{} duplicates, {} refused", events.duplicates, events.refused)));
    }
    let facts: String = facts.iter().map(|(name, fact)| format!("<dt>{name}</dt><dd>{fact}</dd>")).collect();
    let body = format!("<pre>{}</pre>\n<dl>{facts}</dl>\n{}", Plain(&view.origin.command), rejected(view));
    Some(Part { id: "data", title: "What was replayed, and how to do it again", body })
}

fn rejected(view: &View<'_>) -> String {
    let rejected = &view.report.rejected;
    if rejected.total == 0 {
        return String::new();
    }
    let reasons = rejected.by_reason.iter().map(|(reason, rows)| {
        format!("<tr><td class=\"words\">{}</td><td>{}</td></tr>", Plain(reason), count(*rows as usize))
    });
    format!(
        "<h3>rejected rows</h3><div class=\"scroll\"><table><tr><th>reason</th><th>rows</th></tr>{}</table></div>\n",
        reasons.collect::<String>()
    )
}

/// What these figures are not.
pub fn cautions(view: &View<'_>) -> Option<Part> {
    let mut cautions = vec![
        "These are offline figures: they say how often what shoppers did next was in the answer, not what showing it \
         would have caused. They are not conversion, revenue or lift; those are measured by experiments."
            .to_owned(),
        "Shoppers chose from what the shop showed them then: items that it showed little are found little, whatever \
         they are worth."
            .to_owned(),
        "Intervals take sessions for independent and say nothing of other weeks, other shops or a changed assortment."
            .to_owned(),
    ];
    if view.report.protocol == "basket" {
        cautions.push("A hidden part of a basket is not a shopper's decision about a recommendation.".to_owned());
    }
    let asked = view.report.strategies.first().map_or(0, |found| found.queries);
    if view.report.scored_sessions < 300 {
        let few =
            format!("Only {} sessions were asked in: intervals are wide, and rough.", view.report.scored_sessions);
        cautions.push(few);
    }
    if asked > 0 && view.report.events.refused > 0 {
        cautions.push(
            "Some events were refused by the engine; what they would have taught is not in these figures.".to_owned(),
        );
    }
    if view.report.calibration.as_ref().is_some_and(|found| found.ece > 0.1) {
        cautions.push("The probabilities are far off: do not rank by expected revenue or margin with them.".to_owned());
    }
    let entries: String = cautions.iter().map(|caution| format!("<li>{}</li>\n", Plain(caution))).collect();
    Some(Part { id: "cautions", title: "Before you quote this", body: format!("<ul>{entries}</ul>\n") })
}

/// Every figure of every strategy.
pub fn figures(view: &View<'_>) -> Option<Part> {
    let strategies = &view.report.strategies;
    let names: Vec<&str> = strategies.first()?.metrics.0.iter().map(|(name, _)| name.as_str()).collect();
    let mut table = String::from("<tr><th>figure</th>");
    strategies.iter().for_each(|found| {
        let _ = write!(table, "<th>{}</th>", Plain(&found.name));
    });
    table.push_str("</tr>\n");
    for name in names {
        let _ = write!(table, "<tr><td title=\"{}\">{name}</td>", meaning(name));
        for found in strategies {
            let cell = found.metrics.get(name).map(|interval| Unit::Share.write_interval(interval));
            let _ = write!(table, "<td>{}</td>", cell.unwrap_or_default());
        }
        table.push_str("</tr>\n");
    }
    let body = format!(
        "<details><summary>Show all, with 95% intervals</summary><div class=\"scroll\"><table>{table}</table></div>\
         </details>\n"
    );
    Some(Part { id: "figures", title: "All figures", body })
}
