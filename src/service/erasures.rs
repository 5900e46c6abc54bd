use uuid::Uuid;

use super::Service;
use crate::erasure::{ErasureStatus, JobError, Target};

impl Service {
    /// Orders that somebody be forgotten. The order is durable when this returns.
    ///
    /// # Errors
    /// [`JobError`]: to be sent again later.
    pub fn order_erasure(&self, mut target: Target) -> Result<ErasureStatus, JobError> {
        if let Some(hidden) = &self.pseudonyms {
            target.user = target.user.map(|id| hidden.user(&id));
            target.anonymous = target.anonymous.map(|id| hidden.anonymous(&id));
            target.sessions = target.sessions.iter().map(|id| hidden.session(id)).collect();
        }
        self.erasures.order(target, self.now())
    }

    /// How an erasure stands; `None`: there is none of this id.
    ///
    /// # Errors
    /// [`JobError`] when its file cannot be read.
    pub fn erasure(&self, id: Uuid) -> Result<Option<ErasureStatus>, JobError> {
        self.erasures.status(id)
    }
}
