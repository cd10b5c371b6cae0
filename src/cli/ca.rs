//! `orgpass ca`: the certificate by which clients that insist on TLS know the proxy's port.

mod certificate;
mod make;
mod new;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Exit, Failure, Surroundings};

/// The authority's certificate: what clients are to trust.
const AUTHORITY: &str = "local-ca.pem";
/// The proxy's certificate, followed by the authority's.
const CERTIFICATE: &str = "localhost.pem";
/// The proxy's private key.
const PRIVATE_KEY: &str = "localhost.key";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    New(new::NewArguments),
    Show(show::ShowArguments),
}

/// Where the files are.
#[derive(Args, Debug)]
struct Folder {
    /// The folder of local-ca.pem, localhost.pem and localhost.key
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

impl Command {
    pub(super) fn run(self, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        match self {
            Self::New(arguments) => arguments.run(around),
            Self::Show(arguments) => arguments.run(around),
        }
    }
}

#[cfg(test)]
mod tests;
