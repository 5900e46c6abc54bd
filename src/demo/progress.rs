use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Plain lines printed over one piece of work when nobody watches a terminal.
const PLAIN_LINES: u64 = 4;

/// How far a long piece of work is: a bar with a rate on a terminal, a few plain lines elsewhere. On standard error.
pub struct Progress {
    label: &'static str,
    unit: &'static str,
    total: u64,
    done: u64,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Work of `total` units begins.
    #[must_use]
    pub fn new(label: &'static str, unit: &'static str, total: usize) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let template = format!("  {{prefix:<9}} {{bar:32}} {{human_pos}}/{{human_len}} {unit}, {{rate}}");
            let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
            // Tenths of an event tell nobody anything.
            let rate = |state: &ProgressState, text: &mut dyn Write| {
                // Writing into a bar's own buffer does not fail.
                let _ = write!(text, "{:.0}/s", state.per_sec());
            };
            let style = style.with_key("rate", rate);
            ProgressBar::new(total as u64).with_style(style).with_prefix(label)
        });
        Self { label, unit, total: total as u64, done: 0, begun: Instant::now(), bar }
    }

    /// `count` more units are done.
    pub fn advance(&mut self, count: usize) {
        let quarter = |done: u64| done * PLAIN_LINES / self.total.max(1);
        let before = quarter(self.done);
        self.done += count as u64;
        match &self.bar {
            Some(bar) => bar.inc(count as u64),
            None if quarter(self.done) > before => {
                let rate = self.rate();
                eprintln!("  {}: {} of {} {}, {rate:.0}/s", self.label, self.done, self.total, self.unit);
            }
            None => {}
        }
    }

    /// Units per second so far.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.begun.elapsed().as_secs_f64().max(1e-9)
    }

    /// Prints something without tearing the bar.
    pub fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// The work is over; the bar stays as it is. Returns units done and units per second.
    pub fn finish(self) -> (usize, f64) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
        (self.done as usize, self.rate())
    }
}
