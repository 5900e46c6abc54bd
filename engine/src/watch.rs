/// The stages of an answer, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Resolve session, cart, context and user.
    Context,
    /// Ask the sources.
    Candidates,
    /// Drop what may not be shown.
    Rules,
    /// Look up what the scorer needs.
    Features,
    /// Score.
    Score,
    /// Order, check again, give reasons.
    Slate,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 6] = [Self::Context, Self::Candidates, Self::Rules, Self::Features, Self::Score, Self::Slate];

    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Candidates => "candidates",
            Self::Rules => "rules",
            Self::Features => "features",
            Self::Score => "score",
            Self::Slate => "slate",
        }
    }
}

/// Whether there is time left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Go on.
    Go,
    /// Answer with what there is.
    Stop,
}

/// The engine has no clock: its caller watches the time for it, and is told of each stage as it begins.
pub trait Watch {
    /// `stage` is about to begin; the answer says whether there is time for it.
    fn enter(&mut self, stage: Stage) -> Pace;
}

/// All the time in the world.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unhurried;

impl Watch for Unhurried {
    fn enter(&mut self, _: Stage) -> Pace {
        Pace::Go
    }
}
