//! Tags and credentials: what names the caller's connection, and what does not.

use orgpass::connection::{ConnectionKey, LocalToken, UNKNOWN_ORG};

use super::{LIMITS, get, nothing_arrived, one_arrived, refused};
use crate::world::World;

const FOREIGN: &str = "00Dxx0000001gPLEAY!AQcAQFoReIgNtOkEn.of.somebody_else";

fn local(tenant: &str, user: Option<&str>) -> String {
    LocalToken::format(UNKNOWN_ORG, &ConnectionKey::parse(tenant, user).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_do_not_name_one_connection_are_refused_with_their_place() {
    let world = World::start().await;
    world.connect("acme", None).await;
    world.connect("acme", Some("u-17")).await;
    let long = "x".repeat(129);
    let (missing, invalid) = ("missing_tenant", "invalid_tag");
    for (headers, error, says) in [
        (vec![], missing, "orgpass-tenant"),
        (vec!["Orgpass-Tenant:"], invalid, "orgpass-tenant is empty"),
        (vec!["Orgpass-Tenant: acme", "Orgpass-User:"], invalid, "orgpass-user is empty"),
        (vec!["Orgpass-Tenant: acme", "Orgpass-Tenant: acme"], invalid, "the header orgpass-tenant only once"),
        (vec!["Orgpass-Tenant: acme", "orgpass-user: a", "ORGPASS-USER: b"], invalid, "orgpass-user only once"),
        (vec!["Orgpass-User: u-17"], invalid, "orgpass-user needs orgpass-tenant"),
        (vec!["Orgpass-Tenant: ac me"], invalid, "orgpass-tenant has a character outside visible ASCII"),
        (vec!["Orgpass-Tenant: \u{e4}cme"], invalid, "orgpass-tenant has a character outside visible ASCII"),
        (vec![&*format!("Orgpass-Tenant: {long}")], invalid, "orgpass-tenant is longer than 128 bytes"),
        (vec!["Orgpass-Tenant: acme", &*format!("Orgpass-User: {long}")], invalid, "longer than 128 bytes"),
        (vec!["Orgpass-Tenant: acme", "Orgpass-Usr: u-17"], invalid, "orgpass-usr means nothing"),
        (vec!["Orgpass-Tenant: acme", "Orgpass-Credential: user"], invalid, "orgpass-credential does not fit"),
        (vec!["Orgpass-Tenant: acme", "Orgpass-Credential: admin"], invalid, "must be user or installation"),
        (vec!["Orgpass_Tenant: acme"], "invalid_request", "_ in place of -"),
    ] {
        let reply = refused(&world, &get(LIMITS, &headers), 400, error, says).await;
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.json()[0]["errorCode"], format!("ORGPASS_{}", error.to_ascii_uppercase()));
    }
    nothing_arrived(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_no_local_token_never_name_a_caller() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let acme = local("acme", None);
    let invalid = "invalid_tag";
    for (headers, says) in [
        (vec![bearer(FOREIGN)], "the header authorization is not a local token"),
        (vec!["Authorization: Basic YWNtZTphY21l".to_owned()], "the header authorization is not a local token"),
        (vec![format!("Authorization: {acme}")], "the header authorization is not a local token"),
        (vec![format!("X-SFDC-Session: {FOREIGN}")], "the header x-sfdc-session is not a local token"),
        (vec![format!("accesstoken: {FOREIGN}")], "the header accesstoken is not a local token"),
        (vec![bearer(&acme), bearer(&acme)], "the header authorization only once"),
        (vec![bearer(&acme), format!("X-SFDC-Session: {}", local("globex", None))], "two different connections"),
        (vec![bearer(&local("acme", Some("u"))), "Orgpass-Tenant: acme".to_owned()], "two different connections"),
        (vec![bearer(&format!("{acme}_2d"))], "the header authorization has a wrong escape"),
        (vec![bearer(&format!("{acme}-"))], "the header authorization has a wrong escape"),
        (vec![bearer(&format!("{UNKNOWN_ORG}!orgpass._61cme"))], "wrong escape"),
        (vec![bearer(&format!("{acme}.u.v"))], "must be ORGID!orgpass.TENANT"),
        (vec![bearer(&format!("{acme}."))], "a part is empty"),
        (vec![bearer(&format!("{UNKNOWN_ORG}!orgpass.{}", "a".repeat(129)))], "longer than 128 bytes"),
        (vec![bearer(&format!("{UNKNOWN_ORG}!orgpass.{}", "_2D".repeat(4000)))], "longer than 128 bytes"),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        refused(&world, &get(LIMITS, &headers), 400, invalid, says).await;
    }
    let reply = refused(&world, &get(LIMITS, &[&bearer(&local("nobody", None))]), 403, "not_connected", "").await;
    assert!(reply.text().contains("Connect the org first"), "{}", reply.text());
    nothing_arrived(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_url_names_nobody_but_on_identity_urls() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let token = local("acme", None);
    for target in [
        format!("{LIMITS}?oauth_token={token}"),
        format!("{LIMITS}?OAuth_Token={token}"),
        format!("{LIMITS}?oauth%5Ftoken={token}"),
        format!("{LIMITS}?access_token={token}"),
        format!("/services/oauth2/userinfo?oauth_token={token}"),
    ] {
        refused(&world, &get(&target, &[]), 400, "invalid_tag", "A token in the URL does not name the caller").await;
    }
    let twice = format!("{LIMITS}?oauth_token={token}&oauth_token={token}");
    refused(&world, &get(&twice, &["Orgpass-Tenant: acme"]), 400, "invalid_tag", "oauth_token only once").await;
    refused(&world, &get(&format!("{LIMITS}?oauth_token={FOREIGN}"), &[]), 400, "invalid_tag", "oauth_token").await;
    nothing_arrived(&world);

    let identity = format!("/id/{}/{}", acme.org.org_id(), acme.user.user_id);
    let replies = world.caller().raw(get(&format!("{identity}?oauth_token={token}&version=latest"), &[])).await;
    assert_eq!(replies[0].status, 200, "{}", replies[0].text());
    let arrived = one_arrived(&world);
    assert_eq!(arrived.path_and_query, format!("{identity}?version=latest"));
    assert_eq!(arrived.access_token.as_deref(), Some(acme.tokens.access_token.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_token_works_wherever_a_client_puts_one() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let ana = world.connect("acme", Some("u-17")).await;
    let (own, hers) = (local("acme", None), local("acme", Some("u-17")));
    for scheme in ["Bearer", "bearer", "BEARER", "OAuth", "oauth", "OAUTH", "Bearer "] {
        for (token, connected) in [(&own, &acme), (&hers, &ana)] {
            let replies = world.caller().raw(get(LIMITS, &[&format!("Authorization: {scheme} {token}")])).await;
            assert_eq!(replies[0].status, 200, "{scheme}: {}", replies[0].text());
            let arrived = one_arrived(&world);
            assert_eq!(arrived.header("authorization"), Some(&*format!("Bearer {}", connected.tokens.access_token)));
            assert_eq!(arrived.org.as_deref(), Some(connected.org.org_id()));
        }
    }
    let with_org = own.replace(UNKNOWN_ORG, acme.org.org_id());
    for header in ["X-SFDC-Session", "x-sfdc-SESSION", "accesstoken"] {
        let replies = world.caller().raw(get(LIMITS, &[&format!("{header}: {with_org}")])).await;
        assert_eq!(replies[0].status, 200, "{header}: {}", replies[0].text());
        let arrived = one_arrived(&world);
        assert_eq!(arrived.access_token.as_deref(), Some(acme.tokens.access_token.as_str()));
        assert!(!arrived.headers.contains("x-sfdc-session") && !arrived.headers.contains("accesstoken"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_header_tags_a_foreign_token_is_dropped_and_an_equal_local_one_agrees() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let own = local("acme", None);
    for header in [
        format!("Authorization: Bearer {FOREIGN}"),
        format!("Authorization: Bearer {own}"),
        format!("X-SFDC-Session: {FOREIGN}"),
        format!("X-SFDC-Session: {own}"),
        "Authorization: Basic YWNtZTphY21l".to_owned(),
    ] {
        let replies = world.caller().raw(get(LIMITS, &["Orgpass-Tenant: acme", &header])).await;
        assert_eq!(replies[0].status, 200, "{header}: {}", replies[0].text());
        let arrived = one_arrived(&world);
        assert_eq!(arrived.headers.get_all("authorization").count(), 1);
        assert_eq!(arrived.access_token.as_deref(), Some(acme.tokens.access_token.as_str()), "{header}");
    }
    let target = format!("{LIMITS}?a=1&oauth_token={FOREIGN}&b=%2F");
    let replies = world.caller().raw(get(&target, &["Orgpass-Tenant: acme"])).await;
    assert_eq!(replies[0].status, 200);
    assert_eq!(one_arrived(&world).path_and_query, format!("{LIMITS}?a=1&b=%2F"));
}
