//! How a call ends: the gRPC status, Salesforce's own code, and both as trailers.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::service::Cut;

const OK: u32 = 0;
const INVALID_ARGUMENT: u32 = 3;
const NOT_FOUND: u32 = 5;
const RESOURCE_EXHAUSTED: u32 = 8;
const UNIMPLEMENTED: u32 = 12;
const UNAUTHENTICATED: u32 = 16;

/// A status as gRPC has it.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) code: u32,
    /// Salesforce's code, without what all of them begin with.
    error_code: &'static str,
    message: &'static str,
}

/// Why a stream ends.
#[derive(Debug)]
pub(super) enum End {
    Status(Status),
    /// It is broken on purpose.
    Cut,
    CallerGone,
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Cut> for End {
    fn from(_: Cut) -> Self {
        Self::Cut
    }
}

impl Status {
    pub(super) fn ok() -> Self {
        Self { code: OK, error_code: "", message: "" }
    }

    pub(super) fn unauthenticated() -> Self {
        Self {
            code: UNAUTHENTICATED,
            error_code: "service.auth.error",
            message: "An authentication exception occurred. Provide valid authentication via metadata headers.",
        }
    }

    pub(super) fn unimplemented() -> Self {
        Self { code: UNIMPLEMENTED, error_code: "", message: "There is no such method." }
    }

    pub(super) fn too_large() -> Self {
        Self { code: RESOURCE_EXHAUSTED, error_code: "", message: "The message is larger than 4 MiB." }
    }

    pub(super) fn malformed() -> Self {
        Self { code: INVALID_ARGUMENT, error_code: "", message: "The message cannot be read." }
    }

    pub(super) fn invalid(error_code: &'static str, message: &'static str) -> Self {
        Self { code: INVALID_ARGUMENT, error_code, message }
    }

    pub(super) fn not_found(error_code: &'static str, message: &'static str) -> Self {
        Self { code: NOT_FOUND, error_code, message }
    }

    pub(super) fn is_dead_session(&self) -> bool {
        self.code == UNAUTHENTICATED
    }

    pub(super) fn trailers(&self, rpc_id: &str) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        let mut set = |name: &'static str, value: String| {
            let value = HeaderValue::try_from(value).expect("visible ASCII");
            trailers.insert(HeaderName::from_static(name), value);
        };
        set("grpc-status", self.code.to_string());
        if self.code != OK {
            set("grpc-message", format!("{} rpcId: {rpc_id}", self.message));
            set("rpcid", rpc_id.to_owned());
        }
        if !self.error_code.is_empty() {
            set("error-code", format!("sfdc.platform.eventbus.grpc.{}", self.error_code));
        }
        trailers
    }
}
