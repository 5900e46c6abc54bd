//! The scorer's model: looked at, exported, imported, rolled back, frozen. Each change is a record of the log.

use std::collections::BTreeMap;

use serde::Serialize;
use sidecart_engine::nouns::{Entry, HiddenLayer, Intent, Model, Record};
use utoipa::ToSchema;

use super::Service;
use crate::ingest::{Prepared, SubmitError};
use crate::wire::model::ModelInput;
use crate::wire::scalar::rfc3339;
use crate::wire::{Code, Rejection};

/// How often a change is tried again when the trainer published at the same moment.
const TRIES: usize = 5;

/// The scorer's model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelView {
    /// Grows with each published model; 0: nothing learned, the starting weights are in force.
    pub version: u64,
    /// When it came into force.
    pub since: String,
    /// Whether learning stands still.
    pub frozen: bool,
    /// Weights by intent (`browse`, `basket`, `discover`, `mixed`, `arrive`) and feature; those of an intent that is absent
    /// are the starting weights.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, f32>>)]
    pub weights: BTreeMap<Intent, BTreeMap<String, f32>>,
    /// How much more each feature says per unit of each gate, by intent and feature, in the order of `gateNames`. Gates
    /// are what is true of a whole list, such as how well its last item is known.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Vec<f32>>>)]
    pub gates: BTreeMap<Intent, BTreeMap<String, Vec<f32>>>,
    /// Names of the gates.
    pub gate_names: Vec<String>,
    /// What is added for features that say more, or less, together, by intent: the numbers of a layer of hidden units.
    #[schema(value_type = BTreeMap<String, Object>)]
    pub hidden: BTreeMap<Intent, HiddenLayer>,
    /// Of what shoppers took, the share that was among the candidates scored, lately, by intent.
    #[schema(value_type = BTreeMap<String, f32>)]
    pub found: BTreeMap<Intent, f32>,
    /// Models of before that can be gone back to, oldest first.
    pub past: Vec<PastVersion>,
}

/// A model of before.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PastVersion {
    /// Its version.
    pub version: u64,
    /// When it came into force.
    pub since: String,
}

/// Why a model was not changed.
#[derive(Debug)]
pub enum ModelError {
    /// There is no such model.
    Unknown(Rejection),
    /// To be sent again later.
    Submit(SubmitError),
    /// The trainer kept publishing at the same moment.
    Contended,
}

impl From<SubmitError> for ModelError {
    fn from(error: SubmitError) -> Self {
        Self::Submit(error)
    }
}

impl Service {
    /// The model in force, or the kept one of that version.
    ///
    /// # Errors
    /// [`Rejection`] when no model of that version is kept.
    pub fn model(&self, version: Option<u64>) -> Result<ModelView, Rejection> {
        let engine = self.shared.engine.read();
        let past = engine.past_models();
        let in_force = engine.model();
        let (model, since) = match version.filter(|version| *version != in_force.version) {
            None => (in_force, engine.model_since()),
            Some(version) => past
                .iter()
                .find(|past| past.model.version == version)
                .map(|past| (&past.model, past.since))
                .ok_or_else(|| unknown(version, past.iter().map(|past| past.model.version)))?,
        };
        Ok(ModelView {
            version: model.version,
            since: rfc3339(since),
            frozen: model.frozen,
            weights: model.weights.clone(),
            gates: model.gates.clone(),
            gate_names: model.gate_names.clone(),
            hidden: model.hidden.clone(),
            found: model.found.clone(),
            past: past
                .iter()
                .map(|past| PastVersion { version: past.model.version, since: rfc3339(past.since) })
                .collect(),
        })
    }

    /// Brings an imported model into force.
    ///
    /// # Errors
    /// [`ModelError`].
    pub async fn import_model(&self, input: ModelInput) -> Result<ModelView, ModelError> {
        self.publish(|in_force| Model {
            weights: input.weights.clone(),
            gates: input.gates.clone(),
            gate_names: input.gate_names.clone(),
            hidden: input.hidden.clone(),
            found: input.found.clone(),
            frozen: input.frozen.unwrap_or(in_force.frozen),
            version: 0,
        })
        .await
    }

    /// Brings a kept model back into force, and freezes it: else learning would go on from it at once.
    ///
    /// # Errors
    /// [`ModelError`].
    pub async fn roll_model_back(&self, version: u64) -> Result<ModelView, ModelError> {
        let old = self.model(Some(version)).map_err(ModelError::Unknown)?;
        let ModelView { weights, gates, gate_names, hidden, found, .. } = old;
        let old = Model { weights, gates, gate_names, hidden, found, frozen: true, version };
        self.publish(|_| old.clone()).await
    }

    /// Lets learning stand still, or go on.
    ///
    /// # Errors
    /// [`ModelError`].
    pub async fn freeze_model(&self, frozen: bool) -> Result<ModelView, ModelError> {
        self.publish(|in_force| Model { frozen, ..in_force.clone() }).await
    }

    /// Puts a model into the log as the version after the one in force, and waits until it is in force.
    async fn publish(&self, change: impl Fn(&Model) -> Model) -> Result<ModelView, ModelError> {
        for _ in 0..TRIES {
            let model = {
                let engine = self.shared.engine.read();
                Model { version: engine.model().version + 1, ..change(engine.model()) }
            };
            let entry = Entry { accepted_at: self.now(), record: Record::Model(Box::new(model.clone())), origin: None };
            let prepared = Prepared::new(entry).map_err(|error| SubmitError::Log(error.to_string()))?;
            let receipt = self.ingest.submit(vec![prepared]).await?;
            self.applied(&receipt.next).await;
            if *self.shared.engine.read().model() == model {
                tracing::info!(version = model.version, frozen = model.frozen, "model changed by hand");
                return self.model(None).map_err(ModelError::Unknown);
            }
        }
        Err(ModelError::Contended)
    }
}

fn unknown(version: u64, kept: impl Iterator<Item = u64>) -> Rejection {
    let kept: Vec<String> = kept.map(|version| version.to_string()).collect();
    let kept = if kept.is_empty() { "none is kept yet".to_owned() } else { format!("kept are {}", kept.join(", ")) };
    Rejection::whole(Code::UnknownModel, format!("no model of version {version} is kept: {kept}"))
}
