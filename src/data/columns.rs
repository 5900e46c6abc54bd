//! What the columns of a data file are called, and how `--map` gives them other names.

use super::DataError;

macro_rules! columns {
    ($($(#[$doc:meta])* $column:ident = $snake:literal $camel:literal $($short:literal)?;)+) => {
        /// A column that means something to us. A file may have more; those are left alone.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Column { $($(#[$doc])* $column),+ }

        impl Column {
            /// All of them; their order is their index.
            pub const ALL: &'static [Self] = &[$(Self::$column),+];

            /// The name in CSV headers.
            pub fn name(self) -> &'static str {
                match self { $(Self::$column => $snake),+ }
            }

            /// The name in JSON.
            pub fn camel(self) -> &'static str {
                match self { $(Self::$column => $camel),+ }
            }

            /// A shorter name accepted by `--map`, if there is one.
            fn short(self) -> Option<&'static str> {
                match self { $(Self::$column => [$($short)?].first().copied()),+ }
            }
        }
    };
}

columns! {
    /// Names an event.
    EventId = "event_id" "eventId" "event";
    /// What was done.
    EventType = "event_type" "eventType" "type";
    /// When.
    Timestamp = "timestamp" "timestamp" "time";
    /// By whom.
    UserId = "user_id" "userId" "user";
    /// On which device.
    AnonymousId = "anonymous_id" "anonymousId" "anonymous";
    /// In which visit.
    SessionId = "session_id" "sessionId" "session";
    /// Which item.
    ItemId = "item_id" "itemId" "item";
    /// From the widest to the narrowest.
    Category = "category" "category";
    /// Of one unit, in major units.
    Price = "price" "price";
    /// ISO 4217.
    Currency = "currency" "currency";
    /// Units.
    Quantity = "quantity" "quantity";
    /// In which order.
    OrderId = "order_id" "orderId" "order";
    /// Brand.
    Brand = "brand" "brand";
    /// Where the recommendation stood.
    Placement = "placement" "placement";
    /// Which answer the event follows from.
    AttributionToken = "attribution_token" "attributionToken";
    /// Whether the shopper allows personalisation.
    Consent = "consent" "consent";
    /// The shopper's region.
    Region = "region" "region";
    /// The shopper's verified minimum age, in years.
    AgeVerified = "age_verified" "ageVerified";
    /// The shopper's device.
    Device = "device" "device";
    /// An item's title.
    Title = "title" "title";
    /// What one unit costs the shop, in major units.
    Cost = "cost" "cost";
    /// Units on hand.
    Stock = "stock" "stock";
    /// Variants of one product share it.
    GroupId = "group_id" "groupId" "group";
    /// Whether the item may be sold at the moment.
    Availability = "availability" "availability";
    /// Only shoppers in these regions.
    AllowedRegions = "allowed_regions" "allowedRegions";
    /// No shoppers in these regions.
    BlockedRegions = "blocked_regions" "blockedRegions";
    /// Only shoppers at least this old, in years.
    MinAge = "min_age" "minAge";
    /// Whether it is bought again and again.
    Consumable = "consumable" "consumable";
    /// Free labels.
    Tags = "tags" "tags";
    /// Not shown before.
    PublishAt = "publish_at" "publishAt";
    /// Not shown from then on.
    ExpireAt = "expire_at" "expireAt";
}

impl Column {
    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.name() == name || c.camel() == name || c.short() == Some(name))
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// Lower case, letters and digits alone: `ItemId`, `item-id` and `item_id` are one name.
pub fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The name among `known` that `wrong` is closest to, if any is close enough to be what was meant.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE_ENOUGH: f64 = 0.7;
    let wrong = plain(wrong);
    known
        .map(|name| (strsim::jaro_winkler(&wrong, &plain(name)), name))
        .filter(|&(likeness, _)| likeness >= CLOSE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Other names for columns, as given with `--map item_id=ItemId,session_id=SessionId`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(Vec<(Column, String)>);

impl Mapping {
    /// Reads `ours=theirs` pairs separated by commas. Ours may be the snake_case or camelCase name, or a short one.
    ///
    /// # Errors
    /// [`DataError::Map`] for a pair without `=` or a name of ours that does not exist.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        pairs.map(Self::pair).collect::<Result<Vec<_>, _>>().map(Self)
    }

    fn pair(pair: &str) -> Result<(Column, String), DataError> {
        let Some((ours, theirs)) = pair.split_once('=') else {
            return Err(DataError::Map(format!("`{pair}` has no `=`: write item_id=ItemId")));
        };
        let (ours, theirs) = (ours.trim(), theirs.trim());
        let Some(column) = Column::of_name(ours) else {
            let guess = nearest(ours, Column::ALL.iter().map(|c| c.name()));
            let remedy = match guess {
                Some(name) => format!("did you mean `{name}`?"),
                None => "ours come first: write item_id=ItemId".to_owned(),
            };
            return Err(DataError::Map(format!("unknown column `{ours}`: {remedy}")));
        };
        if theirs.is_empty() {
            return Err(DataError::Map(format!("`{pair}` names no column of the file: write {ours}=Name")));
        }
        Ok((column, theirs.to_owned()))
    }

    /// The name given to a column.
    pub fn of(&self, column: Column) -> Option<&str> {
        self.0.iter().rev().find(|(c, _)| *c == column).map(|(_, name)| name.as_str())
    }

    /// All given names.
    pub fn pairs(&self) -> impl Iterator<Item = (Column, &str)> {
        self.0.iter().map(|(column, name)| (*column, name.as_str()))
    }
}

/// Where each column stands in one file.
#[derive(Debug, Clone)]
pub struct Layout {
    at: Vec<Option<usize>>,
    width: usize,
}

impl Layout {
    /// Finds the columns in a header: by the mapping, else by our names, else by our names however they are cased.
    pub fn of(header: &[String], mapping: &Mapping) -> Self {
        let plain_header: Vec<String> = header.iter().map(|name| plain(name)).collect();
        let find = |column: Column| {
            let exact = |wanted: &str| header.iter().position(|name| name == wanted);
            mapping
                .of(column)
                .and_then(exact)
                .or_else(|| exact(column.name()))
                .or_else(|| plain_header.iter().position(|name| *name == plain(column.name())))
        };
        Self { at: Column::ALL.iter().map(|&column| find(column)).collect(), width: header.len() }
    }

    /// The place of a column in each row, from 0.
    pub fn place(&self, column: Column) -> Option<usize> {
        self.at[column.index()]
    }

    /// Fields in each row.
    pub fn width(&self) -> usize {
        self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_mapping_takes_full_camel_and_short_names() {
        let mapping = Mapping::parse("item=ItemId, sessionId=SessionId,timestamp=Time").expect("a mapping");
        assert_eq!(mapping.of(Column::ItemId), Some("ItemId"));
        assert_eq!(mapping.of(Column::SessionId), Some("SessionId"));
        assert_eq!(mapping.of(Column::Timestamp), Some("Time"));
        assert_eq!(mapping.of(Column::Price), None);
    }

    #[test]
    fn an_unknown_name_of_ours_gets_a_suggestion() {
        let error = Mapping::parse("itemid_=X").expect_err("not a column").to_string();
        assert!(error.contains("unknown column `itemid_`: did you mean `item_id`?"), "{error}");
        assert!(Mapping::parse("item_id").expect_err("no =").to_string().contains("write item_id=ItemId"));
        assert!(Mapping::parse("item_id=").is_err());
    }

    #[test]
    fn a_header_is_matched_by_mapping_then_name_then_casing() {
        let mapping = Mapping::parse("time=Time").expect("a mapping");
        let layout = Layout::of(&header(&["SessionId", "ItemId", "Time", "timestamp"]), &mapping);
        assert_eq!(layout.place(Column::SessionId), Some(0));
        assert_eq!(layout.place(Column::ItemId), Some(1));
        assert_eq!(layout.place(Column::Timestamp), Some(2));
        assert_eq!(layout.place(Column::Price), None);
    }
}
