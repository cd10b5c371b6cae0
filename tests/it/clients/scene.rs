//! A world with tenants for the clients' scripts, and what the org must have seen when they are done.

use std::process::Output;

use orgpass::connection::{ConnectionKey, LocalToken};
use salesforce_sim::RecordedRequest;
use serde_json::json;

use super::Client;
use crate::world::{Connected, Options, World};

/// Contacts of tenant acme: more than one page of them.
const CONTACTS: usize = 1200;

/// Tenant acme with contacts, and tenant globex; acme's connection is a user's.
pub struct Scene {
    pub world: World,
    pub acme: Connected,
    pub globex: Connected,
}

impl Scene {
    pub async fn set(config: &str) -> Self {
        let world = World::with(Options { config: config.to_owned(), ..Options::default() }).await;
        let acme = world.connect("acme", Some("u-17")).await;
        let globex = world.connect("globex", None).await;
        for number in 0..CONTACTS {
            world.sim.insert(&acme.org, "Contact", json!({"LastName": format!("Contact {number}")}));
        }
        Self { world, acme, globex }
    }

    /// Runs a part of a client's script to its end, and gives what it printed.
    pub async fn plays(&self, client: Client, part: &str) -> String {
        let tokens = [("acme", local_token(&self.acme)), ("globex", local_token(&self.globex))];
        let orgs = json!({"acme": self.acme.org.org_id(), "globex": self.globex.org.org_id()});
        self::play(&self.world, client, part, &tokens, orgs).await
    }

    /// The org was asked with its own connection's tokens only, and nothing that a client sent as a credential came
    /// through.
    pub fn the_orgs_saw_real_tokens_only(&self) {
        let secrets = self.world.sim.secrets();
        let requests = self.world.sim.requests();
        let at_orgs: Vec<_> = requests.iter().filter(|request| request.org.is_some()).collect();
        assert!(!at_orgs.is_empty());
        for request in at_orgs {
            let token = request.access_token.as_ref().unwrap_or_else(|| panic!("no token: {request:?}"));
            assert!(secrets.contains(token) && !request.foreign_token, "{request:?}");
            for trace in ["!orgpass.", "%21orgpass."] {
                assert!(!has(request, trace), "a local token went through: {request:?}");
            }
            assert!(!request.headers.contains("cookie"), "{request:?}");
        }
        assert_eq!(self.world.sim.spent_tokens_presented(), 0);
    }

    /// How many answers of the orgs said that the session is dead.
    pub fn dead_answers(&self) -> usize {
        self.world.sim.requests().iter().filter(|request| request.dead).count()
    }
}

/// A connection's local token, as `orgpass connection show` prints it.
pub fn local_token(connected: &Connected) -> String {
    LocalToken::format(connected.org.org_id(), &connected.key)
}

/// The local token of a tenant that nothing is connected for.
pub fn unknown_token() -> String {
    let key = ConnectionKey::parse("nobody", None).unwrap();
    LocalToken::format(orgpass::connection::UNKNOWN_ORG, &key)
}

/// Runs a part of a client's script to its end, and gives what it printed.
///
/// # Panics
/// When it fails, hangs, or prints a secret (that shows when the world ends).
pub async fn play(
    world: &World,
    client: Client,
    part: &str,
    tokens: &[(&str, String)],
    orgs: serde_json::Value,
) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut command = client.command(part);
    let tokens_told: serde_json::Map<_, _> =
        tokens.iter().map(|(name, token)| ((*name).to_owned(), json!(token))).collect();
    let told = json!({"control": format!("{}/__sim/", world.sim.url()), "orgs": orgs, "tokens": tokens_told});
    command.env("HOME", home.path()).env("TEST_WORLD", told.to_string());
    command.env("ORGPASS_URL", format!("http://{}", world.orgpass().proxy_address().unwrap()));
    command.env("ORGPASS_TOKEN", &tokens[0].1);
    command.current_dir(home.path());
    let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let Output { status, stdout, stderr } = ended.unwrap();
    world.seen.add(&stdout);
    world.seen.add(&stderr);
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{part}: {status}\n{stdout}\n{stderr}");
    assert!(stdout.ends_with(&format!("end of {part}\n")), "it left before its end:\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// Whether a text is in a request's target, headers or body.
fn has(request: &RecordedRequest, text: &str) -> bool {
    let body = request.body.as_deref().unwrap_or_default();
    request.path_and_query.contains(text)
        || request.headers.iter().any(|(_, value)| memchr::memmem::find(value, text.as_bytes()).is_some())
        || memchr::memmem::find(body, text.as_bytes()).is_some()
}
