//! Where the time of an answer goes, stage by stage, the candidate sources one by one.

use std::time::Instant;

use sidecart_engine::nouns::Timestamp;
use sidecart_engine::{Engine, Pace, Scratch, Stage, Watch};

use crate::shop::{LENGTHS, Shop};

/// Notes what passes between each entry and the next, by place in the order of stages.
#[derive(Default)]
struct Laps {
    last: Option<(usize, Instant)>,
    place: usize,
    names: Vec<&'static str>,
    us: Vec<Vec<f64>>,
}

impl Laps {
    fn end(&mut self) {
        let now = Instant::now();
        if let Some((place, since)) = self.last.take() {
            self.us[place].push((now - since).as_secs_f64() * 1e6);
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
            self.us.push(Vec::new());
        }
        self.last = Some((self.place, Instant::now()));
        self.place += 1;
        Pace::Go
    }
}

/// Prints medians over `asks` answers, of each length the same number.
pub(crate) fn report(engine: &Engine, shop: &mut Shop, asks: u64, now: Timestamp, scratch: &mut Scratch) {
    let each = asks / LENGTHS.len() as u64;
    for length in LENGTHS.into_iter().filter(|_| each > 0) {
        let mut laps = Laps::default();
        for _ in 0..each {
            let request = shop.request(length);
            let _ = engine.recommend(&request, now, &mut laps, scratch);
            laps.end();
        }
        laps.us.iter_mut().for_each(|us| us.sort_by(f64::total_cmp));
        let figures = laps.names.iter().zip(&laps.us).map(|(name, us)| format!("{name} {:.1}", us[us.len() / 2]));
        let figures: Vec<String> = figures.collect();
        println!("{length} items of context, wall-clock microseconds by stage: {}", figures.join(", "));
    }
}
