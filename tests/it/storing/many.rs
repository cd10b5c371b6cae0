//! A store with very many connections: a cold look-up is one read, listing goes by pages, and memory holds no more
//! connections than it is told.

use std::sync::Arc;

use orgpass::connection::ConnectionKey;
use orgpass::store::{Put, PutWhen};

use super::limits;
use crate::world::{Options, Redis, World};

/// Most connections in memory, far fewer than there are.
const CACHE: usize = 64;
/// Cold look-ups that are watched.
const LOOKED_UP: usize = 200;
/// Writers at a time.
const WRITERS: usize = 32;

fn tenant(number: usize) -> String {
    format!("tenant-{number:06}")
}

/// Connects `count` tenants to one org, all with the same session.
async fn connect_many(world: &World, count: usize) {
    let org = world.sim.create_org(Default::default());
    let tokens = world.sim.authorize(&world.sim_app, &world.sim.create_user(&org, "ana@many.example"));
    let (world, tokens) = (world, &tokens);
    let mut writers = tokio::task::JoinSet::new();
    let store = Arc::clone(&world.orgpass().engine().store);
    for first in 0..WRITERS {
        let records: Vec<_> = (first..count)
            .step_by(WRITERS)
            .map(|number| {
                let key = ConnectionKey::parse(&tenant(number), None).unwrap();
                let record = world.record(&key, tokens);
                (key, record)
            })
            .collect();
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for (key, record) in records {
                assert_eq!(store.put(&key, &record, PutWhen::Absent).await.unwrap(), Put::Stored);
            }
        });
    }
    writers.join_all().await;
}

async fn operations(world: &World, operation: &str) -> f64 {
    world.metric(&format!("orgpass_store_operation_duration_seconds_count{{operation=\"{operation}\"}}")).await
}

async fn holds_many(redis: Option<Redis>, count: usize) {
    let config = format!("[tokens]\ncache_entries = {CACHE}");
    let world = World::with(Options { config, redis, ..Options::default() }).await;
    connect_many(&world, count).await;

    let counted = ["read", "read_record", "take_lease", "commit", "holder", "list"];
    let mut before = Vec::new();
    for operation in counted {
        before.push(operations(&world, operation).await);
    }
    for number in (0..count).step_by(count / LOOKED_UP).take(LOOKED_UP) {
        let reply = limits(&world, &tenant(number)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for (operation, before) in counted.into_iter().zip(before) {
        let wanted = if operation == "read" { LOOKED_UP as f64 } else { 0.0 };
        assert_eq!(operations(&world, operation).await - before, wanted, "{operation}");
    }
    let held = world.metric("orgpass_token_cache_entries").await;
    assert!(held >= 1.0 && held <= CACHE as f64, "{held}");

    let (mut listed, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
    loop {
        let page = world.orgpass().engine().store.list(None, cursor.as_deref(), 1000).await.unwrap();
        assert!(page.connections.len() <= 1000 && page.corrupt.is_empty());
        listed.extend(page.connections.into_iter().map(|(key, _)| key.tenant().to_owned()));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, (0..count).map(tenant).collect::<Vec<_>>(), "each once, in order");
    assert!(pages <= count / 1000 + 1, "{pages} pages");
    assert_eq!(world.metric("orgpass_token_cache_entries").await, held, "listing brings nothing into memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_file_holds_many_connections() {
    holds_many(None, 5_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_holds_many_connections() {
    holds_many(Some(Redis::plain()), 5_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: writes 100,000 connections one by one"]
async fn an_embedded_file_holds_a_hundred_thousand_connections() {
    holds_many(None, 100_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: writes 100,000 connections one by one"]
async fn redis_holds_a_hundred_thousand_connections() {
    holds_many(Some(Redis::plain()), 100_000).await;
}
