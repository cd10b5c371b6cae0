//! `orgpass connection remove`: one connection, or on the day of an incident all of them.

use clap::Args;

use super::connection::key;
use super::operator::Operator;
use super::{Exit, Failure, Surroundings};
use crate::connection::ConnectionKey;
use crate::management::{Refusal, Removed, WhenNotRevoked};

/// Revoke connections at Salesforce, then forget them
///
/// Without --user, the tenant's installation connection is meant; with --all, every connection of the tenant, or of
/// every tenant. Where Salesforce does not confirm the revocation, the connection is kept and the command exits
/// with 69.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass connection remove --tenant acme --user u-17\n  \
                        orgpass connection remove --tenant acme --all\n  \
                        orgpass connection remove --tenant acme --forget-anyway")]
pub(super) struct RemoveArguments {
    /// The tenant's name
    #[arg(long, value_name = "T", required_unless_present = "all")]
    tenant: Option<String>,
    /// The user's name
    #[arg(long, value_name = "U", conflicts_with = "all", requires = "tenant")]
    user: Option<String>,
    /// Every connection: of the tenant, or without --tenant, of every tenant
    #[arg(long)]
    all: bool,
    /// Forget it even if it cannot be revoked; the authorization then lives on at Salesforce until it is revoked there
    #[arg(long)]
    forget_anyway: bool,
}

impl RemoveArguments {
    pub(super) async fn run(self, operator: &mut Operator, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let otherwise = if self.forget_anyway { WhenNotRevoked::Forget } else { WhenNotRevoked::Keep };
        match &self.tenant {
            Some(tenant) if !self.all => {
                let key = key(tenant, self.user.as_deref())?;
                let removed = operator.remove(&key, otherwise).await?;
                report(&key, &removed, around)?;
                Ok(Exit::Success)
            }
            tenant => remove_all(tenant.as_deref(), otherwise, operator, around).await,
        }
    }
}

/// Goes on after a connection that could not be removed: the others matter as much. The exit is the last failure's.
async fn remove_all(
    tenant: Option<&str>,
    otherwise: WhenNotRevoked,
    operator: &mut Operator,
    around: &mut Surroundings<'_>,
) -> Result<Exit, Failure> {
    if let Some(Err(failure)) = tenant.map(|tenant| key(tenant, None)) {
        return Err(failure);
    }
    let mut exit = Exit::Success;
    let mut cursor = None;
    loop {
        let page = operator.list(tenant, cursor.take()).await?;
        let listed = page.connections.iter().map(|line| (&line.tenant, &line.user));
        let corrupt = page.corrupt.iter().map(|name| (&name.tenant, &name.user));
        for (tenant, user) in listed.chain(corrupt) {
            let key = key(tenant, user.as_deref())?;
            match operator.remove(&key, otherwise).await {
                Ok(removed) => report(&key, &removed, around)?,
                // Somebody else removed it meanwhile.
                Err(Refusal::NotConnected) => {}
                Err(refusal) => {
                    exit = Exit::of(&refusal);
                    writeln!(around.errors, "{key}: {refusal}")?;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(exit);
        }
    }
}

fn report(key: &ConnectionKey, removed: &Removed, around: &mut Surroundings<'_>) -> std::io::Result<()> {
    match removed {
        Removed::Revoked => writeln!(around.output, "{key}: revoked at Salesforce and forgotten"),
        Removed::NothingToRevoke => writeln!(around.output, "{key}: forgotten; there was no token to revoke"),
        Removed::ForgottenOnly(why) => writeln!(
            around.output,
            "{key}: forgotten, but NOT revoked at Salesforce ({why}); revoke it in Setup > Connected Apps OAuth Usage"
        ),
    }
}
