//! Dates, times and time zones of rules. The time zone database is the one bundled with the binary, so that a rule means
//! the same on every machine.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use sidecart_engine::nouns::Timestamp;
use sidecart_engine::policy::{Schedule, Zone};

use crate::config::{Common, Day, nearest};

/// The offsets of a time zone are known to the engine up to here; what is later has those of the last change.
const HORIZON: i64 = 4_102_444_800; // 2100-01-01T00:00:00Z

/// Why a schedule cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No date or time.
    #[error("is not a date or time: give one, such as `2026-12-24` or `2026-12-24T18:00`")]
    Moment,
    /// No two times of the day.
    #[error("is not a span of the day: give two different times, such as `09:00-17:30` or `22:00-02:00`")]
    Hours,
    /// A time zone that does not exist.
    #[error("is not a known time zone: {}", remedy(.0))]
    Zone(Option<String>),
}

fn remedy(near: &Option<String>) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "give a name such as `Europe/Berlin` or `UTC`".to_owned(),
    }
}

/// An instant: a date or a date and time in the zone, or with an offset of its own. Where clocks jump, a time that does
/// not exist is taken by the offset before, and one that exists twice is the first.
///
/// # Errors
/// [`ScheduleError::Moment`].
pub fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, ScheduleError> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(instant.as_millisecond()));
    }
    let local = match text.parse::<Date>() {
        Ok(date) if !text.contains(['T', ' ']) => date.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<DateTime>().map_err(|_| ScheduleError::Moment)?,
    };
    let instant = zone.to_timestamp(local).map_err(|_| ScheduleError::Moment)?;
    Ok(Timestamp(instant.as_millisecond()))
}

/// Two times of the day, in minutes; the second may be 24:00.
///
/// # Errors
/// [`ScheduleError::Hours`].
pub fn hours(text: &str) -> Result<(u16, u16), ScheduleError> {
    let minutes = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| text.parse::<u16>().ok().filter(|_| digits(text));
        let (hour, minute) = (number(hour)?, number(minute)?);
        (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-').ok_or(ScheduleError::Hours)?;
    match (minutes(from), minutes(to)) {
        (Some(from), Some(to)) if from != to && from < 24 * 60 => Ok((from, to)),
        _ => Err(ScheduleError::Hours),
    }
}

/// The time zone of that name.
///
/// # Errors
/// [`ScheduleError::Zone`].
pub fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let known = TimeZone::get(name.trim());
    known.map_err(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        ScheduleError::Zone(nearest(name, names.iter().map(String::as_str)))
    })
}

/// A time zone as the engine takes it: all its changes of offset until 2100.
pub fn table(name: &str, zone: &TimeZone) -> Zone {
    let begin = jiff::Timestamp::UNIX_EPOCH;
    let horizon = jiff::Timestamp::from_second(HORIZON).unwrap_or(jiff::Timestamp::MAX);
    let changes = zone.following(begin).take_while(|change| change.timestamp() < horizon);
    let change = |change: jiff::tz::TimeZoneTransition<'_>| {
        (Timestamp(change.timestamp().as_millisecond()), change.offset().seconds())
    };
    Zone::new(name, zone.to_offset(begin).seconds(), changes.map(change).collect())
}

/// A rule's schedule. What is wrong in it is for the checks of the file to tell, and counts as not given here.
pub fn schedule(common: &Common<'_>, zone: &TimeZone, table: Arc<Zone>) -> Schedule {
    let instant = |text: Option<&str>| text.and_then(|text| moment(text, zone).ok());
    let bit = |day: &Day| 1_u8 << *day as u8;
    Schedule {
        from: instant(common.from),
        until: instant(common.until),
        days: common.days.iter().map(bit).fold(0, |days, bit| days | bit),
        minutes: common.hours.and_then(|text| hours(text).ok()),
        zone: table,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        zone("Europe/Berlin").expect("bundled")
    }

    #[test]
    fn a_local_time_is_an_instant_of_its_zone_in_summer_and_winter() {
        let utc = |text: &str| moment(text, &TimeZone::UTC).expect("an instant");
        for (local, instant) in [
            ("2026-01-15T12:00", "2026-01-15T11:00:00Z"),
            ("2026-07-15T12:00", "2026-07-15T10:00:00Z"),
            ("2026-07-15", "2026-07-14T22:00:00Z"),
            ("2026-07-15T12:00+00:00", "2026-07-15T12:00:00Z"),
            // Clocks jump from 2 to 3: half past two does not exist, and is half past three.
            ("2026-03-29T02:30", "2026-03-29T01:30:00Z"),
            // And back from 3 to 2: half past two exists twice, and is the first.
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(moment(local, &berlin()), Ok(utc(instant)), "{local}");
        }
        assert_eq!(moment("soon", &berlin()), Err(ScheduleError::Moment));
        assert_eq!(moment("2026-02-30", &berlin()), Err(ScheduleError::Moment));
    }

    #[test]
    fn the_engines_table_shows_the_clock_as_the_database_does() {
        for name in ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"] {
            let zone = zone(name).expect("bundled");
            let table = table(name, &zone);
            // Every 37 hours for some 70 years: no two at the same hour.
            for step in 0..16_600_i64 {
                let second = step * 37 * 3_600 + 1_234;
                let instant = jiff::Timestamp::from_second(second).expect("in range");
                let local = instant.to_zoned(zone.clone());
                let shown = table.local(Timestamp(second * 1_000));
                let expected = (
                    i64::from(local.year()),
                    local.month() as u8,
                    local.day() as u8,
                    local.weekday().to_monday_one_offset() as u8,
                    (i64::from(local.hour()) * 60 + i64::from(local.minute())) as u16,
                );
                assert_eq!(
                    (shown.year, shown.month, shown.day, shown.weekday, shown.minute),
                    expected,
                    "{name} {instant}"
                );
            }
        }
    }

    #[test]
    fn spans_of_the_day_may_run_over_midnight() {
        assert_eq!(hours("09:00-17:30"), Ok((540, 1_050)));
        assert_eq!(hours("22:00-02:00"), Ok((1_320, 120)));
        assert_eq!(hours("18:00-24:00"), Ok((1_080, 1_440)));
        for wrong in ["", "9-17", "09:00", "09:00-25:00", "09:60-10:00", "09:00-09:00", "24:00-01:00", "+9:00-10:00"] {
            assert_eq!(hours(wrong), Err(ScheduleError::Hours), "{wrong}");
        }
    }

    #[test]
    fn a_time_zone_that_does_not_exist_is_refused_with_the_one_that_was_meant() {
        let near = zone("Europe/Berln").expect_err("no such zone");
        assert_eq!(near.to_string(), "is not a known time zone: did you mean `Europe/Berlin`?");
    }
}
