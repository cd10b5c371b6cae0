//! What an import does to the store, and what is shown of it.

use super::*;
use crate::store::GrantKind;
use crate::token::LifeSource;

#[tokio::test]
async fn an_import_creates_and_the_same_again_changes_nothing() {
    let world = Fixture::new();
    let acme = with_refresh_token("acme", "5Aep1");
    assert_eq!(world.management.import_document(&acme).await, Ok(Imported::Created));
    let generation = world.management.show(&key("acme")).await.unwrap().line.generation;
    assert_eq!(world.management.import_document(&acme).await, Ok(Imported::Unchanged));
    let view = world.management.show(&key("acme")).await.unwrap();
    assert_eq!(view.line.generation, generation);
    assert_eq!(view.line.status, Status::Active);
    assert_eq!(view.login_url.as_deref(), Some("https://acme.my.salesforce.com"));
    assert_eq!(view.local_token, "00D000000000000!orgpass.acme");
    assert_eq!(view.lifetime, Lifetime { source: LifeSource::Default, seconds: 2 * 60 * 60 });
}

#[tokio::test]
async fn what_earns_without_a_token_is_imported_without_one() {
    let world = Fixture::new();
    let own_host = r#""app":"server","instance_url":"https://a.my.salesforce.com""#;
    for (tenant, rest, other, kind) in [
        (
            "jwt",
            r#""app":"server","grant":"jwt_bearer","username":"ana@acme.example""#.to_owned(),
            r#""app":"server","grant":"jwt_bearer","username":"bob@acme.example""#.to_owned(),
            GrantKind::JwtBearer,
        ),
        (
            "own",
            format!(r#"{own_host},"grant":"client_credentials""#),
            format!(r#"{own_host},"grant":"jwt_bearer","username":"ana@acme.example""#),
            GrantKind::ClientCredentials,
        ),
    ] {
        let management = &world.management;
        assert_eq!(management.import_document(&document(tenant, &rest)).await, Ok(Imported::Created));
        assert_eq!(management.import_document(&document(tenant, &rest)).await, Ok(Imported::Unchanged));
        let other = management.import_document(&document(tenant, &other)).await;
        assert_eq!(other, Err(Refusal::Conflict(Status::Active)));
        let view = management.show(&key(tenant)).await.unwrap();
        assert_eq!((view.line.grant, view.line.status, view.instance_url), (kind, Status::Active, None));
    }
}

#[tokio::test]
async fn an_access_token_alone_is_a_connection_that_knows_its_org() {
    let world = Fixture::new();
    let rest = format!(
        r#""access_token":"{ACCESS}","instance_url":"https://a.my.salesforce.com","issued_at":"1767225600000""#
    );
    assert_eq!(world.management.import_document(&document("a", &rest)).await, Ok(Imported::Created));
    assert_eq!(world.management.import_document(&document("a", &rest)).await, Ok(Imported::Unchanged));
    let view = world.management.show(&key("a")).await.unwrap();
    assert_eq!(view.line.grant, GrantKind::AccessToken);
    assert_eq!(view.lifetime.source, LifeSource::Default, "an opaque token says nothing");
    assert_eq!(view.org_id.as_deref(), Some("00Dxx0000001gPL"));
    assert_eq!(view.issued_at, Some(1_767_225_600_000));
    assert!(!serde_json::to_string(&view).unwrap().contains("S3CRET"));
    assert!(!format!("{view:?}").contains("S3CRET"));
}

#[tokio::test]
async fn another_authorization_is_a_conflict_while_one_is_in_use_and_replaces_one_that_is_not() {
    let world = Fixture::new();
    world.management.import_document(&with_refresh_token("acme", "5Aep1")).await.unwrap();
    let other = with_refresh_token("acme", "5Aep2");
    assert_eq!(world.management.import_document(&other).await, Err(Refusal::Conflict(Status::Active)));
    let read = world.store.read(&key("acme")).await.unwrap().unwrap().head.generation;
    set_cause(&world, Cause::Revoked).await;
    assert_eq!(world.management.import_document(&other).await, Ok(Imported::Replaced));
    let now = world.store.read(&key("acme")).await.unwrap().unwrap().head;
    assert_eq!((now.status, now.cause), (Status::Active, None));
    assert_ne!(now.generation.epoch, read.epoch, "a new authorization has a new epoch");
}

#[tokio::test]
async fn a_refresh_token_has_one_holder() {
    let world = Fixture::new();
    world.management.import_document(&with_refresh_token("one", "5Aep1")).await.unwrap();
    let refused = world.management.import_document(&with_refresh_token("two", "5Aep1")).await;
    assert_eq!(refused, Err(Refusal::TokenHeld("tenant one".to_owned())));
    assert!(world.store.read(&key("two")).await.unwrap().is_none(), "nothing of it is stored");
    assert!(world.store.remove(&key("one"), None).await.unwrap());
    assert_eq!(world.management.import_document(&with_refresh_token("two", "5Aep1")).await, Ok(Imported::Created));
}

#[tokio::test]
async fn a_spent_refresh_token_is_refused_but_an_import_can_be_repeated_after_a_rotation() {
    let world = Fixture::new();
    let original = with_refresh_token("acme", "5Aep1");
    world.management.import_document(&original).await.unwrap();
    rotate(&world, &key("acme"), "5Aep2").await;
    assert_eq!(world.management.import_document(&original).await, Ok(Imported::Unchanged));
    let elsewhere = world.management.import_document(&with_refresh_token("other", "5Aep1")).await;
    assert_eq!(elsewhere, Err(Refusal::TokenSpent));
    set_cause(&world, Cause::Revoked).await;
    assert_eq!(world.management.import_document(&original).await, Err(Refusal::TokenSpent));
}

/// Stores what an exchange would have: the next generation, with a new refresh token.
async fn rotate(world: &Fixture, key: &ConnectionKey, token: &str) {
    use crate::secret::Secret;
    use crate::store::{AttemptId, Commit, Committed, Fingerprint, Head};
    use crate::token::{GrantSecret, SessionSecret};

    let record = world.store.read_record(key).await.unwrap().unwrap();
    let read = record.head.generation;
    let grant = GrantSecret::open(&world.vault, key, &record.grant, read).unwrap();
    let spent = grant.refresh_token.as_ref().map(Fingerprint::of);
    let new = Secret::new(token.to_owned());
    let session = SessionSecret {
        generation: read.next(),
        access_token: Secret::new(ACCESS.to_owned()),
        instance_url: "https://acme.my.salesforce.com".to_owned(),
        org_id: None,
        user_id: None,
        issued_at: None,
        life: None,
    };
    let attempt = AttemptId::random();
    let commit = Commit {
        attempt: attempt.clone(),
        read,
        spent,
        head: Head {
            generation: read.next(),
            fingerprint: Some(Fingerprint::of(&new)),
            attempt: Some(attempt),
            ..record.head
        },
        session: session.seal(&world.vault, key).unwrap(),
        grant: grant.rotated(read.next(), Some(&new)).seal(&world.vault, key).unwrap(),
    };
    assert_eq!(world.store.commit(key, &commit).await.unwrap(), Committed::Stored);
}

#[tokio::test]
async fn of_two_imports_of_one_refresh_token_in_two_processes_one_is_refused() {
    let Fixture { management: here, store, vault, folder: _folder } = Fixture::new();
    let there = fixture::management(store, vault);
    for round in 0..20 {
        let token = format!("5Aep861{round}");
        let documents = ["acme", "globex"].map(|tenant| with_refresh_token(&format!("{tenant}{round}"), &token));
        let (one, other) = tokio::join!(here.import_document(&documents[0]), there.import_document(&documents[1]));
        let refused = [one, other].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert!(matches!(refused.as_slice(), [Refusal::TokenHeld(_)]), "{refused:?}");
    }
}

#[tokio::test]
async fn without_grant_keys_nothing_is_imported() {
    let world = Fixture::with(Vault::new(ring(), None));
    let refused = world.management.import_document(&with_refresh_token("a", "5Aep1")).await;
    assert_eq!(refused, Err(Refusal::NoGrantKeys));
}

#[tokio::test]
async fn another_key_file_writes_over_nothing_and_says_why_it_shows_little() {
    let world = Fixture::new();
    world.management.import_document(&with_refresh_token("acme", "5Aep1")).await.unwrap();
    let stranger = fixture::management(Arc::clone(&world.store), Arc::new(Vault::new(ring(), Some(ring()))));
    let refused = stranger.import_document(&with_refresh_token("acme", "5Aep2")).await;
    assert!(matches!(refused, Err(Refusal::Record { .. })), "{refused:?}");
    let view = stranger.show(&key("acme")).await.unwrap();
    assert!(view.unreadable.unwrap().contains("key that is not in the key file"));
    let kept = stranger.remove(&key("acme"), WhenNotRevoked::Keep).await;
    assert!(matches!(kept, Err(Refusal::NotRevoked { .. })), "{kept:?}");
    let forgotten = stranger.remove(&key("acme"), WhenNotRevoked::Forget).await;
    assert!(matches!(forgotten, Ok(Removed::ForgottenOnly(_))), "{forgotten:?}");
    assert_eq!(world.management.show(&key("acme")).await, Err(Refusal::NotConnected));
}

#[tokio::test]
async fn a_listing_comes_in_pages() {
    let world = Fixture::new();
    for number in 0..5 {
        world
            .management
            .import_document(&with_refresh_token(&format!("t{number}"), &format!("r{number}")))
            .await
            .unwrap();
    }
    let mut tenants = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = world.management.list(None, cursor.as_deref(), 2).await.unwrap();
        assert!(page.connections.len() <= 2);
        tenants.extend(page.connections.into_iter().map(|line| line.tenant));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(tenants, ["t0", "t1", "t2", "t3", "t4"]);
}
