use serde::Serialize;
use sidecart_engine::views::{CartLine, ItemView, SessionView, UserView, Weighted};
use utoipa::ToSchema;

use super::scalar::rfc3339;

/// What is known of a live visit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionFeatures {
    /// Distinct items that the visit touched, most recent last.
    pub items: Vec<String>,
    /// The netted cart, in the order of first adding.
    pub cart: Vec<CartItem>,
    /// Views in this visit.
    pub views: u32,
    /// Adds to the cart.
    pub adds: u32,
    /// Removals from the cart.
    pub removes: u32,
    /// Purchases.
    pub purchases: u32,
    /// First event.
    pub started_at: String,
    /// Newest event.
    pub last_event_at: String,
    /// Whether the visit has been idle for too long, as of now.
    pub ended: bool,
}

/// One item of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartItem {
    /// The item.
    pub item_id: String,
    /// Units, after adds, removals and purchases are netted.
    pub quantity: u32,
}

/// What is remembered of a shopper.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserFeatures {
    /// Purchased items, most first.
    pub purchased: Vec<WeightedItem>,
    /// Viewed or carted items, most first.
    pub interested: Vec<WeightedItem>,
    /// Orders placed.
    pub orders: u32,
    /// Newest event.
    pub last_event_at: String,
    /// Devices merged into this shopper.
    pub merged_devices: u32,
}

/// An item and how much it counts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightedItem {
    /// The item.
    pub item_id: String,
    /// Decayed count or affinity, as of now.
    pub weight: f32,
}

/// What is known of an item beyond its catalogue entry.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemFeatures {
    /// Whether it is in the catalogue; others are never shown.
    pub known: bool,
    /// Units on hand, if tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// Decayed count of views.
    pub views: f32,
    /// Decayed count of adds to carts.
    pub adds: f32,
    /// Decayed count of purchases.
    pub purchases: f32,
    /// Short-run popularity.
    pub trend: f32,
    /// Newest event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event_at: Option<String>,
    /// Strongest co-viewed items: estimates of P(that | this).
    pub viewed_together: Vec<WeightedItem>,
    /// Strongest co-carted items.
    pub carted_together: Vec<WeightedItem>,
    /// Strongest co-bought items.
    pub bought_together: Vec<WeightedItem>,
}

impl From<SessionView> for SessionFeatures {
    fn from(view: SessionView) -> Self {
        Self {
            items: view.items.iter().map(ToString::to_string).collect(),
            cart: view.cart.iter().map(CartItem::from).collect(),
            views: view.views,
            adds: view.adds,
            removes: view.removes,
            purchases: view.purchases,
            started_at: rfc3339(view.started_at),
            last_event_at: rfc3339(view.last_event_at),
            ended: view.ended,
        }
    }
}

impl From<&CartLine> for CartItem {
    fn from(line: &CartLine) -> Self {
        Self { item_id: line.item_id.to_string(), quantity: line.quantity }
    }
}

impl From<UserView> for UserFeatures {
    fn from(view: UserView) -> Self {
        Self {
            purchased: weighted(&view.purchased),
            interested: weighted(&view.interested),
            orders: view.orders,
            last_event_at: rfc3339(view.last_event_at),
            merged_devices: view.merged_devices,
        }
    }
}

impl From<ItemView> for ItemFeatures {
    fn from(view: ItemView) -> Self {
        Self {
            known: view.known,
            stock: view.stock,
            views: view.views,
            adds: view.adds,
            purchases: view.purchases,
            trend: view.trend,
            last_event_at: view.last_event_at.map(rfc3339),
            viewed_together: weighted(&view.viewed_together),
            carted_together: weighted(&view.carted_together),
            bought_together: weighted(&view.bought_together),
        }
    }
}

fn weighted(items: &[Weighted]) -> Vec<WeightedItem> {
    items.iter().map(|item| WeightedItem { item_id: item.item_id.to_string(), weight: item.weight }).collect()
}
