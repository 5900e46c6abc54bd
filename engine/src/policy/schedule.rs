use std::sync::Arc;

use super::zone::{Local, Zone};
use crate::nouns::Timestamp;

/// When a rule holds, by the clock of its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// Days of the week: bit 0 is Monday. 0: every day.
    pub days: u8,
    /// Minutes of the day, from and to; to before from runs over midnight, and belongs to the day it began on.
    pub minutes: Option<(u16, u16)>,
    /// The place.
    pub zone: Arc<Zone>,
}

impl Schedule {
    /// Whether it holds at that instant.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        if self.from.is_some_and(|from| now < from) || self.until.is_some_and(|until| now >= until) {
            return false;
        }
        if self.days == 0 && self.minutes.is_none() {
            return true;
        }
        self.holds_locally(self.zone.local(now))
    }

    fn holds_locally(&self, local: Local) -> bool {
        let on = |weekday: u8| self.days == 0 || self.days & (1 << (weekday - 1)) != 0;
        let before = if local.weekday == 1 { 7 } else { local.weekday - 1 };
        match self.minutes {
            None => on(local.weekday),
            Some((from, to)) if from <= to => on(local.weekday) && (from..to).contains(&local.minute),
            Some((from, _)) if local.minute >= from => on(local.weekday),
            Some((_, to)) => local.minute < to && on(before),
        }
    }

    /// Whether two schedules may hold at one instant, as far as their ends, days and hours tell by themselves.
    #[must_use]
    pub fn may_meet(&self, other: &Self) -> bool {
        let ends_before = |a: &Self, b: &Self| matches!((a.until, b.from), (Some(until), Some(from)) if until <= from);
        let days = |schedule: &Self| if schedule.days == 0 { 0x7F } else { schedule.days };
        let whole_days = self.minutes.is_none() && other.minutes.is_none() && self.zone == other.zone;
        let apart = whole_days && days(self) & days(other) == 0;
        let within = |a: &Self, b: &Self| match (a.minutes, b.minutes) {
            (Some((from, to)), Some((other_from, other_to))) if from <= to && other_from <= other_to => {
                from < other_to && other_from < to
            }
            _ => true,
        };
        let hours = self.zone != other.zone || within(self, other);
        !ends_before(self, other) && !ends_before(other, self) && !apart && hours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::{DAY_MS, HOUR_MS};

    /// Monday, 5 January 2026, 00:00 UTC.
    const MONDAY: i64 = 1_767_571_200_000;

    fn at(day: i64, hour: i64) -> Timestamp {
        Timestamp(MONDAY + day * DAY_MS + hour * HOUR_MS)
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_they_began_on() {
        let friday_night = Schedule { days: 1 << 4, minutes: Some((22 * 60, 2 * 60)), ..Schedule::default() };
        let held =
            [(4, 21), (4, 22), (5, 1), (5, 2), (5, 23), (4, 1)].map(|(day, hour)| friday_night.holds(at(day, hour)));
        assert_eq!(held, [false, true, true, false, false, false]);
    }

    #[test]
    fn the_end_is_not_part_of_it() {
        let schedule = Schedule { from: Some(at(0, 8)), until: Some(at(0, 10)), ..Schedule::default() };
        assert_eq!([7, 8, 9, 10].map(|hour| schedule.holds(at(0, hour))), [false, true, true, false]);
    }

    #[test]
    fn schedules_that_cannot_hold_together_are_told_apart() {
        let days = |days| Schedule { days, ..Schedule::default() };
        let hours = |from: u16, to: u16| Schedule { minutes: Some((from * 60, to * 60)), ..Schedule::default() };
        assert!(!days(0b0000011).may_meet(&days(0b1100000)));
        assert!(days(0b0000011).may_meet(&days(0)));
        assert!(!hours(8, 12).may_meet(&hours(12, 20)));
        assert!(hours(22, 2).may_meet(&hours(1, 3)), "over midnight: not told apart");
        let (early, late) =
            (Schedule { until: Some(at(1, 0)), ..days(0) }, Schedule { from: Some(at(1, 0)), ..days(0) });
        assert!(!early.may_meet(&late) && early.may_meet(&days(0)));
    }
}
