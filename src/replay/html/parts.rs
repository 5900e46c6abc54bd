//! What the live answers are made of.

use std::fmt::Write;

use super::super::bootstrap::Interval;
use super::super::report::Freshness;
use super::compare::twice;
use super::plots::reliability;
use super::rows::{Mark, Row, chart};
use super::words::{Plain, Unit, count, number};
use super::{Part, View};

/// Features shown per intent; the rest moves scores less than these.
const MAX_FEATURES: usize = 15;

/// What each source found.
pub fn sources(view: &View<'_>) -> Option<Part> {
    let retrieval = view.report.retrieval?;
    let mut found: Vec<_> = view.report.sources.iter().filter(|source| source.proposed_mean > 0.0).collect();
    found.sort_by(|a, b| b.recall.total_cmp(&a.recall).then(a.name.cmp(b.name)));
    let row = |name: &str, class, whole: f64, part: f64, figure: String| Row {
        name: name.to_owned(),
        class,
        mark: Mark::Part { whole, part },
        figure,
    };
    let mut rows = vec![
        row("all together", "frozen", retrieval.union, 0.0, Unit::Share.write(retrieval.union)),
        row("after rules and limit", "frozen", retrieval.scored, 0.0, Unit::Share.write(retrieval.scored)),
    ];
    rows.extend(found.iter().map(|source| {
        let figure = format!("{:.3} / {:.3} of {:.0}", source.recall, source.alone, source.proposed_mean);
        row(source.name, "live", source.recall, source.alone, figure)
    }));
    let silent: Vec<&str> =
        view.report.sources.iter().filter(|s| s.proposed_mean <= 0.0).map(|source| source.name).collect();
    let silent = match silent.is_empty() {
        true => String::new(),
        false => format!(" Nothing was proposed by {}.", silent.join(", ")),
    };
    let body = format!(
        "<p class=\"soft small\">Share of what was to be found that each source proposed; solid: that it alone \
         proposed. In digits: found / found alone of items proposed per question. No ranking can find more than \
         <em>after rules and limit</em>, {} candidates per question.{silent}</p>\n{}",
        number(retrieval.scored_mean),
        chart(&rows, Unit::Share, 0.0)
    );
    Some(Part { id: "sources", title: "Sources of candidates", body })
}

/// What each source brings.
pub fn ablations(view: &View<'_>) -> Option<Part> {
    let ablations = &view.report.ablations;
    if ablations.is_empty() {
        return None;
    }
    let charts = twice(view, Unit::Difference, 0.0, |figure| {
        let row = |name: &str, interval: &Interval| {
            let class = if interval.high < 0.0 { "worse" } else { told_apart(interval) };
            Row::of(name, class, interval, Unit::Difference)
        };
        let rows = ablations.iter().filter_map(|each| Some(row(each.without, each.realtime_minus.get(figure)?)));
        rows.collect()
    });
    let body = format!(
        "<p class=\"soft small\">realtime minus realtime without the source, with the scorer as it was trained with \
         it: right of the dashed line, the source helps; grey, that cannot be told from chance.</p>\n{charts}"
    );
    Some(Part { id: "ablations", title: "What each source brings", body })
}

fn told_apart(interval: &Interval) -> &'static str {
    if interval.low > 0.0 || interval.high < 0.0 { "live" } else { "dim" }
}

/// What fresh data bring.
pub fn freshness(view: &View<'_>) -> Option<Part> {
    let freshness = &view.report.freshness;
    if freshness.is_empty() {
        return None;
    }
    let charts = twice(view, Unit::Percent, 1.0, |figure| {
        let row = |each: &Freshness| {
            let class = if each.behind == "model" { "frozen" } else { "live" };
            Some(Row::of(&behind(each), class, each.share_of_realtime.get(figure)?, Unit::Percent))
        };
        freshness.iter().filter_map(row).collect()
    });
    let body = format!(
        "<p class=\"soft small\">What is kept of realtime's figure by an engine that learns of everything so much \
         later; the dashed line is nothing lost. <em>Model</em>: what is \
         learned from everybody is late, the visit is known. <em>Events</em>: the visit's own are late, too; carried: the \
         request tells its items, not carried: it does not.</p>\n{charts}"
    );
    Some(Part { id: "freshness", title: "What fresh data bring", body })
}

fn behind(each: &Freshness) -> String {
    let lag = crate::config::Span::from_ms(each.lag_ms);
    match (each.behind, each.request_carries_items) {
        ("model", _) => format!("model {lag}"),
        (_, true) => format!("events {lag}, carried"),
        (_, false) => format!("events {lag}, not carried"),
    }
}

/// Whether the probabilities come true.
pub fn calibration(view: &View<'_>) -> Option<Part> {
    let found = view.report.calibration.as_ref()?;
    let rows: String = found
        .bins
        .iter()
        .map(|bin| {
            format!(
                "<tr><td>{} to {}</td><td>{}</td><td>{}</td><td>{} [{}, {}]</td></tr>\n",
                number(bin.from),
                number(bin.to),
                count(bin.items as usize),
                number(bin.predicted),
                number(bin.happened),
                number(bin.low),
                number(bin.high)
            )
        })
        .collect();
    let body = format!(
        "<p class=\"soft small\">Items that realtime showed, by predicted probability (across) and the share that came \
         true (up); on the dashed diagonal they agree. Dots grow with the number of items; lines are 95% intervals that \
         take items for independent. Mean predicted {}, came true {}; expected calibration error {}; log loss {} (of \
         the base rate {}); {} items had no probability.</p>\n<div class=\"pair\"><div>{}</div><div class=\"scroll\">\
         <table><tr><th>predicted</th><th>items</th><th>mean</th><th>came true</th></tr>\n{rows}</table></div></div>\n",
        number(found.predicted),
        number(found.happened),
        number(found.ece),
        number(found.log_loss),
        number(found.log_loss_of_base_rate),
        count(found.unscored as usize),
        reliability(found)
    );
    Some(Part { id: "calibration", title: "Do the probabilities come true?", body })
}

/// What moved scores most.
pub fn features(view: &View<'_>) -> Option<Part> {
    let mut text = String::from(
        "<p class=\"soft small\">By how much each feature moved the scores of one question's candidates apart: |weight| \
         x its standard deviation, mean over questions; beside it the weight when last asked.</p>\n<div class=\"pair\">",
    );
    let intents: Vec<_> = view.report.features.iter().filter(|(_, features)| !features.is_empty()).collect();
    for (intent, features) in &intents {
        let rows: Vec<Row> = features
            .iter()
            .take(MAX_FEATURES)
            .map(|feature| Row {
                name: feature.feature.to_owned(),
                class: if feature.weight < 0.0 { "worse" } else { "live" },
                mark: Mark::Part { whole: feature.importance, part: feature.importance },
                figure: format!("{:+.2}", feature.weight),
            })
            .collect();
        let learned = match view.report.model.weights.contains_key(intent) {
            true => format!("model {}", view.report.model.version),
            false => "the starting weights".to_owned(),
        };
        let _ = write!(
            text,
            "<div><h3>{} ({learned}); {} of {} features</h3>{}</div>",
            Plain(intent.name()),
            rows.len(),
            features.len(),
            chart(&rows, Unit::Number, 0.0)
        );
    }
    (!intents.is_empty()).then(|| Part { id: "features", title: "What moves scores", body: text + "</div>\n" })
}
