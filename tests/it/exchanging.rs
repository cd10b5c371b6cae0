//! One exchange for however many callers, whatever the token endpoint answers, and never a refresh token sent twice.

use orgpass::app::App;
use orgpass::connection::{Cause, ConnectionKey, Status};
use orgpass::secret::Secret;
use orgpass::store::Fingerprint;
use orgpass::token::{Obtained, Want};
use redis_child::RedisChild;
use salesforce_sim::{Effect, Fault};

use crate::authenticating::LIMITS;
use crate::caller::{Caller, Reply, crowd, statuses};
use crate::world::{Connected, Options, World, eventually};

const CROWD: usize = 1000;
const TOKEN_PATH: &str = "/services/oauth2/token";
const IN_FLIGHT: &str = "orgpass_requests_in_flight";

pub fn sends_nothing_twice(world: &World, exchanges: u64) {
    let sim = &world.sim;
    assert_eq!((sim.exchanges(), sim.spent_tokens_presented(), sim.simultaneous_uses()), (exchanges, 0, 0));
}

async fn call(caller: &Caller) -> Reply {
    caller.get(LIMITS).tenant("acme").send().await
}

async fn a_crowd_whose_session_just_died_shares_one_exchange(world: &World) {
    let acme = world.connect("acme", None).await;
    assert_eq!(call(&world.caller()).await.status, 200);
    world.sim.expire_sessions(&acme.org);
    let caller = world.caller();
    let replies = crowd(CROWD, || caller.get(LIMITS).tenant("acme")).await;
    assert_eq!(statuses(&replies), [(200, CROWD)]);
    sends_nothing_twice(world, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_whose_session_just_died_share_one_exchange() {
    a_crowd_whose_session_just_died_shares_one_exchange(&World::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_whose_session_just_died_share_one_exchange_on_redis() {
    let redis = RedisChild::start();
    a_crowd_whose_session_just_died_shares_one_exchange(&World::on(&redis).await).await;
}

/// Another holder of the store's lease gets a generation while the crowd's calls are with the org, and that dies too.
async fn a_crowd_that_finds_a_dead_generation_in_the_store_shares_one_exchange(world: &World) {
    let acme = world.connect("acme", None).await;
    let held = world.sim.fault(Fault::on_path(LIMITS, Effect::Hold).times(CROWD as u64));
    let caller = world.caller();
    let replies = tokio::spawn(async move { crowd(CROWD, || caller.get(LIMITS).tenant("acme")).await });
    held.wait_held(CROWD as u64).await;

    let reads = "orgpass_store_operation_duration_seconds_count{operation=\"read\"}";
    let read_before = world.metric(reads).await;
    let found = exchange_elsewhere(world, &acme).await;
    // One read was the other's; by the next the announced generation is in memory, where the calls find it.
    eventually("the announced generation", async || world.metric(reads).await >= read_before + 2.0).await;
    // What was accepted once is not taken for refused when fresh.
    assert_eq!(call(&world.caller()).await.status, 200);
    world.sim.expire_sessions(&acme.org);
    held.release();

    assert_eq!(statuses(&replies.await.unwrap()), [(200, CROWD)]);
    sends_nothing_twice(world, 2);
    let row = world.orgpass().engine().store.read(&acme.key).await.unwrap().unwrap();
    assert!(row.head.generation.supersedes(found.head.generation));
}

async fn exchange_elsewhere(world: &World, connected: &Connected) -> Obtained {
    let engine = world.orgpass().engine();
    let held = engine.store.read(&connected.key).await.unwrap().unwrap().head.generation;
    engine.exchanger.obtain(&connected.key, Want::After(held), None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_that_find_a_dead_generation_in_the_store_share_one_exchange() {
    a_crowd_that_finds_a_dead_generation_in_the_store_shares_one_exchange(&World::start().await).await;
}

/// A Redis, the file with its password, and an Orgpass that hears no announcements.
async fn deaf_world() -> (RedisChild, tempfile::NamedTempFile, World) {
    const PASSWORD: &str = "correct-horse-battery-staple";
    let redis = RedisChild::start_with(redis_child::Options {
        config: vec![format!("user deaf on >{PASSWORD} ~* &* +@all -subscribe")],
        ..redis_child::Options::default()
    });
    let password_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&password_file, PASSWORD).unwrap();
    let world = World::with(Options {
        config: format!("store.password_file = {:?}", password_file.path()),
        store: Some(redis.url_of("deaf")),
        ..Options::default()
    })
    .await;
    (redis, password_file, world)
}

/// Another process has stored a generation a moment ago, and the org refuses that too: it is not asked for one more.
#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_another_process_has_just_stored_counts_as_fresh() {
    let (redis, _password, world) = deaf_world().await;
    let acme = world.connect("acme", None).await;
    stored_long_ago(&redis, &acme.key);
    assert_eq!(call(&world.caller()).await.status, 200);
    let other = second_process(&world).await;
    world.sim.restrict_ip(&acme.org, None);
    let held = other.engine().store.read(&acme.key).await.unwrap().unwrap().head.generation;
    other.engine().exchanger.obtain(&acme.key, Want::After(held), None).await.unwrap();
    let reply = call(&world.caller()).await;
    assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{reply:?}");
    sends_nothing_twice(&world, 1);
    assert!(tokio::task::spawn_blocking(|| other.stop()).await.unwrap());
}

/// Another process has exchanged, its announcement was missed, and its generation has died: each call is sent three
/// times, with the generation in memory, the one in the store, and the one exchanged for.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_that_find_another_process_dead_generation_share_one_exchange_on_redis() {
    let (redis, _password, world) = deaf_world().await;
    let acme = world.connect("acme", None).await;
    assert_eq!(call(&world.caller()).await.status, 200);

    let other = second_process(&world).await;
    world.sim.expire_sessions(&acme.org);
    let reply = call(&Caller::new(other.proxy_address().unwrap(), world.seen.clone())).await;
    assert_eq!((reply.status.as_u16(), world.sim.exchanges()), (200, 1));
    stored_long_ago(&redis, &acme.key);
    world.sim.expire_sessions(&acme.org);
    world.sim.clear_requests();

    let caller = world.caller();
    let replies = crowd(CROWD, || caller.get(LIMITS).tenant("acme")).await;
    assert_eq!(statuses(&replies), [(200, CROWD)]);
    sends_nothing_twice(&world, 2);
    assert_eq!(world.metric("orgpass_adopted_generations_total").await, 1.0);
    assert!(tokio::task::spawn_blocking(|| other.stop()).await.unwrap());
}

/// A second Orgpass on the same store.
pub async fn second_process(world: &World) -> App {
    let (config, log) = (world.config.clone(), world.log.clone());
    tokio::task::spawn_blocking(move || App::start(&config, Box::new(log)).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_through_two_processes_on_one_redis_share_one_exchange() {
    let redis = RedisChild::start();
    let world = World::on(&redis).await;
    let acme = world.connect("acme", None).await;
    let other = second_process(&world).await;
    let callers = [world.caller(), Caller::new(other.proxy_address().unwrap(), world.seen.clone())];
    for caller in &callers {
        assert_eq!(call(caller).await.status, 200);
    }
    for exchanges in 1..=3 {
        world.sim.expire_sessions(&acme.org);
        let [here, there] = &callers;
        let half = |caller: &Caller| {
            let caller = caller.clone();
            crowd(CROWD / 2, move || caller.get(LIMITS).tenant("acme"))
        };
        let (here, there) = tokio::join!(half(here), half(there));
        assert_eq!((statuses(&here), statuses(&there)), (vec![(200, CROWD / 2)], vec![(200, CROWD / 2)]));
        sends_nothing_twice(&world, exchanges);
    }
    assert!(tokio::task::spawn_blocking(|| other.stop()).await.unwrap());
}

/// As if the token had been stored a day ago: only one stored a moment ago counts as fresh.
pub fn stored_long_ago(redis: &RedisChild, key: &ConnectionKey) {
    edit_row(redis, "status", key, |row| {
        for time in ["since", "stored"] {
            row["head"][time] = (row["head"][time].as_u64().unwrap() - 24 * 60 * 60 * 1000).into();
        }
    });
}

/// As if the intent had been written a minute earlier than it was: old enough to be settled.
pub fn age_intent(redis: &RedisChild, connected: &Connected) {
    edit_row(redis, "intent", &connected.key, |intent| {
        intent["at"] = (intent["at"].as_u64().unwrap() - 60 * 1000).into();
    });
}

pub fn edit_row(redis: &RedisChild, kind: &str, key: &ConnectionKey, edit: impl Fn(&mut serde_json::Value)) {
    let name = format!("orgpass:{kind}:{{{}}}", key.encode());
    let text: Vec<u8> = redis::cmd("GET").arg(&name).query(&mut redis.raw()).unwrap();
    let mut row = serde_json::from_slice(&text).unwrap();
    edit(&mut row);
    redis.set(&name, Some(row.to_string().as_bytes()));
}

async fn a_crowd_is_served_though_the_caller_that_started_the_exchange_is_gone(world: &World) {
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let caller = world.caller();
    let first = tokio::spawn(caller.get(LIMITS).tenant("acme").send());
    held.wait_held(1).await;
    let others = tokio::spawn(async move { crowd(CROWD, || caller.get(LIMITS).tenant("acme")).await });
    world.until_metric(IN_FLIGHT, (CROWD + 1) as f64).await;

    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.until_metric(IN_FLIGHT, CROWD as f64).await;
    held.release();
    assert_eq!(statuses(&others.await.unwrap()), [(200, CROWD)]);
    sends_nothing_twice(world, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_are_served_though_the_caller_that_started_the_exchange_is_gone() {
    a_crowd_is_served_though_the_caller_that_started_the_exchange_is_gone(&World::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_are_served_though_the_caller_that_started_the_exchange_is_gone_on_redis() {
    let redis = RedisChild::start();
    a_crowd_is_served_though_the_caller_that_started_the_exchange_is_gone(&World::on(&redis).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_whose_every_caller_is_gone_is_finished_and_stored() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let only = tokio::spawn(world.caller().get(LIMITS).tenant("acme").send());
    held.wait_held(1).await;
    only.abort();
    assert!(only.await.unwrap_err().is_cancelled());
    world.until_metric(IN_FLIGHT, 0.0).await;
    held.release();

    let reply = call(&world.caller()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    sends_nothing_twice(&world, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_the_refresh_token_unspent_is_waited_out() {
    let world = World::start().await;
    let page = || Effect::HtmlMaintenance(503);
    let unspent: [(&str, Effect); 5] = [
        ("unknown-error", Effect::TokenError("unknown_error".to_owned(), "retry your request".to_owned())),
        ("unavailable", Effect::Status(503, "{}".to_owned())),
        ("broken", Effect::Status(500, String::new())),
        ("page", page()),
        ("in-progress", Effect::AlreadyBeingProcessed),
    ];
    for (tenant, effect) in unspent {
        let connected = world.connect(tenant, None).await;
        world.sim.expire_sessions(&connected.org);
        let before = world.sim.exchanges();
        let fault = world.sim.fault(Fault::on_token_endpoint(effect).times(2));
        let reply = world.caller().get(LIMITS).tenant(tenant).send().await;
        assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")), "{tenant}");
        assert_eq!((fault.struck(), world.sim.exchanges() - before), (2, 3), "{tenant}");
    }
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

fn is_unavailable(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{reply:?}");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait));
    assert_eq!(reply.json()[0]["errorCode"], "ORGPASS_TOKEN_UNAVAILABLE");
}

async fn recovers(world: &World) {
    let caller = world.caller();
    eventually("a token after the trouble", async || call(&caller).await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_token_endpoint_is_in_trouble_the_caller_is_told_to_come_back() {
    let world = World::configured("proxy.token_wait = \"500ms\"").await;
    let acme = world.connect("acme", None).await;
    let troubles = [
        Effect::TokenError("unknown_error".to_owned(), "retry your request".to_owned()),
        Effect::Status(503, "{}".to_owned()),
        Effect::HtmlMaintenance(503),
        Effect::AlreadyBeingProcessed,
    ];
    for trouble in troubles {
        world.sim.expire_sessions(&acme.org);
        let fault = world.sim.fault(Fault::on_token_endpoint(trouble.clone()).for_good());
        is_unavailable(&call(&world.caller()).await);
        eventually("the endpoint is asked", async || fault.struck() > 0).await;
        fault.end();
        recovers(&world).await;
    }
    assert_eq!((world.sim.spent_tokens_presented(), world.sim.successful_exchanges()), (0, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_logins_are_not_made_more() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    world.sim.fault(Fault::on_token_endpoint(Effect::RetryAfter(429, 60, "{}".to_owned())).for_good());
    for _ in 0..20 {
        let reply = call(&world.caller()).await;
        is_unavailable(&reply);
        assert_eq!(reply.header("retry-after"), Some("300"));
    }
    assert_eq!(world.sim.exchanges(), 1);
}

/// What leaves nobody knowing whether the refresh token was spent. The last column says whether it was.
fn unknown_outcomes() -> [(&'static str, Effect, bool); 6] {
    [
        ("lost", Effect::LoseResponse, true),
        ("cut-off", Effect::TruncatedBody, true),
        ("page", Effect::HtmlMaintenance(200), false),
        ("gateway", Effect::Status(502, "{}".to_owned()), false),
        ("dropped", Effect::DropBeforeProcessing, false),
        ("reset", Effect::ConnectionReset, false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_unknown_outcome_is_not_repeated_while_it_may_be_under_way() {
    let world = World::configured("proxy.token_wait = \"500ms\"").await;
    for (count, (tenant, effect, _)) in (1..).zip(unknown_outcomes()) {
        let connected = world.connect(tenant, None).await;
        world.sim.expire_sessions(&connected.org);
        let fault = world.sim.fault(Fault::on_token_endpoint(effect));
        let caller = world.caller();
        let replies = crowd(50, || caller.get(LIMITS).tenant(tenant)).await;
        replies.iter().for_each(is_unavailable);
        until_the_outcome_is_in_doubt(&world, &connected).await;
        assert_eq!((fault.struck(), world.sim.requests_to_tokens()), (1, count), "{tenant}");
    }
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

/// Waits for the end of an exchange of unknown outcome. Callers are told before, where it takes longer than they wait.
async fn until_the_outcome_is_in_doubt(world: &World, connected: &Connected) {
    let in_doubt = (Status::Checking, Some(Cause::OutcomeUnknown));
    eventually("an unknown outcome", async || world.stored_status(&connected.key).await == in_doubt).await;
}

/// Requests that reached the token endpoint, processed or not.
trait RequestsToTokens {
    fn requests_to_tokens(&self) -> usize;
}

impl RequestsToTokens for salesforce_sim::Simulator {
    fn requests_to_tokens(&self) -> usize {
        self.requests().iter().filter(|request| request.path() == TOKEN_PATH).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_unknown_outcome_is_settled_by_asking_again_when_it_must_have_ended() {
    let redis = RedisChild::start();
    let options =
        Options { config: "proxy.token_wait = \"500ms\"".to_owned(), store: Some(redis.url()), ..Options::default() };
    let world = World::with(options).await;
    for (tenant, effect, spent) in unknown_outcomes() {
        let connected = world.connect(tenant, None).await;
        world.sim.expire_sessions(&connected.org);
        let spent_before = world.sim.spent_tokens_presented();
        world.sim.fault(Fault::on_token_endpoint(effect));
        let caller = world.caller();
        is_unavailable(&caller.get(LIMITS).tenant(tenant).send().await);
        until_the_outcome_is_in_doubt(&world, &connected).await;
        assert_eq!(world.sim.spent_tokens_presented(), spent_before, "{tenant}");

        age_intent(&redis, &connected);
        let mut last = None;
        let settled = async || {
            let reply = caller.get(LIMITS).tenant(tenant).send().await;
            let settled = reply.error() != Some("token_unavailable");
            last = Some(reply);
            settled
        };
        eventually("a definite answer", settled).await;
        let last = last.unwrap();
        let expected = if spent { (403, Some("reauthorize")) } else { (200, None) };
        assert_eq!((last.status.as_u16(), last.error()), expected, "{tenant}: {last:?}");
        let status = if spent { "reauthorize" } else { "active" };
        assert_eq!(world.stored_status(&connected.key).await.0.as_str(), status, "{tenant}");
    }
}

/// That a later sending came to nothing tells nothing of an earlier one, whose answer took the new token with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_named_whatever_comes_in_between() {
    let redis = RedisChild::start();
    let options =
        Options { config: "proxy.token_wait = \"500ms\"".to_owned(), store: Some(redis.url()), ..Options::default() };
    let world = World::with(options).await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    world.sim.fault(Fault::on_token_endpoint(Effect::LoseResponse));
    is_unavailable(&call(&world.caller()).await);
    until_the_outcome_is_in_doubt(&world, &acme).await;
    age_intent(&redis, &acme);
    let busy = world.sim.fault(Fault::on_token_endpoint(Effect::Status(503, "{}".to_owned())));
    let asked_again = async || {
        is_unavailable(&call(&world.caller()).await);
        busy.struck() == 1
    };
    eventually("the endpoint is asked again", asked_again).await;
    age_intent(&redis, &acme);
    eventually("a definite answer", async || call(&world.caller()).await.error() == Some("reauthorize")).await;
    assert_eq!(world.stored_status(&acme.key).await, (Status::Reauthorize, Some(Cause::AnswerLost)));
    assert_eq!(world.metric("orgpass_lost_grants_total").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_asks_for_a_person_and_costs_one_exchange() {
    let world = World::configured("tokens.unknown_for = \"0s\"").await;
    let acme = world.connect("acme", None).await;
    assert!(world.sim.revoke_grant(&acme.tokens.refresh_token));
    let caller = world.caller();
    for _ in 0..2 {
        let replies = crowd(50, || caller.get(LIMITS).tenant("acme")).await;
        for reply in &replies {
            assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("reauthorize")), "{reply:?}");
            assert_eq!(reply.json()[0]["errorCode"], "ORGPASS_REAUTHORIZE");
            let message = reply.json()[0]["message"].as_str().unwrap().to_owned();
            assert!(message.contains("Connect the org again"), "{message}");
        }
    }
    assert_eq!(world.sim.exchanges(), 1);
    let (status, cause) = world.stored_status(&acme.key).await;
    assert_eq!((status.as_str(), cause.unwrap().as_str()), ("reauthorize", "revoked"));
    assert_eq!(world.metric("orgpass_connections{status=\"reauthorize\"}").await, 1.0);
    assert_eq!(world.metric("orgpass_connections{status=\"active\"}").await, 0.0);
}

async fn a_definite_refusal_costs_one_exchange(world: &World) {
    let acme = world.connect("acme", None).await;
    world.sim.deactivate(&acme.user);
    for _ in 0..50 {
        let reply = world.caller().post("/services/apexrest/sink", "x").tenant("acme").send().await;
        assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{reply:?}");
        assert!(reply.json()[0]["message"].as_str().unwrap().contains("deactivated"), "{reply:?}");
    }
    assert_eq!(world.sim.exchanges(), 1);
    let (status, cause) = world.stored_status(&acme.key).await;
    assert_eq!((status.as_str(), cause.unwrap().as_str()), ("misconfigured", "user_inactive"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_user_is_an_admins_affair_and_costs_one_exchange() {
    a_definite_refusal_costs_one_exchange(&World::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_user_is_an_admins_affair_and_costs_one_exchange_on_redis() {
    let redis = RedisChild::start();
    a_definite_refusal_costs_one_exchange(&World::on(&redis).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definite_refusal_does_not_bounce_between_two_processes() {
    let redis = RedisChild::start();
    let world = World::on(&redis).await;
    let acme = world.connect("acme", None).await;
    let other = second_process(&world).await;
    world.sim.deactivate(&acme.user);
    let callers = [world.caller(), Caller::new(other.proxy_address().unwrap(), world.seen.clone())];
    for _ in 0..50 {
        for caller in &callers {
            let reply = call(caller).await;
            assert_eq!(reply.error(), Some("misconfigured"), "{reply:?}");
        }
    }
    assert!(world.sim.exchanges() <= 2, "{} exchanges", world.sim.exchanges());
    assert!(tokio::task::spawn_blocking(|| other.stop()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_turns_out_to_be_of_another_org_is_dropped_from_memory() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let call = || world.caller().get(LIMITS).tenant("acme").send();
    assert_eq!(call().await.status, 200);
    // As `connection check` does when userinfo names another org.
    let store = &world.orgpass().engine().store;
    let held = store.read(&acme.key).await.unwrap().unwrap().head.generation;
    let cause = Cause::OrgMismatch;
    assert!(store.set_status(&acme.key, held, cause.status(), Some(cause)).await.unwrap());
    eventually("the next call has a new session", async || {
        let status = call().await.status;
        assert_eq!(status, 200);
        world.sim.exchanges() == 1
    })
    .await;
    assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_response_that_names_no_instance_or_is_odd_otherwise_loses_no_refresh_token() {
    let world = World::start().await;
    let tokens = |more: &str| format!(r#"{{"access_token":"AT-2","refresh_token":"RT-2"{more}}}"#);
    for (number, more) in [
        r#","token_type":"Bearer""#,
        "",
        r#","token_type":"Bearer","issued_at":1767225600000,"expires_in":"7200""#,
        r#","token_type":"Bearer","instance_url":null,"id":null,"scope":["api","refresh_token"]"#,
        r#","token_type":"Bearer","scope":"api","scope":"api""#,
    ]
    .into_iter()
    .enumerate()
    {
        let tenant = format!("t{number}");
        let connected = world.connect(&tenant, None).await;
        world.sim.expire_sessions(&connected.org);
        world.sim.fault(Fault::on_token_endpoint(Effect::Status(200, tokens(more))));
        let reply = world.caller().get(LIMITS).tenant(&tenant).send().await;
        assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{more} {reply:?}");
        let row = world.orgpass().engine().store.read(&connected.key).await.unwrap().unwrap();
        assert_eq!(row.head.fingerprint, Some(Fingerprint::of(&Secret::new("RT-2".to_owned()))), "{more}");
    }
}
