//! The records of an org, as tests put them there and look them up.

use serde_json::Value;

use super::{Org, Simulator};
use crate::state::objects::key_prefix;

impl Simulator {
    /// Stores a record without a request, and returns its id. `fields` is a JSON object.
    ///
    /// # Panics
    /// When `fields` is no object, or `object` none that an org has.
    pub fn insert(&self, org: &Org, object: &str, fields: Value) -> String {
        let Value::Object(fields) = fields else {
            panic!("a record is a JSON object");
        };
        let prefix = key_prefix(object).expect("a known object, or one that ends with __c");
        let mut world = self.shared.world();
        let id = world.ids.next(prefix);
        let objects = &mut world.org_mut(&org.org_id).objects;
        objects.insert(object, &id, fields);
        id
    }

    /// A record, whichever API has written it.
    #[must_use]
    pub fn record(&self, org: &Org, object: &str, id: &str) -> Option<Value> {
        self.shared.world().record(&org.org_id, object, id).map(Value::Object)
    }

    /// All records of an object, in order of their ids.
    #[must_use]
    pub fn records(&self, org: &Org, object: &str) -> Vec<Value> {
        self.shared.world().org(&org.org_id).objects.all(object).cloned().map(Value::Object).collect()
    }
}
