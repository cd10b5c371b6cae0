//! A store with very many connections: a cold look-up is one read, listing goes by pages, and memory holds no more
//! connections than it is told.

use orgpass::connection::ConnectionKey;
use orgpass::store::{NewRecord, Put, PutWhen};

use super::limits;
use crate::world::{Options, Redis, World};

/// Connections in the store.
const COUNT: usize = 100_000;
/// Most connections in memory, far fewer than there are.
const CACHE: usize = 64;
/// Cold look-ups that are watched.
const LOOKED_UP: usize = 200;
fn tenant(number: usize) -> String {
    format!("tenant-{number:06}")
}

/// Connects all tenants to one org, all with the same session, by writing the first through the store and the others
/// as the first was found to be stored: 100,000 writes one by one would take minutes.
async fn connect_many(world: &mut World) {
    let org = world.sim.create_org(Default::default());
    let tokens = world.sim.authorize(&world.sim_app, &world.sim.create_user(&org, "ana@many.example"));
    let template = ConnectionKey::parse(&tenant(0), None).unwrap();
    let record = world.record(&template, &tokens);
    let put = world.orgpass().engine().store.put(&template, &record, PutWhen::Absent).await.unwrap();
    assert_eq!(put, Put::Stored);
    assert!(world.stop().await);
    let status = match &world.redis {
        Some(redis) => redis.get(&super::row("status", &tenant(0))),
        None => file::status(world, &template),
    };
    let mut row = Row::new(&template, String::from_utf8(status).unwrap(), record);
    let rows = (1..COUNT).map(|number| {
        let key = ConnectionKey::parse(&tenant(number), None).unwrap();
        row.key = key.encode();
        if number.is_multiple_of(COUNT / LOOKED_UP) {
            // Those that are looked up are sealed for themselves; the others only have to be there.
            let record = world.record(&key, &tokens);
            let status = row.status.replace(&row.epoch, &record.head.generation.epoch.to_string());
            row = Row::new(&key, status, record);
        }
        row.clone()
    });
    match &world.redis {
        Some(redis) => load_redis(redis, rows),
        None => file::load(world, rows),
    }
    world.start_again().await;
}

/// A connection as it is stored.
#[derive(Clone)]
struct Row {
    key: String,
    epoch: String,
    status: String,
    session: Vec<u8>,
    grant: Vec<u8>,
}

impl Row {
    fn new(key: &ConnectionKey, status: String, record: NewRecord) -> Self {
        Self {
            key: key.encode(),
            epoch: record.head.generation.epoch.to_string(),
            status,
            session: record.session.unwrap().as_bytes().to_vec(),
            grant: record.grant.as_bytes().to_vec(),
        }
    }
}

fn load_redis(redis: &Redis, rows: impl Iterator<Item = Row>) {
    let mut raw = redis.child.raw();
    let mut pipe = redis::pipe();
    for (number, row) in rows.enumerate() {
        for (kind, value) in [("status", row.status.as_bytes()), ("session", &row.session), ("grant", &row.grant)] {
            pipe.set(format!("orgpass:{kind}:{{{}}}", row.key), value).ignore();
        }
        pipe.zadd("orgpass:index", row.key, 0).ignore();
        if number % 1000 == 999 {
            std::mem::take(&mut pipe).exec(&mut raw).unwrap();
        }
    }
    pipe.exec(&mut raw).unwrap();
}

/// The embedded file, past the store.
mod file {
    use redb::{Database, ReadableDatabase, TableDefinition};

    use super::{ConnectionKey, Row, World};

    type Table = TableDefinition<'static, &'static str, &'static [u8]>;
    const STATUS: Table = TableDefinition::new("status");
    const SESSION: Table = TableDefinition::new("session");
    const GRANT: Table = TableDefinition::new("grant");

    fn open(world: &World) -> Database {
        Database::open(world.dir.path().join("orgpass.redb")).unwrap()
    }

    pub fn status(world: &World, key: &ConnectionKey) -> Vec<u8> {
        let table = open(world).begin_read().unwrap().open_table(STATUS).unwrap();
        let row = table.get(key.encode().as_str()).unwrap().unwrap();
        row.value().to_vec()
    }

    pub fn load(world: &World, rows: impl Iterator<Item = Row>) {
        let database = open(world);
        let transaction = database.begin_write().unwrap();
        {
            let mut tables = [STATUS, SESSION, GRANT].map(|table| transaction.open_table(table).unwrap());
            for row in rows {
                let values = [row.status.into_bytes(), row.session, row.grant];
                for (table, value) in tables.iter_mut().zip(values) {
                    table.insert(row.key.as_str(), value.as_slice()).unwrap();
                }
            }
        }
        transaction.commit().unwrap();
    }
}

async fn operations(world: &World, operation: &str) -> f64 {
    world.metric(&format!("orgpass_store_operation_duration_seconds_count{{operation=\"{operation}\"}}")).await
}

async fn holds_many(redis: Option<Redis>) {
    let config = format!("[tokens]\ncache_entries = {CACHE}");
    let mut world = World::with(Options { config, redis, ..Options::default() }).await;
    connect_many(&mut world).await;

    let counted = ["read", "read_record", "take_lease", "commit", "holder", "list"];
    let mut before = Vec::new();
    for operation in counted {
        before.push(operations(&world, operation).await);
    }
    for number in (0..COUNT).step_by(COUNT / LOOKED_UP).take(LOOKED_UP) {
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
    assert_eq!(listed, (0..COUNT).map(tenant).collect::<Vec<_>>(), "each once, in order");
    assert!(pages <= COUNT / 1000 + 1, "{pages} pages");
    assert_eq!(world.metric("orgpass_token_cache_entries").await, held, "listing brings nothing into memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_file_holds_a_hundred_thousand_connections() {
    holds_many(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_holds_a_hundred_thousand_connections() {
    holds_many(Some(Redis::plain())).await;
}
