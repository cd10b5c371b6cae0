//! What every store must do, as one list of tests that runs against each of them.

mod connecting;
mod documenting;
mod exchanging;
mod listing;
mod places;
mod resealing;
mod scheduling;
mod sequences;
mod telling;
mod using;
mod wishing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::secret::Secret;
use places::Place;

macro_rules! contract {
    ($($subject:ident :: $test:ident,)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$subject::$test(&super::Place::embedded()).await;
            })*
        }

        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$subject::$test(&super::Place::redis()).await;
            })*
        }

        mod sentinel {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$subject::$test(&super::Place::sentinel()).await;
            })*
        }

        mod cluster {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$subject::$test(&super::Place::cluster()).await;
            })*
        }

        #[test]
        fn no_test_of_the_contract_is_left_out() {
            let listed = BTreeSet::from([$(stringify!($test)),*]);
            let sources = [include_str!("contract/connecting.rs"), include_str!("contract/documenting.rs"), include_str!("contract/exchanging.rs"),
                include_str!("contract/listing.rs"), include_str!("contract/resealing.rs"),
                include_str!("contract/scheduling.rs"), include_str!("contract/telling.rs"),
                include_str!("contract/using.rs"), include_str!("contract/wishing.rs")];
            let written = sources.iter().flat_map(|source| source.split("pub(super) async fn ").skip(1));
            let written: BTreeSet<_> = written.map(|rest| rest.split('(').next().unwrap()).collect();
            assert_eq!(listed, written);
        }
    };
}

contract! {
    connecting::a_connection_that_was_put_is_read_back_whole,
    connecting::an_unknown_connection_is_nothing,
    connecting::a_put_over_what_is_there_is_a_conflict,
    connecting::a_put_repeated_after_a_lost_reply_is_stored,
    connecting::a_reconnect_replaces_only_the_generation_it_saw,
    connecting::sealing_again_keeps_an_open_intent,
    connecting::a_removed_connection_leaves_nothing,
    connecting::a_remove_of_an_older_generation_does_nothing,
    connecting::a_status_is_set_only_at_the_generation_read,
    connecting::the_time_of_a_state_is_when_it_began,
    connecting::a_generation_keeps_the_time_when_it_was_stored,
    connecting::changes_are_announced,
    connecting::corrupt_bytes_name_the_connection_and_nothing_else,
    connecting::user_and_installation_are_different_connections,
    documenting::a_document_is_written_only_as_it_was_demanded,
    documenting::of_a_hundred_that_write_over_one_document_one_wins,
    documenting::a_document_goes_when_its_life_ends,
    documenting::documents_are_paged_through_by_name,
    documenting::the_audit_trail_keeps_its_order,
    exchanging::a_hundred_tasks_race_for_a_lease_and_one_has_it,
    exchanging::a_lease_is_renewed_by_its_owner_and_given_back_by_nobody_else,
    exchanging::a_lease_ends_by_the_clock_of_the_store,
    exchanging::an_intent_needs_lease_and_generation,
    exchanging::a_foreign_intent_stands_in_the_way_until_it_is_named,
    exchanging::an_intent_is_cleared_by_its_own_attempt_only,
    exchanging::a_hundred_commits_that_spent_one_token_have_one_winner,
    exchanging::a_commit_repeated_is_stored_once,
    exchanging::a_commit_repeated_after_later_ones_takes_nothing_back,
    exchanging::a_commit_without_its_connection_is_superseded,
    exchanging::a_commit_after_a_reconnect_is_superseded,
    exchanging::a_grant_that_spends_nothing_commits_within_its_epoch,
    exchanging::a_commit_never_leads_back_to_an_older_generation,
    exchanging::a_refresh_token_leads_to_its_connection,
    exchanging::a_commit_ends_the_checking_of_a_lost_answer,
    listing::every_connection_is_listed_once_over_many_pages,
    listing::a_tenant_sees_its_own_connections_only,
    listing::a_cursor_outlives_its_connection,
    listing::odd_limits_and_cursors_do_no_harm,
    resealing::only_exactly_what_was_read_is_sealed_anew,
    scheduling::what_is_due_comes_once_for_each_claim,
    scheduling::a_removed_connection_is_due_no_more,
    scheduling::a_hundred_tasks_take_what_is_due_and_each_connection_is_taken_once,
    telling::every_change_of_state_leaves_one_event,
    telling::events_are_paged_through_from_any_of_them_on,
    telling::an_announcement_needs_no_change,
    using::the_latest_use_stands_whoever_notes_it,
    using::what_is_not_there_was_never_used,
    wishing::equal_wishes_are_one_and_the_oldest_come_first,
    wishing::beyond_the_most_that_are_kept_the_oldest_wish_goes,
    wishing::wishes_are_announced,
    wishing::one_hub_leads_for_as_long_as_it_attends,
}

fn key(tenant: &str, user: Option<&str>) -> ConnectionKey {
    ConnectionKey::parse(tenant, user).unwrap()
}

fn acme() -> ConnectionKey {
    key("acme", Some("u-17"))
}

fn fingerprint(token: &str) -> Fingerprint {
    Fingerprint::of(&Secret::new(token.to_owned()))
}

fn sealed(text: &str) -> crate::vault::Sealed {
    // Not text, as real ones: stores must keep bytes.
    crate::vault::Sealed::from_bytes([&[1, 0, 255, 13, 10][..], text.as_bytes()].concat())
}

fn head(generation: Generation, token: Option<&str>) -> Head {
    let grant = if token.is_some() { GrantKind::RefreshToken } else { GrantKind::AccessToken };
    Head::new(generation, "default", grant, token.map(fingerprint))
}

fn new_record(generation: Generation, token: Option<&str>) -> NewRecord {
    NewRecord {
        head: head(generation, token),
        session: Some(sealed(&format!("session {generation}"))),
        grant: sealed(&format!("grant {generation}")),
    }
}

/// Puts a new connection with a refresh token and gives its generation.
async fn connect(store: &dyn Store, key: &ConnectionKey, token: &str) -> Generation {
    let generation = Generation::first();
    let put = store.put(key, &new_record(generation, Some(token)), PutWhen::Absent).await.unwrap();
    assert_eq!(put, Put::Stored);
    generation
}

/// The outcome of an exchange that spent one refresh token and got another.
fn rotation(read: Generation, spent: &str, next: &str) -> Commit {
    let attempt = AttemptId::random();
    let mut head = head(read.next(), Some(next));
    head.attempt = Some(attempt.clone());
    Commit {
        session: sealed(&format!("session of {}", attempt.as_str())),
        grant: sealed(&format!("grant of {}", attempt.as_str())),
        attempt,
        read,
        spent: Some(fingerprint(spent)),
        head,
    }
}

async fn read_record(store: &dyn Store, key: &ConnectionKey) -> Record {
    store.read_record(key).await.unwrap().expect("the connection is there")
}

/// Asks again until the answer is yes; for things that come with time.
async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Runs `count` tasks that start together.
async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    runner: impl Fn(usize) -> F,
) -> Vec<T> {
    let start = Arc::new(tokio::sync::Barrier::new(count));
    let running: Vec<_> = (0..count)
        .map(|number| {
            let (start, run) = (Arc::clone(&start), runner(number));
            tokio::spawn(async move {
                start.wait().await;
                run.await
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in running {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}
