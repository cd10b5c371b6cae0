//! The views of the status page for people.

use askama::Template;

/// Asks for an API token.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// Whether the last try was wrong, and why.
    pub fault: Option<&'static str>,
}

/// Connections, a page of them.
#[derive(Template)]
#[template(path = "status.html")]
pub struct StatusPage {
    /// Who is logged in.
    pub who: String,
    /// Goes back with forms.
    pub csrf: String,
    /// The tenant that was searched for.
    pub tenant: String,
    /// The status that was asked for.
    pub status: String,
    /// Every status there is.
    pub statuses: Vec<&'static str>,
    /// The connections.
    pub rows: Vec<ConnectionRow>,
    /// The address of the next page.
    pub next: Option<String>,
    /// What came of what was just done.
    pub notice: Option<String>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct ConnectionRow {
    /// The tenant.
    pub tenant: String,
    /// The user, if it is a user's.
    pub user: Option<String>,
    /// Its state.
    pub status: &'static str,
    /// Why, and what to do.
    pub cause: Option<(&'static str, &'static str)>,
    /// How long it has been so.
    pub age: String,
    /// When it last earned a session.
    pub renewed: String,
    /// When it was last used.
    pub used: String,
    /// When it earns the next one at the latest.
    pub next_refresh: String,
    /// How it earns tokens, and with which app.
    pub grant: String,
}

/// A link that was made.
#[derive(Template)]
#[template(path = "minted.html")]
pub struct MintedPage {
    /// For which connection.
    pub connection: String,
    /// The link.
    pub url: String,
    /// Minutes until it expires.
    pub minutes: u64,
}
