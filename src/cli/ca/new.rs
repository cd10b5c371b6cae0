//! `orgpass ca new`.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use clap::Args;
use tempfile::NamedTempFile;

use super::make::make;
use super::{AUTHORITY, CERTIFICATE, Folder, PRIVATE_KEY};
use crate::cli::{Exit, Failure, Surroundings};

/// Make a certificate for the proxy's port and an authority for clients to trust
///
/// Clients that insist on https reach the proxy by TLS on the same port. The authority's private key is thrown
/// away once the certificate is issued, and no name but localhost is good under it: trusting it lets nobody pose as
/// another host. Prints what to put into the configuration, and the variables by which clients are told. Needs
/// no configuration.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass ca new --dir tls\n  REQUESTS_CA_BUNDLE=tls/local-ca.pem python app.py\n\
                  \nWhat each client needs: docs/tls.md")]
pub(in crate::cli) struct NewArguments {
    #[command(flatten)]
    folder: Folder,
    /// Replace what is there; clients must then be given the new local-ca.pem
    #[arg(long)]
    force: bool,
}

impl NewArguments {
    pub(super) fn run(self, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let dir = self.folder.dir;
        fs::create_dir_all(&dir).map_err(|error| failed(&dir, &error))?;
        let dir = fs::canonicalize(&dir).map_err(|error| failed(&dir, &error))?;
        let there = [AUTHORITY, CERTIFICATE, PRIVATE_KEY].map(|name| dir.join(name));
        if let Some(file) = there.iter().find(|file| !self.force && file.exists()) {
            let message = format!("{} is there already; --force replaces it", file.display());
            return Err(Failure::new(Exit::Conflict, message));
        }
        let made = make(SystemTime::now())
            .map_err(|error| Failure::new(Exit::Failed, format!("no certificate can be made: {error}")))?;
        let [authority, certificate, private_key] = &there;
        for (file, mode, content) in [
            (private_key, 0o600, made.private_key.as_str()),
            (certificate, 0o644, &made.chain),
            (authority, 0o644, &made.authority),
        ] {
            put(&dir, file, mode, content.as_bytes(), self.force).map_err(|error| failed(file, &error))?;
        }
        tell(around.output, authority, certificate, private_key)?;
        Ok(Exit::Success)
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot write {}: {error}", path.display()))
}

/// Writes a whole file in one step.
fn put(dir: &Path, file: &Path, mode: u32, content: &[u8], replace: bool) -> io::Result<()> {
    let mut new = NamedTempFile::new_in(dir)?;
    new.write_all(content)?;
    new.as_file().set_permissions(Permissions::from_mode(mode))?;
    new.as_file().sync_all()?;
    let put = if replace { new.persist(file) } else { new.persist_noclobber(file) };
    put.map(drop).map_err(|error| error.error)
}

fn tell(out: &mut dyn Write, authority: &Path, certificate: &Path, private_key: &Path) -> io::Result<()> {
    let (ca, certificate, key) = (authority.display(), certificate.display(), private_key.display());
    write!(
        out,
        "\
Made {certificate} and {key} for the proxy,
and {ca} for its clients.

In the configuration of orgpass:

  [proxy]
  tls_certificate_file = \"{certificate}\"
  tls_private_key_file = \"{key}\"

In the environment of a client, the one of these that it reads, with {ca} as its value:

  REQUESTS_CA_BUNDLE                Python: requests, simple-salesforce, zeep
  SSL_CERT_FILE                     Python: httpx, aiohttp; Ruby, Go, Rust
  NODE_EXTRA_CA_CERTS               Node
  CURL_CA_BUNDLE                    curl
  GRPC_DEFAULT_SSL_ROOTS_FILE_PATH  gRPC: Python, Node

Java wants a trust store:

  keytool -importcert -noprompt -alias orgpass -file {ca} \\
    -keystore orgpass.p12 -storetype PKCS12 -storepass changeit
  java -Djavax.net.ssl.trustStore=orgpass.p12 -Djavax.net.ssl.trustStorePassword=changeit ...

All but NODE_EXTRA_CA_CERTS take the place of the public roots. A client that calls other hosts too needs both:

  cat {ca} /etc/ssl/certs/ca-certificates.crt > bundle.pem
"
    )?;
    out.flush()
}
