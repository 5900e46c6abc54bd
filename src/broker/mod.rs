//! A broker as the event log: records go to Kafka or Redpanda first, and every replica takes all of them back, in one
//! order, into its own log and state.
pub mod merge;
