//! What vectors are worked out with. Compiled twice, once for processors with AVX2, which is asked at run time, with the same
//! result bit for bit: sums grow in lanes of their own, and products are rounded before they are added.

use multiversion::multiversion;

/// Numbers per vector. On training windows 128 brought half as much again as 64, at twice the memory.
pub(super) const DIM: usize = 128;
/// Items of a visit that speak, the newest.
pub(super) const REACH: usize = 8;
/// What each speaks against the one after it.
pub(super) const FADE: f32 = 0.6;
/// Others that a wanted item is told from at each step.
pub(super) const DRAWN: usize = 12;
/// Logits per unit of cosine: an item can be e^14 times as likely as another at most.
pub(super) const SCALE: f32 = 7.0;
/// Shorter vectors count as so long: near nothing, a cosine has no slope that could be followed.
const SHORTEST: f32 = 0.5;
pub(super) const NO_ROW: u32 = u32::MAX;

/// A point among the items.
pub(crate) type Point = [f32; DIM];

/// Where a visit stands among the items.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand {
    pub(super) direction: Point,
    /// Length of the sum that it is the direction of.
    pub(super) length: f32,
}

/// How near an item is to where a visit stands, as a logit, and to another item, as a cosine; `last` comes with the square of
/// its length.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn near(stand: &Stand, last: Option<(&Point, f32)>, own: &Point) -> (f32, Option<f32>) {
    let square = dot(own, own);
    let wanted = SCALE * dot(&stand.direction, own) / square.sqrt().max(SHORTEST);
    let like = last.map(|(last, its)| dot(last, own) / (its * square).sqrt().max(f32::MIN_POSITIVE));
    (wanted, like)
}

/// Moves the wanted vectors, the first of `rows` towards `stand` and the others away; the slope for the sum of what
/// stood there.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn push(vectors: &mut [f32], squares: &mut [[f32; 2]], stand: &Stand, rows: &[u32], rate: f32) -> Point {
    let (mut errors, mut cosines) = ([0.0; 1 + DRAWN], [(0.0, 0.0); 1 + DRAWN]);
    let errors = &mut errors[..rows.len()];
    for ((error, cosine), &row) in errors.iter_mut().zip(&mut cosines).zip(rows) {
        let wanted = vector(vectors, row);
        let length = length(wanted);
        *cosine = (dot(&stand.direction, wanted) / length, length);
        *error = SCALE * cosine.0;
    }
    let largest = errors.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    errors.iter_mut().for_each(|error| *error = (*error - largest).exp());
    let sum: f32 = errors.iter().sum();
    errors.iter_mut().for_each(|error| *error /= sum);
    errors[0] -= 1.0;
    // d cos(h, w) / dw = (h/|h| - cos w/|w|) / |w|, whose square is (1 - cos^2) / |w|^2; the same for h.
    let (mut slope, mut along) = ([0.0; DIM], 0.0);
    for ((&error, (cosine, length)), &row) in errors.iter().zip(cosines).zip(rows) {
        let (steep, share) = (SCALE * error / length, error / length);
        let squares = &mut squares[row as usize][1];
        *squares += steep * steep * (1.0 - cosine * cosine).max(0.0) / DIM as f32;
        let step = -rate * steep / squares.sqrt();
        let back = step * cosine / length;
        let wanted = vector_mut(vectors, row);
        for ((slope, wanted), direction) in slope.iter_mut().zip(wanted).zip(&stand.direction) {
            *slope += share * *wanted;
            *wanted += step * direction - back * *wanted;
        }
        along += error * cosine;
    }
    for (slope, direction) in slope.iter_mut().zip(&stand.direction) {
        *slope = (*slope - along * direction) * SCALE / stand.length;
    }
    slope
}

/// Moves the given vectors of those that spoke, the newest first, against the slope for their sum; one that has none is
/// [`NO_ROW`].
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn pull(vectors: &mut [f32], squares: &mut [[f32; 2]], rows: &[u32; REACH], slope: &Point, rate: f32) {
    let square = dot(slope, slope) / DIM as f32;
    let mut voice = 1.0;
    for &row in rows {
        if row != NO_ROW {
            let squares = &mut squares[row as usize][0];
            *squares += voice * voice * square;
            let step = -rate * voice / squares.sqrt();
            add(vector_mut(vectors, row), slope, step);
        }
        voice *= FADE;
    }
}

#[inline(always)]
pub(super) fn vector(vectors: &[f32], row: u32) -> &Point {
    vectors[row as usize * DIM..].first_chunk().expect("a row is as long as a vector")
}

#[inline(always)]
pub(super) fn vector_mut(vectors: &mut [f32], row: u32) -> &mut Point {
    vectors[row as usize * DIM..].first_chunk_mut().expect("a row is as long as a vector")
}

/// The dot product of two vectors, in sums that grow side by side.
#[inline(always)]
pub(crate) fn dot(a: &Point, b: &Point) -> f32 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum()
}

/// How long a vector is, or counts as.
#[inline(always)]
pub(super) fn length(vector: &Point) -> f32 {
    dot(vector, vector).sqrt().max(SHORTEST)
}

#[inline(always)]
pub(super) fn add(to: &mut Point, what: &Point, times: f32) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}
