//! The real binary over HTTP, as a program outside sees it.

mod crash;
mod interface;
mod model;
mod scenarios;
mod server;
