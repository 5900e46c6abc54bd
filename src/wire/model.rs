use std::collections::BTreeMap;

use serde::Deserialize;
use sidecart_engine::Engine;
use sidecart_engine::nouns::{HiddenLayer, Intent};
use utoipa::ToSchema;

use super::json;
use super::reject::{Code, Rejection};
use super::scalar::clip;

/// Largest weight, either way; the learner's own bound.
const MAX_WEIGHT: f32 = 50.0;

/// A model for the scorer, as `GET /v1/model` exports it. Fields not named here, such as `version`, are ignored: an
/// imported model gets the next version.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelInput {
    /// Weights by intent (`browse`, `basket`, `discover`, `mixed`, `arrive`) and feature, -50 to 50. What is left out gets
    /// the starting weight.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, f32>>)]
    pub weights: BTreeMap<Intent, BTreeMap<String, f32>>,
    /// How much more each feature says per unit of each gate, by intent and feature, in the order of `gateNames`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Vec<f32>>>)]
    pub gates: BTreeMap<Intent, BTreeMap<String, Vec<f32>>>,
    /// Names of the gates.
    #[serde(default)]
    pub gate_names: Vec<String>,
    /// What is added for features that say more, or less, together, by intent.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Object>)]
    pub hidden: BTreeMap<Intent, HiddenLayer>,
    /// Of what shoppers took, the share that was among the candidates scored, by intent. 0 to 1.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, f32>)]
    pub found: BTreeMap<Intent, f32>,
    /// Whether learning is to stand still; absent: as it is.
    #[serde(default)]
    pub frozen: Option<bool>,
}

/// Whether learning is to stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub struct FreezeInput {
    /// Whether it is.
    pub frozen: bool,
}

/// Which model to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub struct RollbackInput {
    /// A version that `GET /v1/model` lists under `past`.
    pub version: u64,
}

/// Reads a model.
///
/// # Errors
/// [`Rejection`] names the weight at fault and the remedy.
pub fn read(body: &[u8]) -> Result<ModelInput, Rejection> {
    let input: ModelInput = json::parse(body)?;
    for (intent, weights) in &input.weights {
        for (feature, weight) in weights {
            check("weights", *intent, feature, &[*weight])?;
        }
    }
    for (intent, gates) in &input.gates {
        for (feature, gated) in gates {
            check("gates", *intent, feature, gated)?;
            if gated.len() != input.gate_names.len() {
                let problem = format!("has {} numbers: give one for each of `gateNames`", gated.len());
                return Err(Rejection::field(Code::BadValue, format!("gates.{}.{feature}", intent.name()), problem));
            }
        }
    }
    if let Some(name) = input.gate_names.iter().find(|name| !Engine::gates().any(|known| known == name.as_str())) {
        let problem =
            format!("has `{}`, which is no gate of this version: import into the version it is of", clip(name));
        return Err(Rejection::field(Code::BadValue, "gateNames", problem));
    }
    for (intent, layer) in &input.hidden {
        check_layer(*intent, layer)?;
    }
    for (intent, share) in &input.found {
        if !(0.0..=1.0).contains(share) {
            let problem = format!("is `{share}`: give a share from 0 to 1");
            return Err(Rejection::field(Code::BadValue, format!("found.{}", intent.name()), problem));
        }
    }
    Ok(input)
}

/// Whether all lists of a hidden layer are as long as this version has units, of what it has, and within bounds.
fn check_layer(intent: Intent, layer: &HiddenLayer) -> Result<(), Rejection> {
    let of_gates = layer.gates.iter().map(|(name, list)| ("gates", name.as_str(), list));
    let of_features = layer.features.iter().map(|(name, list)| ("features", name.as_str(), list));
    let own = [("bias", "", &layer.bias), ("output", "", &layer.output)];
    for (part, name, list) in of_features.chain(of_gates).chain(own) {
        let at = format!("hidden.{}.{part}{}{}", intent.name(), if name.is_empty() { "" } else { "." }, clip(name));
        let reject = |problem: String| Err(Rejection::field(Code::BadValue, at.clone(), problem));
        let is_known = match part {
            "features" => Engine::features().any(|known| known == name),
            "gates" => Engine::gates().any(|known| known == name),
            _ => true,
        };
        if !is_known {
            return reject("is unknown to this version: take it out, or import into the version it is of".into());
        }
        if list.len() != Engine::HIDDEN_UNITS {
            let problem = format!("has {} numbers: give {}, one for each unit", list.len(), Engine::HIDDEN_UNITS);
            return reject(problem);
        }
        if let Some(number) = list.iter().find(|number| !(-MAX_WEIGHT..=MAX_WEIGHT).contains(*number)) {
            return reject(format!("has `{number}`: give numbers from -{MAX_WEIGHT} to {MAX_WEIGHT}"));
        }
    }
    Ok(())
}

/// Whether a feature is one, and what it weighs within bounds.
fn check(of: &str, intent: Intent, feature: &str, weights: &[f32]) -> Result<(), Rejection> {
    let field = || format!("{of}.{}.{}", intent.name(), clip(feature));
    if !Engine::features().any(|known| known == feature) {
        let problem = "is no feature of this version: take it out, or import into the version it is of";
        return Err(Rejection::field(Code::BadValue, field(), problem));
    }
    match weights.iter().find(|weight| !(-MAX_WEIGHT..=MAX_WEIGHT).contains(*weight)) {
        Some(weight) => {
            let problem = format!("is `{weight}`: give a number from -{MAX_WEIGHT} to {MAX_WEIGHT}");
            Err(Rejection::field(Code::BadValue, field(), problem))
        }
        None => Ok(()),
    }
}

/// Reads whether learning is to stand still.
///
/// # Errors
/// [`Rejection`].
pub fn read_freeze(body: &[u8]) -> Result<FreezeInput, Rejection> {
    json::parse(body)
}

/// Reads which model to go back to.
///
/// # Errors
/// [`Rejection`].
pub fn read_rollback(body: &[u8]) -> Result<RollbackInput, Rejection> {
    json::parse(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_of_an_unknown_feature_or_out_of_bounds_is_named() {
        let error = |body: &str| read(body.as_bytes()).expect_err("rejected").to_string();
        assert!(error(r#"{"weights":{"basket":{"magic":1}}}"#).starts_with("`weights.basket.magic` is no feature"));
        assert!(error(r#"{"weights":{"basket":{"log_count":51}}}"#).starts_with("`weights.basket.log_count` is `51`"));
        assert!(error(r#"{"weights":{},"found":{"browse":1.5}}"#).starts_with("`found.browse` is `1.5`"));
        assert!(error(r#"{"weights":{"dream":{}}}"#).contains("dream"));
        assert!(
            error(r#"{"weights":{},"gates":{"browse":{"log_count":[1]}}}"#).contains("one for each of `gateNames`")
        );
        let layer = |inner: &str| error(&format!(r#"{{"weights":{{}},"hidden":{{"browse":{inner}}}}}"#));
        let none = r#""gates":{},"bias":[],"output":[]"#;
        assert!(layer(&format!(r#"{{"features":{{"magic":[]}},{none}}}"#)).contains("features.magic` is unknown"));
        assert!(layer(&format!(r#"{{"features":{{}},{none}}}"#)).starts_with("`hidden.browse.bias` has 0 numbers"));
        let far = format!(r#"{{"features":{{"log_count":[{}51]}},{none}}}"#, "0,".repeat(Engine::HIDDEN_UNITS - 1));
        assert!(layer(&far).starts_with("`hidden.browse.features.log_count` has `51`"), "{}", layer(&far));
        assert!(error(r#"{"weights":{},"gateNames":["mood"]}"#).starts_with("`gateNames` has `mood`"));
        let model = read(br#"{"version":7,"weights":{"browse":{"log_count":0.5}}}"#).expect("a model");
        assert_eq!((model.weights[&Intent::Browse]["log_count"], model.frozen), (0.5, None));
    }
}
