//! Maximum numbers of requests in flight, and the bytes that they may hold.

const KIB: u32 = 1024;

/// Maximum numbers of requests in flight.
#[derive(Debug, Clone, Copy)]
pub struct SlotLimits {
    /// Of the process: its slots.
    pub all: u32,
    /// Of them to one webhook.
    pub per_webhook: u32,
    /// Of them to one receiver host.
    pub per_host: u32,
    /// Byte budget of a lane's prefetch window. An eighth is the share of the slots, five eighths are for payloads that
    /// exceed their slot's share. An eighth is for those that wait for a slot, and as much for those of webhooks that are not
    /// quick that wait for a turn or a slot. So those that hang never fill the window, and the jobs behind them are read.
    pub window: u32,
}

impl SlotLimits {
    /// By how many KiB a payload of this size exceeds its slot's share.
    pub(super) fn excess_of(&self, bytes: usize) -> u32 {
        let share = self.window / 8 / self.all.max(1);
        u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .saturating_sub(share)
            .div_ceil(KIB)
    }

    /// The KiB for such payloads in flight.
    pub(super) fn excess(&self) -> u32 {
        self.window / 8 * 5 / KIB
    }

    /// The KiB for those that wait.
    pub(super) fn excess_waiting(&self) -> u32 {
        self.window / 8 / KIB
    }
}
