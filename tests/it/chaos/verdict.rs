//! What became of every connection, and whether each one that a person has to consent to again is explained: by an
//! answer that was lost on the wire, or by a process that was killed with an answer on its way to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use salesforce_sim::{Exchange, Exchanged, Fate};

use super::fleet::{Connected, Fleet};
use super::say;

/// A process that reads an answer has it in its journal so soon, on a busy machine.
const JOURNALLED: Duration = Duration::from_secs(2);
/// The longest that an exchange is under way.
const UNDER_WAY: Duration = Duration::from_secs(20);

/// Fails unless every connection is active, or lost and explained.
pub async fn judge(fleet: &Fleet) {
    let (stated, journalled) = (stated(fleet), fleet.journalled());
    let log = fleet.sim.exchange_log();
    let mut lost = BTreeSet::new();
    for connected in &fleet.connections {
        let Stated { status, cause, number } = &stated[&connected.tenant];
        let kept = journalled.get(&connected.tenant).copied().unwrap_or_default();
        match (status.as_str(), cause.as_deref()) {
            ("active", None) => {}
            ("reauthorize", Some("answer_lost")) => {
                say(&format!("{} is lost: {}", connected.tenant, explanation(fleet, connected, &log)));
                lost.insert(connected.org.org_id());
                assert!(kept <= *number, "{}: a journal has its generation {kept}", connected.tenant);
                let words = [connected.tenant.as_str(), "the token endpoint refused", "answer_lost"];
                let named: Vec<_> = fleet.events(&words).into_iter().filter(|line| names(line, connected)).collect();
                assert_eq!(named.len(), 1, "{} is told of once: {named:?}", connected.tenant);
            }
            other => panic!("{} ends as {other:?}: {:#?}", connected.tenant, history(connected, &log)),
        }
    }
    let spent: Vec<&str> =
        log.iter().filter(|one| one.result == Exchanged::Spent).map(|one| one.org_id.as_str()).collect();
    assert_eq!(spent.len(), lost.len(), "a spent token is presented once for each that is lost, and never else");
    assert!(spent.iter().all(|org| lost.contains(org)));
    assert_eq!(fleet.sim.simultaneous_uses(), 0);
    let counted = fleet.metric("orgpass_lost_grants_total").await;
    assert!(counted <= lost.len() as f64, "{counted} were counted by those that live");
}

/// What the store says of a connection.
pub struct Stated {
    pub status: String,
    cause: Option<String>,
    /// Of its generation.
    number: u64,
}

/// What the store says of every tenant's connection.
pub fn stated(fleet: &Fleet) -> BTreeMap<String, Stated> {
    let list = fleet.operate(&["connection", "list", "--json"], "");
    let lines = list.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .map(|line| {
            let text = |key: &str| line[key].as_str().map(str::to_owned);
            let generation = text("generation").unwrap();
            let number = generation.rsplit_once('.').unwrap().1.parse().unwrap();
            (text("tenant").unwrap(), Stated { status: text("status").unwrap(), cause: text("cause"), number })
        })
        .collect()
}

/// Which answer was lost, and how.
///
/// # Panics
/// If none was.
fn explanation(fleet: &Fleet, connected: &Connected, log: &[Exchange]) -> String {
    let history = history(connected, log);
    let issued = history.iter().rev().find(|one| matches!(one.result, Exchanged::Issued { .. }));
    let last = issued.unwrap_or_else(|| panic!("{} was never exchanged for", connected.tenant));
    let member = fleet.members().find(|member| member.secret == last.client_secret).expect("one of them asked");
    let killed_within = |window: std::ops::Range<Instant>| member.kills().iter().any(|kill| window.contains(kill));
    match last.fate {
        Fate::Lost => format!("the answer to {} was lost on the wire", member.name),
        Fate::Unasked if killed_within(last.at - UNDER_WAY..last.at + JOURNALLED) => {
            format!("{} was killed before the answer came", member.name)
        }
        Fate::HandedOver if killed_within(last.at - JOURNALLED..last.at + JOURNALLED) => {
            format!("{} was killed with the answer on its way", member.name)
        }
        fate => panic!(
            "nothing explains {}: {fate:?} to {}, killed {:?}, {history:#?}",
            connected.tenant,
            member.name,
            member.kills()
        ),
    }
}

fn history<'a>(connected: &Connected, log: &'a [Exchange]) -> Vec<&'a Exchange> {
    let of_org: Vec<_> = log.iter().filter(|one| one.org_id == connected.org.org_id()).collect();
    of_org[of_org.len().saturating_sub(4)..].to_vec()
}

/// Whether an event is about this tenant and not one whose name begins alike.
fn names(line: &str, connected: &Connected) -> bool {
    let after = line.split(connected.tenant.as_str()).nth(1).unwrap_or_default();
    !after.starts_with(|next: char| next.is_ascii_digit())
}
