//! What an org says of its objects, in REST and SOAP alike: the standard ones and those that records have been stored in,
//! with the fields that their records have.

use serde_json::{Value, json};

use crate::state::objects::{Fields, key_prefix};
use crate::state::orgs::OrgRecord;

const STANDARD: [&str; 8] = ["Account", "Case", "ContentVersion", "Contact", "Lead", "Opportunity", "Task", "User"];

/// The names of all objects, in order.
pub(crate) fn objects(org: &OrgRecord) -> Vec<String> {
    let mut names: Vec<String> = STANDARD.iter().copied().chain(org.objects.names()).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// An object without its fields; `None` for one that no org has.
pub(crate) fn summary(object: &str) -> Option<Value> {
    Some(json!({
        "activateable": false,
        "createable": true,
        "custom": object.ends_with("__c"),
        "customSetting": false,
        "deletable": true,
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": key_prefix(object)?,
        "label": object,
        "labelPlural": format!("{object}s"),
        "layoutable": true,
        "mergeable": matches!(object, "Account" | "Contact" | "Lead"),
        "mruEnabled": true,
        "name": object,
        "queryable": true,
        "replicateable": true,
        "retrieveable": true,
        "searchable": true,
        "triggerable": true,
        "undeletable": true,
        "updateable": true,
    }))
}

/// An object with its fields.
pub(crate) fn object(org: &OrgRecord, object: &str) -> Option<Value> {
    let mut described = summary(object)?;
    let mut names = vec!["Id".to_owned(), "Name".to_owned(), "OwnerId".to_owned()];
    names.extend(org.objects.all(object).flat_map(Fields::keys).cloned());
    names.sort();
    names.dedup();
    described["fields"] = names.iter().map(|name| field(name)).collect();
    described["childRelationships"] = json!([]);
    described["recordTypeInfos"] = json!([]);
    Some(described)
}

fn field(name: &str) -> Value {
    let is_id = name == "Id";
    let (kind, soap_type) = match name {
        "Id" => ("id", "tns:ID"),
        name if name.ends_with("Id") => ("reference", "tns:ID"),
        _ => ("string", "xsd:string"),
    };
    let length = if soap_type == "tns:ID" { 18 } else { 255 };
    json!({
        "aggregatable": true,
        "autoNumber": false,
        "byteLength": length,
        "calculated": false,
        "caseSensitive": false,
        "createable": !is_id,
        "custom": name.ends_with("__c"),
        "defaultedOnCreate": is_id,
        "deprecatedAndHidden": false,
        "digits": 0,
        "externalId": name.ends_with("__c"),
        "filterable": true,
        "groupable": true,
        "idLookup": is_id || name.ends_with("__c"),
        "label": name,
        "length": length,
        "name": name,
        "nameField": name == "Name",
        "namePointing": false,
        "nillable": !is_id,
        "permissionable": !is_id,
        "polymorphicForeignKey": false,
        "precision": 0,
        "queryByDistance": false,
        "restrictedPicklist": false,
        "scale": 0,
        "soapType": soap_type,
        "sortable": true,
        "type": kind,
        "unique": false,
        "updateable": !is_id,
    })
}
