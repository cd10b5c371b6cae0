use super::*;
use crate::connection::{ConnectionKey, Generation};
use crate::management::fixture::Fixture;
use crate::management::{AppDocument, ImportDocument, Imported, Name};
use crate::store::{GrantKind, Head, NewRecord, Put, PutWhen, Record};
use crate::token::{GrantSecret, OwnApp, SessionSecret};
use crate::vault::{KeyRing, new_key_line};

/// Two keys for each ring, by their lines.
struct Keys {
    session: [String; 2],
    grant: [String; 2],
}

impl Keys {
    fn new() -> Self {
        let lines = || [0, 1].map(|_| new_key_line().to_string());
        Self { session: lines(), grant: lines() }
    }

    /// A vault of these keys, the first of which seals.
    fn vault(&self, places: &[usize]) -> Vault {
        Vault::new(ring(&self.session, places), Some(ring(&self.grant, places)))
    }
}

fn ring(lines: &[String; 2], places: &[usize]) -> KeyRing {
    let lines: Vec<_> = places.iter().map(|place| lines[*place].as_str()).collect();
    KeyRing::parse(&lines.join("\n")).unwrap()
}

fn id(line: &str) -> KeyId {
    line[..8].parse().unwrap()
}

fn key(tenant: &str) -> ConnectionKey {
    ConnectionKey::parse(tenant, None).unwrap()
}

/// Connections that the fixture's own management has imported.
async fn import(world: &Fixture, tenants: &[&str]) {
    for tenant in tenants {
        let document = format!(
            r#"{{"tenant":"{tenant}","access_token":"00D!{tenant}","refresh_token":"5Aep{tenant}",
                 "instance_url":"http://127.0.0.1:1"}}"#
        );
        let document = ImportDocument::parse(document.as_bytes()).unwrap();
        assert_eq!(world.management.import_document(&document).await, Ok(Imported::Created));
    }
}

fn keeper(world: &Fixture, vault: Vault) -> KeyKeeper {
    KeyKeeper::new(Arc::clone(&world.store), Arc::new(vault))
}

async fn record(world: &Fixture, tenant: &str) -> Record {
    world.store.read_record(&key(tenant)).await.unwrap().unwrap()
}

fn opens(vault: &Vault, tenant: &str, record: &Record) -> bool {
    let (key, generation) = (key(tenant), record.head.generation);
    let session = SessionSecret::open(vault, &key, record.session.as_ref().unwrap(), generation);
    session.is_ok() && GrantSecret::open(vault, &key, &record.grant, generation).is_ok()
}

async fn reseal_all(keeper: &KeyKeeper, limit: usize) -> (u64, u64, Vec<NotResealed>) {
    let (mut resealed, mut current, mut failed) = (0, 0, Vec::new());
    let mut cursor = None;
    loop {
        let page = keeper.reseal(cursor.as_deref(), limit).await.unwrap();
        (resealed, current) = (resealed + page.resealed, current + page.current);
        failed.extend(page.failed);
        cursor = page.next;
        if cursor.is_none() {
            return (resealed, current, failed);
        }
    }
}

#[tokio::test]
async fn every_part_is_sealed_anew_and_nothing_else_of_a_record_changes() {
    const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
    let keys = Keys::new();
    let world = Fixture::with(keys.vault(&[0]));
    import(&world, &TENANTS).await;
    let keeper = keeper(&world, keys.vault(&[1, 0]));
    let mut before = Vec::new();
    for tenant in TENANTS {
        before.push(record(&world, tenant).await.head);
    }
    let mut changes = world.store.changes();
    assert_eq!(reseal_all(&keeper, 2).await, (3, 0, Vec::new()));
    for (tenant, before) in TENANTS.into_iter().zip(before) {
        let record = record(&world, tenant).await;
        assert_eq!(record.head, before);
        assert!(opens(&keys.vault(&[1]), tenant, &record), "the old key is not needed any more");
    }
    assert!(changes.try_recv().is_err(), "nothing is announced");
    assert_eq!(reseal_all(&keeper, 2).await, (0, 3, Vec::new()), "a second pass finds nothing to do");
}

#[tokio::test]
async fn apps_that_tenants_brought_are_counted_and_sealed_anew() {
    let keys = Keys::new();
    let world = Fixture::with(keys.vault(&[0]));
    import(&world, &["acme"]).await;
    let app = br#"{"client_id":"3MVG1","client_secret":"5EC2E7","name":"Acme","scopes":["api"]}"#;
    world.management.put_app(&key("globex"), &AppDocument::parse(app).unwrap()).await.unwrap();
    let keeper = keeper(&world, keys.vault(&[1, 0]));
    let usage = async || {
        let (mut sum, mut cursor) = (UsagePage::default(), None);
        loop {
            let page = keeper.usage(None, cursor.as_deref(), 10, 2).await.unwrap();
            cursor.clone_from(&page.next);
            sum.add(page);
            if cursor.is_none() {
                return sum.grant;
            }
        }
    };
    assert_eq!(usage().await, [(id(&keys.grant[0]), 2)].into());
    assert_eq!(reseal_all(&keeper, 10).await, (2, 0, Vec::new()));
    assert_eq!(usage().await, [(id(&keys.grant[1]), 2)].into());
    let later = crate::management::fixture::management(Arc::clone(&world.store), Arc::new(keys.vault(&[1])));
    let shown = later.app(&key("globex")).await.unwrap();
    assert_eq!((shown.client_id.as_str(), shown.has_client_secret), ("3MVG1", true));
    let secret = later.app_of(&key("globex"), "own").await.unwrap().unwrap().client_secret.clone().unwrap();
    assert_eq!(secret.read().unwrap().expose(), "5EC2E7");

    // Nobody's app is another's, wherever it is written.
    let (own, other) = (OwnApp::document("globex"), OwnApp::document("acme"));
    let bytes = world.store.document(&own).await.unwrap().unwrap();
    world.store.put_document(&other, &bytes, crate::store::DocumentWhen::Always, None).await.unwrap();
    assert!(matches!(later.app(&key("acme")).await, Err(Refusal::Record { .. })));
    // A grant of the same tenant, under the same key, is no app.
    let grant = record(&world, "acme").await.grant;
    world.store.put_document(&other, grant.as_bytes(), crate::store::DocumentWhen::Always, None).await.unwrap();
    assert!(matches!(later.app(&key("acme")).await, Err(Refusal::Record { .. })));
}

#[tokio::test]
async fn a_pass_that_was_cut_short_is_taken_up_by_beginning_again() {
    let keys = Keys::new();
    let world = Fixture::with(keys.vault(&[0]));
    import(&world, &["a", "b", "c", "d", "e"]).await;
    let keeper = keeper(&world, keys.vault(&[1, 0]));
    let page = keeper.reseal(None, 2).await.unwrap();
    assert_eq!((page.resealed, page.next.is_some()), (2, true));
    assert_eq!(reseal_all(&keeper, 2).await, (3, 2, Vec::new()));
}

#[tokio::test]
async fn without_grant_keys_sessions_are_sealed_anew_and_grants_stay() {
    let keys = Keys::new();
    let world = Fixture::with(keys.vault(&[0]));
    import(&world, &["acme"]).await;
    let grant = record(&world, "acme").await.grant;
    let keeper = keeper(&world, Vault::new(ring(&keys.session, &[1, 0]), None));
    let page = keeper.reseal(None, 10).await.unwrap();
    assert_eq!((page.resealed, page.rings.len()), (1, 1));
    let record = record(&world, "acme").await;
    assert_eq!(record.session.unwrap().key_id(), Some(id(&keys.session[1])));
    assert_eq!(record.grant, grant);
}

#[tokio::test]
async fn a_record_that_does_not_open_is_named_and_left_and_the_others_are_done() {
    let (keys, foreign) = (Keys::new(), Keys::new());
    let world = Fixture::with(keys.vault(&[0]));
    import(&world, &["acme", "zeta"]).await;
    // One that another vault has sealed, and one whose parts are another connection's.
    let stolen = record(&world, "acme").await;
    let strange = foreign.vault(&[0]);
    put(&world, "foreign", strange.seal(Purpose::Session, &key("foreign"), b"{}").unwrap(), stolen.grant.clone()).await;
    put(&world, "moved", stolen.session.clone().unwrap(), stolen.grant.clone()).await;
    let keeper = keeper(&world, keys.vault(&[1, 0]));
    let (resealed, current, mut failed) = reseal_all(&keeper, 10).await;
    failed.sort_by(|a, b| a.connection.tenant.cmp(&b.connection.tenant));
    assert_eq!((resealed, current, failed.len()), (2, 0, 2), "{failed:?}");
    assert!(failed[0].why.contains(&foreign.session[0][..8]), "{failed:?}");
    assert!(failed[1].why.contains("sealed for another connection"), "{failed:?}");
    assert_eq!(record(&world, "moved").await.session, stolen.session);
}

/// A record of these parts, whatever is in them.
async fn put(world: &Fixture, tenant: &str, session: Sealed, grant: Sealed) {
    let head = Head::new(Generation::first(), "default", GrantKind::AccessToken, None);
    let record = NewRecord { head, session: Some(session), grant };
    assert_eq!(world.store.put(&key(tenant), &record, PutWhen::Absent).await.unwrap(), Put::Stored);
}

#[tokio::test]
async fn what_each_key_is_needed_for_is_counted_and_what_none_opens_is_named() {
    let (keys, foreign) = (Keys::new(), Keys::new());
    let world = Fixture::with(keys.vault(&[0]));
    import(&world, &["a", "b", "c"]).await;
    keeper(&world, keys.vault(&[1, 0])).reseal(None, 2).await.unwrap();
    let strange = foreign.vault(&[0]);
    let grant = keys.vault(&[0]).seal(Purpose::Grant, &key("x"), b"{}").unwrap();
    put(&world, "x", strange.seal(Purpose::Session, &key("x"), b"{}").unwrap(), grant).await;
    put(&world, "y", Sealed::from_bytes(b"junk".to_vec()), Sealed::from_bytes(Vec::new())).await;

    let page = keeper(&world, keys.vault(&[1, 0])).usage(None, None, 10, 2).await.unwrap();
    let unknown = id(&foreign.session[0]);
    assert_eq!(page.session, [(id(&keys.session[0]), 1), (id(&keys.session[1]), 2), (unknown, 1)].into());
    assert_eq!(page.grant, [(id(&keys.grant[0]), 2), (id(&keys.grant[1]), 2)].into());
    let connection = Name { tenant: "x".to_owned(), user: None };
    assert_eq!(page.unopenable, [Unopenable { connection, purpose: Purpose::Session, key: unknown }]);
    assert_eq!(page.corrupt, [Name { tenant: "y".to_owned(), user: None }]);
    assert_eq!(page.rings[0].keys, [id(&keys.session[1]), id(&keys.session[0])]);
}

#[tokio::test]
async fn derived_keys_look_at_their_tenants_only_and_do_not_rotate() {
    let keys = Keys::new();
    let world = Fixture::with(keys.vault(&[0]));
    import(&world, &["acme", "globex", "initech"]).await;
    let derived = keys.vault(&[0]).derive_session_keys(&[key("acme")]).unwrap();
    let keeper = keeper(&world, Vault::new(KeyRing::parse(&derived).unwrap(), None));
    let page = keeper.usage(None, None, 10, 2).await.unwrap();
    assert_eq!((page.others, page.unopenable.len()), (2, 0));
    assert_eq!(page.session, [(id(&keys.session[0]), 1)].into());
    let refused = keeper.reseal(None, 10).await.unwrap_err();
    assert!(refused.to_string().contains("some tenants only"), "{refused}");
}
