//! What conditions read of the request: resolved once per request, so that candidates share it.

use std::borrow::Cow;

use super::lack::Lack;
use crate::nouns::{Attribute, EventKind, Item};
use crate::policy::{AskList, AskNumber, AskText, Over, Zone};
use crate::store::{ItemIx, Moment, Session};

/// An item of the cart or the context.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// `None`: the catalogue does not have it.
    pub(crate) item: Option<&'a Item>,
    pub(crate) id: &'a str,
    pub(crate) units: u32,
}

/// The request, as conditions see it.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) moment: &'a Moment<'a>,
    /// The visit, if it has not ended: what was done before lunch is of another one.
    pub(crate) visit: Option<&'a Session>,
    cart: Vec<Line<'a>>,
    context: Vec<Line<'a>>,
}

const UNKNOWN_ITEM: Lack<'static> = Lack::Missing("an item of the cart");
const UNKNOWN_CONTEXT: Lack<'static> = Lack::Missing("an item of the context");

impl<'a> Ask<'a> {
    pub(crate) fn new(moment: &'a Moment<'a>) -> Self {
        let catalog = &moment.state.catalog;
        let line = |ix: ItemIx, units| Line { item: catalog.entry(ix), id: catalog.id_text(ix), units };
        let mut cart: Vec<_> = moment.cart.iter().map(|&ix| line(ix, units(moment, ix))).collect();
        // Ids that nobody has ever mentioned have no number, and are in the cart all the same.
        let unheard = moment.request.cart.iter().flatten().filter(|id| catalog.number(id.as_str()).is_none());
        cart.extend(unheard.map(|id| Line { item: None, id: id.as_str(), units: 1 }));
        let context = moment.visit.iter().filter(|seen| seen.browsed).map(|seen| line(seen.item, seen.times)).collect();
        Self { moment, visit: moment.live, cart, context }
    }

    /// What a quantifier runs over.
    pub(crate) fn lines(&self, over: Over) -> &[Line<'a>] {
        match over {
            Over::Cart => &self.cart,
            Over::Context => &self.context,
        }
    }

    pub(crate) fn unknown(over: Over) -> Lack<'static> {
        match over {
            Over::Cart => UNKNOWN_ITEM,
            Over::Context => UNKNOWN_CONTEXT,
        }
    }

    pub(crate) fn number(&self, number: AskNumber, zone: &Zone) -> Result<f64, Lack<'static>> {
        let moment = self.moment;
        let touches = |kind| self.visit.map_or(0.0, |session| f64::from(session.count(kind)));
        Ok(match number {
            AskNumber::CartTotal => self.prices()?.map(|(price, units)| price * units).sum(),
            AskNumber::CartMin => self.prices()?.map(|(price, _)| price).reduce(f64::min).ok_or(EMPTY_CART)?,
            AskNumber::CartMax => self.prices()?.map(|(price, _)| price).reduce(f64::max).ok_or(EMPTY_CART)?,
            AskNumber::CartSize => self.cart.len() as f64,
            AskNumber::CartUnits => self.cart.iter().map(|line| f64::from(line.units)).sum(),
            AskNumber::ContextPrice => {
                let newest = self.context.first().ok_or(Lack::Missing("request.context"))?;
                let price = newest.item.ok_or(UNKNOWN_CONTEXT)?.price;
                price.ok_or(Lack::Missing("price of the newest item of the context"))?.major()
            }
            AskNumber::UserAge => {
                f64::from(moment.request.shopper.age_verified.ok_or(Lack::Missing("user.ageVerified"))?)
            }
            AskNumber::SessionLength => moment.path.len() as f64,
            AskNumber::SessionViews => touches(EventKind::View),
            AskNumber::SessionAdds => touches(EventKind::AddToCart),
            AskNumber::SessionRemovals => touches(EventKind::RemoveFromCart),
            AskNumber::SessionPurchases => touches(EventKind::Purchase),
            AskNumber::SessionAge => {
                let now = moment.state.visits_as_of(moment.now);
                self.visit.map_or(0.0, |session| now.since_ms(session.started_at).max(0) as f64 / 1e3)
            }
            AskNumber::Limit => moment.request.limit as f64,
            AskNumber::Hour => f64::from(zone.local(moment.now).minute / 60),
            AskNumber::Minute => f64::from(zone.local(moment.now).minute % 60),
            AskNumber::Weekday => f64::from(zone.local(moment.now).weekday),
            AskNumber::Day => f64::from(zone.local(moment.now).day),
            AskNumber::Month => f64::from(zone.local(moment.now).month),
            AskNumber::Year => zone.local(moment.now).year as f64,
        })
    }

    /// Price and units of each item of the cart, all known and in one currency.
    fn prices(&self) -> Result<impl Iterator<Item = (f64, f64)>, Lack<'static>> {
        let mut currency = None;
        for line in &self.cart {
            let price = line.item.ok_or(UNKNOWN_ITEM)?.price.ok_or(Lack::Missing("price of an item of the cart"))?;
            if *currency.get_or_insert(price.currency) != price.currency {
                return Err(Lack::Fault("the cart's prices are in several currencies"));
            }
        }
        let price = |line: &Line<'_>| line.item.and_then(|item| item.price).map_or(0.0, |price| price.major());
        Ok(self.cart.iter().map(move |line| (price(line), f64::from(line.units))))
    }

    /// Units x attribute over the cart, where an item has the attribute.
    pub(crate) fn cart_sum(&self, name: &str) -> Result<f64, Lack<'static>> {
        let mut sum = 0.0;
        for line in &self.cart {
            match line.item.ok_or(UNKNOWN_ITEM)?.attributes.get(name) {
                None => {}
                Some(Attribute::Number(number)) => sum += number * f64::from(line.units),
                Some(_) => return Err(Lack::Fault("an attribute summed up over the cart is not a number")),
            }
        }
        if sum.is_finite() { Ok(sum) } else { Err(Lack::Fault("a sum over the cart is too large")) }
    }

    pub(crate) fn text(&self, text: AskText, zone: &Zone) -> Result<Cow<'a, str>, Lack<'static>> {
        let request = self.moment.request;
        match text {
            AskText::Region => Ok(request.shopper.region.as_deref().ok_or(Lack::Missing("user.region"))?.into()),
            AskText::Placement => Ok(request.placement.as_str().into()),
            AskText::CartCurrency => {
                drop(self.prices()?);
                let price = self.cart.first().and_then(|line| line.item?.price).ok_or(EMPTY_CART)?;
                Ok(price.currency.as_str().to_owned().into())
            }
            AskText::Date => {
                let local = zone.local(self.moment.now);
                Ok(format!("{:04}-{:02}-{:02}", local.year, local.month, local.day).into())
            }
        }
    }

    /// Shows each text of a list to `see` until it has seen enough. `Err`: it has not, and the list may have more.
    pub(crate) fn each_text(&self, list: AskList, see: &mut dyn FnMut(&str) -> bool) -> Result<(), Lack<'static>> {
        match list {
            AskList::CartIds => {
                self.cart.iter().any(|line| see(line.id));
            }
            AskList::ContextIds => {
                self.context.iter().any(|line| see(line.id));
            }
            AskList::CartCategories => {
                return self.each_of_cart("category of an item of the cart", see, |item| &item.category_path);
            }
            AskList::CartTags => return self.each_of_cart("", see, |item| &item.tags),
            AskList::CartBrands => {
                return self.each_of_cart("brand of an item of the cart", see, |item| item.brand.as_slice());
            }
            AskList::CartGroups => return self.each_of_cart("", see, |item| item.group.as_slice()),
            AskList::Segments => {
                let segments = self.moment.request.shopper.segments.as_deref();
                segments.ok_or(Lack::Missing("user.segments"))?.iter().any(|segment| see(segment));
            }
            AskList::Removed => {
                let catalog = &self.moment.state.catalog;
                let touches = self.visit.map(|session| session.touches()).unwrap_or_default();
                let removed = touches.iter().filter(|touch| touch.kind == EventKind::RemoveFromCart);
                removed
                    .filter(|touch| !self.moment.cart.contains(&touch.item))
                    .any(|touch| see(catalog.id_text(touch.item)));
            }
        }
        Ok(())
    }

    /// The texts of all items of the cart; where `needed` is named, an item without any makes the list uncertain.
    fn each_of_cart(
        &self,
        needed: &'static str,
        see: &mut dyn FnMut(&str) -> bool,
        texts: impl Fn(&'a Item) -> &'a [String],
    ) -> Result<(), Lack<'static>> {
        let mut lack = None;
        for line in &self.cart {
            match line.item.map(&texts) {
                None => lack = Some(UNKNOWN_ITEM),
                Some([]) if !needed.is_empty() => lack = Some(Lack::Missing(needed)),
                Some(texts) => {
                    if texts.iter().any(|text| see(text)) {
                        return Ok(());
                    }
                }
            }
        }
        lack.map_or(Ok(()), Err)
    }
}

const EMPTY_CART: Lack<'static> = Lack::Missing("a price of the cart");

/// Units of an item of the cart: as the request tells them, else as the visit's events do, else one.
fn units(moment: &Moment<'_>, ix: ItemIx) -> u32 {
    let id = moment.state.catalog.id_text(ix);
    let told = moment.request.cart.iter().flatten().zip(moment.request.units.iter());
    let told = told.filter(|(item, _)| item.as_str() == id).fold(0_u32, |sum, (_, &units)| sum.saturating_add(units));
    if told > 0 {
        return told;
    }
    let mentions = moment.request.cart.iter().flatten().filter(|item| item.as_str() == id).count() as u32;
    let netted = moment.session.map(|session| session.cart()).unwrap_or_default();
    let netted = netted.iter().find(|&&(item, _)| item == ix).map_or(0, |&(_, units)| units);
    netted.max(mentions).max(1)
}
