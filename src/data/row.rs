//! From a row's texts to an event or an item, checked field by field.

use std::borrow::Cow;

use sidecart_engine::nouns::{
    AnonymousId, Currency, EventContext, EventKind, IdError, Item, ItemId, MAX_LINES, MAX_QUANTITY, Money, PlacementId,
    Timestamp,
};

use super::columns::{Column, plain};
use super::reject::Reason;
use crate::wire::scalar::{self, clip};

/// The texts of one row, whatever the file's form.
pub trait Fields {
    /// The text in a column; `None` where it is absent or empty.
    fn text(&self, column: Column) -> Option<Cow<'_, str>>;

    /// The texts of a column that holds several: a JSON list, or a text with `;` or `|` between them.
    fn texts(&self, column: Column) -> Vec<String> {
        let text = self.text(column).unwrap_or_default();
        text.split([';', '|']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// An order's lines, where the row holds several.
    fn lines(&self) -> Option<Vec<&dyn Fields>> {
        None
    }
}

/// What a file does not say of its rows.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// Kind of the events of a file without `event_type`.
    pub kind: EventKind,
    /// Currency of prices that do not say theirs.
    pub currency: Currency,
}

/// One item of a row.
#[derive(Debug)]
pub struct RowLine<'a> {
    /// Which item.
    pub item: Cow<'a, str>,
    /// Units.
    pub quantity: u32,
    /// Price of one unit.
    pub price: Option<Money>,
    /// The item's category, as the event has it.
    pub category: Vec<String>,
    /// The item's brand, as the event has it.
    pub brand: Option<String>,
}

/// What few events have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extra {
    /// Device.
    pub anonymous: Option<AnonymousId>,
    /// Where the recommendation stood.
    pub placement: Option<PlacementId>,
    /// Which answer it follows from.
    pub attribution_token: Option<String>,
    /// Whether personalisation is allowed.
    pub consent: Option<bool>,
    /// Surroundings.
    pub context: Option<EventContext>,
}

/// An event as its row tells it; ids are checked when they are stored.
#[derive(Debug)]
pub struct RowEvent<'a> {
    /// Its id, if the file gives one.
    pub id: Option<Cow<'a, str>>,
    /// What was done.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// In which visit.
    pub session: Cow<'a, str>,
    /// By whom.
    pub user: Option<Cow<'a, str>>,
    /// In which order.
    pub order: Option<Cow<'a, str>>,
    /// To which items.
    pub lines: Vec<RowLine<'a>>,
    /// The rest.
    pub extra: Option<Extra>,
}

/// Reads a row as an event.
///
/// # Errors
/// [`Reason`]: the first field that is not what it should be.
pub fn event<'a>(row: &'a dyn Fields, defaults: Defaults) -> Result<RowEvent<'a>, Reason> {
    let at = scalar::timestamp(&required(row, Column::Timestamp)?).map_err(|e| Reason::Value(Column::Timestamp, e))?;
    let session = required(row, Column::SessionId)?;
    let kind = row.text(Column::EventType).map_or(Ok(defaults.kind), |text| kind(&text))?;
    let lines = match row.lines() {
        Some(lines) if lines.is_empty() || lines.len() > MAX_LINES => return Err(Reason::Lines(lines.len())),
        Some(lines) => lines.into_iter().map(|fields| line(fields, defaults)).collect::<Result<_, _>>()?,
        None => vec![line(row, defaults)?],
    };
    Ok(RowEvent {
        id: row.text(Column::EventId),
        kind,
        at,
        session,
        user: row.text(Column::UserId),
        order: row.text(Column::OrderId),
        lines,
        extra: extra(row)?,
    })
}

fn required(row: &dyn Fields, column: Column) -> Result<Cow<'_, str>, Reason> {
    row.text(column).ok_or(Reason::Missing(column))
}

/// Kinds by our names, however cased, and by the names that public data sets use.
fn kind(text: &str) -> Result<EventKind, Reason> {
    if let Some(kind) = EventKind::from_name(text) {
        return Ok(kind);
    }
    match plain(text).as_str() {
        "cart" => Ok(EventKind::AddToCart),
        "transaction" | "buy" => Ok(EventKind::Purchase),
        name => EventKind::ALL
            .into_iter()
            .find(|kind| plain(kind.name()) == name)
            .ok_or_else(|| Reason::UnknownType(clip(text))),
    }
}

fn line(row: &dyn Fields, defaults: Defaults) -> Result<RowLine<'_>, Reason> {
    let quantity = match row.text(Column::Quantity) {
        Some(text) => scalar::quantity(&text).map_err(|e| Reason::Value(Column::Quantity, e))?,
        None => 1,
    };
    debug_assert!((1..=MAX_QUANTITY).contains(&quantity), "the scalar reader keeps the bounds");
    Ok(RowLine {
        item: required(row, Column::ItemId)?,
        quantity,
        price: money(row, Column::Price, defaults)?,
        category: category(row),
        brand: row.text(Column::Brand).map(Cow::into_owned),
    })
}

fn money(row: &dyn Fields, column: Column, defaults: Defaults) -> Result<Option<Money>, Reason> {
    let Some(text) = row.text(column) else { return Ok(None) };
    let currency = match row.text(Column::Currency) {
        Some(code) => {
            code.parse().map_err(|e| Reason::Value(Column::Currency, scalar::ScalarError::Money(clip(&code), e)))?
        }
        None => defaults.currency,
    };
    scalar::money(&text, currency).map(Some).map_err(|e| Reason::Value(column, e))
}

/// `A > B > C`, or `a.b.c` where there is no space, from the widest to the narrowest.
fn category(row: &dyn Fields) -> Vec<String> {
    match row.text(Column::Category) {
        Some(text) => category_path(&text),
        None => row.texts(Column::Category),
    }
}

fn category_path(text: &str) -> Vec<String> {
    let parts: Vec<&str> = if text.contains('>') {
        text.split('>').collect()
    } else if !text.contains(char::is_whitespace) && text.split('.').all(|part| !part.is_empty()) {
        text.split('.').collect()
    } else {
        vec![text]
    };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn extra(row: &dyn Fields) -> Result<Option<Extra>, Reason> {
    let context = EventContext {
        region: row.text(Column::Region).map(Cow::into_owned),
        age_verified: age(row, Column::AgeVerified)?,
        device: row.text(Column::Device).map(Cow::into_owned),
    };
    let extra = Extra {
        anonymous: id(row, Column::AnonymousId, AnonymousId::new)?,
        placement: id(row, Column::Placement, PlacementId::new)?,
        attribution_token: row.text(Column::AttributionToken).map(Cow::into_owned),
        consent: flag(row, Column::Consent)?,
        context: (context != EventContext::default()).then_some(context),
    };
    Ok((extra != Extra::default()).then_some(extra))
}

fn id<T>(row: &dyn Fields, column: Column, new: fn(&str) -> Result<T, IdError>) -> Result<Option<T>, Reason> {
    row.text(column).map(|text| new(&text)).transpose().map_err(|e| Reason::Id(column, e))
}

fn flag(row: &dyn Fields, column: Column) -> Result<Option<bool>, Reason> {
    let Some(text) = row.text(column) else { return Ok(None) };
    match plain(&text).as_str() {
        "true" | "1" | "yes" | "instock" => Ok(Some(true)),
        "false" | "0" | "no" | "outofstock" => Ok(Some(false)),
        _ => Err(Reason::Flag(column, clip(&text))),
    }
}

fn age(row: &dyn Fields, column: Column) -> Result<Option<u8>, Reason> {
    whole(row, column, u32::from(u8::MAX)).map(|age| age.and_then(|age| u8::try_from(age).ok()))
}

/// A count, which spreadsheets like to write as `12.0`.
fn whole(row: &dyn Fields, column: Column, most: u32) -> Result<Option<u32>, Reason> {
    let Some(text) = row.text(column) else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && (0.0..=f64::from(most)).contains(&value) => Ok(Some(value as u32)),
        _ => Err(Reason::Whole(column, clip(&text), most)),
    }
}

fn instant(row: &dyn Fields, column: Column) -> Result<Option<Timestamp>, Reason> {
    row.text(column).map(|text| scalar::timestamp(&text)).transpose().map_err(|e| Reason::Value(column, e))
}

/// Reads a row as an item of the catalogue.
///
/// # Errors
/// [`Reason`]: the first field that is not what it should be.
pub fn item(row: &dyn Fields, defaults: Defaults) -> Result<Item, Reason> {
    let id = ItemId::new(&required(row, Column::ItemId)?).map_err(|e| Reason::Id(Column::ItemId, e))?;
    let text = |column| row.text(column).map(Cow::into_owned);
    Ok(Item {
        group: text(Column::GroupId),
        title: text(Column::Title).unwrap_or_default(),
        brand: text(Column::Brand),
        category_path: category(row),
        price: money(row, Column::Price, defaults)?,
        cost: money(row, Column::Cost, defaults)?,
        stock: whole(row, Column::Stock, u32::MAX)?,
        available: flag(row, Column::Availability)?,
        allowed_regions: row.texts(Column::AllowedRegions),
        blocked_regions: row.texts(Column::BlockedRegions),
        min_age: age(row, Column::MinAge)?,
        consumable: flag(row, Column::Consumable)?,
        tags: row.texts(Column::Tags),
        publish_at: instant(row, Column::PublishAt)?,
        expire_at: instant(row, Column::ExpireAt)?,
        ..Item::bare(id)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Row(BTreeMap<&'static str, &'static str>);

    impl Fields for Row {
        fn text(&self, column: Column) -> Option<Cow<'_, str>> {
            self.0.get(column.name()).map(|&text| Cow::Borrowed(text))
        }
    }

    const DEFAULTS: Defaults = Defaults { kind: EventKind::View, currency: Currency::USD };

    fn row(change: &[(&'static str, &'static str)]) -> Row {
        let mut fields = BTreeMap::from([("timestamp", "2020-06-01T00:00:00Z"), ("session_id", "s"), ("item_id", "i")]);
        fields.extend(change.iter().copied());
        Row(fields)
    }

    fn heading(change: &[(&'static str, &'static str)]) -> String {
        event(&row(change), DEFAULTS).expect_err("a bad row").heading()
    }

    #[test]
    fn each_bad_field_has_its_own_reason() {
        assert_eq!(heading(&[("price", "NaN")]), "bad price");
        assert_eq!(heading(&[("price", "-1")]), "bad price");
        assert_eq!(heading(&[("currency", "dollars"), ("price", "1")]), "bad currency");
        assert_eq!(heading(&[("timestamp", "1970-01-01T00:00:00Z")]), "timestamp out of range");
        assert_eq!(heading(&[("timestamp", "2101-01-01")]), "timestamp out of range");
        assert_eq!(heading(&[("timestamp", "soon")]), "bad timestamp");
        assert_eq!(heading(&[("event_type", "teleport")]), "unknown event_type");
        assert_eq!(heading(&[("quantity", "0")]), "bad quantity");
        assert_eq!(heading(&[("consent", "perhaps")]), "bad consent");
        assert_eq!(heading(&[("age_verified", "900")]), "bad age_verified");
    }

    #[test]
    fn kinds_are_read_as_public_data_sets_write_them() {
        for (text, expected) in [
            ("purchase", EventKind::Purchase),
            ("transaction", EventKind::Purchase),
            ("addtocart", EventKind::AddToCart),
            ("cart", EventKind::AddToCart),
            ("removeFromCart", EventKind::RemoveFromCart),
        ] {
            assert_eq!(kind(text).ok(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_category_is_a_path() {
        assert_eq!(category_path("PASTRY > ROLLS"), ["PASTRY", "ROLLS"]);
        assert_eq!(category_path("furniture.living_room.sofa"), ["furniture", "living_room", "sofa"]);
        assert_eq!(category_path("Dr. Oetker mixes"), ["Dr. Oetker mixes"]);
        assert_eq!(category_path("FACIAL TISS/DNR NAPKIN"), ["FACIAL TISS/DNR NAPKIN"]);
        assert_eq!(category_path("citrus fruit"), ["citrus fruit"]);
    }

    #[test]
    fn an_item_keeps_what_compliance_needs() {
        let fields = row(&[("min_age", "18"), ("blocked_regions", "GB-ENG;FR"), ("stock", "12.0"), ("price", "3.49")]);
        let item = item(&fields, DEFAULTS).expect("an item");
        assert_eq!(item.min_age, Some(18));
        assert_eq!(item.blocked_regions, ["GB-ENG", "FR"]);
        assert_eq!(item.stock, Some(12));
        assert_eq!(item.price.map(|price| price.minor), Some(349));
    }
}
