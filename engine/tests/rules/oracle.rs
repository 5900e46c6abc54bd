//! What a condition means, said a second time and in another way: straight on the catalogue's items, in three values,
//! without index, rows or parts. `None`: not known.

use sidecart_engine::nouns::{Attribute, Item};
use sidecart_engine::policy::{
    AskList, AskNumber, AskText, Attr, Cond, ItemFlag, ItemList, ItemNumber, ItemText, List, Math, Num, Order, Over,
    Quantity, Subject, Text, Whose,
};

use crate::world::{Wish, World};

/// A condition as the test thinks of it.
#[derive(Debug, Clone)]
pub enum Spec {
    Price(Order, f64),
    MarginPct(Order, f64),
    Stock(Order, f64),
    StockAge(Order, f64),
    /// price / (stock - n) > 1: divides by zero where the stock is n.
    PricePerUnit(f64),
    Brand(String),
    CategoryIs(String),
    CategoryIn(Vec<String>),
    UnderCategory(String),
    Tag(String),
    Flag(String),
    Amount(String, Order, f64),
    HasAttribute(String),
    CartHas(String),
    CartTotal(Order, f64),
    CartSum(String, f64),
    /// An item of the cart is of the brand and dearer than so much.
    CartAny(String, f64),
    SameGroupInCart,
    Region(String),
    Age(Order, f64),
    Segment(String),
    Hour(Order, f64),
    Placement(String),
    Not(Box<Spec>),
    And(Vec<Spec>),
    Or(Vec<Spec>),
}

fn item_number(number: ItemNumber) -> Num {
    Num::Item(Subject::Item, number)
}

fn attr(name: &str) -> Attr {
    Attr::new(Whose::Of(Subject::Item), name)
}

impl Spec {
    /// As the engine is told it.
    pub fn cond(&self) -> Cond {
        let compare = |left, order: &Order, right: &f64| Cond::number(left, *order, Num::Const(*right));
        match self {
            Self::Price(order, than) => compare(item_number(ItemNumber::Price), order, than),
            Self::MarginPct(order, than) => compare(item_number(ItemNumber::MarginPct), order, than),
            Self::Stock(order, than) => compare(item_number(ItemNumber::Stock), order, than),
            Self::StockAge(order, than) => compare(item_number(ItemNumber::StockAge), order, than),
            Self::PricePerUnit(n) => {
                let units = Num::Math(Math::Subtract, Box::new((item_number(ItemNumber::Stock), Num::Const(*n))));
                let each = Num::Math(Math::Divide, Box::new((item_number(ItemNumber::Price), units)));
                compare(each, &Order::Greater, &1.0)
            }
            Self::Brand(name) => Cond::same(Text::Item(Subject::Item, ItemText::Brand), Text::of(name)),
            Self::CategoryIs(name) => Cond::same(Text::Item(Subject::Item, ItemText::Category), Text::of(name)),
            Self::CategoryIn(names) => Cond::item_in(ItemText::Category, names),
            Self::UnderCategory(name) => Cond::in_list(Text::of(name), List::Item(Subject::Item, ItemList::Categories)),
            Self::Tag(name) => Cond::in_list(Text::of(name), List::Item(Subject::Item, ItemList::Tags)),
            Self::Flag(name) => Cond::Flag(ItemFlag::Attr(attr(name))),
            Self::Amount(name, order, than) => compare(Num::Attr(attr(name)), order, than),
            Self::HasAttribute(name) => Cond::HasAttr(attr(name)),
            Self::CartHas(name) => Cond::in_list(Text::of(name), List::Ask(AskList::CartCategories)),
            Self::CartTotal(order, than) => compare(Num::Ask(AskNumber::CartTotal), order, than),
            Self::CartSum(name, than) => compare(Num::CartSum(name.as_str().into()), &Order::Greater, than),
            Self::CartAny(brand, than) => {
                let brand = Cond::same(Text::Item(Subject::Each, ItemText::Brand), Text::of(brand));
                let dear = compare(Num::Item(Subject::Each, ItemNumber::Price), &Order::Greater, than);
                Cond::Quantified(Quantity::Any, Over::Cart, Box::new(Cond::And(vec![brand, dear])))
            }
            Self::SameGroupInCart => {
                Cond::in_list(Text::Item(Subject::Item, ItemText::Group), List::Ask(AskList::CartGroups))
            }
            Self::Region(name) => Cond::same(Text::Ask(AskText::Region), Text::of(name)),
            Self::Age(order, than) => compare(Num::Ask(AskNumber::UserAge), order, than),
            Self::Segment(name) => Cond::in_list(Text::of(name), List::Ask(AskList::Segments)),
            Self::Hour(order, than) => compare(Num::Ask(AskNumber::Hour), order, than),
            Self::Placement(name) => Cond::same(Text::Ask(AskText::Placement), Text::of(name)),
            Self::Not(inner) => Cond::Not(Box::new(inner.cond())),
            Self::And(parts) => Cond::And(parts.iter().map(Self::cond).collect()),
            Self::Or(parts) => Cond::Or(parts.iter().map(Self::cond).collect()),
        }
    }

    /// Whether it is true of an item.
    pub fn truth(&self, item: &Item, wish: &Wish, world: &World) -> Option<bool> {
        let price = item.price.map(|price| price.minor as f64 / 100.0);
        let stands =
            |value: Option<f64>, order: &Order, than: &f64| value.map(|value| order_holds(*order, value, *than));
        let cart = || wish.cart.iter().map(|id| world.items.get(id));
        match self {
            Self::Price(order, than) => stands(price, order, than),
            Self::MarginPct(order, than) => {
                let margin = item.price?.minor as f64 / 100.0 - item.cost?.minor as f64 / 100.0;
                if price? == 0.0 { None } else { stands(Some(margin / price? * 100.0), order, than) }
            }
            Self::Stock(order, than) => stands(item.stock.map(f64::from), order, than),
            Self::StockAge(order, than) => {
                item.stock?;
                let age = (wish.now.0 - item.stock_updated_at?.0).max(0) as f64 / 1000.0;
                stands(Some(age), order, than)
            }
            Self::PricePerUnit(n) => {
                let units = f64::from(item.stock?) - n;
                if units == 0.0 { None } else { Some(price? / units > 1.0) }
            }
            Self::Brand(name) => item.brand.as_ref().map(|brand| brand == name),
            Self::CategoryIs(name) => item.category_path.last().map(|leaf| leaf == name),
            Self::CategoryIn(names) => {
                if names.is_empty() {
                    Some(false)
                } else {
                    item.category_path.last().map(|leaf| names.contains(leaf))
                }
            }
            Self::UnderCategory(name) => {
                if item.category_path.is_empty() {
                    None
                } else {
                    Some(item.category_path.contains(name))
                }
            }
            Self::Tag(name) => Some(item.tags.contains(name)),
            Self::Flag(name) => match item.attributes.get(name)? {
                Attribute::Flag(flag) => Some(*flag),
                _ => None,
            },
            Self::Amount(name, order, than) => match item.attributes.get(name)? {
                Attribute::Number(number) => Some(order_holds(*order, *number, *than)),
                _ => None,
            },
            Self::HasAttribute(name) => Some(item.attributes.contains_key(name)),
            Self::CartHas(name) => any(cart().map(|item| {
                let item = item?;
                if item.category_path.is_empty() { None } else { Some(item.category_path.contains(name)) }
            })),
            Self::CartTotal(order, than) => {
                let minor: Option<i64> = cart().map(|item| Some(item?.price?.minor)).sum();
                stands(minor.map(|minor| minor as f64 / 100.0), order, than)
            }
            Self::CartSum(name, than) => {
                let part = |item: Option<&Item>| match item?.attributes.get(name) {
                    None => Some(0.0),
                    Some(Attribute::Number(number)) => Some(*number),
                    Some(_) => None,
                };
                cart().map(part).sum::<Option<f64>>().map(|sum| sum > *than)
            }
            Self::CartAny(brand, than) => any(cart().map(|item| {
                let item = item?;
                let dear = item.price.map(|price| price.minor as f64 / 100.0 > *than);
                both(item.brand.as_ref().map(|own| own == brand), dear)
            })),
            Self::SameGroupInCart => {
                let group = item.group.as_ref()?;
                any(cart().map(|item| Some(item?.group.as_ref() == Some(group))))
            }
            Self::Region(name) => wish.region.as_ref().map(|region| region == name),
            Self::Age(order, than) => stands(wish.age.map(f64::from), order, than),
            Self::Segment(name) => wish.segments.as_ref().map(|segments| segments.contains(name)),
            Self::Hour(order, than) => {
                Some(order_holds(*order, (wish.now.0.rem_euclid(86_400_000) / 3_600_000) as f64, *than))
            }
            Self::Placement(name) => Some(wish.placement == *name),
            Self::Not(inner) => inner.truth(item, wish, world).map(|truth| !truth),
            Self::And(parts) => parts.iter().map(|part| part.truth(item, wish, world)).fold(Some(true), both),
            Self::Or(parts) => any(parts.iter().map(|part| part.truth(item, wish, world))),
        }
    }
}

fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn any(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    truths.map(|truth| truth.map(|truth| !truth)).fold(Some(true), both).map(|none| !none)
}

fn order_holds(order: Order, left: f64, right: f64) -> bool {
    let stands = left.partial_cmp(&right).expect("numbers");
    match order {
        Order::Equal => stands.is_eq(),
        Order::Unequal => stands.is_ne(),
        Order::Less => stands.is_lt(),
        Order::AtMost => stands.is_le(),
        Order::Greater => stands.is_gt(),
        Order::AtLeast => stands.is_ge(),
    }
}
