//! Links in the hands of several hubs.

use orgpass::management::links::LinkRequest;

use super::browser::Browser;
use super::{key, link, options, redeemed};
use crate::authenticating::LIMITS;
use crate::caller::Caller;
use crate::world::{Redis, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn twenty_links_at_once_survive_the_death_of_the_hub_that_had_them() {
    let world = World::with(crate::world::Options { redis: Some(Redis::with_documented_user()), ..options("") }).await;
    let second = world.beside(|_| {}).await;
    let sidecar = world
        .beside(|table| {
            table.remove("hub");
            table.remove("apps");
            table["vault"].as_table_mut().unwrap().remove("grant_keys_file");
        })
        .await;
    let at = |app: &orgpass::app::App| Caller::new(app.hub_address().unwrap(), world.seen.clone());
    let (first_hub, second_hub) = (world.hub(), at(&second));
    let mut browsers = Vec::new();
    for number in 0..20 {
        let tenant = format!("t{number}");
        super::org(&world, &tenant);
        let path = link(&world, &key(&tenant, None), &LinkRequest::default()).await;
        let hub = if number % 2 == 0 { first_hub.clone() } else { second_hub.clone() };
        let mut browser = Browser::at(hub, &world);
        browser.get(&path).await;
        let asked = browser.begin(&path, "production").await;
        let callback = browser.consent(&asked, &format!("ana@{tenant}.example")).await;
        browsers.push((tenant, path, callback, browser));
    }
    // Each link has got another way when one of the hubs dies.
    for (number, (_, path, callback, browser)) in browsers.iter_mut().enumerate() {
        if number % 3 > 0 {
            assert_eq!(browser.follow(callback).await.status, 200);
        }
        if number % 3 > 1 {
            assert!(browser.confirm(path, "yes").await.shows("is connected"));
        }
    }
    tokio::task::spawn_blocking(|| drop(second)).await.unwrap();
    for (number, (tenant, path, callback, browser)) in browsers.iter_mut().enumerate() {
        browser.move_to(first_hub.clone());
        if number % 3 == 0 {
            assert_eq!(browser.follow(callback).await.status, 200, "{tenant}");
        }
        if number % 3 < 2 {
            // The page that was seen last came from the hub that is gone.
            browser.get(&format!("{path}/confirm")).await;
            assert!(browser.confirm(path, "yes").await.shows("is connected"), "{tenant}");
        }
        assert_eq!(Browser::of(&world).get(path).await.status, 410, "no link is good for a second time");
    }
    assert_eq!(redeemed(&world), 20);
    let caller = Caller::new(sidecar.proxy_address().unwrap(), world.seen.clone());
    for (tenant, ..) in &browsers {
        eventually("another process serves it", async || caller.get(LIMITS).tenant(tenant).send().await.status == 200)
            .await;
    }
    tokio::task::spawn_blocking(|| sidecar.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_is_pressed_twenty_times_at_once_connects_once() {
    let world = World::with(options("")).await;
    super::org(&world, "acme");
    let path = link(&world, &key("acme", None), &LinkRequest::default()).await;
    let mut browser = Browser::of(&world);
    browser.get(&path).await;
    let asked = browser.begin(&path, "production").await;
    let callback = browser.consent(&asked, "ana@acme.example").await;
    let back = callback.strip_prefix(super::browser::PUBLIC_URL).unwrap().to_owned();
    let replies = crate::caller::crowd(20, || browser.call(&back)).await;
    let taken = replies.iter().filter(|reply| reply.status == 303).count();
    assert_eq!(taken, 1, "{:?}", crate::caller::statuses(&replies));
    assert_eq!(redeemed(&world), 1);
    browser.get(&format!("{path}/confirm")).await;
    let replies = crate::caller::crowd(20, || browser.submit(&format!("{path}/confirm"), "yes")).await;
    assert!(replies.iter().any(|reply| reply.status == 303), "{:?}", crate::caller::statuses(&replies));
    assert!(browser.get(&path).await.shows("is connected"));
    assert_eq!(redeemed(&world), 1);
}
