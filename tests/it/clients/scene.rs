//! A world with tenants for the clients' scripts, and what the org must have seen when they are done.

mod script;

use std::process::{Command, Output};

use orgpass::connection::{ConnectionKey, LocalToken};
use salesforce_sim::RecordedRequest;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::Client;
use crate::encrypting::Authority;
use crate::world::{Connected, Options, World};
use script::Asks;

/// Contacts of tenant acme: more than one page of them.
const CONTACTS: usize = 2400;

/// A world whose proxy speaks TLS beside plain HTTP, and one client.
pub struct Stage {
    pub world: World,
    client: Client,
    authority: Authority,
}

/// Tenant acme with contacts, and tenant globex; acme's connection is a user's.
pub struct Scene {
    stage: Stage,
    acme: Connected,
    globex: Connected,
}

impl Scene {
    pub async fn set(client: Client) -> Self {
        let stage = Stage::set(client, Options::default()).await;
        let acme = stage.world.connect("acme", Some("u-17")).await;
        let globex = stage.world.connect("globex", None).await;
        for number in 0..CONTACTS {
            stage.world.sim.insert(&acme.org, "Contact", json!({"LastName": format!("Contact {number}")}));
        }
        Self { stage, acme, globex }
    }

    pub fn world(&self) -> &World {
        &self.stage.world
    }

    /// Runs a part of a client's script to its end, and gives what it printed.
    pub async fn plays(&self, part: &str) -> String {
        let tokens = [("acme", local_token(&self.acme)), ("globex", local_token(&self.globex))];
        let orgs = json!({"acme": self.acme.org.org_id(), "globex": self.globex.org.org_id()});
        self.stage.plays(part, &tokens, orgs).await
    }

    /// The org was asked with its own connection's tokens only, and nothing that a client sent as a credential came
    /// through.
    pub fn the_orgs_saw_real_tokens_only(&self) {
        let secrets = self.stage.world.sim.secrets();
        let requests = self.stage.world.sim.requests();
        let at_orgs: Vec<_> = requests.iter().filter(|request| request.org.is_some()).collect();
        assert!(!at_orgs.is_empty());
        for request in at_orgs {
            let token = request.access_token.as_ref().unwrap_or_else(|| panic!("no token: {request:?}"));
            assert!(secrets.contains(token) && !request.foreign_token, "{request:?}");
            for trace in ["!orgpass.", "%21orgpass."] {
                assert!(!has(request, trace), "a local token went through: {request:?}");
            }
            // Those of the streaming API are the org's own, kept by Orgpass.
            let is_streaming = request.path().starts_with("/cometd/");
            assert!(is_streaming || !request.headers.contains("cookie"), "{request:?}");
        }
        assert_eq!(self.stage.world.sim.spent_tokens_presented(), 0);
    }

    /// How many answers of the orgs said that the session is dead.
    pub fn dead_answers(&self) -> usize {
        self.stage.world.sim.requests().iter().filter(|request| request.dead).count()
    }
}

/// The names that clients log in with, and those of AppLink's authorizations: one of each for every tenant.
fn names() -> String {
    let name = |tenant: &str| {
        let user = if tenant == "acme" { "\nuser = \"u-17\"" } else { "" };
        format!(
            "[proxy.logins.\"{tenant}@clients.example\"]\ntenant = \"{tenant}\"{user}\n\
             [proxy.applink.{tenant}]\ntenant = \"{tenant}\"{user}\n"
        )
    };
    ["acme", "globex", "revoked", "nobody", "restricted", "cold"].map(name).concat()
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

impl Stage {
    /// Of the options' configuration these are lines of `[proxy]`.
    pub async fn set(client: Client, options: Options) -> Self {
        let authority = Authority::new();
        let config = authority.settings() + &options.config + &names();
        let world = World::with(Options { config, ..options }).await;
        Self { world, client, authority }
    }

    /// Runs a part of the client's script to its end, and gives what it printed.
    ///
    /// # Panics
    /// When it fails, hangs, or prints a secret (that shows when the world ends).
    pub async fn plays(&self, part: &str, tokens: &[(&str, String)], orgs: Value) -> String {
        let (home, command) = self.command(part, tokens, orgs);
        let (asks, _) = script::asks();
        let printed = self.ended(part, tokio::task::spawn_blocking(|| script::run(command, asks)).await.unwrap());
        drop(home);
        printed
    }

    /// As [`Stage::plays`], doing what the script asks for.
    pub async fn plays_asking(
        &mut self,
        part: &str,
        tokens: &[(&str, String)],
        orgs: Value,
        mut does: impl AsyncFnMut(&mut World, &str),
    ) -> String {
        let (home, command) = self.command(part, tokens, orgs);
        let (asks, mut asked) = script::asks();
        let running = tokio::task::spawn_blocking(|| script::run(command, asks));
        while let Some(Asks { what, done }) = asked.recv().await {
            does(&mut self.world, &what).await;
            done.send(()).unwrap();
        }
        let printed = self.ended(part, running.await.unwrap());
        drop(home);
        printed
    }

    /// What runs a part of the script, and the folder in which it does.
    fn command(&self, part: &str, tokens: &[(&str, String)], orgs: Value) -> (TempDir, Command) {
        let home = tempfile::tempdir().unwrap();
        let mut command = self.client.command(part);
        let told = json!({
            "control": format!("{}/__sim/", self.world.sim.url()),
            "orgs": orgs,
            "tokens": tokens.iter().map(|(name, token)| ((*name).to_owned(), json!(token))).collect::<Map<_, _>>(),
        });
        command.env("HOME", home.path()).env("TEST_WORLD", told.to_string());
        let address = self.world.orgpass().proxy_address().unwrap().to_string();
        let url = format!("http://{address}");
        for (name, value) in self.client.environment {
            command.env(name, value.replace("{ORGPASS_URL}", &url).replace("{ORGPASS_ADDRESS}", &address));
        }
        command.env("ORGPASS_URL", url);
        command.env("ORGPASS_TOKEN", &tokens[0].1);
        if let Some(variable) = self.client.trusts_by {
            command.env(variable, self.authority.file("local-ca.pem"));
        }
        command.current_dir(home.path());
        (home, command)
    }

    fn ended(&self, part: &str, Output { status, stdout, stderr }: Output) -> String {
        self.world.seen.add(&stdout);
        self.world.seen.add(&stderr);
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{part}: {status}\n{stdout}\n{stderr}");
        assert!(stdout.ends_with(&format!("end of {part}\n")), "it left before its end:\n{stdout}\n{stderr}");
        stdout.into_owned()
    }
}

/// Whether a text is in a request's target, headers or body.
fn has(request: &RecordedRequest, text: &str) -> bool {
    let body = request.body.as_deref().unwrap_or_default();
    request.path_and_query.contains(text)
        || request.headers.iter().any(|(_, value)| memchr::memmem::find(value, text.as_bytes()).is_some())
        || memchr::memmem::find(body, text.as_bytes()).is_some()
}
