//! An org's metadata: components that are deployed and retrieved as files in archives, or created and read one by one.

mod deploy;
mod kinds;
mod retrieve;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clock::{Millis, timestamp};
use crate::xml::Element;

pub(crate) use deploy::{Deployment, deploy};
pub(crate) use kinds::{KINDS, Kind};
pub(crate) use retrieve::retrieve;

/// The metadata of an org, and what has been asked of it.
#[derive(Default)]
pub(crate) struct Metadata {
    /// By type and full name.
    components: BTreeMap<(String, String), Component>,
    /// Results by the id of the deployment; `details` are among them.
    pub(crate) deployments: BTreeMap<String, Value>,
    /// Results by the id of the retrieval.
    pub(crate) retrievals: BTreeMap<String, Value>,
}

/// A component: what its type's document says, and the files that it is in an archive.
pub(crate) struct Component {
    pub(crate) id: String,
    /// The children of its element, without the full name.
    pub(crate) content: String,
    /// Paths below the archive's root.
    pub(crate) files: Vec<crate::zip::File>,
    changed: Millis,
}

impl Metadata {
    pub(crate) fn component(&self, kind: &str, name: &str) -> Option<&Component> {
        self.components.get(&(kind.to_owned(), name.to_owned()))
    }

    /// All components of a type with their full names.
    pub(crate) fn all(&self, kind: &str) -> impl Iterator<Item = (&str, &Component)> {
        let all = self.components.iter().filter(move |((known, _), _)| known == kind);
        all.map(|((_, name), component)| (name.as_str(), component))
    }

    pub(crate) fn remove(&mut self, kind: &str, name: &str) -> bool {
        self.components.remove(&(kind.to_owned(), name.to_owned())).is_some()
    }

    pub(crate) fn rename(&mut self, kind: &str, from: &str, to: &str) -> bool {
        let component = self.components.remove(&(kind.to_owned(), from.to_owned()));
        component.is_some_and(|component| {
            self.components.insert((kind.to_owned(), to.to_owned()), component);
            true
        })
    }

    /// Stores a component as its element describes it. True if it is new.
    pub(crate) fn put_described(&mut self, now: Millis, id: String, kind: &str, described: &Element) -> bool {
        let name = described.text_of("fullName").unwrap_or_default();
        let parts = described.children.iter().filter(|part| part.name != "fullName");
        let content: String = parts.map(|part| format!("<{0}>{1}</{0}>", part.name, part.inner_xml())).collect();
        let mut files = Vec::new();
        if let Some(known) = KINDS.iter().find(|known| known.name == kind) {
            let document = format!(
                "{}\n<{kind} xmlns=\"http://soap.sforce.com/2006/04/metadata\">{content}</{kind}>\n",
                crate::xml::DECLARATION
            );
            files.push((known.main_file(name), document.into_bytes()));
        }
        self.put(kind, name, Component { id, content, files, changed: now })
    }

    fn put(&mut self, kind: &str, name: &str, component: Component) -> bool {
        self.components.insert((kind.to_owned(), name.to_owned()), component).is_none()
    }

    /// What listings and retrievals say of a component.
    pub(crate) fn properties(kind: &str, name: &str, component: &Component, user: (&str, &str)) -> Value {
        let at = timestamp(component.changed);
        let file = component.files.first().map(|(path, _)| path.clone());
        json!({
            "createdById": user.0,
            "createdByName": user.1,
            "createdDate": at,
            "fileName": file.unwrap_or_else(|| format!("{kind}/{name}")),
            "fullName": name,
            "id": component.id,
            "lastModifiedById": user.0,
            "lastModifiedByName": user.1,
            "lastModifiedDate": at,
            "manageableState": "unmanaged",
            "type": kind,
        })
    }
}
