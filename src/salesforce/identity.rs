//! Ids and the identity URL, which says whose token it is.

use std::fmt;

/// An org's or user's id. Two spellings exist, 15 characters and 18 with a checksum; equality looks at the first 15,
/// which are case-sensitive.
#[derive(Clone)]
pub struct Id(Box<str>);

/// An org and a user of it, as the `id` of a token response names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The org, beginning with `00D`.
    pub org: Id,
    /// The user, beginning with `005`.
    pub user: Id,
}

/// Why a text is not an id or identity URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a Salesforce id or identity URL")]
pub struct IdentityError;

impl Id {
    /// Parses an id with 15 or 18 letters and digits.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let right = matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if right { Ok(Self(text.into())) } else { Err(IdentityError) }
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.0[..15] == other.0[..15]
    }
}

impl Eq for Id {}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Identity {
    /// Parses `https://HOST/id/ORG/USER`. The host is not looked at: it is the login host's name, not the org's.
    pub fn parse_url(text: &str) -> Result<Self, IdentityError> {
        let mut segments = text.split(['?', '#']).next().unwrap_or_default().rsplit('/');
        let (user, org, word) = (segments.next(), segments.next(), segments.next());
        match (word, org, user) {
            (Some("id"), Some(org), Some(user)) if org.starts_with("00D") => {
                Ok(Self { org: Id::parse(org)?, user: Id::parse(user)? })
            }
            _ => Err(IdentityError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_url_names_org_and_user() {
        let identity =
            Identity::parse_url("https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS").unwrap();
        assert_eq!(identity.org.as_str(), "00Dxx0000001gPLEAY");
        assert_eq!(identity.user.as_str(), "005xx000001SwiUAAS");
        for wrong in ["", "https://h/id/00Dxx0000001gPLEAY", "https://h/id/001xx0000001gPLEAY/005xx000001SwiUAAS", "x"]
        {
            assert!(Identity::parse_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn both_spellings_of_an_id_are_equal_and_case_counts() {
        let id = |text| Id::parse(text).unwrap();
        assert_eq!(id("00Dxx0000001gPLEAY"), id("00Dxx0000001gPL"));
        assert_ne!(id("00Dxx0000001gPL"), id("00Dxx0000001gpl"));
    }
}
