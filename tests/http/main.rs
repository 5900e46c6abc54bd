//! The real binary over HTTP, as a program outside sees it.

mod config;
mod crash;
mod interface;
mod ladder;
mod model;
mod scenarios;
mod server;
