use std::hint::black_box;

use multiversion::multiversion;
use multiversion::target::match_target;

/// Cells of four bytes in a line of memory.
const LINE: usize = 16;

/// Reads a number from each of many places far apart and makes nothing of it. As no read waits for another, the processor
/// fetches some twenty lines of memory at once; whoever then works with what lies there, one after the other, finds it
/// near.
pub(crate) fn fetch(numbers: impl Iterator<Item = u32>) {
    black_box(numbers.fold(0, |all, number| all ^ number));
}

/// Reads a number of each line of memory that some numbers lie in, for [`fetch`].
pub(crate) fn lines<T: Copy>(numbers: &[T], bits: impl Fn(T) -> u32) -> u32 {
    // The last one, too: where the first is not the first of its line, they lie in one line more.
    let last = numbers.last().map_or(0, |&last| bits(last));
    numbers.chunks(LINE).fold(last, |all, line| all ^ bits(line[0]))
}

/// Has memory fetched that is read later: nobody waits for it meanwhile. Each of the `parts` lies in one line or begins with
/// one. What is needed at once is better read, see [`fetch`], as the processor then also guesses what comes next.
///
/// There is a safe instruction for it in functions that are compiled for processors with AVX2. Elsewhere a cell of each line
/// is read.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn prefetch<'a, T: Copy + 'a, I: Iterator<Item = &'a [T]>>(parts: I) {
    for part in parts {
        let mut place = 0;
        while let Some(cell) = part.get(place) {
            match_target! {
                "x86_64+avx2" => {
                    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                    _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(cell).cast());
                },
                _ => {
                    black_box(*cell);
                },
            }
            place += LINE;
        }
    }
}

/// Works through a list, some things at a time, while what the next ones need is fetched.
#[inline(always)]
pub(crate) fn with_next_fetched<T>(things: &[T], at_once: usize, prefetch: impl Fn(&[T]), mut work: impl FnMut(&[T])) {
    let mut chunks = things.chunks(at_once).peekable();
    if let Some(first) = chunks.peek() {
        prefetch(first);
    }
    while let Some(chunk) = chunks.next() {
        if let Some(next) = chunks.peek() {
            prefetch(next);
        }
        work(chunk);
    }
}
