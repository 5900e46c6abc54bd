//! Charts with a row per thing compared: its name, a mark on a common axis, and the figure in digits.

use std::fmt::Write;

use super::super::bootstrap::Interval;
use super::axis::Axis;
use super::words::{Plain, Unit};

/// Height of a row's drawing, pixels.
const ROW_PX: u32 = 26;
/// Height of the axis's drawing, pixels.
const AXIS_PX: u32 = 18;
/// Ticks wished for.
const TICKS: usize = 4;

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is about; any text.
    pub name: String,
    /// Its colour's class.
    pub class: &'static str,
    /// What is marked.
    pub mark: Mark,
    /// What stands beside it; any text.
    pub figure: String,
}

/// What is marked in a row.
#[derive(Debug, Clone)]
pub enum Mark {
    /// A dot with its interval.
    Dot(Interval),
    /// A bar from 0 with its interval.
    Bar(Interval),
    /// A bar from 0, and within it a part.
    Part {
        /// All of it.
        whole: f64,
        /// The part.
        part: f64,
    },
    /// Points along a line, such as percentiles.
    Points([f64; 3]),
}

impl Row {
    /// A row whose figure is the interval's value.
    pub fn of(name: &str, class: &'static str, interval: &Interval, unit: Unit) -> Self {
        Self { name: name.to_owned(), class, mark: Mark::Dot(*interval), figure: unit.write(interval.value) }
    }

    /// The same with a bar.
    pub fn bar(self) -> Self {
        let mark = match self.mark {
            Mark::Dot(interval) => Mark::Bar(interval),
            other => other,
        };
        Self { mark, ..self }
    }
}

/// Rows on a linear axis that holds `reference`, at which a line is drawn.
pub fn chart(rows: &[Row], unit: Unit, reference: f64) -> String {
    let values = rows.iter().flat_map(|row| row.mark.values()).chain([reference]);
    draw(rows, unit, &Axis::linear(values, TICKS), Some(reference))
}

/// Rows on a logarithmic axis.
pub fn log_chart(rows: &[Row], unit: Unit) -> String {
    draw(rows, unit, &Axis::log(rows.iter().flat_map(|row| row.mark.values())), None)
}

impl Mark {
    fn values(&self) -> Vec<f64> {
        match *self {
            Self::Dot(interval) | Self::Bar(interval) => vec![interval.value, interval.low, interval.high],
            Self::Part { whole, part } => vec![whole, part],
            Self::Points(points) => points.to_vec(),
        }
    }
}

fn draw(rows: &[Row], unit: Unit, axis: &Axis, reference: Option<f64>) -> String {
    let mut text = String::from("<div class=\"rows\">\n");
    for row in rows {
        let _ = write!(
            text,
            "<div class=\"name\">{}</div><div class=\"figure\">{}</div>\
             <div class=\"mark {}\"><svg height=\"{ROW_PX}\" aria-hidden=\"true\">{}{}</svg></div>\n",
            Plain(&row.name),
            Plain(&row.figure),
            row.class,
            grid(axis, reference),
            mark(row, axis, unit, reference)
        );
    }
    let _ = write!(
        text,
        "<div class=\"mark\"><svg height=\"{AXIS_PX}\" aria-hidden=\"true\">{}</svg></div>\n</div>\n",
        labels(axis, unit)
    );
    text
}

fn grid(axis: &Axis, reference: Option<f64>) -> String {
    let mut text = String::new();
    for x in axis.ticks.iter().map(|&tick| axis.at(tick)) {
        let _ = write!(text, "<line class=\"grid\" x1=\"{x}%\" x2=\"{x}%\" y1=\"0\" y2=\"{ROW_PX}\"/>");
    }
    if let Some(x) = reference.map(|value| axis.at(value)) {
        let _ = write!(text, "<line class=\"zero\" x1=\"{x}%\" x2=\"{x}%\" y1=\"0\" y2=\"{ROW_PX}\"/>");
    }
    text
}

/// The labels of an axis, none of which leaves its ends.
pub fn labels(axis: &Axis, unit: Unit) -> String {
    let mut text = String::new();
    for &tick in &axis.ticks {
        let x = axis.at(tick);
        let anchor = match () {
            () if x < 3.0 => "start",
            () if x > 97.0 => "end",
            () => "middle",
        };
        let label = match unit {
            Unit::Share | Unit::Difference | Unit::Number => super::words::number(tick),
            Unit::Percent => format!("{:.0} %", 100.0 * tick),
            Unit::Multiple => unit.write(tick),
        };
        let _ = write!(text, "<text x=\"{x}%\" y=\"13\" text-anchor=\"{anchor}\">{label}</text>");
    }
    text
}

fn mark(row: &Row, axis: &Axis, unit: Unit, reference: Option<f64>) -> String {
    const MIDDLE: u32 = ROW_PX / 2;
    let zero = axis.at(reference.unwrap_or_default());
    let bar = |value: f64, class: &str, height: u32| {
        let (from, to) = (zero.min(axis.at(value)), zero.max(axis.at(value)));
        let (y, width) = (MIDDLE - height / 2, to - from);
        format!("<rect class=\"{class}\" x=\"{from}%\" width=\"{width:.2}%\" y=\"{y}\" height=\"{height}\" rx=\"2\"/>")
    };
    let whisker = |low: f64, high: f64, class: &str| {
        let (low, high) = (axis.at(low), axis.at(high));
        format!("<line class=\"{class}\" x1=\"{low}%\" x2=\"{high}%\" y1=\"{MIDDLE}\" y2=\"{MIDDLE}\"/>")
    };
    let dot = |value: f64, radius: f64| {
        format!("<circle class=\"ink\" cx=\"{}%\" cy=\"{MIDDLE}\" r=\"{radius}\"/>", axis.at(value))
    };
    let title = |words: String| format!("<title>{}: {words}</title>", Plain(&row.name));
    match &row.mark {
        Mark::Dot(i) => {
            let drawn = whisker(i.low, i.high, "ink whisker") + &dot(i.value, 4.5);
            format!("<g>{}{drawn}</g>", title(unit.write_interval(i)))
        }
        Mark::Bar(i) => {
            let drawn = bar(i.value, "ink faint", 14) + &whisker(i.low, i.high, "ink whisker") + &dot(i.value, 3.5);
            format!("<g>{}{drawn}</g>", title(unit.write_interval(i)))
        }
        Mark::Part { whole, part } => {
            let words = format!("{}, of which {}", unit.write(*whole), unit.write(*part));
            format!("<g>{}{}{}</g>", title(words), bar(*whole, "ink faint", 14), bar(*part, "ink", 14))
        }
        Mark::Points(points) => {
            let words = points.map(|point| unit.write(point)).join(", ");
            let drawn = whisker(points[0], points[2], "ink faint whisker");
            let dots = dot(points[0], 4.5) + &dot(points[1], 3.5) + &dot(points[2], 2.5);
            format!("<g>{}{drawn}{dots}</g>", title(words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_its_figure_at_its_place_with_its_interval() {
        let interval = Interval { value: 0.5, low: 0.25, high: 1.0 };
        let text = chart(&[Row::of("<b>", "live", &interval, Unit::Share).bar()], Unit::Share, 0.0);
        assert!(text.contains("<div class=\"name\">&lt;b&gt;</div>"), "{text}");
        assert!(text.contains("x1=\"25%\" x2=\"100%\""), "the interval: {text}");
        assert!(text.contains("x=\"0%\" width=\"50.00%\""), "the bar: {text}");
        assert!(text.contains("<title>&lt;b&gt;: 0.500 [0.250, 1.000]</title>"), "{text}");
        assert!(text.contains("<div class=\"figure\">0.500</div>"), "{text}");
    }

    #[test]
    fn a_negative_bar_ends_at_the_reference() {
        let interval = Interval { value: -0.5, low: -1.0, high: 0.0 };
        let rows = [Row::of("a", "live", &interval, Unit::Difference).bar()];
        let text = chart(&rows, Unit::Difference, 0.0);
        assert!(text.contains("x=\"50%\" width=\"50.00%\""), "{text}");
    }
}
