//! The types of components that an org knows, and where an archive has their files.

/// A type of component.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    /// What its main file ends with; empty where a component is a folder of files.
    pub(crate) suffix: &'static str,
    /// Whether a file of its own, `-meta.xml`, describes it.
    pub(crate) has_meta_file: bool,
}

const fn kind(name: &'static str, folder: &'static str, suffix: &'static str, has_meta_file: bool) -> Kind {
    Kind { name, folder, suffix, has_meta_file }
}

pub(crate) const KINDS: [Kind; 20] = [
    kind("ApexClass", "classes", "cls", true),
    kind("ApexComponent", "components", "component", true),
    kind("ApexPage", "pages", "page", true),
    kind("ApexTrigger", "triggers", "trigger", true),
    kind("AuraDefinitionBundle", "aura", "", false),
    kind("CustomApplication", "applications", "app", false),
    kind("CustomLabels", "labels", "labels", false),
    kind("CustomMetadata", "customMetadata", "md", false),
    kind("CustomObject", "objects", "object", false),
    kind("CustomTab", "tabs", "tab", false),
    kind("ExternalClientApplication", "externalClientApps", "eca", false),
    kind("Flow", "flows", "flow", false),
    kind("Layout", "layouts", "layout", false),
    kind("LightningComponentBundle", "lwc", "", false),
    kind("NamedCredential", "namedCredentials", "namedCredential", false),
    kind("PermissionSet", "permissionsets", "permissionset", false),
    kind("Profile", "profiles", "profile", false),
    kind("RemoteSiteSetting", "remoteSiteSettings", "remoteSite", false),
    kind("Settings", "settings", "settings", false),
    kind("StaticResource", "staticresources", "resource", true),
];

impl Kind {
    /// The type and full name that a file belongs to, by its path below the archive's root.
    pub(super) fn of_file(path: &str) -> Option<(&'static Self, &str)> {
        let (folder, rest) = path.split_once('/')?;
        let kind = KINDS.iter().find(|kind| kind.folder == folder)?;
        if kind.suffix.is_empty() {
            return rest.split_once('/').map(|(name, _)| (kind, name));
        }
        let rest = rest.strip_suffix("-meta.xml").unwrap_or(rest);
        let name = rest.strip_suffix(kind.suffix)?.strip_suffix('.')?;
        Some((kind, name))
    }

    /// The path of a component's first file.
    pub(super) fn main_file(&self, name: &str) -> String {
        match self.suffix {
            "" => format!("{0}/{name}/{name}.js-meta.xml", self.folder),
            suffix => format!("{}/{name}.{suffix}", self.folder),
        }
    }

    /// Whether a file is the one whose document describes the component.
    pub(super) fn is_description(&self, path: &str) -> bool {
        path.ends_with("-meta.xml") || (!self.has_meta_file && !self.suffix.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_component_it_belongs_to() {
        let of = |path| Kind::of_file(path).map(|(kind, name)| (kind.name, name));
        assert_eq!(of("classes/A.cls"), Some(("ApexClass", "A")));
        assert_eq!(of("classes/A.cls-meta.xml"), Some(("ApexClass", "A")));
        assert_eq!(of("lwc/hello/hello.js"), Some(("LightningComponentBundle", "hello")));
        assert_eq!(of("objects/Order__c.object"), Some(("CustomObject", "Order__c")));
        assert_eq!(of("package.xml"), None);
        assert_eq!(of("classes/A.txt"), None);
    }
}
