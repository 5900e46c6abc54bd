//! The config that comes out: the changed keys alone, with what they brought.

use std::fmt::Write;

use super::found::{Change, Found};

/// YAML for `--config`, with comments; `command` is the command line that gives it again.
pub fn overlay(found: &Found, command: &str) -> String {
    let mut text = String::new();
    let mut comment = |line: &str| {
        // A line break in a file's name must not end the comment.
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(text, "# {line}");
    };
    comment(&format!("Found by: {command}"));
    comment(&format!(
        "on {}, {} to {}: {} questions in {} sessions, {} comparisons.",
        found.ground.data,
        found.ground.window_from,
        found.ground.window_to,
        found.ground.queries,
        found.ground.sessions,
        found.trials.len()
    ));
    for figure in [&found.metric, &found.guard] {
        if let Some((before, after, gain)) = found.figures(figure) {
            comment(&format!(
                "{figure}: {before:.4} before, {after:.4} with these, {:+.4} [{:+.4}, {:+.4}].",
                gain.value, gain.low, gain.high
            ));
        }
    }
    comment(
        "Offline figures on the window searched, so a little flattered; compare on later data by `sidecart replay`.",
    );
    if let Some(config) = &found.ground.config {
        comment(&format!("Searched from {config}: these keys belong into that file."));
    }
    let mut changes: Vec<&Change> = found.changes.iter().collect();
    changes.sort_by_key(|change| change.key);
    let mut open: Vec<&str> = Vec::new();
    for change in changes {
        let path: Vec<&str> = change.key.split('.').collect();
        let Some((name, parents)) = path.split_last() else { continue };
        let shared = open.iter().zip(parents).take_while(|(a, b)| a == b).count();
        for (depth, parent) in parents.iter().enumerate().skip(shared) {
            let _ = writeln!(text, "{:indent$}{parent}:", "", indent = 2 * depth);
        }
        open = parents.to_vec();
        let indent = 2 * parents.len();
        let _ = writeln!(text, "{:indent$}# was {}", "", plain(&change.from));
        let _ = writeln!(text, "{:indent$}{name}: {}", "", plain(&change.to));
    }
    text
}

/// A number or a span as it stands in YAML.
pub fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::bootstrap::Interval;
    use super::super::super::report::{Named, Percentiles};
    use super::super::found::Ground;
    use super::*;
    use crate::config;

    fn found() -> Found {
        let change = |key, from, to| Change { key, from, to };
        let named = |value| Named(vec![("mrr@20".to_owned(), Interval { value, low: value, high: value })]);
        Found {
            ground: Ground {
                protocol: "next-item",
                data: "shop\nversion: 7".to_owned(),
                window_from: "2020-06-01T00:00:00Z".to_owned(),
                window_to: "2020-06-02T00:00:00Z".to_owned(),
                queries: 100,
                sessions: 50,
                seed: 1,
                budget: 10,
                config: None,
            },
            metric: "mrr@20".to_owned(),
            guard: "hr@20".to_owned(),
            standard_errors: 3.0,
            cut_short: false,
            before: named(0.3),
            after: named(0.4),
            difference: named(0.1),
            latency_us_before: Percentiles::default(),
            latency_us_after: Percentiles::default(),
            changes: vec![
                change("features.affinities.half_life", json!("60d"), json!("120d")),
                change("candidates.sources.two_hops.limit", json!(100), json!(40)),
                change("candidates.neighbours", json!(500), json!(1_000)),
                change("candidates.sources.session_knn_whole.weight", json!(0.0), json!(0.1)),
            ],
            trials: Vec::new(),
        }
    }

    #[test]
    fn the_overlay_is_a_config_that_differs_in_these_keys_alone() {
        let text = overlay(&found(), "sidecart tune 'a\nb'");
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tuned.yaml");
        std::fs::write(&path, &text).expect("writes");
        let read = config::load(Some(&path), &[]).unwrap_or_else(|error| panic!("{error}\n{text}")).config;
        let mut expected = config::Config::default();
        expected.features.affinities.half_life = "120d".parse().expect("a span");
        expected.candidates.sources.two_hops.limit = 40;
        expected.candidates.neighbours = 1_000;
        expected.candidates.sources.session_knn_whole.weight = 0.1;
        assert_eq!(read, expected, "{text}");
        assert!(text.contains("# mrr@20: 0.3000 before, 0.4000 with these, +0.1000"), "{text}");
        assert!(text.contains("  # was 500\n  neighbours: 1000\n"), "{text}");
    }
}
