//! Conditions, typed: what a comparison needs of its two sides holds by construction, so that asking them can fail only
//! for what is not known.

use std::sync::Arc;

/// Which item a field is read of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The candidate.
    Item,
    /// The item that a quantifier is at: one of the cart, or of the context.
    Each,
}

/// Whose free attribute is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// An item's.
    Of(Subject),
    /// The shopper's, as the request tells them.
    User,
}

/// A free attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Attr {
    /// Whose.
    pub whose: Whose,
    /// Its name.
    pub name: Arc<str>,
    /// Its place among the names that a rule set reads of candidates; given by [`super::RuleSet::new`].
    pub(crate) slot: u32,
}

/// A number that an item has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemNumber {
    /// Price of one unit, in major units of its currency.
    Price,
    /// What one unit costs the shop, in major units.
    Cost,
    /// Price less cost, in major units.
    Margin,
    /// Margin as a share of the price, in percent.
    MarginPct,
    /// Units on hand.
    Stock,
    /// Seconds since the stock figure was taken.
    StockAge,
    /// The least age of its buyers, in years.
    MinAge,
}

impl ItemNumber {
    /// How many there are.
    pub(crate) const COUNT: usize = 7;
}

/// A text that an item has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemText {
    /// Its id.
    Id,
    /// Its title.
    Title,
    /// Its brand.
    Brand,
    /// Its narrowest category.
    Category,
    /// The group of variants it belongs to.
    Group,
    /// The currency of its price.
    Currency,
}

/// A list that an item has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemList {
    /// Its categories, widest first.
    Categories,
    /// Its labels.
    Tags,
}

/// A yes or no that an item or a request has.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemFlag {
    /// May be sold at the moment: true unless the catalogue says no.
    Available(Subject),
    /// Bought again and again.
    Consumable(Subject),
    /// An attribute that is a yes or no.
    Attr(Attr),
    /// Whether the request names a user.
    UserKnown,
}

/// A number of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskNumber {
    /// Sum of price x units over the cart.
    CartTotal,
    /// The lowest price in the cart.
    CartMin,
    /// The highest price in the cart.
    CartMax,
    /// Distinct items of the cart.
    CartSize,
    /// Units in the cart.
    CartUnits,
    /// Price of the item of context that was looked at last.
    ContextPrice,
    /// The verified age of the shopper.
    UserAge,
    /// Steps of the visit.
    SessionLength,
    /// Views of the visit.
    SessionViews,
    /// Adds to the cart of the visit.
    SessionAdds,
    /// Removals from the cart of the visit.
    SessionRemovals,
    /// Purchases of the visit.
    SessionPurchases,
    /// Seconds since the visit began.
    SessionAge,
    /// Items asked for at most.
    Limit,
    /// Hour of the day, 0 to 23, in the rule's time zone.
    Hour,
    /// Minute of the hour, 0 to 59.
    Minute,
    /// Day of the week, 1 (Monday) to 7.
    Weekday,
    /// Day of the month, from 1.
    Day,
    /// Month, from 1.
    Month,
    /// Year.
    Year,
}

/// A text of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskText {
    /// The shopper's region.
    Region,
    /// The placement.
    Placement,
    /// The currency of the cart's prices.
    CartCurrency,
    /// The date in the rule's time zone, `2026-12-24`.
    Date,
}

/// A list of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskList {
    /// Ids of the cart's items.
    CartIds,
    /// Categories of the cart's items, of every level.
    CartCategories,
    /// Brands of the cart's items.
    CartBrands,
    /// Labels of the cart's items.
    CartTags,
    /// Groups of variants of the cart's items.
    CartGroups,
    /// Segments of the shopper.
    Segments,
    /// Items taken out of the cart in this visit, and not put back.
    Removed,
    /// Items of context.
    ContextIds,
}

/// What a quantifier runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The items of the cart.
    Cart,
    /// The items of context.
    Context,
}

/// How many of what a quantifier runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// At least one.
    Any,
    /// Each; true of none.
    All,
    /// Exactly one.
    One,
}

/// How two numbers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// An operation on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Math {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// A number.
#[derive(Debug, Clone, PartialEq)]
pub enum Num {
    /// Itself.
    Const(f64),
    /// Of an item.
    Item(Subject, ItemNumber),
    /// Of the request.
    Ask(AskNumber),
    /// How often the candidate was shown in this visit since it was last clicked.
    Shown,
    /// Days since this shopper last waved the candidate away; more than any number of days where never.
    Dismissed,
    /// An attribute.
    Attr(Attr),
    /// Over the cart: units x the attribute of that name, where an item has it.
    CartSum(Arc<str>),
    /// How many entries a list has.
    Size(List),
    /// Of how many of them a condition is true.
    Count(Over, Box<Cond>),
    /// Of two numbers.
    Math(Math, Box<(Self, Self)>),
}

/// A text.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// Itself.
    Const(Arc<str>),
    /// Of an item.
    Item(Subject, ItemText),
    /// Of the request.
    Ask(AskText),
    /// An attribute.
    Attr(Attr),
}

/// A list of texts.
#[derive(Debug, Clone, PartialEq)]
pub enum List {
    /// Itself.
    Const(Arc<[Arc<str>]>),
    /// Of an item.
    Item(Subject, ItemList),
    /// Of the request.
    Ask(AskList),
    /// An attribute.
    Attr(Attr),
}

/// A yes or no.
#[derive(Debug, Clone, PartialEq)]
pub enum Cond {
    /// Itself.
    Const(bool),
    /// Not so.
    Not(Box<Self>),
    /// All of them.
    And(Vec<Self>),
    /// At least one of them.
    Or(Vec<Self>),
    /// A yes or no that is known of someone.
    Flag(ItemFlag),
    /// How two numbers stand.
    Number(Order, Box<(Num, Num)>),
    /// Two texts are the same.
    Same(Box<(Text, Text)>),
    /// The first begins with the second.
    StartsWith(Box<(Text, Text)>),
    /// The first ends with the second.
    EndsWith(Box<(Text, Text)>),
    /// The first contains the second.
    Contains(Box<(Text, Text)>),
    /// The list has the text.
    In(Box<(Text, List)>),
    /// A region of the list is the text, or contains it: `GB` contains `GB-ENG`.
    Within(Box<(Text, List)>),
    /// Whether there is such a number.
    HasNumber(Num),
    /// Whether there is such a text.
    HasText(Text),
    /// Whether there is such a list, with at least one entry.
    HasList(List),
    /// Whether there is such an attribute.
    HasAttr(Attr),
    /// How many items of the cart or the context a condition is true of.
    Quantified(Quantity, Over, Box<Self>),
}
