use super::Service;
use crate::in_force::{ChangeError, Proposal};
use crate::ingest::{Mark, SubmitError};
use crate::log::Offset;

/// What became of a config that was given to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// It is in force.
    InForce,
    /// It is durable, and will be in force once this replica has read it.
    OnItsWay,
}

/// Why a config was not taken.
#[derive(Debug, thiserror::Error)]
pub enum GiveError {
    /// It was not taken up.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The broker does not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl Service {
    /// Puts another config into force, on all replicas where there are several.
    ///
    /// # Errors
    /// [`GiveError`]; what was in force is in force.
    pub async fn put_config(
        &self,
        body: &[u8],
        expected: Option<&str>,
        who: Option<String>,
    ) -> Result<Given, GiveError> {
        if self.keeper.is_by_topic() {
            let expected = expected.map(str::to_owned);
            let proposal = tokio::task::block_in_place(|| self.keeper.propose(body, expected, who))?;
            return self.give(proposal).await;
        }
        tokio::task::block_in_place(|| self.keeper.put(body, expected, who))?;
        Ok(Given::InForce)
    }

    /// Goes back to a config that was in force, on all replicas where there are several.
    ///
    /// # Errors
    /// [`GiveError`]; what was in force is in force.
    pub async fn roll_back_config(&self, version: Option<&str>, who: Option<String>) -> Result<Given, GiveError> {
        if self.keeper.is_by_topic() {
            let proposal = tokio::task::block_in_place(|| self.keeper.propose_past(version, who))?;
            return self.give(proposal).await;
        }
        tokio::task::block_in_place(|| self.keeper.roll_back(version, who))?;
        Ok(Given::InForce)
    }

    /// Sends a config to all replicas, and waits until this one has taken it at its place of the order.
    async fn give(&self, proposal: Proposal) -> Result<Given, GiveError> {
        let Some(outlet) = &self.shared.outlet else { return Err(ChangeError::ByTopic.into()) };
        let bytes = serde_json::to_vec(&proposal).map_err(|error| SubmitError::Log(error.to_string()))?;
        let positions = outlet.propose(bytes).await?;
        if !self.applied(&Mark { next: Offset(0), positions }).await {
            return Ok(Given::OnItsWay);
        }
        let now = self.in_force();
        if now.version == proposal.version {
            return Ok(Given::InForce);
        }
        // Another one came between, or this replica cannot have it; its own status says so.
        let expected = proposal.expected.unwrap_or(proposal.version);
        Err(ChangeError::Precondition { in_force: now.version.clone(), expected }.into())
    }
}
