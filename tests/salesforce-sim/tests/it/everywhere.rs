//! What holds for every API alike: dead sessions in its own words, gzip, cookies, faults, and the record.

use std::io::Read;

use salesforce_sim::{AppOptions, Effect, Fault, RecordedRequest};

use crate::World;
use crate::client::{Answer, send};

/// A call that succeeds, of one API.
struct Probe {
    name: &'static str,
    method: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Status and a part of the answer to a dead session.
    dead: (u16, &'static str),
}

impl Probe {
    async fn send(&self, more: &[(&str, &str)]) -> Answer {
        let mut headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.extend(more);
        send(self.method, &self.url, &headers, self.body.clone()).await.unwrap()
    }
}

/// One call of each API, with tokens that are good.
async fn probes(world: &World) -> Vec<Probe> {
    let token = &world.tokens.access_token;
    let bearer = ("authorization", format!("Bearer {token}"));
    let org = world.org.instance_url();
    let get = |name, url: String| Probe {
        name,
        method: "GET",
        url,
        headers: vec![bearer.clone()],
        body: String::new(),
        dead: (401, "INVALID_SESSION_ID"),
    };
    let soap = |name, path: &str, namespace: &str, operation: &str| Probe {
        method: "POST",
        headers: vec![("content-type", "text/xml".to_owned()), ("soapaction", "\"\"".to_owned())],
        body: format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:a=\"{namespace}\"><e:Header>\
             <a:SessionHeader><a:sessionId>{token}</a:sessionId></a:SessionHeader></e:Header><e:Body>\
             <a:{operation}/></e:Body></e:Envelope>"
        ),
        dead: (500, "<faultcode>sf:INVALID_SESSION_ID</faultcode>"),
        ..get(name, format!("{org}/services/Soap/{path}/64.0"))
    };
    let data = |path: &str| format!("{org}/services/data/v64.0/{path}");
    vec![
        get("REST", data("limits")),
        get("tooling", data("tooling/query?q=SELECT+Id+FROM+ApexClass")),
        get("Chatter", data("chatter/users/me")),
        get("Analytics", data("analytics/reports")),
        get("Bulk 2", data("jobs/ingest")),
        Probe { dead: (403, "Bad_OAuth_Token"), ..get("identity", format!("{org}/services/oauth2/userinfo")) },
        soap("Partner", "u", "urn:partner.soap.sforce.com", "getUserInfo"),
        soap("Enterprise", "c", "urn:enterprise.soap.sforce.com", "getServerTimestamp"),
        soap("Tooling", "T", "urn:tooling.soap.sforce.com", "describeGlobal"),
        soap("Metadata", "m", "http://soap.sforce.com/2006/04/metadata", "describeMetadata"),
        soap("Apex", "s", "http://soap.sforce.com/2006/08/apex", "executeAnonymous"),
        Probe {
            method: "POST",
            headers: vec![("x-sfdc-session", token.clone()), ("content-type", "application/json".to_owned())],
            body: r#"{"operation":"insert","object":"Account"}"#.to_owned(),
            dead: (400, "InvalidSessionId"),
            ..get("Bulk 1", format!("{org}/services/async/64.0/job"))
        },
    ]
}

async fn world() -> World {
    let scopes = ["api", "refresh_token"].map(str::to_owned).to_vec();
    World::new(AppOptions { scopes, ..AppOptions::default() }).await
}

#[tokio::test]
async fn every_api_sends_gzip_and_the_cookies_of_the_service() {
    let world = world().await;
    for probe in probes(&world).await {
        let plain = probe.send(&[]).await;
        assert!(plain.status.is_success(), "{}: {}", probe.name, plain.text());
        assert_eq!(plain.headers.get_all("set-cookie").iter().count(), 3, "{}", probe.name);
        let packed = probe.send(&[("accept-encoding", "gzip, deflate")]).await;
        assert_eq!(packed.header("content-encoding"), "gzip", "{}", probe.name);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut unpacked).unwrap();
        assert!(!unpacked.is_empty());
        let told = plain.headers.contains_key("sforce-limit-info");
        assert_eq!(told, probe.url.contains("/services/data/"), "{}", probe.name);
    }
}

#[tokio::test]
async fn every_api_says_in_its_own_words_that_a_session_is_dead() {
    let world = world().await;
    let probes = probes(&world).await;
    world.sim.expire_sessions(&world.org);
    for (number, probe) in probes.iter().enumerate() {
        let dead = probe.send(&[]).await;
        assert_eq!(dead.status, probe.dead.0, "{}", probe.name);
        assert!(dead.text().contains(probe.dead.1), "{}: {}", probe.name, dead.text());
        assert_eq!(dead.headers.get_all("set-cookie").iter().count(), 3, "{}", probe.name);
        let request = &world.sim.requests()[number];
        assert!(request.dead, "{}", probe.name);
        assert_eq!(request.access_token.as_ref(), Some(&world.tokens.access_token), "{}", probe.name);
    }
}

#[tokio::test]
async fn every_api_is_struck_by_faults() {
    let world = world().await;
    let probes = probes(&world).await;
    for probe in &probes {
        world.sim.fault(Fault::on_path("/", Effect::Status(503, "{}".to_owned())));
        assert_eq!(probe.send(&[]).await.status, 503, "{}", probe.name);
        world.sim.fault(Fault::on_path("/", Effect::EarlyAnswer));
        let early = probe.send(&[]).await;
        assert_eq!(early.status, probe.dead.0, "{}", probe.name);
        assert!(early.text().contains(probe.dead.1), "{}: {}", probe.name, early.text());
        assert!(probe.send(&[]).await.status.is_success(), "{}", probe.name);
    }
    let cut_short = |request: &RecordedRequest| request.status == Some(503);
    assert_eq!(world.sim.wait_for(cut_short, probes.len()).await.len(), probes.len());
}
