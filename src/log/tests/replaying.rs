use std::ops::ControlFlow;

use proptest::prelude::*;

use super::sim::SimDisk;
use super::*;
use crate::log::{LogError, MAX_BATCH_BYTES, MAX_RECORD_BYTES};

#[test]
fn an_empty_log_starts_at_zero() {
    let (mut log, recovered) = open(&SimDisk::default());
    assert_eq!((log.first_offset(), log.next_offset()), (Offset(0), Offset(0)));
    assert_eq!(recovered, Recovered::default());
    assert_eq!(log.append(&[], NOW).unwrap(), Offset(0));
    assert_eq!(read(&log, 0), (Vec::new(), Replayed::default()));
}

#[test]
fn records_come_back_in_order_across_segments_and_restarts() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, &[1, 5, 2, 30, 1, 1, 3]);
    assert!(disk.all_names().len() > 3, "{:?}", disk.all_names());
    assert_eq!(read(&log, 0).0, expected(0..43));
    drop(log);
    let (mut log, recovered) = open(&disk);
    assert_eq!((recovered.cut, recovered.damage), (None, Vec::new()));
    assert_eq!(log.next_offset(), Offset(43));
    fill(&mut log, &[4]);
    let (records, replayed) = read(&log, 0);
    assert_eq!(records, expected(0..47));
    assert_eq!((replayed.records, replayed.next, replayed.lost), (47, Offset(47), 0));
}

#[test]
fn a_batch_is_never_split_over_two_segments() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, &[2, 40, 2]);
    let names = disk.all_names();
    assert_eq!(names, ["00000000000000000000.seg", "00000000000000000002.seg", "00000000000000000042.seg"]);
}

#[test]
fn a_visitor_that_stops_is_told_where_to_go_on() {
    let (mut log, _) = open(&SimDisk::default());
    fill(&mut log, &[9, 9, 9]);
    let replayed = log
        .replay(Offset(3), &mut |logged| {
            if logged.offset == Offset(20) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((replayed.records, replayed.next), (18, Offset(21)));
    assert_eq!(read(&log, replayed.next.0).0, expected(21..27));
}

#[test]
fn an_offset_behind_the_end_is_refused() {
    let (mut log, _) = open(&SimDisk::default());
    fill(&mut log, &[3]);
    assert_eq!(read(&log, 3).0, expected([]));
    let error = log.replay(Offset(4), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, LogError::Ahead { from: Offset(4), next: Offset(3) }), "{error}");
}

#[test]
fn sizes_beyond_the_limits_are_refused_and_write_nothing() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk);
    let operations = disk.operations();
    let largest = vec![b'x'; MAX_RECORD_BYTES];
    let refused = |log: &mut SegmentLog, batch: &[Vec<u8>]| log.append(batch, NOW).unwrap_err();
    assert!(matches!(refused(&mut log, &[payload(0), vec![]]), LogError::RecordSize { index: 1, bytes: 0 }));
    let too_large = vec![b'x'; MAX_RECORD_BYTES + 1];
    assert!(matches!(refused(&mut log, &[too_large]), LogError::RecordSize { index: 0, .. }));
    let too_many = vec![largest.clone(); MAX_BATCH_BYTES / MAX_RECORD_BYTES];
    assert!(matches!(refused(&mut log, &too_many), LogError::BatchTooLarge { .. }));
    assert_eq!(disk.operations(), operations);
    log.append(&vec![largest; MAX_BATCH_BYTES / MAX_RECORD_BYTES - 1], NOW).unwrap();
    assert_eq!(read(&log, 0).0.len(), 31);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn replay_from_any_offset_gives_exactly_the_rest(sizes in prop::collection::vec(1_u64..12, 1..12), share in 0_u64..=100) {
        let (mut log, _) = open(&SimDisk::default());
        fill(&mut log, &sizes);
        let end = sizes.iter().sum::<u64>();
        let from = end * share / 100;
        prop_assert_eq!(read(&log, from).0, expected(from..end));
    }
}
