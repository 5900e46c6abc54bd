//! Text and figures as they stand in the page.

use std::fmt;

use super::super::bootstrap::Interval;

/// A text in which no character is taken for markup, within elements and within quoted attributes. All that comes from
/// data, file names or the command line goes through it.
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Left out by HTML itself, or able to turn the rest of a line around.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_str("\u{fffd}")?,
                control if control.is_control() && control != '\n' && control != '\t' => f.write_str("\u{fffd}")?,
                usual => fmt::Write::write_char(f, usual)?,
            }
        }
        Ok(())
    }
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share or a mean of ranks: 0.190.
    Share,
    /// A difference of such: +0.0134.
    Difference,
    /// A multiple: 1.95x.
    Multiple,
    /// A share of a whole, in percent: 99.6 %.
    Percent,
    /// A number of no unit, as short as it is told apart.
    Number,
}

impl Unit {
    /// A value in this unit.
    pub fn write(self, value: f64) -> String {
        // -0 is 0.
        let value = value + 0.0;
        match self {
            Self::Share => format!("{value:.3}"),
            Self::Difference => format!("{value:+.4}"),
            Self::Multiple => format!("{value:.2}x"),
            Self::Percent => format!("{:.1} %", 100.0 * value),
            Self::Number => number(value),
        }
    }

    /// A value with its interval.
    pub fn write_interval(self, interval: &Interval) -> String {
        let Interval { value, low, high } = *interval;
        format!("{} [{}, {}]", self.write(value), self.write(low), self.write(high))
    }
}

/// A number with about three digits that count.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match () {
        () if size == 0.0 => "0".to_owned(),
        () if size >= 100.0 => grouped(value.round()),
        () if size >= 10.0 => format!("{value:.1}"),
        () if size >= 1.0 => format!("{value:.2}"),
        () if size >= 0.001 => trimmed(format!("{value:.4}")),
        () => format!("{value:.1e}"),
    }
}

fn trimmed(text: String) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A count with its thousands apart.
pub fn count(value: usize) -> String {
    grouped(value as f64)
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        let text = Plain("<img src=x onerror=\"a('b')\">&\u{202e}\u{0}\n").to_string();
        assert_eq!(text, "&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;\u{fffd}\u{fffd}\n");
    }

    #[test]
    fn figures_are_written_at_the_precision_that_matters() {
        assert_eq!(Unit::Share.write(0.18961), "0.190");
        assert_eq!(Unit::Difference.write(-0.0004), "-0.0004");
        assert_eq!(Unit::Difference.write(-0.0), "+0.0000");
        assert_eq!(Unit::Multiple.write(1.9466), "1.95x");
        assert_eq!(Unit::Percent.write(0.9964), "99.6 %");
        let numbers = [0.0, 1_234_567.0, -1_234.4, 12.34, 1.5, 0.05, 0.00001].map(number);
        assert_eq!(numbers, ["0", "1,234,567", "-1,234", "12.3", "1.50", "0.05", "1.0e-5"]);
        let interval = Interval { value: 0.5, low: 0.4, high: 0.6 };
        assert_eq!(Unit::Share.write_interval(&interval), "0.500 [0.400, 0.600]");
    }
}
