//! A report as a page for people: one file that needs nothing else, no network and no script.
//!
//! `compare`, `parts` and `facts` hold the sections, in the order of [`SECTIONS`]; `rows` and `plots` draw; `axis` says
//! where; `words` makes sure that no text of the data is taken for markup.

mod axis;
mod compare;
mod facts;
mod parts;
mod plots;
mod rows;
mod words;

use std::fmt::Write;

use super::report::Report;
use words::{Plain, Unit, count};

/// How the report came about.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The command line that gives it again.
    pub command: String,
    /// Version of the program.
    pub version: &'static str,
    /// The config's file, if there was one, and its version.
    pub config: String,
}

/// A part of the page; `None` where the report has nothing to say on it.
type Section = fn(&View<'_>) -> Option<Part>;

/// All sections, in the order of the page.
const SECTIONS: [Section; 14] = [
    compare::headline,
    compare::cut_offs,
    compare::differences,
    compare::ratios,
    compare::types,
    parts::sources,
    parts::ablations,
    parts::freshness,
    parts::calibration,
    parts::features,
    facts::work,
    facts::data,
    facts::cautions,
    facts::figures,
];

/// A section's content.
struct Part {
    id: &'static str,
    title: &'static str,
    body: String,
}

/// A report, and which of its figures lead.
struct View<'a> {
    report: &'a Report,
    origin: &'a Origin,
    /// The metric that says whether the next items were in the answer.
    leading: &'static str,
    /// The metric that says how far up.
    ranking: &'static str,
    /// Cut-offs, ascending.
    cut_offs: Vec<usize>,
}

impl<'a> View<'a> {
    fn of(report: &'a Report, origin: &'a Origin) -> Self {
        let several_targets = report.protocol == "basket";
        let (leading, ranking) = if several_targets { ("recall", "ndcg") } else { ("hr", "mrr") };
        let names = report.strategies.first().map(|strategy| &strategy.metrics.0);
        let cut_offs = names.into_iter().flatten().filter_map(|(name, _)| name.strip_prefix("hr@")?.parse().ok());
        Self { report, origin, leading, ranking, cut_offs: cut_offs.collect() }
    }

    /// The cut-off that is told first: 10 hidden items at best, or the largest.
    fn told(&self) -> usize {
        let largest = self.cut_offs.last().copied().unwrap_or_default();
        if self.leading == "recall" && self.cut_offs.contains(&10) { 10 } else { largest }
    }

    /// The two figures that are told first.
    fn figures(&self) -> [String; 2] {
        let largest = self.cut_offs.last().copied().unwrap_or_default();
        [format!("{}@{}", self.leading, self.told()), format!("{}@{largest}", self.ranking)]
    }

    /// A figure of a strategy.
    fn value(&self, strategy: &str, figure: &str) -> Option<f64> {
        let found = self.report.strategies.iter().find(|found| found.name == strategy)?;
        found.metrics.get(figure).map(|interval| interval.value)
    }
}

/// The colour's class of a strategy.
fn class(strategy: &str) -> &'static str {
    match strategy {
        "static" => "static",
        "batch" => "batch",
        "frozen" => "frozen",
        "conditional" => "yard",
        "conditional-frozen" => "yard-fixed",
        _ => "live",
    }
}

/// What a figure means, in words.
fn meaning(figure: &str) -> String {
    let (metric, k) = figure.split_once('@').unwrap_or((figure, ""));
    match metric {
        "hr" => format!("share of questions with a right item among the first {k}"),
        "recall" => format!("share of what was to be found that was among the first {k}"),
        "mrr" => format!("mean of 1 / rank of the first right item among the first {k}"),
        "ndcg" => format!("how far up the right items stood among the first {k}; 1 is at the very top"),
        _ => format!("share of all items that were ever shown among the first {k}"),
    }
}

/// The whole page.
pub fn page(report: &Report, origin: &Origin) -> String {
    let view = View::of(report, origin);
    let parts: Vec<Part> = SECTIONS.iter().filter_map(|section| section(&view)).collect();
    let mut text = head(&view);
    text.push_str("<nav>");
    for part in &parts {
        let _ = write!(text, "<a href=\"#{}\">{}</a>", part.id, part.title);
    }
    text.push_str("</nav>\n");
    for part in &parts {
        let _ = write!(text, "<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", part.id, part.title, part.body);
    }
    let _ = write!(
        text,
        "<footer>Made by <code>sidecart replay</code> {}. Offline figures: how often what shoppers did next was in the \
         answer. They are not conversion, and no lift.</footer>\n</main>\n</html>\n",
        Plain(origin.version)
    );
    text
}

fn head(view: &View<'_>) -> String {
    let report = view.report;
    let title = format!("{}: {}", report.data, report.protocol);
    let title = Plain(&title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title} - sidecart replay</title>\n<style>\n{}</style>\n<main>\n<h1>{title}</h1>\n\
         <p class=\"soft\">{} questions in {} sessions, asked of the engine that serves, each before what it foretells; \
         cut at {}.</p>\n{}",
        include_str!("style.css"),
        count(report.strategies.first().map_or(0, |strategy| strategy.queries as usize)),
        count(report.scored_sessions),
        Plain(&report.cut),
        tiles(view)
    )
}

/// The figures that most people came for.
fn tiles(view: &View<'_>) -> String {
    let [leading, ranking] = view.figures();
    let mut tiles = Vec::new();
    let mut tile = |class: &str, figure: String, said: String| {
        tiles.push(format!("<div class=\"tile{class}\"><b>{figure}</b><span>{}</span></div>", Plain(&said)));
    };
    for (class, figure) in [(" lead", &leading), ("", &ranking)] {
        if let Some(value) = view.value("realtime", figure) {
            tile(class, Unit::Share.write(value), format!("{figure} of realtime"));
        }
    }
    for difference in view.report.differences.iter().filter(|difference| difference.minus == "batch") {
        if let Some(interval) = difference.metrics.get(&leading) {
            let said = format!("{leading}, realtime minus daily batch [{:+.3}, {:+.3}]", interval.low, interval.high);
            tile("", Unit::Difference.write(interval.value), said);
        }
    }
    if let Some(live) = view.report.strategies.iter().find(|strategy| strategy.name == "realtime") {
        let said = format!("per answer, half of them; 99% within {:.2} ms", live.latency_us.p99 / 1e3);
        tile("", format!("{:.2} ms", live.latency_us.p50 / 1e3), said);
    }
    if tiles.is_empty() { String::new() } else { format!("<div class=\"tiles\">{}</div>\n", tiles.join("\n")) }
}
