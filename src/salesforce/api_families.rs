//! The one table of API families: which paths belong to one, where the token goes, how a dead session looks, which form
//! its errors take and which time-outs hold. What is in no row is not relayed.

mod dead_session;
mod targets;

use std::time::Duration;

use super::ErrorCode;
use super::soap::SoapApi;

/// A group of Salesforce APIs that treat credentials and errors alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiFamily {
    /// REST and all that shares its path: Bulk 2.0, Tooling, Connect, Composite, GraphQL, Apex REST.
    Rest,
    /// Bulk API v1.
    Bulk,
    /// SOAP: Partner, Enterprise, Metadata, Tooling, Apex, and classes of an org's own.
    Soap,
    /// Identity URL and userinfo.
    Identity,
    /// The streaming API: Bayeux over HTTP, whose polls are held.
    Streaming,
    /// The APIs of a Data Cloud tenant's own host, with a token of Data Cloud's own.
    DataCloud,
    /// Account Engagement (Pardot).
    AccountEngagement,
    /// What `api.salesforce.com` serves.
    Platform,
    /// The Pub/Sub API, by gRPC.
    PubSub,
}

/// Where the token goes in a request to the org.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// `Authorization: Bearer TOKEN`
    Authorization,
    /// `X-SFDC-Session: TOKEN`
    XSfdcSession,
    /// `SessionHeader` of the SOAP envelope; a header beside it would mean nothing.
    SoapHeader,
    /// `accesstoken: TOKEN`, beside the metadata that names the org
    Metadata,
}

/// Which of Salesforce's own error bodies a client of the family understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorForm {
    /// A list of `errorCode` and `message`, as JSON or XML.
    Rest,
    /// One `exceptionCode` and `exceptionMessage`, as JSON or XML.
    Bulk,
    /// A SOAP fault, whose status is 500.
    Soap,
    /// Bayeux messages, whose status is 200.
    Bayeux,
    /// One object with `error` and `message`.
    DataCloud,
    /// One object with a number as `code`, and `message`.
    AccountEngagement,
    /// An object with a list of `errors`, each with `message`.
    Platform,
    /// A status of gRPC.
    Grpc,
}

/// What holds for one API family.
#[derive(Debug)]
pub struct Row {
    /// The word in metrics and logs.
    pub label: &'static str,
    /// Where the token goes.
    pub token_place: TokenPlace,
    /// The statuses whose body may say that the session is dead.
    pub peeked_statuses: &'static [u16],
    /// The form of our own errors.
    pub error_form: ErrorForm,
    /// How long the org may take to start its answer. Salesforce ends a call itself after ten minutes.
    pub first_byte_timeout: Duration,
    /// How long a started answer may pause.
    pub body_idle_timeout: Duration,
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Something that is relayed.
    Relayed(ApiFamily),
    /// An operation of this SOAP API: relayed, unless the body says that it logs in or out.
    Soap(SoapApi),
    /// Something that is never relayed, but may be answered in Salesforce's place.
    Local(LocalAnswer),
    /// Something that takes or gives credentials: never relayed.
    Credentials,
    /// Nothing that is known.
    Unknown,
}

/// What may be answered in the place of Salesforce, or of Heroku AppLink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalAnswer {
    /// The token endpoint.
    Token,
    /// The revocation endpoint.
    Revoke,
    /// An authorization of AppLink, by its name.
    AppLink,
}

/// What an answer says about the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Salesforce no longer accepts the token; `code` is its own word for that.
    Dead {
        /// Salesforce's error code.
        code: ErrorCode,
    },
    /// The answer is about something else and belongs to the caller.
    Alive,
}

static REST: Row = Row {
    label: "rest",
    token_place: TokenPlace::Authorization,
    peeked_statuses: &[401],
    error_form: ErrorForm::Rest,
    first_byte_timeout: Duration::from_secs(610),
    body_idle_timeout: Duration::from_secs(120),
};

static BULK: Row = Row {
    label: "bulk",
    token_place: TokenPlace::XSfdcSession,
    peeked_statuses: &[400],
    error_form: ErrorForm::Bulk,
    first_byte_timeout: Duration::from_secs(610),
    body_idle_timeout: Duration::from_secs(120),
};

static SOAP: Row = Row {
    label: "soap",
    token_place: TokenPlace::SoapHeader,
    peeked_statuses: &[500],
    error_form: ErrorForm::Soap,
    first_byte_timeout: Duration::from_secs(610),
    body_idle_timeout: Duration::from_secs(120),
};

static IDENTITY: Row = Row {
    label: "identity",
    token_place: TokenPlace::Authorization,
    // Documented is 403; a 401 that names the session in REST's form is believed too.
    peeked_statuses: &[401, 403],
    error_form: ErrorForm::Rest,
    first_byte_timeout: Duration::from_secs(120),
    body_idle_timeout: Duration::from_secs(120),
};

static PUB_SUB: Row = Row {
    label: "pubsub",
    token_place: TokenPlace::Metadata,
    // What a session is worth is in no body: see `salesforce::pubsub`.
    peeked_statuses: &[],
    error_form: ErrorForm::Grpc,
    // A subscription may begin with its first message, and 270 s may go by without one.
    first_byte_timeout: Duration::from_secs(330),
    // A stream whose caller asks for nothing may be silent for good; pings find out whether it lives.
    body_idle_timeout: Duration::MAX,
};

static STREAMING: Row = Row {
    label: "streaming",
    token_place: TokenPlace::Authorization,
    // A refusal is a message in a 200.
    peeked_statuses: &[200, 401, 403],
    error_form: ErrorForm::Bayeux,
    // Salesforce holds a poll for 110 seconds.
    first_byte_timeout: Duration::from_secs(180),
    body_idle_timeout: Duration::from_secs(180),
};

impl ApiFamily {
    /// Every family, for tables and metrics.
    pub const ALL: [Self; 9] = [
        Self::Rest,
        Self::Bulk,
        Self::Soap,
        Self::Identity,
        Self::Streaming,
        Self::DataCloud,
        Self::AccountEngagement,
        Self::Platform,
        Self::PubSub,
    ];

    /// What holds for this family.
    pub fn row(self) -> &'static Row {
        match self {
            Self::Rest => &REST,
            Self::Bulk => &BULK,
            Self::Soap => &SOAP,
            Self::Identity => &IDENTITY,
            Self::Streaming => &STREAMING,
            Self::DataCloud => &targets::DATA_CLOUD,
            Self::AccountEngagement => &targets::ACCOUNT_ENGAGEMENT,
            Self::Platform => &targets::PLATFORM,
            Self::PubSub => &PUB_SUB,
        }
    }

    /// Whether the org itself serves it, so that a refusal says something of the connection and not only of a service
    /// that the org may not even have.
    pub fn is_of_org(self) -> bool {
        !matches!(self, Self::DataCloud | Self::AccountEngagement | Self::Platform)
    }

    /// The word in metrics and logs.
    pub fn label(self) -> &'static str {
        self.row().label
    }

    /// Whether the body of an answer with this status must be looked at.
    pub fn peeks_at(self, status: u16) -> bool {
        self.row().peeked_statuses.contains(&status)
    }

    /// Judges an answer by its status and the start of its body (decompressed, perhaps cut off). `Alive` unless the body
    /// says in this family's own words that the session is dead.
    pub fn judge(self, status: u16, content_type: Option<&[u8]>, body: &[u8]) -> Verdict {
        if !self.peeks_at(status) {
            return Verdict::Alive;
        }
        dead_session::judge(self, content_type, body)
    }

    /// Finds what a path asks for. The path must be decoded and free of dot segments and doubled slashes; upper and lower
    /// case are alike.
    pub fn of(path: &str) -> Resource {
        // What nearly every call begins with need not be taken apart.
        if path.starts_with("/services/data/") {
            return Resource::Relayed(Self::Rest);
        }
        let mut segments = path.strip_prefix('/').unwrap_or(path).splitn(4, '/');
        let mut next = || segments.next().unwrap_or_default();
        let (first, second, third, rest) = (next(), next(), next(), next());
        let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
        if is(first, "services") {
            return services(second, third, rest);
        }
        if is(first, "id") && is_id(second, "00D") && is_id(third, "005") && rest.is_empty() {
            return Resource::Relayed(Self::Identity);
        }
        if is(first, "applink") && is(second, "authorizations") && !third.is_empty() && rest.is_empty() {
            return Resource::Local(LocalAnswer::AppLink);
        }
        if is(first, "cometd") && is_cometd_version(second) {
            return Resource::Relayed(Self::Streaming);
        }
        if is(first, "eventbus.v1.PubSub") {
            return Resource::Relayed(Self::PubSub);
        }
        if is(first, "secur") || is(first, "setup") || path.to_ascii_lowercase().contains("frontdoor.jsp") {
            return Resource::Credentials;
        }
        Resource::Unknown
    }
}

fn services(api: &str, third: &str, rest: &str) -> Resource {
    let is = |word: &str| api.eq_ignore_ascii_case(word);
    if is("data") || is("apexrest") {
        Resource::Relayed(ApiFamily::Rest)
    } else if is("async") {
        Resource::Relayed(ApiFamily::Bulk)
    } else if is("oauth2") && third.eq_ignore_ascii_case("userinfo") && rest.is_empty() {
        Resource::Relayed(ApiFamily::Identity)
    } else if is("oauth2") && third.eq_ignore_ascii_case("token") && rest.is_empty() {
        Resource::Local(LocalAnswer::Token)
    } else if is("oauth2") && third.eq_ignore_ascii_case("revoke") && rest.is_empty() {
        Resource::Local(LocalAnswer::Revoke)
    } else if is("oauth2") || is("auth") || is("a360") {
        Resource::Credentials
    } else if is("soap") {
        SoapApi::of(third, rest).map_or(Resource::Unknown, Resource::Soap)
    } else {
        Resource::Unknown
    }
}

/// A version as `/cometd/` is followed by: `64.0`.
fn is_cometd_version(segment: &str) -> bool {
    let number = segment.strip_suffix(".0").unwrap_or_default();
    (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// A 15- or 18-character id with this key prefix.
fn is_id(segment: &str, prefix: &str) -> bool {
    [15, 18].contains(&segment.len())
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && segment[..3].eq_ignore_ascii_case(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_path_has_its_place_in_the_table() {
        use ApiFamily::{Bulk, Identity, PubSub, Rest, Streaming};
        use Resource::{Credentials, Relayed, Unknown};
        let soap = |third, rest| Resource::Soap(SoapApi::of(third, rest).unwrap());
        for (path, resource) in [
            ("/services/data", Relayed(Rest)),
            ("/services/data/v67.0/query", Relayed(Rest)),
            ("/Services/Data/v67.0/query", Relayed(Rest)),
            ("/services/apexrest/ns/thing/a/b/c", Relayed(Rest)),
            ("/services/async/66.0/job", Relayed(Bulk)),
            ("/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS", Relayed(Identity)),
            ("/id/00Dxx0000001gPL/005xx000001SwiU", Relayed(Identity)),
            ("/services/oauth2/userinfo", Relayed(Identity)),
            ("/services/oauth2/token", Resource::Local(LocalAnswer::Token)),
            ("/services/oauth2/token/x", Credentials),
            ("/applink/authorizations/acme", Resource::Local(LocalAnswer::AppLink)),
            ("/applink/authorizations", Unknown),
            ("/services/oauth2/userinfo/x", Credentials),
            ("/services/oauth2", Credentials),
            ("/services/oauth2/revoke", Resource::Local(LocalAnswer::Revoke)),
            ("/services/oauth2/introspect", Credentials),
            ("/services/oauth2/singleaccess", Credentials),
            ("/services/auth/headless/login", Credentials),
            ("/services/a360/token", Credentials),
            ("/secur/frontdoor.jsp", Credentials),
            ("/site/secur/FrontDoor.jsp", Credentials),
            ("/services/Soap/u/64.0", soap("u", "64.0")),
            ("/services/soap/m/64.0/00Dxx0000001gPL", soap("m", "")),
            ("/services/Soap/class/Orders", soap("class", "Orders")),
            ("/services/Soap/x/64.0", Unknown),
            ("/services/Soap", Unknown),
            ("/cometd/59.0", Relayed(Streaming)),
            ("/CometD/64.0/connect", Relayed(Streaming)),
            ("/cometd/64.0/a/b/", Relayed(Streaming)),
            ("/cometd", Unknown),
            ("/cometd/64", Unknown),
            ("/cometd/.0", Unknown),
            ("/cometd/x.0", Unknown),
            ("/cometd/4711.0", Unknown),
            ("/eventbus.v1.PubSub/Subscribe", Relayed(PubSub)),
            ("/services/database", Unknown),
            ("/services", Unknown),
            ("/id/keys", Unknown),
            ("/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS/x", Unknown),
            ("/id/005xx000001SwiUAAS/00Dxx0000001gPLEAY", Unknown),
            ("/id/00D\u{e9}xx000001gPL/005xx000001SwiU", Unknown),
            ("/", Unknown),
            ("", Unknown),
        ] {
            assert_eq!(ApiFamily::of(path), resource, "{path}");
        }
    }
}
