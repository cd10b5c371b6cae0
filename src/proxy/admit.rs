//! Step 4, admit: bounds the calls in flight, in all and per connection. A permit ends with its call's body.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::ProxyError;
use crate::token::Slot;

/// The calls that a process carries at one time.
pub struct Admission {
    in_flight: AtomicU32,
    limit: u32,
}

/// The right to one call. Ends when dropped.
pub struct Permit {
    admission: Arc<Admission>,
    slot: Option<Arc<Slot>>,
}

impl Admission {
    /// Admits at most `limit` calls at one time, and a quarter of that for one connection.
    pub fn new(limit: u32) -> Self {
        Self { in_flight: AtomicU32::new(0), limit }
    }

    /// Admits one call.
    pub fn admit(self: &Arc<Self>) -> Result<Permit, ProxyError> {
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return Err(ProxyError::Overloaded);
        }
        Ok(Permit { admission: Arc::clone(self), slot: None })
    }
}

impl Permit {
    /// Counts the call to its connection, once that is known.
    pub fn charge(&mut self, slot: &Arc<Slot>) -> Result<(), ProxyError> {
        if !slot.enter((self.admission.limit / 4).max(1)) {
            return Err(ProxyError::Overloaded);
        }
        self.slot = Some(Arc::clone(slot));
        Ok(())
    }

    /// The connection that the call is counted to.
    pub fn slot(&self) -> Option<&Slot> {
        self.slot.as_deref()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            slot.leave();
        }
        self.admission.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
