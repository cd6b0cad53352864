//! A request for a slot, and its refusal.

use crate::adaptive_limit::HealthClass;
use crate::ids::AccountName;

/// A request for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Tenant that owns the webhook.
    pub account: AccountName,
    /// Receiver's host.
    pub host: Box<str>,
    /// Health class of the webhook.
    pub health_class: HealthClass,
    /// The webhook's attempts in flight.
    pub under_way: u32,
    /// Size of the payload beyond the slot's share, in KiB.
    pub excess: u32,
}

/// Why no slot is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSlot {
    /// The webhook, its account or its host has reached its own limit.
    OwnLimit,
    /// No slot is left for this health class.
    ClassLimit,
}
