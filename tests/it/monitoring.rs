//! The hub looks at every connection in its time: what has become of it is known before anybody calls, at the cost of
//! one exchange, and no refresh token dies of being unused.

use orgpass::connection::{Cause, ConnectionKey, Status};
use orgpass::store::{PutWhen, StoreTime};
use redis_child::RedisChild;

use crate::caller::Caller;
use crate::exchanging::{edit_row, sends_nothing_twice};
use crate::world::{Connected, Options, World, eventually};

const DAY: u64 = 24 * 60 * 60 * 1000;

async fn hub(redis: &RedisChild, config: &str) -> World {
    World::with(Options { config: format!("[hub]\n{config}"), store: Some(redis.url()), ..Options::default() }).await
}

/// The monitor's looks so far that had this result.
async fn checks(world: &World, result: &str) -> f64 {
    world.metric(&format!("orgpass_checks_total{{result=\"{result}\"}}")).await
}

/// Waits until the monitor has been through all connections a few times more.
async fn some_periods_later(world: &World) {
    let before = checks(world, "alive").await;
    eventually("more looks", async || checks(world, "alive").await >= before + 3.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_become_of_a_connection_is_known_without_any_call_and_costs_one_exchange() {
    let redis = RedisChild::start();
    let world = hub(&redis, "check_every = \"500ms\"").await;
    let healthy = world.connect("healthy", None).await;
    let revoked = world.connect("revoked", Some("u-1")).await;
    let inactive = world.connect("inactive", None).await;
    let restricted = world.connect("restricted", None).await;
    eventually("all have been seen to be alive", async || checks(&world, "alive").await >= 8.0).await;
    assert_eq!(world.sim.exchanges(), 0, "what lives is not exchanged for");

    assert!(world.sim.revoke_grant(&revoked.tokens.refresh_token));
    world.sim.deactivate(&inactive.user);
    world.sim.restrict_ip(&restricted.org, None);
    let found = [
        (&revoked, Status::Reauthorize, Cause::Revoked),
        (&inactive, Status::Misconfigured, Cause::UserInactive),
        (&restricted, Status::Misconfigured, Cause::FreshTokenRefused),
    ];
    for (connected, status, cause) in found {
        eventually(cause.as_str(), async || world.stored_status(&connected.key).await == (status, Some(cause))).await;
    }
    some_periods_later(&world).await;
    sends_nothing_twice(&world, 3);
    assert_eq!(world.stored_status(&healthy.key).await, (Status::Active, None));
    let told = world.orgpass().engine().store.events(None, 100).await.unwrap();
    for (connected, status, cause) in found {
        let states = told.iter().filter(|event| event.key == connected.key).filter_map(|event| event.after);
        let times = states.filter(|now| (now.status, now.cause) == (status, Some(cause))).count();
        assert_eq!(times, 1, "{told:?}");
    }
}

/// When it is tried again, nothing is told that is not new, and the waits go on doubling.
#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_refuses_new_tokens_stays_misconfigured_until_it_accepts_one() {
    let redis = RedisChild::start();
    let world = hub(&redis, "check_every = \"500ms\"").await;
    let acme = world.connect("acme", None).await;
    world.sim.restrict_ip(&acme.org, None);
    let refused = (Status::Misconfigured, Some(Cause::FreshTokenRefused));
    eventually("it is found out", async || world.stored_status(&acme.key).await == refused).await;
    // How long it is put off for, in milliseconds, by the clock of the store.
    let put_off = async || {
        let mut raw = redis.raw();
        let at: f64 = redis::cmd("ZSCORE").arg("orgpass:due").arg(acme.key.encode()).query(&mut raw).unwrap();
        at - world.orgpass().engine().store.read(&acme.key).await.unwrap().unwrap().now.0 as f64
    };
    // Whoever looks at it has it claimed for three minutes, and then puts it off for one.
    eventually("the first look is over", async || put_off().await < 90_000.0).await;
    edit_row(&redis, "status", &acme.key, |row| {
        row["head"]["since"] = (row["head"]["since"].as_u64().unwrap() - 10 * 60 * 1000).into();
    });
    let store = &world.orgpass().engine().store;
    let since = store.read(&acme.key).await.unwrap().unwrap().head.since;
    let events = store.events(None, 100).await.unwrap().len();
    let due = |at: u64| redis::cmd("ZADD").arg("orgpass:due").arg(at).arg(acme.key.encode()).exec(&mut redis.raw());
    due(0).unwrap();
    eventually("it is tried again", async || world.sim.exchanges() == 2).await;
    eventually("and put off", async || put_off().await > 9.0 * 60_000.0).await;
    let head = store.read(&acme.key).await.unwrap().unwrap().head;
    assert_eq!(((head.status, head.cause), head.since), (refused, since));
    assert_eq!(store.events(None, 100).await.unwrap().len(), events);

    world.sim.lift_ip_restriction(&acme.org);
    due(0).unwrap();
    eventually("it works", async || world.stored_status(&acme.key).await == (Status::Active, None)).await;
    sends_nothing_twice(&world, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_ended_is_replaced_though_nobody_calls() {
    let world = World::configured("[hub]\ncheck_every = \"500ms\"").await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    eventually("a new session", async || checks(&world, "renewed").await == 1.0).await;
    some_periods_later(&world).await;
    sends_nothing_twice(&world, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_was_long_unused_is_exchanged_before_it_can_die() {
    let redis = RedisChild::start();
    let world = hub(&redis, "check_every = \"500ms\"").await;
    let unused = world.connect("unused", None).await;
    let used = world.connect("used", None).await;
    stored_days_ago(&redis, &unused, 21);
    stored_days_ago(&redis, &used, 19);
    eventually("it is kept alive", async || checks(&world, "kept_alive").await == 1.0).await;
    some_periods_later(&world).await;
    sends_nothing_twice(&world, 1);
    assert_eq!((generation(&world, &unused).await, generation(&world, &used).await), (2, 1));
}

fn stored_days_ago(redis: &RedisChild, connected: &Connected, days: u64) {
    edit_row(redis, "status", &connected.key, |row| {
        row["head"]["stored"] = (row["head"]["stored"].as_u64().unwrap() - days * DAY).into();
    });
}

async fn generation(world: &World, connected: &Connected) -> u64 {
    let row = world.orgpass().engine().store.read(&connected.key).await.unwrap().unwrap();
    assert!(row.now > StoreTime(0));
    row.head.generation.number
}

#[tokio::test(flavor = "multi_thread")]
async fn all_connections_are_counted_and_those_that_fell_out_of_the_schedule_are_put_back() {
    let redis = RedisChild::start();
    let world = hub(&redis, "check_every = \"1s\"").await;
    let old = world.connect("old", None).await;
    let young = world.connect("young", None).await;
    let gone = world.connect("gone", None).await;
    stored_days_ago(&redis, &old, 16);
    assert!(world.sim.revoke_grant(&gone.tokens.refresh_token));
    for (series, count) in [
        ("orgpass_stored_connections{cause=\"none\",status=\"active\"}", 2.0),
        ("orgpass_stored_connections{cause=\"revoked\",status=\"reauthorize\"}", 1.0),
        ("orgpass_idle_limit_connections{days=\"14\"}", 1.0),
        ("orgpass_idle_limit_connections{days=\"30\"}", 1.0),
        ("orgpass_idle_limit_connections{days=\"0\"}", 0.0),
    ] {
        world.until_metric(series, count).await;
    }
    assert_eq!(world.metric("orgpass_hub_leads").await, 1.0);
    let mut raw = redis.raw();
    redis::cmd("DEL").arg("orgpass:due").exec(&mut raw).unwrap();
    let mut due = Vec::<String>::new();
    eventually("both are due again", async || {
        due = redis::cmd("ZRANGE").arg("orgpass:due").arg(0).arg(-1).query(&mut raw).unwrap();
        due.len() >= 2
    })
    .await;
    some_periods_later(&world).await;
    assert_eq!(due.len(), 2, "{due:?}");
    assert!(due.contains(&old.key.encode()) && due.contains(&young.key.encode()));
}

/// What a process counts of a store operation.
async fn operations(operator: &Caller, name: &str) -> f64 {
    let text = operator.get("/metrics").send().await;
    let series = format!("orgpass_store_operation_duration_seconds_count{{operation=\"{name}\"}} ");
    text.text().lines().find_map(|line| line.strip_prefix(&*series)?.parse().ok()).unwrap_or(0.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_are_scheduled_by_pages_spread_over_the_period_and_left_alone_until_they_are_due() {
    const MANY: usize = 2000;
    const HOUR: f64 = 3_600_000.0;
    let redis = RedisChild::start();
    let world = World::on(&redis).await;
    let acme = world.connect("acme", None).await;
    let store = std::sync::Arc::clone(&world.orgpass().engine().store);
    for number in 1..MANY {
        let key = ConnectionKey::parse(&format!("tenant-{number}"), None).unwrap();
        store.put(&key, &world.record(&key, &acme.tokens), PutWhen::Absent).await.unwrap();
    }
    let hub = world
        .beside(|table| {
            drop(table.insert("hub".to_owned(), "check_every = \"1h\"".parse::<toml::Table>().unwrap().into()))
        })
        .await;
    let operator = Caller::new(hub.ops_address(), world.seen.clone());
    let mut raw = redis.raw();
    let mut due = || -> Vec<(String, f64)> {
        redis::cmd("ZRANGE").arg("orgpass:due").arg(0).arg(-1).arg("WITHSCORES").query(&mut raw).unwrap()
    };
    eventually("all are scheduled", async || due().len() == MANY).await;
    let seen = operations(&operator, "take_due").await;
    eventually("the monitor goes on", async || operations(&operator, "take_due").await >= seen + 3.0).await;
    assert_eq!(operations(&operator, "list").await, 4.0, "five hundred at a time, once");
    let reads = operations(&operator, "read").await;
    assert!(reads < 100.0, "{reads} reads: only what is due is read");

    let due = due();
    let first = due[0].1;
    for tenth in 0..10 {
        let (from, to) = (first + HOUR / 10.0 * f64::from(tenth), first + HOUR / 10.0 * f64::from(tenth + 1));
        let count = due.iter().filter(|(_, at)| (from..to).contains(at)).count();
        assert!((140..=260).contains(&count), "{count} in tenth {tenth}");
    }
    assert!(tokio::task::spawn_blocking(|| hub.stop()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_finds_nothing_changed_reads_the_connection_twice_and_lists_nothing() {
    let redis = RedisChild::start();
    let world = World::on(&redis).await;
    let acme = world.connect("acme", None).await;
    let hub = world
        .beside(|table| {
            drop(table.insert("hub".to_owned(), "check_every = \"7days\"".parse::<toml::Table>().unwrap().into()))
        })
        .await;
    let operator = Caller::new(hub.ops_address(), world.seen.clone());
    let has = async |line: &str| operator.get("/metrics").send().await.text().lines().any(|there| there == line);
    let counted = "orgpass_stored_connections{cause=\"none\",status=\"active\"} 1";
    eventually("it has been counted", async || has(counted).await).await;
    let counts = async || {
        let mut counts = Vec::new();
        for name in ["read", "schedule", "list", "read_record", "set_status", "commit"] {
            counts.push(operations(&operator, name).await);
        }
        counts
    };
    let before = counts().await;
    redis::cmd("ZADD").arg("orgpass:due").arg(0).arg(acme.key.encode()).exec(&mut redis.raw()).unwrap();
    eventually("it is put off for a period", async || counts().await[1] > before[1]).await;
    let grown: Vec<_> = counts().await.iter().zip(&before).map(|(now, before)| now - before).collect();
    assert_eq!(grown, [2.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert!(has("orgpass_checks_total{result=\"alive\"} 1").await);
    assert!(tokio::task::spawn_blocking(|| hub.stop()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hub_watches_and_another_takes_over_when_it_goes() {
    let redis = RedisChild::start();
    let mut world = hub(&redis, "check_every = \"500ms\"").await;
    world.connect("acme", None).await;
    world.until_metric("orgpass_hub_leads", 1.0).await;
    let other = world.beside(|_| {}).await;
    let operator = Caller::new(other.ops_address(), world.seen.clone());
    let leads = async || {
        let text = operator.get("/metrics").send().await;
        text.text().lines().any(|line| line == "orgpass_hub_leads 1")
    };
    some_periods_later(&world).await;
    assert!(!leads().await);
    assert!(world.stop().await);
    eventually("the other leads", leads).await;
    assert!(tokio::task::spawn_blocking(|| other.stop()).await.unwrap());
    world.start_again_on(&redis).await;
    world.until_metric("orgpass_hub_leads", 1.0).await;
}
