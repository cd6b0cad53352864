//! The pure core: what an event is, which webhooks it matches, how it is signed, where it may be sent, and what follows
//! from an attempt's outcome.
//!
//! Values in, values out. This crate opens no socket, reads no clock, environment or file and knows neither the broker
//! nor the database; time and addresses enter as arguments. One documented exception: new secrets and webhook ids draw
//! from the operating system's random number generator (and a v7 id from its clock).
//!
//! The words are those of the flow: an *event* of an [`EventType`] matches *subscriptions* ([`SubscriptionIndex`]);
//! each match is a *delivery* ([`DeliveryId`], [`DeliveryState`]) made in *attempts*, each with an [`Outcome`], from
//! which [`RetryPolicy::next`] and [`WebhookHealth`] decide what happens next.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod adaptive_limit;
pub mod address_policy;
pub mod audit_action;
pub mod check_request;
pub mod conditions;
pub mod connection_url;
pub mod deferral;
pub mod delivery_head;
pub mod delivery_state;
pub mod endpoint_url;
pub mod event_tally;
pub mod event_type;
pub mod failing_hosts;
pub mod ids;
pub mod lane;
pub mod mass_failure;
pub mod notification;
pub mod origin;
pub mod outcome;
pub mod release_rate;
pub mod request_header;
pub mod retry;
pub mod retry_after;
pub mod role;
pub mod secret;
pub mod signature;
pub mod slot_budget;
pub mod sso;
pub mod subscription_index;
pub mod test_message;
pub mod throttle;
pub mod verdict;
pub mod webhook_status;

pub use adaptive_limit::{AdaptiveLimit, HealthClass, SlotUse};
pub use address_policy::{AddressPolicy, Nat64Prefix};
pub use audit_action::AuditAction;
pub use conditions::{Condition, ConditionError, Conditions, EventData, Judgement, Operator};
pub use deferral::{Deferral, DeferralCause, MAX_DEFERRED};
pub use delivery_head::{DeliveryHead, MAX_SUBJECT_BYTES, is_kept_subject};
pub use delivery_state::{DeliveryPhase, DeliveryState};
pub use endpoint_url::{EndpointUrl, EndpointUrlError};
pub use event_tally::{EventCount, EventTally};
pub use event_type::{EventType, EventTypeSet};
pub use ids::{AccountName, DeliveryId, IdError, WebhookId};
pub use lane::{Lane, LaneBudgets};
pub use mass_failure::MassFailure;
pub use notification::NotificationKind;
pub use origin::{InvalidOrigin, Origin};
pub use outcome::Outcome;
pub use release_rate::{Absorption, RELEASE_INTERVAL, ReleaseRate, Throttled};
pub use request_header::{RequestHeader, RequestHeaderError};
pub use retry::{AttemptFacts, Next, RetryPolicy, RetryPolicyError, Trigger};
pub use retry_after::parse_retry_after;
pub use role::Role;
pub use secret::{SecretError, SigningSecret};
pub use signature::{SigningKey, sign, verify};
pub use slot_budget::{Claim, NoSlot, SlotBudget, SlotPart};
pub use subscription_index::{Selection, SubscriptionIndex, SubscriptionIndexBuilder};
pub use test_message::test_message;
pub use throttle::{NotNow, Throttle};
pub use verdict::Verdict;
pub use webhook_status::{AutoPause, HealthEffect, PausedReason, WebhookHealth, WebhookStatus};
