//! The only code that dials a customer's address.
//!
//! [`Outbound::post`] makes one signed POST and returns its result, always as an [`Attempt`]. Before every dial the
//! name is resolved here, [`domain::AddressPolicy`] checks all its addresses, and exactly the checked addresses are
//! dialled; certificate, SNI and `Host` keep the name. Redirects are not followed, the environment's proxy variables
//! are not read.
//!
//! HTTP/1.1 is hyper's, connection by connection; the choice of a connection is made here rather than by a general HTTP
//! client, because three things must be exact. An attempt owns its connection, so ending the attempt ends whatever the
//! receiver keeps open. Requests in flight never need more connections than there are requests. And a request goes over
//! a second connection only when the first was an idle one that turned out to be closed, so that one attempt is one
//! POST wherever the receiver has responded with a single byte.
//!
//! It decides nothing about retries and signs nothing: `sender` calls it with a finished signature.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod attempt;
mod client;
mod connection;
mod dialler;
mod endpoint;
mod error;
mod exhausted;
mod failure;
mod health;
mod heard;
mod keep_alive;
mod network;
mod pool;
mod post;
mod proxy_address;
mod resolver;
mod roots;
mod sessions;
mod settings;
mod tcp;
mod tls;
mod trouble;
mod tunnel;

pub use attempt::Attempt;
pub use client::Outbound;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::OutboundError;
pub use health::EgressHealth;
pub use post::Post;
pub use proxy_address::{InvalidProxyAddress, ProxyAddress};
pub use resolver::{HickoryResolver, NameServerSource, Resolve, ResolveError, Resolving};
pub use roots::{RootsError, load_roots};
pub use settings::OutboundSettings;
