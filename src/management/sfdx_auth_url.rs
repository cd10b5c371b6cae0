//! The Salesforce CLI's form of an authorization: `force://CLIENT_ID:CLIENT_SECRET:REFRESH_TOKEN@HOST`, as
//! `sf org display --verbose` prints it. Its client secret is not used: the configured app's is.

use super::document::{Field, ImportDocument, InputFault};
use crate::oauth::Apps;
use crate::secret::Secret;

/// An authorization as the Salesforce CLI writes it.
#[derive(Clone, Debug)]
pub struct SfdxAuthUrl {
    client_id: String,
    pub(super) refresh_token: Secret<String>,
    instance_url: String,
}

impl SfdxAuthUrl {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, InputFault> {
        let parts = line.trim().strip_prefix("force://").and_then(|rest| {
            let (credentials, host) = rest.rsplit_once('@')?;
            let mut credentials = credentials.split(':');
            let parts = (credentials.next()?, credentials.next()?, credentials.next()?, host);
            credentials.next().is_none().then_some(parts)
        });
        match parts {
            Some((client_id, _, refresh_token, host))
                if !client_id.is_empty() && !refresh_token.is_empty() && !host.is_empty() =>
            {
                Ok(Self {
                    client_id: client_id.to_owned(),
                    refresh_token: Secret::new(refresh_token.to_owned()),
                    instance_url: format!("https://{host}"),
                })
            }
            _ => Err(InputFault::new("", "is not an auth URL: force://CLIENT_ID:CLIENT_SECRET:REFRESH_TOKEN@HOST")),
        }
    }

    /// The import that it stands for. The refresh token works only with the app that it was issued to: the one named,
    /// or the one with its client id.
    pub fn into_document(self, apps: &Apps, app: Option<&str>) -> Result<ImportDocument, InputFault> {
        let fits = |name: &str| apps.get(name).is_some_and(|app| app.client_id == self.client_id);
        let app = match app {
            Some(named) => Some(named).filter(|name| fits(name)),
            None => apps.iter().map(|app| app.name.as_str()).find(|name| fits(name)),
        };
        let Some(app) = app else {
            let why = "was issued to another client id; configure that app under [apps.NAME] and name it";
            return Err(InputFault::new("app", why));
        };
        Ok(ImportDocument {
            app: Some(app.to_owned().into()),
            instance_url: Some(self.instance_url.into()),
            refresh_token: Some(Field::Text(self.refresh_token)),
            ..ImportDocument::default()
        })
    }
}
