//! Retrievals: components of the org become an archive.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Metadata;
use crate::state::World;
use crate::state::sessions::Identity;
use crate::xml::{DECLARATION, Element, leaf};
use crate::zip;

/// Retrieves at once what a manifest names, and returns the id under which the result is kept. Without a single package,
/// the archive has everything in a folder `unpackaged`.
pub(crate) fn retrieve(world: &mut World, user: &Identity, manifest: &Element, single_package: bool) -> String {
    let root = if single_package { "" } else { "unpackaged/" };
    let username = world.users[&user.user_id].username.clone();
    let metadata = &world.org(&user.org_id).metadata;
    let (mut files, mut properties, mut messages, mut listed) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    for types in manifest.all("types") {
        let kind = types.text_of("name").unwrap_or_default();
        let mut names: Vec<&str> = types.texts_of("members").collect();
        if names.contains(&"*") {
            names = metadata.all(kind).map(|(name, _)| name).collect();
        }
        let mut members = String::new();
        for name in names {
            let Some(component) = metadata.component(kind, name) else {
                let problem = format!("Entity of type '{kind}' named '{name}' cannot be found");
                messages.push(json!({"fileName": format!("{root}package.xml"), "problem": problem}));
                continue;
            };
            members.push_str(&leaf("members", name));
            files.extend(component.files.iter().map(|(path, contents)| (format!("{root}{path}"), contents.clone())));
            let mut shown = Metadata::properties(kind, name, component, (&user.user_id, &username));
            shown["fileName"] = Value::from(format!("{root}{}", shown["fileName"].as_str().unwrap_or_default()));
            properties.push(shown);
        }
        listed.push_str(&format!("<types>{members}{}</types>", leaf("name", kind)));
    }
    let version = manifest.text_of("version").unwrap_or(crate::rest::LATEST);
    let package = format!(
        "{DECLARATION}\n<Package xmlns=\"http://soap.sforce.com/2006/04/metadata\">{listed}{}</Package>\n",
        leaf("version", version)
    );
    files.push((format!("{root}package.xml"), package.into_bytes()));
    let archive = STANDARD.encode(zip::write(&files));
    let id = world.ids.next("09S");
    let result = json!({
        "done": true,
        "fileProperties": properties,
        "id": id,
        "messages": messages,
        "status": "Succeeded",
        "success": true,
        "zipFile": archive,
    });
    world.org_mut(&user.org_id).metadata.retrievals.insert(id.clone(), result);
    id
}
