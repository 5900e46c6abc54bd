use std::sync::Arc;

use sidecart_engine::Lesson;
use sidecart_engine::nouns::Event;
use uuid::Uuid;

use super::Tokens;
use crate::decisions::Decisions;
use crate::ingest::{Ingest, Shared};

/// What clicks in answers teach the scorer.
#[derive(Clone)]
pub struct Clicks {
    /// Answers that are remembered.
    pub decisions: Arc<Decisions>,
    /// Tell which answer a click is in.
    pub tokens: Tokens,
    /// The way to the scorer.
    pub ingest: Ingest,
    /// Tells whose a visit is.
    pub shared: Arc<Shared>,
}

impl Clicks {
    /// Learns from a click that any replica has taken, if it is in an answer that is still kept here.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "without a broker there are no other replicas"))]
    pub fn learn(&self, event: &Event) {
        if let Some(answer) = event.attribution_token.as_deref().and_then(|token| self.tokens.open(token)) {
            self.learn_of(answer, event);
        }
    }

    /// A click in an answer that is still kept teaches the scorer what was wanted of it, once per item shown. A bot's
    /// does not.
    pub fn learn_of(&self, answer: Uuid, event: &Event) {
        let Some(decision) = self.decisions.get(answer).filter(|decision| decision.request.session == event.session)
        else {
            return;
        };
        for line in &event.lines {
            if let Some(lesson) = Lesson::of_click(&decision.exposure, &line.item)
                && decision.first_click(&line.item)
                && !self.shared.engine.read().is_bot(&event.session)
            {
                self.ingest.teach(lesson);
            }
        }
    }
}
