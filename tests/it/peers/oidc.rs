//! The flows against an OAuth server that nobody here wrote, certified for OpenID Connect: code with PKCE, refresh with
//! rotation, introspection, revocation.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};

use orgpass::connection::Status;
use orgpass::management::links::LinkRequest;
use orgpass::management::{Refusal, Removed, WhenNotRevoked};
use serde_json::json;

use super::Peers;
use crate::caller::Caller;
use crate::connecting::browser::{Browser, PUBLIC_URL};
use crate::connecting::{key, link};
use crate::world::{Options, Seen, World};

const CLIENT_ID: &str = "3MVG9certified";
const CLIENT_SECRET: &str = "a-client-secret-of-the-certified-server";

/// The server; ends with its standard input.
struct Provider {
    issuer: String,
    child: Child,
    // It says more than its address, and ends if nobody listens.
    _said: BufReader<ChildStdout>,
}

impl Provider {
    fn start() -> Self {
        let mut node = Peers::node("oidc/provider.mjs");
        let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let registration = json!({
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "callback": format!("{PUBLIC_URL}/oauth/callback"),
        });
        writeln!(child.stdin.as_mut().unwrap(), "{registration}").unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { issuer: said["issuer"].as_str().unwrap().to_owned(), child, _said: stdout }
    }

    fn caller(&self) -> Caller {
        Caller::new(self.issuer.strip_prefix("http://").unwrap().parse().unwrap(), Seen::default())
    }

    /// Goes from the request for consent to the callback, as a browser with cookies does.
    async fn consent(&self, asked: &str) -> String {
        let (mut address, mut cookies) = (asked.to_owned(), BTreeMap::new());
        for _ in 0..10 {
            let path = address.strip_prefix(&self.issuer).unwrap_or(&address).to_owned();
            let cookie: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let reply = self.caller().get(&path).header("cookie", cookie.join("; ")).send().await;
            for set in reply.headers.get_all("set-cookie") {
                let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                cookies.insert(name.to_owned(), value.to_owned());
            }
            reply.location().unwrap_or_else(|| panic!("{}: {}", reply.status, reply.text())).clone_into(&mut address);
            if address.starts_with(PUBLIC_URL) {
                return address;
            }
        }
        panic!("the server does not come to an end");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // Ended already in the good case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn world(provider: &Provider) -> World {
    let secret = tempfile::tempdir().unwrap().keep().join("secret");
    std::fs::write(&secret, CLIENT_SECRET).unwrap();
    let config = format!(
        "hub.public_url = \"{PUBLIC_URL}\"\n[apps.certified]\nclient_id = \"{CLIENT_ID}\"\n\
         client_secret_file = \"{}\"\nlogin_url = \"{}\"\nscopes = [\"openid\", \"api\", \"offline_access\"]\n\
         introspect = true\n",
        secret.display(),
        provider.issuer,
    );
    World::with(Options { config, ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certified_server_is_connected_refreshed_introspected_and_revoked() {
    let provider = Provider::start();
    let world = world(&provider).await;
    let management = &world.orgpass().engine().management;
    let key = key("certified", None);
    let request = LinkRequest { app: Some("certified".to_owned()), ..LinkRequest::default() };
    let path = link(&world, &key, &request).await;
    let mut browser = Browser::of(&world);
    browser.get(&path).await;
    let asked = browser.begin(&path, "production").await;
    let callback = provider.consent(&asked).await;
    let confirm = browser.follow(&callback).await;
    assert!(confirm.shows("Is this the right org?") && confirm.shows("ana@certified.example"), "{}", confirm.text());
    assert!(browser.confirm(&path, "yes").await.shows("is connected"));

    // The id token was verified on the way: a server that signed for another nonce would not have come so far.
    let first = management.show(&key).await.unwrap();
    assert_eq!(first.line.status, Status::Active);
    let mut generations = vec![first.line.generation];
    for _ in 0..3 {
        let view = management.refresh(&key).await.unwrap();
        assert!(!generations.contains(&view.line.generation), "each exchange has spent another refresh token");
        generations.push(view.line.generation);
    }
    crate::world::eventually("introspection tells how long the session lives", async || {
        management.show(&key).await.unwrap().lifetime.seconds == 3600
    })
    .await;
    assert_eq!(management.check(&key).await.unwrap().user_id, "005xx000001SwiUAAS");

    // A token that was revoked behind our back is found dead at the next exchange.
    assert_eq!(management.remove(&key, WhenNotRevoked::Keep).await, Ok(Removed::Revoked));
    assert_eq!(management.show(&key).await, Err(Refusal::NotConnected));
}
