//! The calls of the training load: what is sent, and what must come back, since
//! a load that goes wrong would train the wrong paths.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::HeaderName;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const DATA: &str = "/services/data/v67.0";
const APEX: &str = "/services/apexrest";
const JSON: &str = "application/json";

/// A connection that Orgpass has.
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) user: Option<String>,
    pub(crate) org_id: String,
    /// A record of its org.
    pub(crate) account: String,
}

/// One call and the status that it is answered with.
#[derive(Clone)]
pub(crate) struct Call {
    method: Method,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    status: u16,
}

impl Call {
    /// A GET that succeeds.
    pub(crate) fn get(target: &str) -> Self {
        let headers = vec![("accept", "application/json".to_owned()), ("user-agent", "train/1".to_owned())];
        Self { method: Method::GET, target: target.to_owned(), headers, body: Bytes::new(), status: 200 }
    }

    fn sending(method: Method, target: &str, media_type: &str, body: impl Into<Bytes>) -> Self {
        let call = Self { method, body: body.into(), ..Self::get(target) };
        call.with("content-type", media_type)
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn answered(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Tagged with headers.
    fn tagged(self, tenant: &Tenant) -> Self {
        let tagged = self.with("orgpass-tenant", &tenant.name);
        match &tenant.user {
            Some(user) => tagged.with("orgpass-user", user),
            None => tagged,
        }
    }
}

/// Everyday calls of all tenants, each kind as often as it has its weight.
pub(crate) fn mix(tenants: &[Tenant]) -> Vec<Call> {
    tenants.iter().flat_map(of).flat_map(|(weight, call)| std::iter::repeat_n(call, weight)).collect()
}

/// A call for each tenant that can be sent again whole, with a body or without.
pub(crate) fn replayable(tenants: &[Tenant]) -> Vec<Call> {
    let call = |(number, tenant)| match number % 3 {
        0 => post("sink", 2_000, tenant),
        _ => Call::get(&format!("{DATA}/limits")).tagged(tenant),
    };
    tenants.iter().enumerate().map(call).collect()
}

fn post(path: &str, bytes: usize, tenant: &Tenant) -> Call {
    Call::sending(Method::POST, &format!("{APEX}/{path}"), "text/csv", vec![b'x'; bytes]).tagged(tenant)
}

fn of(tenant: &Tenant) -> Vec<(usize, Call)> {
    let token = {
        let user = tenant.user.as_ref().map(|user| format!(".{user}")).unwrap_or_default();
        format!("{}!orgpass.{}{user}", tenant.org_id, tenant.name)
    };
    let limits = Call::get(&format!("{DATA}/limits"));
    let query = Call::get(&format!("{DATA}/query?q=SELECT+Name+FROM+Account+LIMIT+5"));
    let account = format!("{DATA}/sobjects/Account/{}", tenant.account);
    let post = |path, bytes| post(path, bytes, tenant);
    vec![
        // Small reads are most of what a connected application does.
        (20, limits.clone().tagged(tenant)),
        (12, query.clone().tagged(tenant).with("accept-encoding", "gzip, deflate")),
        (8, Call::get(&account).tagged(tenant).with("sforce-query-options", "batchSize=200")),
        (8, query.with("authorization", &format!("Bearer {token}"))),
        (2, limits.clone().with("authorization", &format!("OAuth {token}")).tagged(tenant)),
        (4, Call::get(&format!("{APEX}/bytes?n=20000")).tagged(tenant)),
        (1, Call::get(&format!("{APEX}/bytes?n=300000")).tagged(tenant)),
        // Writes, with a length and in chunks.
        (4, Call::sending(Method::PATCH, &account, JSON, r#"{"Phone":"555 0100"}"#).tagged(tenant).answered(204)),
        (4, post("sink", 2_000)),
        (1, post("sink", 100_000)),
        (2, post("echo", 3_000).with("transfer-encoding", "chunked")),
        (1, post("echo", 40_000).with("transfer-encoding", "chunked")),
        // Bulk 1 has its own header, answers to nobody, and refusals.
        (2, Call::get("/services/async/67.0/job/7500x0000000001").with("x-sfdc-session", &token).answered(400)),
        (2, Call::get(&format!("{DATA}/sobjects/Account/0010x0000000001")).tagged(tenant).answered(404)),
        (1, limits.clone().answered(400)),
        (1, limits.clone().with("orgpass-tenant", "nobody").answered(403)),
        (1, limits.clone().with("authorization", "Bearer 00D000000000001!AQforeign").answered(400)),
        (1, limits.clone().tagged(tenant).with("origin", "http://page.example").answered(403)),
        (1, Call::get("/services/oauth2/introspect").tagged(tenant).answered(403)),
        (
            1,
            Call::sending(Method::POST, "/services/Soap/u/67.0", "text/xml", envelope(&token))
                .with("soapaction", "query"),
        ),
        (1, limits.tagged(tenant).with("connection", "close")),
    ]
}

fn envelope(token: &str) -> String {
    format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com"><s:Header><u:SessionHeader><u:sessionId>{token}</u:sessionId></u:SessionHeader></s:Header><s:Body><u:query><u:queryString>SELECT Name FROM Account LIMIT 5</u:queryString></u:query></s:Body></s:Envelope>"#
    )
}

/// Makes calls one after the other.
pub(crate) struct Caller {
    port: u16,
    open: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// Makes all calls on one connection, as long as it is kept open.
    pub(crate) async fn run(port: u16, calls: Vec<Call>) -> Result<()> {
        let mut caller = Self { port, open: None };
        for call in calls {
            let target = call.target.clone();
            caller.make(call).await.with_context(|| target)?;
        }
        Ok(())
    }

    async fn make(&mut self, call: Call) -> Result<()> {
        let closes = call.headers.iter().any(|(name, _)| *name == "connection");
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.method;
        *request.uri_mut() = call.target.parse()?;
        let headers = request.headers_mut();
        headers.insert("host", format!("127.0.0.1:{}", self.port).parse()?);
        for (name, value) in call.headers {
            headers.append(HeaderName::from_static(name), value.parse()?);
        }
        let mut sender = self.sender().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status == call.status, "{status} instead of {}: {}", call.status, String::from_utf8_lossy(&body));
        self.open = (!closes).then_some(sender);
        Ok(())
    }

    /// The connection, if it is still open, or a new one.
    async fn sender(&mut self) -> Result<http1::SendRequest<Full<Bytes>>> {
        if let Some(mut sender) = self.open.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
