//! The real binary over HTTP, as a program outside sees it.

mod access;
mod config;
mod crash;
mod interface;
mod ladder;
mod model;
mod scenarios;
mod server;
mod tls;
