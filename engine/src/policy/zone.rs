//! Time zones without a clock: a table of offsets, made by the binary from its time zone database.

use crate::nouns::{DAY_MS, MINUTE_MS, Timestamp};

/// A time zone: its offsets from UTC, from when on each holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    name: String,
    /// The offset before the first change, in seconds east of UTC.
    first_s: i32,
    /// (from when on, offset in seconds), in order of time.
    changes: Vec<(Timestamp, i32)>,
}

/// An instant by the calendar and the clock of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Year.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 1 (Monday) to 7.
    pub weekday: u8,
    /// Minute of the day, 0 to 1439, as the clock on the wall shows it.
    pub minute: u16,
}

impl Zone {
    /// A zone of these offsets: `first_s` seconds before the first change, then as each change says.
    #[must_use]
    pub fn new(name: &str, first_s: i32, mut changes: Vec<(Timestamp, i32)>) -> Self {
        changes.sort_unstable();
        Self { name: name.to_owned(), first_s, changes }
    }

    /// Its name; empty for UTC.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.name.is_empty() { "UTC" } else { &self.name }
    }

    /// An instant as the place's calendar and clock show it.
    #[must_use]
    pub fn local(&self, now: Timestamp) -> Local {
        let later = self.changes.partition_point(|&(from, _)| from <= now);
        let offset_s = if later == 0 { self.first_s } else { self.changes[later - 1].1 };
        let shown = now.plus_ms(i64::from(offset_s) * 1_000).0;
        let days = shown.div_euclid(DAY_MS);
        let (year, month, day) = civil(days);
        Local {
            year,
            month,
            day,
            // 1970-01-01 was a Thursday.
            weekday: ((days + 3).rem_euclid(7) + 1) as u8,
            minute: (shown.rem_euclid(DAY_MS) / MINUTE_MS) as u16,
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::HOUR_MS;

    fn shown(zone: &Zone, ms: i64) -> (i64, u8, u8, u8, u16) {
        let Local { year, month, day, weekday, minute } = zone.local(Timestamp(ms));
        (year, month, day, weekday, minute)
    }

    #[test]
    fn utc_is_the_calendar_of_the_epoch() {
        let utc = Zone::default();
        assert_eq!(shown(&utc, 0), (1970, 1, 1, 4, 0));
        assert_eq!(shown(&utc, -1), (1969, 12, 31, 3, 1439));
        // 29 February 2024, a Thursday, 12:34.
        assert_eq!(shown(&utc, 1_709_210_040_000), (2024, 2, 29, 4, 12 * 60 + 34));
    }

    #[test]
    fn the_clock_jumps_where_the_offset_changes() {
        let change = 1_774_746_000_000; // 29 March 2026, 01:00 UTC
        let berlin = Zone::new("Europe/Berlin", 3_600, vec![(Timestamp(change), 7_200)]);
        assert_eq!(shown(&berlin, change - 1), (2026, 3, 29, 7, 2 * 60 - 1));
        assert_eq!(shown(&berlin, change), (2026, 3, 29, 7, 3 * 60));
        assert_eq!(shown(&berlin, change + HOUR_MS), (2026, 3, 29, 7, 4 * 60));
    }
}
