//! A session in use is replaced before it can die; one that nobody uses costs nothing.

use std::time::Duration;

use orgpass::connection::{ConnectionKey, Status};
use orgpass::management::Lifetime;
use orgpass::store::{Put, PutWhen};
use orgpass::token::LifeSource;
use salesforce_sim::{App, AppOptions, Effect, Fault, OrgOptions, RecordedRequest};

use crate::authenticating::LIMITS;
use crate::caller::Reply;
use crate::world::{Connected, Options, World, eventually};

/// The time-out of the org's sessions, of which half is guaranteed.
const LIFE: Duration = Duration::from_secs(15 * 60);

async fn world() -> World {
    let app = AppOptions { session_timeout: LIFE, ..AppOptions::default() };
    let config = "tokens.refresh_ahead_min_life = \"1s\"\napps.default.session_time = \"15m\"".to_owned();
    World::with(Options { app, config, ..Options::default() }).await
}

async fn call(world: &World, connected: &Connected) -> Reply {
    world.caller().get(LIMITS).tenant(connected.key.tenant()).send().await
}

/// Makes one call, and sees that the session that served it is replaced by itself once half of its life is over.
async fn is_replaced_after_a_call(world: &World, connected: &Connected) {
    let reply = call(world, connected).await;
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None), "{reply:?}");
    let first = in_memory(world, connected);
    turn(world, LIFE / 2);
    eventually("a new generation without a call", async || in_memory(world, connected) > first).await;
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

    // As long as two other connections need to be replaced one after the other, which is all of its life.
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

/// The number of the session that the next call will be made with.
fn in_memory(world: &World, connected: &Connected) -> u64 {
    let slot = world.orgpass().tokens().warm(connected.key.as_ref()).unwrap();
    let session = slot.session();
    session.as_ref().unwrap().generation.number
}

/// Turns the clocks of Salesforce and of Orgpass.
pub fn turn(world: &World, by: Duration) {
    world.sim.advance(by);
    world.orgpass().tokens().clock().turn(by);
}

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

    fn number(&self, connected: &Connected) -> u64 {
        in_memory(&self.world, connected)
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
    turn(&clockwork.world, 25 * HOUR);
    assert!(clockwork.was_replayed(&day).await, "the first expiry");
    let (quarter, busy) = (clockwork.world.connect("quarter", None).await, clockwork.world.connect("busy", None).await);
    for connected in [&quarter, &busy] {
        assert!(!clockwork.was_replayed(connected).await);
    }
    for _ in 0..4 {
        turn(&clockwork.world, 5 * MINUTE);
        assert!(!clockwork.was_replayed(&busy).await);
    }
    assert!(clockwork.was_replayed(&quarter).await, "the first expiry");
    assert_eq!((clockwork.number(&day), clockwork.number(&quarter)), (2, 2));

    // Half a day, in which one is called every 20 minutes, one every five, and one not at all until the end.
    assert!(!clockwork.was_replayed(&day).await);
    for cycle in 1..=36 {
        for step in 1..=4 {
            turn(&clockwork.world, 5 * MINUTE);
            assert!(!clockwork.was_replayed(&busy).await);
            if step == 2 {
                // Half of the 20 minutes that were learned.
                let replaced = async || clockwork.number(&quarter) == 2 + cycle;
                eventually("a new session after half of the time", replaced).await;
            }
        }
        assert!(!clockwork.was_replayed(&quarter).await);
    }
    assert!(!clockwork.was_replayed(&day).await);
    let generations = (clockwork.number(&day), clockwork.number(&quarter), clockwork.number(&busy));
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
    for number in 1..=3 {
        for _ in 0..8 {
            let reply = call(&world, &acme).await;
            assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None), "{reply:?}");
            assert_eq!(in_memory(&world, &acme), number);
            turn(&world, MINUTE - MINUTE / 60);
        }
        turn(&world, MINUTE + MINUTE / 6);
        let replaced = async || in_memory(&world, &acme) == number + 1;
        eventually("a new session before the end of the old", replaced).await;
    }
    assert!(world.sim.requests().iter().all(|request| !request.dead));
    assert_eq!(world.sim.exchanges(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learned_is_known_to_the_next_process() {
    let app = AppOptions { session_timeout: 15 * MINUTE, ..AppOptions::default() };
    let config = "tokens.refresh_ahead_min_life = \"1s\"".to_owned();
    let mut world = World::with(Options { app, config, ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    assert_eq!(call(&world, &acme).await.status, 200);
    turn(&world, 20 * MINUTE);
    assert_eq!(call(&world, &acme).await.header("orgpass-replay"), Some("done"));
    let learned = Lifetime { source: LifeSource::Learned, seconds: 20 * 60 };
    assert_eq!(world.orgpass().engine().management.show(&acme.key).await.unwrap().lifetime, learned);

    world.restart().await;
    assert_eq!(world.orgpass().engine().management.show(&acme.key).await.unwrap().lifetime, learned);
    assert_eq!(call(&world, &acme).await.header("orgpass-replay"), None);
    turn(&world, 10 * MINUTE);
    eventually("a new session after half of the time", async || world.sim.exchanges() == 2).await;
    assert_eq!(call(&world, &acme).await.header("orgpass-replay"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_which_salesforce_says_how_long_it_lives_is_replaced_before_its_end() {
    let app = AppOptions { session_timeout: 30 * MINUTE, ..AppOptions::default() };
    let config = "tokens.refresh_ahead_min_life = \"1s\"\napps.default.introspect = true".to_owned();
    let world = World::with(Options { app, config, ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    assert_eq!(call(&world, &acme).await.status, 200);
    let asked = |request: &RecordedRequest| request.path() == "/services/oauth2/introspect" && request.status.is_some();
    world.sim.wait_for(asked, 1).await;
    let told = Lifetime { source: LifeSource::Introspection, seconds: 30 * 60 };
    let management = &world.orgpass().engine().management;
    let shown = async || management.show(&acme.key).await.unwrap().lifetime == told;
    eventually("what Salesforce said, in the record", shown).await;

    // Busy, and replaced all the same: the end was said to come whatever use is made of it.
    for _ in 0..7 {
        turn(&world, 3 * MINUTE);
        assert_eq!(call(&world, &acme).await.header("orgpass-replay"), None);
        assert_eq!(in_memory(&world, &acme), 2);
    }
    turn(&world, 6 * MINUTE);
    eventually("a new session before the end", async || in_memory(&world, &acme) == 3).await;
    world.sim.wait_for(asked, 2).await;
}
