//! Deployments: an archive with a list of its components becomes components of the org, all of them or none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Component, Kind};
use crate::clock::timestamp;
use crate::state::World;
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
            components(world, now, user, files, deployment.check_only)?
        }
    };
    let id = world.ids.next("0Af");
    let result = result(world, now, user, &id, deployment, &messages);
    world.org_mut(&user.org_id).metadata.deployments.insert(id.clone(), result);
    Ok(id)
}

fn components(
    world: &mut World,
    now: u64,
    user: &Identity,
    files: Vec<zip::File>,
    check_only: bool,
) -> Result<Vec<Message>, String> {
    let manifest = files.iter().find(|(path, _)| path == "package.xml" || path.ends_with("/package.xml"));
    let (path, manifest) = manifest.ok_or("No package.xml found")?;
    let root = path.trim_end_matches("package.xml").to_owned();
    let manifest = Element::parse(manifest)?;
    let mut found: BTreeMap<(&'static str, String), Vec<zip::File>> = BTreeMap::new();
    let mut destroyed = Vec::new();
    for (path, contents) in &files {
        let below = path.strip_prefix(&root).unwrap_or(path);
        if below.starts_with("destructiveChanges") {
            destroyed.extend(members(&Element::parse(contents)?));
        } else if let Some((kind, name)) = Kind::of_file(below) {
            found.entry((kind.name, name.to_owned())).or_default().push((below.to_owned(), contents.clone()));
        }
    }
    let mut messages: Vec<Message> = members(&manifest)
        .filter(|(kind, name)| name != "*" && !found.keys().any(|known| known.0 == kind && known.1 == *name))
        .map(|(kind, name)| Message {
            problem: Some(format!(
                "An object '{name}' of type {kind} was named in package.xml, but was not found in zipped directory"
            )),
            ..Message::of(kind, name, "package.xml")
        })
        .collect();
    let may_store = messages.is_empty() && !check_only;
    for ((kind, name), files) in found {
        let known = world.org(&user.org_id).metadata.component(kind, &name).map(|known| known.id.clone());
        let message = Message { created: known.is_none(), ..Message::of(kind, &name, &files[0].0) };
        messages.push(message);
        if may_store {
            let id = known.unwrap_or_else(|| world.ids.next("01p"));
            let component = Component { id, content: described(kind, &files), files, changed: now };
            world.org_mut(&user.org_id).metadata.put(kind, &name, component);
        }
    }
    for (kind, name) in destroyed {
        let metadata = &mut world.org_mut(&user.org_id).metadata;
        let was_there =
            if may_store { metadata.remove(&kind, &name) } else { metadata.component(&kind, &name).is_some() };
        let problem = (!was_there).then(|| format!("No {kind} named: {name} found"));
        messages.push(Message { deleted: was_there, problem, ..Message::of(kind, name, "destructiveChanges.xml") });
    }
    Ok(messages)
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
