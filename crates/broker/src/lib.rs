//! RabbitMQ: connections that always come back, the topology, a publisher that confirms, a consumer that acknowledges, a
//! requester that waits for answers.
//!
//! It does not know what a message means. Publishing and consuming use separate connections, because during a memory
//! or disk alarm the broker stops reading a connection that publishes, acknowledgements included.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod acknowledgement;
mod backoff;
mod connection;
mod consumer;
mod message;
mod publisher;
mod requester;
mod telemetry;
pub mod topology;

pub use acknowledgement::Acknowledgement;
pub use connection::{BrokerUrl, Connector, InvalidUrl};
pub use consumer::{Consumer, Incoming};
pub use message::Message;
pub use publisher::{Publisher, PublisherClosed};
pub use requester::{NoReply, Requester};
pub use telemetry::Telemetry;
pub use topology::{DeclareError, Topology};
