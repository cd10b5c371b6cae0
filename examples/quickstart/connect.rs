//! The way through a connect link, as a browser goes it: pages, forms, cookies, redirects.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use url::form_urlencoded;

use crate::call::{Call, Reply};

/// A browser without a screen.
#[derive(Default)]
struct Browser {
    cookie: String,
    csrf: String,
}

/// Opens a link, allows at Salesforce as this user, and confirms. What each step showed, in short.
pub(crate) async fn walk(link: &str, username: &str) -> anyhow::Result<Vec<String>> {
    let mut browser = Browser::default();
    let mut steps = Vec::new();
    let page = browser.get(link).await?;
    steps.push(format!("the link shows: {}", heading(&page)));
    let asked = browser.post(link, &[("environment", "production")]).await?;
    let asked = location(&asked).context("the first page leads to Salesforce")?.to_owned();
    steps.push("\"Continue to Salesforce\" leads to the simulator's login and consent".to_owned());
    let user: String = form_urlencoded::byte_serialize(username.as_bytes()).collect();
    let consent = browser.get(&format!("{asked}&sim_allow={user}")).await?;
    let back = location(&consent).context("Salesforce sends the browser back")?.to_owned();
    let came = browser.get(&back).await?;
    let confirm = absolute(link, location(&came).context("the callback leads to the question")?)?;
    let question = browser.get(&confirm).await?;
    steps.push(format!("back again, the hub asks: {} ({username})", heading(&question)));
    ensure!(text(&question).contains(username), "the page names the user");
    let answer = browser.post(&confirm, &[("answer", "yes")]).await?;
    let done = absolute(link, location(&answer).context("the answer leads to the end")?)?;
    steps.push(format!("after \"Yes, connect\": {}", heading(&browser.get(&done).await?)));
    Ok(steps)
}

impl Browser {
    async fn get(&mut self, address: &str) -> anyhow::Result<Reply> {
        let (host, target) = apart(address)?;
        let reply = Call::get(host, &target).header("cookie", &self.cookie).send().await?;
        Ok(self.keep(reply))
    }

    async fn post(&mut self, address: &str, fields: &[(&str, &str)]) -> anyhow::Result<Reply> {
        let (host, target) = apart(address)?;
        let csrf = self.csrf.clone();
        let form =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).append_pair("csrf", &csrf).finish();
        let call = Call::post(host, &target, form).header("cookie", &self.cookie);
        let reply = call.header("content-type", "application/x-www-form-urlencoded").send().await?;
        Ok(self.keep(reply))
    }

    fn keep(&mut self, reply: Reply) -> Reply {
        let cookie = reply.headers.get("set-cookie").and_then(|cookie| cookie.to_str().ok());
        // The simulator's own cookies are of no use to the hub.
        if let Some(pair) = cookie.and_then(|cookie| cookie.split(';').next()).filter(|pair| pair.contains("orgpass")) {
            pair.clone_into(&mut self.cookie);
        }
        if let Some((_, rest)) = text(&reply).split_once("name=\"csrf\" value=\"") {
            rest.split('"').next().unwrap_or_default().clone_into(&mut self.csrf);
        }
        reply
    }
}

fn apart(address: &str) -> anyhow::Result<(SocketAddr, String)> {
    let rest = address.strip_prefix("http://").context("everything is on this machine")?;
    let (host, path) = rest.split_once('/').context("an address has a path")?;
    Ok((host.parse()?, format!("/{path}")))
}

/// An address of the same host as `link`.
fn absolute(link: &str, to: &str) -> anyhow::Result<String> {
    let (host, _) = apart(link)?;
    Ok(format!("http://{host}{to}"))
}

fn location(reply: &Reply) -> Option<&str> {
    reply.headers.get("location")?.to_str().ok()
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

fn heading(page: &Reply) -> String {
    let text = text(page);
    let heading = text.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>"));
    heading.map_or_else(|| page.status.to_string(), |(heading, _)| format!("\"{heading}\""))
}
