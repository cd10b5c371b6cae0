//! A port for a program that is yet to start, or that starts again.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A loopback port that nobody who asks for any port gets while this lives, neither to listen nor to connect from: it is
/// bound and never listens, and whoever names it may listen beside it.
#[derive(Debug)]
pub struct HeldPort(Socket);

impl HeldPort {
    /// Takes a port that is free.
    #[expect(clippy::new_without_default, reason = "it takes something")]
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
        // Both must allow it; whatever is started here does so when it listens.
        socket.set_reuse_address(true).expect("a socket can be shared");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port is free");
        Self(socket)
    }

    /// Where the program is to listen.
    pub fn address(&self) -> SocketAddr {
        let address = self.0.local_addr().ok().and_then(|address| address.as_socket());
        address.expect("a bound socket has an address")
    }

    pub(crate) fn number(&self) -> u16 {
        self.address().port()
    }
}

#[test]
fn a_held_port_is_nobody_elses_and_whoever_names_it_has_it() {
    use std::net::{TcpListener, TcpStream};

    let held = HeldPort::new();
    let any: Vec<_> = (0..1000).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free")).collect();
    assert!(any.iter().all(|other| other.local_addr().expect("it is bound").port() != held.number()));
    TcpStream::connect(held.address()).expect_err("nobody listens yet");
    for _ in 0..2 {
        let named = TcpListener::bind(held.address()).expect("whoever names it may listen");
        let _caller = TcpStream::connect(held.address()).expect("somebody listens");
        named.accept().expect("somebody has called");
        TcpListener::bind(held.address()).expect_err("one listens already");
    }
}
