//! The pool of idle connections, by host and port.
//!
//! Webhooks of different accounts share them when they name the same host and port: they trust the same certificate and
//! nothing of a request outlives it. The address policy is not applied again when a connection is reused: it still
//! leads to a permitted address, and the short idle time bounds how long a change of the name's addresses goes
//! unnoticed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::uri::Authority;
use tokio::time::{Instant, sleep};

use crate::connection::Connection;
use crate::keep_alive;

pub(crate) struct Pool {
    idle: Mutex<IdleConnections<Connection>>,
    idle_timeout: Duration,
}

/// By host and port; of each, the longest idle first.
struct IdleConnections<C> {
    by_authority: HashMap<Authority, Vec<Idle<C>>>,
    count: usize,
    /// Maximum for all receivers together, and so for one. Each holds some 20 KB.
    max: usize,
}

struct Idle<C> {
    connection: C,
    since: Instant,
    /// When it is closed unless it is used.
    until: Instant,
}

impl Pool {
    /// An empty pool, and a task that closes expired connections for as long as the pool exists.
    pub(crate) fn new(max_idle: usize, idle_timeout: Duration) -> Arc<Self> {
        let pool = Arc::new(Self {
            idle: Mutex::new(IdleConnections::new(max_idle)),
            idle_timeout,
        });
        tokio::spawn(sweep(Arc::downgrade(&pool), idle_timeout / 2));
        pool
    }

    /// The most recently used connection, so that surplus ones expire.
    pub(crate) fn take(&self, authority: &Authority) -> Option<Connection> {
        loop {
            let newest = self.lock().take_newest(authority)?;
            if Instant::now() < newest.until {
                return Some(newest.connection);
            }
            newest.connection.close();
        }
    }

    /// Keeps a reusable connection, for less than the time that the receiver `announced`, if any. If there are too
    /// many, the one that was idle longest is closed.
    pub(crate) fn put(&self, authority: &Authority, connection: Connection, announced: Option<Duration>) {
        let kept_for = announced.map_or(self.idle_timeout, |announced| {
            self.idle_timeout.min(keep_alive::safe_within(announced))
        });
        if self.lock().max == 0 || kept_for.is_zero() {
            return connection.close();
        }
        let surplus = self.lock().put(authority, connection, Instant::now(), kept_for);
        if let Some(idle) = surplus {
            idle.connection.close();
        }
    }

    fn close_expired(&self) {
        // In two steps: closing writes to sockets, for which no caller should wait at the lock.
        let expired = self.lock().take_expired(Instant::now());
        for idle in expired {
            idle.connection.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, IdleConnections<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> IdleConnections<C> {
    fn new(max: usize) -> Self {
        Self {
            by_authority: HashMap::new(),
            count: 0,
            max,
        }
    }

    fn take_newest(&mut self, authority: &Authority) -> Option<Idle<C>> {
        let newest = self.by_authority.get_mut(authority)?.pop()?;
        self.count -= 1;
        Some(newest)
    }

    /// Returns the connection that this one replaces, if any.
    fn put(&mut self, authority: &Authority, connection: C, now: Instant, kept_for: Duration) -> Option<Idle<C>> {
        let surplus = if self.count >= self.max {
            self.longest_idle().and_then(|authority| self.take_oldest(&authority))
        } else {
            None
        };
        let idle = Idle {
            connection,
            since: now,
            until: now + kept_for,
        };
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
        let oldest = self
            .by_authority
            .iter()
            .filter_map(|(authority, kept)| Some((kept.first()?.since, authority)));
        oldest
            .min_by_key(|(since, _)| *since)
            .map(|(_, authority)| authority.clone())
    }

    fn take_expired(&mut self, now: Instant) -> Vec<Idle<C>> {
        let mut expired = Vec::new();
        self.by_authority.retain(|_, kept| {
            expired.extend(kept.extract_if(.., |idle| now >= idle.until));
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

    const AN_HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_newest_is_used_and_the_oldest_goes() {
        let mut idle = IdleConnections::new(3);
        let host = authority(0);
        for connection in 0..4 {
            let surplus = idle
                .put(&host, connection, Instant::now(), AN_HOUR)
                .map(|idle| idle.connection);
            assert_eq!(surplus, (connection == 3).then_some(0));
        }
        let taken: Vec<_> = std::iter::from_fn(|| idle.take_newest(&host))
            .map(|idle| idle.connection)
            .collect();
        assert_eq!((taken, idle.count), (vec![3, 2, 1], 0));
        assert!(idle.take_newest(&authority(1)).is_none());
    }

    #[test]
    fn a_full_pool_gives_up_what_was_idle_longest_anywhere() {
        let max = 512;
        let mut idle = IdleConnections::new(max);
        let start = Instant::now();
        for host in 0..max {
            let now = start + Duration::from_millis(host as u64);
            assert!(idle.put(&authority(host), host, now, AN_HOUR).is_none());
        }
        for host in 0..3 {
            let now = start + Duration::from_secs(60);
            let surplus = idle.put(&authority(max), max, now, AN_HOUR).map(|idle| idle.connection);
            assert_eq!((surplus, idle.count), (Some(host), max));
        }
    }

    #[test]
    fn only_what_is_idle_too_long_expires() {
        let mut idle = IdleConnections::new(8);
        let start = Instant::now();
        // Receivers announce different timeouts.
        for (second, host, kept_for) in [(0, 0, 2), (1, 1, 2), (2, 0, 60), (2, 0, 1)] {
            let kept_for = Duration::from_secs(kept_for);
            idle.put(
                &authority(host),
                (second, host),
                start + Duration::from_secs(second),
                kept_for,
            );
        }
        let expired = idle.take_expired(start + Duration::from_secs(3));
        let mut expired: Vec<_> = expired.iter().map(|idle| idle.connection).collect();
        expired.sort_unstable();
        assert_eq!(
            (expired, idle.count, idle.by_authority.len()),
            (vec![(0, 0), (1, 1), (2, 0)], 1, 1)
        );
    }
}
