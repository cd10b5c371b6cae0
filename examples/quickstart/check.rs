//! The check: makes the calls that the invitation prints, shows both ends of each, and says what is not as it should be.

use http::StatusCode;
use salesforce_sim::RecordedRequest;

use crate::call::{Call, Reply};
use crate::connect;
use crate::demo::{Demo, NEWCOMERS_ACCOUNT, Tenant};

/// Says what was found, and remembers whether it was right.
#[derive(Default)]
struct Findings {
    right: usize,
    wrong: usize,
}

/// Makes all calls. True if everything was as it should be.
pub(crate) async fn check(demo: &Demo) -> anyhow::Result<bool> {
    let mut findings = Findings::default();
    let (acme, globex) = (&demo.acme, &demo.globex);

    title(1, "A call for acme, through its installation connection");
    relayed(demo, acme, &demo.accounts_of(acme), &mut findings).await?;
    title(2, "The same call for a user of globex");
    relayed(demo, globex, &demo.accounts_of(globex), &mut findings).await?;
    let (token, host) = (&acme.tokens.access_token, acme.org.instance_url());
    let apart = *token != globex.tokens.access_token && host != globex.org.instance_url();
    findings.expect(apart, "the two orgs share no token or host");
    title(3, "A client library that was given acme's local token as its access token");
    relayed(demo, acme, &demo.accounts_by_local_token(acme), &mut findings).await?;
    title(4, "Acme's session has ended, and the caller does not notice");
    replayed(demo, acme, &mut findings).await?;
    title(5, "A third org is connected by a link, as a browser goes it");
    connected(demo, &mut findings).await?;

    println!("\n{} of {} checks passed.", findings.right, findings.right + findings.wrong);
    Ok(findings.wrong == 0)
}

/// A call that reaches the tenant's org with the token that the org issued.
async fn relayed(demo: &Demo, tenant: &Tenant, call: &Call, findings: &mut Findings) -> anyhow::Result<()> {
    demo.sim.clear_requests();
    let reply = call.send().await?;
    let received = demo.sim.requests();
    show("the caller sends", &call.lines());
    for request in &received {
        show(&arrival(tenant, request), &received_lines(request));
    }
    show("the caller gets", &[answer(&reply)]);
    findings.expect(received.len() == 1, "one request left Orgpass");
    for request in &received {
        arrived(tenant, call, request, findings);
        let issued = Some(tenant.tokens.access_token.as_str());
        findings.expect(request.access_token.as_deref() == issued, "it bears the token that this org issued");
    }
    answered(tenant, &reply, findings);
    Ok(())
}

/// A call that meets a dead session: refused once, exchanged for once, sent again.
async fn replayed(demo: &Demo, tenant: &Tenant, findings: &mut Findings) -> anyhow::Result<()> {
    let expire = demo.expire_sessions_of(tenant);
    let expired = expire.send().await?;
    show("the simulator is told to end the sessions of acme's org", &[expire.curl()]);
    findings.expect(expired.status == StatusCode::OK, "it has ended them");
    println!();
    demo.sim.clear_requests();
    let exchanges = demo.sim.exchanges();
    let call = demo.accounts_of(tenant);
    let reply = call.send().await?;
    let received = demo.sim.requests();
    show("the caller sends", &call.lines());
    for request in &received {
        show(&arrival(tenant, request), &received_lines(request));
    }
    show("the caller gets", &[answer(&reply), format!("orgpass-replay: {}", replay_header(&reply))]);

    let (at_org, elsewhere): (Vec<_>, Vec<_>) = received.iter().partition(|request| request.org.is_some());
    findings.expect(elsewhere.len() == 1 && demo.sim.exchanges() == exchanges + 1, "one exchange was made");
    if let [refused, again] = at_org.as_slice() {
        findings.expect(refused.dead, "the org refused the dead session");
        arrived(tenant, &call, again, findings);
        findings.expect(again.access_token.is_some(), "the second sending bears a token");
        findings.expect(again.access_token != refused.access_token, "and it is a new one");
    } else {
        findings.expect(false, "the org received the call twice");
    }
    answered(tenant, &reply, findings);
    findings.expect(replay_header(&reply) == "done", "the response says that the call was replayed");
    findings.expect(demo.sim.spent_tokens_presented() == 0, "no refresh token was sent twice");
    Ok(())
}

/// A link is gone through, and the org's calls go through at once.
async fn connected(demo: &Demo, findings: &mut Findings) -> anyhow::Result<()> {
    let call = demo.accounts_of_newcomer();
    findings.expect(call.send().await?.status == StatusCode::FORBIDDEN, "before, its calls are refused");
    let steps = connect::walk(&demo.link, &demo.newcomer.username).await?;
    show("a browser opens the link", &steps);
    let reply = call.send().await?;
    show("the caller sends", &call.lines());
    show("the caller gets", &[answer(&reply)]);
    findings.expect(reply.status == StatusCode::OK, "the caller sees 200");
    findings.expect(names(&reply) == [NEWCOMERS_ACCOUNT], "the answer is this org's account");
    Ok(())
}

fn arrived(tenant: &Tenant, call: &Call, request: &RecordedRequest, findings: &mut Findings) {
    findings.expect(request.org.as_deref() == Some(tenant.org.org_id()), "it reached this tenant's org");
    let host = request.header("host").map(|host| format!("http://{host}"));
    findings.expect(host == Some(tenant.org.instance_url()), "it names the org's host");
    findings.expect(request.path_and_query == call.target(), "its path is the caller's, byte for byte");
    let tagged = request.headers.iter().any(|(name, _)| name.starts_with("orgpass-"));
    findings.expect(!tagged, "no tag has left Orgpass");
}

fn answered(tenant: &Tenant, reply: &Reply, findings: &mut Findings) {
    findings.expect(reply.status == StatusCode::OK, "the caller sees 200");
    findings.expect(names(reply) == [tenant.account], "the answer is this org's account");
}

impl Findings {
    fn expect(&mut self, right: bool, what: &str) {
        println!("   {}  {what}", if right { "ok   " } else { "WRONG" });
        if right {
            self.right += 1;
        } else {
            self.wrong += 1;
        }
    }
}

fn title(number: usize, text: &str) {
    println!("\n{number}. {text}\n");
}

fn show(who: &str, lines: &[String]) {
    println!("   {who}");
    for line in lines {
        println!("     {line}");
    }
    println!();
}

fn arrival(tenant: &Tenant, request: &RecordedRequest) -> String {
    let status = request.status.map_or_else(|| "nothing".to_owned(), |status| status.to_string());
    let ended = if request.dead { " (the session has ended)" } else { "" };
    match request.org {
        Some(_) => format!("the org of {} receives, and answers {status}{ended}", tenant.key.tenant()),
        None => format!("the login host receives, and answers {status}"),
    }
}

fn received_lines(request: &RecordedRequest) -> Vec<String> {
    let mut lines = vec![format!("{} {} HTTP/1.1", request.method, request.path_and_query)];
    lines.extend(request.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value);
        let shown = if name == "authorization" { shortened(&value) } else { value.into_owned() };
        format!("{name}: {shown}")
    }));
    lines
}

/// As much of a token as tells it from another.
fn shortened(value: &str) -> String {
    const SHOWN: usize = 30;
    match value.get(..SHOWN) {
        Some(start) => format!("{start}... ({} characters)", value.len()),
        None => "...".to_owned(),
    }
}

fn answer(reply: &Reply) -> String {
    format!("{}, accounts: {}", reply.status, names(reply).join(", "))
}

fn names(reply: &Reply) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let records = body["records"].as_array().cloned().unwrap_or_default();
    records.iter().filter_map(|record| record["Name"].as_str().map(str::to_owned)).collect()
}

fn replay_header(reply: &Reply) -> &str {
    reply.headers.get("orgpass-replay").and_then(|value| value.to_str().ok()).unwrap_or("absent")
}
