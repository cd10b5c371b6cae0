use std::sync::Arc;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::fixture::{self, Fixture, ring};
use super::*;
use crate::connection::Cause;
use crate::store::GrantKind;
use crate::token::LifeSource;
use crate::vault::Vault;

const ACCESS: &str = "00Dxx0000001gPL!AQcExampleS3CRET";

fn key(tenant: &str) -> ConnectionKey {
    ConnectionKey::parse(tenant, None).unwrap()
}

/// A document of one tenant with these keys too.
fn document(tenant: &str, rest: &str) -> ImportDocument {
    let comma = if rest.is_empty() { "" } else { "," };
    ImportDocument::parse(format!("{{\"tenant\":\"{tenant}\"{comma}{rest}}}").as_bytes()).unwrap()
}

fn with_refresh_token(tenant: &str, token: &str) -> ImportDocument {
    document(tenant, &format!("\"refresh_token\":\"{token}\",\"instance_url\":\"https://{tenant}.my.salesforce.com\""))
}

fn check_faults(json: &str) -> Vec<InputFault> {
    let document = match ImportDocument::parse(json.as_bytes()) {
        Ok(document) => document,
        Err(fault) => return vec![fault],
    };
    ImportRequest::check(&document, &fixture::apps(), &fixture::trusted()).err().unwrap_or_default()
}

#[test]
fn each_fault_of_a_document_names_its_key_and_never_its_value() {
    let long = format!(r#"{{"tenant":"a","refresh_token":"S3CRET{}"}}"#, "x".repeat(MAX_TOKEN_BYTES));
    for (json, key, words) in [
        (r#"{}"#, "tenant", "missing"),
        (r#"{"tenant":7,"refresh_token":"x"}"#, "tenant", "text in quotes"),
        (r#"{"tenant":"a b","refresh_token":"x"}"#, "tenant", "visible ASCII"),
        (r#"{"tenant":"a","user":"","refresh_token":"x"}"#, "user", "empty"),
        (r#"{"tenant":"a","user":["S3CRET"],"refresh_token":"x"}"#, "user", "text in quotes"),
        (r#"{"tenant":"a"}"#, "refresh_token", "at least one"),
        (r#"{"tenant":"a","refresh_token":""}"#, "refresh_token", "empty"),
        (r#"{"tenant":"a","refresh_token":"S3CRET x"}"#, "refresh_token", "visible ASCII"),
        (r#"{"tenant":"a","refresh_token":"S3CRET\n"}"#, "refresh_token", "visible ASCII"),
        (r#"{"tenant":"a","refresh_token":{"S3CRET":1}}"#, "refresh_token", "text in quotes"),
        (&long, "refresh_token", "longer than 8192"),
        (r#"{"tenant":"a","access_token":"S3CRET"}"#, "instance_url", "worth nothing"),
        (r#"{"tenant":"a","access_token":"00D000000000000!orgpass.a"}"#, "access_token", "local token"),
        (r#"{"tenant":"a","refresh_token":"x","instance_url":"https://evil.example"}"#, "instance_url", "not a host"),
        (r#"{"tenant":"a","refresh_token":"x","instance_url":"http://S3CRET"}"#, "instance_url", "https"),
        (r#"{"tenant":"a","refresh_token":"x","login_url":"https://u:S3CRET@h"}"#, "login_url", "user or password"),
        (r#"{"tenant":"a","refresh_token":"x","app":"S3CRET"}"#, "app", "known here: default, other, server"),
        (r#"{"tenant":"a","refresh_token":"x","grant":"jwt_bearer"}"#, "refresh_token", "no use"),
        (r#"{"tenant":"a","refresh_token":"x","grant":"client_credentials"}"#, "refresh_token", "no use"),
        (r#"{"tenant":"a","refresh_token":"x","username":"S3CRET"}"#, "username", "no use"),
        (r#"{"tenant":"a","grant":"client_credentials","username":"S3CRET"}"#, "username", "no use"),
        (r#"{"tenant":"a","grant":"jwt_bearer"}"#, "username", "is missing"),
        (r#"{"tenant":"a","grant":"jwt_bearer","username":"S3CRET S3CRET"}"#, "username", "visible ASCII"),
        (r#"{"tenant":"a","grant":"jwt_bearer","username":"u"}"#, "app", "has no private key"),
        (r#"{"tenant":"a","grant":"client_credentials"}"#, "app", "has no client secret"),
        (r#"{"tenant":"a","grant":"client_credentials","app":"server"}"#, "instance_url", "the org's own host"),
        (
            r#"{"tenant":"a","grant":"client_credentials","login_url":"https://test.salesforce.com"}"#,
            "login_url",
            "the org's own host",
        ),
        (r#"{"tenant":"a","refresh_token":"x","grant":"S3CRET"}"#, "grant", "must be refresh_token, jwt_bearer"),
        (r#"{"tenant":"a","access_token":"x","grant":"refresh_token"}"#, "refresh_token", "is missing"),
        (r#"{"tenant":"a","refresh_token":"x","issued_at":"S3CRET"}"#, "issued_at", "milliseconds"),
        (r#"{"tenant":"a","refresh_token":"x","issued_at":-1}"#, "issued_at", "milliseconds"),
        (r#"{"tenant":"a","refresh_token":"x","scopes":3}"#, "scopes", "list"),
        (r#"{"tenant":"a","refresh_token":"x","refresh_token":"S3CRET"}"#, "refresh_token", "twice"),
        (r#"{"tenant":"a","refreshtoken":"S3CRET"}"#, "refreshtoken", "is not a key"),
        (r#"{"tenant":"a","5AepS3CRET":"x"}"#, "", "a key that is unknown"),
        (r#""S3CRET""#, "", "not a JSON object"),
        (r#"[{"tenant":"a"}]"#, "", "not a JSON object"),
        (r#"{"tenant":"a" S3CRET}"#, "", "column 15"),
        (r#"{"tenant":"a","refresh_token":"S3CRET"#, "", "ends too early"),
        (r#"{"tenant":"a"} S3CRET"#, "", "not JSON"),
    ] {
        let faults = check_faults(json);
        let found = faults.iter().find(|fault| fault.key == key && fault.why.contains(words));
        assert!(found.is_some(), "{json}: {faults:?}");
        assert!(!format!("{faults:?}").contains("S3CRET"), "{json}: {faults:?}");
    }
}

#[test]
fn all_faults_of_a_document_are_found_at_once() {
    let faults = check_faults(r#"{"user":"","refresh_token":" ","app":"no","instance_url":"x","extra":1}"#);
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["extra", "user", "tenant", "refresh_token", "app", "instance_url"]);
}

#[test]
fn exchanges_go_where_the_document_says_else_to_the_instance_else_where_the_app_says() {
    let instance = r#""instance_url":"https://a.my.salesforce.com/""#;
    for (rest, login) in [
        (format!(r#"{instance},"login_url":"https://test.salesforce.com""#), "https://test.salesforce.com"),
        (instance.to_owned(), "https://a.my.salesforce.com"),
        (r#""issued_at":null"#.to_owned(), "https://login.salesforce.com"),
    ] {
        let document = document("a", &format!(r#""refresh_token":"x",{rest}"#));
        let (_, request) = ImportRequest::check(&document, &fixture::apps(), &fixture::trusted()).unwrap();
        assert_eq!(request.login_url.to_string(), login);
    }
}

#[test]
fn a_salesforce_cli_auth_url_finds_its_app() {
    let parse = |line: &str| SfdxAuthUrl::parse(line);
    let url = parse("force://3MVG8:S3CRET:5AepToken@acme.my.salesforce.com\n").unwrap();
    let document = url.clone().into_document(&fixture::apps(), None).unwrap();
    let document = ImportDocument { tenant: Some("a".to_owned().into()), ..document };
    let (_, request) = ImportRequest::check(&document, &fixture::apps(), &fixture::trusted()).unwrap();
    assert_eq!(request.app, "other");
    assert_eq!(request.refresh_token.unwrap().expose(), "5AepToken");
    assert_eq!(request.instance_url.unwrap().to_string(), "https://acme.my.salesforce.com");
    let wrong_app = url.into_document(&fixture::apps(), Some("default")).unwrap_err();
    assert!(wrong_app.why.contains("another client id"));
    assert!(parse("force://PlatformCLI::5Aep@h").unwrap().into_document(&fixture::apps(), None).is_err());
    for wrong in
        ["", "https://x", "force://a:b@h", "force://a:b:c", "force://a:b:@h", "force://:b:c@h", "force://a:b:c:d@h"]
    {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_input_makes_the_parser_panic_or_repeat_a_value(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            // Near misses: pieces of real documents in any order, with the secret among them.
            proptest::collection::vec(proptest::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u0000", "\"tenant\"", "\"refresh_token\"",
                "\"access_token\":", "\"instance_url\"", "\"grant\"", "\"S3CRET\"", "S3CRET", "\"x\"", "7", "-1", "1e9", "null", "true",
                " ",
            ]), 0..40).prop_map(|parts| parts.concat().into_bytes()),
        ]
    ) {
        if let Ok(document) = ImportDocument::parse(&bytes) {
            let shown = format!("{document:?}");
            prop_assert!(!shown.contains("S3CRET"), "{}", shown);
            if let Err(faults) = ImportRequest::check(&document, &fixture::apps(), &fixture::trusted()) {
                prop_assert!(!faults.is_empty());
                let shown = format!("{faults:?}");
                prop_assert!(!shown.contains("S3CRET"), "{}", shown);
            }
        } else if let Err(fault) = ImportDocument::parse(&bytes) {
            prop_assert!(!fault.to_string().contains("S3CRET"));
        }
    }

    #[test]
    fn no_line_makes_the_auth_url_parser_panic_or_repeat_it(line in "(force://)?([S3CRET:@/]|\\PC){0,40}") {
        match SfdxAuthUrl::parse(&line) {
            Ok(url) => {
                let token = url.refresh_token.expose().clone();
                prop_assert!(!token.is_empty() && line.contains(&token));
            }
            Err(fault) => prop_assert!(!fault.to_string().contains("S3CRET")),
        }
    }

    #[test]
    fn a_document_survives_the_way_over_the_control_socket(
        tenant in ".{0,40}",
        token in "[ -~]{0,200}",
        number in any::<u64>(),
        scopes in proptest::collection::vec(".{0,9}", 0..4)
    ) {
        let json = serde_json::json!({
            "tenant": tenant, "refresh_token": token, "issued_at": number, "scopes": scopes, "user": null, "app": false
        });
        let document = ImportDocument::parse(json.to_string().as_bytes()).unwrap();
        let line = document.to_line();
        prop_assert!(!line.contains('\n'));
        let again = ImportDocument::parse(line.as_bytes()).unwrap();
        prop_assert_eq!(again.to_line(), line);
        let Some(Field::Text(survived)) = again.refresh_token else { panic!("the token was lost") };
        prop_assert_eq!(survived.expose(), &token);
    }
}

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

/// An org that gives each request the next of these answers, and then is gone. Returns its URL.
async fn org(answers: Vec<Answer>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let own_url = url.clone();
    tokio::spawn(async move {
        for (wanted, status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let asked = String::from_utf8(request).unwrap();
            assert!(asked.starts_with(wanted), "{asked}");
            assert!(wanted != USERINFO || asked.contains(&format!("authorization: Bearer {ACCESS}\r\n")), "{asked}");
            let body = body.replace("URL", &own_url);
            let head =
                format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        }
    });
    url
}

/// How the wanted request begins, and the status and body of its answer.
type Answer = (&'static str, u16, &'static str);

const USERINFO: &str = "GET /services/oauth2/userinfo HTTP/1.1\r\n";
const TOKEN: &str = "POST /services/oauth2/token HTTP/1.1\r\n";
const ALIVE: Answer = (USERINFO, 200, r#"{"organization_id":"00Dxx0000001gPLEAY","user_id":"005xx000001SwiUAAS"}"#);
const OTHER_ORG: Answer = (USERINFO, 200, r#"{"organization_id":"00Dxx0000009999EAY","user_id":"005xx000001SwiUAAS"}"#);
const DEAD: Answer = (USERINFO, 403, "Bad_OAuth_Token");
const DOWN: Answer = (USERINFO, 503, "");
const TOKENS: Answer = (
    TOKEN,
    200,
    r#"{"access_token":"00Dxx0000001gPL!AQcExampleS3CRET","refresh_token":"5Aep2","token_type":"Bearer",
        "instance_url":"URL","id":"https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS",
        "issued_at":"1767225600000"}"#,
);

async fn connected_to(rest: &str, answers: Vec<Answer>) -> Fixture {
    let world = Fixture::new();
    let rest = format!(r#"{rest},"instance_url":"{}""#, org(answers).await);
    assert_eq!(world.management.import_document(&document("acme", &rest)).await, Ok(Imported::Created));
    world
}

const SESSION_ONLY: &str = r#""access_token":"00Dxx0000001gPL!AQcExampleS3CRET""#;
const BOTH: &str = r#""access_token":"00Dxx0000001gPL!AQcExampleS3CRET","refresh_token":"5Aep1""#;
const GRANT_ONLY: &str = r#""refresh_token":"5Aep1""#;

async fn set_cause(world: &Fixture, cause: Cause) {
    let read = world.store.read(&key("acme")).await.unwrap().unwrap().head.generation;
    assert!(world.store.set_status(&key("acme"), read, cause.status(), Some(cause)).await.unwrap());
}

#[tokio::test]
async fn a_check_asks_the_org_and_clears_a_refusal_that_is_over() {
    let world = connected_to(BOTH, vec![ALIVE, ALIVE]).await;
    let checked = world.management.check(&key("acme")).await.unwrap();
    assert_eq!(checked.session, SessionFound::Alive);
    assert_eq!(checked.org_id, "00Dxx0000001gPLEAY");
    set_cause(&world, Cause::FreshTokenRefused).await;
    let checked = world.management.check(&key("acme")).await.unwrap();
    assert_eq!(checked.connection.line.status, Status::Active);
}

#[tokio::test]
async fn a_check_that_meets_another_org_makes_the_connection_misconfigured() {
    let world = connected_to(SESSION_ONLY, vec![OTHER_ORG]).await;
    assert_eq!(world.management.check(&key("acme")).await, Err(Refusal::Refused(Cause::OrgMismatch)));
    let head = world.store.read(&key("acme")).await.unwrap().unwrap().head;
    assert_eq!((head.status, head.cause), (Status::Misconfigured, Some(Cause::OrgMismatch)));
}

#[tokio::test]
async fn a_check_of_a_dead_session_without_a_refresh_token_needs_a_person() {
    let world = connected_to(SESSION_ONLY, vec![DEAD]).await;
    assert_eq!(world.management.check(&key("acme")).await, Err(Refusal::Refused(Cause::NoGrant)));
    let head = world.store.read(&key("acme")).await.unwrap().unwrap().head;
    assert_eq!(head.status, Status::Reauthorize);
}

#[tokio::test]
async fn an_org_that_is_down_changes_nothing() {
    let world = connected_to(SESSION_ONLY, vec![DOWN]).await;
    let refused = world.management.check(&key("acme")).await;
    assert!(matches!(refused, Err(Refusal::Unavailable { .. })), "{refused:?}");
    let head = world.store.read(&key("acme")).await.unwrap().unwrap().head;
    assert_eq!(head.status, Status::Active);
}

#[tokio::test]
async fn a_check_renews_a_dead_session_and_one_that_is_not_there_yet() {
    for (rest, answers) in [(BOTH, vec![DEAD, TOKENS, ALIVE]), (GRANT_ONLY, vec![TOKENS, ALIVE])] {
        let world = connected_to(rest, answers).await;
        let checked = world.management.check(&key("acme")).await.unwrap();
        assert_eq!(checked.session, SessionFound::Renewed);
        assert!(checked.connection.line.generation.ends_with(".2"));
        assert_eq!(checked.connection.user_id.as_deref(), Some("005xx000001SwiUAAS"));
    }
}

#[tokio::test]
async fn a_check_that_finds_even_the_new_session_dead_says_so() {
    let world = connected_to(BOTH, vec![DEAD, TOKENS, DEAD]).await;
    assert_eq!(world.management.check(&key("acme")).await, Err(Refusal::Refused(Cause::FreshTokenRefused)));
}

#[tokio::test]
async fn a_check_of_a_connection_whose_app_was_wrong_tries_an_exchange_at_once() {
    let world = connected_to(BOTH, vec![TOKENS, ALIVE]).await;
    set_cause(&world, Cause::AppSecretWrong).await;
    let checked = world.management.check(&key("acme")).await.unwrap();
    assert_eq!(checked.session, SessionFound::Renewed);
    assert_eq!(checked.connection.line.status, Status::Active);
}

#[tokio::test]
async fn a_refresh_gets_the_next_generation_though_the_session_is_good() {
    let world = connected_to(BOTH, vec![TOKENS]).await;
    let view = world.management.refresh(&key("acme")).await.unwrap();
    assert!(view.line.generation.ends_with(".2"));
    assert_eq!(view.org_id.as_deref(), Some("00Dxx0000001gPLEAY"));
}

#[tokio::test]
async fn a_removal_revokes_before_it_forgets() {
    let revoked: Answer = ("POST /services/oauth2/revoke HTTP/1.1\r\n", 200, "");
    let world = connected_to(BOTH, vec![revoked]).await;
    assert_eq!(world.management.remove(&key("acme"), WhenNotRevoked::Keep).await, Ok(Removed::Revoked));
    assert_eq!(world.management.show(&key("acme")).await, Err(Refusal::NotConnected));
}

#[tokio::test]
async fn a_connection_that_cannot_be_revoked_is_kept_unless_it_is_to_be_forgotten_anyway() {
    let world = connected_to(BOTH, vec![]).await;
    let kept = world.management.remove(&key("acme"), WhenNotRevoked::Keep).await;
    assert!(matches!(kept, Err(Refusal::NotRevoked { .. })), "{kept:?}");
    world.management.show(&key("acme")).await.unwrap();
    let forgotten = world.management.remove(&key("acme"), WhenNotRevoked::Forget).await;
    assert!(matches!(forgotten, Ok(Removed::ForgottenOnly(_))), "{forgotten:?}");
    assert_eq!(world.management.show(&key("acme")).await, Err(Refusal::NotConnected));
}
