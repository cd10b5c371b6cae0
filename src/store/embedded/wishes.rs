//! Wishes of the embedded store: in memory, since nobody else can ask through a file that one process holds, and whoever
//! asks asks again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::broadcast;

use crate::store::{MAX_WISHES, Wish};

/// What was wished, in the order in which it was.
#[derive(Debug)]
pub(super) struct Wishes {
    kept: Mutex<Kept>,
    told: broadcast::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    in_order: BTreeMap<u64, Wish>,
    numbers: HashMap<Wish, u64>,
    last: u64,
}

impl Default for Wishes {
    fn default() -> Self {
        // One that is missed says no more than the next.
        Self { kept: Mutex::default(), told: broadcast::Sender::new(16) }
    }
}

impl Wishes {
    pub(super) fn add(&self, wish: &Wish) {
        self.kept().add(wish);
        // Nobody listening is no fault.
        let _ = self.told.send(());
    }

    pub(super) fn oldest(&self, limit: usize) -> Vec<Wish> {
        self.kept().in_order.values().take(limit).cloned().collect()
    }

    pub(super) fn remove(&self, wish: &Wish) {
        let mut kept = self.kept();
        if let Some(number) = kept.numbers.remove(wish) {
            kept.in_order.remove(&number);
        }
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<()> {
        self.told.subscribe()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing panics while it is held")
    }
}

impl Kept {
    fn add(&mut self, wish: &Wish) {
        if self.numbers.contains_key(wish) {
            return;
        }
        self.last += 1;
        self.in_order.insert(self.last, wish.clone());
        self.numbers.insert(wish.clone(), self.last);
        if self.in_order.len() > MAX_WISHES
            && let Some((_, oldest)) = self.in_order.pop_first()
        {
            self.numbers.remove(&oldest);
        }
    }
}
