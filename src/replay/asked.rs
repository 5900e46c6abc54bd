//! Who is asked: the strategies, and the probes that take the live strategy apart.

use std::collections::BTreeSet;

use sidecart_engine::nouns::Strategy;
use sidecart_engine::{Engine, Settings};

use super::ReplayError;
use super::lane::Contender;
use crate::config::Span;

/// Engines that lag, at most: each is a copy of the whole state.
pub const MAX_LAGS: usize = 4;

/// What is asked of the live strategy beside how good it is. Each adds lanes that are compared with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probes {
    /// Sources to switch off, each in turn.
    pub without: Vec<&'static str>,
    /// By how much the model is behind, while requests carry what the session has come to.
    pub model_lags: Vec<Span>,
    /// By how much the whole pipeline is behind, with such requests and with requests that say nothing.
    pub context_lags: Vec<Span>,
}

impl Probes {
    /// The different lags for which an engine of its own is needed.
    pub fn lags(&self) -> BTreeSet<Span> {
        self.model_lags.iter().chain(&self.context_lags).copied().filter(|lag| lag.ms() > 0).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.without.is_empty() && self.model_lags.is_empty() && self.context_lags.is_empty()
    }

    /// The lanes, in the order of reports.
    ///
    /// # Errors
    /// [`ReplayError::TooManyLags`].
    pub fn lanes(&self, settings: &Settings) -> Result<Vec<Asked>, ReplayError> {
        if self.lags().len() > MAX_LAGS {
            return Err(ReplayError::TooManyLags(self.lags().len()));
        }
        let behind = |part: Part, lag: &Span, told: Told| Asked::Behind(Behind { part, lag: *lag, told });
        let mut lanes: Vec<Asked> = self.without.iter().map(|&source| Asked::without(source, settings)).collect();
        lanes.extend(self.model_lags.iter().map(|lag| behind(Part::Model, lag, Told::ByRequest)));
        let tellings = [Told::ByRequest, Told::ByEvents];
        let context = self.context_lags.iter().flat_map(|lag| tellings.map(|told| behind(Part::Context, lag, told)));
        lanes.extend(context);
        Ok(lanes)
    }
}

/// The source of that name, if there is one.
pub fn source_named(name: &str) -> Option<&'static str> {
    Engine::sources().find(|source| *source == name)
}

/// Whom a lane asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// A strategy.
    Strategy(Contender),
    /// The live strategy with a source switched off.
    Without {
        /// Which source.
        source: &'static str,
        /// The settings that say so.
        settings: Box<Settings>,
    },
    /// The live strategy, behind.
    Behind(Behind),
}

/// How the live strategy is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// What is behind.
    pub part: Part,
    /// By how much.
    pub lag: Span,
    /// How the engine learns of the session that asks.
    pub told: Told,
}

/// What is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is learned from everybody.
    Model,
    /// All events, the session's own among them.
    Context,
}

/// How the engine learns of the session that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The request carries its items, as do those to the strategies.
    ByRequest,
    /// By events alone: those that have arrived.
    ByEvents,
}

impl Asked {
    fn without(source: &'static str, settings: &Settings) -> Self {
        let mut settings = Box::new(settings.clone());
        if let Some(switch) = settings.candidates.source_mut(source) {
            switch.weight = 0.0;
        }
        Self::Without { source, settings }
    }

    /// The name in JSON.
    pub fn name(&self) -> String {
        match self {
            Self::Strategy(contender) => contender.name().to_owned(),
            Self::Without { source, .. } => format!("realtime without {source}"),
            Self::Behind(Behind { part: Part::Model, lag, .. }) => format!("model {lag} behind"),
            Self::Behind(Behind { lag, told: Told::ByRequest, .. }) => format!("{lag} behind, request carries items"),
            Self::Behind(Behind { lag, told: Told::ByEvents, .. }) => format!("{lag} behind, events only"),
        }
    }

    /// What the engine is asked for; `None`: a baseline is asked instead.
    pub fn strategy(&self) -> Option<Strategy> {
        match self {
            Self::Strategy(contender) => contender.strategy(),
            Self::Without { .. } | Self::Behind(_) => Some(Strategy::Realtime),
        }
    }

    /// The strategy or baseline that it is, if it is no probe.
    pub fn contender(&self) -> Option<Contender> {
        match self {
            Self::Strategy(contender) => Some(*contender),
            Self::Without { .. } | Self::Behind(_) => None,
        }
    }

    /// Whether it is the live strategy itself, with which probes are compared.
    pub fn is_live(&self) -> bool {
        *self == Self::Strategy(Contender::Realtime)
    }

    /// How the engine learns of the session that asks.
    pub fn told(&self) -> Told {
        match self {
            Self::Behind(behind) => behind.told,
            Self::Strategy(_) | Self::Without { .. } => Told::ByRequest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_named_and_bounded() {
        let span = |text: &str| text.parse::<Span>().expect("a span");
        let probes = Probes {
            without: vec!["two_hops"],
            model_lags: vec![span("0s"), span("24h")],
            context_lags: vec![span("5s")],
        };
        let lanes = probes.lanes(&Settings::default()).expect("lanes");
        let names: Vec<String> = lanes.iter().map(Asked::name).collect();
        let expected = [
            "realtime without two_hops",
            "model 0s behind",
            "model 24h behind",
            "5s behind, request carries items",
            "5s behind, events only",
        ];
        assert_eq!(names, expected);
        assert_eq!(probes.lags().len(), 2, "no lag needs no engine of its own");
        let many = Probes { model_lags: ["1s", "2s", "3s", "4s", "5s"].map(span).to_vec(), ..Probes::default() };
        assert!(matches!(many.lanes(&Settings::default()), Err(ReplayError::TooManyLags(5))));
    }

    #[test]
    fn a_lane_without_a_source_has_it_switched_off_and_nothing_else() {
        let Asked::Without { settings, .. } = Asked::without("trending", &Settings::default()) else {
            panic!("not a lane without a source")
        };
        let mut expected = Settings::default();
        expected.candidates.trending.weight = 0.0;
        assert_eq!(*settings, expected);
    }
}
