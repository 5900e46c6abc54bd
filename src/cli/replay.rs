//! `sidecart replay`: how good would the answers have been?
