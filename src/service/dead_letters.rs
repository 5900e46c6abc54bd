use std::io;

use serde::Serialize;
use sha2::{Digest, Sha256};
use sidecart_engine::nouns::Record;
use utoipa::ToSchema;

use super::{Service, Timing};
use crate::ingest::{Letter, SubmitError};
use crate::wire::event;

/// Letters replayed at once; the rest is left for the next call.
const MAX_REPLAYED: usize = 10_000;
/// Bytes of the hash that names an event whose sender gave it no id.
const ID_BYTES: usize = 16;

/// What became of the dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// Events that are new, and durable.
    pub accepted: usize,
    /// Events whose id was known.
    pub duplicates: usize,
    /// Letters that are still refused, such as those of a clock that is still ahead; they stay.
    pub refused: usize,
    /// Letters beyond those looked at: call again.
    pub left: usize,
}

/// Why dead letters cannot be listed or replayed.
#[derive(Debug, thiserror::Error)]
pub enum LettersError {
    /// The files cannot be read or rewritten.
    #[error("cannot read or rewrite the dead letters: {0}")]
    Io(#[from] io::Error),
    /// The events were not taken.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl Service {
    /// The newest dead letters, newest first, at most `limit`; of one code, if it is given.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn dead_letters(&self, code: Option<&str>, limit: usize) -> io::Result<Vec<Letter>> {
        let mut letters = self.dead_letters.read(code)?;
        letters.reverse();
        letters.truncate(limit);
        Ok(letters.into_iter().map(|(_, letter)| letter).collect())
    }

    /// Takes the events of dead letters as history, of any age, oldest first, and deletes the letters of those that are
    /// taken. To be called when it is known why they were late. Safe to repeat: an event without an id gets one made
    /// from its letter.
    ///
    /// # Errors
    /// [`LettersError`]; the letters are still there.
    pub async fn replay_dead_letters(&self, code: Option<&str>) -> Result<Replayed, LettersError> {
        let letters = tokio::task::block_in_place(|| self.dead_letters.read(code))?;
        let mut replayed = Replayed { left: letters.len().saturating_sub(MAX_REPLAYED), ..Replayed::default() };
        let acceptance = self.acceptance(Timing::History);
        let (mut taken, mut records) = (Vec::new(), Vec::new());
        for (line, letter) in letters.into_iter().take(MAX_REPLAYED) {
            let mut element = letter.event;
            if element.get("eventId").is_none() {
                element["eventId"] = id_of(&line).into();
            }
            match event::read(element.to_string().as_bytes(), &acceptance) {
                Ok(mut read) => {
                    if let Some(hidden) = self.pseudonyms.as_ref().filter(|_| !letter.pseudonymised) {
                        hidden.hide_event(&mut read.event);
                    }
                    self.judge_token(&mut read.event);
                    records.push(Record::Event(Box::new(read.event)));
                    taken.push(line);
                }
                Err(_) => replayed.refused += 1,
            }
        }
        let accepted = self.accept_records(records).await?;
        (replayed.accepted, replayed.duplicates) = (accepted.accepted, accepted.duplicates);
        let taken: rustc_hash::FxHashSet<String> = taken.into_iter().collect();
        tokio::task::block_in_place(|| self.dead_letters.remove(|line| taken.contains(line.trim_end())))?;
        Ok(replayed)
    }
}

fn id_of(line: &str) -> String {
    let hash = Sha256::digest(line.as_bytes());
    let hex: String = hash.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("letter-{hex}")
}
