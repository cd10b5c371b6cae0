//! The kinds of problems: what programs read, with its status and what it is called for people.

use http::StatusCode;

macro_rules! kinds {
    ($($name:ident, $word:literal, $status:ident, $title:literal;)*) => {
        /// One kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind {
            $($name,)*
        }

        impl Kind {
            /// Every kind, in the order of the documentation.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),*];

            /// The word behind `urn:orgpass:problem:`.
            pub(super) fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The status of an answer with it.
            pub(super) fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// What it is called.
            pub(super) fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

kinds! {
    Unreadable, "unreadable", BAD_REQUEST, "The request cannot be read";
    Unauthorized, "unauthorized", UNAUTHORIZED, "An API token is needed";
    Forbidden, "forbidden", FORBIDDEN, "The token does not allow this";
    NotConnected, "not-connected", NOT_FOUND, "There is no such connection";
    NoApp, "no-app", NOT_FOUND, "The tenant has no app of its own";
    NoSuchRoute, "no-such-route", NOT_FOUND, "There is nothing here";
    WrongMethod, "wrong-method", METHOD_NOT_ALLOWED, "There is no such method here";
    Conflict, "conflict", CONFLICT, "Another authorization is there";
    TokenHeld, "token-held", CONFLICT, "Another connection has this token";
    TokenSpent, "token-spent", CONFLICT, "The refresh token is spent";
    AnotherOrg, "another-org", CONFLICT, "That is another org";
    AnotherUser, "another-user", CONFLICT, "That is another user";
    InstallationNeeded, "installation-needed", CONFLICT, "The tenant is not connected";
    AppInUse, "app-in-use", CONFLICT, "Connections use the app";
    Busy, "busy", CONFLICT, "The connection is busy";
    TooLarge, "too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    Input, "input", UNPROCESSABLE_ENTITY, "What was sent is wrong";
    Refused, "refused", UNPROCESSABLE_ENTITY, "The connection is refused";
    RateLimited, "rate-limited", TOO_MANY_REQUESTS, "Salesforce limits logins";
    Record, "record", INTERNAL_SERVER_ERROR, "The record cannot be used";
    Failed, "failed", INTERNAL_SERVER_ERROR, "It could not be done";
    NotRevoked, "not-revoked", BAD_GATEWAY, "It could not be revoked";
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "Something that is needed does not answer";
    StillAtWork, "still-at-work", GATEWAY_TIMEOUT, "It takes longer than a minute";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_kind_with_its_status() {
        let page = include_str!("../../../../docs/api.md");
        let (_, table) = page.split_once("`urn:orgpass:problem:`").expect("the table");
        let rows = table.lines().skip(2).take_while(|line| line.starts_with("| "));
        let listed = rows.flat_map(|row| {
            let mut cells = row.split(" | ");
            let words = cells.next().unwrap_or_default().split('`').skip(1).step_by(2);
            let statuses: Vec<&str> = cells.next().unwrap_or_default().split(", ").collect();
            // One status for all words of a row, or one for each.
            words.enumerate().map(move |(at, word)| (word, *statuses.get(at).unwrap_or(&statuses[0])))
        });
        let listed: Vec<(&str, String)> = listed.map(|(word, status)| (word, status.to_owned())).collect();
        let known: Vec<_> = Kind::ALL.iter().map(|kind| (kind.as_str(), kind.status().as_str().to_owned())).collect();
        assert_eq!(listed, known);
    }
}
