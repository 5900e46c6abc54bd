use serde::Deserialize;
use sidecart_engine::nouns::{ItemId, StockUpdate, Timestamp};
use utoipa::ToSchema;

use super::field::{self, Scalar};
use super::json;
use super::reject::Rejection;

/// A stock figure as the shop tells it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryUpdate<'a> {
    /// The item.
    #[serde(borrow)]
    #[schema(value_type = String, required, max_length = 128, example = "SKU-1")]
    item_id: Option<Scalar<'a>>,
    /// Units on hand; below zero counts as none.
    #[serde(borrow)]
    #[schema(value_type = u32, required, example = 12)]
    stock: Option<Scalar<'a>>,
    /// When the figure was taken (an older one never overwrites a newer one); absent: now.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, example = "2026-11-23T10:00:00Z")]
    updated_at: Option<Scalar<'a>>,
}

/// Reads one stock figure.
///
/// # Errors
/// [`Rejection`] names the field, its value and the remedy.
pub fn read(element: &[u8], now: Timestamp) -> Result<StockUpdate, Rejection> {
    let raw: InventoryUpdate<'_> = json::parse(element)?;
    let id = raw.item_id.as_ref().ok_or_else(|| Rejection::missing("itemId", "name the item"))?;
    let stock = raw.stock.as_ref().ok_or_else(|| Rejection::missing("stock", "give the units on hand"))?;
    Ok(StockUpdate {
        item: field::id("itemId", id, ItemId::new)?,
        stock: field::stock("stock", stock)?,
        at: raw.updated_at.map_or(Ok(now), |at| field::time("updatedAt", &at))?,
    })
}
