//! The only code that dials a customer's address.
//!
//! [`Outbound::post`] makes one signed POST and says how it ended, always as an [`Attempt`]. Before every dial the name is
//! resolved here, all its addresses are judged by [`domain::AddressPolicy`], and exactly the judged addresses are dialled;
//! certificate, SNI and `Host` keep the name. Redirects are not followed, the environment's proxy variables are not read.
//!
//! HTTP/1.1 is hyper's, connection by connection; which connection to use is decided here rather than by a general HTTP
//! client, because three things must be exact. An attempt owns its connection, so ending the attempt ends whatever the
//! receiver keeps open. Requests in flight never need more connections than there are requests. And a request goes over
//! a second connection only when nothing of it was written to the first, so that one attempt is at most one POST.
//!
//! It decides nothing about retries and signs nothing: `sender` calls it with a finished signature.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod attempt;
mod client;
mod connection;
mod dialler;
mod failure;
mod pool;
mod post;
mod proxy_address;
mod resolver;
mod settings;
mod target;
mod tcp;
mod tls;
mod tunnel;

pub use attempt::Attempt;
pub use client::{Outbound, OutboundError};
pub use post::Post;
pub use proxy_address::{InvalidProxyAddress, ProxyAddress};
pub use resolver::{HickoryResolver, Resolve, ResolveError, Resolving};
pub use settings::EgressSettings;
pub use target::{InvalidTarget, Target};
