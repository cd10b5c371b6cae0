//! A training load for profile-guided optimization: everyday calls of many kinds
//! against the simulated Salesforce, so that what ships is not made for the one
//! request of the comparison. Ends with Orgpass, which writes its profile then.

mod calls;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use nix::sys::signal::Signal;
use salesforce_sim::{AppOptions, Org, OrgOptions, Simulator};
use serde_json::json;
use tokio::task::JoinSet;

use self::calls::{Call, Caller, Tenant};
use crate::orgpass;
use crate::proxies::listening;
use crate::upstream::free_port;

/// Connections to orgs; every other one is a user's.
const TENANTS: usize = 40;
/// Callers at the same time, one round after the other. Alone, a caller leaves
/// Orgpass idle between two calls; many keep it busy.
const ROUNDS: [usize; 12] = [32, 1, 64, 8, 32, 1, 64, 8, 32, 1, 64, 8];
/// Each round has about as many calls, whatever the number of callers.
const CALLS: usize = 6000;
/// Callers that meet the same dead sessions.
const AT_ONCE: usize = 4;
/// How long the whole load may take, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(900);
/// The drain of Orgpass and the writing of the profile.
const STOP: Duration = Duration::from_secs(60);

/// What to train.
#[derive(Args)]
pub(crate) struct Settings {
    /// The instrumented program.
    #[arg(long, value_name = "PATH")]
    orgpass: PathBuf,
}

/// Starts simulator and program, runs the load, and stops the program in order.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let program = settings.orgpass.canonicalize().context("no program there")?;
    let dir = tempfile::Builder::new().prefix("orgpass-train-").tempdir()?;
    let simulator = Simulator::start_on_thread(true);
    simulator.keep_requests(0);
    let orgs = ["acme", "globex"]
        .map(|name| simulator.create_org(OrgOptions { name: name.to_owned(), ..OrgOptions::default() }));
    let (tenants, documents) = connect(&simulator, &orgs);
    std::fs::write(dir.path().join("ca.pem"), simulator.ca_pem())?;

    let ports = [free_port()?, free_port()?];
    let config = dir.path().join("orgpass.toml");
    std::fs::write(&config, configuration(ports, dir.path()))?;
    let mut process = orgpass::start(&program, &config, documents, dir.path()).await?;
    listening(&mut process, ports[0]).await?;
    let load = tokio::time::timeout(LIMIT, rounds(&simulator, &orgs, &tenants, ports)).await;
    let calls = load.context("the load took too long")??;
    process.signal(Signal::SIGTERM)?;
    ensure!(process.ends_within(STOP).await?, "Orgpass does not stop");
    println!("trained with {calls} calls");
    Ok(())
}

/// An authorization of its own for each tenant, so that an expired session is
/// exchanged for a new one; and the lines to import.
fn connect(simulator: &Simulator, orgs: &[Org; 2]) -> (Vec<Tenant>, String) {
    let app = simulator.create_app(AppOptions {
        client_id: Some("3MVG9compare".to_owned()),
        client_secret: Some("compare".to_owned()),
        ..AppOptions::default()
    });
    let mut documents = String::new();
    let tenants = (0..TENANTS).map(|number| {
        let org = &orgs[number % orgs.len()];
        let name = format!("tenant{number}");
        let user = (number % 4 >= 2).then(|| format!("user{number}"));
        let approver = simulator.create_user(org, &format!("ana@{name}.example"));
        let tokens = simulator.authorize(&app, &approver);
        let document = json!({
            "tenant": name,
            "user": user,
            "instance_url": tokens.instance_url,
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "login_url": simulator.url(),
        });
        documents.push_str(&format!("{document}\n"));
        let account = simulator.insert(org, "Account", json!({"Name": name}));
        Tenant { name, user, org_id: org.org_id().to_owned(), account }
    });
    (tenants.collect(), documents)
}

fn configuration(ports: [u16; 2], dir: &Path) -> String {
    include_str!("../config/orgpass.toml")
        .replace("{{LISTEN}}", &ports[0].to_string())
        .replace("{{OPS}}", &ports[1].to_string())
        .replace("{{DIR}}", &dir.display().to_string())
}

/// All rounds; the number of calls. Before each, every session is dead, and some
/// callers at once find out.
async fn rounds(simulator: &Simulator, orgs: &[Org], tenants: &[Tenant], ports: [u16; 2]) -> Result<usize> {
    let mix = calls::mix(tenants);
    let mut made = 0;
    for (round, callers) in ROUNDS.into_iter().enumerate() {
        orgs.iter().for_each(|org| simulator.expire_sessions(org));
        made += all(ports[0], std::iter::repeat_n(calls::replayable(tenants), AT_ONCE)).await?;
        // The same calls in the same order each time: a build is to be repeatable.
        let mut random = fastrand::Rng::with_seed(round as u64);
        let mut some = || (0..CALLS / callers).map(|_| mix[random.usize(..mix.len())].clone()).collect();
        made += all(ports[0], std::iter::repeat_with(&mut some).take(callers)).await?;
        Caller::run(ports[1], vec![Call::get("/metrics"), Call::get("/readyz")]).await?;
    }
    let needed = ROUNDS.len() * tenants.len();
    ensure!(simulator.successful_exchanges() >= needed as u64, "a dead session was not replaced");
    Ok(made)
}

/// Callers with these calls, all at the same time; the number of calls.
async fn all(port: u16, callers: impl Iterator<Item = Vec<Call>>) -> Result<usize> {
    let mut running = JoinSet::new();
    let mut made = 0;
    for calls in callers {
        made += calls.len();
        running.spawn(Caller::run(port, calls));
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(made)
}
