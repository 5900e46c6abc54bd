use std::time::{Duration, Instant};

use sidecart_engine::nouns::Repeats;

use super::Service;
use super::gate::Pass;
use crate::config::{self, ConfigErrors};
use crate::decisions::Decision;
use crate::simulate::{Comparison, Question, Report, Side};
use crate::wire::request::Asked;

/// Requests tried when the caller does not say.
pub const USUAL_REQUESTS: usize = 1_000;
/// Requests tried at most: more say little more, and take the machine's time.
pub const MAX_REQUESTS: usize = 20_000;
/// The longest a simulation takes; then it tells what it has found.
const MAX_TIME: Duration = Duration::from_secs(5);
/// Of the request's own time limit, the share that a simulation may take.
const SHARE_OF_LIMIT: f64 = 0.8;
/// Simulations at once: each takes half a core.
const MAX_AT_ONCE: usize = 1;

impl Service {
    /// Lets one simulation begin, unless one is running.
    pub fn begin_simulation(&self) -> Option<Pass<'_>> {
        self.simulations.enter(MAX_AT_ONCE)
    }

    /// Answers the newest `last` requests that were answered lately once more, under the config in force and under
    /// another, on the state as it is and as of the instants they were asked. To be run on a thread of its own: it takes
    /// up to five seconds, and rests as long as it works, so that answers have the machine.
    ///
    /// # Errors
    /// [`ConfigErrors`]: everything that is wrong with the config.
    pub fn simulate(&self, body: &[u8], last: usize) -> Result<Report, ConfigErrors> {
        let in_force = self.in_force();
        let overrides = self.keeper.overrides();
        let mixed = config::mix(&config::read_body(body, overrides)?.config, &in_force.config)?;
        let settings = mixed.config.settings();
        let limit = in_force.config.server.request_timeout.duration().mul_f64(SHARE_OF_LIMIT);
        let until = Instant::now() + MAX_TIME.min(limit);
        let mut comparison = Comparison::new([
            Side { version: &in_force.version, config: &in_force.config, settings: &in_force.settings },
            Side { version: &mixed.version, config: &mixed.config, settings: &settings },
        ]);
        let decisions = self.decisions.newest(last.min(MAX_REQUESTS));
        for decision in &decisions {
            let began = Instant::now();
            let Some(engine) = self.shared.engine.try_read_until(until) else { break };
            comparison.ask([&engine, &engine], &question(decision));
            drop(engine);
            if Instant::now() >= until {
                break;
            }
            std::thread::sleep(began.elapsed());
        }
        let mut report = comparison.report(&self.shared.engine.read(), decisions.len() as u64);
        report.from = "the newest decisions".to_owned();
        report.restart_required = mixed.restart_required;
        Ok(report)
    }
}

/// The request of a decision, with what its caller left open open again.
fn question(decision: &Decision) -> Question {
    let mut request = decision.request.clone();
    request.explain = false;
    if decision.left_open.limit {
        request.limit = 0;
    }
    let repeats: Option<Repeats> = (!decision.left_open.repeats).then_some(request.repeats);
    Question { asked: Asked { request, repeats, deadline_ms: None }, now: decision.at }
}
