use std::time::Duration;

use sidecart_engine::nouns::Request;

use super::Config;
use crate::wire::request::Asked;

impl Config {
    /// Fills in what the caller of a request left open, from its placement; gives the time there is to answer.
    #[must_use]
    pub fn complete(&self, asked: Asked) -> (Request, Duration) {
        let Asked { mut request, repeats, deadline_ms } = asked;
        let placement = self.placement(request.placement.as_str());
        if request.limit == 0 {
            request.limit = placement.limit;
        }
        request.repeats = repeats.unwrap_or_else(|| placement.repeats.into());
        request.arrangement = placement.arrangement();
        let budget = self.deadline(&placement).duration();
        (request, deadline_ms.map_or(budget, |ms| budget.min(Duration::from_millis(ms))))
    }
}
