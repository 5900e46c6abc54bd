//! Whatever happens: what was acknowledged comes back once, in order.

use proptest::prelude::*;

use super::sim::{Fault, SimDisk};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// A batch of so many records.
    Append(u64),
    /// The operation so far ahead fails.
    Fail(u64, Fault),
    /// The process is killed and starts again.
    Restart,
    /// Power fails; each bit decides whether one unsynced thing survived.
    PowerLoss(u64),
    /// The checkpoint has reached the end; old segments may go.
    Retain,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop_oneof![Just(Fault::Error), Just(Fault::Full), (0_u8..8).prop_map(Fault::ShortThenError)];
    let step = prop_oneof![
        6 => (1_u64..9).prop_map(Step::Append),
        3 => (0_u64..8, fault).prop_map(|(ahead, fault)| Step::Fail(ahead, fault)),
        1 => Just(Step::Restart),
        2 => any::<u64>().prop_map(Step::PowerLoss),
        1 => Just(Step::Retain),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the outside world knows.
struct World {
    disk: SimDisk,
    log: Option<SegmentLog>,
    acknowledged: Vec<(u64, Vec<u8>)>,
    attempted: Vec<(u64, Vec<u8>)>,
    batches: u64,
}

const OPTIONS: LogOptions = LogOptions { segment_bytes: 300, retain_ms: None, retain_bytes: Some(900) };

impl World {
    fn append(&mut self, size: u64) {
        self.batches += 1;
        let batch: Vec<Vec<u8>> =
            (0..size).map(|place| format!("batch {} place {place}", self.batches).into_bytes()).collect();
        let log = self.log.get_or_insert_with(|| open_with(&self.disk, OPTIONS).0);
        let next = log.next_offset();
        let records = (next.0..).zip(batch.iter().cloned());
        match log.append(&batch, NOW) {
            Ok(first) => {
                assert_eq!(first, next);
                self.acknowledged.extend(records);
            }
            Err(_) => self.attempted.extend(records),
        }
    }

    fn retain(&mut self) {
        let Some(log) = &mut self.log else { return };
        // Whether it fails or not: what is gone is what it says is gone.
        let _ = log.retain(log.next_offset(), NOW);
        let first = log.first_offset().0;
        self.acknowledged.retain(|(offset, _)| *offset >= first);
    }

    fn restart(&mut self) {
        self.log = None;
        self.disk.heal();
        self.check();
    }

    fn check(&mut self) {
        let log = self.log.insert(open_with(&self.disk, OPTIONS).0);
        let (records, _) = read(log, log.first_offset().0);
        assert!(records.is_sorted_by(|a, b| a.0 < b.0), "out of order or twice: {records:?}");
        let (known, others): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| self.acknowledged.contains(record));
        assert_eq!(known, self.acknowledged);
        for record in others {
            assert!(self.attempted.contains(&record) || record.0 < self.oldest(), "made up: {record:?}");
        }
    }

    /// Below it, records may be there though retention had deleted them: power was lost before that was durable.
    fn oldest(&self) -> u64 {
        self.acknowledged.first().map_or(u64::MAX, |(offset, _)| *offset)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn acknowledged_records_come_back_once_and_in_order(steps in steps()) {
        let disk = SimDisk::default();
        let log = Some(open_with(&disk, OPTIONS).0);
        let mut world = World { disk, log, acknowledged: vec![], attempted: vec![], batches: 0 };
        for step in steps {
            match step {
                Step::Append(size) => world.append(size),
                Step::Fail(ahead, fault) => world.disk.fail(ahead, fault),
                Step::Restart => world.restart(),
                Step::Retain => world.retain(),
                Step::PowerLoss(mut bits) => {
                    world.log = None;
                    world.disk.heal();
                    world.disk.lose_power(|| {
                        bits = bits.rotate_left(7).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                        bits >> 63 == 1
                    });
                    world.check();
                }
            }
        }
        world.restart();
    }
}
