//! The access log: one line a call, in either form, with how the call ended.

use http_body_util::BodyExt;
use salesforce_sim::{Effect, Fault};
use serde_json::Value;

use super::LIMITS;
use crate::world::{Connected, Options, World, eventually};

/// The lines of the log, once there are so many; they are written out a moment after the call.
async fn lines(world: &World, count: usize) -> Vec<String> {
    let written = || world.log.text().lines().map(str::to_owned).collect::<Vec<_>>();
    eventually("the lines are written", async || written().len() >= count).await;
    let lines = written();
    assert_eq!(lines.len(), count, "{lines:?}");
    lines
}

async fn last_json(world: &World, count: usize) -> Value {
    serde_json::from_str(lines(world, count).await.last().unwrap()).unwrap()
}

fn keys(line: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_one_line_of_json_that_says_how_it_ended() {
    let world = World::start().await;
    let ana = world.connect("acme", Some("u-17")).await;
    let caller = world.caller();
    let call = |path: &str| caller.get(path).tenant("acme").user("u-17");

    let reply = call(LIMITS).send().await;
    let line = last_json(&world, 1).await;
    let common = [
        ["api", "bytes", "event", "generation", "id", "method", "ms", "org_request"],
        ["outcome", "path", "status", "tenant", "time", "upstream_ms", "user", ""],
    ];
    assert_eq!(keys(&line), common.concat().into_iter().filter(|key| !key.is_empty()).collect::<Vec<_>>());
    assert_eq!((&line["event"], &line["tenant"], &line["user"]), (&"request".into(), &"acme".into(), &"u-17".into()));
    assert_eq!((&line["api"], &line["method"], &line["status"]), (&"rest".into(), &"GET".into(), &200.into()));
    assert_eq!(line["outcome"], "relayed");
    assert_eq!(line["id"].as_str(), reply.header("orgpass-request-id"));
    assert_eq!(line["org_request"].as_str(), reply.header("x-sfdc-request-id"));
    assert_eq!(line["path"], "/services/data/v67.0/limits");
    let shown = async || world.orgpass().engine().management.show(&ana.key).await.unwrap().line.generation;
    assert_eq!(line["generation"], shown().await);
    assert_eq!(line["bytes"], reply.body.len());
    assert!(line["ms"].as_f64().unwrap() >= line["upstream_ms"].as_f64().unwrap());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - line["time"].as_f64().unwrap()).abs() < 60.0);

    world.sim.expire_sessions(&ana.org);
    call(LIMITS).send().await;
    let line = last_json(&world, 2).await;
    assert_eq!((&line["outcome"], &line["replay"]), (&"replayed".into(), &"done".into()));
    assert_eq!(line["generation"], shown().await, "the one that was sent last");

    call("/services/oauth2/token").send().await;
    let line = last_json(&world, 3).await;
    assert_eq!((&line["outcome"], &line["error"]), (&"refused".into(), &"path_refused".into()));
    assert_eq!((&line["api"], &line["status"]), (&"none".into(), &403.into()));
    assert_eq!((&line["path"], line.get("generation")), (&"/services/oauth2/token".into(), None));
    assert_eq!(line.get("tenant"), None, "who calls is asked only on a path that is relayed");

    world.sim.fault(Fault::on_path(LIMITS, Effect::TruncatedBody));
    call(LIMITS).try_send().await.unwrap_err();
    assert_eq!(last_json(&world, 4).await["outcome"], "org_failed");

    let mut slow = call("/services/apexrest/trickle?chunks=9").start().await.unwrap();
    slow.body_mut().frame().await.unwrap().unwrap();
    drop(slow);
    let line = last_json(&world, 5).await;
    assert_eq!((&line["outcome"], &line["status"]), (&"caller_gone".into(), &200.into()));

    let held = world.sim.fault(Fault::on_path(LIMITS, Effect::Hold));
    let waiting = tokio::spawn(call(LIMITS).send());
    held.wait_held(1).await;
    waiting.abort();
    assert_eq!(last_json(&world, 6).await["outcome"], "caller_gone");
    held.release();

    caller.raw("GET / HTTP/1.0\r\n\r\n").await;
    let line = last_json(&world, 7).await;
    assert_eq!((&line["outcome"], &line["error"]), (&"refused".into(), &"invalid_request".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_may_be_text_of_pairs() {
    let config = "[log]\nformat = \"text\"".to_owned();
    let world = World::with(Options { config, ..Options::default() }).await;
    world.connect("acme", None).await;
    let record = "/services/data/v67.0/sobjects/Contact/Email/jane@example.com";
    let reply = world.caller().get(&format!("{record}?secret=query")).tenant("acme").send().await;
    let line = lines(&world, 1).await.remove(0);
    let pairs: Vec<(&str, &str)> = line.split(' ').map(|pair| pair.split_once('=').expect("a pair")).collect();
    let keys: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
    assert_eq!(
        keys,
        [
            &["event", "time", "id", "tenant", "api", "method", "path", "status", "outcome"][..],
            &["generation", "org_request", "bytes", "ms", "upstream_ms"]
        ]
        .concat()
    );
    let id = reply.header("orgpass-request-id").unwrap();
    let path = "/services/data/v67.0/sobjects/Contact/{id}/{id}";
    let status = reply.status.as_u16();
    let middle = format!(" id={id} tenant=acme api=rest method=GET path={path} status={status} outcome=relayed ");
    assert!(line.contains(&middle), "{line}");
    assert!(!line.contains("query") && !line.contains("jane"), "no query, and nothing of a record: {line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_cannot_forge_a_field_or_a_line_of_json() {
    let world = World::start().await;
    let name = r#"a","outcome":"relayed"}{\"#;
    let reply = world.caller().get(LIMITS).tenant(name).send().await;
    assert_eq!(reply.error(), Some("not_connected"));
    let line = last_json(&world, 1).await;
    assert_eq!((&line["tenant"], &line["outcome"]), (&name.into(), &"refused".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_off() {
    let config = "[log]\naccess = false".to_owned();
    let mut world = World::with(Options { config, ..Options::default() }).await;
    world.connect("acme", None).await;
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    assert!(world.stop().await);
    assert_eq!(world.log.text(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_exchanged_too_often_is_named_among_the_events() {
    let world = World::configured("tokens.max_exchanges_per_hour = 1").await;
    let (limited, capped) =
        (world.connect("limited-by-salesforce", None).await, world.connect("capped-here", None).await);
    let refused = async |connected: &Connected| {
        world.sim.expire_sessions(&connected.org);
        let reply = world.caller().get(LIMITS).tenant(connected.key.tenant()).send().await;
        assert_eq!(reply.header("orgpass-error"), Some("token_unavailable"), "{reply:?}");
        world.events_about(connected.key.tenant()).into_iter().filter(|event| event.contains(" WARN ")).collect()
    };
    let limit = Effect::TokenError("rate_limit_exceeded".to_owned(), "login rate exceeded".to_owned());
    world.sim.fault(Fault::on_token_endpoint(limit));
    let events: Vec<String> = refused(&limited).await;
    assert!(events.iter().any(|event| event.contains("limits the logins of this user")), "{events:#?}");

    world.sim.expire_sessions(&capped.org);
    assert_eq!(world.caller().get(LIMITS).tenant("capped-here").send().await.status, 200);
    let events: Vec<String> = refused(&capped).await;
    assert!(events.iter().any(|event| event.contains("tokens.max_exchanges_per_hour")), "{events:#?}");
}
