//! The management API, tried by its own description: no server error, and no answer that it does not describe.

use super::{Peers, succeeded};
use crate::managing::{ALL, world};

#[tokio::test(flavor = "multi_thread")]
async fn the_api_keeps_to_its_description_whatever_is_sent() {
    let world = world().await;
    for (tenant, user) in [("acme", None), ("acme", Some("u-17"))] {
        world.connect(tenant, user).await;
    }
    let hub = world.orgpass().hub_address().unwrap();
    let mut tester = Peers::python_program("st");
    tester.current_dir(world.dir.path());
    tester.args(["run", &format!("http://{hub}/openapi.json"), "--seed", "7", "--max-examples", "40"]);
    tester.args([
        "--header",
        &format!("Authorization: Bearer {ALL}"),
        "--checks",
        "all",
        "--phases",
        "examples,coverage,fuzzing",
    ]);
    // A stream of events has no end, and what is valid by form may still be refused: a connection that is not there.
    tester.args([
        "--exclude-checks",
        "positive_data_acceptance,negative_data_rejection",
        "--suppress-health-check",
        "all",
    ]);
    tester.args(["--request-timeout", "20", "--generation-deterministic", "--no-color"]);
    let report = tokio::task::spawn_blocking(move || succeeded(tester)).await.unwrap();
    world.seen.add(report.as_bytes());
    let description = world.hub().get("/openapi.json").send().await.json();
    let paths = description["paths"].as_object().unwrap().values();
    let operations: usize = paths.map(|path| path.as_object().unwrap().len()).sum();
    assert!(report.contains(&format!("Tested: {operations}")) && !report.contains("Failures:"), "{report}");
}
