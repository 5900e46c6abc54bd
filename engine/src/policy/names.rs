//! The names of fields, as conditions spell them.

use super::expr::{AskList, AskNumber, AskText, Attr, ItemNumber, ItemText, Num, Subject, Text, Whose};

impl Attr {
    /// As conditions spell it.
    #[must_use]
    pub fn name(&self) -> String {
        let whose = match self.whose {
            Whose::Of(Subject::Item) => "item",
            Whose::Of(Subject::Each) => "each",
            Whose::User => "user",
        };
        format!("{whose}.attributes.{}", self.name)
    }
}

impl Num {
    /// As conditions spell it; `None` for what is computed or given.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        Some(match self {
            Self::Item(_, number) => number.name().to_owned(),
            Self::Ask(number) => number.name().to_owned(),
            Self::Shown => "item.shownInVisit".to_owned(),
            Self::Dismissed => "days since dismissed".to_owned(),
            Self::Attr(attr) => attr.name(),
            Self::CartSum(name) => format!("cart.sum({name:?})"),
            Self::Const(_) | Self::Size(_) | Self::Count(..) | Self::Math(..) => return None,
        })
    }
}

impl Text {
    /// As conditions spell it; `None` for what is given.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        Some(match self {
            Self::Item(_, field) => field.name().to_owned(),
            Self::Ask(AskText::Region) => "user.region".to_owned(),
            Self::Ask(AskText::Placement) => "request.placement".to_owned(),
            Self::Ask(AskText::CartCurrency) => "cart.currency".to_owned(),
            Self::Ask(AskText::Date) => "now.date".to_owned(),
            Self::Attr(attr) => attr.name(),
            Self::Const(_) => return None,
        })
    }
}

impl ItemNumber {
    /// As conditions spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Price => "item.price",
            Self::Cost => "item.cost",
            Self::Margin => "item.margin",
            Self::MarginPct => "item.marginPct",
            Self::Stock => "item.stock",
            Self::StockAge => "item.stockAgeS",
            Self::MinAge => "item.minAge",
        }
    }
}

impl ItemText {
    /// As conditions spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "item.itemId",
            Self::Title => "item.title",
            Self::Brand => "item.brand",
            Self::Category => "item.category",
            Self::Group => "item.groupId",
            Self::Currency => "item.currency",
        }
    }
}

impl AskNumber {
    /// As conditions spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CartTotal => "cart.total",
            Self::CartMin => "cart.min",
            Self::CartMax => "cart.max",
            Self::CartSize => "cart.size",
            Self::CartUnits => "cart.units",
            Self::ContextPrice => "request.contextPrice",
            Self::UserAge => "user.ageVerified",
            Self::SessionLength => "session.length",
            Self::SessionViews => "session.views",
            Self::SessionAdds => "session.adds",
            Self::SessionRemovals => "session.removals",
            Self::SessionPurchases => "session.purchases",
            Self::SessionAge => "session.ageS",
            Self::Limit => "request.limit",
            Self::Hour => "now.hour",
            Self::Minute => "now.minute",
            Self::Weekday => "now.weekday",
            Self::Day => "now.day",
            Self::Month => "now.month",
            Self::Year => "now.year",
        }
    }
}

impl AskList {
    /// As conditions spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CartIds => "cart.itemIds",
            Self::CartCategories => "cart.categories",
            Self::CartBrands => "cart.brands",
            Self::CartTags => "cart.tags",
            Self::CartGroups => "cart.groups",
            Self::Segments => "user.segments",
            Self::Removed => "session.removed",
            Self::ContextIds => "request.contextItems",
        }
    }
}
