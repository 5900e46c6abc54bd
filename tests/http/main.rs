//! The real binary over HTTP, as a program outside sees it.

mod crash;
mod interface;
mod scenarios;
mod server;
