//! A simulation for people.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use super::report::{Example, Figures, Moved, Report};

/// Rules, items and examples told at most.
const MAX_TOLD: usize = 8;

/// The report as a table and lines.
#[must_use]
pub fn in_words(report: &Report) -> String {
    let mut words = format!(
        "{} requests from {}: {:.1}% of the answers change, {:.0}% of the items stay\n\n",
        report.requests,
        report.from,
        report.changed_share * 100.0,
        report.mean_overlap * 100.0
    );
    words.push_str(&table(&report.base, &report.new));
    words.push_str("\n\n");
    moved(&mut words, "gained", &report.gained);
    moved(&mut words, "lost", &report.lost);
    for example in report.examples.iter().take(MAX_TOLD) {
        words.push_str(&told(example));
    }
    words
}

fn table(base: &Figures, new: &Figures) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "base", "new"]);
    let mut row = |name: &str, figure: &dyn Fn(&Figures) -> String| {
        table.add_row([name.to_owned(), figure(base), figure(new)]);
    };
    row("config", &|f| f.version.clone());
    row("items shown", &|f| format!("{} ({:.1}% of the catalogue)", f.items, f.coverage * 100.0));
    row("empty answers", &|f| f.empty_answers.to_string());
    row("empty slots", &|f| format!("{} of {}", f.empty_slots, f.slots));
    row("expected margin per answer", &|f| {
        f.expected_margin.as_ref().map_or_else(
            || "not known".to_owned(),
            |margin| {
                format!("{:.4} {} (known of {:.0}%)", margin.per_answer, margin.currency, margin.known_share * 100.0)
            },
        )
    });
    row("latency us, p50 / p95 / p99", &|f| {
        format!("{:.0} / {:.0} / {:.0}", f.latency_us.p50, f.latency_us.p95, f.latency_us.p99)
    });
    let mut rules: Vec<&String> = base.suppressed.keys().chain(new.suppressed.keys()).collect();
    rules.sort_unstable();
    rules.dedup();
    for rule in rules {
        row(&format!("dropped by {rule}"), &|f| f.suppressed.get(rule).copied().unwrap_or_default().to_string());
    }
    table.trim_fmt()
}

// Writing to a String cannot fail.

fn moved(words: &mut String, direction: &str, moved: &[Moved]) {
    for item in moved.iter().take(MAX_TOLD) {
        let title = item.title.as_ref().map_or_else(String::new, |title| format!(" ({title})"));
        let _ = writeln!(words, "{direction} in {} answers: {}{title}", item.answers, item.item_id);
    }
}

fn told(example: &Example) -> String {
    let listed = |items: &[String]| if items.is_empty() { "nothing".to_owned() } else { items.join(", ") };
    format!(
        "\n{}, {}, after {}{}\n  base: {}\n  new:  {}\n",
        example.at,
        example.placement,
        listed(&example.context[example.context.len().saturating_sub(3)..]),
        if example.cart.is_empty() { String::new() } else { format!(", cart {}", listed(&example.cart)) },
        listed(&example.base),
        listed(&example.new)
    )
}
