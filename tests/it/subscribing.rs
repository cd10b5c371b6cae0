//! The Pub/Sub API through the proxy: gRPC over HTTP/2, by TLS and in the clear.

pub mod grpc;

use std::time::Duration;

use grpc_caller::Requests;
use http_body_util::BodyExt;
use salesforce_sim::eventbus::{
    ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, PublishRequest, PublishResponse, ReplayPreset,
    TopicInfo, TopicRequest,
};
use salesforce_sim::{Effect, Fault, Org};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::encrypting::Authority;
use crate::world::{Connected, World, eventually};
use grpc::{Client, Failure, Stream};

const ORDERS: &str = "/event/Order__e";
/// Far more than a silent connection lives here.
const PATIENCE: Duration = Duration::from_secs(60);
const GET_TOPIC: &str = "/eventbus.v1.PubSub/GetTopic";
const STREAM_ENDED: (u32, Option<&str>) = (14, Some("stream_ended"));

impl World {
    async fn client(&self) -> Client {
        Client::in_the_clear(self.orgpass().proxy_address().unwrap(), &self.seen).await
    }

    async fn connect_with_orders(&self, tenant: &str) -> Connected {
        let connected = self.connect(tenant, None).await;
        self.sim.define_event(&connected.org, ORDERS, json!({"Number__c": "text"}));
        connected
    }

    fn publish(&self, org: &Org, numbers: std::ops::RangeInclusive<u32>) {
        for number in numbers {
            self.sim.publish(org, ORDERS, json!({"Number__c": format!("#{number}.")}));
        }
    }
}

fn topic() -> TopicRequest {
    TopicRequest { topic_name: ORDERS.to_owned() }
}

fn from(preset: ReplayPreset, replay_id: &[u8], num_requested: i32) -> FetchRequest {
    FetchRequest {
        topic_name: ORDERS.to_owned(),
        replay_preset: preset.into(),
        replay_id: replay_id.to_vec(),
        num_requested,
    }
}

/// The number of an event, which stands in its payload as it was published.
fn number(event: &ConsumerEvent) -> u32 {
    let payload = &event.event.as_ref().unwrap().payload;
    let text = String::from_utf8_lossy(payload);
    let (_, rest) = text.split_once('#').unwrap();
    rest.split('.').next().unwrap().parse().unwrap()
}

/// A subscriber that comes again from its last replay id whenever it is told that it may.
struct Subscriber {
    replay_id: Vec<u8>,
    got: Vec<u32>,
    reopened: usize,
}

impl Subscriber {
    fn new() -> Self {
        Self { replay_id: Vec::new(), got: Vec::new(), reopened: 0 }
    }

    async fn open(&self, client: &Client) -> Result<Stream, Failure> {
        let preset = if self.replay_id.is_empty() { ReplayPreset::Earliest } else { ReplayPreset::Custom };
        client.open("Subscribe", &from(preset, &self.replay_id, 100)).await
    }

    /// Reads until it has got this event.
    async fn read_until(&mut self, stream: &mut Stream, last: u32) -> Result<(), Failure> {
        while self.got.last().is_none_or(|got| *got < last) {
            let response: FetchResponse = stream.next().await?;
            self.got.extend(response.events.iter().map(number));
            if let Some(event) = response.events.last() {
                self.replay_id.clone_from(&event.replay_id);
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_reaches_the_org_with_its_own_metadata_over_tls_and_in_the_clear() {
    let authority = Authority::new();
    let world = World::configured(&authority.settings()).await;
    let acme = world.connect_with_orders("acme").await;
    let address = world.orgpass().proxy_address().unwrap();
    let local_token = format!("{}!orgpass.acme", acme.org.org_id());
    let clear = world.client().await;
    let tls = Client::over_tls(address, &authority, &world.seen).await;
    for client in [
        clear.tenant("acme").with("tenantid", "00Dxx0000000000").with("instanceurl", "https://evil.example"),
        clear.with("accesstoken", &local_token),
        tls.with("accesstoken", &local_token).with("cookie", "a=b").with("x-mine", "1"),
    ] {
        world.sim.clear_requests();
        let topic: TopicInfo = client.call("GetTopic", &topic()).await.unwrap();
        assert_eq!(topic.tenant_guid, acme.org.org_id());
        let requests = world.sim.requests();
        let [sent] = requests.as_slice() else { panic!("{} requests", requests.len()) };
        assert_eq!(sent.header("accesstoken"), Some(acme.tokens.access_token.as_str()));
        assert_eq!(sent.header("instanceurl"), Some(acme.org.instance_url().as_str()));
        assert!(acme.org.org_id().starts_with(sent.header("tenantid").unwrap()), "{:?}", sent.header("tenantid"));
        for name in ["orgpass-tenant", "authorization", "cookie", "host", "x-forwarded-for"] {
            assert_eq!(sent.header(name), None, "{name}");
        }
    }
    assert_eq!(world.sim.requests()[0].header("x-mine"), Some("1"));

    let schema: TopicInfo = tls.tenant("acme").call("GetTopic", &topic()).await.unwrap();
    let event = ProducerEvent { id: "a".to_owned(), schema_id: schema.schema_id, payload: vec![0, 0, 2, 2, b'1'] };
    let request = PublishRequest { topic_name: ORDERS.to_owned(), events: vec![event] };
    let published: PublishResponse = tls.tenant("acme").call("Publish", &request).await.unwrap();
    assert!(published.results[0].error.is_none());
    world
        .until_metric("orgpass_requests_total{api=\"pubsub\",method=\"POST\",outcome=\"relayed\",status=\"200\"}", 5.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_both_ways_as_they_come() {
    let world = World::start().await;
    let acme = world.connect_with_orders("acme").await;
    let client = world.client().await.tenant("acme");
    let mut stream = client.open("Subscribe", &from(ReplayPreset::Earliest, &[], 2)).await.unwrap();
    world.publish(&acme.org, 1..=3);
    let mut got = Vec::new();
    while got.len() < 2 {
        let response: FetchResponse = stream.next().await.unwrap();
        got.extend(response.events.iter().map(number));
    }
    stream.send(&FetchRequest { num_requested: 5, ..FetchRequest::default() }).await;
    while got.len() < 3 {
        let response: FetchResponse = stream.next().await.unwrap();
        got.extend(response.events.iter().map(number));
    }
    assert_eq!(got, [1, 2, 3]);
    assert_eq!(stream.end().await, Ok(()));
    assert_eq!(world.sim.requests().last().unwrap().grpc_status, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_dead_at_the_beginning_is_replaced_unseen() {
    let world = World::start().await;
    let acme = world.connect_with_orders("acme").await;
    let client = world.client().await.tenant("acme");
    world.publish(&acme.org, 1..=1);
    world.sim.expire_sessions(&acme.org);
    let _: TopicInfo = client.call("GetTopic", &topic()).await.unwrap();
    assert_eq!(world.sim.exchanges(), 1);

    world.sim.expire_sessions(&acme.org);
    let mut stream = client.open("Subscribe", &from(ReplayPreset::Earliest, &[], 9)).await.unwrap();
    assert_eq!(stream.head["orgpass-replay"], "done");
    let mut subscriber = Subscriber::new();
    subscriber.read_until(&mut stream, 1).await.unwrap();
    // What follows on the stream still arrives.
    stream.send(&FetchRequest { num_requested: 9, ..FetchRequest::default() }).await;
    world.publish(&acme.org, 2..=2);
    subscriber.read_until(&mut stream, 2).await.unwrap();
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (2, 0));
    world.until_metric("orgpass_replays_total{result=\"done\"}", 2.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_session_ends_says_that_it_can_be_opened_again() {
    let world = World::start().await;
    let acme = world.connect_with_orders("acme").await;
    let client = world.client().await.tenant("acme");
    let mut stream = client.open("Subscribe", &from(ReplayPreset::Earliest, &[], 9)).await.unwrap();
    let mut subscriber = Subscriber::new();
    world.publish(&acme.org, 1..=1);
    subscriber.read_until(&mut stream, 1).await.unwrap();
    world.sim.expire_sessions(&acme.org);
    let ended = stream.next::<FetchResponse>().await.unwrap_err();
    assert_eq!(ended.short(), STREAM_ENDED);
    assert!(ended.message.starts_with("ORGPASS_STREAM_ENDED: The Salesforce session ended"), "{}", ended.message);
    eventually("the next session is fetched before anybody asks", async || world.sim.successful_exchanges() == 1).await;
    let again = subscriber.open(&client).await.unwrap();
    assert_eq!(again.end().await, Ok(()));
    assert_eq!(world.sim.exchanges(), 1);
    eventually("the log says how it ended", async || world.log.text().contains("\"stream_ended\"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_statuses_and_none_asks_the_caller_to_log_in() {
    let world = World::start().await;
    let acme = world.connect_with_orders("acme").await;
    let client = world.client().await;
    let refused = async |client: &Client| client.call::<TopicInfo>("GetTopic", &topic()).await.unwrap_err();

    for (client, expected) in [
        (client.clone(), (3, Some("missing_tenant"))),
        (client.with("accesstoken", "00Dxx0000001gPL!AQ.real"), (3, Some("invalid_tag"))),
        (client.tenant("acme").with("orgpass-usr", "x"), (3, Some("invalid_tag"))),
        (client.tenant("acme").tenant("globex"), (3, Some("invalid_tag"))),
        (client.tenant("nobody"), (7, Some("not_connected"))),
        (client.tenant("acme").with("origin", "http://localhost"), (7, Some("host_refused"))),
    ] {
        assert_eq!(refused(&client).await.short(), expected);
    }
    let unknown = refused(&client.tenant("nobody")).await;
    assert!(unknown.message.starts_with("ORGPASS_NOT_CONNECTED: Nothing is connected"), "{}", unknown.message);

    world.sim.revoke_grant(&acme.tokens.refresh_token);
    world.sim.expire_sessions(&acme.org);
    assert_eq!(refused(&client.tenant("acme")).await.short(), (7, Some("reauthorize")));
    assert_eq!(refused(&client.tenant("acme")).await.short(), (7, Some("reauthorize")));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_protocol_is_for_its_own_apis() {
    let world = World::start().await;
    world.connect_with_orders("acme").await;
    let client = world.client().await.tenant("acme");
    let over_http1 = world.caller().post(GET_TOPIC, "x").tenant("acme").send().await;
    assert_eq!((over_http1.status.as_u16(), over_http1.error()), (403, Some("path_refused")));
    assert!(over_http1.text().contains("HTTP/2"), "{}", over_http1.text());

    for (method, path, content_type, status, error) in [
        ("GET", "/services/data/v67.0/limits", "application/json", 403, "path_refused"),
        ("GET", GET_TOPIC, "application/json", 400, "invalid_request"),
        ("POST", GET_TOPIC, "application/grpc-web", 400, "invalid_request"),
        ("GET", GET_TOPIC, "application/grpc", 200, "invalid_request"),
        ("POST", "/services/data/v67.0/limits", "application/grpc", 200, "path_refused"),
        ("POST", "/services/oauth2/token", "application/grpc", 200, "path_refused"),
    ] {
        let request = client.request(method, path, content_type).body(Requests::none()).unwrap();
        let answer = client.send(request).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["orgpass-error"]), (status, &error.parse().unwrap()));
        answer.into_body().collect().await.unwrap();
    }
    assert_eq!(world.sim.requests().len(), 0);
    let _: TopicInfo = client.call("GetTopic", &topic()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_keeps_nobody_waiting_and_loses_nothing() {
    let world = World::start().await;
    let (acme, globex) = (world.connect_with_orders("acme").await, world.connect_with_orders("globex").await);
    let client = world.client().await;
    // More than every buffer in between holds together.
    const EVENTS: u32 = 300;
    let padding = "x".repeat(30_000);
    for number in 1..=EVENTS {
        world.sim.publish(&acme.org, ORDERS, json!({"Number__c": format!("#{number}.{padding}")}));
    }
    let earliest = from(ReplayPreset::Earliest, &[], 100);
    let mut slow = Vec::new();
    for _ in 0..3 {
        let stream = client.tenant("acme").open("Subscribe", &earliest).await.unwrap();
        for _ in 0..6 {
            stream.send(&FetchRequest { num_requested: 100, ..FetchRequest::default() }).await;
        }
        slow.push(stream);
    }

    let mut quick = client.tenant("globex").open("Subscribe", &earliest).await.unwrap();
    let mut reader = Subscriber::new();
    for number in 1..=20 {
        world.publish(&globex.org, number..=number);
        reader.read_until(&mut quick, number).await.unwrap();
    }
    assert_eq!(reader.got, (1..=20).collect::<Vec<_>>());
    for stream in &mut slow {
        let mut reader = Subscriber::new();
        reader.read_until(stream, EVENTS).await.unwrap();
        assert_eq!(reader.got, (1..=EVENTS).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_is_dialled_again() {
    let world = World::start().await;
    let acme = world.connect_with_orders("acme").await;
    let client = world.client().await.tenant("acme");
    let mut stream = client.open("Subscribe", &from(ReplayPreset::Earliest, &[], 99)).await.unwrap();
    let mut subscriber = Subscriber::new();
    for round in 1..=5 {
        world.sim.drain_pubsub();
        let _: TopicInfo =
            client.call("GetTopic", &topic()).await.unwrap_or_else(|failure| panic!("{round}: {failure:?}"));
        world.publish(&acme.org, round..=round);
        subscriber.read_until(&mut stream, round).await.unwrap();
    }
    world.sim.cut_streams();
    let broken = stream.next::<FetchResponse>().await.unwrap_err();
    assert_eq!(broken.short(), (14, Some("upstream_unreachable")));
    subscriber.open(&client).await.unwrap();
    for effect in [Effect::ConnectionReset, Effect::DropBeforeProcessing] {
        let _fault = world.sim.fault(Fault::on_path(GET_TOPIC, effect));
        let failed = client.call::<TopicInfo>("GetTopic", &topic()).await.unwrap_err();
        assert_eq!(failed.short(), (14, Some("upstream_unreachable")));
        let _: TopicInfo = client.call("GetTopic", &topic()).await.unwrap();
    }
    assert_eq!(world.sim.exchanges(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_refuses_every_session_is_not_asked_without_end() {
    let world = World::start().await;
    world.connect_with_orders("acme").await;
    let client = world.client().await.tenant("acme");
    let _fault = world.sim.fault(Fault::on_path(GET_TOPIC, Effect::EarlyAnswer).times(1000));
    for _ in 0..5 {
        let failed = client.call::<TopicInfo>("GetTopic", &topic()).await.unwrap_err();
        assert!([7, 14].contains(&failed.code) && failed.error.is_some(), "{failed:?}");
    }
    assert!(world.sim.exchanges() <= 2, "{} exchanges", world.sim.exchanges());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_survives_ten_dead_sessions_and_a_restart_without_losing_an_event() {
    let mut world = World::start().await;
    let acme = world.connect_with_orders("acme").await;
    let mut subscriber = Subscriber::new();
    let mut client = world.client().await.tenant("acme");
    let mut stream = subscriber.open(&client).await.unwrap();
    for round in 0..11u32 {
        // Some are read before the session ends, and some come while there is no stream.
        let first = round * 10;
        world.publish(&acme.org, first + 1..=first + 5);
        subscriber.read_until(&mut stream, first + 5).await.unwrap();
        let ended = if round == 5 {
            let ending = tokio::spawn(async move { stream.next::<FetchResponse>().await });
            assert!(world.stop().await, "a stream that runs does not cut the stop short");
            world.start_again().await;
            client = world.client().await.tenant("acme");
            ending.await.unwrap().unwrap_err()
        } else {
            world.sim.expire_sessions(&acme.org);
            stream.next::<FetchResponse>().await.unwrap_err()
        };
        assert_eq!(ended.short(), STREAM_ENDED);
        world.publish(&acme.org, first + 6..=first + 10);
        stream = subscriber.open(&client).await.unwrap();
        subscriber.reopened += 1;
        subscriber.read_until(&mut stream, first + 10).await.unwrap();
    }
    assert_eq!(subscriber.got, (1..=110).collect::<Vec<_>>());
    assert_eq!((subscriber.reopened, world.sim.successful_exchanges()), (11, 10));
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_frees_the_call() {
    let world = World::start().await;
    let _acme = world.connect_with_orders("acme").await;
    let client = world.client().await.tenant("acme");
    let stream = client.open("Subscribe", &from(ReplayPreset::Latest, &[], 9)).await.unwrap();
    world.until_metric("orgpass_requests_in_flight", 1.0).await;
    client.hang_up();
    world.until_metric("orgpass_requests_in_flight", 0.0).await;
    let gone = "orgpass_requests_total{api=\"pubsub\",method=\"POST\",outcome=\"caller_gone\",status=\"200\"}";
    world.until_metric(gone, 1.0).await;
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_carries_no_call_is_ended_and_one_with_an_open_stream_is_not() {
    // A busy machine may take its time between a connection and its first call.
    let world = World::configured("[proxy]\nidle_timeout = \"5s\"").await;
    let acme = world.connect_with_orders("acme").await;
    let busy = world.client().await.tenant("acme");
    let mut stream = busy.open("Subscribe", &from(ReplayPreset::Earliest, &[], 9)).await.unwrap();
    let (idle, silent) = (world.client().await.tenant("acme"), world.client().await);
    let _: TopicInfo = idle.call("GetTopic", &topic()).await.unwrap();
    eventually("the others are ended", async || idle.has_ended() && silent.has_ended()).await;
    assert!(!busy.has_ended());
    world.publish(&acme.org, 1..=1);
    Subscriber::new().read_until(&mut stream, 1).await.unwrap();
    assert_eq!(stream.end().await, Ok(()));
    eventually("without its stream it is ended too", async || busy.has_ended()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_caller_answers_nothing_is_ended_too() {
    let world = World::configured("[proxy]\nidle_timeout = \"3s\"").await;
    let mut dead = TcpStream::connect(world.orgpass().proxy_address().unwrap()).await.unwrap();
    // The preface with empty settings, and never an acknowledgement.
    dead.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut received = Vec::new();
    // Whether it is closed or reset, it ends.
    let ended = tokio::time::timeout(PATIENCE, dead.read_to_end(&mut received)).await;
    assert!(ended.is_ok() && !received.is_empty());
}
