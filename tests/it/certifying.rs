//! The client certificate: orgs that demand one, and those that are not to see it.

use std::path::Path;

use http::StatusCode;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::tunnelling::proxy::{Manner, Proxy};
use crate::world::{ELSEWHERE, Options, World, eventually};

const LIMITS: &str = "/services/data/v67.0/limits";
const SETTINGS: &str =
    "client_cert_file = \"client.pem\"\nclient_key_file = \"client.key\"\nclient_cert_hosts = [\"salesforce.test\"]\n";

/// An authority for clients, with the certificate that it has issued.
struct Issued {
    authority: String,
    certificate: String,
    key: String,
}

impl Issued {
    fn new() -> Self {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "authority of clients");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let root = authority.self_signed(&authority_key).unwrap();
        let mut client = CertificateParams::default();
        client.distinguished_name.push(DnType::CommonName, "orgpass");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = client.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        Self { authority: root.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn write(&self, folder: &Path) {
        for (name, text) in [("client.pem", &self.certificate), ("client.key", &self.key)] {
            std::fs::write(folder.join("new"), text).unwrap();
            std::fs::rename(folder.join("new"), folder.join(name)).unwrap();
        }
    }

    /// Each line of the key, to be searched for.
    fn secret(&self) -> String {
        self.key.clone()
    }
}

/// Salesforce elsewhere, behind a proxy that knows the way. Every call dials.
async fn world(issued: &Issued, more: &str) -> (World, Proxy) {
    let proxy = Proxy::start().await;
    let config = format!("[salesforce]\nmax_idle = 0\nproxy_url = \"{}\"\n{SETTINGS}{more}", proxy.url());
    let secrets = vec![("client.key", issued.secret()), ("client.pem", issued.certificate.clone())];
    (World::with(Options { config, elsewhere: true, secrets, ..Options::default() }).await, proxy)
}

async fn status(world: &World, tenant: &str) -> StatusCode {
    world.caller().get(LIMITS).tenant(tenant).send().await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_exchanges_show_it_and_a_new_one_needs_no_restart() {
    let (first, second) = (Issued::new(), Issued::new());
    let (world, _proxy) = world(&first, "").await;
    let connected = world.connect("acme", None).await;
    assert_eq!(status(&world, "acme").await, StatusCode::OK, "who does not ask is not the worse for it");
    world.sim.demand_certificates(&first.authority);
    assert_eq!(status(&world, "acme").await, StatusCode::OK);
    world.sim.expire_sessions(&connected.org);
    assert_eq!(status(&world, "acme").await, StatusCode::OK);
    assert_eq!(world.sim.exchanges(), 1);

    world.sim.demand_certificates(&second.authority);
    assert_eq!(status(&world, "acme").await, StatusCode::BAD_GATEWAY);
    std::fs::write(world.dir.path().join("client.key"), "half of a key").unwrap();
    world.sim.demand_certificates(&first.authority);
    assert_eq!(status(&world, "acme").await, StatusCode::OK, "the one that was read before is shown");
    world.sim.demand_certificates(&second.authority);
    second.write(world.dir.path());
    eventually("the new one is shown", async || status(&world, "acme").await == StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_hosts_that_are_listed_see_it() {
    let issued = Issued::new();
    let only_acme = format!("client_cert_hosts = [\"acme.{ELSEWHERE}\"]\n");
    let settings = SETTINGS.replace("client_cert_hosts = [\"salesforce.test\"]\n", &only_acme);
    let proxy = Proxy::start().await;
    let config = format!("[salesforce]\nproxy_url = \"{}\"\n{settings}", proxy.url());
    let secrets = vec![("client.key", issued.secret()), ("client.pem", issued.certificate.clone())];
    let world = World::with(Options { config, elsewhere: true, secrets, ..Options::default() }).await;
    for tenant in ["acme", "globex"] {
        world.connect(tenant, None).await;
    }
    world.sim.demand_certificates(&issued.authority);
    assert_eq!(status(&world, "acme").await, StatusCode::OK);
    assert_eq!(status(&world, "globex").await, StatusCode::BAD_GATEWAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn orgs_at_salesforce_are_asked_where_they_ask_for_certificates() {
    let issued = Issued::new();
    let (world, proxy) = world(&issued, "").await;
    let beside = world
        .beside(|table| {
            let salesforce = table["salesforce"].as_table_mut().unwrap();
            salesforce.insert("client_cert_hosts".to_owned(), vec!["initech.my.salesforce.com"].into());
            table.insert("store".to_owned(), toml::toml! { url = "file:beside.redb" }.into());
            table.remove("control");
        })
        .await;
    for (tenant, place) in
        [("initech", "initech.my.salesforce.com:8443"), ("umbrella", "umbrella.my.salesforce.com:443")]
    {
        let org = world.sim.create_org(salesforce_sim::OrgOptions { name: tenant.to_owned(), ..Default::default() });
        let user = world.sim.create_user(&org, &format!("ana@{tenant}.example"));
        let mut tokens = world.sim.authorize(&world.sim_app, &user);
        tokens.instance_url = format!("https://{tenant}.my.salesforce.com");
        let key = orgpass::connection::ConnectionKey::parse(tenant, None).unwrap();
        let record = world.record(&key, &tokens);
        beside.engine().store.put(&key, &record, orgpass::store::PutWhen::Absent).await.unwrap();
        proxy.behave(Manner::Says(b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec()));
        let caller = crate::caller::Caller::new(beside.proxy_address().unwrap(), world.seen.clone());
        assert_eq!(caller.get(LIMITS).tenant(tenant).send().await.status, StatusCode::BAD_GATEWAY);
        assert_eq!(proxy.asked_with_ports(), [place]);
    }
    tokio::task::spawn_blocking(|| beside.stop()).await.unwrap();
}
