use std::sync::Arc;

use sidecart_engine::nouns::*;
use sidecart_engine::{Pace, Scratch, Settings, Stage, Watch};

use crate::common::{Shop, at};
use crate::world::{self, Dice, Wish, World};

/// Answers per shop.
const WISHES: usize = 10;
/// Cases of an ordinary run: some seconds.
const USUAL: u64 = 4_000;
/// Cases of the long run.
const LONG: u64 = 120_000;

/// Runs out of time at a stage, so that every rung of the ladder answers.
struct StopAt(Option<Stage>);

impl Watch for StopAt {
    fn enter(&mut self, stage: Stage) -> Pace {
        if self.0.is_some_and(|last| stage >= last) { Pace::Stop } else { Pace::Go }
    }
}

/// What the cases have met, so that none of it is left out unnoticed.
#[derive(Debug, Default)]
struct Met {
    shown: u64,
    denied: u64,
    lacked: u64,
    pinned: u64,
    tiers: std::collections::BTreeSet<Tier>,
}

fn check(seeds: std::ops::Range<u64>) -> Met {
    let mut met = Met::default();
    let mut scratch = Scratch::default();
    for seed in seeds {
        one_shop(seed, &mut met, &mut scratch);
    }
    met
}

fn one_shop(seed: u64, met: &mut Met, scratch: &mut Scratch) {
    let mut dice = Dice(seed);
    let count = 4 + dice.below(24);
    let mut world = World::random(&mut dice, count);
    let mut settings = Settings::default();
    settings.rules.shop = Arc::new(world.rule_set());
    let mut shop = Shop::with(settings, "");
    for item in world.items.values() {
        shop.put(item.clone());
    }
    for visit in 0..dice.below(12) {
        let items: Vec<String> = (0..1 + dice.below(3)).map(|_| format!("i{}", dice.below(count + 1))).collect();
        let kind = *dice.pick(&[EventKind::View, EventKind::AddToCart, EventKind::Purchase]);
        shop.happen(-60, &format!("s{visit}"), kind, &items.join(" "));
    }
    if dice.percent(70) {
        shop.engine.rebuild_batch();
        shop.engine.fix_static();
    }
    for _ in 0..WISHES {
        change(&mut dice, count, &mut world, &mut shop);
        let wish = Wish::random(&mut dice, count);
        let stop = dice.maybe(50, |dice| *dice.pick(&Stage::ALL));
        let request = Request { explain: dice.percent(30), ..wish.request() };
        let answer = shop.engine.recommend(&request, wish.now, &mut StopAt(stop), scratch);
        judge(seed, &world, &wish, &answer, met);
    }
}

/// The catalogue and its stock go on changing.
fn change(dice: &mut Dice, count: usize, world: &mut World, shop: &mut Shop) {
    let number = dice.below(count);
    let id = world::name(number);
    match dice.below(4) {
        0 => {
            shop.apply(0, Record::Delete { item: id.clone() });
            world.items.remove(&id);
        }
        1 => {
            let item = world::item(dice, number);
            // An older stock figure than the one at hand is not taken.
            shop.put(item);
            let kept = shop.engine.item(id.as_str()).expect("just put").clone();
            world.items.insert(id, kept);
        }
        2 => {
            let (stock, minute) = (dice.below(3) as u32, dice.below(60) as i64);
            shop.stock(minute, id.as_str(), stock);
            if let Some(item) = world.items.get_mut(&id).filter(|item| item.stock_updated_at <= Some(at(minute))) {
                item.stock = Some(stock);
                item.stock_updated_at = Some(at(minute));
            }
        }
        _ => {}
    }
}

fn judge(seed: u64, world: &World, wish: &Wish, answer: &Slate, met: &mut Met) {
    let may = |item: &Item| {
        let seen = wish.repeats == Repeats::Suppress && wish.context.contains(&item.id);
        item.stock != Some(0) && !wish.cart.contains(&item.id) && !seen && !world.forbids(item, wish)
    };
    let allowed: Vec<&ItemId> = world.items.values().filter(|item| may(item)).map(|item| &item.id).collect();
    let shown: Vec<&ItemId> = answer.picks.iter().map(|pick| &pick.item_id).collect();
    let rules = &world.rules;
    for id in &shown {
        assert!(
            allowed.contains(id),
            "seed {seed}: {id} is forbidden\n{wish:#?}\n{:#?}\n{rules:#?}",
            world.items.get(*id)
        );
    }
    let distinct: std::collections::BTreeSet<_> = shown.iter().collect();
    assert_eq!(distinct.len(), shown.len(), "seed {seed}: an item twice");
    assert!(shown.len() <= wish.limit, "seed {seed}: more than asked for");
    if wish.strategy == Strategy::Realtime {
        let most = wish.limit.min(allowed.len());
        assert_eq!(shown.len(), most, "seed {seed}: slots are empty, {allowed:?} may be shown\n{wish:#?}\n{rules:#?}");
    }
    for (slot, item) in rules.iter().filter(|law| law.concerns(wish) == Some(true)).filter_map(|law| law.pin.as_ref()) {
        if *slot <= wish.limit && allowed.contains(&item) {
            assert!(shown.contains(&item), "seed {seed}: {item} is pinned and may be shown");
            met.pinned += 1;
        }
    }
    met.shown += shown.len() as u64;
    met.denied +=
        answer.suppressed.iter().filter(|(rule, _)| rule.starts_with('r')).map(|(_, n)| u64::from(*n)).sum::<u64>();
    met.lacked += answer.faults.len() as u64;
    met.tiers.insert(answer.tier);
}

fn assert_met(met: &Met, shops: u64) {
    assert!(met.shown > shops && met.denied > shops, "{met:?}");
    assert!(met.lacked > shops / 10 && met.pinned > shops / 10, "{met:?}");
    assert!(met.tiers.len() >= 5, "{met:?}");
}

#[test]
fn no_answer_has_what_a_rule_forbids_and_no_slot_is_left_empty_without_need() {
    let shops = USUAL / WISHES as u64;
    let met = check(0..shops);
    assert_met(&met, shops);
}

#[test]
#[ignore = "takes a minute: run it with `cargo test -p sidecart-engine --release --test rules -- --ignored`"]
fn no_answer_has_what_a_rule_forbids_in_a_long_run() {
    let shops = LONG / WISHES as u64;
    let met = check(1_000_000..1_000_000 + shops);
    assert_met(&met, shops);
    println!("{} answers: {met:?}", shops * WISHES as u64);
}
