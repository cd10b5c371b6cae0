//! `orgpass ca show`.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::certificate::Certificate;
use super::{AUTHORITY, CERTIFICATE, Folder};
use crate::cli::{Exit, Failure, Surroundings};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before the end it is time for new ones: clients have to be given them first.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Show names, validity and fingerprints of what orgpass ca new has made
///
/// Warns in the last thirty days of a certificate. Exits with 1 if one is good no longer. Needs no configuration.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass ca show --dir tls")]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    folder: Folder,
}

impl ShowArguments {
    pub(super) fn run(self, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let now = SystemTime::now();
        let mut ended = None;
        for name in [AUTHORITY, CERTIFICATE] {
            let file = self.folder.dir.join(name);
            let certificate = read(&file)?;
            let [from, until] = certificate.validity.map(humantime::format_rfc3339_seconds);
            writeln!(around.output, "{}: {}", file.display(), certificate.subject)?;
            if !certificate.names.is_empty() {
                writeln!(around.output, "  names        {}", certificate.names.join(", "))?;
            }
            writeln!(around.output, "  valid        {from} to {until}")?;
            writeln!(around.output, "  fingerprint  {}", certificate.fingerprint)?;
            match certificate.validity[1].duration_since(now) {
                Ok(left) if left > SOON => {}
                Ok(left) => {
                    let days = left.as_secs() / DAY.as_secs();
                    writeln!(around.errors, "warning: {} ends in {days} days; {RENEW}", file.display())?;
                }
                Err(_) => ended = Some(file),
            }
        }
        match ended {
            None => Ok(Exit::Success),
            Some(file) => Err(Failure::new(Exit::Failed, format!("{} has ended; {RENEW}", file.display()))),
        }
    }
}

const RENEW: &str = "make new ones with orgpass ca new --force, and give clients the new local-ca.pem";

fn read(file: &Path) -> Result<Certificate, Failure> {
    let pem = fs::read(file).map_err(|error| {
        let message = format!("cannot read {}: {error}; orgpass ca new makes one", file.display());
        Failure::new(Exit::Failed, message)
    })?;
    Certificate::from_pem(&pem)
        .ok_or_else(|| Failure::new(Exit::Failed, format!("{} is not a certificate in PEM", file.display())))
}
