//! Idle connections, kept for the next request to the same host and port.
//!
//! Webhooks of different accounts share them when they name the same host and port: they trust the same certificate
//! and nothing of a request outlives it. A connection is not judged again when it is reused: it still ends where it was
//! allowed to end, and the short idle time bounds how long a change of the name's addresses goes unnoticed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::uri::Authority;
use tokio::time::{Instant, sleep};

use crate::connection::Connection;

/// Idle connections to all receivers together: as many as there are requests in flight by default, so that a burst to one
/// host leaves none to be dialled again. Each holds some 20 KB.
const MAX_IDLE: usize = 512;

pub(crate) struct Pool {
    idle: Mutex<IdleConnections<Connection>>,
    max_idle_per_host: usize,
    idle_timeout: Duration,
}

/// By host and port; of each, the longest idle first.
struct IdleConnections<C> {
    by_authority: HashMap<Authority, Vec<Idle<C>>>,
    count: usize,
}

struct Idle<C> {
    connection: C,
    since: Instant,
}

impl Pool {
    /// An empty pool, and a task that closes what stays idle for as long as the pool is there.
    pub(crate) fn new(max_idle_per_host: usize, idle_timeout: Duration) -> Arc<Self> {
        let pool = Arc::new(Self { idle: Mutex::new(IdleConnections::new()), max_idle_per_host, idle_timeout });
        tokio::spawn(sweep(Arc::downgrade(&pool), idle_timeout / 2));
        pool
    }

    /// The connection that was used last, so that surplus ones come to their end.
    pub(crate) fn take(&self, authority: &Authority) -> Option<Connection> {
        let newest = self.lock().take_newest(authority)?;
        if newest.since.elapsed() < self.idle_timeout {
            return Some(newest.connection);
        }
        newest.connection.close();
        None
    }

    /// Keeps a reusable connection; where there are too many, the one that was idle longest goes.
    pub(crate) fn put(&self, authority: &Authority, connection: Connection) {
        if self.max_idle_per_host == 0 {
            return connection.close();
        }
        let surplus = self.lock().put(authority, connection, Instant::now(), self.max_idle_per_host);
        if let Some(idle) = surplus {
            idle.connection.close();
        }
    }

    fn close_expired(&self) {
        // In two steps: closing writes to sockets, for which nobody should wait at the lock.
        let expired = self.lock().take_expired(Instant::now(), self.idle_timeout);
        for idle in expired {
            idle.connection.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, IdleConnections<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> IdleConnections<C> {
    fn new() -> Self {
        Self { by_authority: HashMap::new(), count: 0 }
    }

    fn take_newest(&mut self, authority: &Authority) -> Option<Idle<C>> {
        let newest = self.by_authority.get_mut(authority)?.pop()?;
        self.count -= 1;
        Some(newest)
    }

    /// Returns the connection that has to go for this one, if any.
    fn put(&mut self, authority: &Authority, connection: C, now: Instant, max_per_host: usize) -> Option<Idle<C>> {
        let same_host = self.by_authority.get(authority).map_or(0, Vec::len);
        let surplus = if same_host >= max_per_host {
            self.take_oldest(authority)
        } else if self.count >= MAX_IDLE {
            self.longest_idle().and_then(|authority| self.take_oldest(&authority))
        } else {
            None
        };
        let idle = Idle { connection, since: now };
        match self.by_authority.get_mut(authority) {
            Some(kept) => kept.push(idle),
            None => drop(self.by_authority.insert(authority.clone(), vec![idle])),
        }
        self.count += 1;
        surplus
    }

    fn take_oldest(&mut self, authority: &Authority) -> Option<Idle<C>> {
        let kept = self.by_authority.get_mut(authority)?;
        if kept.is_empty() {
            return None;
        }
        self.count -= 1;
        Some(kept.remove(0))
    }

    fn longest_idle(&self) -> Option<Authority> {
        let oldest = self.by_authority.iter().filter_map(|(authority, kept)| Some((kept.first()?.since, authority)));
        oldest.min_by_key(|(since, _)| *since).map(|(_, authority)| authority.clone())
    }

    fn take_expired(&mut self, now: Instant, idle_timeout: Duration) -> Vec<Idle<C>> {
        let mut expired = Vec::new();
        self.by_authority.retain(|_, kept| {
            let fresh = kept.partition_point(|idle| now.duration_since(idle.since) >= idle_timeout);
            expired.extend(kept.drain(..fresh));
            !kept.is_empty()
        });
        self.count -= expired.len();
        expired
    }
}

async fn sweep(pool: Weak<Pool>, pause: Duration) {
    loop {
        sleep(pause).await;
        match pool.upgrade() {
            Some(pool) => pool.close_expired(),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(host: usize) -> Authority {
        format!("host-{host}.example.com").parse().unwrap()
    }

    #[test]
    fn the_newest_is_used_and_the_oldest_goes() {
        let mut idle = IdleConnections::new();
        let host = authority(0);
        for connection in 0..4 {
            let surplus = idle.put(&host, connection, Instant::now(), 3).map(|idle| idle.connection);
            assert_eq!(surplus, (connection == 3).then_some(0));
        }
        let taken: Vec<_> = std::iter::from_fn(|| idle.take_newest(&host)).map(|idle| idle.connection).collect();
        assert_eq!((taken, idle.count), (vec![3, 2, 1], 0));
        assert!(idle.take_newest(&authority(1)).is_none());
    }

    #[test]
    fn a_full_pool_gives_up_what_was_idle_longest_anywhere() {
        let mut idle = IdleConnections::new();
        let start = Instant::now();
        for host in 0..MAX_IDLE {
            let now = start + Duration::from_millis(host as u64);
            assert!(idle.put(&authority(host), host, now, 8).is_none());
        }
        for host in 0..3 {
            let now = start + Duration::from_secs(60);
            let surplus = idle.put(&authority(MAX_IDLE), MAX_IDLE, now, 8).map(|idle| idle.connection);
            assert_eq!((surplus, idle.count), (Some(host), MAX_IDLE));
        }
    }

    #[test]
    fn only_what_is_idle_too_long_expires() {
        let mut idle = IdleConnections::new();
        let start = Instant::now();
        for (second, host) in [(0, 0), (1, 1), (2, 0)] {
            idle.put(&authority(host), second, start + Duration::from_secs(second), 8);
        }
        let expired = idle.take_expired(start + Duration::from_secs(3), Duration::from_secs(2));
        let mut expired: Vec<_> = expired.iter().map(|idle| idle.connection).collect();
        expired.sort_unstable();
        assert_eq!((expired, idle.count, idle.by_authority.len()), (vec![0, 1], 1, 1));
    }
}
