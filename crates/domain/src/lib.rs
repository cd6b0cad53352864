//! The pure core: what an event is, whom it reaches, how it is signed, where it may go, and what follows from an
//! attempt's outcome.
//!
//! Values in, values out. This crate opens no socket, reads no clock, environment or file and knows neither the broker
//! nor the database; time and addresses enter as arguments. The one exception is stated where it stands: new secrets
//! and webhook ids draw from the operating system's random number generator (and a v7 id from its clock).
//!
//! The words are those of the flow: an *event* of an [`EventType`] matches *subscriptions* ([`SubscriptionIndex`]);
//! each match is a *delivery* ([`DeliveryId`], [`DeliveryState`]) made in *attempts*, each with an [`Outcome`], from
//! which [`RetryPolicy::next`] and [`WebhookHealth`] decide what happens next.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod adaptive_limit;
pub mod address_policy;
pub mod audit_action;
pub mod delivery_state;
pub mod endpoint_url;
pub mod event_type;
pub mod ids;
mod label;
pub mod notification;
pub mod outcome;
pub mod release_pace;
pub mod retry;
pub mod retry_after;
pub mod role;
pub mod secret;
pub mod signature;
pub mod sso;
pub mod subscription_index;
pub mod test_message;
pub mod webhook_status;

pub use adaptive_limit::{AdaptiveLimit, Standing};
pub use address_policy::AddressPolicy;
pub use audit_action::AuditAction;
pub use delivery_state::DeliveryState;
pub use endpoint_url::{EndpointUrl, EndpointUrlError};
pub use event_type::{EventType, EventTypeSet};
pub use ids::{AccountName, DeliveryId, IdError, WebhookId};
pub use label::UnknownLabel;
pub use notification::NotificationKind;
pub use outcome::Outcome;
pub use release_pace::{Absorption, RELEASE_INTERVAL, ReleasePace};
pub use retry::{AttemptFacts, Next, RetryPolicy, RetryPolicyError, Trigger};
pub use retry_after::parse_retry_after;
pub use role::Role;
pub use secret::{SecretError, SigningSecret};
pub use signature::{SigningKey, sign, verify};
pub use subscription_index::{SubscriptionIndex, SubscriptionIndexBuilder};
pub use test_message::test_message;
pub use webhook_status::{AutoPause, HealthEffect, PausedReason, WebhookHealth, WebhookStatus};
