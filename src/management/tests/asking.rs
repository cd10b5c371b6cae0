//! What asks an org or its token endpoint: check, refresh, remove.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

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
