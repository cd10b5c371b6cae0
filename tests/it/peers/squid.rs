//! The egress proxy that most networks have: Squid, which wants a password and lets out to Salesforce only.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http::StatusCode;
use redis_child::HeldPort;
use salesforce_sim::eventbus::{TopicInfo, TopicRequest};
use serde_json::json;
use tokio::net::TcpStream;

use super::Peers;
use crate::subscribing::grpc::Client;
use crate::world::{ELSEWHERE, Options, World, eventually};

const LIMITS: &str = "/services/data/v67.0/limits";
const CREDENTIALS: &str = "orgpass:a-Pa$$word";

/// A running Squid, killed when the test ends.
struct Squid {
    child: Child,
    address: SocketAddr,
    _port: HeldPort,
    folder: tempfile::TempDir,
}

impl Squid {
    /// It knows where hosts below [`ELSEWHERE`] are, and nobody else does.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // As root it becomes somebody else, who must be able to write here.
        open_to_all(folder.path());
        let hosts = ["acme", "login", "pubsub"].map(|name| format!("127.0.0.1 {name}.{ELSEWHERE}\n")).concat();
        std::fs::write(path("hosts"), hosts).unwrap();
        let asks = format!(
            "#!/bin/sh\nwhile read -r said; do [ \"$said\" = '{}' ] && echo OK || echo ERR; done\n",
            CREDENTIALS.replacen(':', " ", 1)
        );
        std::fs::write(path("asks"), asks).unwrap();
        open_to_all(&path("asks"));
        let port = HeldPort::new();
        let address = port.address();
        let config = format!(
            "http_port {address}\nhosts_file {0}/hosts\nauth_param basic program {0}/asks\n\
             acl known proxy_auth REQUIRED\nacl tunnels method CONNECT\nacl salesforce dstdomain .{ELSEWHERE}\n\
             http_access allow tunnels salesforce known\nhttp_access deny all\n\
             access_log stdio:{0}/access.log squid\ncache_log {0}/cache.log\npid_filename none\ncache deny all\n\
             coredump_dir {0}\nshutdown_lifetime 0 seconds\n",
            folder.path().display()
        );
        std::fs::write(path("squid.conf"), config).unwrap();
        let mut command = Command::new(Peers::squid());
        command.arg("-N").arg("-f").arg(path("squid.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        let squid = Self { child: command.spawn().unwrap(), address, _port: port, folder };
        eventually("squid listens", async || TcpStream::connect(address).await.is_ok()).await;
        squid
    }

    /// How it answered each request: status and target.
    fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        log.lines().map(words).map(|words| format!("{} {}", words[3], words[6])).collect()
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_exchanges_and_streams_go_through_squid() {
    let squid = Squid::start().await;
    let config = format!(
        "[salesforce]\nmax_idle = 0\nproxy_url = \"http://{}\"\nproxy_credentials_file = \"credentials\"",
        squid.address
    );
    let secrets = vec![("credentials", "orgpass:an0ther".to_owned()), ("right", CREDENTIALS.to_owned())];
    let world = World::with(Options { config, elsewhere: true, secrets, ..Options::default() }).await;
    let connected = world.connect("acme", None).await;
    let status = async || world.caller().get(LIMITS).tenant("acme").send().await.status;
    assert_eq!(status().await, StatusCode::BAD_GATEWAY);
    eventually("it is logged", async || squid.log().iter().any(|line| line.starts_with("TCP_DENIED/407"))).await;

    std::fs::rename(world.dir.path().join("right"), world.dir.path().join("credentials")).unwrap();
    assert_eq!(status().await, StatusCode::OK);
    world.sim.expire_sessions(&connected.org);
    assert_eq!(status().await, StatusCode::OK);
    assert_eq!(world.sim.exchanges(), 1);

    world.sim.define_event(&connected.org, "/event/Order__e", json!({"Number__c": "text"}));
    let client = Client::in_the_clear(world.orgpass().proxy_address().unwrap(), &world.seen).await.tenant("acme");
    let topic = TopicRequest { topic_name: "/event/Order__e".to_owned() };
    client.call::<TopicInfo>("GetTopic", &topic).await.unwrap();

    // A host that it does not know.
    world.connect("globex", None).await;
    assert_eq!(world.caller().get(LIMITS).tenant("globex").send().await.status, StatusCode::BAD_GATEWAY);
}
