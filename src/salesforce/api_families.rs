//! The one table of API families: which paths belong to one, where the token goes, how a dead session looks, which form
//! its errors take and which time-outs hold. What is in no row is not relayed.

mod dead_session;
mod resource;
mod targets;

use std::time::Duration;

pub use resource::{LocalAnswer, Resource};

use super::ErrorCode;

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
}
