//! What a sidecar costs that has nothing to do, and how soon it is there. The numbers are printed; their bounds are far
//! above them, since the machine that tests is shared.

use std::time::{Duration, Instant};

use redis_child::RedisChild;

use super::{Site, code};

/// How long an idle process is watched.
const WATCHED: Duration = Duration::from_secs(10);
const MOST_WAKE_UPS_A_SECOND: f64 = 20.0;
const MOST_TENANTS: usize = 3_000;
const MOST_SERIES: usize = 2_000;

/// How often the threads of a process have been woken.
fn wake_ups(process: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of_thread = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:").map(str::to_owned));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    threads.map(|thread| of_thread(std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap())).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: an idle process is watched"]
async fn an_idle_sidecar_hardly_wakes_and_is_soon_ready() {
    let redis = tokio::task::spawn_blocking(RedisChild::start).await.unwrap();
    let site = Site::new().await;
    let config = std::fs::read_to_string(site.path("orgpass.toml")).unwrap();
    let config = config.replace("grant_keys_file = \"grant.keys\"\n", "");
    let config = format!("{config}[store]\nurl = \"{}\"\n", redis.url());
    std::fs::write(site.path("orgpass.toml"), config).unwrap();

    let began = Instant::now();
    let serve = site.begin_to_serve().await;
    assert_eq!(code(&site.run(&["wait", "--timeout", "30"], "")), 0);
    println!("ready after {:?}, as orgpass wait sees it", began.elapsed());
    // What is done once after the start is over by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = wake_ups(serve.0.id());
    tokio::time::sleep(WATCHED).await;
    let a_second = (wake_ups(serve.0.id()) - before) as f64 / WATCHED.as_secs_f64();
    println!("an idle sidecar wakes {a_second:.1} times a second");
    assert!(a_second < MOST_WAKE_UPS_A_SECOND);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: three thousand tenants call"]
async fn three_thousand_tenants_make_no_more_series_than_one() {
    let world = crate::world::World::start().await;
    let acme = world.connect("t-0", None).await;
    let engine = world.orgpass().engine();
    for number in 1..MOST_TENANTS {
        let key = orgpass::connection::ConnectionKey::parse(&format!("t-{number}"), None).unwrap();
        let record = world.record_without_grant(&key, &acme.tokens);
        engine.store.put(&key, &record, orgpass::store::PutWhen::Absent).await.unwrap();
    }
    let series = async || {
        let text = world.operator().get("/metrics").send().await;
        text.text().lines().filter(|line| !line.starts_with('#')).count()
    };
    let mut connection = world.caller().connect().await;
    let mut call = async |number: usize| {
        let call = world.caller().get(super::LIMITS).tenant(&format!("t-{number}"));
        assert_eq!(call.send_on(&mut connection).await.status, 200);
    };
    call(0).await;
    let of_one = series().await;
    for number in 1..MOST_TENANTS {
        call(number).await;
    }
    let of_all = series().await;
    println!("{of_one} series after one tenant's call, {of_all} after {MOST_TENANTS} tenants'");
    assert!(of_all < MOST_SERIES && of_all <= of_one + 10);
}
