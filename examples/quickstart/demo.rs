//! What runs: a simulated Salesforce with two orgs, and Orgpass before it with a connection to each, its keys and its
//! store in a temporary folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use orgpass::app::App;
use orgpass::config::Config;
use orgpass::connection::{ConnectionKey, LocalToken};
use orgpass::management::links::LinkRequest;
use orgpass::management::{ImportDocument, Imported};
use orgpass::telemetry;
use orgpass::vault::new_key_line;
use salesforce_sim::{AppOptions, Org, OrgOptions, Simulator, Tokens, User};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::call::Call;

/// SELECT Name FROM Account
const ACCOUNTS: &str = "/services/data/v67.0/query?q=SELECT+Name+FROM+Account";

/// The tenant whose org is connected by the link.
const NEWCOMER: &str = "initech";
pub(crate) const NEWCOMERS_ACCOUNT: &str = "Printers Unlimited";

/// Where Orgpass listens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    /// The documented ones, or free ones if they are taken. Each call is logged.
    Usual,
    /// Free ones, and no log.
    Free,
}

/// Everything that runs.
pub(crate) struct Demo {
    pub(crate) sim: Simulator,
    pub(crate) acme: Tenant,
    pub(crate) globex: Tenant,
    /// Who can connect a third org, which nobody has connected yet.
    pub(crate) newcomer: User,
    /// The address by which that is done.
    pub(crate) link: String,
    orgpass: App,
    proxy: SocketAddr,
    _folder: TempDir,
}

/// One connection with both its ends.
pub(crate) struct Tenant {
    pub(crate) key: ConnectionKey,
    pub(crate) org: Org,
    /// The account that only this org has.
    pub(crate) account: &'static str,
    /// What Salesforce issued when the user approved the app.
    pub(crate) tokens: Tokens,
}

impl Demo {
    /// Starts it all. Blocks; `runtime` is for what has to be awaited.
    pub(crate) fn start(runtime: &Runtime, ports: Ports) -> anyhow::Result<Self> {
        let sim = Simulator::start_on_thread(false);
        let hub = hub_port(ports)?;
        let callback = format!("http://127.0.0.1:{hub}/oauth/callback");
        let app = AppOptions { callback_urls: vec![callback], name: "Quickstart".to_owned(), ..AppOptions::default() };
        let app = sim.create_app(app);
        let acme = Tenant::new(&sim, &app, ("acme", None), "Rocket Skates Ltd")?;
        let globex = Tenant::new(&sim, &app, ("globex", Some("u-17")), "Weather Machines Inc")?;
        let initech = sim.create_org(OrgOptions { name: NEWCOMER.to_owned(), ..OrgOptions::default() });
        sim.insert(&initech, "Account", json!({ "Name": NEWCOMERS_ACCOUNT }));
        let newcomer = sim.create_user(&initech, &format!("ana@{NEWCOMER}.example"));
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let config = configure(folder.path(), &sim, &app, ports, hub)?;
        if ports == Ports::Usual {
            telemetry::init(&config.log, std::io::stderr);
        }
        let orgpass = App::start(&config, Box::new(std::io::stdout()))?;
        let proxy = orgpass.proxy_address().context("the proxy listens on a port")?;
        for tenant in [&acme, &globex] {
            runtime.block_on(import(&orgpass, tenant, &sim.url()))?;
        }
        let key = ConnectionKey::parse(NEWCOMER, None)?;
        let minted = runtime.block_on(orgpass.engine().management.mint_link(&key, &LinkRequest::default()))?;
        Ok(Self { sim, acme, globex, newcomer, link: minted.url, orgpass, proxy, _folder: folder })
    }

    /// Hears when it is asked to stop.
    pub(crate) fn stopping(&self) -> orgpass::shutdown::Stopping {
        self.orgpass.stopping()
    }

    /// Stops Orgpass in order; true if nothing was cut short.
    pub(crate) fn stop(self) -> bool {
        self.orgpass.stop()
    }

    pub(crate) fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy)
    }

    pub(crate) fn ops_url(&self) -> String {
        format!("http://{}", self.orgpass.ops_address())
    }

    pub(crate) fn hub_url(&self) -> String {
        self.orgpass.hub_address().map_or_else(String::new, |hub| format!("http://{hub}"))
    }

    /// A caller asks for the accounts of the org that is connected by the link.
    pub(crate) fn accounts_of_newcomer(&self) -> Call {
        Call::get(self.proxy, ACCOUNTS).header("Orgpass-Tenant", NEWCOMER)
    }

    /// A caller asks for the tenant's accounts, tagging the call with headers.
    pub(crate) fn accounts_of(&self, tenant: &Tenant) -> Call {
        let call = Call::get(self.proxy, ACCOUNTS).header("Orgpass-Tenant", tenant.key.tenant());
        match tenant.key.user() {
            Some(user) => call.header("Orgpass-User", user),
            None => call,
        }
    }

    /// The same from a client library that was given the local token as its access token.
    pub(crate) fn accounts_by_local_token(&self, tenant: &Tenant) -> Call {
        let token = LocalToken::format(tenant.org.org_id(), &tenant.key);
        Call::get(self.proxy, ACCOUNTS).header("Authorization", &format!("Bearer {token}"))
    }

    /// Tells the simulator to end all sessions of the tenant's org. Grants live on.
    pub(crate) fn expire_sessions_of(&self, tenant: &Tenant) -> Call {
        Call::post(self.sim.addr(), "/__sim/expire", json!({ "org_id": tenant.org.org_id() }).to_string())
    }

    /// Asks the simulator for what it received.
    pub(crate) fn received_requests(&self) -> Call {
        Call::get(self.sim.addr(), "/__sim/requests")
    }
}

impl Tenant {
    fn new(
        sim: &Simulator,
        app: &salesforce_sim::App,
        (tenant, user): (&str, Option<&str>),
        account: &'static str,
    ) -> anyhow::Result<Self> {
        let org = sim.create_org(OrgOptions { name: tenant.to_owned(), ..OrgOptions::default() });
        sim.insert(&org, "Account", json!({ "Name": account }));
        let approver = sim.create_user(&org, &format!("ana@{tenant}.example"));
        let tokens = sim.authorize(app, &approver);
        Ok(Self { key: ConnectionKey::parse(tenant, user)?, org, account, tokens })
    }
}

/// Writes keys, the app's secret and nothing else; the rest of the configuration is as small as a real one.
fn configure(
    folder: &Path,
    sim: &Simulator,
    app: &salesforce_sim::App,
    ports: Ports,
    hub: u16,
) -> anyhow::Result<Config> {
    for name in ["session.keys", "grant.keys"] {
        write_private(&folder.join(name), &new_key_line())?;
    }
    write_private(&folder.join("client-secret"), &app.client_secret)?;
    let (proxy, ops, access) = match ports {
        Ports::Usual => (port_or_free(8180), port_or_free(8181), true),
        Ports::Free => (0, 0, false),
    };
    let text = format!(
        r#"
        [proxy]
        listen = "127.0.0.1:{proxy}"
        [ops]
        listen = "127.0.0.1:{ops}"
        [hub]
        listen = "127.0.0.1:{hub}"
        link_life = "1day"
        [vault]
        session_keys_file = "session.keys"
        grant_keys_file = "grant.keys"
        [apps.default]
        client_id = "{client_id}"
        client_secret_file = "client-secret"
        login_url = "{login_url}"
        sandbox_login_url = "{sandbox_login_url}"
        scopes = ["api", "refresh_token"]
        display_name = "Quickstart"
        [salesforce]
        trusted_hosts = ["127.0.0.1"]
        [log]
        format = "text"
        access = {access}
        "#,
        client_id = app.client_id,
        login_url = sim.url(),
        sandbox_login_url = sim.sandbox_url(),
    );
    Ok(Config::from_toml(&text, folder)?)
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Orgpass itself would share the port with another Orgpass, as its workers do with each other.
fn port_or_free(port: u16) -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_or(0, |_| port)
}

/// The hub's own port must be known beforehand: it is part of the app's callback URL.
fn hub_port(ports: Ports) -> anyhow::Result<u16> {
    let usual = if ports == Ports::Usual { port_or_free(8182) } else { 0 };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, usual)).context("there is no free port")?;
    Ok(listener.local_addr()?.port())
}

/// Makes a connection of what Salesforce issued, as `orgpass connection import` does.
async fn import(orgpass: &App, tenant: &Tenant, login_url: &str) -> anyhow::Result<()> {
    let document = json!({
        "tenant": tenant.key.tenant(),
        "user": tenant.key.user(),
        "instance_url": tenant.tokens.instance_url,
        "access_token": tenant.tokens.access_token,
        "refresh_token": tenant.tokens.refresh_token,
        "login_url": login_url,
    });
    let document =
        ImportDocument::parse(document.to_string().as_bytes()).map_err(|fault| anyhow!("import: {fault}"))?;
    let imported = orgpass.engine().management.import_document(&document).await?;
    ensure!(imported == Imported::Created, "{} is there already", tenant.key);
    Ok(())
}
