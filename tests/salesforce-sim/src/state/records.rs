//! What every data API does with an org's records, under the same rules, and how it says that a row cannot be done.

use serde_json::{Value, json};

use super::World;
use super::objects::{Fields, Objects, key_prefix};
use super::sessions::Identity;
use crate::events::Channel;
use crate::rest::soql::Query;

/// Why a row was not done, as all APIs say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Vec<&'static str>,
}

impl RowError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }

    /// As collections and results of jobs list it.
    pub(crate) fn shown(&self) -> Value {
        json!({"statusCode": self.code, "message": self.message, "fields": self.fields})
    }
}

/// What an upsert did.
pub(crate) struct Upserted {
    pub(crate) id: String,
    pub(crate) created: bool,
}

impl World {
    /// Stores a new record and returns its id; an event is published instead.
    pub(crate) fn create_record(
        &mut self,
        user: &Identity,
        object: &str,
        mut fields: Fields,
    ) -> Result<String, RowError> {
        let prefix = key_prefix(object).ok_or_else(|| unknown_object(object))?;
        if fields.get("Id").is_some_and(|id| !id.is_null()) {
            return Err(RowError::new("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call"));
        }
        if let Some(channel) = Channel::of(object) {
            let event = self.publish(&user.org_id, &channel, Some(&user.user_id), None, fields);
            return Ok(event.record_id.clone());
        }
        let required = match object {
            "Account" => Some("Name"),
            "Contact" | "Lead" => Some("LastName"),
            _ => None,
        };
        if let Some(required) = required
            && fields.get(required).is_none_or(Value::is_null)
        {
            let message = format!("Required fields are missing: [{required}]");
            return Err(RowError { fields: vec![required], ..RowError::new("REQUIRED_FIELD_MISSING", message) });
        }
        fields.insert("OwnerId".to_owned(), user.user_id.clone().into());
        let id = self.ids.next(prefix);
        self.org_mut(&user.org_id).objects.insert(object, &id, fields);
        Ok(id)
    }

    /// Changes fields of a record; null empties a field.
    pub(crate) fn update_record(
        &mut self,
        org_id: &str,
        object: &str,
        id: &str,
        mut changes: Fields,
    ) -> Result<(), RowError> {
        key_prefix(object).ok_or_else(|| unknown_object(object))?;
        let objects = &mut self.org_mut(org_id).objects;
        let Some(record) = objects.get_mut(object, id) else {
            return Err(gone(objects, id));
        };
        record.append(&mut changes);
        Ok(())
    }

    /// Creates a record, or changes the one whose field has this value.
    pub(crate) fn upsert_record(
        &mut self,
        user: &Identity,
        object: &str,
        (field, value): (&str, &str),
        mut fields: Fields,
    ) -> Result<Upserted, RowError> {
        key_prefix(object).ok_or_else(|| unknown_object(object))?;
        if field == "Id" {
            fields.remove("Id");
            if value.is_empty() {
                return self.create_record(user, object, fields).map(|id| Upserted { id, created: true });
            }
            self.update_record(&user.org_id, object, value, fields)?;
            return Ok(Upserted { id: value.to_owned(), created: false });
        }
        if value.is_empty() {
            return Err(RowError::new("MISSING_ARGUMENT", format!("{field} not specified")));
        }
        let ids = self.org(&user.org_id).objects.with_value(object, field, value);
        if let [_, _, ..] = *ids {
            let message = format!("{field}: more than one record found for external id field: {ids:?}");
            return Err(RowError::new("DUPLICATE_EXTERNAL_ID", message));
        }
        if let Some(id) = ids.into_iter().next() {
            fields.remove(field);
            self.update_record(&user.org_id, object, &id, fields)?;
            return Ok(Upserted { id, created: false });
        }
        fields.insert(field.to_owned(), Value::from(value));
        let id = self.create_record(user, object, fields)?;
        Ok(Upserted { id, created: true })
    }

    /// Puts a record into the recycle bin.
    pub(crate) fn delete_record(&mut self, org_id: &str, id: &str) -> Result<(), RowError> {
        let objects = &mut self.org_mut(org_id).objects;
        let deleted = objects.object_of(id).is_some_and(|object| objects.remove(&object, id));
        if deleted { Ok(()) } else { Err(gone(objects, id)) }
    }

    /// A record, or what the simulator knows of a user or the organization as one.
    pub(crate) fn record(&self, org_id: &str, object: &str, id: &str) -> Option<Fields> {
        if matches!(object, "User" | "Organization") {
            let mut known = self.system_records(org_id, object).into_iter();
            return known.find(|record| {
                record.get("Id").and_then(Value::as_str).is_some_and(|known| crate::ids::same(known, id))
            });
        }
        self.org(org_id).objects.get(object, id).cloned()
    }

    /// The rows of a query's result, each with `attributes`.
    pub(crate) fn rows(&self, org_id: &str, query: &Query, version: &str) -> Vec<Value> {
        if matches!(query.object.as_str(), "User" | "Organization") {
            let records = self.system_records(org_id, &query.object);
            return query.rows(records.iter(), version);
        }
        query.rows(self.org(org_id).objects.all(&query.object), version)
    }

    /// Users and the organization are no stored records but the simulator's own knowledge.
    fn system_records(&self, org_id: &str, object: &str) -> Vec<Fields> {
        let org = self.org(org_id);
        if object == "Organization" {
            let organization = json!({
                "Id": org_id,
                "Name": org.options.name,
                "InstanceName": "SIM1",
                "IsSandbox": org.options.kind == crate::OrgKind::Sandbox,
                "NamespacePrefix": null,
                "OrganizationType": "Enterprise Edition",
                "TrialExpirationDate": null,
            });
            return organization.as_object().cloned().into_iter().collect();
        }
        let here = self.users.iter().filter(|(_, user)| user.org_id == org_id);
        let shown = |(id, user): (&String, &super::orgs::UserRecord)| {
            json!({
                "Id": id,
                "Username": user.username,
                "Name": user.username,
                "LastName": user.username,
                "Email": user.username,
                "IsActive": user.active,
                "UserType": "Standard",
            })
        };
        here.filter_map(|user| shown(user).as_object().cloned()).collect()
    }
}

fn unknown_object(object: &str) -> RowError {
    RowError::new("INVALID_TYPE", format!("sObject type '{object}' is not supported."))
}

fn gone(objects: &Objects, id: &str) -> RowError {
    if objects.was_deleted(id) {
        RowError::new("ENTITY_IS_DELETED", "entity is deleted")
    } else {
        RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    }
}
