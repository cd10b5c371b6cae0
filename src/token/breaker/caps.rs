//! Caps on exchanges: in flight in all and for each login host, and in an hour for each connection.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Held, HeldBy};
use crate::connection::ConnectionKey;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// When to come again if too many are in flight: an exchange takes about this long.
const SOON: Duration = Duration::from_millis(500);
/// Connections that are kept without looking for those that can be forgotten.
const KEPT: usize = 1024;

/// How many exchanges there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In flight, in all.
    pub in_flight: u32,
    /// In flight to one login host.
    pub per_host: u32,
    /// Of one connection in an hour.
    pub per_hour: u32,
}

#[derive(Debug)]
pub(super) struct Caps {
    limits: Limits,
    in_flight: u32,
    hosts: HashMap<String, u32>,
    /// Each exchange of a connection moves its time on by its share of an hour; it may be at most an hour ahead.
    connections: HashMap<ConnectionKey, Instant>,
    clean_at: usize,
}

impl Caps {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, in_flight: 0, hosts: HashMap::new(), connections: HashMap::new(), clean_at: KEPT }
    }

    /// Counts one more exchange, or none if a cap forbids it.
    pub(super) fn enter(&mut self, host: &str, key: &ConnectionKey, now: Instant) -> Result<(), Held> {
        let held = |by, retry_after| Err(Held { by, retry_after });
        if self.in_flight >= self.limits.in_flight {
            return held(HeldBy::InFlight, SOON);
        }
        if self.hosts.get(host).is_some_and(|in_flight| *in_flight >= self.limits.per_host) {
            return held(HeldBy::Host, SOON);
        }
        let reached = self.connections.get(key).map_or(now, |reached| now.max(*reached)) + HOUR / self.limits.per_hour;
        let ahead = reached.saturating_duration_since(now);
        if ahead > HOUR {
            return held(HeldBy::Connection, ahead - HOUR);
        }
        self.forget_idle(now);
        self.connections.insert(key.clone(), reached);
        *self.hosts.entry(host.to_owned()).or_default() += 1;
        self.in_flight += 1;
        Ok(())
    }

    /// Counts one exchange in flight less.
    pub(super) fn leave(&mut self, host: &str) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(in_flight) = self.hosts.get_mut(host) {
            *in_flight -= 1;
            if *in_flight == 0 {
                self.hosts.remove(host);
            }
        }
    }

    fn forget_idle(&mut self, now: Instant) {
        if self.connections.len() >= self.clean_at {
            self.connections.retain(|_, reached| *reached > now);
            self.clean_at = KEPT.max(2 * self.connections.len());
        }
    }

    #[cfg(test)]
    pub(super) fn connections(&self) -> usize {
        self.connections.len()
    }
}
