//! A decision on its way to the other replicas, as JSON: so that a click teaches whoever learns, and the decision can be
//! looked up anywhere.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{Cause, Exposure, ReasonCode, Request, Tier, Timestamp};
use uuid::Uuid;

use super::{Decision, LeftOpen};
use crate::log::Offset;
use crate::wire::answer::{Answer, AnswerItem, AnswerReason, Degraded};

/// Why a decision of another replica cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum TravelError {
    /// It is no decision, or one of another version of Sidecart.
    #[error("is no decision that this Sidecart understands: {0}")]
    Json(#[from] serde_json::Error),
    /// Its answer is not named as answers are.
    #[error("names its answer `{0}`, which is no id")]
    Id(String),
}

/// All of a decision but what was recalled of the shopper elsewhere, and an explanation that was asked for: that is
/// computed anew where it is looked up.
#[derive(Serialize, Deserialize)]
struct Travelling<'a> {
    at: Timestamp,
    applied: u64,
    request: Cow<'a, Request>,
    limit_open: bool,
    repeats_open: bool,
    answer: Told,
    exposure: Cow<'a, Exposure>,
}

#[derive(Serialize, Deserialize)]
struct Told {
    request_id: String,
    attribution_token: String,
    items: Vec<ToldItem>,
    tier: Tier,
    degraded: Option<Cause>,
    suppressed: BTreeMap<String, u32>,
    model_version: String,
    config_version: String,
    feature_age_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ToldItem {
    item: String,
    rank: u32,
    score: f64,
    probability: Option<f64>,
    propensity: f64,
    source: String,
    code: ReasonCode,
    because_of: Vec<String>,
}

/// A decision as bytes.
///
/// # Errors
/// [`TravelError::Json`] for figures that JSON cannot hold.
pub fn pack(decision: &Decision) -> Result<Vec<u8>, TravelError> {
    let travelling = Travelling {
        at: decision.at,
        applied: decision.applied.0,
        request: Cow::Borrowed(&decision.request),
        limit_open: decision.left_open.limit,
        repeats_open: decision.left_open.repeats,
        answer: told(&decision.answer),
        exposure: Cow::Borrowed(&decision.exposure),
    };
    Ok(serde_json::to_vec(&travelling)?)
}

/// A decision of another replica, with the id of its answer.
///
/// # Errors
/// [`TravelError`].
pub fn unpack(bytes: &[u8]) -> Result<(Uuid, Decision), TravelError> {
    let travelling: Travelling<'_> = serde_json::from_slice(bytes)?;
    let id = &travelling.answer.request_id;
    let id = id.parse().map_err(|_| TravelError::Id(id.clone()))?;
    let decision = Decision {
        request: travelling.request.into_owned(),
        left_open: LeftOpen { limit: travelling.limit_open, repeats: travelling.repeats_open },
        at: travelling.at,
        applied: Offset(travelling.applied),
        answer: answer(travelling.answer),
        exposure: travelling.exposure.into_owned(),
        clicked: AtomicU64::default(),
    };
    Ok((id, decision))
}

fn told(answer: &Answer) -> Told {
    let item = |item: &AnswerItem| ToldItem {
        item: item.item_id.clone(),
        rank: item.rank,
        score: item.score,
        probability: item.probability,
        propensity: item.propensity,
        source: item.source.clone().into_owned(),
        code: item.reason.code,
        because_of: item.reason.because_of.clone(),
    };
    Told {
        request_id: answer.request_id.clone(),
        attribution_token: answer.attribution_token.clone(),
        items: answer.items.iter().map(item).collect(),
        tier: Tier::ALL.into_iter().find(|tier| tier.name() == answer.tier).unwrap_or_default(),
        degraded: answer
            .degraded
            .and_then(|degraded| Cause::ALL.into_iter().find(|cause| cause.name() == degraded.cause)),
        suppressed: answer.suppressed.clone(),
        model_version: answer.model_version.clone(),
        config_version: answer.config_version.clone(),
        feature_age_ms: answer.feature_age_ms,
    }
}

fn answer(told: Told) -> Answer {
    let item = |item: ToldItem| AnswerItem {
        item_id: item.item,
        rank: item.rank,
        score: item.score,
        probability: item.probability,
        propensity: item.propensity,
        source: Cow::Owned(item.source),
        reason: AnswerReason { code: item.code, because_of: item.because_of },
    };
    Answer {
        request_id: told.request_id,
        attribution_token: told.attribution_token,
        items: told.items.into_iter().map(item).collect(),
        tier: told.tier.name(),
        degraded: told.degraded.map(|cause| Degraded { cause: cause.name() }),
        suppressed: told.suppressed,
        model_version: told.model_version,
        config_version: told.config_version,
        feature_age_ms: told.feature_age_ms,
        explain: None,
    }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::{ItemId, PlacementId, SessionId, UserId};

    use super::*;

    #[test]
    fn what_arrives_is_what_was_decided_but_for_what_was_recalled() {
        let mut request = Request::new(PlacementId::new("cart").unwrap(), SessionId::new("s").unwrap(), 4);
        request.user = Some(UserId::new("u").unwrap());
        request.cart = Some(vec![ItemId::new("i1").unwrap()]);
        request.filter.brands = vec!["b".into()];
        let item = ToldItem {
            item: "i2".into(),
            rank: 1,
            score: 0.123_456_789_012_345_67,
            probability: Some(0.5),
            propensity: 0.25,
            source: "curated".into(),
            code: ReasonCode::Curated,
            because_of: vec!["i1".into()],
        };
        let id = Uuid::now_v7();
        let given = Decision {
            request,
            left_open: LeftOpen { limit: true, repeats: false },
            at: Timestamp(7),
            applied: Offset(9),
            answer: answer(Told {
                request_id: id.to_string(),
                attribution_token: "t".into(),
                items: vec![item],
                tier: Tier::CoPurchase,
                degraded: Some(Cause::Lag),
                suppressed: BTreeMap::from([("in_cart".into(), 1)]),
                model_version: "linear-3".into(),
                config_version: "c".into(),
                feature_age_ms: None,
            }),
            exposure: Exposure::default(),
            clicked: AtomicU64::new(1),
        };
        let (found, told) = unpack(&pack(&given).unwrap()).unwrap();
        assert_eq!(found, id);
        assert_eq!(
            (&told.request, told.left_open, told.at, told.applied),
            (&given.request, given.left_open, given.at, given.applied)
        );
        assert_eq!((&told.answer, &told.exposure), (&given.answer, &given.exposure));
        assert_eq!(told.clicked.into_inner(), 0, "each replica knows of its own clicks");
        let other = String::from_utf8(pack(&given).unwrap()).unwrap().replace("\"gates\":[", "\"gates\":[0.5,");
        let error = unpack(other.as_bytes()).map(drop).expect_err("refused").to_string();
        assert!(error.contains("another version's"), "{error}");
    }
}
