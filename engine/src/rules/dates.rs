use super::{Case, Rule};

/// Only between publishing and expiry: from `publishAt` on, and before `expireAt`.
pub(crate) struct Dates;

impl Rule for Dates {
    fn id(&self) -> &'static str {
        "dates"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        let now = case.moment.now;
        case.conditional_entry().is_some_and(|item| {
            item.publish_at.is_some_and(|from| now < from) || item.expire_at.is_some_and(|until| now >= until)
        })
    }

    fn why(&self, case: &Case<'_>) -> String {
        let now = case.moment.now;
        match case.entry().and_then(|item| item.publish_at) {
            Some(from) if now < from => format!("not published for another {} s", from.since_ms(now) / 1000),
            _ => "expired".into(),
        }
    }
}
