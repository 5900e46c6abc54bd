//! Shoppers as a shop has them: visits that begin, look around in a department, fill a cart, perhaps order, and end. Each
//! visit is new and over after some ten events, as one that went on would be taken for a program's.

use serde_json::{Value, json};

use crate::shop::roll;

/// Items of the shop.
pub const ITEMS: u64 = 300;
/// Items that are looked at together.
const DEPARTMENT: u64 = 30;
/// Shoppers with an account; every other visit is of one of them.
const SHOPPERS: u64 = 30_000;
/// Visits that go on at once, each an event in turn.
const AT_ONCE: usize = 20;
/// Events of a visit: this many and up to as many more.
const LEAST_EVENTS: u64 = 6;

/// The shop's items, as `PUT /v1/items` takes them.
pub fn catalogue() -> Value {
    let item = |n: u64| {
        json!({"itemId": format!("i{n}"), "title": format!("Item {n}"), "price": price(n), "stock": 1_000_000,
               "categoryPath": [format!("d{}", n / DEPARTMENT)]})
    };
    (0..ITEMS).map(item).collect()
}

fn price(item: u64) -> f64 {
    (item % 40) as f64 + 1.5
}

/// Some visits at once, whose events are taken one by one.
pub struct Shoppers {
    name: String,
    seed: u64,
    begun: u64,
    visits: Vec<Visit>,
    turn: usize,
}

impl Shoppers {
    /// Visits and events are named after `name`, which is new for each load of a server.
    pub fn new(name: &str) -> Self {
        let seed = name.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let mut shoppers = Self { name: name.to_owned(), seed, begun: 0, visits: Vec::new(), turn: 0 };
        shoppers.visits = (0..AT_ONCE).map(|_| shoppers.newcomer()).collect();
        shoppers
    }

    fn newcomer(&mut self) -> Visit {
        self.begun += 1;
        let seed = &mut self.seed;
        Visit {
            session: format!("{}-v{}", self.name, self.begun),
            user: (roll(seed, 2) == 0).then(|| format!("u{}", roll(seed, SHOPPERS))),
            department: roll(seed, ITEMS / DEPARTMENT),
            left: LEAST_EVENTS + roll(seed, LEAST_EVENTS),
            seen: 0,
            cart: Vec::new(),
        }
    }

    /// The next event, under this id.
    pub fn event(&mut self, id: &str) -> Value {
        self.turn = (self.turn + 1) % AT_ONCE;
        if self.visits[self.turn].left == 0 {
            self.visits[self.turn] = self.newcomer();
        }
        let visit = &mut self.visits[self.turn];
        let mut event = visit.step(&mut self.seed);
        event["eventId"] = id.into();
        event["sessionId"] = visit.session.as_str().into();
        if let Some(user) = &visit.user {
            event["userId"] = user.as_str().into();
        }
        event
    }

    /// A question of the visit that had the last event.
    pub fn question(&self) -> Value {
        let visit = &self.visits[self.turn];
        let cart: Vec<String> = visit.cart.iter().map(|item| format!("i{item}")).collect();
        let placement = if cart.is_empty() { "pdp" } else { "cart" };
        let mut question = json!({"placement": placement, "sessionId": visit.session, "cart": cart,
                                  "contextItems": [format!("i{}", visit.seen)]});
        if let Some(user) = &visit.user {
            question["userId"] = user.as_str().into();
        }
        question
    }
}

/// A visit under way.
struct Visit {
    session: String,
    user: Option<String>,
    department: u64,
    /// Events to come.
    left: u64,
    /// The item looked at last.
    seen: u64,
    cart: Vec<u64>,
}

impl Visit {
    /// What the shopper does next: looks, takes what was looked at, puts one back; at last orders what is in the cart.
    fn step(&mut self, seed: &mut u64) -> Value {
        self.left -= 1;
        let begun = self.left < LEAST_EVENTS;
        match roll(seed, 8) {
            _ if self.left == 0 && !self.cart.is_empty() => self.order(),
            0 | 1 if begun && !self.cart.contains(&self.seen) => {
                self.cart.push(self.seen);
                json!({"eventType": "add_to_cart", "itemId": format!("i{}", self.seen), "price": price(self.seen)})
            }
            2 if self.cart.len() > 1 => {
                let item = self.cart.remove(0);
                json!({"eventType": "remove_from_cart", "itemId": format!("i{item}")})
            }
            _ => {
                self.seen = self.look(seed);
                json!({"eventType": "view", "itemId": format!("i{}", self.seen)})
            }
        }
    }

    /// Mostly an item of the department, a popular one more often.
    fn look(&self, seed: &mut u64) -> u64 {
        match roll(seed, 10) {
            0 => roll(seed, ITEMS),
            _ => self.department * DEPARTMENT + roll(seed, DEPARTMENT).min(roll(seed, DEPARTMENT)),
        }
    }

    fn order(&self) -> Value {
        let line = |item: &u64| json!({"itemId": format!("i{item}"), "quantity": 1, "price": price(*item)});
        let lines: Value = self.cart.iter().map(line).collect();
        json!({"eventType": "purchase", "orderId": format!("o-{}", self.session), "items": lines})
    }
}
