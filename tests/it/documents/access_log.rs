//! `docs/metrics.md` lists the fields of a line of the access log, in their order.

use std::time::Duration;

use crate::world::{Options, World};

const LIMITS: &str = "/services/data/v67.0/limits";

fn documented() -> Vec<String> {
    let (_, section) = include_str!("../../../docs/metrics.md").split_once("## Access log").expect("the section");
    let cells = section.lines().filter(|line| line.starts_with("| `")).map(|line| line.split(" | ").next().unwrap());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_the_documented_fields_in_the_documented_order() {
    // Nobody need be there: a call is traced whether its spans are taken or not.
    let traces = if orgpass::traces::ARE_BUILT_IN { "[traces]\nendpoint = \"http://127.0.0.1:9\"" } else { "" };
    let config = format!("[log]\nformat = \"text\"\n{traces}");
    let world = World::with(Options { config, ..Options::default() }).await;
    let ana = world.connect("acme", Some("u-17")).await;
    world.sim.expire_sessions(&ana.org);
    let call = |path: &str| world.caller().get(path).tenant("acme").user("u-17");
    assert_eq!(call(LIMITS).send().await.status, 200);
    assert_eq!(call("/nowhere").send().await.status, 403);
    let written = async {
        while world.log.text().lines().count() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), written).await.expect("both lines are written");
    let documented = documented();
    let mut seen = Vec::new();
    for line in world.log.text().lines() {
        let fields: Vec<&str> = line.split(' ').map(|field| field.split('=').next().unwrap()).collect();
        let places: Vec<_> = fields.iter().map(|field| documented.iter().position(|known| known == field)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{line}");
        seen.extend(fields.into_iter().map(str::to_owned));
    }
    for field in documented.into_iter().filter(|field| field != "trace" || orgpass::traces::ARE_BUILT_IN) {
        assert!(seen.contains(&field), "{field} is documented and in no line");
    }
}
