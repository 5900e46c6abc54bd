//! The last window of the training part; what comes after the cut is thrown away first.

use std::collections::HashSet;

use sidecart_engine::nouns::Timestamp;

use super::super::ReplayError;
use super::super::plan::Cut;
use super::super::run::{Options, Protocol, find_cut};
use crate::config::Span;
use crate::data::Dataset;

/// Where the search looks.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Its beginning: the engine is asked from here on.
    pub cut: Cut,
    /// Its end, the cut between training and test: the first instant that is never read.
    pub end: Timestamp,
    /// Different items in the training part.
    pub items: usize,
}

impl Window {
    /// Drops from `data` all that comes after the cut, and finds the window in the rest.
    pub fn cut_off(data: &mut Dataset, options: &Options, length: Option<Span>) -> Result<Self, ReplayError> {
        // A stream without a cut of its own has its last tenth for a test part in every protocol: it is not to be seen.
        let end = find_cut(data, &Options { protocol: Protocol::NextItem, ..options.clone() })?;
        data.keep_before(end.place);
        let events = data.events();
        let first = events.first().map_or(end.at, |head| head.at);
        let cut = match length {
            Some(length) => Some(Cut::at(events, end.at.plus_ms(-length.ms()))),
            None => Cut::last_tenth(events),
        };
        let cut = cut.filter(|cut| (1..events.len()).contains(&cut.place));
        let cut = cut.ok_or(ReplayError::NoWindow { first, end: end.at })?;
        let items: HashSet<u32> = events.iter().flat_map(|head| data.items_of(head)).collect();
        Ok(Self { cut, end: end.at, items: items.len() })
    }
}
