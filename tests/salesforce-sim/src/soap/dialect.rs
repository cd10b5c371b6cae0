//! The SOAP APIs, which differ in path, namespaces, and how they write a record.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Records are untyped and carry the name of their object.
    Partner,
    /// Records are typed for one org.
    Enterprise,
    Metadata,
    Tooling,
    Apex,
}

impl Dialect {
    /// By the letter in the path.
    pub(super) fn of(letter: &str) -> Option<Self> {
        Some(match letter {
            "u" => Self::Partner,
            "c" => Self::Enterprise,
            "m" => Self::Metadata,
            "T" => Self::Tooling,
            "s" => Self::Apex,
            _ => return None,
        })
    }

    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::Partner => "u",
            Self::Enterprise => "c",
            Self::Metadata => "m",
            Self::Tooling => "T",
            Self::Apex => "s",
        }
    }

    /// The namespace of operations and headers.
    pub(super) fn namespace(self) -> &'static str {
        match self {
            Self::Partner => "urn:partner.soap.sforce.com",
            Self::Enterprise => "urn:enterprise.soap.sforce.com",
            Self::Metadata => "http://soap.sforce.com/2006/04/metadata",
            Self::Tooling => "urn:tooling.soap.sforce.com",
            Self::Apex => "http://soap.sforce.com/2006/08/apex",
        }
    }

    /// The namespace of records.
    pub(super) fn objects(self) -> &'static str {
        match self {
            Self::Partner => "urn:sobject.partner.soap.sforce.com",
            Self::Enterprise => "urn:sobject.enterprise.soap.sforce.com",
            Self::Tooling => "urn:sobject.tooling.soap.sforce.com",
            Self::Metadata | Self::Apex => self.namespace(),
        }
    }

    /// The namespace of faults.
    pub(super) fn faults(self) -> &'static str {
        match self {
            Self::Partner => "urn:fault.partner.soap.sforce.com",
            Self::Enterprise => "urn:fault.enterprise.soap.sforce.com",
            Self::Tooling => "urn:fault.tooling.soap.sforce.com",
            Self::Metadata | Self::Apex => self.namespace(),
        }
    }

    pub(super) fn has_login(self) -> bool {
        matches!(self, Self::Partner | Self::Enterprise | Self::Tooling)
    }

    /// Whether its answers say how much of the quota is used.
    pub(super) fn tells_limits(self) -> bool {
        matches!(self, Self::Partner | Self::Enterprise)
    }
}
