//! Data Cloud: a token of its own, earned with the org's.

use std::time::Duration;

use orgpass::connection::Status;
use salesforce_sim::{ApiFamily, Effect, Fault};
use url::form_urlencoded;

use super::{GOOD, REPLAYED, at, configured, exchanges, outcome, query, with_scopes};
use crate::authenticating::LIMITS;
use crate::caller::crowd;
use crate::world::{World, eventually};

const SCOPES: &[&str] = &["cdp_query_api", "cdp_ingest_api"];

async fn tokens_counted(world: &World, result: &str) -> f64 {
    world.metric(&format!("orgpass_data_cloud_exchanges_total{{result=\"{result}\"}}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_to_the_orgs_own_tenant_with_a_token_of_the_tenants() {
    let world = with_scopes(SCOPES).await;
    let acme = world.connect("acme", None).await;
    let reply = query(&world.caller()).tenant("acme").send().await;
    assert_eq!(outcome(&reply), GOOD, "{reply:?}");
    assert_eq!(reply.json()["sql"], "SELECT id__c FROM Individual__dlm");

    let [exchange] = &exchanges(&world)[..] else { panic!("one exchange is enough") };
    assert_eq!(exchange.org.as_deref(), Some(acme.org.org_id()));
    let form: Vec<(String, String)> = form_urlencoded::parse(exchange.body.as_ref().unwrap()).into_owned().collect();
    let expected = [
        ("grant_type", "urn:salesforce:grant-type:external:cdp"),
        ("subject_token", &acme.tokens.access_token),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    let [call] = &at(&world, &world.sim.data_cloud_host(&acme.org))[..] else { panic!("one call") };
    assert!(call.access_token.as_ref().unwrap().starts_with("eyJ") && !call.foreign_token);
    for header in ["orgpass-target", "orgpass-tenant", "cookie"] {
        assert!(!call.headers.contains(header), "{header}");
    }
    assert_eq!(world.sim.exchanges(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_shares_one_exchange_and_later_calls_need_none() {
    let world = with_scopes(SCOPES).await;
    world.connect("acme", None).await;
    let caller = world.caller();
    for reply in crowd(50, || query(&caller).tenant("acme")).await {
        assert_eq!(outcome(&reply), GOOD, "{reply:?}");
    }
    let mut kept = caller.connect().await;
    for _ in 0..50 {
        assert_eq!(outcome(&query(&caller).tenant("acme").send_on(&mut kept).await), GOOD);
    }
    assert_eq!((exchanges(&world).len(), world.sim.exchanges()), (1, 0));
    assert_eq!(tokens_counted(&world, "tokens").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_at_once_reach_their_own_data_with_their_own_tokens() {
    let world = with_scopes(SCOPES).await;
    let (acme, globex) = (world.connect("acme", None).await, world.connect("globex", Some("u-17")).await);
    let caller = world.caller();
    let of_acme = crowd(20, || query(&caller).tenant("acme"));
    let of_globex = crowd(20, || query(&caller).tenant("globex").user("u-17"));
    let (of_acme, of_globex) = tokio::join!(of_acme, of_globex);
    for reply in of_acme.iter().chain(&of_globex) {
        assert_eq!(outcome(reply), GOOD, "{reply:?}");
    }
    for connected in [&acme, &globex] {
        let calls = at(&world, &world.sim.data_cloud_host(&connected.org));
        assert_eq!(calls.len(), 20);
        assert!(calls.iter().all(|call| !call.foreign_token && call.access_token == calls[0].access_token));
    }
    assert_eq!(exchanges(&world).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_data_cloud_has_ended_is_replaced_and_the_orgs_session_goes_on() {
    let world = with_scopes(SCOPES).await;
    let acme = world.connect("acme", None).await;
    let caller = world.caller();
    assert_eq!(outcome(&query(&caller).tenant("acme").send().await), GOOD);
    // So that it was not earned a moment ago.
    world.orgpass().tokens().clock().turn(Duration::from_secs(5));
    world.sim.end_data_cloud_tokens(&acme.org);
    let reply = query(&caller).tenant("acme").send().await;
    assert_eq!(outcome(&reply), REPLAYED, "{reply:?}");
    assert_eq!(outcome(&query(&caller).tenant("acme").send().await), GOOD);
    assert_eq!((exchanges(&world).len(), world.sim.exchanges()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_org_that_has_ended_is_replaced_before_anything_is_sent() {
    let world = with_scopes(SCOPES).await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let reply = query(&world.caller()).tenant("acme").send().await;
    assert_eq!(outcome(&reply), GOOD, "{reply:?}");
    assert_eq!((exchanges(&world).len(), world.sim.exchanges()), (2, 1));
    assert_eq!(tokens_counted(&world, "dead_session").await, 1.0);
    assert_eq!(at(&world, &world.sim.data_cloud_host(&acme.org)).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_session_is_understood_in_rests_words_too() {
    let world = with_scopes(SCOPES).await;
    world.connect("acme", None).await;
    let dead = r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
    world.sim.fault(Fault::on_path("/services/a360/token", Effect::Status(401, dead.to_owned())));
    assert_eq!(outcome(&query(&world.caller()).tenant("acme").send().await), GOOD);
    assert_eq!((exchanges(&world).len(), world.sim.exchanges()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_ahead_of_its_end_and_at_its_end() {
    const LIFE: Duration = Duration::from_secs(600);
    let world = with_scopes(SCOPES).await;
    world.connect("acme", None).await;
    world.sim.set_data_cloud_life(LIFE);
    let caller = world.caller();
    let turn = |by| {
        world.sim.advance(by);
        world.orgpass().tokens().clock().turn(by);
    };
    assert_eq!(outcome(&query(&caller).tenant("acme").send().await), GOOD);
    turn(LIFE * 19 / 20);
    // It still serves while the next is fetched.
    assert_eq!(outcome(&query(&caller).tenant("acme").send().await), GOOD);
    eventually("the next token", async || tokens_counted(&world, "tokens").await == 2.0).await;
    turn(LIFE / 2);
    assert_eq!(outcome(&query(&caller).tenant("acme").send().await), GOOD);
    assert_eq!(exchanges(&world).len(), 2);

    turn(LIFE);
    assert_eq!(outcome(&query(&caller).tenant("acme").send().await), GOOD);
    assert_eq!((exchanges(&world).len(), world.sim.exchanges()), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_was_not_kept_is_for_the_caller_to_send_again() {
    let world = configured(SCOPES, false, "proxy.replay_memory = \"0\"").await;
    let acme = world.connect("acme", None).await;
    let caller = world.caller();
    assert_eq!(outcome(&query(&caller).tenant("acme").send().await), GOOD);
    world.orgpass().tokens().clock().turn(Duration::from_secs(5));
    world.sim.end_data_cloud_tokens(&acme.org);
    let reply = query(&caller).tenant("acme").send().await;
    assert_eq!(outcome(&reply), (503, Some("replay_not_possible"), Some("not-possible")), "{reply:?}");
    assert_eq!(outcome(&query(&caller).tenant("acme").send().await), GOOD);
    assert_eq!((exchanges(&world).len(), world.sim.exchanges()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_that_is_refused_leads_to_a_new_session_of_the_org() {
    let world = with_scopes(SCOPES).await;
    let acme = world.connect("acme", None).await;
    let dead = r#"{"error":"Unauthorized","message":"Jwt verification fails"}"#;
    world.sim.fault(Fault::on_path("/api/v2/query", Effect::Status(401, dead.to_owned())));
    let reply = query(&world.caller()).tenant("acme").send().await;
    assert_eq!(outcome(&reply), REPLAYED, "{reply:?}");
    assert_eq!((exchanges(&world).len(), world.sim.exchanges()), (2, 1));
    let [first, second] = &exchanges(&world)[..] else { panic!("two exchanges") };
    assert_ne!(first.body, second.body);
    assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_the_scopes_is_told_which_and_asked_once() {
    let world = with_scopes(&[]).await;
    let acme = world.connect("acme", None).await;
    for _ in 0..3 {
        let reply = query(&world.caller()).tenant("acme").send().await;
        assert_eq!(outcome(&reply), (403, Some("misconfigured"), None), "{reply:?}");
        let error = reply.json();
        assert_eq!(error["error"], "ORGPASS_MISCONFIGURED");
        let message = error["message"].as_str().unwrap();
        assert!(["cdp_query_api", "cdp_ingest_api", "cdp_profile_api"].iter().all(|scope| message.contains(scope)));
    }
    assert_eq!((exchanges(&world).len(), world.sim.exchanges()), (1, 0));
    // What Data Cloud refuses is no fault of the connection.
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_refuses_every_fresh_token_costs_one_exchange_at_the_org() {
    let world = with_scopes(SCOPES).await;
    let acme = world.connect("acme", None).await;
    world.sim.restrict_ip(&acme.org, Some(ApiFamily::DataCloud));
    for _ in 0..5 {
        let reply = query(&world.caller()).tenant("acme").send().await;
        assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{reply:?}");
        assert!(reply.json()["message"].as_str().unwrap().contains("Unauthorized"), "{reply:?}");
    }
    assert_eq!((world.sim.exchanges(), exchanges(&world).len()), (1, 2));
    assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);

    world.sim.lift_ip_restriction(&acme.org);
    assert_eq!(query(&world.caller()).tenant("acme").send().await.status, 200);
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_data_clouds_gets_no_token() {
    let world = with_scopes(SCOPES).await;
    for (tenant, host) in
        [("acme", "evil.example"), ("globex", "http://169.254.169.254"), ("initech", "a.b@evil.example")]
    {
        let connected = world.connect(tenant, None).await;
        world.sim.misname_data_cloud(&connected.org, host);
        let reply = query(&world.caller()).tenant(tenant).send().await;
        assert_eq!(outcome(&reply), (403, Some("misconfigured"), None), "{host}: {reply:?}");
        assert!(!reply.text().contains("evil"), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_without_an_answer_is_tried_again_later() {
    let world = with_scopes(SCOPES).await;
    world.connect("acme", None).await;
    world.sim.fault(Fault::on_path("/services/a360/token", Effect::HtmlMaintenance(503)));
    let reply = query(&world.caller()).tenant("acme").send().await;
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{reply:?}");
    assert!(reply.header("retry-after").is_some());
    world.orgpass().tokens().clock().turn(Duration::from_secs(2));
    assert_eq!(outcome(&query(&world.caller()).tenant("acme").send().await), GOOD);
    assert_eq!(world.sim.exchanges(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenants_token_in_an_answer_stops_it() {
    let world = with_scopes(SCOPES).await;
    world.connect("acme", None).await;
    world.sim.fault(Fault::on_path("/api/v2/query", Effect::EchoTokenInHeader));
    let reply = query(&world.caller()).tenant("acme").send().await;
    assert_eq!((reply.status.as_u16(), reply.error()), (502, Some("response_withheld")), "{reply:?}");
}
