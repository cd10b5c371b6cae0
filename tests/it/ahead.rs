//! A session in use is replaced before it can die; one that nobody uses costs nothing.

use std::time::Duration;

use orgpass::connection::{ConnectionKey, Status};
use orgpass::store::{Put, PutWhen};
use salesforce_sim::{App, AppOptions, Effect, Fault, OrgOptions};

use crate::authenticating::LIMITS;
use crate::caller::Reply;
use crate::world::{Connected, Options, World, eventually};

/// The time-out of the org's sessions, of which half is guaranteed.
const LIFE: Duration = Duration::from_secs(4);

async fn world() -> World {
    let app = AppOptions { session_timeout: LIFE, ..AppOptions::default() };
    let config = "tokens.refresh_ahead_min_life = \"1s\"\napps.default.session_time = \"4s\"".to_owned();
    World::with(Options { app, config, ..Options::default() }).await
}

async fn call(world: &World, connected: &Connected) -> Reply {
    world.caller().get(LIMITS).tenant(connected.key.tenant()).send().await
}

/// Makes one call, and waits until the session that served it has been replaced by itself.
async fn is_replaced_after_a_call(world: &World, connected: &Connected) {
    let store = &world.orgpass().engine().store;
    let generation = async || store.read(&connected.key).await.unwrap().unwrap().head.generation;
    let first = generation().await;
    let reply = call(world, connected).await;
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None), "{reply:?}");
    eventually("a new generation without a call", async || generation().await.supersedes(first)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_use_is_replaced_before_it_dies() {
    let world = world().await;
    let acme = world.connect("acme", None).await;
    for exchanges in 1..=2 {
        is_replaced_after_a_call(&world, &acme).await;
        assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (exchanges, 0));
    }
    assert_eq!(call(&world, &acme).await.status, 200);
    assert!(world.sim.requests().iter().all(|request| !request.dead));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_uses_is_left_alone() {
    let world = world().await;
    let unused = world.connect("unused", None).await;
    let trouble = Effect::Status(503, "[]".to_owned());
    world.sim.fault(Fault::on_path(LIMITS, trouble).at_org(unused.org.org_id()));
    // In memory, and never accepted by the org.
    assert_eq!(call(&world, &unused).await.status, 503);

    // As long as two other connections need to be replaced one after the other, which is most of its life.
    for tenant in ["first", "second"] {
        let used = world.connect(tenant, None).await;
        is_replaced_after_a_call(&world, &used).await;
    }
    assert_eq!(world.sim.exchanges(), 2, "one for each of those in use, none after it was replaced and not used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_replaced_is_left_to_live_as_long_as_it_does() {
    let world = world().await;
    let alone = world.connect("alone", None).await;
    let store = &world.orgpass().engine().store;
    let held = store.read(&alone.key).await.unwrap().unwrap().head.generation;
    let record = world.record_without_grant(&alone.key, &alone.tokens);
    assert_eq!(store.put(&alone.key, &record, PutWhen::At(held)).await.unwrap(), Put::Stored);
    assert_eq!(call(&world, &alone).await.status, 200);

    for tenant in ["first", "second"] {
        let used = world.connect(tenant, None).await;
        is_replaced_after_a_call(&world, &used).await;
    }
    assert_eq!(world.stored_status(&alone.key).await, (Status::Active, None));
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A world with two apps, whose sessions end after 15 minutes and after 24 hours without use, and a clock to turn. Orgpass
/// is not told either time.
struct Clockwork {
    world: World,
    day_app: App,
}

impl Clockwork {
    async fn start() -> Self {
        let config = "tokens.refresh_ahead_min_life = \"1s\"\napps.day.client_id = \"3MVG9day\"".to_owned();
        let app = AppOptions { session_timeout: 15 * MINUTE, ..AppOptions::default() };
        let world = World::with(Options { app, config, ..Options::default() }).await;
        let day_app = world.sim.create_app(AppOptions {
            client_id: Some("3MVG9day".to_owned()),
            secret_required: false,
            session_timeout: 24 * HOUR,
            ..AppOptions::default()
        });
        Self { world, day_app }
    }

    async fn connect_day(&self, tenant: &str) -> Connected {
        let World { sim, .. } = &self.world;
        let org = sim.create_org(OrgOptions { name: tenant.to_owned(), ..OrgOptions::default() });
        let user = sim.create_user(&org, "ana@day.example");
        let tokens = sim.authorize(&self.day_app, &user);
        let key = ConnectionKey::parse(tenant, None).unwrap();
        let mut record = self.world.record(&key, &tokens);
        record.head.app = "day".to_owned();
        let put = self.world.orgpass().engine().store.put(&key, &record, PutWhen::Absent).await.unwrap();
        assert_eq!(put, Put::Stored);
        Connected { key, org, user, tokens }
    }

    fn turn(&self, by: Duration) {
        self.world.sim.advance(by);
        self.world.orgpass().clock().turn(by);
    }

    async fn generation(&self, connected: &Connected) -> u64 {
        let row = self.world.orgpass().engine().store.read(&connected.key).await.unwrap().unwrap();
        row.head.generation.number
    }

    /// Makes a call that must succeed, and tells whether it had to be sent again.
    async fn was_replayed(&self, connected: &Connected) -> bool {
        let reply = call(&self.world, connected).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.header("orgpass-replay").is_some()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_org_is_refreshed_ahead_at_its_own_pace_once_a_session_of_it_has_expired() {
    let clockwork = Clockwork::start().await;
    let day = clockwork.connect_day("day").await;
    assert!(!clockwork.was_replayed(&day).await);
    clockwork.turn(25 * HOUR);
    assert!(clockwork.was_replayed(&day).await, "the first expiry");
    let (quarter, busy) = (clockwork.world.connect("quarter", None).await, clockwork.world.connect("busy", None).await);
    for connected in [&quarter, &busy] {
        assert!(!clockwork.was_replayed(connected).await);
    }
    for _ in 0..4 {
        clockwork.turn(5 * MINUTE);
        assert!(!clockwork.was_replayed(&busy).await);
    }
    assert!(clockwork.was_replayed(&quarter).await, "the first expiry");
    assert_eq!((clockwork.generation(&day).await, clockwork.generation(&quarter).await), (2, 2));

    // Half a day, in which one is called every 20 minutes, one every five, and one not at all until the end.
    assert!(!clockwork.was_replayed(&day).await);
    for cycle in 1..=36 {
        for step in 1..=4 {
            clockwork.turn(5 * MINUTE);
            assert!(!clockwork.was_replayed(&busy).await);
            if step == 2 {
                // Half of the 20 minutes that were learned.
                let replaced = async || clockwork.generation(&quarter).await == 2 + cycle;
                eventually("a new session after half of the time", replaced).await;
            }
        }
        assert!(!clockwork.was_replayed(&quarter).await);
    }
    assert!(!clockwork.was_replayed(&day).await);
    let generations =
        (clockwork.generation(&day).await, clockwork.generation(&quarter).await, clockwork.generation(&busy).await);
    assert_eq!(generations, (3, 38, 1), "one exchange, one for each 20 minutes, and none");
    let dead = clockwork.world.sim.requests().iter().filter(|request| request.dead).count();
    assert_eq!(dead, 2, "the two first expiries");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_says_when_it_ends_is_replaced_before_however_busy_it_is() {
    let life = 10 * MINUTE;
    let app = AppOptions { jwt_access_tokens: Some(life), ..AppOptions::default() };
    let config = "tokens.refresh_ahead_min_life = \"1s\"".to_owned();
    let world = World::with(Options { app, config, ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    let store = &world.orgpass().engine().store;
    let number = async || store.read(&acme.key).await.unwrap().unwrap().head.generation.number;
    for exchanges in 1..=3 {
        for _ in 0..9 {
            let reply = call(&world, &acme).await;
            assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None), "{reply:?}");
            world.sim.advance(MINUTE);
            world.orgpass().clock().turn(MINUTE);
        }
        eventually("a new session before the end of the old", async || number().await == 1 + exchanges).await;
    }
    assert!(world.sim.requests().iter().all(|request| !request.dead));
    assert_eq!(world.sim.exchanges(), 3);
}
