//! `orgpass connection list`.

use clap::Args;

use super::operator::Operator;
use super::output::{json_line, table, time};
use super::{Exit, Failure, Surroundings};
use crate::connection::parse_name;
use crate::management::{ConnectionLine, Listing};

/// List connections with their state
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass connection list\n  \
                        orgpass connection list --tenant acme --json | jq -r 'select(.status != \"active\")'")]
pub(super) struct ListArguments {
    /// Only this tenant's connections
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
    /// Print JSON, one object a line, for programs
    #[arg(long)]
    json: bool,
}

impl ListArguments {
    pub(super) async fn run(self, operator: &mut Operator, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        if let Some(Err(error)) = self.tenant.as_ref().map(|tenant| parse_name(tenant.as_bytes())) {
            return Err(Failure::new(Exit::Usage, format!("--tenant {error}")));
        }
        let mut cursor = None;
        let mut rows = vec![["TENANT", "USER", "STATUS", "CAUSE", "APP", "GRANT", "SINCE"].map(str::to_owned)];
        loop {
            let page = operator.list(self.tenant.as_deref(), cursor.take()).await?;
            if self.json {
                for connection in &page.connections {
                    json_line(around.output, connection)?;
                }
            } else {
                rows.extend(page.connections.iter().map(row));
                table(around.output, &rows)?;
                rows.clear();
            }
            name_corrupt(&page, around)?;
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Exit::Success);
            }
        }
    }
}

fn row(line: &ConnectionLine) -> [String; 7] {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        line.tenant.clone(),
        or_dash(line.user.as_deref()),
        line.status.to_string(),
        or_dash(line.cause.map(|cause| cause.as_str())),
        line.app.clone(),
        line.grant.as_str().to_owned(),
        time(line.since.0),
    ]
}

fn name_corrupt(page: &Listing, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    for name in &page.corrupt {
        let user = name.user.as_ref().map(|user| format!(" --user {user}")).unwrap_or_default();
        writeln!(
            around.errors,
            "warning: the record of --tenant {}{user} is corrupt; remove it with --forget-anyway and connect again",
            name.tenant
        )?;
    }
    Ok(())
}
