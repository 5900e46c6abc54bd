use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::Settings;
use sidecart_engine::nouns::ItemId;
use sidecart_engine::policy::USUAL_MAX_BOOST;

use crate::config::{Span, kind};

/// What may be shown. Conditions are CEL over `item`, `cart`, `user`, `session`, `request` and `now`: docs/rules.md.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// The time zone of schedules and of `now`, where a rule names none.
    #[schemars(with = "kind::TimeZone")]
    pub time_zone: String,
    /// The segments that requests may name in `user.segments`.
    #[schemars(with = "Vec<kind::Name>")]
    pub segments: Vec<String>,
    /// What the boosts and buries of an item multiply to stays within 1 / this and this.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub max_boost: f64,
    /// What an item must have to be shown at all.
    pub eligibility: Eligibility,
    /// What the law or the shop's policy forbids. Asked first. Hard: what a rule needs and does not know is a no.
    #[schemars(extend("x-example" = "compliance: [{id: alcohol, when: item.category == 'Alcohol', require: user.ageVerified >= 18}]"))]
    pub compliance: Vec<ComplianceRule>,
    /// What this shopper is not to be shown now. Items in the cart and items owned never are. Hard.
    #[schemars(extend("x-example" = "suppress: [{id: sizes, what: [variants_of_cart]}]"))]
    pub suppress: Vec<SuppressRule>,
    /// What is not to be recommended at all. Hard.
    #[schemars(extend("x-example" = "exclude: [{id: services, categories: [Gift cards]}]"))]
    pub exclude: Vec<ExcludeRule>,
    /// What counts more. What a rule needs and does not know passes it over.
    #[schemars(extend("x-example" = "boost: [{id: own_brand, when: item.brand == 'Ours', factor: 1.2}]"))]
    pub boost: Vec<BoostRule>,
    /// What counts less. What a rule needs and does not know passes it over.
    pub bury: Vec<BuryRule>,
    /// How many of a kind an answer may have, on top of the placement's own caps.
    #[schemars(extend("x-example" = "caps: [{id: one_cable, by: category, most: 1, placements: [cart]}]"))]
    pub caps: Vec<CapRule>,
    /// What stands where. Pins obey the hard rules.
    #[schemars(extend("x-example" = "pins: [{id: bag, item: BAG-1, slot: 1, placements: [cart], until: 2027-02-01}]"))]
    pub pins: Vec<PinRule>,
    /// What the shop chose for a context: comes before `curated.lists`.
    #[schemars(extend("x-example" = "curated: [{id: bbq, when: \"'Grill' in cart.categories\", items: [TONGS-1, COAL-2]}]"))]
    pub curated: Vec<CuratedRule>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            time_zone: "UTC".into(),
            segments: Vec::new(),
            max_boost: USUAL_MAX_BOOST,
            eligibility: Eligibility::default(),
            compliance: Vec::new(),
            suppress: Vec::new(),
            exclude: Vec::new(),
            boost: Vec::new(),
            bury: Vec::new(),
            caps: Vec::new(),
            pins: Vec::new(),
            curated: Vec::new(),
        }
    }
}

/// What an item must have to be shown at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Eligibility {
    /// Stock. An item whose stock figure is 0 is never shown.
    pub stock: StockRule,
    /// What else an item must have. Hard: what a rule needs and does not know is a no.
    #[schemars(extend("x-example" = "rules: [{id: margin, margin_floor_pct: 15, stock_min: 3, stock_max_age: 5m}]"))]
    pub rules: Vec<EligibilityRule>,
}

/// Stock. An item whose stock figure is 0 is never shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StockRule {
    /// Whether an item that never had a stock figure is refused too.
    pub require: bool,
}

impl Default for StockRule {
    fn default() -> Self {
        Self { require: Settings::default().rules.require_stock }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What all rules have.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    /// See the keys of the same names.
    pub id: &'a str,
    /// See `id`.
    pub placements: &'a [String],
    /// See `id`.
    pub segments: &'a [String],
    /// See `id`.
    pub from: Option<&'a str>,
    /// See `id`.
    pub until: Option<&'a str>,
    /// See `id`.
    pub days: &'a [Day],
    /// See `id`.
    pub hours: Option<&'a str>,
    /// See `id`.
    pub time_zone: Option<&'a str>,
    /// See `id`.
    pub enabled: bool,
    /// See `id`.
    pub audit: bool,
}

/// Defines kinds of rules, each with its own keys and those that all have.
macro_rules! rules {
    ($(
        $(#[$doc:meta])*
        $name:ident {$(
            $(#[$field_doc:meta])*
            $field:ident: $type:ty = $default:expr,
        )*}
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            /// Its name in answers, decisions and metrics; unique, and must be given.
            #[schemars(with = "kind::RuleId")]
            pub id: String,
            $(
                $(#[$field_doc])*
                pub $field: $type,
            )*
            /// Only where this condition holds.
            #[schemars(with = "Option<kind::Condition>")]
            pub when: Option<String>,
            /// Only at these placements; empty: at all.
            #[schemars(with = "Vec<kind::Name>")]
            pub placements: Vec<String>,
            /// Only for shoppers of one of these segments; empty: for all.
            #[schemars(with = "Vec<kind::Name>")]
            pub segments: Vec<String>,
            /// From this date or time on.
            #[schemars(with = "Option<kind::DateTime>")]
            pub from: Option<String>,
            /// Before this date or time.
            #[schemars(with = "Option<kind::DateTime>")]
            pub until: Option<String>,
            /// On these days of the week; empty: on all.
            pub days: Vec<Day>,
            /// Between these times of the day, which may run over midnight.
            #[schemars(with = "Option<kind::Hours>")]
            pub hours: Option<String>,
            /// The time zone of its schedule and of `now`; `null`: as `rules.time_zone`.
            #[schemars(with = "Option<kind::TimeZone>")]
            pub time_zone: Option<String>,
            /// Off: it is checked, and not used.
            pub enabled: bool,
            /// Whether every decision that it touches is kept.
            pub audit: bool,
            /// Who answers for it.
            #[schemars(with = "Option<kind::Note>")]
            pub owner: Option<String>,
            /// Why it is there.
            #[schemars(with = "Option<kind::Note>")]
            pub note: Option<String>,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    id: String::new(),
                    $($field: $default,)*
                    when: None,
                    placements: Vec::new(),
                    segments: Vec::new(),
                    from: None,
                    until: None,
                    days: Vec::new(),
                    hours: None,
                    time_zone: None,
                    enabled: true,
                    audit: false,
                    owner: None,
                    note: None,
                }
            }
        }

        impl $name {
            /// What it has in common with all rules.
            #[must_use]
            pub fn common(&self) -> Common<'_> {
                Common {
                    id: &self.id,
                    placements: &self.placements,
                    segments: &self.segments,
                    from: self.from.as_deref(),
                    until: self.until.as_deref(),
                    days: &self.days,
                    hours: self.hours.as_deref(),
                    time_zone: self.time_zone.as_deref(),
                    enabled: self.enabled,
                    audit: self.audit,
                }
            }
        }
    )+};
}

rules! {
    /// What the law or the shop's policy forbids: where `when` holds, by exactly one of `deny_if`, `require`,
    /// `deny_pairs`, `sum_of` and `deny_placements`.
    ComplianceRule {
        /// Forbids items of which this holds.
        #[schemars(with = "Option<kind::Condition>")]
        deny_if: Option<String> = None,
        /// Forbids items of which this does not hold.
        #[schemars(with = "Option<kind::Condition>")]
        require: Option<String> = None,
        /// Pairs of categories, of any level, that must not meet: one in the cart, the other shown.
        #[schemars(with = "Vec<Vec<kind::Name>>")]
        deny_pairs: Vec<Vec<String>> = Vec::new(),
        /// The attribute whose sum over the cart's units and the item must stay within `most`. Items without it have none
        /// of it.
        #[schemars(with = "Option<kind::Name>")]
        sum_of: Option<String> = None,
        /// See `sum_of`.
        #[schemars(range(min = 0.0, max = 1_000_000_000.0))]
        most: Option<f64> = None,
        /// Forbids the items of `when` at these placements.
        #[schemars(with = "Vec<kind::Name>")]
        deny_placements: Vec<String> = Vec::new(),
    }

    /// What an item must have: all of the keys given.
    EligibilityRule {
        /// A condition that must hold.
        #[schemars(with = "Option<kind::Condition>")]
        require: Option<String> = None,
        /// Units on hand at least.
        #[schemars(range(min = 1, max = 1_000_000))]
        stock_min: Option<u32> = None,
        /// How old the stock figure may be.
        #[schemars(extend("x-min" = "1s", "x-max" = "365d"))]
        stock_max_age: Option<Span> = None,
        /// Margin at least, in percent of the price.
        #[schemars(range(min = -100.0, max = 100.0))]
        margin_floor_pct: Option<f64> = None,
        /// Margin at least, in major units of the item's currency.
        #[schemars(range(min = -1_000_000.0, max = 1_000_000.0))]
        margin_floor: Option<f64> = None,
        /// What the price is compared with by `ratio_min` and `ratio_max`, where there is such a price.
        ratio_to: RatioTo = RatioTo::CartTotal,
        /// Price at least this share of it.
        #[schemars(range(min = 0.0, max = 1_000.0))]
        ratio_min: Option<f64> = None,
        /// Price at most this share of it.
        #[schemars(range(min = 0.0, max = 1_000.0))]
        ratio_max: Option<f64> = None,
        /// The attribute that lists the regions which the item ships to; a region contains its parts.
        #[schemars(with = "Option<kind::Name>")]
        ships_to: Option<String> = None,
    }

    /// What this shopper is not to be shown now: any of `what`, or the items of `when`.
    SuppressRule {
        /// What is left out.
        what: Vec<Suppressed> = Vec::new(),
        /// Times shown from which on `shown_without_click` leaves an item out.
        #[schemars(range(min = 1, max = 1_000))]
        times: u16 = 3,
        /// Days for which `dismissed` leaves an item out.
        #[schemars(range(min = 0.0, max = 3_650.0))]
        dismissed_days: f64 = 30.0,
    }

    /// What is not to be recommended at all: any of the keys given, where `when` holds.
    ExcludeRule {
        /// These items.
        #[schemars(with = "Vec<kind::Item>")]
        items: Vec<ItemId> = Vec::new(),
        /// Items of these categories, of any level.
        #[schemars(with = "Vec<kind::Name>")]
        categories: Vec<String> = Vec::new(),
        /// Items of these brands.
        #[schemars(with = "Vec<kind::Name>")]
        brands: Vec<String> = Vec::new(),
        /// Items with one of these labels.
        #[schemars(with = "Vec<kind::Name>")]
        tags: Vec<String> = Vec::new(),
    }

    /// What counts more.
    BoostRule {
        /// An item's likelihood counts so many times.
        #[schemars(range(min = 1.0, max = 100.0))]
        factor: f64 = 1.2,
    }

    /// What counts less.
    BuryRule {
        /// An item's likelihood counts so many times.
        #[schemars(range(min = 0.01, max = 1.0))]
        factor: f64 = 0.5,
    }

    /// How many of a kind an answer may have. `when` may not speak of the item.
    CapRule {
        /// What is counted.
        by: CountedBy = CountedBy::Category,
        /// At most so many.
        #[schemars(range(min = 1, max = 100))]
        most: usize = 1,
    }

    /// What stands where. A pin whose item is not in the catalogue, or may not be shown, is passed over.
    PinRule {
        /// The item; must be given.
        #[schemars(with = "Option<kind::Item>")]
        item: Option<ItemId> = None,
        /// Its place in the answer, from 1.
        #[schemars(range(min = 1, max = 100))]
        slot: usize = 1,
    }

    /// What the shop chose for a context. `when` may not speak of the item.
    CuratedRule {
        /// The items, best first.
        #[schemars(with = "Vec<kind::Item>")]
        items: Vec<ItemId> = Vec::new(),
    }
}

/// A price to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RatioTo {
    /// What the cart costs.
    CartTotal,
    /// The lowest price in the cart.
    CartMin,
    /// The highest price in the cart.
    CartMax,
    /// The price of the item that was looked at last.
    Context,
}

/// What is not to be shown now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suppressed {
    /// Other variants (of one `groupId`) of the cart's items.
    VariantsOfCart,
    /// What was taken out of the cart in this visit.
    RemovedThisSession,
    /// What recommendations have shown `times` times in this visit since it was last clicked; needs `impression` events.
    ShownWithoutClick,
    /// What the shopper waved away in the last `dismissed_days`, in this visit or, where known by an id, in any; needs `dismiss`
    /// events.
    Dismissed,
}

/// What a cap counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// The narrowest category.
    Category,
    /// The brand.
    Brand,
    /// The group of variants.
    Group,
}
