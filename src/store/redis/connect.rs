//! How to be let in: the address, user, password and certificates with which a connection to a server is made.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, RedisResult, TlsCertificates,
};

use super::errors::explain;
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::redis_url::RedisUrl;

/// What a store in Redis needs beyond its settings: the contents of the files that they name.
#[derive(Default)]
pub struct Access {
    /// The password of the user that the URL names.
    pub password: Option<Secret<String>>,
    /// The password of the Sentinels.
    pub sentinel_password: Option<Secret<String>>,
    /// The only roots that TLS trusts, in PEM; the public ones if there are none.
    pub ca_pem: Option<Vec<u8>>,
    /// The certificate that is shown to servers, in PEM.
    pub client_cert_pem: Option<Vec<u8>>,
    /// Its key, in PEM.
    pub client_key_pem: Option<Secret<Vec<u8>>>,
}

/// A server's host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Makes clients for any server of one kind. Nothing is sent by that.
pub(super) struct Door {
    template: ConnectionInfo,
    certificates: Option<TlsCertificates>,
    // Those that the URL names.
    pub(super) addresses: Vec<Address>,
}

impl Door {
    /// The door of the servers that hold the data, or of the Sentinels, as the URL has them.
    pub(super) fn new(url: &RedisUrl, access: &Access, of_sentinels: bool) -> Result<Self, StoreError> {
        let infos = url.servers.iter().map(|server| server.as_str().into_connection_info());
        let infos = infos.collect::<RedisResult<Vec<ConnectionInfo>>>().map_err(|error| explain(&error))?;
        let addresses = infos.iter().filter_map(|info| address(info.addr())).collect();
        let info =
            infos.into_iter().next().ok_or_else(|| StoreError::Refused("store.url names no server".to_owned()))?;
        let (mut settings, password) = if of_sentinels {
            // They know users of their own, if any.
            (RedisConnectionInfo::default(), &access.sentinel_password)
        } else {
            (info.redis_settings().clone(), &access.password)
        };
        if let Some(password) = password {
            settings = settings.set_password(password.expose());
        }
        // RESP3 lets announcements come over a connection that can still be asked whether it lives.
        let settings = settings.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let door = Self {
            template: info.set_redis_settings(settings).set_tcp_settings(tcp),
            certificates: certificates(access)?,
            addresses,
        };
        for address in &door.addresses {
            door.client(address).map_err(|_| bad_certificates())?;
        }
        Ok(door)
    }

    /// A client for one server.
    pub(super) fn client(&self, address: &Address) -> RedisResult<Client> {
        let Address { host, port } = address.clone();
        let with_tls = matches!(self.template.addr(), ConnectionAddr::TcpTls { .. });
        let address = if with_tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let info = self.template.clone().set_addr(address);
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }
}

fn address(address: &ConnectionAddr) -> Option<Address> {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some(Address { host: host.clone(), port: *port })
        }
        _ => None,
    }
}

fn certificates(access: &Access) -> Result<Option<TlsCertificates>, StoreError> {
    // The library takes a file without any for an empty list.
    let is_pem = |pem: &Vec<u8>| memchr::memmem::find(pem, b"-----BEGIN CERTIFICATE-----").is_some();
    if ![&access.ca_pem, &access.client_cert_pem].into_iter().flatten().all(is_pem) {
        return Err(bad_certificates());
    }
    let client_tls = match (&access.client_cert_pem, &access.client_key_pem) {
        (Some(cert), Some(key)) => {
            Some(ClientTlsConfig { client_cert: cert.clone(), client_key: key.expose().clone() })
        }
        _ => None,
    };
    let root_cert = access.ca_pem.clone();
    Ok((client_tls.is_some() || root_cert.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
}

fn bad_certificates() -> StoreError {
    StoreError::Refused(
        "store.ca_file, client_cert_file and client_key_file must hold PEM, for a URL that begins with rediss"
            .to_owned(),
    )
}

/// Time-outs for a connection of its own.
pub(super) fn own_connection(timeout: Duration, response: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(response))
}
