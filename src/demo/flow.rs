//! The order of events: catalogue, history, a first answer, the live week with questions in between, the comparison.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sidecart_engine::nouns::{Event, Record, Timestamp};

use super::client::{Client, ClientError, Wait};
use super::dice::about;
use super::measure::Measurement;
use super::progress::Progress;
use super::shopping::{Moment, Shopping, Step};
use super::story::{Words, day};
use super::summary::Summary;
use crate::ingest::SubmitError;

/// Items or events per request while the history is loaded: large, for throughput.
const HISTORY_BATCH: usize = 1_000;
/// Events per request in the live week, unless a question comes first: what a shop's collector would send.
const LIVE_BATCH: usize = 100;
/// Live carts shown, beside the first.
const SHOWN: usize = 3;
/// Carts that are shown: enough to tell what the shopper is about, not too many to read.
const SHOWN_CART: RangeInclusive<usize> = 3..=8;

/// What the demo does behind the public API's back, because recorded time has to pass.
pub trait Backstage {
    /// Recorded time is now `at`.
    fn advance_to(&self, at: Timestamp);
    /// Takes items or events in bulk through the log, as `import` does: the API refuses what is as old as history.
    ///
    /// # Errors
    /// [`FlowError`] when they are refused.
    fn take(&self, records: Vec<Record>) -> Result<(), FlowError>;
    /// Returns once all that was taken is applied.
    ///
    /// # Errors
    /// [`FlowError::Behind`].
    fn catch_up(&self) -> Result<(), FlowError>;
    /// The static lists are to be made from what is known now.
    fn fix_static(&self);
}

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The server refused or did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The log did not take the history.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A record of the history was refused, which is a defect of the demo.
    #[error("a record of the bundled history was refused: {0}")]
    Refused(String),
    /// The history is in the log, but not applied.
    #[error("the history is still not applied: is the machine overloaded? Try `demo --fast 10`")]
    Behind,
}

/// The demo, ready to run.
pub struct Demo<'a> {
    /// The generated shop around the real baskets.
    pub shopping: &'a Shopping,
    /// The way to the server.
    pub client: &'a Client,
    /// Recorded time.
    pub backstage: &'a dyn Backstage,
    /// Set when the run is to end early.
    pub stop: &'a AtomicBool,
    /// Where the story is told.
    pub say: &'a dyn Fn(&str),
    /// Of all draws.
    pub seed: u64,
    /// Questions asked per strategy.
    pub queries: usize,
}

impl Demo<'_> {
    /// Runs it; `None` if it was stopped.
    ///
    /// # Errors
    /// [`FlowError`].
    pub fn run(&self) -> Result<Option<Summary>, FlowError> {
        if let Some(first) = self.shopping.history().first() {
            self.backstage.advance_to(first.at);
        }
        self.load_catalog()?;
        let history = self.load_history()?;
        if self.stopped() {
            return Ok(None);
        }
        self.backstage.advance_to(self.shopping.cut);
        self.backstage.fix_static();
        let last = self.shopping.live().last().map_or(self.shopping.cut, |step| step.at);
        (self.say)(&format!(
            "\nNow the live week, {} to {}, over HTTP. At {} moments each strategy is asked what else the cart needs, \
             before the shopper's next step is sent.\n",
            day(self.shopping.cut),
            day(last),
            self.queries
        ));
        let mut measurement = Measurement::new(self.shopping.cut, &self.shopping.items, self.queries);
        let live = self.stream(&mut measurement)?;
        if self.stopped() {
            return Ok(None);
        }
        Ok(Some(Summary { outcome: measurement.outcome(self.seed), history, live }))
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn load_catalog(&self) -> Result<(), FlowError> {
        let items = &self.shopping.items;
        let mut progress = Progress::new("catalogue", "items", items.len());
        for batch in items.chunks(HISTORY_BATCH) {
            if self.stopped() {
                break;
            }
            self.backstage.take(batch.iter().map(|item| Record::Item(Box::new(item.clone()))).collect())?;
            progress.advance(batch.len());
        }
        progress.finish();
        Ok(())
    }

    fn load_history(&self) -> Result<(usize, f64), FlowError> {
        let steps = self.shopping.history();
        let mut progress = Progress::new("history", "events", steps.len());
        for batch in steps.chunks(HISTORY_BATCH) {
            if self.stopped() {
                break;
            }
            if let Some(last) = batch.last() {
                self.backstage.advance_to(last.at);
            }
            self.backstage
                .take(batch.iter().map(|step| Record::Event(Box::new(self.shopping.event(step)))).collect())?;
            progress.advance(batch.len());
        }
        self.backstage.catch_up()?;
        Ok(progress.finish())
    }

    /// Sends the live week, asking at the drawn moments before the step that follows.
    fn stream(&self, measurement: &mut Measurement) -> Result<(usize, f64), FlowError> {
        let steps = self.shopping.live();
        let words = Words::new(&self.shopping.items);
        let moments = self.draw_moments(steps);
        let show_every = moments.len() / (SHOWN + 1) + 1;
        let mut shown = 0;
        let mut moments = moments.into_iter().enumerate().peekable();
        let mut progress = Progress::new("live week", "events", steps.len());
        let mut batch: Vec<Event> = Vec::with_capacity(LIVE_BATCH);
        for (place, step) in steps.iter().enumerate() {
            if self.stopped() {
                break;
            }
            if let Some((number, (_, moment))) = moments.next_if(|(_, (moment_place, _))| *moment_place == place) {
                self.flush(&mut batch, measurement, &mut progress)?;
                self.backstage.advance_to(moment.at);
                let answer = measurement.ask(self.client, &moment)?;
                let due = number >= shown * show_every && shown <= SHOWN && SHOWN_CART.contains(&moment.cart.len());
                if let Some(answer) = answer.filter(|_| due) {
                    progress.aside(|| (self.say)(&words.cart(&moment, &answer)));
                    shown += 1;
                }
            }
            batch.push(self.shopping.event(step));
            if batch.len() == LIVE_BATCH {
                self.send(&batch, Wait::Durable)?;
                progress.advance(batch.len());
                batch.clear();
            }
        }
        self.flush(&mut batch, measurement, &mut progress)?;
        Ok(progress.finish())
    }

    /// Sends what waits and notes how long it took to become visible to recommendations.
    fn flush(
        &self,
        batch: &mut Vec<Event>,
        measurement: &mut Measurement,
        progress: &mut Progress,
    ) -> Result<(), FlowError> {
        if !batch.is_empty() {
            measurement.visible_after(self.send(batch, Wait::Applied)?);
            progress.advance(batch.len());
            batch.clear();
        }
        Ok(())
    }

    fn send(&self, events: &[Event], wait: Wait) -> Result<Duration, FlowError> {
        if let Some(last) = events.last() {
            self.backstage.advance_to(last.at);
        }
        Ok(self.client.post_events(events, wait)?)
    }

    /// The moments to ask at, drawn by lot among all of the live week, in order, with the steps they come before.
    fn draw_moments(&self, steps: &[Step]) -> Vec<(usize, Moment)> {
        let moment = |(place, step)| self.shopping.moment(step).map(|moment| (place, moment));
        let mut moments: Vec<_> = steps.iter().enumerate().filter_map(moment).map(Some).collect();
        let drawn = about(self.seed, "moments", "live").sample(moments.len(), self.queries);
        drawn.into_iter().filter_map(|place| moments[place].take()).collect()
    }
}
