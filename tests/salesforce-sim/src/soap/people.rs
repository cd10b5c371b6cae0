//! The operations about sessions and the users behind them, and the time.

use serde_json::{Value, json};

use super::fault::Fault;
use super::{Operation, Outcome};
use crate::clock::timestamp;
use crate::state::World;
use crate::xml;

impl Operation<'_> {
    /// `None` for an operation of another kind.
    pub(super) fn people(&self, name: &str) -> Option<Outcome> {
        Some(match name {
            "getUserInfo" => {
                let world = self.call.shared.world();
                Ok(xml::element("result", &user_info(&world, &self.user.user_id)))
            }
            "getServerTimestamp" => {
                let now = timestamp(self.call.shared.now());
                Ok(xml::element("result", &json!({ "timestamp": now })))
            }
            "logout" => {
                self.call.shared.world().end_session(&self.session_id);
                Ok(String::new())
            }
            "invalidateSessions" => {
                let mut world = self.call.shared.world();
                let ended = |token| json!({"errors": [], "success": world.end_session(token)});
                Ok(xml::element("result", &self.asked().texts_of("sessionIds").map(ended).collect()))
            }
            "setPassword" => self.set_password().map(|()| "<result/>".to_owned()),
            _ => return None,
        })
    }

    fn set_password(&self) -> Result<(), Fault> {
        let asked = self.asked();
        let user_id = asked.text_of("userId").unwrap_or_default();
        let password = asked.child("password").map(|password| password.text.clone()).unwrap_or_default();
        if password.len() < 8 {
            let message = "Your password must be at least 8 characters long";
            return Err(Fault::new("INVALID_NEW_PASSWORD", message));
        }
        let mut world = self.call.shared.world();
        let known = world.set_password(self.org_id, user_id, &password);
        if known { Ok(()) } else { Err(Fault::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")) }
    }
}

pub(super) fn user_info(world: &World, user_id: &str) -> Value {
    let user = &world.users[user_id];
    let org = world.org(&user.org_id);
    json!({
        "accessibilityMode": false,
        "chatterExternal": false,
        "currencySymbol": "$",
        "orgAttachmentFileSizeLimit": 5_242_880,
        "orgDefaultCurrencyIsoCode": "USD",
        "orgDefaultCurrencyLocale": "en_US",
        "orgDisallowHtmlAttachments": false,
        "orgHasPersonAccounts": false,
        "organizationId": user.org_id,
        "organizationMultiCurrency": false,
        "organizationName": org.options.name,
        "profileId": "00exx0000000001AAA",
        "roleId": null,
        "sessionSecondsValid": 7_200,
        "userDefaultCurrencyIsoCode": null,
        "userEmail": user.username,
        "userFullName": user.username,
        "userId": user_id,
        "userLanguage": "en_US",
        "userLocale": "en_US",
        "userName": user.username,
        "userTimeZone": "Etc/UTC",
        "userType": "Standard",
        "userUiSkin": "Theme3",
    })
}
