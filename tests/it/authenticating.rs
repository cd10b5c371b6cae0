//! Calls get their connection's token, and a dead session is cured before the caller sees it.

use http::Method;
use salesforce_sim::{AppOptions, Effect, Fault, OldInstance, RecordedRequest};

use crate::caller::{Call, Caller};
use crate::world::{Connected, Options, World};

pub const LIMITS: &str = "/services/data/v67.0/limits";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_credentials_reaches_its_own_org_with_its_own_token() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let globex = world.connect("globex", Some("u-17")).await;

    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let reply = world.caller().get(LIMITS).tenant("globex").user("u-17").send().await;
    assert_eq!(reply.status, 200);

    let requests = world.sim.requests();
    let received: Vec<_> =
        requests.iter().map(|request| (request.org.as_deref(), request.access_token.as_deref())).collect();
    assert_eq!(
        received,
        [
            (Some(acme.org.org_id()), Some(acme.tokens.access_token.as_str())),
            (Some(globex.org.org_id()), Some(globex.tokens.access_token.as_str())),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_replayed_once_and_the_caller_sees_the_answer() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);

    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(reply.header("orgpass-replay"), Some("done"));
    assert_eq!(world.sim.exchanges(), 1);

    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("orgpass-replay"), None);
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}

/// One way in which a client asks and Salesforce says that the session is dead.
type Dialect = (&'static str, fn(&Caller, &Connected) -> Call, &'static str);

const JOB_XML: &str = "<?xml version=\"1.0\"?><jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
    <operation>insert</operation><object>Account</object><contentType>CSV</contentType></jobInfo>";
const JOB_JSON: &str = r#"{"operation":"insert","object":"Account","contentType":"JSON"}"#;
const JOB: &str = "/services/async/67.0/job";

#[tokio::test(flavor = "multi_thread")]
async fn each_api_familys_own_way_to_say_that_a_session_is_dead_is_understood() {
    let world = World::start().await;
    let dialects: [Dialect; 8] = [
        ("rest-json", |caller, _| caller.get(LIMITS), "DailyApiRequests"),
        ("rest-xml", |caller, _| caller.get(LIMITS).header("accept", "application/xml"), "DailyApiRequests"),
        ("rest-gzip", |caller, _| caller.get("/services/apexrest/bytes?n=3").header("accept-encoding", "gzip"), "xxx"),
        (
            "rest-xml-gzip",
            |caller, _| {
                let call = caller.get("/services/apexrest/bytes?n=3").header("accept", "application/xml");
                call.header("accept-encoding", "gzip, deflate")
            },
            "xxx",
        ),
        ("bulk-xml", |caller, _| caller.post(JOB, JOB_XML).header("content-type", "application/xml"), "<jobInfo"),
        ("bulk-json", |caller, _| caller.post(JOB, JOB_JSON).header("content-type", "application/json"), "\"state\""),
        ("userinfo", |caller, _| caller.get("/services/oauth2/userinfo"), "user_id"),
        (
            "identity",
            |caller, connected| {
                let path = format!("/id/{}/{}", connected.org.org_id(), connected.user.user_id);
                caller.get(&path)
            },
            "user_id",
        ),
    ];
    for (count, (name, call, expected)) in (1..).zip(dialects) {
        let connected = world.connect(name, None).await;
        world.sim.expire_sessions(&connected.org);
        let reply = call(&world.caller(), &connected).tenant(name).send().await;
        assert!(reply.status.is_success(), "{name}: {reply:?}");
        assert_eq!(reply.header("orgpass-replay"), Some("done"), "{name}");
        assert!(String::from_utf8_lossy(&reply.body).contains(expected), "{name}: {reply:?}");
        assert_eq!(world.sim.exchanges(), count, "{name}");
        let requests = world.sim.requests();
        let dead: Vec<_> = at(&connected, &requests).map(|request| request.dead).collect();
        assert_eq!(dead, [true, false], "{name}");
    }
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

fn at<'a>(connected: &Connected, requests: &'a [RecordedRequest]) -> impl Iterator<Item = &'a RecordedRequest> {
    requests.iter().filter(|request| request.org.as_deref() == Some(connected.org.org_id()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_valid_for_the_rest_api_is_the_callers_to_know_and_costs_no_exchange() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.require_high_assurance(&acme.org, true);
    for encoding in ["identity", "gzip"] {
        let reply = world.caller().get(LIMITS).tenant("acme").header("accept-encoding", encoding).send().await;
        assert_eq!((reply.status.as_u16(), reply.error()), (401, None), "{reply:?}");
        if encoding == "identity" {
            let error = &reply.json()[0];
            assert_eq!(error["errorCode"], "INVALID_SESSION_ID");
            assert_eq!(error["message"], "This session is not valid for use with the REST API");
        }
        assert_eq!(reply.header("orgpass-replay"), None);
    }
    assert_eq!((world.sim.exchanges(), world.sim.requests().len()), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_that_is_about_something_else_passes_through() {
    let world = World::start().await;
    let _acme = world.connect("acme", None).await;
    let body = r#"[{"message":"INVALID_SESSION_ID is what this text talks about","errorCode":"INVALID_AUTH_HEADER"}]"#;
    world.sim.fault(Fault::on_path(LIMITS, Effect::Status(401, body.to_owned())));
    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!((reply.status.as_u16(), reply.body.as_ref()), (401, body.as_bytes()));
    assert_eq!(world.sim.exchanges(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_has_moved_is_followed_to_its_new_instance() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let old = acme.org.instance_url();
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    world.sim.move_org(&acme.org);
    let new = acme.org.instance_url();
    assert_ne!(old, new);

    for replay in [Some("done"), None] {
        let reply = world.caller().post("/services/apexrest/sink", "moved").tenant("acme").send().await;
        assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, replay), "{reply:?}");
    }
    let requests = world.sim.requests();
    let posts = requests.iter().filter(|request| request.path() == "/services/apexrest/sink");
    let hosts: Vec<_> = posts.map(|request| format!("http://{}", request.header("host").unwrap())).collect();
    assert_eq!(hosts, [old, new.clone(), new]);
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_of_an_org_that_has_moved_goes_back_to_the_caller_and_no_token_follows_it() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let old = acme.org.instance_url();
    world.sim.move_org_leaving(&acme.org, OldInstance::Redirects);
    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.status, 301);
    assert_eq!(reply.header("location"), Some(&*format!("{}{LIMITS}", acme.org.instance_url())));
    let requests = world.sim.requests();
    let hosts: Vec<_> = requests.iter().map(|request| format!("http://{}", request.header("host").unwrap())).collect();
    assert_eq!(hosts, [old]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_rotate_keeps_its_refresh_token() {
    let app = AppOptions { rotation: false, ..AppOptions::default() };
    let world = World::with(Options { app, ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    for exchanges in 1..=3 {
        world.sim.expire_sessions(&acme.org);
        let reply = world.caller().get(LIMITS).tenant("acme").send().await;
        assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")));
        assert_eq!(world.sim.successful_exchanges(), exchanges);
    }
    let requests = world.sim.requests();
    let token = format!("refresh_token={}", acme.tokens.refresh_token);
    let exchanges = requests.iter().filter(|request| request.path() == "/services/oauth2/token");
    let bodies: Vec<_> = exchanges.map(|request| request.body.clone().unwrap()).collect();
    assert_eq!(bodies.len(), 3);
    for body in bodies {
        let body = url::form_urlencoded::parse(&body).map(|(name, value)| format!("{name}={value}"));
        assert!(body.into_iter().any(|field| field == token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_call_whose_answer_cannot_say_why_it_is_refused_is_replayed() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let reply = world.caller().call(Method::HEAD, LIMITS).tenant("acme").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")), "{reply:?}");
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_without_a_body_is_replayed_as_it_was() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let path = "/services/data/v67.0/sobjects/Account/describe?x=%20a&&y=";
    let reply = world.caller().call(Method::GET, path).tenant("acme").header("x-own", "kept").send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let requests = world.sim.requests();
    let sent: Vec<_> = at(&acme, &requests).collect();
    assert_eq!(sent.len(), 2);
    for request in sent {
        assert_eq!(request.path_and_query, path);
        assert_eq!(request.header("x-own"), Some("kept"));
        assert!(!request.headers.contains("transfer-encoding") && request.body_length == 0);
    }
}
