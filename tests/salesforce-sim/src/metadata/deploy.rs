//! Deployments: an archive with a list of its components becomes components of the org, all of them or none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Component, Kind, Metadata};
use crate::clock::timestamp;
use crate::state::World;
use crate::state::objects::Fields;
use crate::state::sessions::Identity;
use crate::xml::Element;
use crate::zip;

/// What is to be deployed.
pub(crate) struct Deployment {
    /// The archive; `None` if it was too large to be kept, and then it is deployed without being looked at.
    pub(crate) archive: Option<Vec<u8>>,
    pub(crate) check_only: bool,
}

/// One line of the details.
struct Message {
    kind: String,
    name: String,
    file: String,
    created: bool,
    deleted: bool,
    problem: Option<String>,
}

/// Deploys at once, and returns the id under which the result is kept; the refusal is an archive that is none.
pub(crate) fn deploy(world: &mut World, now: u64, user: &Identity, deployment: &Deployment) -> Result<String, String> {
    let messages = match &deployment.archive {
        None => Vec::new(),
        Some(archive) => {
            let files = zip::read(archive).ok_or("Could not unzip the file: not a zip file")?;
            let contents = Contents::of(files)?;
            let messages = contents.messages(&world.org(&user.org_id).metadata);
            if !deployment.check_only && messages.iter().all(|message| message.problem.is_none()) {
                contents.store(world, now, &user.org_id);
            }
            messages
        }
    };
    let id = world.ids.next("0Af");
    let result = result(world, now, user, &id, deployment, &messages);
    world.org_mut(&user.org_id).metadata.deployments.insert(id.clone(), result);
    Ok(id)
}

/// What an archive holds.
struct Contents {
    /// By type and full name, the files of each component.
    found: BTreeMap<(&'static str, String), Vec<zip::File>>,
    listed: Vec<(String, String)>,
    /// Components that are to go.
    destroyed: Vec<(String, String)>,
}

impl Contents {
    fn of(files: Vec<zip::File>) -> Result<Self, String> {
        let manifest = files.iter().find(|(path, _)| path == "package.xml" || path.ends_with("/package.xml"));
        let (path, manifest) = manifest.ok_or("No package.xml found")?;
        let root = path.trim_end_matches("package.xml").to_owned();
        let listed = members(&Element::parse(manifest)?).collect();
        let mut contents = Self { found: BTreeMap::new(), listed, destroyed: Vec::new() };
        for (path, file) in files {
            let below = path.strip_prefix(&root).unwrap_or(&path);
            if below.starts_with("destructiveChanges") {
                contents.destroyed.extend(members(&Element::parse(&file)?));
            } else if let Some((kind, name)) = Kind::of_file(below) {
                let component = contents.found.entry((kind.name, name.to_owned())).or_default();
                component.push((below.to_owned(), file));
            }
        }
        Ok(contents)
    }

    /// What is to be said of each component before anything is done.
    fn messages(&self, metadata: &Metadata) -> Vec<Message> {
        let is_missing = |(kind, name): &&(String, String)| {
            name != "*" && !self.found.keys().any(|known| known.0 == kind && known.1 == *name)
        };
        let missing = self.listed.iter().filter(is_missing).map(|(kind, name)| {
            let problem = format!(
                "An object '{name}' of type {kind} was named in package.xml, but was not found in zipped directory"
            );
            Message { problem: Some(problem), ..Message::of(kind, name, "package.xml") }
        });
        let found = self.found.iter().map(|((kind, name), files)| {
            let created = metadata.component(kind, name).is_none();
            Message { created, ..Message::of(*kind, name, &files[0].0) }
        });
        let destroyed = self.destroyed.iter().map(|(kind, name)| {
            let deleted = metadata.component(kind, name).is_some();
            let problem = (!deleted).then(|| format!("No {kind} named: {name} found"));
            Message { deleted, problem, ..Message::of(kind, name, "destructiveChanges.xml") }
        });
        missing.chain(found).chain(destroyed).collect()
    }

    fn store(self, world: &mut World, now: u64, org_id: &str) {
        for ((kind, name), files) in self.found {
            let known = world.org(org_id).metadata.component(kind, &name).map(|known| known.id.clone());
            let id = known.unwrap_or_else(|| world.ids.next("01p"));
            let org = world.org_mut(org_id);
            if is_code(kind) {
                org.objects.insert(kind, &id, code(&name, &files));
            }
            let content = described(kind, &files);
            org.metadata.put(kind, &name, Component { id, content, files, changed: now });
        }
        let org = world.org_mut(org_id);
        for (kind, name) in self.destroyed {
            let id = org.metadata.component(&kind, &name).map(|component| component.id.clone());
            org.metadata.remove(&kind, &name);
            if let Some(id) = id.filter(|_| is_code(&kind)) {
                org.objects.remove(&kind, &id);
            }
        }
    }
}

/// Whether components of this type are records too, which the Tooling API has.
fn is_code(kind: &str) -> bool {
    matches!(kind, "ApexClass" | "ApexTrigger")
}

fn code(name: &str, files: &[zip::File]) -> Fields {
    let source = files.iter().find(|(path, _)| !path.ends_with("-meta.xml"));
    let source = source.map(|(_, contents)| String::from_utf8_lossy(contents)).unwrap_or_default();
    let fields = [("Name", name), ("Body", &source), ("Status", "Active")];
    fields.map(|(field, value)| (field.to_owned(), Value::from(value))).into_iter().collect()
}

/// What a component's document says.
fn described(kind: &str, files: &[zip::File]) -> String {
    let kind = super::KINDS.iter().find(|known| known.name == kind);
    let file = kind.and_then(|kind| files.iter().find(|(path, _)| kind.is_description(path)));
    let document = file.and_then(|(_, contents)| Element::parse(contents).ok());
    document.map(|document| document.inner_xml()).unwrap_or_default()
}

/// The components that a manifest names.
fn members(manifest: &Element) -> impl Iterator<Item = (String, String)> {
    let types = manifest.all("types");
    types.flat_map(|kind| {
        let name = kind.text_of("name").unwrap_or_default().to_owned();
        kind.texts_of("members").map(move |member| (name.clone(), member.to_owned()))
    })
}

impl Message {
    fn of(kind: impl Into<String>, name: impl Into<String>, file: &str) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
            file: file.to_owned(),
            created: false,
            deleted: false,
            problem: None,
        }
    }

    fn shown(&self, at: &str) -> Value {
        let mut shown = json!({
            "changed": self.problem.is_none() && !self.deleted,
            "componentType": self.kind,
            "created": self.created,
            "createdDate": at,
            "deleted": self.deleted,
            "fileName": self.file,
            "fullName": self.name,
            "success": self.problem.is_none(),
        });
        if let Some(problem) = &self.problem {
            shown["problem"] = Value::from(problem.as_str());
            shown["problemType"] = Value::from("Error");
        }
        shown
    }
}

fn result(world: &World, now: u64, user: &Identity, id: &str, deployment: &Deployment, messages: &[Message]) -> Value {
    let at = timestamp(now);
    let failed = messages.iter().filter(|message| message.problem.is_some()).count();
    let shown = |failed: bool| -> Vec<Value> {
        let those = messages.iter().filter(|message| message.problem.is_some() == failed);
        those.map(|message| message.shown(&at)).collect()
    };
    json!({
        "checkOnly": deployment.check_only,
        "completedDate": at,
        "createdBy": user.user_id,
        "createdByName": world.users[&user.user_id].username,
        "createdDate": at,
        "details": {
            "componentFailures": shown(true),
            "componentSuccesses": shown(false),
            "runTestResult": {"numFailures": 0, "numTestsRun": 0, "totalTime": 0.0},
        },
        "done": true,
        "id": id,
        "ignoreWarnings": false,
        "lastModifiedDate": at,
        "numberComponentErrors": failed,
        "numberComponentsDeployed": if failed > 0 { 0 } else { messages.len() },
        "numberComponentsTotal": messages.len(),
        "numberTestErrors": 0,
        "numberTestsCompleted": 0,
        "numberTestsTotal": 0,
        "rollbackOnError": true,
        "runTestsEnabled": false,
        "startDate": at,
        "status": if failed > 0 { "Failed" } else { "Succeeded" },
        "success": failed == 0,
    })
}
