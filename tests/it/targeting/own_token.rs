//! Targets that take the connection's own token: Account Engagement, the platform, the login host.

use orgpass::connection::Status;
use salesforce_sim::ApiFamily;

use super::{GOOD, REPLAYED, UNIT, agent, at, configured, host_of, outcome, prospects, with_scopes};
use crate::authenticating::LIMITS;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn account_engagement_gets_the_connections_token_and_the_callers_business_unit() {
    let world = with_scopes(&["pardot_api"]).await;
    let acme = world.connect("acme", Some("u-17")).await;
    let reply = prospects(&world.caller()).tenant("acme").user("u-17").send().await;
    assert_eq!(outcome(&reply), GOOD, "{reply:?}");
    assert_eq!(reply.json()["values"][0]["id"], 1);
    let url = world.sim.account_engagement_url();
    let [call] = &at(&world, host_of(&url))[..] else { panic!("one call") };
    assert_eq!(call.access_token.as_ref(), Some(&acme.tokens.access_token));
    assert_eq!(call.header("pardot-business-unit-id"), Some(UNIT));
    assert_eq!(call.path_and_query, "/api/v5/objects/prospects?fields=id,email");
    assert!(!call.headers.contains("orgpass-target") && !call.headers.contains("orgpass-user"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_names_no_business_unit_is_refused_in_account_engagements_form() {
    let world = with_scopes(&["pardot_api"]).await;
    world.connect("acme", None).await;
    for unit in [None, Some("")] {
        let call = world.caller().get("/api/v5/objects/prospects").header("orgpass-target", "account-engagement");
        let call = unit.map_or_else(
            || call,
            |unit| {
                let caller = world.caller();
                caller
                    .get("/api/v5/objects/prospects")
                    .header("orgpass-target", "account-engagement")
                    .header("pardot-business-unit-id", unit)
            },
        );
        let reply = call.tenant("acme").send().await;
        assert_eq!(outcome(&reply), (400, Some("invalid_request"), None), "{reply:?}");
        assert_eq!(reply.json()["code"], 400);
        assert!(reply.json()["message"].as_str().unwrap().contains("Pardot-Business-Unit-Id"), "{reply:?}");
    }
    assert_eq!(world.sim.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_session_is_understood_at_each_target_and_cured() {
    let world = configured(&["pardot_api", "sfap_api"], true, "").await;
    for (count, (tenant, call)) in (1..).zip([("engagement", prospects as fn(&_) -> _), ("agents", agent)]) {
        let connected = world.connect(tenant, None).await;
        world.sim.expire_sessions(&connected.org);
        let reply = call(&world.caller()).tenant(tenant).send().await;
        assert_eq!(outcome(&reply), REPLAYED, "{tenant}: {reply:?}");
        assert_eq!(outcome(&call(&world.caller()).tenant(tenant).send().await), GOOD, "{tenant}");
        assert_eq!(world.sim.exchanges(), count, "{tenant}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_refuses_every_fresh_token_costs_one_exchange_and_the_org_goes_on() {
    let world = configured(&["pardot_api", "sfap_api"], true, "").await;
    for (count, (family, call)) in
        (1..).zip([(ApiFamily::AccountEngagement, prospects as fn(&_) -> _), (ApiFamily::Platform, agent)])
    {
        let tenant = format!("tenant-{count}");
        let connected = world.connect(&tenant, None).await;
        world.sim.restrict_ip(&connected.org, Some(family));
        for _ in 0..5 {
            let reply = call(&world.caller()).tenant(&tenant).send().await;
            assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{reply:?}");
        }
        assert_eq!(world.sim.exchanges(), count);
        assert_eq!(world.caller().get(LIMITS).tenant(&tenant).send().await.status, 200);
        assert_eq!(world.stored_status(&connected.key).await, (Status::Active, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_not_retried_without_end() {
    let world = with_scopes(&[]).await;
    world.connect("acme", None).await;
    for _ in 0..3 {
        let reply = prospects(&world.caller()).tenant("acme").send().await;
        assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{reply:?}");
        assert_eq!(reply.json()["code"], 403);
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(["account-engagement", "scopes", "184"].iter().all(|part| message.contains(part)), "{message}");
    }
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_gets_jwt_based_tokens_and_no_others() {
    let world = configured(&["sfap_api"], true, "").await;
    let acme = world.connect("acme", None).await;
    let reply = agent(&world.caller()).tenant("acme").send().await;
    assert_eq!(outcome(&reply), GOOD, "{reply:?}");
    assert_eq!(reply.json()["org_id"], acme.org.org_id());
    let url = world.sim.platform_url();
    assert_eq!(at(&world, host_of(&url))[0].access_token.as_ref(), Some(&acme.tokens.access_token));

    let opaque = with_scopes(&["sfap_api"]).await;
    opaque.connect("acme", None).await;
    let reply = agent(&opaque.caller()).tenant("acme").send().await;
    assert_eq!(outcome(&reply), (403, Some("misconfigured"), None), "{reply:?}");
    let error = &reply.json()["errors"][0];
    assert_eq!(error["errorCode"], "ORGPASS_MISCONFIGURED");
    assert!(error["message"].as_str().unwrap().contains("JWT-based access tokens"), "{reply:?}");
    assert_eq!(opaque.sim.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_whose_host_the_operator_knows_logs_in_at_its_own() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let identity = format!("/id/{}/{}", acme.org.org_id(), acme.user.user_id);
    for path in [identity.as_str(), "/services/oauth2/userinfo"] {
        let reply = world.caller().get(path).header("orgpass-target", "login").tenant("acme").send().await;
        assert_eq!(outcome(&reply), GOOD, "{reply:?}");
        assert_eq!(reply.json()["user_id"], acme.user.user_id.as_str());
    }
    world.sim.expire_sessions(&acme.org);
    let reply = world.caller().get(&identity).header("orgpass-target", "login").tenant("acme").send().await;
    assert_eq!(outcome(&reply), REPLAYED, "{reply:?}");
    assert_eq!(at(&world, host_of(&acme.org.instance_url())).len(), 4);
}
