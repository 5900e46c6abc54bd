use std::hint::black_box;

/// Reads a number from each of many places far apart and makes nothing of it. As no read waits for another, the processor
/// fetches some twenty lines of memory at once; whoever then works with what lies there, one after the other, finds it
/// near. (There is no portable instruction that says so.)
pub(crate) fn fetch(numbers: impl Iterator<Item = u32>) {
    black_box(numbers.fold(0, |all, number| all ^ number));
}
