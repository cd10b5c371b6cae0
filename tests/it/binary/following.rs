//! `orgpass events --follow`: it goes on through a `serve` that stops, without one, and with the next.

use std::io::{BufRead, BufReader};
use std::sync::mpsc;

use super::{Site, code};
use crate::world::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn following_goes_on_whoever_has_the_store() {
    let site = Site::new().await;
    let import = |tenant: &str| {
        let (org, authorization) = site.authorization(tenant);
        let instance = org.instance_url();
        site.done(&["connection", "import", "--tenant", tenant, "--instance-url", &instance], &authorization);
    };
    let mut serve = site.serve().await;
    import("before");
    let mut following = site.command(&["events", "--follow"]).spawn().unwrap();
    let output = BufReader::new(following.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut told = Vec::new();
    let mut until = async |tenant: &str| {
        eventually(tenant, async || {
            told.extend(lines.try_iter());
            told.last().is_some_and(|line| line.contains(&format!("tenant {tenant}: new -> active")))
        })
        .await;
        told.len()
    };
    assert_eq!(until("before").await, 1);

    // While nobody serves, the follower has the file itself; it makes room for the next that serves.
    serve.signal("-TERM");
    assert_eq!(serve.ended().await.code(), Some(0));
    let mut again = None;
    eventually("serve has the store again", async || {
        let mut next = site.command(&["serve"]).spawn().map(super::Serve).unwrap();
        let mut is_up = false;
        while next.is_running() && !is_up {
            is_up = code(&site.run(&["wait", "--timeout", "0"], "")) == 0;
        }
        again = is_up.then_some(next);
        is_up
    })
    .await;
    import("after");
    assert_eq!(until("after").await, 2, "nothing twice, nothing left out");
    following.kill().unwrap();
    following.wait().unwrap();
    drop(again);
}
