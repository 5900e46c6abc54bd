use uuid::Uuid;

use super::Service;
use crate::erasure::{ErasureStatus, JobError, Target};

impl Service {
    /// Orders that somebody be forgotten. The order is durable when this returns.
    ///
    /// # Errors
    /// [`JobError`]: to be sent again later.
    pub fn order_erasure(&self, target: Target) -> Result<ErasureStatus, JobError> {
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
