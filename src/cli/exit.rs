//! Exit codes: named, documented in `docs/cli.md`, and numbered as in `sysexits.h` where that has a fitting one.

use std::io;
use std::process::ExitCode;

use crate::app::StartError;
use crate::config::ConfigFaults;
use crate::management::Refusal;

macro_rules! exits {
    ($($name:ident = $number:literal, $word:literal, $meaning:literal;)*) => {
        /// How a command ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Exit {
            $(#[doc = $meaning] $name = $number,)*
        }

        impl Exit {
            /// Every exit, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The number that a shell sees.
            pub fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }

            /// The name in the documentation.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// When it happens.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

exits! {
    Success = 0, "success",
        "What was asked for is done.";
    Failed = 1, "failed",
        "Something failed that no other code names; the message says what.";
    Usage = 64, "usage",
        "The arguments or the configuration are wrong; every fault is listed with its key.";
    BadInput = 65, "bad_input",
        "Standard input is wrong; of an NDJSON stream, the lines that are right have been imported.";
    NotFound = 66, "not_found",
        "There is no such connection.";
    Unavailable = 69, "unavailable",
        "The store, the running serve or Salesforce does not answer.";
    Conflict = 73, "conflict",
        "Another authorization is there already, or another connection has this refresh token.";
    TryAgain = 75, "try_again",
        "The connection is busy, or Salesforce limits logins; the same command will work later.";
    Refused = 77, "refused",
        "Salesforce refuses the connection, this user may not do it, or a key is still needed; change that first.";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What is said on standard error; nothing if empty.
    pub message: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl Exit {
    /// How a command ends that met this refusal.
    pub(super) fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Input(_) | Refusal::TokenSpent => Self::BadInput,
            Refusal::NotConnected | Refusal::NoApp => Self::NotFound,
            Refusal::Conflict(_) | Refusal::TokenHeld(_) | Refusal::AnotherOrg { .. } | Refusal::AnotherUser => {
                Self::Conflict
            }
            Refusal::NoGrantKeys | Refusal::NoHub => Self::Usage,
            Refusal::InstallationNeeded | Refusal::AppInUse(_) => Self::Conflict,
            Refusal::Busy | Refusal::RateLimited => Self::TryAgain,
            Refusal::Refused(_) => Self::Refused,
            Refusal::Unavailable { .. } | Refusal::NotRevoked { .. } => Self::Unavailable,
            Refusal::Record { .. } | Refusal::Failed { .. } => Self::Failed,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(Exit::of(&refusal), refusal.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let message = error.to_string();
        let exit = match error {
            StartError::Store(error) => Exit::of(&error.into()),
            StartError::Listen { .. } | StartError::Control(_) | StartError::Threads(_) => Exit::Failed,
            StartError::Transport(_) | StartError::Tls(_) | StartError::File(_) => Exit::Usage,
        };
        Self::new(exit, message)
    }
}

impl From<ConfigFaults> for Failure {
    fn from(faults: ConfigFaults) -> Self {
        Self::new(Exit::Usage, faults.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // A reader such as `head` has seen enough.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Success, "");
        }
        Self::new(Exit::Failed, format!("standard input or output failed: {error}"))
    }
}
