//! The connections that a user of the API may see, page by page. A cursor names a connection, so a token for some tenants
//! is led through these only, and gets no cursor of another's.

use std::ops::Bound;

use super::{ApiToken, Hub};
use crate::connection::ConnectionKey;
use crate::management::{Listing, Refusal};

impl Hub {
    /// One page of what `token` covers: of one tenant or all, from `cursor` on; at most `limit` are looked at.
    pub(super) async fn visible(
        &self,
        token: &ApiToken,
        tenant: Option<&str>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listing, Refusal> {
        let own = match (tenant, &token.tenants) {
            (None, Some(own)) => own,
            (Some(tenant), _) if !token.covers(tenant) => return Ok(Listing::default()),
            (tenant, _) => return self.management.list(tenant, cursor, limit).await,
        };
        let reached = cursor.and_then(ConnectionKey::decode);
        let reached = reached.as_ref().map(ConnectionKey::tenant);
        let mut seen = Listing::default();
        let from = (Bound::Included(reached.unwrap_or_default()), Bound::Unbounded);
        for tenant in own.range::<str, _>(from) {
            let after = cursor.filter(|_| reached == Some(tenant.as_str()));
            let room = limit - seen.connections.len() - seen.corrupt.len();
            let page = self.management.list(Some(tenant), after, room).await?;
            let last = page.last().map(|key| key.encode());
            seen.connections.extend(page.connections);
            seen.corrupt.extend(page.corrupt);
            seen.next = page.next;
            if seen.next.is_none() && seen.connections.len() + seen.corrupt.len() >= limit {
                seen.next = last.filter(|_| own.last() != Some(tenant));
                break;
            }
            if seen.next.is_some() {
                break;
            }
        }
        Ok(seen)
    }
}
