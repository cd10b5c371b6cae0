//! Sidecars without grant keys and the hub that exchanges for them, on one Redis: one exchange whoever asks, whatever
//! becomes of a hub, and nothing that a sidecar is not allowed to do.

use orgpass::app::App;
use orgpass::connection::{Cause, Status};
use orgpass::management::Refusal;
use orgpass::store::StoreError;
use redis_child::RedisChild;
use salesforce_sim::{AppOptions, Effect, Fault};

use crate::authenticating::LIMITS;
use crate::caller::{Caller, Reply, crowd, statuses};
use crate::connecting::browser::Browser;
use crate::exchanging::{age_intent, sends_nothing_twice};
use crate::managing::ALL;
use crate::world::{Connected, Options, World, documented_rules, eventually};

const CROWD: usize = 1000;

/// What a sidecar may do to the store, by the names of the operations.
const RIGHTS: &[&str] = &["read", "wish", "has_hub", "ping", "dangers", "note_used"];

/// A hub on this Redis.
async fn hub(redis: &RedisChild, config: &str) -> World {
    World::with(Options { config: format!("[hub]\n{config}"), store: Some(redis.url()), ..Options::default() }).await
}

/// A process that holds session keys only, and no app.
struct Sidecar {
    app: App,
    caller: Caller,
    operator: Caller,
}

impl Sidecar {
    async fn of(world: &World, token_wait: &str) -> Self {
        Self::with(world, token_wait, |_| {}).await
    }

    async fn with(world: &World, token_wait: &str, change: impl FnOnce(&mut toml::Table)) -> Self {
        let app = world
            .beside(|table| {
                table.remove("hub");
                table.remove("apps");
                table["vault"].as_table_mut().unwrap().remove("grant_keys_file");
                table["proxy"].as_table_mut().unwrap().insert("token_wait".to_owned(), token_wait.into());
                change(table);
            })
            .await;
        let caller = Caller::new(app.proxy_address().unwrap(), world.seen.clone());
        let operator = Caller::new(app.ops_address(), world.seen.clone());
        Self { app, caller, operator }
    }

    fn caller(&self) -> Caller {
        self.caller.clone()
    }

    async fn call(&self, tenant: &str) -> Reply {
        self.caller.get(LIMITS).tenant(tenant).send().await
    }

    async fn readiness(&self) -> String {
        let reply = self.operator.get("/readyz").send().await;
        format!("{} {}", reply.status.as_u16(), reply.text())
    }

    /// Stops it in order. It has done nothing to the store that a sidecar may not do.
    async fn stop(self) {
        let reply = self.operator.get("/metrics").send().await;
        let operations = reply.text().lines().filter_map(|line| {
            line.strip_prefix("orgpass_store_operation_duration_seconds_count{operation=\"")?.split('"').next()
        });
        for operation in operations {
            assert!(RIGHTS.contains(&operation), "a sidecar did {operation}");
        }
        let app = self.app;
        assert!(tokio::task::spawn_blocking(|| app.stop()).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_through_two_sidecars_whose_session_died_are_one_exchange_of_the_hub() {
    let redis = RedisChild::start();
    let world = hub(&redis, "").await;
    let acme = world.connect("acme", None).await;
    let sidecars = [Sidecar::of(&world, "20s").await, Sidecar::of(&world, "20s").await];
    for sidecar in &sidecars {
        assert_eq!(sidecar.call("acme").await.status, 200);
    }
    for exchanges in 1..=3 {
        world.sim.expire_sessions(&acme.org);
        let [here, there] = &sidecars;
        let half = |sidecar: &Sidecar| {
            let caller = sidecar.caller();
            crowd(CROWD / 2, move || caller.get(LIMITS).tenant("acme"))
        };
        let (here, there) = tokio::join!(half(here), half(there));
        assert_eq!((statuses(&here), statuses(&there)), (vec![(200, CROWD / 2)], vec![(200, CROWD / 2)]));
        sends_nothing_twice(&world, exchanges);
    }
    assert_eq!(world.metric("orgpass_wishes_total{result=\"failed\"}").await, 0.0);
    eventually("no wish is left", async || world.orgpass().engine().store.wishes(10).await.unwrap().is_empty()).await;
    for sidecar in sidecars {
        sidecar.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_over_an_exchange_is_replaced_by_another() {
    let redis = RedisChild::start();
    // The killed hub's exchange is carried out, and nobody reads its answer: only without rotation is nothing lost by that.
    let app = AppOptions { rotation: false, ..AppOptions::default() };
    let options = Options { app, config: "[hub]".to_owned(), store: Some(redis.url()), ..Options::default() };
    let mut world = World::with(options).await;
    let acme = world.connect("acme", None).await;
    let sidecar = Sidecar::of(&world, "60s").await;
    assert_eq!(sidecar.call("acme").await.status, 200);
    world.sim.expire_sessions(&acme.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let waiting = tokio::spawn(sidecar.caller().get(LIMITS).tenant("acme").send());
    held.wait_held(1).await;
    world.kill().await;
    held.release();
    // The dead hub's lease and its open intent hold the others off for 45 s; they need not be sat out here.
    redis.set(&row("lease", &acme), None);
    age_intent(&redis, &acme);
    world.start_again_on(&redis).await;
    let reply = waiting.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")), "{reply:?}");
    assert_eq!((world.sim.successful_exchanges(), world.sim.spent_tokens_presented()), (2, 0));
    sidecar.stop().await;
}

fn row(kind: &str, connected: &Connected) -> String {
    format!("orgpass:{kind}:{{{}}}", connected.key.encode())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hub_live_sessions_are_served_and_what_is_missing_is_named() {
    let redis = RedisChild::start();
    let world = World::on(&redis).await;
    let acme = world.connect("acme", None).await;
    let sidecar = Sidecar::of(&world, "3s").await;
    assert_eq!(sidecar.call("acme").await.status, 200, "a session that lives needs no hub");
    let degraded = "200 {\"reasons\":[\"no_hub\"],\"status\":\"degraded\"}";
    eventually("readiness says so", async || sidecar.readiness().await == degraded).await;

    world.sim.expire_sessions(&acme.org);
    let reply = sidecar.call("acme").await;
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{reply:?}");
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert!(reply.text().contains("no hub is running"), "{}", reply.text());
    assert_eq!(world.sim.exchanges(), 0);

    let hub = world.beside(|table| drop(table.insert("hub".to_owned(), toml::Table::new().into()))).await;
    eventually("a hub is seen", async || sidecar.readiness().await.contains("\"ok\"")).await;
    eventually("calls go through", async || sidecar.call("acme").await.status == 200).await;
    sends_nothing_twice(&world, 1);
    sidecar.stop().await;
    assert!(tokio::task::spawn_blocking(|| hub.stop()).await.unwrap());
}

/// Of the users that may do less than everything.
const PASSWORD: &str = "correct-horse-battery-staple";

/// A Redis with one user more.
fn redis_with(user: &str) -> RedisChild {
    RedisChild::start_with(redis_child::Options {
        config: vec![format!("user {user}")],
        ..redis_child::Options::default()
    })
}

/// A sidecar that is this user of Redis.
async fn sidecar_as(user: &str, redis: &RedisChild, world: &World) -> Sidecar {
    std::fs::write(world.dir.path().join("sidecar-password"), PASSWORD).unwrap();
    Sidecar::with(world, "60s", |table| {
        let store = table["store"].as_table_mut().unwrap();
        store.insert("url".to_owned(), redis.url_of(user).into());
        store.insert("password_file".to_owned(), "sidecar-password".into());
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_gets_along_with_the_rights_that_are_documented_for_it() {
    let redis = redis_with(&documented_rules("orgpass-sidecar", PASSWORD));
    let world = hub(&redis, "").await;
    let acme = world.connect("acme", None).await;
    let sidecar = sidecar_as("orgpass-sidecar", &redis, &world).await;
    assert_eq!(sidecar.call("acme").await.status, 200);
    for exchanges in 1..=2 {
        world.sim.expire_sessions(&acme.org);
        assert_eq!(sidecar.call("acme").await.header("orgpass-replay"), Some("done"));
        sends_nothing_twice(&world, exchanges);
    }
    world.sim.restrict_ip(&acme.org, None);
    assert_eq!(sidecar.call("acme").await.error(), Some("misconfigured"));
    let refused = (Status::Misconfigured, Some(Cause::FreshTokenRefused));
    eventually("the hub has seen it too", async || world.stored_status(&acme.key).await == refused).await;
    eventually("the hub is seen", async || sidecar.readiness().await.contains("\"ok\"")).await;

    // What its operator may see, and what not even its process may do.
    let engine = sidecar.app.engine();
    assert_eq!(engine.management.show(&acme.key).await.unwrap().line.status, Status::Misconfigured);
    assert_eq!(engine.management.refresh(&acme.key).await.unwrap_err(), Refusal::NoGrantKeys);
    let generation = engine.store.read(&acme.key).await.unwrap().unwrap().head.generation;
    for refused in [
        engine.store.read_record(&acme.key).await.map(drop),
        engine.store.set_status(&acme.key, generation, Status::Active, None).await.map(drop),
        engine.store.remove(&acme.key, None).await.map(drop),
        engine.store.list(None, None, 10).await.map(drop),
        engine.store.wishes(10).await.map(drop),
    ] {
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    }
    let app = sidecar.app;
    assert!(tokio::task::spawn_blocking(|| app.stop()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_is_lost_is_made_again_and_its_answer_found_without_an_announcement() {
    let redis = redis_with(&format!("deaf on >{PASSWORD} ~* &* +@all -subscribe"));
    let world = World::on(&redis).await;
    let acme = world.connect("acme", None).await;
    let sidecar = sidecar_as("deaf", &redis, &world).await;
    assert_eq!(sidecar.call("acme").await.status, 200);
    world.sim.expire_sessions(&acme.org);
    let waiting = tokio::spawn(sidecar.caller().get(LIMITS).tenant("acme").send());
    let store = &world.orgpass().engine().store;
    eventually("a wish", async || store.wishes(10).await.unwrap().len() == 1).await;
    redis.set("orgpass:wanted", None);
    eventually("the wish again", async || store.wishes(10).await.unwrap().len() == 1).await;

    let hub = world.beside(|table| drop(table.insert("hub".to_owned(), toml::Table::new().into()))).await;
    let reply = waiting.await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    sends_nothing_twice(&world, 1);
    sidecar.stop().await;
    assert!(tokio::task::spawn_blocking(|| hub.stop()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_token_that_a_sidecar_is_refused_is_confirmed_by_the_hub_and_cured_by_a_call() {
    let redis = RedisChild::start();
    let world = hub(&redis, "").await;
    let acme = world.connect("acme", None).await;
    let sidecar = Sidecar::of(&world, "20s").await;
    assert_eq!(sidecar.call("acme").await.status, 200);
    world.sim.restrict_ip(&acme.org, None);
    let reply = sidecar.call("acme").await;
    assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{reply:?}");
    let refused = (Status::Misconfigured, Some(Cause::FreshTokenRefused));
    eventually("the hub has seen it too", async || world.stored_status(&acme.key).await == refused).await;
    for _ in 0..20 {
        assert_eq!(sidecar.call("acme").await.error(), Some("misconfigured"));
    }
    sends_nothing_twice(&world, 1);

    world.sim.lift_ip_restriction(&acme.org);
    assert_eq!(sidecar.call("acme").await.status, 200);
    eventually("the hub has seen that too", async || world.stored_status(&acme.key).await == (Status::Active, None))
        .await;
    sends_nothing_twice(&world, 1);
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_only_one_api_refuses_is_not_called_useless_by_the_hub() {
    let redis = RedisChild::start();
    let world = hub(&redis, "").await;
    let acme = world.connect("acme", None).await;
    let sidecar = Sidecar::of(&world, "20s").await;
    world.sim.restrict_ip(&acme.org, Some(salesforce_sim::ApiFamily::Rest));
    let reply = sidecar.call("acme").await;
    assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{reply:?}");
    // One for the session, one to see for itself; where the hub takes its time, a wish is made again.
    eventually("the hub has looked", async || world.metric("orgpass_wishes_total{result=\"done\"}").await >= 2.0).await;
    assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hub_finds_out_ends_the_wait_and_is_found_out_once() {
    let redis = RedisChild::start();
    let world = hub(&redis, "").await;
    let sidecars = [Sidecar::of(&world, "60s").await, Sidecar::of(&world, "60s").await];
    let revoked = world.connect("revoked", None).await;
    let inactive = world.connect("inactive", None).await;
    let removed = world.connect("removed", None).await;
    for tenant in ["revoked", "inactive", "removed"] {
        for sidecar in &sidecars {
            assert_eq!(sidecar.call(tenant).await.status, 200);
        }
    }
    assert!(world.sim.revoke_grant(&revoked.tokens.refresh_token));
    world.sim.deactivate(&inactive.user);
    world.orgpass().engine().store.remove(&removed.key, None).await.unwrap();
    world.sim.expire_sessions(&removed.org);
    let told = [("revoked", "reauthorize"), ("inactive", "misconfigured"), ("removed", "not_connected")];
    for round in 0..3 {
        for (tenant, error) in told {
            for sidecar in &sidecars {
                let caller = sidecar.caller();
                for reply in crowd(20, || caller.get(LIMITS).tenant(tenant)).await {
                    assert_eq!((reply.status.as_u16(), reply.error()), (403, Some(error)), "{tenant} {round}");
                }
            }
        }
    }
    assert_eq!(world.stored_status(&revoked.key).await, (Status::Reauthorize, Some(Cause::Revoked)));
    assert_eq!(world.stored_status(&inactive.key).await, (Status::Misconfigured, Some(Cause::UserInactive)));
    sends_nothing_twice(&world, 2);
    for sidecar in sidecars {
        sidecar.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_told_to_stop_finishes_what_it_has_begun() {
    let redis = RedisChild::start();
    let mut world = hub(&redis, "").await;
    let acme = world.connect("acme", None).await;
    let sidecar = Sidecar::of(&world, "60s").await;
    assert_eq!(sidecar.call("acme").await.status, 200);
    world.sim.expire_sessions(&acme.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let waiting = tokio::spawn(sidecar.caller().get(LIMITS).tenant("acme").send());
    held.wait_held(1).await;
    world.orgpass().begin_stop();
    held.release();
    assert!(world.stop().await, "nothing was cut short");
    let reply = waiting.await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    sends_nothing_twice(&world, 1);
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_shows_when_a_sidecar_last_used_a_connection() {
    let redis = RedisChild::start();
    let tokens = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(tokens.path(), format!("backend {ALL}\n")).unwrap();
    let world = hub(&redis, &format!("api_tokens_file = \"{}\"", tokens.path().display())).await;
    let acme = world.connect("acme", None).await;
    world.connect("globex", None).await;
    let mut browser = Browser::of(&world);
    browser.get("/").await;
    assert_eq!(browser.post("/login", &[("token", ALL)]).await.status, 303);
    assert!(browser.get("/?tenant=acme").await.shows("not yet"));

    let every = |often: &'static str| {
        move |table: &mut toml::Table| {
            table.insert(
                "tokens".to_owned(),
                toml::Value::Table(format!("note_use_every = \"{often}\"").parse().unwrap()),
            );
        }
    };
    let sidecar = Sidecar::with(&world, "20s", every("1s")).await;
    assert_eq!(sidecar.call("acme").await.status, 200);
    eventually("the page shows it", async || !browser.get("/?tenant=acme").await.shows("not yet")).await;
    assert!(browser.get("/?tenant=globex").await.shows("not yet"));
    let management = &world.orgpass().engine().management;
    let used = management.show(&acme.key).await.unwrap().line.used.unwrap();
    let api = world.hub().get("/v1/tenants/acme/connection").header("authorization", format!("Bearer {ALL}"));
    assert_eq!(api.send().await.json()["last_used"], used.0);
    sidecar.stop().await;

    // One that notes seldom says it at the latest when it stops, and calls cost no word to the store.
    let seldom = Sidecar::with(&world, "20s", every("1h")).await;
    for _ in 0..10 {
        assert_eq!(seldom.call("acme").await.status, 200);
    }
    let noted = seldom.operator.get("/metrics").send().await;
    assert!(!noted.text().contains("operation=\"note_used\""), "{}", noted.text());
    seldom.stop().await;
    assert!(management.show(&acme.key).await.unwrap().line.used.unwrap() > used);
}
