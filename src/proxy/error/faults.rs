//! What exactly is wrong with a refused request, each with a text that names the place and the remedy.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderName;

use crate::connection::{LocalTokenError, NameError};
use crate::salesforce::Target;
use crate::salesforce::soap::SoapFault;

macro_rules! texts {
    ($(#[$doc:meta])* $type:ident { $($name:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $(#[doc = $text] $name,)*
        }

        impl $type {
            /// Every fault, for tables.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What is wrong and what to do.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

texts! {
    /// What is wrong with a request's form.
    RequestFault {
        Version => "Send the request as HTTP/1.1; HTTP/2 is for the Pub/Sub API, and no other version is spoken here.",
        Target => "The request target must be a path. Set Orgpass as the base URL, not as an HTTP proxy.",
        Method => "The methods CONNECT and TRACE are not relayed.",
        HostHeader => "Send exactly one Host header.",
        Length => "Send at most one Content-Length, a plain decimal number.",
        LengthAndEncoding => "Send Content-Length or Transfer-Encoding, not both.",
        Encoding => "The only Transfer-Encoding that is understood is one chunked.",
        Expect => "The only Expect that is understood is 100-continue.",
        Upgrade => "Protocol upgrades such as websocket are not relayed; use plain HTTP/1.1.",
        Connection => "The Connection header may not name a header that Orgpass relies on.",
        Grpc => "The Pub/Sub API takes calls of gRPC only: POST with the content type application/grpc.",
        Authority => "Send one :authority, or one Host header, and if both, the same.",
        Body => "The request body broke off or is not framed rightly. Send it whole, with a right Content-Length or chunked encoding.",
        AppLinkMethod => "AppLink's authorizations are read by GET.",
        SoapMethod => "SOAP operations are called by POST.",
        SoapCompression => "Send SOAP bodies plain, or with Content-Encoding: gzip.",
        SoapForm => "The body is not a SOAP envelope in well-formed XML that calls an operation.",
        SoapEncoding => "The SOAP envelope must be in UTF-8.",
        SoapDocumentType => "The SOAP envelope has a document type declaration, which SOAP forbids. Send it without.",
        SoapRepeated => "The SOAP envelope has more than one Header, SessionHeader or sessionId. Send one of each.",
        SoapTooLong => "The header part of the SOAP envelope has more than 64 KiB. Shorten it.",
        StreamingMethod => "Bayeux messages are sent by POST: use long-polling.",
        StreamingForm => "The body is not one Bayeux message or a list of them as plain JSON, each with a channel and none of its fields twice.",
        StreamingTooLong => "The body has more than the 32,768 bytes that the streaming API takes. Send the messages in several requests.",
        Underscore => "A header name spells one that Orgpass relies on with _ in place of -. Send it with -, or not at all.",
    }
}

impl From<SoapFault> for RequestFault {
    fn from(fault: SoapFault) -> Self {
        match fault {
            SoapFault::Form => Self::SoapForm,
            SoapFault::Encoding => Self::SoapEncoding,
            SoapFault::DocumentType => Self::SoapDocumentType,
            SoapFault::Repeated => Self::SoapRepeated,
            SoapFault::TooLong => Self::SoapTooLong,
        }
    }
}

texts! {
    /// Why a request is taken to come from where callers do not.
    HostFault {
        Host => "The Host header does not name this machine. Call Orgpass as localhost or 127.0.0.1, or add the name to proxy.allowed_hosts.",
        Origin => "Requests with an Origin header come from web pages, which may not call Orgpass.",
        CrossSite => "Requests that a browser marks as sent by another site may not call Orgpass.",
    }
}

texts! {
    /// Why a stream that had begun cannot go on.
    StreamEnd {
        Session => "The Salesforce session ended, and the next one is being fetched. Open the stream again from its last replay id.",
        Stopping => "Orgpass is being stopped or restarted. Open the stream again from its last replay id.",
    }
}

/// Why a path is not relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// A segment is `.` or `..`, encoded or not.
    DotSegment,
    /// A `\`, `;` or control character, encoded or not.
    Character,
    /// A `%` without two hex digits, encoded text that is itself encoded, or bytes that are not UTF-8.
    Encoding,
    /// An encoded slash in the first three segments.
    EncodedSlash,
    /// A path that takes or gives credentials.
    Credentials,
    /// A login, where none are answered.
    Logins,
    /// The Pub/Sub API over HTTP/1.1.
    NeedsHttp2,
    /// Any other API over HTTP/2.
    NeedsHttp1,
    /// No path of a known API.
    Unknown,
    /// No path of the target that the caller names.
    NotOfTarget(Target),
}

impl PathFault {
    /// What is wrong and what to do.
    pub fn text(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::DotSegment => "The path has a . or .. segment. Send the path that is meant.",
            Self::Character => "The path has a backslash, a semicolon or a control character. Send it without.",
            Self::Encoding => "The path is not singly percent-encoded UTF-8. Encode each value once.",
            Self::EncodedSlash => "The path has an encoded slash before its fourth segment. Send it as a plain slash.",
            Self::Credentials => {
                "Paths that log in or out, or that give out tokens or sessions, are never relayed. Orgpass holds the tokens: call the API itself."
            }
            Self::Logins => {
                "No logins are answered here. Give the client the connection's local token as its access token, or add [proxy.logins.\"NAME\"] for the name that it logs in with."
            }
            Self::NotOfTarget(target) => {
                return Cow::Owned(format!("What is relayed to the target {target} is {}.", target.paths()));
            }
            Self::NeedsHttp2 => {
                "The Pub/Sub API is called by gRPC, over HTTP/2: by TLS, or in the clear with prior knowledge (an insecure channel)."
            }
            Self::NeedsHttp1 => "Only the Pub/Sub API is called over HTTP/2. Use HTTP/1.1 for this path.",
            Self::Unknown => {
                "This is no path of a Salesforce API that is relayed: /services/data, /services/apexrest, /services/async, /services/Soap, /services/oauth2/userinfo, /id/ORG/USER or /cometd/VERSION."
            }
        })
    }
}

/// What is wrong with a tag or with a credential that stands where a local token could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagFault {
    /// It came more than once.
    Repeated(Place),
    /// A header that looks like a tag and is none; taken for a misspelt one, since a lost user tag would mean another
    /// connection.
    NotATag(HeaderName),
    /// The header's value is not a valid name.
    Name(HeaderName, NameError),
    /// A user was named without a tenant.
    UserWithoutTenant {
        /// The header that would name the tenant.
        tenant: HeaderName,
        /// The header that named the user.
        user: HeaderName,
    },
    /// Two tags name different connections.
    Contradictory,
    /// A local token is wrongly written.
    LocalToken(Place, LocalTokenError),
    /// A credential that is not a local token, and nothing else names the tenant.
    Foreign(Place),
    /// A token in the URL and nothing else names the tenant.
    InUrl,
    /// The assertion's value is neither `user` nor `installation`.
    Assertion(HeaderName),
    /// The assertion does not fit the tags.
    AssertionUnfulfilled(HeaderName),
    /// The installation connection was meant by leaving the user out, and the configuration wants that asserted.
    AssertionMissing(HeaderName),
    /// The target is not exactly one of those that there are.
    Target(HeaderName),
}

/// Where a credential stood in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this header.
    Header(HeaderName),
    /// In this parameter of the URL.
    Parameter(&'static str),
    /// In the header of a SOAP envelope.
    SoapHeader,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header {name}"),
            Self::Parameter(name) => write!(f, "the URL parameter {name}"),
            Self::SoapHeader => f.write_str("the SOAP header's sessionId"),
        }
    }
}

impl TagFault {
    /// What is wrong and what to do.
    pub fn text(&self) -> String {
        match self {
            Self::Repeated(place) => format!("Send {place} only once."),
            Self::NotATag(header) => {
                format!("The header {header} means nothing to Orgpass. Correct its name, or leave it out.")
            }
            Self::Name(header, error) => format!("The value of the header {header} {error}."),
            Self::UserWithoutTenant { tenant, user } => {
                format!("The header {user} needs {tenant} beside it: a user belongs to a tenant.")
            }
            Self::Contradictory => {
                "The request names two different connections. Send one tag, or the same in each place.".to_owned()
            }
            Self::LocalToken(place, error) => {
                format!("The local token in {place} {error}. Use it exactly as it was printed.")
            }
            Self::Foreign(place) => format!(
                "The credential in {place} is not a local token of Orgpass. Give your Salesforce client the connection's \
                 local token as its access token, or name the tenant by header."
            ),
            Self::InUrl => "A token in the URL does not name the caller on this path. Send the local token in the \
                 Authorization header."
                .to_owned(),
            Self::Assertion(header) => format!("The header {header} must be user or installation."),
            Self::AssertionUnfulfilled(header) => format!(
                "The header {header} does not fit: user needs a user to be named, installation needs none to be named."
            ),
            Self::Target(header) => format!(
                "Send the header {header} only once, with one of {}; without it a call goes to the org itself.",
                Target::ALL.map(Target::as_str).join(", ")
            ),
            Self::AssertionMissing(header) => format!(
                "No user is named. If the tenant's installation connection is meant, say so with {header}: installation."
            ),
        }
    }
}

/// Why there is no usable token at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The store of connections cannot be reached.
    Store,
    /// What the store holds of this connection cannot be read or opened.
    Record,
    /// No token came from Salesforce's token endpoint in time.
    Exchange,
    /// Salesforce limits logins for now.
    RateLimited,
    /// The process asks a hub for tokens, and there is none.
    NoHub,
    /// Salesforce refuses the app, whichever connection asks.
    App,
    /// The connection has had as many exchanges as it may have in an hour.
    Cap,
}

impl Unavailable {
    /// Every reason, for tables.
    pub const ALL: [Self; 7] =
        [Self::Store, Self::Record, Self::Exchange, Self::RateLimited, Self::NoHub, Self::App, Self::Cap];

    /// When sending again may help.
    pub fn retry_after(self) -> Duration {
        Duration::from_secs(match self {
            Self::Store | Self::Exchange | Self::NoHub => 5,
            // Somebody must look first.
            Self::Record | Self::App => 30,
            Self::RateLimited | Self::Cap => 300,
        })
    }

    /// What happened and what to do.
    pub fn text(self) -> &'static str {
        match self {
            Self::Store => "The store of connections cannot be reached at the moment. Send the request again later.",
            Self::Record => {
                "The stored record of this connection cannot be opened: it is damaged, or was sealed with other keys than the key files here hold. The request was not carried out; an operator finds the reason in the log."
            }
            Self::Exchange => {
                "Salesforce gave no new session for this connection in time. The request was not carried out: send it again later."
            }
            Self::RateLimited => {
                "Salesforce allows no further logins of this user for now. The request was not carried out: send it again later."
            }
            Self::App => {
                "Salesforce refuses the app of this connection, whichever connection asks: an operator must look at its client secret and its policies. The request was not carried out: send it again later."
            }
            Self::Cap => {
                "This connection has had as many new sessions as tokens.max_exchanges_per_hour allows. The request was not carried out: send it again later."
            }
            Self::NoHub => {
                "This connection needs a new session, and no hub is running that could fetch it. The request was not carried out: send it again later."
            }
        }
    }
}
