//! The demo: a real grocer's baskets, bundled, shown as a live shop on this machine.
//!
//! [`bundle`] reads what the binary carries; [`shop`] and [`shopping`] generate what the data lacks (stock, cost, age
//! limits, browsing) around the real baskets; [`client`] talks to the server over HTTP as any shop would; [`measure`] asks
//! and scores; [`story`] and [`summary`] put it into words and figures; [`flow`] is the order of events. What is
//! generated says so wherever it is shown.

pub mod bundle;
pub mod client;
mod dice;
pub mod flow;
mod measure;
mod progress;
mod shop;
pub mod shopping;
pub mod story;
pub mod summary;
