//! What every client is put through.

use std::time::Duration;

use redis_child::HeldPort;
use serde_json::{Value, json};

use super::Client;
use super::scene::{Scene, Stage, local_token, unknown_token};
use crate::world::{Connected, Options, Redis, World, eventually};

/// Even a library that asks five times more with growing pauses has given up by then.
const SOON: Duration = Duration::from_secs(60);
/// Most calls that one attempt may cost: the first and five more.
const MOST_CALLS: usize = 6;
/// Of a tool, which may make more than one call for what it is asked.
const MOST_CALLS_OF_TOOLS: usize = 2 * MOST_CALLS;

/// However long a client takes, an org that refuses what is fresh is not tried again meanwhile.
const WITHOUT_ANOTHER_TRY: &str = "[tokens]\ncooldown = \"1h\"\ncooldown_max = \"1h\"\n";

const REVOKED: &str = "A person must connect the org again";
const REFUSED_FRESH: &str = "An admin must change something first";
const UNKNOWN: &str = "Nothing is connected under this tenant and user";
const WITHOUT_STORE: &str = "store of connections cannot be reached";

/// Every operation goes on when the org's session dies before it; the client sees nothing of that.
pub async fn everything_goes_on(client: Client, operations: usize) {
    let scene = Scene::set(client).await;
    let printed = scene.plays("works").await;
    assert_eq!(printed.matches("survived: ").count(), operations, "{printed}");
    scene.the_orgs_saw_real_tokens_only();
    // Each death was met by the call that came next, or several, and cured by one exchange.
    assert!(scene.dead_answers() >= operations, "{printed}");
    assert_eq!(scene.world().sim.exchanges(), operations as u64, "{printed}");
}

/// Two tenants in one process, at the same time, one session each dying on the way.
pub async fn tenants_stay_apart(client: Client) {
    let scene = Scene::set(client).await;
    scene.plays("tenants").await;
    scene.the_orgs_saw_real_tokens_only();
    assert_eq!(scene.world().sim.exchanges(), 2);
}

/// What is refused for good, or cannot be done now, is shown in our words, soon, and at the cost of few calls.
pub async fn refusals_are_shown(client: Client) {
    refusals_are_shown_as(client, &[]).await;
}

/// As [`refusals_are_shown`], where the library keeps our words of some situations to itself and shows these instead.
pub async fn refusals_are_shown_as(client: Client, instead: &[(&str, &str)]) {
    let mut stage = refusals_for_good_are_shown_as(client, instead).await;
    let cold = stage.world.connect("cold", None).await;
    stage.world.redis.as_mut().unwrap().child.kill();
    let printed = stage.plays("refused", &[("cold", local_token(&cold))], json!({})).await;
    shows(&stage.world, &printed, "cold", words("cold", WITHOUT_STORE, instead));
    stage.world.redis.as_mut().unwrap().child.restart();
}

/// As [`refusals_are_shown`], for a library that waits in silence where it may come again.
pub async fn refusals_for_good_are_shown(client: Client) {
    refusals_for_good_are_shown_as(client, &[]).await;
}

async fn refusals_for_good_are_shown_as(client: Client, instead: &[(&str, &str)]) -> Stage {
    let stage = Stage::set(client, Options { config: WITHOUT_ANOTHER_TRY.to_owned(), ..with_redis() }).await;
    let world = &stage.world;
    let revoked = world.connect("revoked", None).await;
    world.sim.revoke_grant(&revoked.tokens.refresh_token);
    let restricted = world.connect("restricted", None).await;
    world.sim.restrict_ip(&restricted.org, None);

    let tokens =
        [("revoked", local_token(&revoked)), ("nobody", unknown_token()), ("restricted", local_token(&restricted))];
    let printed = stage.plays("refused", &tokens, json!({})).await;
    shows(world, &printed, "revoked", words("revoked", REVOKED, instead));
    shows(world, &printed, "nobody", words("nobody", UNKNOWN, instead));
    shows(world, &printed, "restricted", words("restricted", REFUSED_FRESH, instead));
    costs_few_exchanges(world);
    stage
}

/// Trouble that comes while a client is at work is shown too.
pub async fn trouble_at_work_is_shown(client: Client) {
    let config = WITHOUT_ANOTHER_TRY.to_owned();
    let mut stage = Stage::set(client, Options { config, ..Options::default() }).await;
    let revoked = stage.world.connect("revoked", None).await;
    let restricted = stage.world.connect("restricted", None).await;
    let orgs = json!({"revoked": revoked.org.org_id(), "restricted": restricted.org.org_id()});
    let tokens = [("revoked", local_token(&revoked)), ("restricted", local_token(&restricted))];
    let does = async |world: &mut World, asked: &str| {
        let Connected { org, tokens, .. } = if asked == "revoked" { &revoked } else { &restricted };
        match asked {
            "revoked" => assert!(world.sim.revoke_grant(&tokens.refresh_token)),
            "restricted" => world.sim.restrict_ip(org, None),
            other => panic!("{other}"),
        }
        world.sim.expire_sessions(org);
    };
    let printed = stage.plays_asking("troubled", &tokens, orgs, does).await;
    shows(&stage.world, &printed, "revoked", REVOKED);
    shows(&stage.world, &printed, "restricted", REFUSED_FRESH);
    costs_few_exchanges(&stage.world);
}

/// What was revoked costs one exchange. An org that refuses what is fresh costs one, and where more than a second lies
/// between its refusals, one for each family of APIs: REST, Bulk 1 and SOAP.
fn costs_few_exchanges(world: &World) {
    assert!((2..=4).contains(&world.sim.exchanges()), "{} exchanges", world.sim.exchanges());
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

/// A session that ends while the store is away ends nothing else: after the outage the client goes on. What it shows
/// meanwhile, if anything, is our word.
pub async fn an_outage_of_the_store_is_overcome(client: Client) {
    let mut stage = Stage::set(client, with_redis()).await;
    let acme = stage.world.connect("acme", None).await;
    let orgs = json!({"acme": acme.org.org_id()});
    let does = async |world: &mut World, asked: &str| match asked {
        "outage" => {
            world.redis.as_mut().unwrap().child.kill();
            world.until_metric("orgpass_store_up", 0.0).await;
            world.sim.expire_sessions(&acme.org);
        }
        "end of the outage" => {
            let met = async || world.log.text().contains("\"token_unavailable\"");
            eventually("the client is told of the outage", met).await;
            world.redis.as_mut().unwrap().child.restart();
        }
        other => panic!("{other}"),
    };
    let printed = stage.plays_asking("outage", &[("acme", local_token(&acme))], orgs, does).await;
    if printed.contains("\"situation\"") {
        shows_at(MOST_CALLS_OF_TOOLS, &stage.world, &printed, "acme", WITHOUT_STORE);
    }
    assert_eq!((stage.world.sim.successful_exchanges(), stage.world.sim.spent_tokens_presented()), (1, 0));
}

/// Ten sessions die, and Orgpass starts again between them, at the address that it had; the subscription goes on, and no
/// event is lost.
pub async fn a_subscription_survives(client: Client) {
    let port = HeldPort::new();
    let config = format!("listen = \"{}\"\n", port.address());
    let mut stage = Stage::set(client, Options { config, ..Options::default() }).await;
    let acme = stage.world.connect("acme", None).await;
    let orgs = json!({"acme": acme.org.org_id()});
    let mut restarts = 0;
    let does = async |world: &mut World, asked: &str| {
        assert_eq!(asked, "restart");
        world.restart().await;
        restarts += 1;
    };
    stage.plays_asking("survives", &[("acme", local_token(&acme))], orgs, does).await;
    assert_eq!((restarts, stage.world.sim.exchanges(), stage.world.sim.spent_tokens_presented()), (1, 10, 0));
}

fn with_redis() -> Options {
    Options { redis: Some(Redis::plain()), ..Options::default() }
}

fn words<'a>(situation: &str, ours: &'a str, instead: &[(&str, &'a str)]) -> &'a str {
    instead.iter().find(|(other, _)| *other == situation).map_or(ours, |(_, text)| text)
}

/// Every attempt of the situation showed this text, and cost no more calls than a library makes.
fn shows(world: &World, printed: &str, tenant: &str, text: &str) {
    shows_at(MOST_CALLS, world, printed, tenant, text);
}

fn shows_at(most_calls: usize, world: &World, printed: &str, tenant: &str, text: &str) {
    let attempts: Vec<Value> = printed
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|attempt| attempt["situation"] == tenant)
        .collect();
    assert!(!attempts.is_empty(), "{tenant} was not tried: {printed}");
    for attempt in &attempts {
        assert!(attempt["text"].as_str().is_some_and(|shown| shown.contains(text)), "{attempt}");
        assert!(attempt["seconds"].as_f64().unwrap() < SOON.as_secs_f64(), "{attempt}");
    }
    let is_refused =
        |line: &&str| line.contains(&format!("\"tenant\":\"{tenant}\"")) && line.contains("\"outcome\":\"refused\"");
    let calls = world.log.text().lines().filter(is_refused).count();
    assert!(calls <= most_calls * attempts.len(), "{tenant}: {calls} calls for {} attempts", attempts.len());
}
