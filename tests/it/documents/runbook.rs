//! The runbook: every alert's section says what somebody needs at night, and each of its commands prints what it shows,
//! from real processes before the simulator.

use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use orgpass::app::Engine;
use orgpass::config::Config;
use orgpass::connection::{Cause, ConnectionKey};
use redis_child::{HeldPort, RedisChild};
use salesforce_sim::{Effect, Fault};

use crate::binary::{Serve, Site};
use crate::caller::Caller;
use crate::world::eventually;

const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
const LIMITS: &str = "/services/data/v67.0/limits";
/// What each section has, in this order.
const PARTS: [&str; 5] = ["**Means**: ", "**Customers notice**: ", "**First**: ", "**End it**: ", "**Wake**: "];
/// What `curl` asks in the examples.
const OPS: &str = "http://127.0.0.1:8181";

/// Far more than what comes with time takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// One command of the runbook with what it is said to print.
struct Example {
    alert: &'static str,
    command: &'static str,
    prints: Vec<&'static str>,
}

fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    let sections = RUNBOOK.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap());
    sections.filter(|(heading, _)| heading.starts_with("Orgpass"))
}

/// The blocks of a section, by their language.
fn blocks(section: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    section.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap())
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for (alert, section) in sections() {
        for (language, text) in blocks(section) {
            match language {
                "sh" => examples.push(Example { alert, command: text.trim_end(), prints: Vec::new() }),
                "text" => examples.last_mut().unwrap().prints.extend(text.lines()),
                other => panic!("{alert} has a block of {other}"),
            }
        }
    }
    examples
}

#[test]
fn every_section_says_what_is_needed_at_night_and_what_its_commands_print() {
    assert!(sections().count() > 10);
    for (alert, section) in sections() {
        let places: Vec<_> = PARTS.iter().map(|part| section.find(&format!("\n{part}"))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{alert}: {places:?}");
        assert!(blocks(section).count() >= 2, "{alert} has no command");
    }
    for Example { alert, command, prints } in examples() {
        assert!(!prints.is_empty(), "{alert}: what does {command} print?");
    }
}

/// A line as far as it is the same everywhere: without what has digits in it, and with single spaces.
fn alike(line: &str) -> String {
    let word = |word: &str| {
        let is_label = word.contains('{') || word.contains('"');
        if !word.contains(|c: char| c.is_ascii_digit()) || is_label {
            return word.to_owned();
        }
        format!("#{}", &word[word.trim_end_matches([':', ';', ',']).len()..])
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// Whether a line is as the runbook has it; `...` stands for anything.
fn is_shown(shown: &str, line: &str) -> bool {
    let (shown, line) = (alike(shown), alike(line));
    let mut rest = line.as_str();
    for (number, part) in shown.split("...").enumerate() {
        match rest.find(part) {
            Some(at) if number > 0 || at == 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || shown.ends_with("...")
}

#[test]
fn a_line_is_as_shown_whatever_folder_and_number_it_names() {
    for folder in ["/tmp/.tmpabcdef", "/tmp/.tmp3wyoz2"] {
        assert!(is_shown("orgpass: ...: 1 fault", &format!("orgpass: {folder}/orgpass.toml: 2 fault")));
        assert!(!is_shown("orgpass: ...: 1 fault", &format!("orgpass: {folder}/orgpass.toml: 1 fault more")));
    }
}

/// A process, as somebody on call meets it.
struct Member {
    site: Site,
    ops: SocketAddr,
    _serve: Serve,
}

impl Member {
    async fn start(site: Site) -> Self {
        let ops = Config::load(Some(&site.path("orgpass.toml")), []).unwrap().ops.listen;
        let serve = site.serve().await;
        Self { site, ops, _serve: serve }
    }

    async fn run(&self, command: &str) -> String {
        if let Some(arguments) = command.strip_prefix("orgpass ") {
            let arguments: Vec<_> = arguments.split(' ').collect();
            let output = self.site.run(&arguments, "");
            return String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        }
        let asked = command.strip_prefix("curl -s ").and_then(|rest| rest.strip_prefix(OPS));
        let (path, pattern) = asked.unwrap_or_else(|| panic!("who runs {command}?")).split_once(" | grep ").unwrap();
        let answer = Caller::new(self.ops, self.site.seen()).get(path).send().await;
        assert_eq!(answer.status, StatusCode::OK);
        let parts: Vec<_> = pattern.trim_start_matches("-E ").trim_matches('\'').split(['(', '|', ')']).collect();
        let is_found = |line: &str| match &parts[..] {
            [whole] => line.contains(whole),
            [before, words @ .., after] => words.iter().any(|word| line.contains(&format!("{before}{word}{after}"))),
            [] => false,
        };
        answer.text().lines().filter(|line| is_found(line)).map(|line| format!("{line}\n")).collect()
    }

    /// Runs the commands of these alerts, again until they print what is shown: some of it comes with time.
    async fn shows(&self, alerts: &[&str]) {
        let mut seen = 0;
        for Example { alert, command, prints } in examples().iter().filter(|example| alerts.contains(&example.alert)) {
            let mut printed = String::new();
            let mut lasting = async || {
                printed = self.run(command).await;
                let mut lines = printed.lines();
                prints.iter().all(|shown| lines.any(|line| is_shown(shown, line)))
            };
            let in_time = tokio::time::timeout(PATIENCE, async {
                while !lasting().await {
                    tokio::task::yield_now().await;
                }
            });
            let shown = in_time.await.is_ok();
            assert!(shown, "{alert}: {command} prints\n{printed}\nand not\n{}", prints.join("\n"));
            seen += 1;
        }
        assert!(seen >= alerts.len(), "{alerts:?}");
    }
}

fn on(site: &Site, redis: &RedisChild, more: &str) {
    let path = site.path("orgpass.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let control = site.path("control.sock");
    let store =
        format!("[store]\nurl = \"{}\"\n[control]\nlisten = \"unix:{}\"\n{more}", redis.url(), control.display());
    std::fs::write(path, format!("{config}{store}")).unwrap();
}

async fn connected(site: &Site, tenant: &str) -> (salesforce_sim::Org, String) {
    let (org, authorization) = site.authorization(tenant);
    site.done(&["connection", "import", "--tenant", tenant, "--instance-url", &org.instance_url()], &authorization);
    (
        org,
        serde_json::from_str::<serde_json::Value>(&authorization).unwrap()["refresh_token"]
            .as_str()
            .unwrap()
            .to_owned(),
    )
}

/// As after an answer that was lost, whose settling takes most of a minute.
async fn lose_answer(site: &Site, tenant: &str) {
    let config = Config::load(Some(&site.path("orgpass.toml")), []).unwrap();
    let store = Engine::build(&config).unwrap().store;
    let key = ConnectionKey::parse(tenant, None).unwrap();
    let head = store.read(&key).await.unwrap().unwrap().head;
    let cause = Cause::AnswerLost;
    assert!(store.set_status(&key, head.generation, cause.status(), Some(cause)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_runbook_print_what_it_shows() {
    let redis = RedisChild::start();
    let site = Site::new().await;
    let port = HeldPort::new();
    let nobody = port.address();
    std::fs::write(site.path("webhook"), "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").unwrap();
    let more = format!(
        "[traces]\nendpoint = \"http://{nobody}\"\n[hub]\nlisten = \"127.0.0.1:0\"\ncheck_every = \"500ms\"\n\
         [hub.webhooks.app]\nurl = \"http://{nobody}/\"\nsecret_file = \"webhook\"\n"
    );
    on(&site, &redis, &more);
    let hub = Member::start(site).await;
    let site = &hub.site;
    let (acme, _) = connected(site, "acme").await;
    let (globex, revoked) = connected(site, "globex").await;
    connected(site, "initech").await;
    site.sim.expire_sessions(&globex);
    assert!(site.sim.revoke_grant(&revoked));
    site.run(&["connection", "check", "--tenant", "globex"], "");
    lose_answer(site, "initech").await;
    let trouble = site.sim.fault(Fault::on_token_endpoint(Effect::Status(503, String::new())));
    site.sim.expire_sessions(&acme);
    let call = async || site.caller().get(LIMITS).tenant("acme").send().await;
    eventually("the token endpoint's trouble is met and over", async || {
        let reply = call().await;
        trouble.struck() > 0 && reply.status == StatusCode::OK
    })
    .await;
    site.sim.expire_sessions(&acme);
    eventually("a replay", async || call().await.header("orgpass-replay") == Some("done")).await;
    hub.shows(&[
        "OrgpassNoHubLeads",
        "OrgpassConnectionsNeedPeople",
        "OrgpassGrantLost",
        "OrgpassExchangesFail",
        "OrgpassWishesWait",
        "OrgpassManyReplays",
        "OrgpassSlow",
        "OrgpassIdleLimitNear",
        "OrgpassStoreWentBack",
        "OrgpassWebhookFails",
        "OrgpassAccessLogDropped",
        "OrgpassTracesDropped",
    ])
    .await;
    let another = site.done(&["keys", "new"], "");
    std::fs::write(site.path("session.keys"), another).unwrap();
    hub.shows(&["OrgpassKeyUnknown"]).await;
    std::fs::write(site.path("session.keys"), "nonsense").unwrap();
    let faulty = format!("curl -s {OPS}/metrics | grep orgpass_key_file_faulty");
    eventually("the fault is counted", async || hub.run(&faulty).await.contains("_faulty 1\n")).await;
    hub.shows(&["OrgpassKeyFileFaulty"]).await;

    let alone = RedisChild::start();
    let site = Site::new().await;
    on(&site, &alone, "");
    let config = std::fs::read_to_string(site.path("orgpass.toml")).unwrap();
    std::fs::write(site.path("orgpass.toml"), config.replace("grant_keys_file = \"grant.keys\"\n", "")).unwrap();
    let sidecar = Member::start(site).await;
    sidecar.shows(&["OrgpassHubUnanswered"]).await;
    drop(alone);
    sidecar.shows(&["OrgpassStoreDown"]).await;
    hub.site.search_for_secrets();

    let all: Vec<_> = sections().map(|(alert, _)| alert).collect();
    assert_eq!(all.len(), 16, "a new section's commands are to be run here: {all:?}");
}
