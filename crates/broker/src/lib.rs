//! RabbitMQ: reconnecting connections, the topology, a publisher that awaits confirms, a consumer that acknowledges, an
//! RPC requester.
//!
//! It does not know what a message means. Publishing and consuming use separate connections, because during a memory or
//! disk alarm the broker stops reading a connection that publishes, acknowledgements included.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod acknowledgement;
mod backoff;
mod broker;
mod broker_url;
mod byte_budget;
mod connection;
mod consumer;
mod incoming;
mod intake;
mod keeper;
mod message;
mod order;
mod publish;
mod publisher;
mod reconnect;
mod requester;
mod session;
mod socket;
mod telemetry;
pub mod topology;
mod window;

pub use acknowledgement::Acknowledgement;
pub use broker::Broker;
pub use broker_url::{BrokerSettings, BrokerUrl, InvalidBrokerUrl};
pub use connection::Connector;
pub use consumer::Consumer;
pub use incoming::{HeaderText, Incoming};
pub use intake::Intake;
pub use message::Message;
pub use publish::Publish;
pub use publisher::{PublishError, Publisher, Refusal, RefusalCode};
pub use requester::{NoReply, Requester};
pub use telemetry::Telemetry;
pub use topology::{DeclareError, Topology};
