use super::sim::SimDisk;
use super::*;
use crate::log::frame::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES, encode_frame};
use crate::log::{Gap, Region};

const FIRST: &str = "00000000000000000000.seg";
const ONE_SEGMENT: LogOptions = LogOptions { segment_bytes: 1 << 20, retain_ms: None, retain_bytes: None };

/// One segment of two batches, and its bytes.
fn written(sizes: &[u64]) -> Vec<u8> {
    let disk = SimDisk::default();
    let (mut log, _) = open_with(&disk, ONE_SEGMENT);
    fill(&mut log, sizes);
    drop(log);
    disk.bytes(FIRST)
}

fn reopened(bytes: &[u8]) -> (SimDisk, SegmentLog, Recovered) {
    let disk = SimDisk::default();
    disk.put(FIRST, bytes);
    let (log, recovered) = open_with(&disk, ONE_SEGMENT);
    (disk, log, recovered)
}

/// Where each record's frame starts, and where the last one ends.
fn frame_starts(records: u64) -> Vec<usize> {
    let mut starts = vec![FILE_HEADER_BYTES];
    for offset in 0..records {
        starts.push(starts[offset as usize] + FRAME_HEADER_BYTES + payload(offset).len());
    }
    starts
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_reported() {
    let whole = written(&[3, 5]);
    let starts = frame_starts(8);
    assert_eq!(starts[8], whole.len());
    for length in starts[3]..whole.len() {
        let (_, mut log, recovered) = reopened(&whole[..length]);
        let kept = starts.iter().rposition(|&start| start <= length).unwrap() as u64;
        let end = starts[kept as usize];
        let cut = (length > end).then(|| Region { at: end as u64, bytes: (length - end) as u64 });
        assert_eq!((recovered.cut, recovered.damage), (cut, Vec::new()), "length {length}");
        assert_eq!(read(&log, 0).0, expected(0..kept), "length {length}");
        fill(&mut log, &[2]);
        assert_eq!(read(&log, 0).0, expected(0..kept + 2), "length {length}");
    }
}

#[test]
fn a_first_segment_torn_at_any_byte_of_its_header_is_begun_anew() {
    let whole = written(&[]);
    assert_eq!(whole.len(), FILE_HEADER_BYTES);
    for length in 0..FILE_HEADER_BYTES {
        let (disk, mut log, recovered) = reopened(&whole[..length]);
        assert_eq!(recovered.cut, Some(Region { at: 0, bytes: length as u64 }));
        fill(&mut log, &[2]);
        drop(log);
        assert_eq!(read(&open(&disk).0, 0).0, expected(0..2));
    }
}

#[test]
fn a_tail_of_zeroes_or_noise_is_cut() {
    let mut whole = written(&[3]);
    let end = whole.len() as u64;
    for filling in [0_u8, 0xFF, b'x'] {
        whole.truncate(end as usize);
        whole.resize(end as usize + 5_000, filling);
        let (_, log, recovered) = reopened(&whole);
        assert_eq!(recovered.cut, Some(Region { at: end, bytes: 5_000 }));
        assert_eq!(read(&log, 0).0, expected(0..3));
    }
}

#[test]
fn every_flipped_bit_is_noticed_and_costs_one_record_at_most() {
    let whole = written(&[3, 4]);
    let starts = frame_starts(7);
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (disk, mut log, recovered) = reopened(&bytes);
        let hit = starts.iter().rposition(|&start| start <= bit / 8).map(|record| record as u64);
        let kept = expected((0..7).filter(|&offset| Some(offset) != hit));
        let (records, replayed) = read(&log, 0);
        assert_eq!(records, kept, "bit {bit}");
        let is_last_header = hit == Some(6) && bit / 8 < starts[6] + FRAME_HEADER_BYTES;
        assert_eq!(recovered.cut.is_some(), is_last_header, "bit {bit}");
        if !is_last_header {
            assert_eq!(disk.bytes(FIRST), bytes, "bit {bit}: the evidence was changed");
            let gap = hit.map(|offset| Gap { from: Offset(offset), to: Offset(offset + 1) });
            assert_eq!(replayed.gaps, Vec::from_iter(gap), "bit {bit}");
            assert_eq!(log.next_offset(), Offset(7), "bit {bit}");
        }
        fill(&mut log, &[2]);
        drop(log);
        let end = open_with(&disk, ONE_SEGMENT).0.next_offset();
        assert_eq!(end, if is_last_header { Offset(8) } else { Offset(9) }, "bit {bit}");
    }
}

#[test]
fn noise_over_several_records_is_one_gap() {
    let mut bytes = written(&[9]);
    let starts = frame_starts(9);
    bytes[starts[2] + 5..starts[5] + 9].fill(0xEE);
    let (_, log, recovered) = reopened(&bytes);
    let region = Region { at: starts[2] as u64, bytes: (starts[6] - starts[2]) as u64 };
    assert_eq!(recovered.damage, [region]);
    let (records, replayed) = read(&log, 0);
    assert_eq!(records, expected([0, 1, 6, 7, 8]));
    assert_eq!((replayed.gaps, replayed.lost), (vec![Gap { from: Offset(2), to: Offset(6) }], 4));
    assert_eq!(read(&log, 4).1.lost, 2);
}

#[test]
fn frames_of_another_place_are_not_taken_for_records() {
    for stranger in [1_u64, 500] {
        let mut bytes = written(&[3]);
        encode_frame(&mut bytes, Offset(stranger), NOW, b"stranger");
        let (disk, mut log, recovered) = reopened(&bytes);
        assert_eq!((recovered.cut, recovered.damage.len()), (None, 1));
        assert_eq!(read(&log, 0).0, expected(0..3));
        assert!(log.next_offset() >= Offset(4), "its offset may have been acknowledged");
        fill(&mut log, &[1]);
        assert_eq!(disk.bytes(FIRST), bytes);
    }
}

#[test]
fn a_frame_inside_a_damaged_payload_is_not_taken_for_a_record() {
    let disk = SimDisk::default();
    let (mut log, _) = open_with(&disk, ONE_SEGMENT);
    let mut nested = b"before ".to_vec();
    encode_frame(&mut nested, Offset(900), NOW, b"forged");
    log.append(&[nested, payload(1)], NOW).unwrap();
    drop(log);
    let mut bytes = disk.bytes(FIRST);
    bytes[FILE_HEADER_BYTES + 5] ^= 1;
    let (_, log, _) = reopened(&bytes);
    assert_eq!(read(&log, 0).0, expected([1]));
}

#[test]
fn damage_before_a_torn_frame_keeps_the_file_and_its_offsets() {
    let whole = written(&[4]);
    let starts = frame_starts(4);
    let mut bytes = whole[..starts[3] + FRAME_HEADER_BYTES + 1].to_vec();
    bytes[starts[0]..starts[2] + 3].fill(7);
    let (disk, mut log, recovered) = reopened(&bytes);
    assert_eq!((recovered.cut, recovered.damage.len()), (None, 1));
    assert_eq!((read(&log, 0).0, log.next_offset()), (expected([]), Offset(3)));
    fill(&mut log, &[1]);
    assert_eq!(disk.bytes(FIRST), bytes);
    assert_eq!(read(&open(&disk).0, 0).0, expected([3]));
}

#[test]
fn a_damaged_header_costs_no_record() {
    let mut bytes = written(&[4]);
    bytes[..FILE_HEADER_BYTES].fill(0);
    let (disk, mut log, recovered) = reopened(&bytes);
    assert_eq!((recovered.cut, log.next_offset()), (None, Offset(4)));
    fill(&mut log, &[1]);
    assert_eq!((read(&log, 0).0, disk.bytes(FIRST)), (expected(0..5), bytes));
}

#[test]
fn damage_in_an_older_segment_is_found_by_replay() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, &[4, 4, 4, 4, 4]);
    let older = disk.all_names()[1].clone();
    let mut bytes = disk.bytes(&older);
    let at = bytes.len() - 3;
    bytes[at] ^= 0x10;
    disk.put(&older, &bytes);
    let (log, recovered) = open(&disk);
    assert_eq!(recovered.damage, []);
    let (records, replayed) = read(&log, 0);
    assert_eq!((replayed.lost, records.len()), (1, 19));
}

#[test]
fn a_damaged_segment_without_a_record_keeps_its_name() {
    let mut bytes = written(&[]);
    bytes.extend([7; 10]);
    let mut frame = Vec::new();
    encode_frame(&mut frame, Offset(0), NOW, &payload(0));
    bytes.extend(&frame[..FRAME_HEADER_BYTES + 1]);
    let (disk, mut log, recovered) = reopened(&bytes);
    assert_eq!((recovered.cut, recovered.damage.len()), (None, 1));
    fill(&mut log, &[1]);
    assert_eq!((disk.bytes(FIRST), read(&log, 1).0), (bytes, expected([1])));
}
