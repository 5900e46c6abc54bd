//! The two charts that are no rows: figures by cut-off, and whether probabilities come true.

use std::fmt::Write;

use super::super::bootstrap::Interval;
use super::super::calibration::Calibration;
use super::axis::Axis;
use super::words::{Plain, Unit, count, number};

/// Height of a drawing, pixels, without the labels below it.
const PLOT_PX: f64 = 220.0;
/// Room for the labels, pixels.
const LABELS_PX: f64 = 20.0;

/// A line of a chart by cut-off.
pub struct Line {
    /// Whose; any text.
    pub name: String,
    /// Its colour's class.
    pub class: &'static str,
    /// Cut-off and figure.
    pub points: Vec<(usize, Interval)>,
}

fn y(axis: &Axis, value: f64) -> f64 {
    ((PLOT_PX * (1.0 - axis.at(value) / 100.0)) * 10.0).round() / 10.0
}

/// Horizontal lines with their labels.
fn horizontal(axis: &Axis, text: &mut String) {
    for &tick in &axis.ticks {
        let y = y(axis, tick);
        let _ = write!(
            text,
            "<line class=\"grid\" x1=\"0%\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/><text x=\"0\" y=\"{}\">{}</text>",
            y - 4.0,
            number(tick)
        );
    }
}

fn open(height: f64, said: &str) -> String {
    // Room above, so that the topmost label is not cut off.
    format!("<svg height=\"{}\" style=\"margin-top:16px\" role=\"img\" aria-label=\"{}\">", height, Plain(said))
}

/// Figures by cut-off, a line for each strategy.
pub fn by_cut_off(lines: &[Line], said: &str) -> String {
    let mut cut_offs: Vec<usize> = lines.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    cut_offs.sort_unstable();
    cut_offs.dedup();
    let values = lines.iter().flat_map(|line| line.points.iter().flat_map(|(_, i)| [i.low, i.high])).chain([0.0]);
    let axis = Axis::linear(values, 4);
    // Each cut-off takes an equal share of the width: those that matter are close together.
    let x = |k: usize| {
        let place = cut_offs.partition_point(|&other| other < k) as f64;
        (1_000.0 * (8.0 + 88.0 * (place + 0.5) / cut_offs.len() as f64)).round() / 1_000.0
    };
    let mut text = open(PLOT_PX + LABELS_PX, said);
    horizontal(&axis, &mut text);
    for &k in &cut_offs {
        let _ = write!(
            text,
            "<text x=\"{}%\" y=\"{}\" text-anchor=\"middle\">first {k}</text>",
            x(k),
            PLOT_PX + LABELS_PX - 4.0
        );
    }
    for line in lines {
        let _ = write!(text, "<g class=\"{}\">", line.class);
        for pair in line.points.windows(2) {
            let [(from, a), (to, b)] = pair else { continue };
            let (a, b) = (y(&axis, a.value), y(&axis, b.value));
            let _ = write!(
                text,
                "<line class=\"ink whisker\" x1=\"{}%\" x2=\"{}%\" y1=\"{a}\" y2=\"{b}\"/>",
                x(*from),
                x(*to)
            );
        }
        line.points.iter().for_each(|(k, interval)| text.push_str(&point(&line.name, x(*k), *k, interval, &axis)));
        text.push_str("</g>");
    }
    text + "</svg>\n"
}

fn point(name: &str, x: f64, k: usize, interval: &Interval, axis: &Axis) -> String {
    let (value, low, high) = (y(axis, interval.value), y(axis, interval.low), y(axis, interval.high));
    format!(
        "<g><title>{}, first {k}: {}</title><line class=\"ink\" x1=\"{x}%\" x2=\"{x}%\" y1=\"{low}\" y2=\"{high}\"/>\
         <circle class=\"ink\" cx=\"{x}%\" cy=\"{value}\" r=\"3.5\"/></g>",
        Plain(name),
        Unit::Share.write_interval(interval)
    )
}

/// Which colour is whose; pairs of class and any text.
pub fn legend(entries: impl Iterator<Item = (&'static str, String)>) -> String {
    let entry =
        |(class, name): (&str, String)| format!("<span class=\"{class}\"><i></i><span>{}</span></span>", Plain(&name));
    format!("<div class=\"legend\">{}</div>\n", entries.map(entry).collect::<String>())
}

/// Predicted against what happened, on logarithmic axes; the diagonal is where they are the same.
pub fn reliability(calibration: &Calibration) -> String {
    let bins = &calibration.bins;
    // The lower end of an interval may be as good as nothing; it is drawn down to the edge.
    let axis = Axis::log(bins.iter().flat_map(|bin| [bin.predicted, bin.happened, bin.high]));
    let most = bins.iter().map(|bin| bin.items).max().unwrap_or(1) as f64;
    let mut text = open(PLOT_PX + LABELS_PX, "predicted probability against the share that came true");
    horizontal(&axis, &mut text);
    for &tick in &axis.ticks[1..] {
        let x = axis.at(tick);
        let _ = write!(
            text,
            "<line class=\"grid\" x1=\"{x}%\" x2=\"{x}%\" y1=\"0\" y2=\"{PLOT_PX}\"/>\
             <text x=\"{x}%\" y=\"{}\" text-anchor=\"{}\">{}</text>",
            PLOT_PX + LABELS_PX - 4.0,
            if x > 97.0 { "end" } else { "middle" },
            number(tick)
        );
    }
    let _ = write!(text, "<line class=\"zero\" x1=\"0%\" x2=\"100%\" y1=\"{PLOT_PX}\" y2=\"0\"/><g class=\"live\">");
    for bin in bins {
        let (x, radius) = (axis.at(bin.predicted), 3.0 + 5.0 * (bin.items as f64 / most).sqrt());
        let _ = write!(
            text,
            "<g><title>predicted {}, came true {} [{}, {}], {} items</title>\
             <line class=\"ink\" x1=\"{x}%\" x2=\"{x}%\" y1=\"{}\" y2=\"{}\"/>\
             <circle class=\"ink\" cx=\"{x}%\" cy=\"{}\" r=\"{radius:.1}\"/></g>",
            number(bin.predicted),
            number(bin.happened),
            number(bin.low),
            number(bin.high),
            count(bin.items as usize),
            y(&axis, bin.low),
            y(&axis, bin.high),
            y(&axis, bin.happened)
        );
    }
    text + "</g></svg>\n"
}

#[cfg(test)]
mod tests {
    use super::super::super::calibration::Reliability;
    use super::*;

    #[test]
    fn a_line_goes_through_its_points() {
        let interval = |value| Interval { value, low: value, high: value };
        let points = vec![(5, interval(0.5)), (10, interval(1.0))];
        let text = by_cut_off(&[Line { name: "a\"b".into(), class: "live", points }], "hit rate");
        assert!(text.contains("x1=\"30%\" x2=\"74%\" y1=\"110\" y2=\"0\""), "{text}");
        assert!(text.contains("<title>a&quot;b, first 5: 0.500"), "{text}");
    }

    #[test]
    fn bins_stand_where_they_were_predicted_and_came_true() {
        let mut counts = Reliability::default();
        (0..1_000).for_each(|n| counts.add(Some(0.01), if n % 100 == 0 { 1.0 } else { 0.0 }));
        (0..10).for_each(|n| counts.add(Some(0.1), if n == 0 { 1.0 } else { 0.0 }));
        let text = reliability(&counts.report().expect("items"));
        assert_eq!(text.matches("<circle").count(), 2);
        assert!(text.contains("predicted 0.01, came true 0.01"), "{text}");
        assert!(text.contains("1,000 items"), "{text}");
    }
}
