//! Answers framed in ways that the simulator has none of: an org's host that sends exactly these bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, StatusCode, Version};
use orgpass::connection::ConnectionKey;
use salesforce_sim::Tokens;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::authenticating::LIMITS;
use crate::world::World;

/// How many connections have been made to it.
type Connections = Arc<AtomicUsize>;

/// Connects a tenant to a host that sends `answer` for whatever it is asked.
async fn connect(world: &World, answer: &'static str) -> Connections {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut tokens: Tokens = world.connect("globex", None).await.tokens;
    tokens.instance_url = format!("http://{}", listener.local_addr().unwrap());
    world.store(&ConnectionKey::parse("acme", None).unwrap(), &tokens).await;
    let connections = Connections::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, answer));
        }
    });
    connections
}

async fn serve(mut stream: TcpStream, answer: &str) {
    let mut asked = Vec::new();
    while stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0) {
        if asked.ends_with(b"\r\n\r\n") {
            asked.clear();
            if stream.write_all(answer.as_bytes()).await.is_err() || answer.starts_with("HTTP/1.0") {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_share_a_connection_to_their_org_however_its_answers_are_framed() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nx: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ] {
        let world = World::start().await;
        let connections = connect(&world, answer).await;
        for _ in 0..5 {
            for te in ["", "trailers"] {
                let reply = world.caller().get(LIMITS).tenant("acme").header("te", te).send().await;
                assert_eq!((reply.status, &*reply.body), (StatusCode::OK, &b"ok"[..]), "{answer}");
                assert_eq!((reply.header("link"), reply.header("x")), (None, None));
            }
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1, "{answer}");
        let relayed = "orgpass_requests_total{api=\"rest\",method=\"GET\",outcome=\"relayed\",status=\"200\"}";
        world.until_metric(relayed, 10.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_http_1_0_is_one_of_http_1_1_to_the_caller() {
    for answer in ["HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 200 OK\r\n\r\nok"] {
        let world = World::start().await;
        connect(&world, answer).await;
        let reply = world.caller().get(LIMITS).tenant("acme").start().await.unwrap();
        assert_eq!((reply.status(), reply.version()), (StatusCode::OK, Version::HTTP_11), "{answer}");
        let reply = world.caller().get(LIMITS).tenant("acme").send().await;
        assert_eq!(&*reply.body, b"ok", "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_makes_no_sense_is_the_orgs_failure_and_never_none_at_all() {
    const LENGTHS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n";
    const SAME: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n";
    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n";
    for (method, answer, status) in [
        (Method::GET, LENGTHS, 502),
        (Method::HEAD, LENGTHS, 502),
        (Method::HEAD, SAME, 200),
        (Method::GET, SWITCH, 502),
    ] {
        let world = World::start().await;
        connect(&world, answer).await;
        let reply = world.caller().call(method, LIMITS).tenant("acme").send().await;
        let error = (status == 502).then_some("upstream_unreachable");
        assert_eq!((reply.status.as_u16(), reply.error()), (status, error), "{answer}");
    }
}
