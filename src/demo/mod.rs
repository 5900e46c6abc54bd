//! The demo: a real grocer's baskets, bundled, shown as a live shop on this machine.
//!
//! [`bundle`] reads what the binary carries; [`shop`] and [`shopping`] generate what the data lacks (stock, cost,
//! browsing) around the real baskets; [`client`] talks to the server over HTTP as any shop would; [`measure`] asks and
//! scores; [`story`] and [`summary`] put it into words and figures. What is generated says so wherever it is shown.

pub mod bundle;
pub mod dice;
pub mod shop;
pub mod shopping;
