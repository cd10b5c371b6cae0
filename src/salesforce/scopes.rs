//! Scopes: what a token may do, as Salesforce names it, and what that means to the person who is asked.

use std::fmt;

/// Salesforce's own list has some forty words.
const MAX_SCOPES: usize = 64;
const MAX_SCOPE_BYTES: usize = 64;

/// Scopes in the order in which they were given, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

/// Why a text is not a list of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// A word that cannot be one.
    #[error("must be words of letters, digits, _, -, . and :, such as api or refresh_token")]
    Word,
    /// More than there are.
    #[error("has more than {MAX_SCOPES} scopes")]
    Many,
}

impl Scopes {
    /// Scopes from single words.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopesError> {
        let mut scopes: Vec<String> = Vec::new();
        for word in words {
            if !is_scope(word) {
                return Err(ScopesError::Word);
            }
            if !scopes.iter().any(|known| known == word) {
                scopes.push(word.to_owned());
            }
            if scopes.len() > MAX_SCOPES {
                return Err(ScopesError::Many);
            }
        }
        Ok(Self(scopes))
    }

    /// Scopes from one text with spaces between, as a token response has them.
    pub fn parse(text: &str) -> Result<Self, ScopesError> {
        Self::from_words(text.split_ascii_whitespace())
    }

    /// The words.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this word is among them, or another that means the same.
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|known| canonical(known) == canonical(scope))
    }

    /// What of these `granted` does not cover. `full` covers everything but `refresh_token`, as at Salesforce.
    pub fn missing(&self, granted: &Self) -> Vec<String> {
        let covered =
            |scope: &str| granted.contains(scope) || (granted.contains("full") && canonical(scope) != "refresh_token");
        self.iter().filter(|scope| !covered(scope)).map(str::to_owned).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// What a scope allows, in words for the person who is asked for it.
pub fn plain(scope: &str) -> &'static str {
    match canonical(scope) {
        "api" => "See and change your Salesforce data, as far as you may yourself",
        "refresh_token" => "Stay connected while you are away, until you or an admin disconnects it",
        "full" => "Do everything that you can do in Salesforce",
        "web" => "Open Salesforce pages as you",
        "openid" | "id" | "profile" | "email" => "See who you are: your name, user name and email address",
        "address" | "phone" => "See your postal address and phone number",
        "chatter_api" => "Read and write in Chatter as you",
        "custom_permissions" => "See which custom permissions you have",
        "wave_api" => "See and change CRM Analytics data, as far as you may yourself",
        "eclair_api" => "Read the geodata of analytics charts",
        "content" => "Work with your files",
        "visualforce" => "Open Visualforce pages as you",
        "lightning" => "Open Lightning pages as you",
        "pardot_api" => "Work with Account Engagement as you",
        "sfap_api" => "Use the Salesforce Platform APIs as you",
        "chatbot_api" => "Talk to Einstein bots as you",
        "einstein_gpt_api" => "Use Einstein generative AI as you",
        "mcp_api" => "Use Salesforce's hosted MCP servers as you",
        "forgot_password" | "user_registration_api" => "Register users and reset passwords in your name",
        "interaction_api" => "Run screen flows as you",
        "scrt_api" => "Use Service Cloud real-time messaging as you",
        scope if scope.starts_with("cdp_") => "Work with your Data Cloud data, as far as you may yourself",
        _ => "Do what this permission of your Salesforce org allows",
    }
}

/// One word for those that mean the same.
fn canonical(scope: &str) -> &str {
    if scope == "offline_access" { "refresh_token" } else { scope }
}

fn is_scope(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=MAX_SCOPE_BYTES).contains(&word.len()) && word.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn what_was_asked_for_and_not_granted_is_missing() {
        let asked = scopes("api refresh_token chatter_api api");
        assert_eq!(asked.to_string(), "api refresh_token chatter_api");
        assert_eq!(asked.missing(&scopes("api")), ["refresh_token", "chatter_api"]);
        assert_eq!(asked.missing(&scopes("full")), ["refresh_token"]);
        assert_eq!(asked.missing(&scopes("full offline_access")), [""; 0]);
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        assert_eq!(Scopes::from_words(["api refresh_token"]), Err(ScopesError::Word));
        assert_eq!(Scopes::parse("api \"x\""), Err(ScopesError::Word));
        let many: Vec<String> = (0..65).map(|number| format!("s{number}")).collect();
        assert_eq!(Scopes::from_words(many.iter().map(String::as_str)), Err(ScopesError::Many));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_comes_back_as_it_was_understood(text in "\\PC{0,80}") {
            if let Ok(scopes) = Scopes::parse(&text) {
                prop_assert_eq!(Scopes::parse(&scopes.to_string()), Ok(scopes));
            }
        }
    }
}
