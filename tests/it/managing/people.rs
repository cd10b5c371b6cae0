//! The status page.

use super::{ALL, SOME, world};
use crate::connecting::browser::Browser;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_sees_what_is_wrong_checks_it_and_makes_a_link() {
    let world = world().await;
    let acme = world.connect("acme", None).await;
    world.connect("globex", Some("u-17")).await;
    world.sim.revoke_grant(&acme.tokens.refresh_token);
    world.sim.expire_sessions(&acme.org);
    let mut browser = Browser::of(&world);
    assert!(browser.get("/").await.shows("API token"));
    let wrong = browser.post("/login", &[("token", "nobody's")]).await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.shows("That token is not known"));
    assert_eq!(browser.post("/login", &[("token", ALL)]).await.status, 303);
    let page = browser.get("/").await;
    assert!(page.shows("acme") && page.shows("globex") && page.shows("u-17"), "{}", page.text());

    let checked = browser.post("/check", &[("tenant", "acme")]).await;
    assert!(checked.shows("tenant acme was checked") && checked.shows("reauthorize"), "{}", checked.text());
    let broken = browser.get("/?status=reauthorize").await;
    assert!(broken.shows("acme") && !broken.shows("u-17"));
    assert!(broken.shows("Connect the org again"));
    assert!(!browser.get("/?tenant=globex").await.shows("acme"));
    let link = browser.post("/link", &[("tenant", "acme")]).await;
    assert!(link.shows("https://connect.example.com/connect/"), "{}", link.text());
    let forged = browser.post_as_is("/link", "tenant=acme&csrf=x").await;
    assert_eq!(forged.status, 403);
    browser.post("/logout", &[]).await;
    assert!(browser.get("/").await.shows("API token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_the_tenants_of_the_token_only() {
    let world = world().await;
    world.connect("acme", None).await;
    world.connect("globex", None).await;
    let mut browser = Browser::of(&world);
    browser.get("/").await;
    browser.post("/login", &[("token", SOME)]).await;
    let page = browser.get("/").await;
    assert!(page.shows("acme") && !page.shows("globex"));
    assert_eq!(browser.post("/check", &[("tenant", "globex")]).await.status, 403);
    let file = world.config.hub.as_ref().unwrap().api_tokens_file.clone().unwrap();
    std::fs::write(&file, format!("support {} acme\n", SOME.replace("some", "other"))).unwrap();
    crate::world::eventually("a changed token ends its logins", async || browser.get("/").await.shows("API token"))
        .await;
}
