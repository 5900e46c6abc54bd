//! An engine that is behind: each event reaches it only a while after it happened.

use sidecart_engine::Engine;
use sidecart_engine::nouns::Timestamp;

use super::feed::Feed;
use super::plan::Cut;
use crate::config::Span;
use crate::data::Dataset;

/// A copy of the live engine, made when live was as far as this one is to be at the cut, and fed by a late copy of the
/// stream from then on, its learner too.
pub struct Lagging<'a> {
    data: &'a Dataset,
    cut: Cut,
    /// By how much it is behind.
    pub lag: Span,
    /// Where it leaves the live engine.
    forks_at: usize,
    feed: Option<Feed<'a>>,
    /// The place of the next event to reach it.
    next: usize,
}

impl<'a> Lagging<'a> {
    /// One that has not begun to lag.
    pub fn new(data: &'a Dataset, cut: Cut, lag: Span) -> Self {
        let arrived = |at: Timestamp| at.plus_ms(lag.ms()) <= cut.at;
        let forks_at = data.events()[..cut.place].partition_point(|head| arrived(head.at));
        Self { data, cut, lag, forks_at, feed: None, next: forks_at }
    }

    /// The live engine is about to be given the event at `place`.
    pub fn reach(&mut self, place: usize, live: &Feed<'a>) {
        if place == self.forks_at {
            self.feed = Some(live.fork());
        }
    }

    /// Takes what has arrived by `now`, of the events before `place`.
    pub fn catch_up(&mut self, place: usize, now: Timestamp) {
        let Some(feed) = &mut self.feed else { return };
        let events = self.data.events();
        while self.next < place && events[self.next].at.plus_ms(self.lag.ms()) <= now {
            if self.next == self.cut.place {
                feed.publish(self.cut.at);
            }
            feed.apply(self.next);
            self.next += 1;
        }
    }

    /// The engine, once it lags.
    pub fn engine(&self) -> Option<&Engine> {
        self.feed.as_ref().map(|feed| &feed.engine)
    }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::Settings;

    use super::super::feed::Learning;
    use super::super::testing::dataset;
    use super::*;

    const STREAM: &str = "\
        view 0 old a\n\
        view 100 older b\n\
        cut\n\
        view 120 s c\n\
        view 121 s d\n\
        view 180 t e\n";

    /// The items known to an engine `lag` behind when live is about to be given the event at `place`.
    fn known(lag: &str, place: usize) -> Vec<String> {
        let (data, cut) = dataset(STREAM);
        let mut live = Feed::new(&data, cut, Settings::default(), Learning::Off);
        let mut late = Lagging::new(&data, cut, lag.parse().expect("a span"));
        for at in 0..place {
            late.reach(at, &live);
            live.apply(at);
        }
        late.reach(place, &live);
        late.catch_up(place, data.events()[place].at);
        late.engine().expect("it lags").items().map(|item| item.id.to_string()).collect()
    }

    #[test]
    fn it_knows_only_what_has_had_time_to_arrive() {
        assert_eq!(known("5s", 4), ["a", "b", "c", "d"]);
        assert_eq!(known("1m", 4), ["a", "b", "c"], "d came 59 seconds ago");
        assert_eq!(known("2m", 4), ["a"], "b came 80 seconds ago");
        assert_eq!(known("5s", 3), ["a", "b"], "the session's own c came a second ago");
    }

    #[test]
    fn the_lag_holds_from_the_cut_on() {
        assert_eq!(known("1m", 2), ["a"], "b came 20 seconds before");
        assert!(known("1h", 2).is_empty());
    }
}
