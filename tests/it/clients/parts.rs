//! What every client is put through.

use std::time::Duration;

use serde_json::{Value, json};

use super::Client;
use super::scene::{Scene, Stage, local_token, unknown_token};
use crate::world::{Options, Redis, World};

/// Even a library that asks five times more with growing pauses has given up by then.
const SOON: Duration = Duration::from_secs(60);
/// Most calls that one attempt may cost: the first and five more.
const MOST_CALLS: usize = 6;

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
    let words = |tenant: &str, ours: &'static str| {
        let other = instead.iter().find(|(situation, _)| *situation == tenant);
        other.map_or(ours, |(_, text)| text).to_owned()
    };
    let mut stage = Stage::set(client, Options { redis: Some(Redis::plain()), ..Options::default() }).await;
    let world = &stage.world;
    let revoked = world.connect("revoked", None).await;
    world.sim.revoke_grant(&revoked.tokens.refresh_token);
    let restricted = world.connect("restricted", None).await;
    world.sim.restrict_ip(&restricted.org, None);
    let cold = world.connect("cold", None).await;

    let tokens =
        [("revoked", local_token(&revoked)), ("nobody", unknown_token()), ("restricted", local_token(&restricted))];
    let printed = stage.plays("refused", &tokens, json!({})).await;
    shows(&stage.world, &printed, "revoked", &words("revoked", "A person must connect the org again"));
    shows(&stage.world, &printed, "nobody", &words("nobody", "Nothing is connected under this tenant and user"));
    shows(&stage.world, &printed, "restricted", &words("restricted", "An admin must change something first"));
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (2, 0));

    stage.world.redis.as_mut().unwrap().child.kill();
    let printed = stage.plays("refused", &[("cold", local_token(&cold))], json!({})).await;
    shows(&stage.world, &printed, "cold", &words("cold", "store of connections cannot be reached"));
    stage.world.redis.as_mut().unwrap().child.restart();
}

/// Every attempt of the situation showed this text.
fn shows(world: &World, printed: &str, tenant: &str, text: &str) {
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
    let calls = world.log.text().lines().filter(|line| line.contains(&format!("\"tenant\":\"{tenant}\""))).count();
    assert!(calls <= MOST_CALLS * attempts.len(), "{tenant}: {calls} calls for {} attempts", attempts.len());
}
