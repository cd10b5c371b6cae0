//! Clients of the streaming API with the cookies that each was given, for all workers. A cookie leads a client's requests
//! to the server that has it; callers on a loopback address would keep none, and a shared host would mix those of several
//! orgs.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::cookies::Cookies;
use crate::connection::ConnectionKey;

/// Salesforce forgets a client after 40 seconds without a poll, and holds one for 110.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// Between two looks for idle clients.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Clients of one connection. An org takes 2,000 at one time.
const MAX_OF_ONE: usize = 2_000;
/// Clients of all connections.
const MAX_OF_ALL: usize = 20_000;
/// A client id has 32 characters.
const MAX_ID_BYTES: usize = 128;

/// The clients that have shaken hands through this process.
#[derive(Default)]
pub struct Clients(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// A client is found only under the connection that it has shaken hands for.
    of: HashMap<ConnectionKey, HashMap<String, Client>>,
    number: usize,
    swept: Option<Instant>,
}

struct Client {
    /// The host that gave the cookies.
    host: HeaderValue,
    cookies: Cookies,
    used: Instant,
}

impl Clients {
    /// The cookies of a client, for a request to `host`.
    pub(super) fn cookies(
        &self,
        of: &ConnectionKey,
        id: &str,
        host: &HeaderValue,
        now: Instant,
    ) -> Option<HeaderValue> {
        let mut known = self.known();
        let client = known.of.get_mut(of)?.get_mut(id)?;
        client.used = now;
        client.cookies.header().filter(|_| client.host == *host)
    }

    /// A client has shaken hands with `host`.
    pub(super) fn add(&self, of: &ConnectionKey, id: &str, host: &HeaderValue, now: Instant) {
        if id.len() > MAX_ID_BYTES {
            return;
        }
        let mut known = self.known();
        known.make_room(of, now);
        let client = Client { host: host.clone(), cookies: Cookies::default(), used: now };
        if known.of.entry(of.clone()).or_default().insert(id.to_owned(), client).is_none() {
            known.number += 1;
        }
    }

    /// Changes the cookies of a client that is known at `host`.
    pub(super) fn update(
        &self,
        of: &ConnectionKey,
        id: &str,
        host: &HeaderValue,
        now: Instant,
        change: impl FnOnce(&mut Cookies),
    ) {
        let mut known = self.known();
        if let Some(client) = known.of.get_mut(of).and_then(|clients| clients.get_mut(id))
            && client.host == *host
        {
            client.used = now;
            change(&mut client.cookies);
        }
    }

    /// A client is no more.
    pub(super) fn forget(&self, of: &ConnectionKey, id: &str) {
        self.known().remove(of, id);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // After a panic the count may be off by one, which moves a bound by as much.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn remove(&mut self, of: &ConnectionKey, id: &str) {
        let Some(clients) = self.of.get_mut(of) else { return };
        if clients.remove(id).is_some() {
            self.number -= 1;
        }
        if clients.is_empty() {
            self.of.remove(of);
        }
    }

    /// Makes room for one more, at the cost of idle clients, and if there is none of the one that was idle for longest.
    fn make_room(&mut self, of: &ConnectionKey, now: Instant) {
        let of_this = self.of.get(of).map_or(0, HashMap::len);
        let is_time = self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP_EVERY);
        if is_time || of_this >= MAX_OF_ONE || self.number >= MAX_OF_ALL {
            self.sweep(now);
        }
        let oldest_of = |clients: &HashMap<String, Client>| {
            clients.iter().min_by_key(|(_, client)| client.used).map(|(id, client)| (id.clone(), client.used))
        };
        if let Some(clients) = self.of.get(of).filter(|clients| clients.len() >= MAX_OF_ONE)
            && let Some((id, _)) = oldest_of(clients)
        {
            self.remove(of, &id);
        } else if self.number >= MAX_OF_ALL {
            let all = self.of.iter().filter_map(|(key, clients)| Some((key.clone(), oldest_of(clients)?)));
            if let Some((key, (id, _))) = all.min_by_key(|(_, (_, used))| *used) {
                self.remove(&key, &id);
            }
        }
    }

    fn sweep(&mut self, now: Instant) {
        for clients in self.of.values_mut() {
            clients.retain(|_, client| now.saturating_duration_since(client.used) < IDLE);
        }
        self.of.retain(|_, clients| !clients.is_empty());
        self.number = self.of.values().map(HashMap::len).sum();
        self.swept = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::SET_COOKIE;

    use super::*;

    fn key(tenant: &str) -> ConnectionKey {
        ConnectionKey::parse(tenant, None).unwrap()
    }

    fn host(name: &'static str) -> HeaderValue {
        HeaderValue::from_static(name)
    }

    fn greet(clients: &Clients, tenant: &str, id: &str, now: Instant) {
        let headers =
            HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_str(&format!("at={tenant}-{id}")).unwrap())]);
        clients.add(&key(tenant), id, &host("org"), now);
        clients.update(&key(tenant), id, &host("org"), now, |cookies| cookies.update(&headers, |_| false));
    }

    fn sent(clients: &Clients, tenant: &str, id: &str, now: Instant) -> Option<HeaderValue> {
        clients.cookies(&key(tenant), id, &host("org"), now)
    }

    #[test]
    fn a_client_has_its_cookies_with_its_own_connection_and_host_only() {
        let (clients, now) = (Clients::default(), Instant::now());
        greet(&clients, "acme", "c1", now);
        assert_eq!(sent(&clients, "acme", "c1", now), Some(host("at=acme-c1")));
        assert_eq!(sent(&clients, "acme", "c2", now), None);
        assert_eq!(sent(&clients, "globex", "c1", now), None);
        assert_eq!(clients.cookies(&key("acme"), "c1", &host("another"), now), None);
        clients.update(&key("acme"), "c1", &host("another"), now, |cookies| *cookies = Cookies::default());
        assert_eq!(sent(&clients, "acme", "c1", now), Some(host("at=acme-c1")));
        clients.forget(&key("acme"), "c1");
        assert_eq!(sent(&clients, "acme", "c1", now), None);
        assert!(clients.known().of.is_empty());
    }

    #[test]
    fn an_idle_client_is_forgotten_and_one_in_use_is_not() {
        let (clients, start) = (Clients::default(), Instant::now());
        greet(&clients, "acme", "idle", start);
        greet(&clients, "acme", "used", start);
        let later = start + IDLE - Duration::from_secs(1);
        assert!(sent(&clients, "acme", "used", later).is_some());
        let latest = start + IDLE;
        greet(&clients, "globex", "new", latest);
        assert_eq!(sent(&clients, "acme", "idle", latest), None);
        assert!(sent(&clients, "acme", "used", latest).is_some());
        assert_eq!(clients.known().number, 2);
    }

    #[test]
    fn one_connection_pushes_out_its_own_oldest_and_nobody_elses() {
        let (clients, start) = (Clients::default(), Instant::now());
        greet(&clients, "globex", "c", start);
        for number in 0..=MAX_OF_ONE {
            greet(&clients, "acme", &number.to_string(), start + Duration::from_millis(number as u64));
        }
        let now = start + Duration::from_secs(5);
        assert_eq!(clients.known().number, MAX_OF_ONE + 1);
        assert_eq!(sent(&clients, "acme", "0", now), None);
        assert!(sent(&clients, "acme", "1", now).is_some() && sent(&clients, "globex", "c", now).is_some());
    }

    #[test]
    fn all_together_are_bounded() {
        let (clients, start) = (Clients::default(), Instant::now());
        for number in 0..MAX_OF_ALL + 5 {
            let tenant = format!("t{}", number % 50);
            greet(&clients, &tenant, &number.to_string(), start + Duration::from_millis(number as u64));
        }
        assert_eq!(clients.known().number, MAX_OF_ALL);
        assert_eq!(sent(&clients, "t4", "4", start), None);
        assert!(sent(&clients, "t5", "5", start).is_some());
        greet(&clients, "acme", &"x".repeat(MAX_ID_BYTES + 1), start);
        assert_eq!(clients.known().number, MAX_OF_ALL);
    }
}
