//! What a sidecar costs that has nothing to do, and how soon it is there. The numbers are printed; their bounds are far
//! above them, since the machine that tests is shared.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::DirEntry;
use std::time::{Duration, Instant};

use redis_child::RedisChild;

use super::{Site, code};

/// How long an idle process is watched.
const WATCHED: Duration = Duration::from_secs(10);
const MOST_WAKE_UPS_A_SECOND: f64 = 20.0;
const MOST_TENANTS: usize = 3_000;
const MOST_SERIES: usize = 2_000;

/// How often each thread of a process has been woken. One may end between two looks.
fn wake_ups(process: u32) -> BTreeMap<OsString, u64> {
    let of_thread = |thread: DirEntry| {
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        let times = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        Some((thread.file_name(), times.trim().parse().unwrap()))
    };
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.filter_map(|thread| of_thread(thread.ok()?)).collect()
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
    let since = wake_ups(serve.0.id());
    let since = since.iter().map(|(thread, times)| times - before.get(thread).unwrap_or(&0)).sum::<u64>();
    let a_second = since as f64 / WATCHED.as_secs_f64();
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
