use super::*;
use crate::connection::Generation;
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::{AttemptId, EmbeddedStore, GrantKind, Head, NewRecord, PutWhen};
use crate::vault::Sealed;

fn fingerprint(token: &str) -> Fingerprint {
    Fingerprint::of(&Secret::new(token.to_owned()))
}

fn head(generation: Generation, token: &str) -> Head {
    Head::new(generation, "default", GrantKind::RefreshToken, Some(fingerprint(token)))
}

fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

/// A store whose one connection is at `generation` with `token`: as it is, or as it went back to.
async fn store_at(
    folder: &tempfile::TempDir,
    key: &ConnectionKey,
    generation: Generation,
    token: &str,
) -> Arc<dyn Store> {
    let path = folder.path().join(format!("{}.redb", AttemptId::random().as_str()));
    let store = EmbeddedStore::open(&path).unwrap();
    let record = NewRecord { head: head(generation, token), session: Some(sealed("old")), grant: sealed("old") };
    store.put(key, &record, PutWhen::Absent).await.unwrap();
    Arc::new(store)
}

fn exchange(from: (Generation, &str), to: &str) -> Commit {
    let generation = from.0.next();
    Commit {
        attempt: AttemptId::random(),
        read: from.0,
        spent: Some(fingerprint(from.1)),
        head: head(generation, to),
        session: sealed(to),
        grant: sealed(to),
    }
}

struct Case {
    folder: tempfile::TempDir,
    key: ConnectionKey,
    first: Generation,
    successors: Successors,
    metrics: Metrics,
}

/// A process that has exchanged twice: `t1` for `t2` for `t3`.
async fn twice_exchanged() -> Case {
    let (folder, key) = (tempfile::tempdir().unwrap(), ConnectionKey::parse("acme", None).unwrap());
    let first = Generation::first();
    let successors = Successors::open(Some(&folder.path().join("journal"))).unwrap();
    assert!(successors.keep(&key, &exchange((first, "t1"), "t2")).await);
    assert!(successors.keep(&key, &exchange((first.next(), "t2"), "t3")).await);
    Case { folder, key, first, successors, metrics: Metrics::new() }
}

impl Case {
    /// Compares with a store at this place; gives the token that it has then.
    async fn compared_with(&self, generation: Generation, token: &str) -> Fingerprint {
        let store = store_at(&self.folder, &self.key, generation, token).await;
        assert!(compare(&self.successors.kept, &self.key, &store, &self.metrics.tokens).await);
        store.read(&self.key).await.unwrap().unwrap().head.fingerprint.unwrap()
    }
}

#[tokio::test]
async fn a_store_that_went_back_to_a_spent_token_gets_the_newest_successor() {
    let case = twice_exchanged().await;
    assert_eq!(case.compared_with(case.first, "t1").await, fingerprint("t3"));
    assert_eq!(case.compared_with(case.first.next(), "t2").await, fingerprint("t3"));
    assert_eq!(case.metrics.tokens.restored.get(), 2);
}

#[tokio::test]
async fn a_store_that_is_as_new_or_of_another_authorization_is_left_as_it_is() {
    let case = twice_exchanged().await;
    let third = case.first.next().next();
    assert_eq!(case.compared_with(third, "t3").await, fingerprint("t3"));
    assert_eq!(case.compared_with(third.next(), "t4").await, fingerprint("t4"));
    assert_eq!(case.compared_with(Generation::first(), "t1").await, fingerprint("t1"));
    assert_eq!(case.compared_with(case.first, "never seen").await, fingerprint("never seen"));
    assert_eq!(case.metrics.tokens.restored.get(), 0);
}

#[tokio::test]
async fn a_process_that_takes_over_a_journal_knows_what_the_dead_one_knew() {
    let Case { folder, key, first, successors, metrics } = twice_exchanged().await;
    drop(successors);
    let successors = Successors::open(Some(&folder.path().join("journal"))).unwrap();
    let case = Case { folder, key, first, successors, metrics };
    assert_eq!(case.compared_with(first, "t1").await, fingerprint("t3"));
}
