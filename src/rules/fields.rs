//! What conditions can read: the fields of `item`, `cart`, `user`, `session`, `request` and `now`, by name and type.

use sidecart_engine::policy::{
    AskList, AskNumber, AskText, Cond, ItemFlag, ItemList, ItemNumber, ItemText, List, Num, Over, Subject, Text,
};

use super::lower::Typed;

/// The objects that conditions can name.
pub const OBJECTS: [&str; 6] = ["item", "cart", "user", "session", "request", "now"];

type Field = (&'static str, fn() -> Typed);

macro_rules! number {
    ($ask:ident) => {
        || Typed::Num(Num::Ask(AskNumber::$ask))
    };
}
macro_rules! text {
    ($ask:ident) => {
        || Typed::Text(Text::Ask(AskText::$ask))
    };
}
macro_rules! list {
    ($ask:ident) => {
        || Typed::List(List::Ask(AskList::$ask))
    };
}

static CART: [Field; 12] = [
    ("items", || Typed::Items(Over::Cart)),
    ("itemIds", list!(CartIds)),
    ("categories", list!(CartCategories)),
    ("brands", list!(CartBrands)),
    ("tags", list!(CartTags)),
    ("groups", list!(CartGroups)),
    ("total", number!(CartTotal)),
    ("min", number!(CartMin)),
    ("max", number!(CartMax)),
    ("size", number!(CartSize)),
    ("units", number!(CartUnits)),
    ("currency", text!(CartCurrency)),
];
static USER: [Field; 4] = [
    ("known", || Typed::Bool(Cond::Flag(ItemFlag::UserKnown))),
    ("region", text!(Region)),
    ("ageVerified", number!(UserAge)),
    ("segments", list!(Segments)),
];
static SESSION: [Field; 7] = [
    ("length", number!(SessionLength)),
    ("views", number!(SessionViews)),
    ("adds", number!(SessionAdds)),
    ("removals", number!(SessionRemovals)),
    ("purchases", number!(SessionPurchases)),
    ("ageS", number!(SessionAge)),
    ("removed", list!(Removed)),
];
static REQUEST: [Field; 5] = [
    ("placement", text!(Placement)),
    ("limit", number!(Limit)),
    ("context", || Typed::Items(Over::Context)),
    ("contextItems", list!(ContextIds)),
    ("contextPrice", number!(ContextPrice)),
];
static NOW: [Field; 7] = [
    ("hour", number!(Hour)),
    ("minute", number!(Minute)),
    ("weekday", number!(Weekday)),
    ("day", number!(Day)),
    ("month", number!(Month)),
    ("year", number!(Year)),
    ("date", text!(Date)),
];

/// The names of an item's fields.
pub const ITEM: [&str; 18] = [
    "itemId",
    "title",
    "brand",
    "category",
    "categories",
    "groupId",
    "currency",
    "price",
    "cost",
    "margin",
    "marginPct",
    "stock",
    "stockAgeS",
    "minAge",
    "shownInVisit",
    "tags",
    "available",
    "consumable",
];

/// A field of an item.
pub fn of_item(subject: Subject, name: &str) -> Option<Typed> {
    let number = |number| Typed::Num(Num::Item(subject, number));
    let text = |text| Typed::Text(Text::Item(subject, text));
    let list = |list| Typed::List(List::Item(subject, list));
    Some(match name {
        "itemId" => text(ItemText::Id),
        "title" => text(ItemText::Title),
        "brand" => text(ItemText::Brand),
        "category" => text(ItemText::Category),
        "groupId" => text(ItemText::Group),
        "currency" => text(ItemText::Currency),
        "categories" => list(ItemList::Categories),
        "tags" => list(ItemList::Tags),
        "price" => number(ItemNumber::Price),
        "cost" => number(ItemNumber::Cost),
        "margin" => number(ItemNumber::Margin),
        "marginPct" => number(ItemNumber::MarginPct),
        "stock" => number(ItemNumber::Stock),
        "stockAgeS" => number(ItemNumber::StockAge),
        "minAge" => number(ItemNumber::MinAge),
        // Of the candidate alone: what is in the cart was not shown in vain.
        "shownInVisit" if subject == Subject::Item => Typed::Num(Num::Shown),
        "available" => Typed::Bool(Cond::Flag(ItemFlag::Available(subject))),
        "consumable" => Typed::Bool(Cond::Flag(ItemFlag::Consumable(subject))),
        _ => return None,
    })
}

fn fields(object: &str) -> &'static [Field] {
    match object {
        "cart" => &CART,
        "user" => &USER,
        "session" => &SESSION,
        "request" => &REQUEST,
        "now" => &NOW,
        _ => &[],
    }
}

/// A field of one of the other objects.
pub fn of_object(object: &str, name: &str) -> Option<Typed> {
    fields(object).iter().find(|(known, _)| *known == name).map(|(_, make)| make())
}

/// The names of an object's fields, attributes included.
pub fn names(object: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = match object {
        "cart" | "session" | "request" | "now" | "user" => fields(object).iter().map(|(name, _)| *name).collect(),
        _ => ITEM.to_vec(),
    };
    if !matches!(object, "cart" | "session" | "request" | "now") {
        names.push("attributes");
    }
    names
}
