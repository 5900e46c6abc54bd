//! What is true of the whole list, and decides how much its features say.

use crate::nouns::{Gate, Gates};
use crate::store::{Moment, Pool, Relation, place};

/// The widest that a gate opens, either way.
const WIDEST: f32 = 2.0;

/// The gates of a list. Each is a logarithm, moved and scaled so that it is about 0 for a usual list.
pub(crate) fn gates(moment: &Moment<'_>, pool: &Pool) -> Gates {
    let log = |value: f32| value.max(0.0).ln_1p();
    let row = moment.last().and_then(|last| moment.state.rows.get(Relation::Visit, last));
    let support = row.map_or(0.0, |row| row.n * moment.lens.rows.factor(row.epoch));
    let best = |source: usize, floor: f32| (pool.best[source] + floor).ln() / 3.0;
    let returns = moment.path.len() as f32 / moment.visit.len().max(1) as f32;
    let open = |gate: Gate| match gate {
        Gate::Length => log(moment.visit.len() as f32) - 1.4,
        Gate::Support => log(support) / 2.0 - 1.5,
        Gate::Agreement => best(place::KNN, 1e-4),
        Gate::Returns => returns.ln(),
        Gate::Orders => log(moment.profile().map_or(0.0, |profile| profile.orders as f32)) / 2.0,
        Gate::Affinity => best(place::VIEWED, 1e-3),
        Gate::Breadth => log(pool.candidates.len() as f32) - 4.8,
    };
    let mut gates = Gates::default();
    for &gate in Gate::ALL {
        gates[gate as usize] = open(gate).clamp(-WIDEST, WIDEST);
    }
    gates
}
