//! What the header `Orgpass-Target` may say, and what goes where because of it.

use super::{agent, outcome, prospects, query, with_scopes};
use crate::authenticating::LIMITS;

const SCOPES: &[&str] = &["cdp_query_api", "pardot_api", "sfap_api"];

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_none_is_refused_and_the_error_names_those_that_are() {
    let world = with_scopes(SCOPES).await;
    world.connect("acme", None).await;
    let caller = world.caller();
    let get = |path: &str| caller.get(path).tenant("acme");
    for call in [
        get(LIMITS).header("orgpass-target", ""),
        get(LIMITS).header("orgpass-target", "org"),
        get(LIMITS).header("orgpass-target", "Data-Cloud"),
        get(LIMITS).header("orgpass-target", "login, platform"),
        get("/api/v2/query").header("orgpass-target", "data-cloud").header("orgpass-target", "data-cloud"),
        get("/api/v2/query").header("orgpass-target", "data-cloud").header("orgpass-target", "login"),
    ] {
        let reply = call.send().await;
        assert_eq!(outcome(&reply), (400, Some("invalid_tag"), None), "{reply:?}");
        for word in ["orgpass-target", "data-cloud", "account-engagement", "platform", "login"] {
            assert!(reply.shows(word), "{word}: {reply:?}");
        }
    }
    assert_eq!(world.sim.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_relays_its_own_paths_only() {
    let world = with_scopes(SCOPES).await;
    world.connect("acme", None).await;
    for (target, path) in [
        ("data-cloud", LIMITS),
        ("data-cloud", "/services/a360/token"),
        ("data-cloud", "/api/v9/query"),
        ("data-cloud", "/api/v2/../../services/oauth2/token"),
        ("account-engagement", "/api/v2/query"),
        ("account-engagement", "/api/login/version/4"),
        ("platform", "/services/oauth2/token"),
        ("platform", "/einstein/%2e%2e/x"),
        ("login", LIMITS),
        ("login", "/services/oauth2/token"),
        ("login", "/secur/frontdoor.jsp"),
    ] {
        let reply = world.caller().get(path).tenant("acme").header("orgpass-target", target).send().await;
        assert_eq!(outcome(&reply), (403, Some("path_refused"), None), "{target} {path}: {reply:?}");
    }
    // Without the header, no path leads away from the org.
    for path in ["/api/v2/query", "/api/v5/objects/prospects", "/einstein/ai-agent/v1/agents"] {
        let reply = world.caller().get(path).tenant("acme").send().await;
        assert_eq!(outcome(&reply), (403, Some("path_refused"), None), "{path}: {reply:?}");
    }
    assert_eq!(world.sim.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_connection_is_told_so_in_the_form_of_each_target() {
    let world = with_scopes(SCOPES).await;
    let caller = world.caller();
    for (call, message, code) in [
        (query(&caller), "/message", Some(("/error", "ORGPASS_NOT_CONNECTED"))),
        (prospects(&caller), "/message", None),
        (agent(&caller), "/errors/0/message", Some(("/errors/0/errorCode", "ORGPASS_NOT_CONNECTED"))),
    ] {
        let reply = call.tenant("nobody").send().await;
        assert_eq!(outcome(&reply), (403, Some("not_connected"), None), "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let body = reply.json();
        assert!(body.pointer(message).unwrap().as_str().unwrap().starts_with("Nothing is connected"), "{body}");
        if let Some((place, code)) = code {
            assert_eq!(body.pointer(place).unwrap(), code);
        }
    }
    assert_eq!(world.sim.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_token_names_the_connection_at_a_target_too() {
    let world = with_scopes(SCOPES).await;
    let acme = world.connect("acme", Some("u-17")).await;
    let token = format!("Bearer {}!orgpass.acme.u_2D17", acme.org.org_id());
    let reply = prospects(&world.caller()).header("authorization", &token).send().await;
    assert_eq!(outcome(&reply), (200, None, None), "{reply:?}");
    let sent = world.sim.requests().pop().unwrap();
    assert_eq!(sent.access_token.as_ref(), Some(&acme.tokens.access_token));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_for_targets_are_counted_by_their_own_names() {
    let world = with_scopes(SCOPES).await;
    world.connect("acme", None).await;
    assert_eq!(query(&world.caller()).tenant("acme").send().await.status, 200);
    assert_eq!(prospects(&world.caller()).tenant("acme").send().await.status, 200);
    for (api, method) in [("data_cloud", "POST"), ("account_engagement", "GET")] {
        let series =
            format!("orgpass_requests_total{{api=\"{api}\",method=\"{method}\",outcome=\"relayed\",status=\"200\"}}");
        world.until_metric(&series, 1.0).await;
    }
}
