//! Takes `https://host:port/` apart. Stricter than the URL standard on purpose: that one turns `\`, tabs, `0x7f.1` and
//! international names into something else than was written, and the host written must be the host dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::HostError;

/// The parts of a URL that ends after its host.
#[derive(Debug)]
pub(super) struct UrlParts {
    pub(super) https: bool,
    /// Lower case; an IPv6 address without brackets.
    pub(super) host: String,
    /// Whether the host is an address, or would be read as one.
    pub(super) is_address: bool,
    pub(super) port: u16,
}

impl UrlParts {
    pub(super) fn parse(text: &str) -> Result<Self, HostError> {
        let (scheme, rest) = text.split_once("://").ok_or(HostError::Scheme)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(HostError::Scheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(HostError::UserInfo);
        }
        if authority.contains(['/', '\\', '?', '#']) {
            return Err(HostError::Path);
        }
        let (host, port) = split_port(authority)?;
        let (host, is_address) = parse_host(host)?;
        let parts = Self { https, host, is_address, port: 0 };
        Ok(Self { port: port.unwrap_or(parts.default_port()), ..parts })
    }

    pub(super) fn default_port(&self) -> u16 {
        if self.https { 443 } else { 80 }
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), HostError> {
    let after_address = authority.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = authority[after_address..].find(':') else { return Ok((authority, None)) };
    let (host, port) = authority.split_at(after_address + colon);
    let digits = &port[1..];
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostError::Port);
    }
    let port = digits.parse().ok().filter(|port| *port != 0).ok_or(HostError::Port)?;
    Ok((host, Some(port)))
}

/// Reads a host name or address; says whether it is an address. Brackets around an IPv6 address are optional here.
pub(super) fn parse_host(text: &str) -> Result<(String, bool), HostError> {
    let unbracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = unbracketed.parse::<Ipv6Addr>() {
        return Ok((address.to_string(), true));
    }
    let host = text.to_ascii_lowercase();
    let is_name = (1..=253).contains(&host.len()) && host.split('.').all(is_label);
    if !is_name {
        return Err(HostError::Name);
    }
    // `0x7f.1`, `127.1` and `2130706433` are addresses to many resolvers; only the plain form may be written.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(HostError::Address);
    }
    Ok((host, is_number))
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
