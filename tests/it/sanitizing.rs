//! What goes on to the org and what comes back to the caller: all that belongs to them, byte for byte, and nothing that
//! does not.

use std::io::Read;

use flate2::read::GzDecoder;
use salesforce_sim::{Effect, Fault, RecordedRequest};
use serde_json::json;

use crate::world::{Connected, World};

const LIMITS: &str = "/services/data/v67.0/limits";
const FOREIGN: &str = "00Dxx0000001gPLEAY!AQcAQFoReIgNtOkEn.of.somebody_else";

/// A world with one connection.
async fn with_acme() -> (World, Connected) {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    (world, acme)
}

/// The one request that arrived.
fn arrived(world: &World) -> RecordedRequest {
    let mut requests = world.sim.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_callers_own_reaches_the_org() {
    let (world, acme) = with_acme().await;
    let ends_here = [
        ("authorization", &*format!("Bearer {FOREIGN}")),
        ("x-sfdc-session", FOREIGN),
        ("accesstoken", FOREIGN),
        ("cookie", "sid=abc; BrowserId=x"),
        ("cookie2", "$Version=1"),
        ("orgpass-credential", "installation"),
        ("instanceurl", "https://evil.example"),
        ("tenantid", "00Dxx0000001gPLEAY"),
        ("forwarded", "for=10.0.0.7;host=evil.example"),
        ("x-forwarded-for", "10.0.0.7"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-anything", "1"),
        ("x-real-ip", "10.0.0.7"),
        ("via", "1.1 squid"),
        ("proxy-authorization", "Basic YTpi"),
        ("proxy-connection", "keep-alive"),
        ("connection", "close, X-Private"),
        ("x-private", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("trailer", "x-checksum"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("expect", "100-continue"),
    ];
    let call = world.caller().get(LIMITS).tenant("acme").header("x-kept", "yes");
    let call = ends_here.iter().fold(call, |call, (name, value)| call.header(name, value));
    let reply = call.send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());

    let received = arrived(&world);
    let own = [("authorization", format!("Bearer {}", acme.tokens.access_token))];
    let host = acme.org.instance_url().strip_prefix("http://").unwrap().to_owned();
    let mut names: Vec<_> = received.headers.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "host", "x-kept"]);
    assert_eq!(received.headers.get_all("authorization").collect::<Vec<_>>(), [own[0].1.as_str()]);
    assert_eq!(received.header("host"), Some(&*host));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_means_for_salesforce_arrives_unchanged() {
    let (world, _) = with_acme().await;
    let passes = [
        ("sforce-auto-assign", "FALSE"),
        ("sforce-call-options", "client=Acme/1.0, defaultNamespace=ns"),
        ("sforce-query-options", "batchSize=2000"),
        ("sforce-limit-info", "api-usage"),
        ("sforce-duplicate-rule-header", "allowSave=true"),
        ("sforce-mru", "updateMru=true"),
        ("sforce-enable-pkchunking", "chunkSize=1000"),
        ("x-sfdc-packageversion-ns", "1.0"),
        ("if-match", "\"abc\""),
        ("if-none-match", "\"def\""),
        ("if-modified-since", "Tue, 10 Aug 2025 00:00:00 GMT"),
        ("if-unmodified-since", "Tue, 10 Aug 2026 00:00:00 GMT"),
        ("x-prettyprint", "1"),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("accept-language", "*"),
        ("content-type", "application/json"),
        ("soapaction", "\"\""),
        ("user-agent", "sfdx toolbelt:"),
        ("sec-fetch-mode", "cors"),
        ("x-request-id", "caller-17"),
    ];
    let call = world.caller().post("/services/apexrest/sink", "{}").tenant("acme");
    let call = passes.iter().fold(call, |call, (name, value)| call.header(name, value));
    let reply = call.header("x-twice", "1").header("x-twice", "2").send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let received = arrived(&world);
    for (name, value) in passes {
        assert_eq!(received.headers.get_all(name).collect::<Vec<_>>(), [value], "{name}");
    }
    assert_eq!(received.headers.get_all("x-twice").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(received.body.as_deref(), Some(&b"{}"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn path_and_query_arrive_byte_for_byte() {
    let (world, _) = with_acme().await;
    for target in [
        "/services/data/v67.0/query?q=SELECT+Id+FROM+Account+WHERE+Name='a%2Fb'",
        "/services/data/v67.0/sobjects/Account/Ext__c/a%2Fb%2Fc",
        "/services/data/v67.0/sobjects/Account/Ext__c/caf%C3%A9",
        "/services/data/v67.0/sobjects/Account/Ext__c/caf%c3%a9",
        "/services/data/v67.0/sobjects/Account/Ext__c/a+b%20c",
        "/services/data/v67.0/sobjects/Account/Ext__c/(x)!$&'*,=:@~-._",
        "/services/data//v67.0//limits",
        "/Services/Data/v67.0/limits",
        "/services/data/v67.0/limits/",
        "/services/data/v67.0/limits?",
        "/services/data/v67.0/limits?a=%252e%252e&b=../..;/x&&c&d=%zz&e=http://x/y?z",
        "/services/%64ata/v67.0/limits",
    ] {
        world.sim.clear_requests();
        let sent =
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrgpass-Tenant: acme\r\n\r\n");
        let replies = world.caller().raw(sent).await;
        assert_eq!(replies[0].error(), None, "{target}: {}", replies[0].text());
        assert_eq!(arrived(&world).path_and_query, target);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_gets_its_token_where_it_reads_it_and_nowhere_else() {
    let (world, acme) = with_acme().await;
    let reply = world
        .caller()
        .post("/services/async/67.0/job", r#"{"operation":"insert","object":"Account","contentType":"JSON"}"#)
        .tenant("acme")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {FOREIGN}"))
        .send()
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let received = arrived(&world);
    assert_eq!(received.header("x-sfdc-session"), Some(&*acme.tokens.access_token));
    assert!(!received.headers.contains("authorization"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cookie_or_host_policy_of_the_org_reaches_the_caller() {
    let (world, _) = with_acme().await;
    for call in [
        world.caller().get(LIMITS),
        world.caller().get("/services/data/v67.0/nothing"),
        world.caller().get("/services/apexrest/bytes?n=10"),
    ] {
        let reply = call.tenant("acme").send().await;
        for name in ["set-cookie", "strict-transport-security", "alt-svc", "orgpass-tenant", "keep-alive"] {
            assert!(!reply.headers.contains_key(name), "{name}: {:?}", reply.headers);
        }
        // What the org says about its quota and its answer stays.
        assert!(reply.header("sforce-limit-info").unwrap().starts_with("api-usage="));
        assert!(reply.headers.contains_key("cache-control") && reply.headers.contains_key("vary"));
        assert_eq!(reply.header("orgpass-request-id").unwrap().len(), 16);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_in_the_own_org_becomes_a_path_and_none_is_followed() {
    let (world, acme) = with_acme().await;
    let (own, elsewhere) = (acme.org.instance_url(), world.sim.create_org(Default::default()).instance_url());
    let host = own.strip_prefix("http:").unwrap();
    for (sent, given) in [
        (format!("{own}/services/data/v67.0/limits?x=%2F"), "/services/data/v67.0/limits?x=%2F"),
        (format!("{host}/services/data"), "/services/data"),
        (own.to_uppercase(), "/"),
        (format!("{own}//evil.example/x"), "/evil.example/x"),
        ("/services/data".to_owned(), "/services/data"),
        (format!("{elsewhere}/services/data"), &format!("{elsewhere}/services/data")),
        (format!("{own}.evil.example/x"), &format!("{own}.evil.example/x")),
        (format!("{own}@evil.example/x"), &format!("{own}@evil.example/x")),
        ("https://acme.my.salesforce.com/x".to_owned(), "https://acme.my.salesforce.com/x"),
    ] {
        world.sim.clear_requests();
        let to: String = url::form_urlencoded::byte_serialize(sent.as_bytes()).collect();
        let reply = world.caller().get(&format!("/services/apexrest/redirect?to={to}")).tenant("acme").send().await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (302, Some(given)), "{sent}");
        arrived(&world);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_answers_and_bodies_pass_untouched() {
    let (world, _) = with_acme().await;
    let plain = world.caller().get("/services/data/v67.0/sobjects").tenant("acme").send().await;
    let reply = world
        .caller()
        .get("/services/data/v67.0/sobjects")
        .tenant("acme")
        .header("accept-encoding", "gzip")
        .send()
        .await;
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!((reply.header("transfer-encoding"), reply.header("content-length")), (Some("chunked"), None));
    let mut unpacked = Vec::new();
    GzDecoder::new(&reply.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);

    let call = world.caller().post("/services/apexrest/echo", reply.body.clone()).tenant("acme");
    let echoed = call.header("content-encoding", "gzip").header("content-type", "application/x-odd").send().await;
    assert_eq!(echoed.body, reply.body);
    assert_eq!(echoed.header("content-type"), Some("application/x-odd"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_carries_the_token_is_withheld() {
    let (world, _) = with_acme().await;
    let userinfo = "/services/oauth2/userinfo";
    let status = |code: u16| format!("/services/apexrest/status?code={code}");
    for (effect, path) in [
        (Effect::EchoTokenInHeader, LIMITS.to_owned()),
        (Effect::EchoTokenInHeader, userinfo.to_owned()),
        (Effect::EchoTokenInHeader, status(500)),
        (Effect::EchoTokenInBody, status(401)),
    ] {
        let struck = world.sim.fault(Fault::on_path("/services", effect.clone()));
        let reply = world.caller().get(&path).tenant("acme").send().await;
        assert_eq!(struck.struck(), 1, "{effect:?} {path}");
        assert_eq!((reply.status.as_u16(), reply.error()), (502, Some("response_withheld")), "{effect:?} {path}");
        assert!(reply.text().contains("contained the connection's access token"));
        assert!(!reply.headers.contains_key("x-echo"));
    }
    world.sim.fault(Fault::on_path("/services", Effect::EchoTokenInBody));
    let packed = world.caller().get(&status(401)).tenant("acme").header("accept-encoding", "gzip").send().await;
    assert_eq!(packed.error(), Some("response_withheld"), "compressed too");
    world.sim.fault(Fault::on_path("/services", Effect::EchoTokenInBody));
    let bulk = world.caller().post("/services/async/67.0/job", "<not a job>").tenant("acme").send().await;
    assert_eq!(bulk.error(), Some("response_withheld"), "{}", bulk.text());
    assert_eq!(world.sim.exchanges(), 0, "an echo is no dead session");
    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.status, 200, "the connection lives on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_org_is_the_orgs_own() {
    let (world, _) = with_acme().await;
    let body = json!([{"message": "quoted \"text\" & more", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]).to_string();
    for status in [400, 401, 403, 404, 409, 420, 429, 500, 503] {
        world.sim.fault(Fault::on_path(LIMITS, Effect::RetryAfter(status, 7, body.clone())));
        let reply = world.caller().get(LIMITS).tenant("acme").send().await;
        assert_eq!((reply.status.as_u16(), reply.error()), (status, None));
        assert_eq!((reply.text(), reply.header("retry-after")), (&*body, Some("7")));
    }
    assert_eq!(world.sim.exchanges(), 0, "none of these is a dead session");
}
