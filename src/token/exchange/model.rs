//! Every interleaving of several procedures over one store and one token endpoint, with whatever can fail between any two
//! of their steps: exhaustively for few processes and faults, at random for many. The procedures are the real ones; what
//! they ask is carried out on a model of the world. Each rule that keeps a token safe is also taken away once, and the
//! model must notice.

mod explore;
mod process;
mod store;
mod world;

use self::explore::{Budget, exhaust, walk};
use self::world::{Rules, World};

/// Enough for two processes to meet a fault at every step of an exchange.
const SMALL: Budget = Budget { processes: 2, expiries: 1, faults: 1, reconnects: 0, spends: true };
const RECONNECTING: Budget = Budget { reconnects: 1, ..SMALL };
const TWO_EXCHANGES: Budget = Budget { expiries: 2, ..SMALL };
const TWO_FAULTS: Budget = Budget { faults: 2, ..SMALL };
const LARGE: Budget = Budget { processes: 4, expiries: 6, faults: 6, reconnects: 2, spends: true };
/// With grants that spend nothing there is no intent: the lease and what is read under it are all that saves exchanges.
const SPENDING_NOTHING: Budget = Budget { processes: 3, expiries: 1, faults: 0, spends: false, ..SMALL };

fn holds(budget: Budget) {
    let visited = exhaust(&World::new(budget, Rules::all())).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(visited > 1000, "only {visited} states");
}

#[test]
fn two_processes_keep_every_promise_whatever_single_fault_strikes_wherever() {
    holds(SMALL);
}

#[test]
fn two_processes_keep_every_promise_while_somebody_connects_anew() {
    holds(RECONNECTING);
}

#[test]
fn two_processes_keep_every_promise_over_two_exchanges() {
    holds(TWO_EXCHANGES);
}

#[test]
fn two_processes_keep_every_promise_whatever_two_faults_strike_wherever() {
    holds(TWO_FAULTS);
}

#[test]
fn processes_whose_grants_spend_nothing_share_one_exchange() {
    holds(SPENDING_NOTHING);
}

#[test]
fn many_processes_keep_every_promise_under_many_faults() {
    for seed in 0..4000 {
        walk(&World::new(LARGE, Rules::all()), seed).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
}

/// Takes one rule away; some interleaving must break a promise then.
fn is_missed(rules: Rules) {
    let found = (0..4000).any(|seed| walk(&World::new(LARGE, rules), seed).is_err())
        || [SMALL, RECONNECTING, SPENDING_NOTHING].iter().any(|budget| exhaust(&World::new(*budget, rules)).is_err());
    assert!(found, "nothing notices that a rule is missing: {rules:?}");
}

#[test]
fn reading_again_under_the_lease_is_missed() {
    is_missed(Rules { reads_again_under_lease: false, ..Rules::all() });
}

#[test]
fn a_task_that_no_caller_owns_is_missed() {
    is_missed(Rules { callers_cancel_nothing: false, ..Rules::all() });
}

#[test]
fn storing_before_use_is_missed() {
    is_missed(Rules { stores_before_use: false, ..Rules::all() });
}

#[test]
fn the_intent_is_missed() {
    is_missed(Rules { writes_intents: false, ..Rules::all() });
}

#[test]
fn the_journal_is_missed() {
    is_missed(Rules { keeps_a_journal: false, ..Rules::all() });
}

#[test]
fn the_epoch_is_missed() {
    is_missed(Rules { heeds_epochs: false, ..Rules::all() });
}

#[test]
fn keeping_an_answer_though_the_lease_is_lost_is_missed() {
    is_missed(Rules { keeps_answers_without_lease: false, ..Rules::all() });
}

#[test]
fn storing_again_after_the_store_went_back_is_missed() {
    is_missed(Rules { stores_again: false, ..Rules::all() });
}
