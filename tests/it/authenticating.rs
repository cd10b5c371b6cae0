//! Calls get their connection's token, and a dead session is cured before the caller sees it.

use crate::world::World;

const LIMITS: &str = "/services/data/v67.0/limits";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_credentials_reaches_its_own_org_with_its_own_token() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let globex = world.connect("globex", Some("u-17")).await;

    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let reply = world.caller().get(LIMITS).tenant("globex").user("u-17").send().await;
    assert_eq!(reply.status, 200);

    let requests = world.sim.requests();
    let received: Vec<_> =
        requests.iter().map(|request| (request.org.as_deref(), request.access_token.as_deref())).collect();
    assert_eq!(
        received,
        [
            (Some(acme.org.org_id()), Some(acme.tokens.access_token.as_str())),
            (Some(globex.org.org_id()), Some(globex.tokens.access_token.as_str())),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_replayed_once_and_the_caller_sees_the_answer() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);

    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(reply.header("orgpass-replay"), Some("done"));
    assert_eq!(world.sim.exchanges(), 1);

    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("orgpass-replay"), None);
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}
