//! An egress proxy: strict about what it is asked, the only one here that knows where hosts below `salesforce.test` are, and
//! as wayward as a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::world::ELSEWHERE;

const OPEN: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// What it does when it is asked.
#[derive(Clone, Debug, Default)]
pub enum Manner {
    /// Opens the tunnel.
    #[default]
    Opens,
    /// Opens it as some do that speak HTTP/1.0, by another status of success.
    OpensInOldWay,
    /// Opens one to another place.
    LeadsTo(SocketAddr),
    /// Says this and nothing more.
    Says(Vec<u8>),
    /// Says nothing.
    IsSilent,
    /// Begins with this, and then says the second again and again.
    NeverEnds(&'static str, &'static str),
}

#[derive(Default)]
struct State {
    manner: Manner,
    /// `user:password`, if it wants that.
    wants: Option<String>,
    /// What it was asked for, as `host:port`.
    asked: Vec<String>,
    /// What nobody should ask.
    wrong: Vec<String>,
}

/// A running egress proxy.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// Wants these credentials from now on.
    pub fn want(&self, credentials: &str) {
        self.state.lock().unwrap().wants = Some(credentials.to_owned());
    }

    /// What it was asked for since the last time, without the ports. Nobody may have asked wrongly.
    #[track_caller]
    pub fn asked(&self) -> Vec<String> {
        self.asked_with_ports().iter().map(|to| to.rsplit_once(':').unwrap().0.to_owned()).collect()
    }

    #[track_caller]
    pub fn asked_with_ports(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap();
        assert_eq!(state.wrong, [""; 0]);
        std::mem::take(&mut state.asked)
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let head = head(&mut stream).await?;
        let (manner, wants, to) = {
            let mut state = self.state.lock().unwrap();
            let Some(to) = target(&head) else {
                state.wrong.push(head);
                return None;
            };
            state.asked.push(to.clone());
            (state.manner.clone(), state.wants.clone(), to)
        };
        let shown =
            wants.map(|credentials| format!("\r\nproxy-authorization: Basic {}\r\n", STANDARD.encode(credentials)));
        if shown.is_some_and(|shown| !head.contains(&shown)) {
            let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"egress\"\r\n\
                           Content-Length: 6\r\n\r\nno way";
            stream.write_all(refusal.as_bytes()).await.ok()?;
            return until_closed(stream).await;
        }
        let to: SocketAddr = match manner {
            Manner::Opens => self.open(&mut stream, &to, OPEN).await?,
            Manner::OpensInOldWay => {
                self.open(&mut stream, &to, b"HTTP/1.0 201 Connected\r\nProxy-agent: old\r\n\r\n").await?
            }
            Manner::LeadsTo(elsewhere) => {
                stream.write_all(OPEN).await.ok()?;
                elsewhere
            }
            Manner::Says(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                return until_closed(stream).await;
            }
            Manner::IsSilent => return until_closed(stream).await,
            Manner::NeverEnds(beginning, again) => {
                stream.write_all(beginning.as_bytes()).await.ok()?;
                while stream.write_all(again.as_bytes()).await.is_ok() {}
                return None;
            }
        };
        let mut there = TcpStream::connect(to).await.ok()?;
        copy_bidirectional(&mut stream, &mut there).await.ok()?;
        None
    }

    /// Names below [`ELSEWHERE`] are on this machine; there are no others.
    async fn open(&self, stream: &mut TcpStream, to: &str, answer: &[u8]) -> Option<SocketAddr> {
        let (host, port) = to.rsplit_once(':')?;
        let is_known = host.strip_suffix(ELSEWHERE).is_some_and(|name| name.ends_with('.'));
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?));
        if !is_known || TcpStream::connect(address).await.is_err() {
            stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await.ok()?;
            return None;
        }
        stream.write_all(answer).await.ok()?;
        Some(address)
    }
}

/// Reads a head and not a byte more.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        assert!(head.len() < 4096);
    }
    String::from_utf8(head).ok()
}

/// What a head asks for, if it is one of CONNECT that says no more than a proxy may know.
fn target(head: &str) -> Option<String> {
    let mut lines = head.trim_end().split("\r\n");
    let to = lines.next()?.strip_prefix("CONNECT ")?.strip_suffix(" HTTP/1.1")?;
    let (host, port) = to.rsplit_once(':')?;
    let names_host = host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)) && port.parse::<u16>().is_ok();
    let mut hosts = 0;
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        match name {
            "host" if value == to => hosts += 1,
            "proxy-authorization" => {}
            _ => return None,
        }
    }
    (names_host && hosts == 1).then(|| to.to_owned())
}

/// Before the tunnel is open, the other side may only go away.
async fn until_closed(mut stream: TcpStream) -> Option<()> {
    let more = stream.read(&mut [0]).await.ok()?;
    assert_eq!(more, 0, "something was sent although no tunnel was open");
    None
}
