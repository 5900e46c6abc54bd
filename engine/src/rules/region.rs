use super::{Case, Rule};
use crate::nouns::Item;

/// Only where the item may be sold: within `allowedRegions`, outside `blockedRegions`. A region names its parts too:
/// `GB` covers `GB-ENG`. A shopper whose region is unknown is shown no regional item.
pub(crate) struct Region;

impl Rule for Region {
    fn id(&self) -> &'static str {
        "region"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        let Some(item) = case.conditional_entry() else { return false };
        if item.allowed_regions.is_empty() && item.blocked_regions.is_empty() {
            return false;
        }
        case.moment.request.shopper.region.as_deref().is_none_or(|region| !permits(item, region))
    }

    fn why(&self, case: &Case<'_>) -> String {
        match &case.moment.request.shopper.region {
            Some(region) => format!("may not be sold in region {region}"),
            None => "user.region is unknown and the item is regional".into(),
        }
    }
}

fn permits(item: &Item, region: &str) -> bool {
    let named = |list: &[String]| list.iter().any(|named| covers(named, region));
    // A wide region ("GB") in which a part ("GB-ENG") is blocked is not known to be clear of it.
    let touched = |list: &[String]| list.iter().any(|named| covers(region, named));
    let allowed = item.allowed_regions.is_empty() || named(&item.allowed_regions);
    allowed && !named(&item.blocked_regions) && !touched(&item.blocked_regions)
}

/// Whether `wide` is `narrow` or contains it. Case does not matter.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow) = (wide.trim().as_bytes(), narrow.trim().as_bytes());
    narrow.len() >= wide.len()
        && narrow[..wide.len()].eq_ignore_ascii_case(wide)
        && narrow.get(wide.len()).is_none_or(|&next| next == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::ItemId;

    fn item(allowed: &[&str], blocked: &[&str]) -> Item {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Item {
            allowed_regions: list(allowed),
            blocked_regions: list(blocked),
            ..Item::bare(ItemId::new("x").expect("a valid id"))
        }
    }

    #[test]
    fn a_region_covers_its_parts_and_nothing_else() {
        assert!(permits(&item(&["GB"], &[]), "gb-eng"));
        assert!(!permits(&item(&["GB-ENG"], &[]), "GB"));
        assert!(!permits(&item(&["G"], &[]), "GB"));
        assert!(!permits(&item(&[], &["GB"]), "GB-ENG"));
        assert!(!permits(&item(&[], &["GB-ENG"]), "GB"), "England is part of it");
        assert!(permits(&item(&[], &["GB-ENG"]), "GB-SCT"));
        assert!(!permits(&item(&["GB"], &["GB-NIR"]), "GB-NIR"));
    }
}
