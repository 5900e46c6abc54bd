//! The live engine and what is fed to it.

use std::time::Instant;

use sidecart_engine::nouns::{DAY_MS, Entry, Record, Timestamp};
use sidecart_engine::{Applied, Engine, Scratch, Settings, Trainer, Wishes};

use super::plan::Cut;
use super::report::EventCounts;
use crate::data::{Dataset, Head};
use crate::ingest::LEARNING_RATE;

/// Lessons between two models before the cut, and after it.
const LESSONS_PER_MODEL: [u64; 2] = [500, 20];
/// Events looked at for lessons, before the cut and after it, if not said otherwise: 30,000 lists warm the scorer up.
const LOOKED_AT: usize = 60_000;

/// The live engine, fed event by event.
pub struct Feed<'a> {
    data: &'a Dataset,
    cut: Cut,
    /// The engine.
    pub engine: Engine,
    /// What became of the events.
    pub counts: EventCounts,
    /// Items entered from events.
    pub bare_items: usize,
    /// Wall time of each event, nanoseconds.
    pub update_ns: Vec<u32>,
    /// The table of the batch strategy has learned from the events before this instant.
    pub batch_knows_to: Timestamp,
    known: Vec<bool>,
    school: Option<School>,
}

/// How many events the scorer learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learning {
    /// From none: the starting weights stay.
    Off,
    /// From as many as it takes.
    Enough,
    /// From one in so many.
    OneIn(usize),
}

impl Learning {
    /// One in how many of `events` to look at.
    fn stride(self, events: usize) -> usize {
        match self {
            Self::Off => usize::MAX,
            Self::Enough => (events / LOOKED_AT).max(1),
            Self::OneIn(n) => n.max(1),
        }
    }
}

/// A learning ranker.
struct School {
    trainer: Trainer,
    scratch: Scratch,
    wishes: Wishes,
    /// Lessons begin here, halfway to the cut: before, the lists are those of an engine that knows little, and teach
    /// what holds for such an engine only.
    from: usize,
    /// One in so many events, before the cut and after it.
    strides: [usize; 2],
}

impl School {
    fn new(engine: &Engine, learning: Learning, cut: usize, events: usize) -> Self {
        let from = cut / 2;
        let strides = [learning.stride(cut - from), learning.stride(events - cut)];
        Self { trainer: engine.trainer(), scratch: Scratch::default(), wishes: Wishes::default(), from, strides }
    }
}

impl<'a> Feed<'a> {
    /// An engine that knows the catalogue, as of the first event, and nothing else.
    pub fn new(data: &'a Dataset, cut: Cut, settings: Settings, learning: Learning) -> Self {
        // Nobody waits here, so the table stands right after each midnight: the batch strategy at its best.
        let engine = Engine::new(Settings { batch_rows_per_event: usize::MAX, ..settings });
        let school = School::new(&engine, learning, cut.place, data.events().len());
        let school = (learning != Learning::Off).then_some(school);
        let mut feed = Self {
            data,
            cut,
            engine,
            counts: EventCounts {
                rows: data.rows(),
                total: data.events().len(),
                before_cut: cut.place,
                ..EventCounts::default()
            },
            bare_items: 0,
            update_ns: Vec::with_capacity(data.events().len()),
            batch_knows_to: cut.at,
            known: vec![false; data.counts().0],
            school,
        };
        feed.enter_catalogue();
        feed
    }

    /// A feed that goes on from here on its own, with counts of its own.
    pub fn fork(&self) -> Self {
        let school = self.school.as_ref();
        Self {
            engine: self.engine.clone(),
            update_ns: Vec::new(),
            known: self.known.clone(),
            school: school.map(|school| School {
                trainer: school.trainer.clone(),
                scratch: Scratch::default(),
                wishes: school.wishes.clone(),
                ..*school
            }),
            ..*self
        }
    }

    fn enter_catalogue(&mut self) {
        let accepted_at = self.data.events().first().map_or(Timestamp(0), |head| head.at);
        for item in &self.data.catalog {
            let _ =
                self.engine.apply(&Entry { accepted_at, record: Record::Item(Box::new(item.clone())), origin: None });
            if let Some(number) = self.data.item_number(item.id.as_str()) {
                self.known[number as usize] = true;
            }
        }
    }

    /// Applies the event at a place.
    pub fn apply(&mut self, place: usize) {
        let head = &self.data.events()[place];
        for item in self.data.items_of(head) {
            self.make_known(item, head.at);
        }
        let event = self.data.event(head);
        self.learn(place, head, &event);
        let entry = Entry { accepted_at: head.at, record: Record::Event(Box::new(event)), origin: None };
        let began = Instant::now();
        let applied = self.engine.apply(&entry);
        self.update_ns.push(nanoseconds(began));
        match applied {
            Applied::Fresh => self.counts.applied += 1,
            Applied::Duplicate => self.counts.duplicates += 1,
            Applied::Refused => self.counts.refused += 1,
        }
        let midnight = Timestamp(head.at.day() * DAY_MS);
        self.batch_knows_to = self.batch_knows_to.max(midnight);
    }

    /// An item that no catalogue has enters with its first event: the engine never returns what it does not know.
    fn make_known(&mut self, item: u32, at: Timestamp) {
        if std::mem::replace(&mut self.known[item as usize], true) {
            return;
        }
        if let Some(bare) = self.data.bare_item(item) {
            let _ = self.engine.apply(&Entry {
                accepted_at: at,
                record: Record::Item(Box::new(bare.clone())),
                origin: None,
            });
            self.bare_items += 1;
        }
    }

    /// Takes a lesson from an event before it is applied.
    fn learn(&mut self, place: usize, head: &Head, event: &sidecart_engine::nouns::Event) {
        let Some(school) = &mut self.school else { return };
        for lesson in school.wishes.granted(event) {
            school.trainer.take(&lesson, LEARNING_RATE);
        }
        let running = usize::from(place >= self.cut.place);
        if place < school.from || !place.is_multiple_of(school.strides[running]) {
            return;
        }
        if school.wishes.has_room(head.at)
            && let Some(wish) = self.engine.wish(event, head.at, &mut school.scratch)
        {
            school.wishes.keep(wish);
        }
        let Some(lesson) = self.engine.lesson(event, head.at, &mut school.scratch) else { return };
        let taught = school.trainer.take(&lesson, LEARNING_RATE);
        if taught && school.trainer.lessons().is_multiple_of(LESSONS_PER_MODEL[running]) {
            self.publish(head.at);
        }
    }

    /// Brings what was learned into force.
    pub fn publish(&mut self, at: Timestamp) {
        let Some(school) = self.school.as_mut().filter(|school| school.trainer.lessons() > 0) else { return };
        let model = school.trainer.publish(self.engine.model());
        let _ = self.engine.apply(&Entry { accepted_at: at, record: Record::Model(Box::new(model)), origin: None });
    }
}

/// Nanoseconds since an instant; saturates at four seconds.
pub fn nanoseconds(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX)
}
