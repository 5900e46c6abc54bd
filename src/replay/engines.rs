//! The engines that are asked: the live one, the one frozen at the cut, and those that lag.

use sidecart_engine::nouns::Timestamp;
use sidecart_engine::{Engine, Settings};

use super::asked::{Asked, Probes};
use super::feed::Feed;
use super::lagging::Lagging;
use super::lane::Contender;
use super::plan::Cut;
use super::run::Options;
use crate::data::Dataset;

/// Everything that answers.
pub struct Engines<'a> {
    cut: Cut,
    /// The live engine.
    pub live: Feed<'a>,
    /// Whether anybody asks it.
    freeze: bool,
    frozen: Option<Engine>,
    lagging: Vec<Lagging<'a>>,
}

/// Who answers a lane, and as of when.
pub struct Seat<'e> {
    /// The engine.
    pub engine: &'e Engine,
    /// Its settings.
    pub settings: &'e Settings,
    /// Its clock.
    pub as_of: Timestamp,
    /// It has learned from the events before this instant.
    pub knows_to: Timestamp,
    /// Whether it may look up the session that asks.
    pub knows_session: bool,
}

impl<'a> Engines<'a> {
    /// Engines that know the catalogue and nothing else.
    pub fn new(data: &'a Dataset, options: &Options, cut: Cut, contenders: &[Contender], probes: &Probes) -> Self {
        Self {
            cut,
            live: Feed::new(data, cut, options.settings.clone(), options.learning),
            freeze: contenders.contains(&Contender::Frozen),
            frozen: None,
            lagging: probes.lags().into_iter().map(|lag| Lagging::new(data, cut, lag)).collect(),
        }
    }

    /// The live engine is about to be given the event at `place`.
    pub fn reach(&mut self, place: usize) {
        self.lagging.iter_mut().for_each(|late| late.reach(place, &self.live));
        if place == self.cut.place {
            self.live.publish(self.cut.at);
            self.live.engine.rebuild_batch();
            self.live.engine.fix_static();
            self.frozen = self.freeze.then(|| self.live.engine.clone());
        }
    }

    /// Brings those that lag to where they are to be at `now`, before the event at `place`.
    pub fn catch_up(&mut self, place: usize, now: Timestamp) {
        self.lagging.iter_mut().for_each(|late| late.catch_up(place, now));
    }

    /// Who answers a lane at `now`.
    pub fn seat<'e>(&'e self, asked: &'e Asked, now: Timestamp) -> Seat<'e> {
        let live = Seat {
            engine: &self.live.engine,
            settings: self.live.engine.settings(),
            as_of: now,
            knows_to: now,
            knows_session: true,
        };
        match asked {
            Asked::Strategy(Contender::Realtime | Contender::Conditional) => live,
            Asked::Strategy(Contender::Static | Contender::ConditionalFrozen) => Seat { knows_to: self.cut.at, ..live },
            Asked::Strategy(Contender::Batch) => Seat { knows_to: self.live.batch_knows_to, ..live },
            Asked::Strategy(Contender::Frozen) => Seat {
                engine: self.frozen.as_ref().unwrap_or(live.engine),
                // Time stands still as well: it answers as it would have at the cut.
                as_of: self.cut.at.min(now),
                knows_to: self.cut.at,
                knows_session: false,
                ..live
            },
            Asked::Without { settings, .. } => Seat { settings, ..live },
            Asked::Behind(behind) => {
                let late = self.lagging.iter().find(|late| late.lag == behind.lag).and_then(Lagging::engine);
                let knows_to = now.plus_ms(-behind.lag.ms());
                Seat { engine: late.unwrap_or(live.engine), knows_to, ..live }
            }
        }
    }
}
