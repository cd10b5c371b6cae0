//! `orgpass connection import`: one connection, or a stream of them.

use std::io::{BufRead, Read};

use clap::Args;
use zeroize::Zeroizing;

use super::operator::Operator;
use super::output::json_line;
use super::{Exit, Failure, Surroundings, ndjson};
use crate::config::Config;
use crate::management::{Field, ImportDocument, InputFault, MAX_DOCUMENT_BYTES, Refusal, SfdxAuthUrl};

/// Import authorizations that were obtained elsewhere, from standard input
///
/// Reads one JSON object with access_token, refresh_token, issued_at, login_url, grant, username and scopes, each
/// optional as far as the grant allows; or with --sfdx-auth-url one line as `sf org display --verbose` prints it; or
/// with --ndjson any number of lines, each an object with tenant, user, app and instance_url too. The grants jwt_bearer
/// and client_credentials need no token.
///
/// Everything is checked before anything is written. The same import again changes nothing; another authorization where
/// one is active is a conflict (73). Tokens are read from standard input only, so that they show in no process list.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                  orgpass connection import --tenant acme --instance-url https://acme.my.salesforce.com < acme.json\n  \
                        echo '{\"grant\":\"jwt_bearer\",\"username\":\"api@acme.example\"}' | orgpass connection import --tenant acme\n  \
                        orgpass connection import --tenant acme --user u-17 --sfdx-auth-url < auth-url.txt\n  \
                        orgpass connection import --ndjson < connections.ndjson")]
pub(super) struct ImportArguments {
    /// The tenant's name
    #[arg(long, value_name = "T", required_unless_present = "ndjson")]
    tenant: Option<String>,
    /// The user's name; without it, the tenant's installation connection is imported
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// The app that the tokens were issued to, [apps.NAME] [default: default]
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Where the org's API is, such as https://acme.my.salesforce.com; needed with an access token
    #[arg(long, value_name = "URL", conflicts_with = "sfdx_auth_url")]
    instance_url: Option<String>,
    /// Read a line force://CLIENT_ID:CLIENT_SECRET:REFRESH_TOKEN@HOST instead of JSON
    #[arg(long)]
    sfdx_auth_url: bool,
    /// Read many connections, one JSON object a line
    #[arg(long, conflicts_with_all = ["tenant", "user", "app", "instance_url", "sfdx_auth_url"])]
    ndjson: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl ImportArguments {
    pub(super) async fn run(
        self,
        config: &Config,
        operator: &mut Operator,
        around: &mut Surroundings<'_>,
    ) -> Result<Exit, Failure> {
        if self.ndjson {
            return ndjson::import(operator, around, self.json).await;
        }
        let input = read_whole(around.input)?;
        let document = self.document(&input, config).map_err(|fault| Refusal::Input(vec![fault]))?;
        let imported = operator.import(&document).await?;
        if self.json {
            json_line(around.output, &serde_json::json!({ "result": imported }))?;
        } else {
            writeln!(around.output, "{}", imported.as_str())?;
        }
        Ok(Exit::Success)
    }

    fn document(&self, input: &[u8], config: &Config) -> Result<ImportDocument, InputFault> {
        let mut document = if self.sfdx_auth_url {
            let line = std::str::from_utf8(input).map_err(|_| InputFault::new("", "is not text"))?;
            SfdxAuthUrl::parse(line)?.into_document(&config.apps, self.app.as_deref())?
        } else {
            let mut document = ImportDocument::parse(input)?;
            let flags = [
                ("tenant", &mut document.tenant, &None),
                ("user", &mut document.user, &None),
                ("app", &mut document.app, &self.app),
                ("instance_url", &mut document.instance_url, &self.instance_url),
            ];
            for (key, place, flag) in flags {
                if place.is_some() {
                    let flag = key.replace('_', "-");
                    return Err(InputFault::new(key, format_args!("is given by --{flag}, not in the object")));
                }
                *place = flag.clone().map(Field::from);
            }
            document
        };
        document.tenant = self.tenant.clone().map(Field::from);
        document.user = self.user.clone().map(Field::from);
        Ok(document)
    }
}

/// The whole of standard input, which must not be longer than one document may be.
pub(super) fn read_whole(input: &mut dyn BufRead) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_DOCUMENT_BYTES + 1));
    let limit = u64::try_from(MAX_DOCUMENT_BYTES + 1).expect("it is 64 KiB");
    input.take(limit).read_to_end(&mut text)?;
    if text.trim_ascii().is_empty() {
        let why = "is empty; give one JSON object, such as {\"refresh_token\": \"...\"}";
        return Err(Refusal::Input(vec![InputFault::new("standard input", why)]).into());
    }
    Ok(text)
}
