use std::time::{Duration, Instant};

use sidecart_engine::{Pace, Stage, Watch};

/// Watches one answer: stops it when its time is up, and notes how long each stage took.
#[derive(Debug)]
pub struct Deadline {
    at: Instant,
    current: Option<(Stage, Instant)>,
    spent: [Option<Duration>; Stage::ALL.len()],
}

impl Deadline {
    /// The answer is to be ready at `at`.
    #[must_use]
    pub fn new(at: Instant) -> Self {
        Self { at, current: None, spent: [None; Stage::ALL.len()] }
    }

    /// Ends the last stage; gives the stages that ran and the time each took.
    pub fn finish(mut self) -> impl Iterator<Item = (Stage, Duration)> {
        self.close(Instant::now());
        Stage::ALL.into_iter().zip(self.spent).filter_map(|(stage, spent)| spent.map(|spent| (stage, spent)))
    }

    fn close(&mut self, now: Instant) {
        if let Some((stage, since)) = self.current.take() {
            *self.spent[stage as usize].get_or_insert_default() += now.saturating_duration_since(since);
        }
    }
}

impl Watch for Deadline {
    fn enter(&mut self, stage: Stage) -> Pace {
        let now = Instant::now();
        self.close(now);
        self.current = Some((stage, now));
        if now >= self.at { Pace::Stop } else { Pace::Go }
    }
}

/// No time at all: what can be had without any work is taken.
#[derive(Debug, Clone, Copy)]
pub struct NoTime;

impl Watch for NoTime {
    fn enter(&mut self, _: Stage) -> Pace {
        Pace::Stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stops_when_its_time_is_up() {
        let mut over = Deadline::new(Instant::now());
        assert_eq!(over.enter(Stage::Context), Pace::Stop);
        let mut ample = Deadline::new(Instant::now() + Duration::from_secs(3600));
        assert_eq!(ample.enter(Stage::Context), Pace::Go);
        assert_eq!(ample.enter(Stage::Score), Pace::Go);
        let stages: Vec<_> = ample.finish().map(|(stage, _)| stage).collect();
        assert_eq!(stages, [Stage::Context, Stage::Score]);
    }
}
