//! Processes that do not have every key: they say what they cannot open, and serve the rest.

use orgpass::app::App;
use orgpass::config::Config;

use super::{FILES, LIMITS, key};
use crate::caller::Caller;
use crate::world::{Options, Redis, Seen, World, eventually};

async fn readiness(operator: &Caller) -> serde_json::Value {
    let reply = operator.get("/readyz").send().await;
    serde_json::from_str(reply.text()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_lacks_a_key_names_its_connections_until_it_has_the_key() {
    const UNREADABLE: &str = "orgpass_unreadable_records{purpose=\"session\"}";
    let mut world = World::start().await;
    for tenant in ["unopened-a", "unopened-b"] {
        world.connect(tenant, None).await;
    }
    let lost = world.replace_key("session.keys");
    world.restart().await;
    world.until_metric(UNREADABLE, 2.0).await;
    assert_eq!(world.metric("orgpass_unreadable_records{purpose=\"grant\"}").await, 0.0);
    let ready = readiness(&world.operator()).await;
    assert_eq!(ready, serde_json::json!({ "status": "degraded", "reasons": ["keys_missing"] }));
    let events = world.events_about("unopened-a");
    let named = |event: &&String| {
        event.contains("tenant unopened-b") && event.contains(&lost[..8]) && event.contains("cannot be opened")
    };
    assert!(events.iter().find(named).is_some(), "{events:?}");

    // With the grant keys at hand, an exchange gets a session that the present key seals.
    world.orgpass().engine().management.refresh(&key("unopened-a")).await.unwrap();
    assert_eq!(world.caller().get(LIMITS).tenant("unopened-a").send().await.status, 200);
    let reply = world.caller().get(LIMITS).tenant("unopened-b").send().await;
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{}", reply.text());

    let present = world.key_lines("session.keys").remove(0);
    world.write_keys("session.keys", &[present, lost]);
    world.until_metric(UNREADABLE, 0.0).await;
    assert_eq!(readiness(&world.operator()).await["status"], "ok");
    eventually("the connection works without a restart", async || {
        world.caller().get(LIMITS).tenant("unopened-b").send().await.status == 200
    })
    .await;
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_becomes_wrong_keeps_its_keys_in_use_and_is_reported() {
    let mut world = World::start().await;
    world.connect("kept", None).await;
    let good = world.key_lines("session.keys").remove(0);
    let half = good[..good.len() / 2].to_owned();
    world.write_keys("session.keys", &[half]);
    let path = world.dir.path().join("session.keys").display().to_string();
    eventually("it is reported", async || {
        world.events_about(&path).iter().any(|event| event.contains("cannot be used") && event.contains("line 1"))
    })
    .await;
    assert_eq!(world.caller().get(LIMITS).tenant("kept").send().await.status, 200);
    let rotating = super::orgpass(&world, &["keys", "rotate"]).await;
    assert_eq!(rotating.status.code(), Some(64), "{}", super::said(&rotating));
    world.write_keys("session.keys", &[good]);
    world.connect("kept-after", None).await;
    assert_eq!(world.caller().get(LIMITS).tenant("kept-after").send().await.status, 200);
}

/// A second process on the world's Redis, with these session keys and no grant keys.
async fn sidecar(world: &mut World, lines: &[String]) -> (App, Caller, Caller) {
    world.write_keys("sidecar.keys", lines);
    let text = std::fs::read_to_string(world.dir.path().join("orgpass.toml")).unwrap();
    let mut table: toml::Table = text.parse().unwrap();
    table.insert("vault".to_owned(), "session_keys_file = \"sidecar.keys\"".parse::<toml::Table>().unwrap().into());
    let file = world.dir.path().join("sidecar.toml");
    std::fs::write(&file, table.to_string()).unwrap();
    let log = world.log.clone();
    let app = tokio::task::spawn_blocking(move || {
        let config = Config::load(Some(&file), []).unwrap_or_else(|faults| panic!("{faults}"));
        App::start(&config, Box::new(log)).unwrap()
    });
    let app = app.await.unwrap();
    let caller = |address, seen: &Seen| Caller::new(address, seen.clone());
    let callers = (caller(app.proxy_address().unwrap(), &world.seen), caller(app.ops_address(), &world.seen));
    (app, callers.0, callers.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_with_derived_keys_serves_its_tenants_only() {
    let mut world = World::with(Options { redis: Some(Redis::plain()), ..Options::default() }).await;
    let own = world.connect("derived-own", None).await;
    world.connect("derived-own", Some("u1")).await;
    world.connect("derived-other", None).await;
    // Not through the world's own way, which would keep what is printed as if it should hold no secret.
    let printed = super::command(&world, &["keys", "derive", "--tenant", "derived-own"]).output().unwrap();
    assert!(printed.status.success());
    let lines: Vec<String> = String::from_utf8(printed.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 1);
    let (app, caller, operator) = sidecar(&mut world, &lines).await;

    assert_eq!(caller.get(LIMITS).tenant("derived-own").send().await.status, 200);
    assert_eq!(caller.get(LIMITS).tenant("derived-own").user("u1").send().await.status, 200);
    let reply = caller.get(LIMITS).tenant("derived-other").send().await;
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{}", reply.text());
    let events = world.events_about("derived-other");
    assert!(events.iter().any(|event| event.contains("no key for this tenant")), "{events:?}");
    assert!(!world.events_about("derived ones, of some tenants only").is_empty());
    let reasons = readiness(&operator).await;
    assert!(!reasons.to_string().contains("keys_missing"), "another tenant's keys are not missing: {reasons}");

    // What a process with all keys has exchanged for is found there, under the same keys.
    world.sim.expire_sessions(&own.org);
    assert_eq!(world.caller().get(LIMITS).tenant("derived-own").send().await.status, 200);
    eventually("the sidecar has the next session", async || {
        caller.get(LIMITS).tenant("derived-own").send().await.status == 200
    })
    .await;
    tokio::task::spawn_blocking(|| app.stop()).await.unwrap();
    assert_eq!(world.key_lines(FILES[0]).len(), 1);
}
