use std::hint::black_box;

/// Reads a number from each of many places far apart and makes nothing of it. As no read waits for another, the processor
/// fetches some twenty lines of memory at once; whoever then works with what lies there, one after the other, finds it
/// near. (There is no portable instruction that says so.)
pub(crate) fn fetch(numbers: impl Iterator<Item = u32>) {
    black_box(numbers.fold(0, |all, number| all ^ number));
}

/// Reads a number of each line of memory that some numbers lie in, for [`fetch`].
pub(crate) fn lines<T: Copy>(numbers: &[T], bits: impl Fn(T) -> u32) -> u32 {
    /// Numbers in a line.
    const LINE: usize = 16;
    // The last one, too: where the first is not the first of its line, they lie in one line more.
    let last = numbers.last().map_or(0, |&last| bits(last));
    numbers.chunks(LINE).fold(last, |all, line| all ^ bits(line[0]))
}
