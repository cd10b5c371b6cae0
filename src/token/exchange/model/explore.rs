//! Two ways through the model: every interleaving within a small budget, and long random walks within a large one.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::world::{Action, World};

/// How much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    pub(super) processes: usize,
    pub(super) expiries: u8,
    pub(super) faults: u8,
    pub(super) reconnects: u8,
    /// Whether exchanges spend a refresh token.
    pub(super) spends: bool,
}

/// Every state that can be reached; the number of them, or how a promise was broken.
pub(super) fn exhaust(start: &World) -> Result<usize, String> {
    let hasher = RandomState::new();
    let mut seen = HashSet::from([hasher.hash_one(start)]);
    let (mut steps, mut to_visit) = (Vec::new(), vec![(start.clone(), None)]);
    while let Some((world, came_by)) = to_visit.pop() {
        let actions = world.actions();
        if actions.iter().all(|action| action.is_fault()) {
            world.check_end().map_err(|broken| format!("{broken}, after {:?}", way_to(came_by, &steps)))?;
        }
        for action in actions {
            let mut next = world.clone();
            steps.push((came_by, action));
            let step = Some(steps.len() - 1);
            next.apply(action).map_err(|broken| format!("{broken}, after {:?}", way_to(step, &steps)))?;
            if seen.insert(hasher.hash_one(&next)) {
                to_visit.push((next, step));
            } else {
                steps.pop();
            }
        }
    }
    Ok(seen.len())
}

/// The actions that led to a step.
fn way_to(mut step: Option<usize>, steps: &[(Option<usize>, Action)]) -> Vec<Action> {
    let mut way = Vec::new();
    while let Some((before, action)) = step.map(|step| steps[step]) {
        way.push(action);
        step = before;
    }
    way.reverse();
    way
}

/// One walk: at random until the budget is spent, then fairly to its end.
pub(super) fn walk(start: &World, seed: u64) -> Result<(), String> {
    const RANDOM_STEPS: usize = 400;
    const FAIR_STEPS: usize = 4000;
    let mut random = Random(seed);
    let mut world = start.clone();
    let mut trace = Vec::new();
    for step in 0..RANDOM_STEPS + FAIR_STEPS {
        let mut actions = world.actions();
        if step >= RANDOM_STEPS {
            actions.retain(|action| !action.is_fault());
        }
        // Faults are rare, or all would strike at the beginning.
        if random.below(8) > 0 && actions.iter().any(|action| !action.is_fault()) {
            actions.retain(|action| !action.is_fault());
        }
        if actions.is_empty() {
            break;
        }
        let action = actions[random.below(actions.len())];
        trace.push(action);
        world.apply(action).map_err(|broken| format!("{broken}, after {trace:?}"))?;
    }
    world.check_end().map_err(|broken| format!("{broken}, after {trace:?}"))
}

/// SplitMix64: a walk is the same for the same seed everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}
