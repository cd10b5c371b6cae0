//! The process that rotates is killed itself, with the embedded file in its hands.

use crate::binary::{Site, code};
use crate::world::eventually;

const LIMITS: &str = "/services/data/v67.0/limits";
const COUNT: usize = 500;

/// How many records need the key, by `keys status`.
fn needing(site: &Site, id: &str) -> u64 {
    let status = site.done(&["keys", "status", "--json"], "");
    let lines = status.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["key"] == id).map(|line| line["records"].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serve_killed_while_it_rotates_loses_nothing() {
    let site = Site::new().await;
    let (acme, authorization) = site.authorization("acme");
    let instance = acme.instance_url();
    site.done(&["connection", "import", "--tenant", "acme", "--instance-url", &instance], &authorization);
    let lines: String = (0..COUNT)
        .map(|number| {
            format!("{{\"tenant\":\"idle{number}\",\"refresh_token\":\"r{number}\",\"login_url\":\"{instance}\"}}\n")
        })
        .collect();
    site.done(&["connection", "import", "--ndjson"], &lines);

    let mut ids = Vec::new();
    for ring in ["session.keys", "grant.keys"] {
        let (old, new) = (std::fs::read_to_string(site.path(ring)).unwrap(), site.done(&["keys", "new"], ""));
        std::fs::write(site.path(ring), format!("{new}{old}")).unwrap();
        ids.push([old[..8].to_owned(), new[..8].to_owned()]);
    }
    let [old, new] = &ids[1];
    let mut serve = site.serve().await;
    let rotating = site.command(&["keys", "rotate"]).spawn().unwrap();
    eventually("some are sealed anew", async || needing(&site, new) > 0).await;
    serve.signal("-KILL");
    serve.ended().await;
    let rotating = rotating.wait_with_output().unwrap();
    assert_ne!(code(&rotating), 0, "it says that it could not go on");

    let done = needing(&site, new);
    assert!(done < COUNT as u64, "it was killed in the middle, after {done}");
    let refused = site.run(&["keys", "retire", old], "");
    assert_eq!(code(&refused), 77);
    let rotated = site.done(&["keys", "rotate"], "");
    let all = COUNT as u64 + 1;
    assert!(rotated.ends_with(&format!("{} resealed, {done} already current, 0 failed\n", all - done)), "{rotated}");
    for [old, _] in &ids {
        site.done(&["keys", "retire", old], "");
    }
    let _serve = site.serve().await;
    assert_eq!(site.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    assert_eq!(needing(&site, new), all);
    site.search_for_secrets();
}
