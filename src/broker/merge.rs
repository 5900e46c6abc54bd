//! One order out of many partitions. Pure: no broker, no clock.
//!
//! A broker keeps records in order inside a partition only. A *cut* says of each partition up to which offset its records
//! shall now be taken; replicas take cuts in the order of their own, single partition, and inside a cut the partitions in
//! one fixed order. So all replicas take all records in the same order, however they arrive.
//!
//! A cut counts only where it goes beyond what was taken, so one that comes twice, or from somebody who thought to be the
//! leader, changes nothing for anybody.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sidecart_engine::nouns::Positions;

/// A partition: the place of its topic in the fixed order, and its number.
pub type Place = (usize, i32);

/// What is to be taken next. All replicas take the same steps, so that their logs are the same record for record.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// A record.
    Record(T),
    /// A cut was taken whole: how far it goes, itself included.
    Cut(Positions),
}

/// One partition.
#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<(i64, usize, T)>,
    /// Bytes of what is waiting.
    bytes: usize,
    /// The offset behind the last record that arrived.
    arrived: i64,
    /// The offset behind the last record that was taken.
    taken: i64,
}

/// What has arrived and was not taken yet.
#[derive(Debug)]
pub struct Merge<T> {
    /// Topics in the order in which a cut takes them, and the topic of the cuts.
    topics: Vec<String>,
    cuts_topic: String,
    lanes: BTreeMap<Place, Lane<T>>,
    /// Cuts that are not yet taken whole, with their offsets.
    cuts: VecDeque<(i64, Positions)>,
    /// How far the cuts that arrived go, all together.
    cut_to: Positions,
    /// The offset behind the last cut that arrived, and behind the last taken whole.
    cut_arrived: i64,
}

impl<T> Merge<T> {
    /// Nothing has arrived; what is before `from` was taken by an earlier life of this replica.
    pub fn new(topics: Vec<String>, cuts_topic: String, from: &Positions) -> Self {
        let cut_arrived = from.of(&cuts_topic, 0).unwrap_or(0);
        let mut merge = Self {
            topics,
            cuts_topic,
            lanes: BTreeMap::new(),
            cuts: VecDeque::new(),
            cut_to: Positions::default(),
            cut_arrived,
        };
        for (topic, partition, next) in from.iter() {
            if let Some(lane) = merge.topics.iter().position(|own| own == topic) {
                merge.lane((lane, partition)).begin_at(next);
            }
        }
        merge
    }

    fn lane(&mut self, place: Place) -> &mut Lane<T> {
        self.lanes.entry(place).or_insert_with(|| Lane { waiting: VecDeque::new(), bytes: 0, arrived: 0, taken: 0 })
    }

    /// A record arrived, of so many bytes. One that arrived or was taken before is left out. How many offsets are missing
    /// before it.
    pub fn arrive(&mut self, place: Place, offset: i64, bytes: usize, record: T) -> i64 {
        let lane = self.lane(place);
        let missing = offset - lane.arrived;
        if missing >= 0 {
            lane.arrived = offset + 1;
            lane.bytes += bytes;
            lane.waiting.push_back((offset, bytes, record));
        }
        missing.max(0)
    }

    /// A cut arrived.
    pub fn cut(&mut self, offset: i64, cut: Positions) {
        if offset >= self.cut_arrived {
            self.cut_arrived = offset + 1;
            self.cut_to.merge(&cut);
            self.cuts.push_back((offset, cut));
        }
    }

    /// The offset behind the last cut that arrived.
    pub fn cuts_arrived(&self) -> i64 {
        self.cut_arrived
    }

    /// The offset of the next cut to be taken.
    pub fn next_cut(&self) -> i64 {
        self.cuts.front().map_or(self.cut_arrived, |(offset, _)| *offset)
    }

    /// Cuts that are not taken whole.
    pub fn cuts_waiting(&self) -> usize {
        self.cuts.len()
    }

    /// Whether the next cut names a partition that is not among these.
    pub fn is_cut_beyond(&self, known: &BTreeSet<Place>) -> bool {
        let Some((_, cut)) = self.cuts.front() else { return false };
        cut.iter().any(|(topic, partition, _)| {
            let lane = self.topics.iter().position(|own| own == topic);
            lane.is_some_and(|lane| !known.contains(&(lane, partition)))
        })
    }

    /// Records that arrived and were not taken.
    pub fn waiting(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// Those of one partition, and their bytes.
    pub fn waiting_of(&self, place: Place) -> (usize, usize) {
        self.lanes.get(&place).map_or((0, 0), |lane| (lane.waiting.len(), lane.bytes))
    }

    /// The partitions of a topic that anything is known of.
    pub fn partitions(&self, topic: usize) -> Vec<i32> {
        self.lanes.range((topic, i32::MIN)..=(topic, i32::MAX)).map(|(&(_, partition), _)| partition).collect()
    }

    /// The offset behind the last record of a partition that was taken.
    pub fn taken(&self, place: Place) -> i64 {
        self.lanes.get(&place).map_or(0, |lane| lane.taken)
    }

    /// As far as everything has arrived, cut already or not.
    pub fn everything(&self) -> Positions {
        let mut all = Positions::default();
        for (&(lane, partition), state) in self.lanes.iter().filter(|(_, state)| state.arrived > 0) {
            all.advance(&self.topics[lane], partition, state.arrived);
        }
        all
    }

    /// As far as everything has arrived: what a cut made now would say. Without what was cut already.
    pub fn uncut(&self) -> Positions {
        let mut uncut = Positions::default();
        for (&(lane, partition), state) in &self.lanes {
            let topic = self.topics[lane].as_str();
            let cut = self.cut_to.of(topic, partition).unwrap_or(0).max(state.taken);
            if state.arrived > cut {
                uncut.advance(topic, partition, state.arrived);
            }
        }
        uncut
    }

    /// The next steps in the one order, some `limit` of them; none: there is nothing to take now. They may end inside a
    /// cut: the rest follows with the next, in the same order.
    pub fn take(&mut self, limit: usize) -> Vec<Step<T>> {
        let mut steps = Vec::new();
        while steps.len() < limit
            && let Some((offset, mut cut)) = self.cuts.pop_front()
        {
            if !self.take_cut(&cut, limit, &mut steps) {
                self.cuts.push_front((offset, cut));
                break;
            }
            cut.advance(&self.cuts_topic, 0, offset + 1);
            steps.push(Step::Cut(cut));
        }
        steps
    }

    /// Takes what has arrived of a cut; whether that was all of it.
    fn take_cut(&mut self, cut: &Positions, limit: usize, steps: &mut Vec<Step<T>>) -> bool {
        for lane in 0..self.topics.len() {
            let topic = self.topics[lane].clone();
            let Some(targets) = cut.0.get(&topic) else { continue };
            for (&partition, &target) in targets {
                let state = self.lane((lane, partition));
                while state.waiting.front().is_some_and(|(offset, ..)| *offset < target) && steps.len() < limit {
                    if let Some((offset, bytes, record)) = state.waiting.pop_front() {
                        state.bytes -= bytes;
                        steps.push(Step::Record(record));
                        state.taken = offset + 1;
                    }
                }
                let is_whole = state.taken >= target
                    || (state.arrived >= target && state.waiting.front().is_none_or(|(offset, ..)| *offset >= target));
                if !is_whole {
                    return false;
                }
                state.taken = state.taken.max(target);
            }
        }
        true
    }

    /// Records before `first` are gone from the broker: nobody waits for them. How many offsets were lost; those of a
    /// partition that was never read do not count.
    pub fn begins_at(&mut self, place: Place, first: i64) -> i64 {
        let lane = self.lane(place);
        let lost = if lane.taken > 0 || lane.arrived > 0 { (first - lane.arrived).max(0) } else { 0 };
        lane.begin_at(first);
        lost
    }
}

impl<T> Lane<T> {
    fn begin_at(&mut self, next: i64) {
        self.arrived = self.arrived.max(next);
        if self.waiting.is_empty() {
            self.taken = self.taken.max(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merge(from: &Positions) -> Merge<String> {
        Merge::new(vec!["catalog".into(), "events".into()], "cuts".into(), from)
    }

    fn at(positions: &[(&str, i32, i64)]) -> Positions {
        let mut all = Positions::default();
        positions.iter().for_each(|&(topic, partition, next)| assert!(all.advance(topic, partition, next)));
        all
    }

    /// Records as they are, cuts as what they reach.
    fn taken(merge: &mut Merge<String>) -> Vec<Step<String>> {
        merge.take(9)
    }

    fn records(steps: &[&str]) -> Vec<Step<String>> {
        steps.iter().map(|&record| Step::Record(record.into())).collect()
    }

    #[test]
    fn a_cut_takes_topics_in_their_order_and_waits_for_what_has_not_arrived() {
        let mut merge = merge(&Positions::default());
        merge.arrive((1, 1), 0, 1, "e1.0".into());
        merge.arrive((1, 0), 0, 1, "e0.0".into());
        assert_eq!(merge.uncut(), at(&[("events", 0, 1), ("events", 1, 1)]));
        let cut = [("events", 0, 2), ("events", 1, 1), ("catalog", 0, 1)];
        merge.cut(0, at(&cut));
        assert_eq!(taken(&mut merge), [], "the catalogue's comes first, and is not here");
        merge.arrive((0, 0), 0, 1, "c0.0".into());
        assert_eq!(taken(&mut merge), records(&["c0.0", "e0.0"]), "the cut is not taken whole");
        merge.arrive((1, 0), 1, 1, "e0.1".into());
        merge.arrive((1, 0), 2, 1, "e0.2".into());
        let mut rest = records(&["e0.1", "e1.0"]);
        rest.push(Step::Cut(at(&[cut[0], cut[1], cut[2], ("cuts", 0, 1)])));
        assert_eq!(taken(&mut merge), rest);
        assert_eq!((taken(&mut merge).len(), merge.waiting(), merge.waiting_of((1, 0))), (0, 1, (1, 1)));
    }

    #[test]
    fn offsets_that_compaction_took_away_are_not_waited_for() {
        let mut merge = merge(&Positions::default());
        merge.cut(0, at(&[("catalog", 0, 5)]));
        merge.arrive((0, 0), 2, 1, "c2".into());
        assert_eq!(taken(&mut merge), records(&["c2"]));
        assert_eq!(taken(&mut merge), []);
        merge.arrive((0, 0), 7, 1, "c7".into());
        assert_eq!(taken(&mut merge), [Step::Cut(at(&[("catalog", 0, 5), ("cuts", 0, 1)]))]);
    }

    #[test]
    fn what_retention_deleted_is_skipped_and_said() {
        let mut merge = merge(&at(&[("events", 0, 3), ("cuts", 0, 9)]));
        assert_eq!(merge.begins_at((1, 0), 10), 7);
        assert_eq!(merge.begins_at((1, 1), 10), 0, "never read: nothing is missed");
        merge.cut(9, at(&[("events", 0, 5)]));
        assert_eq!(taken(&mut merge), [Step::Cut(at(&[("events", 0, 5), ("cuts", 0, 10)]))]);
    }

    /// What happens to a replica.
    #[derive(Debug, Clone)]
    enum Event {
        Arrive(usize),
        Take(usize),
        Restart,
    }

    /// Takes all there is by some schedule of arrivals, batches and restarts; the order in which it was taken.
    fn order(events: &[Event], partitions: &[Vec<String>], cuts: &[Positions]) -> Vec<String> {
        let places = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let names = ["catalog", "events"];
        let (mut taken, mut reached) = (Vec::new(), Positions::default());
        let mut replica = merge(&reached);
        let mut arrived = [0_usize; 5];
        let end = (0..5).cycle().take(400).flat_map(|lane| [Event::Arrive(lane), Event::Take(3)]);
        for event in events.iter().cloned().chain(end) {
            match event {
                Event::Arrive(4) => {
                    if let Some(cut) = cuts.get(arrived[4]) {
                        replica.cut(arrived[4] as i64, cut.clone());
                        arrived[4] += 1;
                    }
                }
                Event::Arrive(lane) => {
                    if let Some(record) = partitions[lane].get(arrived[lane]) {
                        replica.arrive(places[lane], arrived[lane] as i64, 1, record.clone());
                        arrived[lane] += 1;
                    }
                }
                Event::Take(limit) => {
                    for step in replica.take(limit) {
                        match step {
                            Step::Record(record) => {
                                let (lane, number) = record.split_once('.').expect("lane and number");
                                let (topic, partition) = places[lane.parse::<usize>().expect("a lane")];
                                let next = number.parse::<i64>().expect("a number") + 1;
                                assert!(reached.advance(names[topic], partition, next));
                                taken.push(record);
                            }
                            Step::Cut(cut) => {
                                assert!(reached.merge(&cut));
                                taken.push(format!("cut {:?}", cut.of("cuts", 0)));
                            }
                        }
                    }
                }
                Event::Restart => {
                    replica = merge(&reached);
                    for (lane, (topic, partition)) in places.iter().enumerate() {
                        arrived[lane] = reached.of(names[*topic], *partition).unwrap_or(0) as usize;
                    }
                    arrived[4] = reached.of("cuts", 0).unwrap_or(0) as usize;
                }
            }
        }
        taken
    }

    proptest! {
        #[test]
        fn replicas_take_the_same_order_whatever_arrives_when_and_however_often_they_restart(
            sizes in prop::array::uniform4(0_usize..12),
            cuts in prop::collection::vec(prop::array::uniform4(0_usize..13), 0..6),
            schedules in prop::array::uniform2(prop::collection::vec(prop_oneof![
                8 => (0_usize..5).prop_map(Event::Arrive),
                3 => (1_usize..5).prop_map(Event::Take),
                1 => Just(Event::Restart),
            ], 0..120)),
        ) {
            let partitions: Vec<Vec<String>> =
                sizes.iter().enumerate().map(|(lane, &n)| (0..n).map(|i| format!("{lane}.{i}")).collect()).collect();
            let names = [("catalog", 0), ("catalog", 1), ("events", 0), ("events", 1)];
            let cut = |to: &[usize; 4]| {
                let ends = names.iter().zip(to).zip(sizes);
                at(&ends.map(|((&(t, p), &to), n)| (t, p, to.min(n) as i64)).collect::<Vec<_>>())
            };
            let mut cuts: Vec<Positions> = cuts.iter().map(cut).collect();
            cuts.push(cut(&sizes));
            let one = order(&schedules[0], &partitions, &cuts);
            let other = order(&schedules[1], &partitions, &cuts);
            prop_assert_eq!(&one, &other);
            let mut all: Vec<String> = one.into_iter().filter(|step| !step.starts_with("cut")).collect();
            all.sort();
            let mut expected: Vec<String> = partitions.concat();
            expected.sort();
            prop_assert_eq!(all, expected, "each is taken once");
        }
    }
}
