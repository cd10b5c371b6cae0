//! The pages that people see. Each is a plain view and a template beside this file; nothing here looks anything up. Pages
//! need no script and load nothing from elsewhere.

mod assets;
mod colour;
mod failure;
mod html;
mod status;

use askama::Template;

pub use assets::router;
pub use failure::{Failure, FailureText};
pub use html::Html;
pub use status::{ConnectionRow, LoginPage, MintedPage, StatusPage};

use self::colour::Theme;
use crate::oauth::Brand;
use crate::salesforce::scopes::{self, Scopes};

/// How the asking app shows itself.
#[derive(Clone, Debug)]
pub struct BrandView {
    name: String,
    logo: Option<String>,
    theme: Theme,
}

/// A permission: Salesforce's word, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeView {
    word: String,
    meaning: &'static str,
}

/// The first page of a link.
#[derive(Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    /// Who asks.
    pub brand: BrandView,
    /// What will be possible.
    pub scopes: Vec<ScopeView>,
    /// The host that the user logged in at before, on a reconnect.
    pub known: Option<String>,
    /// Which choice is made already: `known`, `production`, `sandbox` or `address`.
    pub chosen: &'static str,
    /// What was typed as an address.
    pub address: String,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// What became of the last attempt.
    pub last: Option<FailureText>,
    /// Goes back with the form.
    pub csrf: String,
    /// Minutes until the link expires.
    pub minutes: u64,
}

/// Asks whether the org that came back is the right one.
#[derive(Template)]
#[template(path = "confirm.html")]
pub struct ConfirmPage {
    /// Who asks.
    pub brand: BrandView,
    /// The org's host.
    pub org_host: String,
    /// The org's id.
    pub org_id: String,
    /// The user's name at Salesforce, or id.
    pub username: String,
    /// Whether it takes the place of an older authorization.
    pub again: bool,
    /// What was granted.
    pub granted: Vec<ScopeView>,
    /// What was asked for and not granted.
    pub missing: Vec<ScopeView>,
    /// Goes back with the form.
    pub csrf: String,
}

/// The end of a link that went well, or that the person has ended.
#[derive(Template)]
#[template(path = "done.html")]
pub struct DonePage {
    /// Who asked.
    pub brand: BrandView,
    /// The outcome: `connected` or `cancelled`.
    pub status: &'static str,
    /// The org's host.
    pub org_host: Option<String>,
    /// Where to go on, with the outcome in it.
    pub return_link: Option<String>,
    /// The page that may be told, if this is a window that it opened.
    pub opener: Option<String>,
}

/// Something went wrong.
#[derive(Template)]
#[template(path = "failure.html")]
pub struct FailurePage {
    /// Who asked, if that is known.
    pub brand: BrandView,
    /// What happened, who can fix it and how.
    pub text: FailureText,
    /// Where to try again.
    pub retry: Option<String>,
    /// Where to go on, with the outcome in it.
    pub return_link: Option<String>,
    /// The page that may be told.
    pub opener: Option<String>,
}

impl BrandView {
    /// An app's.
    pub fn of(brand: &Brand) -> Self {
        Self {
            name: brand.name.clone(),
            logo: brand.logo.as_ref().map(crate::oauth::Logo::data_uri),
            theme: Theme::of(brand.accent),
        }
    }

    /// The hub's own, where no app is known.
    pub fn own() -> Self {
        Self { name: "Orgpass".to_owned(), logo: None, theme: Theme::of(None) }
    }
}

impl ScopeView {
    /// Views of these scopes.
    pub fn all(scopes: &Scopes) -> Vec<Self> {
        scopes.iter().map(Self::of).collect()
    }

    /// A view of one.
    pub fn of(word: &str) -> Self {
        Self { word: word.to_owned(), meaning: scopes::plain(word) }
    }
}

macro_rules! render {
    ($($page:ty => |$own:ident| $brand:expr;)*) => {$(
        impl $page {
            /// The page.
            pub fn render_page(&self) -> Html {
                let $own = self;
                Html::new(self.render().expect("templates write to memory"), &$brand.theme)
            }
        }
    )*};
}

render! {
    LinkPage => |page| page.brand;
    ConfirmPage => |page| page.brand;
    DonePage => |page| page.brand;
    FailurePage => |page| page.brand;
    StatusPage => |_page| BrandView::own();
    LoginPage => |_page| BrandView::own();
    MintedPage => |_page| BrandView::own();
}

#[cfg(test)]
mod tests;
