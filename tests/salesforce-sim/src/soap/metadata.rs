//! The operations of the Metadata API.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::fault::Fault;
use super::{Operation, Outcome};
use crate::metadata::{self, Deployment, KINDS, Metadata};
use crate::xml::{self, Element};

/// Most components of a call that names them.
const COMPONENTS: usize = 10;

impl Operation<'_> {
    /// `None` for an operation that there is not.
    pub(super) fn metadata(&self, name: &str) -> Option<Outcome> {
        Some(match name {
            "describeMetadata" => Ok(xml::element("result", &description())),
            "listMetadata" => Ok(self.list_metadata()),
            "readMetadata" => self.read_metadata(),
            "createMetadata" => self.write_metadata(Write::Create),
            "updateMetadata" => self.write_metadata(Write::Update),
            "upsertMetadata" => self.write_metadata(Write::Upsert),
            "deleteMetadata" => self.delete_metadata(),
            "renameMetadata" => Ok(self.rename_metadata()),
            "deploy" => self.deploy(),
            "checkDeployStatus" => self.deploy_status(),
            "cancelDeploy" => self.asynchronous(&json!({"done": true, "id": self.asked().text_of("String")})),
            "retrieve" => self.retrieve_metadata(),
            "checkRetrieveStatus" => self.retrieve_status(),
            _ => return None,
        })
    }

    fn list_metadata(&self) -> String {
        let world = self.call.shared.world();
        let username = &world.users[&self.user.user_id].username;
        let metadata = &world.org(self.org_id).metadata;
        let kinds = self.asked().all("queries").filter_map(|query| query.text_of("type"));
        let listed = kinds.flat_map(|kind| {
            metadata.all(kind).map(move |(name, component)| {
                let user = (self.user.user_id.as_str(), username.as_str());
                xml::element("result", &Metadata::properties(kind, name, component, user))
            })
        });
        listed.collect()
    }

    fn read_metadata(&self) -> Outcome {
        let kind = self.kind()?;
        let names = self.names()?;
        let world = self.call.shared.world();
        let metadata = &world.org(self.org_id).metadata;
        let shown = |name: &str| match metadata.component(kind, name) {
            None => "<records xsi:nil=\"true\"/>".to_owned(),
            Some(component) => {
                format!("<records xsi:type=\"{kind}\">{}{}</records>", xml::leaf("fullName", name), component.content)
            }
        };
        Ok(format!("<result>{}</result>", names.into_iter().map(shown).collect::<String>()))
    }

    fn write_metadata(&self, write: Write) -> Outcome {
        let components: Vec<&Element> = self.asked().all("metadata").collect();
        if components.len() > COMPONENTS {
            return Err(too_many());
        }
        let now = self.call.shared.now();
        let mut world = self.call.shared.world();
        let results = components.into_iter().map(|described| {
            let kind = described.kind.as_deref().filter(|kind| *kind != "Metadata");
            let kind = kind.ok_or_else(|| Fault::new("INVALID_TYPE", "Must specify a {http://www.w3.org/2001/XMLSchema-instance}type attribute value for the Metadata element"))?;
            let name = described.text_of("fullName").unwrap_or_default();
            let known = world.org(self.org_id).metadata.component(kind, name).map(|known| known.id.clone());
            let problem = match (write, &known) {
                _ if name.is_empty() => Some(("REQUIRED_FIELD_MISSING", "Required field is missing: fullName".to_owned())),
                (Write::Create, Some(_)) => {
                    Some(("DUPLICATE_DEVELOPER_NAME", format!("There is already a {kind} named {name}")))
                }
                (Write::Update, None) => Some(("INVALID_CROSS_REFERENCE_KEY", format!("No {kind} named {name} found"))),
                _ => None,
            };
            let created = known.is_none();
            if problem.is_none() {
                let id = known.unwrap_or_else(|| world.ids.next("01I"));
                world.org_mut(self.org_id).metadata.put_described(now, id, kind, described);
            }
            let mut result = saved(name, problem);
            if write == Write::Upsert {
                result["created"] = Value::from(created);
            }
            Ok(xml::element("result", &result))
        });
        results.collect()
    }

    fn delete_metadata(&self) -> Outcome {
        let kind = self.kind()?;
        let names = self.names()?;
        let mut world = self.call.shared.world();
        let metadata = &mut world.org_mut(self.org_id).metadata;
        let deleted = names.into_iter().map(|name| {
            let problem = (!metadata.remove(kind, name))
                .then(|| ("INVALID_CROSS_REFERENCE_KEY", format!("no {kind} named {name} found")));
            xml::element("result", &saved(name, problem))
        });
        Ok(deleted.collect())
    }

    fn rename_metadata(&self) -> String {
        let text = |name| self.asked().text_of(name).unwrap_or_default();
        let (kind, from, to) = (text("type"), text("oldFullName"), text("newFullName"));
        let renamed = self.call.shared.world().org_mut(self.org_id).metadata.rename(kind, from, to);
        let problem = (!renamed).then(|| ("INVALID_CROSS_REFERENCE_KEY", format!("no {kind} named {from} found")));
        xml::element("result", &saved(to, problem))
    }

    fn deploy(&self) -> Outcome {
        let asked = self.asked();
        let archive = if self.envelope.is_elided {
            None
        } else {
            let packed: String = asked.text_of("ZipFile").unwrap_or_default().split_whitespace().collect();
            let unpacked = STANDARD.decode(packed);
            Some(unpacked.map_err(|_| Fault::new("INVALID_BASE64", "ZipFile is not base64"))?)
        };
        let options = asked.child("DeployOptions");
        let check_only = options.and_then(|options| options.text_of("checkOnly")) == Some("true");
        let now = self.call.shared.now();
        let deployment = Deployment { archive, check_only };
        let id = metadata::deploy(&mut self.call.shared.world(), now, &self.user, &deployment);
        let id = id.map_err(|problem| Fault::new("UNKNOWN_EXCEPTION", &problem))?;
        self.asynchronous(&json!({"done": false, "id": id, "state": "Queued"}))
    }

    fn deploy_status(&self) -> Outcome {
        let asked = self.asked();
        let id = asked.text_of("asyncProcessId").unwrap_or_default();
        let world = self.call.shared.world();
        let result = world.org(self.org_id).metadata.deployments.get(id);
        let mut result = result.cloned().ok_or_else(|| unknown_process(id))?;
        if asked.text_of("includeDetails") != Some("true")
            && let Some(members) = result.as_object_mut()
        {
            members.remove("details");
        }
        Ok(xml::element("result", &result))
    }

    fn retrieve_metadata(&self) -> Outcome {
        // Clients differ in what they call it.
        let request = self.asked().children.first();
        let request = request.ok_or_else(|| Fault::new("INVALID_TYPE", "retrieveRequest is missing"))?;
        let manifest = request.child("unpackaged");
        let manifest = manifest.ok_or_else(|| Fault::new("INVALID_CROSS_REFERENCE_KEY", "No package named"))?;
        let single_package = request.text_of("singlePackage") == Some("true");
        let id = metadata::retrieve(&mut self.call.shared.world(), &self.user, manifest, single_package);
        self.asynchronous(&json!({"done": false, "id": id, "state": "Queued"}))
    }

    fn retrieve_status(&self) -> Outcome {
        let asked = self.asked();
        let id = asked.text_of("asyncProcessId").unwrap_or_default();
        let world = self.call.shared.world();
        let result = world.org(self.org_id).metadata.retrievals.get(id);
        let mut result = result.cloned().ok_or_else(|| unknown_process(id))?;
        if asked.text_of("includeZip") == Some("false")
            && let Some(members) = result.as_object_mut()
        {
            members.remove("zipFile");
        }
        Ok(xml::element("result", &result))
    }

    fn asynchronous(&self, result: &Value) -> Outcome {
        Ok(xml::element("result", result))
    }

    fn kind(&self) -> Result<&str, Fault> {
        self.asked().text_of("type").ok_or_else(|| Fault::new("INVALID_TYPE", "type is missing"))
    }

    fn names(&self) -> Result<Vec<&str>, Fault> {
        let names: Vec<&str> = self.asked().texts_of("fullNames").collect();
        if names.len() > COMPONENTS { Err(too_many()) } else { Ok(names) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    Create,
    Update,
    Upsert,
}

fn too_many() -> Fault {
    Fault::new(
        "EXCEEDED_ID_LIMIT",
        &format!("record limit reached. cannot submit more than {COMPONENTS} records in this operation"),
    )
}

fn unknown_process(id: &str) -> Fault {
    Fault::new("INVALID_CROSS_REFERENCE_KEY", &format!("No AsyncProcess with id {id} found"))
}

fn saved(name: &str, problem: Option<(&str, String)>) -> Value {
    match problem {
        None => json!({"fullName": name, "success": true}),
        Some((code, message)) => {
            json!({"errors": {"message": message, "statusCode": code}, "fullName": name, "success": false})
        }
    }
}

fn description() -> Value {
    let kinds = KINDS.iter().map(|kind| {
        let mut described = json!({
            "directoryName": kind.folder,
            "inFolder": false,
            "metaFile": kind.has_meta_file,
            "xmlName": kind.name,
        });
        if !kind.suffix.is_empty() {
            described["suffix"] = Value::from(kind.suffix);
        }
        described
    });
    json!({
        "metadataObjects": kinds.collect::<Vec<_>>(),
        "organizationNamespace": "",
        "partialSaveAllowed": true,
        "testRequired": false,
    })
}
