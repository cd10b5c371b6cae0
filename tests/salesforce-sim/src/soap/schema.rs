//! The operations that describe objects.

use serde_json::json;

use super::fault::Fault;
use super::{Operation, Outcome};
use crate::{describe, xml};

impl Operation<'_> {
    pub(super) fn describe_global(&self) -> Outcome {
        let world = self.call.shared.world();
        let objects = describe::objects(world.org(self.org_id));
        let list: Vec<_> = objects.iter().filter_map(|object| describe::summary(object)).collect();
        let result = json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list});
        Ok(xml::element("result", &result))
    }

    /// `describeSObject` names one object, `describeSObjects` several.
    pub(super) fn describe_objects(&self) -> Outcome {
        let world = self.call.shared.world();
        let org = world.org(self.org_id);
        let describe = |object: &str| {
            let described = describe::object(org, object);
            let described = described.ok_or_else(|| {
                let message = format!("sObject type '{object}' is not supported.");
                Fault::new("INVALID_TYPE", &message).of_type("InvalidSObjectFault")
            })?;
            Ok(xml::element("result", &described))
        };
        self.asked().texts_of("sObjectType").map(describe).collect()
    }

    pub(super) fn describe_tabs(&self) -> Outcome {
        let tab = json!({
            "custom": false,
            "label": "Accounts",
            "name": "standard-Account",
            "sobjectName": "Account",
            "url": "/001/o",
        });
        let app =
            json!({"label": "Sales", "logoUrl": "/logo.png", "namespace": "standard", "selected": true, "tabs": [tab]});
        Ok(xml::element("result", &app))
    }
}
