//! A poll that is held does not keep the process from ending.

use super::client::{Client, ORDERS};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_held_poll_ends_when_the_process_stops_and_its_client_goes_on_with_the_next() {
    let mut world = World::start().await;
    let acme = world.connect("acme", None).await;
    let mut client = Client::with_token(&world, "acme");
    client.begin(ORDERS, -1).await;
    world.order(&acme, "1");
    assert_eq!(client.receive(1).await, ["1"]);
    let held = client.poll();
    world.sim.wait_for(|request| request.status.is_none(), 1).await;
    assert!(world.stop().await, "nothing was cut short");
    let told = held.await.unwrap();
    assert_eq!(
        (&told[0]["error"], &told[0]["advice"]["reconnect"]),
        (&"403::Unknown client".into(), &"handshake".into())
    );
    world.order(&acme, "2");
    world.start_again().await;
    client.caller = world.caller();
    client.begin(ORDERS, client.last).await;
    assert_eq!(client.receive(1).await, ["2"]);
}
