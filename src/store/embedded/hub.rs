//! Who leads, for the embedded store: in memory, since only this process has the file, and timed by its steady clock.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::store::Owner;

/// The hubs of this process.
#[derive(Debug, Default)]
pub(super) struct Hub(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lives_until: Option<Instant>,
    leader: Option<(Owner, Instant)>,
}

impl Hub {
    /// Says that a hub lives, and tells whether it leads.
    pub(super) fn attend(&self, hub: &Owner, life: Duration) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        state.lives_until = Some(now + life);
        if state.leader.as_ref().is_some_and(|(leader, until)| leader != hub && *until > now) {
            return false;
        }
        state.leader = Some((hub.clone(), now + life));
        true
    }

    pub(super) fn step_down(&self, hub: &Owner) {
        let mut state = self.state();
        state.leader = state.leader.take().filter(|(leader, _)| leader != hub);
    }

    pub(super) fn lives(&self) -> bool {
        self.state().lives_until.is_some_and(|until| until > Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it is held")
    }
}
