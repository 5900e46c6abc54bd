//! Where the time of an answer goes, stage by stage, the candidate sources one by one.

use std::time::Instant;

use sidecart_engine::nouns::Timestamp;
use sidecart_engine::{Engine, Pace, Scratch, Stage, Watch};

use crate::shop::{LENGTHS, Shop};

/// Adds up what passes between the entries of one place in the order of stages and the next entry.
#[derive(Default)]
struct Laps {
    last: Option<(usize, Instant)>,
    place: usize,
    names: Vec<&'static str>,
    us: Vec<f64>,
}

impl Laps {
    fn end(&mut self) {
        let now = Instant::now();
        if let Some((place, since)) = self.last.take() {
            self.us[place] += (now - since).as_secs_f64() * 1e6;
        }
    }
}

impl Watch for Laps {
    fn enter(&mut self, stage: Stage) -> Pace {
        self.end();
        if stage == Stage::Context {
            self.place = 0;
        }
        if self.place == self.names.len() {
            self.names.push(stage.name());
            self.us.push(0.0);
        }
        self.last = Some((self.place, Instant::now()));
        self.place += 1;
        Pace::Go
    }
}

/// Prints means over `asks` answers, of each length the same number.
pub(crate) fn report(engine: &Engine, shop: &mut Shop, asks: u64, now: Timestamp, scratch: &mut Scratch) {
    let each = asks / LENGTHS.len() as u64;
    for length in LENGTHS.into_iter().filter(|_| each > 0) {
        let mut laps = Laps::default();
        for _ in 0..each {
            let request = shop.request(length);
            engine.recommend(&request, now, &mut laps, scratch);
            laps.end();
        }
        let figures = laps.names.iter().zip(&laps.us).map(|(name, us)| format!("{name} {:.1}", us / each as f64));
        let figures: Vec<String> = figures.collect();
        println!("{length} items of context, wall-clock microseconds by stage: {}", figures.join(", "));
    }
}
