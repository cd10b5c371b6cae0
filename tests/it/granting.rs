//! Grants without a refresh token, end to end: an assertion that the app's private key signs, and the app's own
//! credentials.

use std::fs;
use std::ops::RangeInclusive;

use orgpass::connection::{Cause, ConnectionKey, Status};
use orgpass::management::{ImportDocument, Imported, Refusal, SessionFound};
use salesforce_sim::{AppKey, AppOptions, Effect, Fault, Org, OrgOptions, User};

use crate::authenticating::LIMITS;
use crate::caller::{Reply, crowd, statuses};
use crate::exchanging::stored_long_ago;
use crate::world::{Options, Redis, World, eventually};

const CROWD: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    JwtBearer,
    ClientCredentials,
}

const BOTH: [Grant; 2] = [Grant::JwtBearer, Grant::ClientCredentials];

/// A connection that was imported without a token, and its other end.
struct Connected {
    key: ConnectionKey,
    org: Org,
    user: User,
}

fn options(config: &str) -> Options {
    let app = AppOptions {
        certificate: Some(AppKey::first().certificate),
        client_credentials: true,
        ..AppOptions::default()
    };
    Options { app, config: format!("apps.default.private_key_file = \"app.pem\"\n{config}"), ..Options::default() }
}

async fn world() -> World {
    World::with(options("")).await
}

impl Grant {
    fn word(self) -> &'static str {
        match self {
            Self::JwtBearer => "jwt_bearer",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// Imports a connection that an admin of its org has approved.
    async fn connect(self, world: &World, tenant: &str) -> Connected {
        let connected = self.connect_unapproved(world, tenant).await;
        world.sim.pre_approve(&world.sim_app, &connected.user);
        world.sim.run_as(&world.sim_app, &connected.user);
        connected
    }

    async fn connect_unapproved(self, world: &World, tenant: &str) -> Connected {
        let org = world.sim.create_org(OrgOptions { name: tenant.to_owned(), ..OrgOptions::default() });
        let user = world.sim.create_user(&org, &format!("api@{tenant}.example"));
        let mut document = match self {
            Self::JwtBearer => serde_json::json!({"username": user.username}),
            Self::ClientCredentials => serde_json::json!({"instance_url": org.instance_url()}),
        };
        (document["tenant"], document["grant"]) = (tenant.into(), self.word().into());
        let document = ImportDocument::parse(document.to_string().as_bytes()).unwrap();
        let management = &world.orgpass().engine().management;
        assert_eq!(management.import_document(&document).await, Ok(Imported::Created));
        assert_eq!(management.import_document(&document).await, Ok(Imported::Unchanged));
        Connected { key: ConnectionKey::parse(tenant, None).unwrap(), org, user }
    }
}

async fn call(world: &World, connected: &Connected) -> Reply {
    world.caller().get(LIMITS).tenant(connected.key.tenant()).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_call_earns_a_session_and_a_dead_one_is_replaced() {
    let world = world().await;
    for grant in BOTH {
        let acme = grant.connect(&world, grant.word()).await;
        for _ in 0..2 {
            let reply = call(&world, &acme).await;
            assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None), "{reply:?}");
        }
        world.sim.expire_sessions(&acme.org);
        let reply = call(&world, &acme).await;
        assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")), "{reply:?}");
        let view = world.orgpass().engine().management.show(&acme.key).await.unwrap();
        assert_eq!(view.line.status, Status::Active);
        assert_eq!(view.org_id.as_deref(), Some(acme.org.org_id()));
        assert_eq!(view.user_id, Some(acme.user.user_id));
        assert!(!view.exchange_open);
        let counted = format!("orgpass_exchanges_total{{grant=\"{}\",result=\"ok\"}}", grant.word());
        assert_eq!(world.metric(&counted).await, 2.0);
    }
    assert_eq!(world.sim.exchanges(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_share_one_exchange() {
    let world = world().await;
    for (grant, before) in BOTH.into_iter().zip([0, 2]) {
        let acme = grant.connect(&world, grant.word()).await;
        let caller = world.caller();
        for exchanges in 1..=2 {
            let replies = crowd(CROWD, || caller.get(LIMITS).tenant(grant.word())).await;
            assert_eq!(statuses(&replies), [(200, CROWD)]);
            assert_eq!(world.sim.exchanges(), before + exchanges, "{grant:?}");
            world.sim.expire_sessions(&acme.org);
        }
    }
}

/// That a file of the app has changed is noticed in its own time, and then Salesforce is asked once more.
const AFTER_A_CHANGE: RangeInclusive<u64> = 1..=2;

/// The call is refused for this cause, and asking again at once costs no second exchange.
async fn is_misconfigured(world: &World, connected: &Connected, cause: &str, asks: RangeInclusive<u64>) {
    let before = world.sim.exchanges();
    for _ in 0..20 {
        let reply = call(world, connected).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{cause}: {reply:?}");
    }
    let asked = world.sim.exchanges() - before;
    assert!(asks.contains(&asked), "{cause}: {asked} exchanges");
    let (status, found) = world.stored_status(&connected.key).await;
    assert_eq!((status, found.map(Cause::as_str)), (Status::Misconfigured, Some(cause)));
}

/// What was wrong has been mended: a check finds that at once, and calls go on.
async fn is_mended(world: &World, connected: &Connected) {
    let checked = world.orgpass().engine().management.check(&connected.key).await.unwrap();
    assert_eq!((checked.session, checked.connection.line.status), (SessionFound::Renewed, Status::Active));
    eventually("calls that go on", async || call(world, connected).await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_is_an_admins_affair() {
    let world = world().await;
    for (grant, cause) in [(Grant::JwtBearer, "app_not_approved"), (Grant::ClientCredentials, "request_refused")] {
        let acme = grant.connect_unapproved(&world, grant.word()).await;
        is_misconfigured(&world, &acme, cause, 1..=1).await;
        world.sim.pre_approve(&world.sim_app, &acme.user);
        world.sim.run_as(&world.sim_app, &acme.user);
        is_mended(&world, &acme).await;
        world.sim.deactivate(&acme.user);
        is_misconfigured(&world, &acme, "user_inactive", 1..=1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_private_key_is_told_from_one_that_is_none_and_read_anew_when_it_is_changed() {
    let world = world().await;
    let acme = Grant::JwtBearer.connect(&world, "acme").await;
    let other = Grant::JwtBearer.connect(&world, "other").await;
    let file = world.dir.path().join("app.pem");
    fs::write(&file, AppKey::other().private_key).unwrap();
    is_misconfigured(&world, &acme, "assertion_refused", AFTER_A_CHANGE).await;
    fs::write(&file, "no key").unwrap();
    is_misconfigured(&world, &other, "app_key_wrong", 0..=0).await;
    fs::write(&file, AppKey::first().private_key).unwrap();
    is_mended(&world, &acme).await;
    is_mended(&world, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_the_app_owners_affair() {
    let world = world().await;
    let acme = Grant::ClientCredentials.connect(&world, "acme").await;
    let file = world.dir.path().join("client-secret");
    fs::write(&file, "wrong").unwrap();
    is_misconfigured(&world, &acme, "app_secret_wrong", AFTER_A_CHANGE).await;
    let refused = world.orgpass().engine().management.check(&acme.key).await;
    assert_eq!(refused, Err(Refusal::Refused(Cause::AppSecretWrong)));
    fs::write(&file, &world.sim_app.client_secret).unwrap();
    is_mended(&world, &acme).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_has_spent_nothing_and_is_asked_for_again() {
    let world = world().await;
    for grant in BOTH {
        for (number, effect) in
            [Effect::LoseResponse, Effect::HtmlMaintenance(200), Effect::Status(502, "{}".to_owned())]
                .into_iter()
                .enumerate()
        {
            let tenant = format!("{}-{number}", grant.word());
            let acme = grant.connect(&world, &tenant).await;
            let fault = world.sim.fault(Fault::on_token_endpoint(effect));
            assert_eq!(call(&world, &acme).await.status, 200, "{tenant}");
            assert_eq!(fault.struck(), 1);
            assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_a_process_earns_sessions_for_itself_and_not_too_many() {
    let redis = Redis::plain();
    let mut world = World::with(Options { redis: Some(redis), ..options("") }).await;
    let mut connected = Vec::new();
    for grant in BOTH {
        let acme = grant.connect(&world, grant.word()).await;
        assert_eq!(call(&world, &acme).await.status, 200);
        connected.push(acme);
    }
    world.redis.as_mut().unwrap().child.kill();
    for acme in &connected {
        world.sim.expire_sessions(&acme.org);
        let before = world.sim.exchanges();
        let reply = call(&world, acme).await;
        assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")), "{reply:?}");
        assert_eq!(call(&world, acme).await.status, 200);
        assert_eq!(world.sim.exchanges() - before, 1);

        world.sim.expire_sessions(&acme.org);
        let reply = call(&world, acme).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{reply:?}");
        assert_eq!(world.sim.exchanges() - before, 1, "one a minute");
    }
    world.redis.as_mut().unwrap().child.restart();
    for acme in &connected {
        // What is refused within a second of being stored is not taken for dead.
        stored_long_ago(&world.redis.as_ref().unwrap().child, &acme.key);
        eventually("a session from the store", async || call(&world, acme).await.status == 200).await;
        assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
    }
    assert_eq!(world.sim.exchanges(), 6, "first, alone, and after the store was back");
}
