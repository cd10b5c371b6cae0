//! As much of SOQL as lists an org's records: `SELECT fields|COUNT() FROM Object [WHERE conditions] [ORDER BY fields]
//! [LIMIT n] [OFFSET n]`, where conditions compare a field of the record itself with a literal.

mod condition;
mod parse;
mod token;

use serde_json::{Value, json};

use crate::state::objects::{Fields, text};
use condition::{Condition, compare, value};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    /// Empty for `COUNT()`.
    pub(crate) fields: Vec<String>,
    pub(crate) object: String,
    condition: Condition,
    order: Vec<Order>,
    limit: Option<usize>,
    offset: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Order {
    field: String,
    descending: bool,
    nulls_last: bool,
}

impl Query {
    /// The query, or what is wrong with it.
    pub(crate) fn parse(soql: &str) -> Result<Self, String> {
        parse::parse(soql)
    }

    /// What the query shows of these records of its object.
    pub(crate) fn rows<'a>(&self, records: impl Iterator<Item = &'a Fields>, version: &str) -> Vec<Value> {
        let mut admitted: Vec<&Fields> = records.filter(|record| self.condition.admits(record)).collect();
        if !self.order.is_empty() {
            admitted.sort_by(|one, other| self.compare(one, other));
        }
        let shown = admitted.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
        shown.map(|record| self.row(record, version)).collect()
    }

    fn compare(&self, one: &Fields, other: &Fields) -> std::cmp::Ordering {
        let by = |order: &Order| {
            let compared = match (value(one, &order.field), value(other, &order.field)) {
                (Some(one), Some(other)) if order.descending => compare(&other, &one),
                (Some(one), Some(other)) => compare(&one, &other),
                (one, other) if order.nulls_last => other.is_some().cmp(&one.is_some()),
                (one, other) => one.is_some().cmp(&other.is_some()),
            };
            Some(compared).filter(|order| order.is_ne())
        };
        self.order.iter().find_map(by).unwrap_or(std::cmp::Ordering::Equal)
    }

    fn row(&self, record: &Fields, version: &str) -> Value {
        let object = &self.object;
        let id = record.get("Id").map(text).unwrap_or_default();
        let url = format!("/services/data/{version}/sobjects/{object}/{id}");
        let mut row = Fields::new();
        row.insert("attributes".to_owned(), json!({"type": object, "url": url}));
        for field in &self.fields {
            // Names of fields are the same in any case; what was stored has one of them.
            let known = record.get_key_value(field);
            let known = known.or_else(|| record.iter().find(|(known, _)| known.eq_ignore_ascii_case(field)));
            let (name, value) =
                known.map_or((field.clone(), Value::Null), |(name, value)| (name.clone(), value.clone()));
            row.insert(name, value);
        }
        Value::Object(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(soql: &str) -> Vec<String> {
        let records = json!([
            {"Id": "1", "Name": "O'Hara", "Rank__c": 10},
            {"Id": "2", "Name": "Acme", "Rank__c": 9},
            {"Id": "3", "Name": "globex", "Rank__c": null},
        ]);
        let records: Vec<Fields> = serde_json::from_value(records).unwrap();
        let rows = Query::parse(soql).unwrap().rows(records.iter(), "v1.0");
        rows.iter().map(|row| row["Name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_query_is_understood_whatever_its_case_and_spacing() {
        let query =
            Query::parse("select Id,Name from Account where Name='O\\'Hara' AND Rank__c != null limit 5").unwrap();
        assert_eq!(query.fields, ["Id", "Name"]);
        assert_eq!((query.object.as_str(), query.limit), ("Account", Some(5)));
        assert_eq!(names("select Id,Name from Account where Name='o\\'hara'  AND Rank__c != null limit 5"), ["O'Hara"]);
    }

    #[test]
    fn conditions_compare_join_and_negate() {
        assert_eq!(names("SELECT Name FROM A WHERE Rank__c < 10"), ["Acme"]);
        assert_eq!(names("SELECT Name FROM A WHERE Rank__c>=9 AND (Name LIKE '%C_E' OR Name = 'x')"), ["Acme"]);
        assert_eq!(names("SELECT name FROM A WHERE NOT Rank__c = null"), ["O'Hara", "Acme"]);
        assert_eq!(names("SELECT Name FROM A WHERE Id IN ('1', '3')"), ["O'Hara", "globex"]);
        assert_eq!(names("SELECT Name FROM A WHERE Id NOT IN ('1','3')"), ["Acme"]);
    }

    #[test]
    fn rows_come_in_the_order_asked_for() {
        assert_eq!(names("SELECT Name FROM A ORDER BY Name"), ["Acme", "globex", "O'Hara"]);
        assert_eq!(names("SELECT Name FROM A ORDER BY Rank__c DESC NULLS LAST LIMIT 2"), ["O'Hara", "Acme"]);
        assert_eq!(names("SELECT Name FROM A ORDER BY Rank__c ASC NULLS FIRST, Id OFFSET 1"), ["Acme", "O'Hara"]);
    }

    #[test]
    fn what_is_not_a_query_is_refused() {
        for soql in [
            "",
            "SELECT",
            "SELECT Id FROM",
            "SELECT Id FROM A WHERE",
            "SELECT Id FROM A x",
            "SELECT Id FROM A WHERE Name = 'x",
            "SELECT Id FROM A WHERE a = 1 AND b = 2 OR c = 3",
            "SELECT Id FROM A WHERE a IN ()",
        ] {
            assert!(Query::parse(soql).is_err(), "{soql}");
        }
    }
}
