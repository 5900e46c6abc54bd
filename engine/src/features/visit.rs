//! What the visit itself did with the candidate.

use super::set;
use crate::nouns::{Feature, Vector};
use crate::store::{ItemIx, Moment, Pool};

pub(super) fn write(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    for seen in moment.visit.iter().filter(|seen| seen.browsed) {
        let Some(place) = pool.place(seen.item) else { continue };
        let vector = &mut vectors[place];
        set(vector, Feature::InVisit, 1.0);
        set(vector, Feature::InVisitRecency, 1.0 / (1.0 + seen.age));
        set(vector, Feature::InVisitTimes, (seen.times as f32).ln_1p());
        let first = if seen.age == 0.0 { Feature::IsLast } else { Feature::IsSecondLast };
        set(vector, first, f32::from(u8::from(seen.age <= 1.0)));
    }
    own_steps(moment, pool, vectors);
}

/// Where the visit went, or came from, at earlier times when it stood at the newest item.
fn own_steps(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let Some(&last) = moment.path.first() else { return };
    let turns = moment.path.iter().filter(|&&item| item == last).count() as f32;
    let mut count = |item: ItemIx, feature: Feature| {
        if let Some(place) = pool.place(item) {
            vectors[place][feature as usize] += 1.0 / turns;
        }
    };
    for step in moment.path.windows(2) {
        let (later, earlier) = (step[0], step[1]);
        if earlier == last {
            count(later, Feature::FollowedLast);
        }
        if later == last {
            count(earlier, Feature::PrecededLast);
        }
    }
}
