//! What went wrong, for people: what happened, who can fix it and how, where in Salesforce, and a text to send to them.

use crate::connection::{Cause, Class};

/// Why somebody cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Salesforce has refused, or what it answered does not fit.
    Salesforce(Cause),
    /// The person has said no at Salesforce.
    Denied,
    /// Salesforce limits logins.
    RateLimited,
    /// Salesforce has trouble of its own.
    Transient,
    /// There is no such link.
    LinkUnknown,
    /// Its time is over.
    LinkExpired,
    /// It was used.
    LinkUsed,
    /// Another browser has begun it.
    OtherBrowser,
    /// The steps came in another order, as after going back.
    OutOfStep,
    /// The step is being taken just now.
    Busy,
    /// The form did not come from our own page.
    Forged,
    /// The connection is to another org.
    AnotherOrg {
        /// The org's id that it is connected to.
        connected: String,
        /// The org's id that was given.
        given: String,
    },
    /// The connection is to another user.
    AnotherUser,
    /// The tenant comes first.
    InstallationNeeded,
    /// The hub cannot do it just now.
    Unavailable,
    /// There is no such page.
    NotFound,
}

/// A failure in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureText {
    /// In short.
    pub title: String,
    /// What happened.
    pub what: String,
    /// Who can fix it.
    pub who: &'static str,
    /// How.
    pub fix: String,
    /// Where in Salesforce.
    pub setup: Option<&'static str>,
    /// A text to send to whoever can fix it.
    pub forward: Option<String>,
}

const YOU: &str = "You";
const ADMIN: &str = "Your Salesforce admin";
const OWNER: &str = "The owner of the app";
const NOBODY: &str = "Nobody has to: it passes";

impl Failure {
    /// The failure in words. `app` is who asked, `host` the login host, where they are known.
    pub fn text(&self, app: &str, host: Option<&str>) -> FailureText {
        match self {
            Self::Salesforce(cause) => of_cause(*cause, app, host),
            Self::AnotherOrg { connected, given } => FailureText {
                what: format!(
                    "{app} is connected to the org {connected}, and you logged in to {given}. Nothing was changed."
                ),
                ..self.own(app)
            },
            _ => self.own(app),
        }
    }

    fn own(&self, app: &str) -> FailureText {
        let (title, what, who, fix) = match self {
            Self::Denied => (
                "You did not allow it",
                "Salesforce says that the access was denied. Nothing was connected.",
                YOU,
                "Try again and press Allow, if that was a mistake.",
            ),
            Self::RateLimited => (
                "Too many logins",
                "Salesforce limits how often a user may log in, and that limit is reached.",
                NOBODY,
                "Wait up to an hour, then try again.",
            ),
            Self::Transient => (
                "Salesforce has trouble",
                "Salesforce could not answer as it should. Nothing was connected.",
                NOBODY,
                "Try again in a minute. trust.salesforce.com tells whether there is an outage.",
            ),
            Self::LinkUnknown => (
                "This link does not exist",
                "The address is not complete, or the link was made long ago.",
                YOU,
                "Open the whole link, or ask whoever sent it for a new one.",
            ),
            Self::LinkExpired => (
                "This link has expired",
                "Links are good for a short time only.",
                YOU,
                "Ask for a new link where you got this one.",
            ),
            Self::LinkUsed => (
                "This link was used already",
                "Each link connects once. If you have just connected, all is well.",
                YOU,
                "Ask for a new link, if you need to connect again.",
            ),
            Self::OtherBrowser => (
                "This link was opened in another browser",
                "Whoever begins a link must finish it in the same browser, so that nobody else can.",
                YOU,
                "Go back to the browser where you began, or ask for a new link.",
            ),
            Self::OutOfStep => (
                "That step is over",
                "The pages came in another order than they should, as after pressing Back.",
                YOU,
                "Open the link again, and go through it in one go.",
            ),
            Self::Busy => (
                "One moment",
                "This step is being taken just now, perhaps because a button was pressed twice.",
                NOBODY,
                "Wait a few seconds, then load the page again.",
            ),
            Self::Forged => (
                "This did not come from our page",
                "The form was not sent by the page that you saw, or cookies are switched off.",
                YOU,
                "Allow cookies for this site, open the link again, and press the button there.",
            ),
            Self::AnotherOrg { .. } => (
                "That is another org",
                "",
                YOU,
                "Try again, and log in to the right org. Salesforce will ask you who you are.",
            ),
            Self::AnotherUser => (
                "That is another user",
                "The connection belongs to another Salesforce user of this org. Nothing was changed.",
                YOU,
                "Try again, and log in as the same user as before. Salesforce will ask you who you are.",
            ),
            Self::InstallationNeeded => (
                "Your company comes first",
                "The company has to be connected before its users connect themselves.",
                ADMIN,
                "Connect the company's org in the app's settings, then try again.",
            ),
            Self::Unavailable => (
                "That did not work just now",
                "A part that this page needs does not answer. Nothing was connected.",
                NOBODY,
                "Try again in a minute. If it stays so, tell the owner of the app.",
            ),
            Self::NotFound | Self::Salesforce(_) => (
                "There is nothing here",
                "This address leads to no page.",
                YOU,
                "Check the address that you were given.",
            ),
        };
        let _ = app;
        FailureText {
            title: title.to_owned(),
            what: what.to_owned(),
            who,
            fix: fix.to_owned(),
            setup: None,
            forward: None,
        }
    }
}

fn of_cause(cause: Cause, app: &str, host: Option<&str>) -> FailureText {
    let who = match cause.class() {
        Class::Person => YOU,
        Class::OrgAdmin => ADMIN,
        Class::AppOwner => OWNER,
        Class::Itself => NOBODY,
    };
    let setup = setup(cause);
    let to = (who != YOU && who != NOBODY).then(|| {
        let at = host.map_or_else(String::new, |host| format!(" (login at {host})"));
        let path = setup.map_or_else(String::new, |setup| format!("\nIn Salesforce: {setup}"));
        format!(
            "Hello,\n\nconnecting {app} to our Salesforce org{at} did not work.\n\n{}\nWhat to do: {}{path}\n\nReason for the record: {cause}",
            cause.meaning(),
            cause.fix(),
        )
    });
    FailureText {
        title: title(cause).to_owned(),
        what: cause.meaning().to_owned(),
        who,
        fix: cause.fix().to_owned(),
        setup,
        forward: to,
    }
}

/// Where in an org the cause is mended; for the app's owner, in the org where the app is kept.
fn setup(cause: Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::UserInactive => "Setup > Users > Users",
        Cause::LoginRefused => "Setup > Users > Login History",
        Cause::IpRestricted => {
            "Setup > Users > Profiles > (profile) > Login IP Ranges; Setup > External Client App Manager > (app) > Policies > IP Relaxation"
        }
        Cause::IpRestrictedByApp => {
            "Setup > External Client App Manager > (app) > Settings > Refresh Token IP Allow-List"
        }
        Cause::AppNotInstalled => "Setup > Connected Apps OAuth Usage > (app) > Install",
        Cause::AppNotApproved => "Setup > External Client App Manager > (app) > Policies > Permitted Users",
        Cause::AppBlocked => "Setup > Connected Apps OAuth Usage > (app) > Unblock",
        Cause::FreshTokenRefused => "Setup > Session Settings; Setup > Users > Profiles > (profile) > API Enabled",
        Cause::OrgInactive => "Setup > Company Information",
        Cause::AppUnknown | Cause::AppSecretWrong | Cause::SignatureWrong => {
            "Setup > External Client App Manager > (app) > Settings > OAuth Settings > Consumer Key and Secret"
        }
        Cause::CallbackUnknown => {
            "Setup > External Client App Manager > (app) > Settings > OAuth Settings > Callback URL"
        }
        Cause::ScopeRefused | Cause::RequestRefused | Cause::ValidityExpired => {
            "Setup > External Client App Manager > (app) > Settings > OAuth Settings"
        }
        Cause::LoginHostWrong => "Setup > My Domain",
        _ => return None,
    })
}

fn title(cause: Cause) -> &'static str {
    match cause {
        Cause::Revoked => "The permission was withdrawn",
        Cause::AnswerLost => "An answer of Salesforce was lost",
        Cause::ValidityExpired => "The permission has expired",
        Cause::NoGrant => "The session has ended",
        Cause::NoConsent => "You did not allow it",
        Cause::CodeExpired => "That took too long",
        Cause::OrgGone => "The org is gone",
        Cause::OrgInactive => "The org is not active",
        Cause::UserInactive => "The user is not active",
        Cause::LoginRefused => "Salesforce refused the login",
        Cause::IpRestricted => "This address is not allowed",
        Cause::IpRestrictedByApp => "The app does not allow this address",
        Cause::AppUnknown => "Salesforce does not know the app",
        Cause::AppSecretWrong => "The app's secret is wrong",
        Cause::AppKeyWrong => "The app's key is wrong",
        Cause::AppNotInstalled => "The app is not installed in your org",
        Cause::AppNotApproved => "Your admin has not approved the app for you",
        Cause::AppBlocked => "Your admin has blocked the app",
        Cause::AssertionRefused => "Salesforce refused the app's signature",
        Cause::ScopeRefused => "A permission was refused",
        Cause::LoginHostWrong => "That is the wrong login address",
        Cause::CallbackUnknown => "The app is not set up for this address",
        Cause::RequestRefused => "Salesforce refused the request",
        Cause::FreshTokenRefused => "The org refuses its own session",
        Cause::OrgMismatch => "That is another org",
        Cause::HostNotAllowed => "That host is not allowed",
        Cause::SignatureWrong => "The answer was not signed by Salesforce",
        Cause::OutcomeUnknown => "Salesforce's answer is awaited",
    }
}
