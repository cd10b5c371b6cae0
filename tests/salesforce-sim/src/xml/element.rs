//! One element of a document that was read, with everything in it.

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

use super::escape;

const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Deeper documents are nobody's requests.
const DEEPEST: usize = 100;

/// An element: names are without their prefixes, whose meaning is in `namespace`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// The `xsi:type`, without its prefix.
    pub(crate) kind: Option<String>,
    /// Whether it is `xsi:nil`.
    pub(crate) nil: bool,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The root of a document, or what is wrong with it. A document type is refused as Salesforce does.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, String> {
        let document = std::str::from_utf8(document).map_err(|error| error.to_string())?;
        let mut reader = NsReader::from_str(document);
        // The elements that are open, the innermost last; the first stands for the document.
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => {
                    let element = Self::begun(&start, &reader)?;
                    open.push(element);
                }
                Event::Empty(start) => {
                    let element = Self::begun(&start, &reader)?;
                    innermost(&mut open).children.push(element);
                }
                Event::End(_) => {
                    let whole = open.pop().unwrap_or_default();
                    innermost(&mut open).children.push(whole);
                }
                Event::Text(text) => innermost(&mut open).text.push_str(&text.xml10_content()),
                Event::CData(text) => innermost(&mut open).text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let text = resolved(&reference)?;
                    innermost(&mut open).text.push_str(&text);
                }
                Event::DocType(_) => return Err("DOCTYPE is disallowed".to_owned()),
                Event::Eof => break,
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
            if open.len() > DEEPEST {
                return Err("too deep".to_owned());
            }
        }
        let root = innermost(&mut open).children.pop();
        if open.len() > 1 {
            return Err("the document ends within an element".to_owned());
        }
        root.ok_or_else(|| "no element".to_owned())
    }

    fn begun(start: &BytesStart<'_>, reader: &NsReader<&[u8]>) -> Result<Self, String> {
        let namespace = match reader.resolver().resolve_element(start.name()).0 {
            ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(prefix) => return Err(format!("The prefix {prefix:?} is not bound")),
        };
        let mut element = Self { name: start.local_name().as_ref().to_owned(), namespace, ..Self::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let (namespace, name) = reader.resolver().resolve_attribute(attribute.key);
            if !matches!(namespace, ResolveResult::Bound(namespace) if namespace.as_ref() == SCHEMA_INSTANCE) {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            match name.as_ref() {
                "type" => element.kind = value.rsplit(':').next().map(str::to_owned),
                "nil" => element.nil = matches!(value.trim(), "true" | "1"),
                _ => {}
            }
        }
        Ok(element)
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name, trimmed.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }

    /// The texts of all children of this name.
    pub(crate) fn texts_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.all(name).map(|child| child.text.trim())
    }

    /// Its children as a document has them, without namespaces.
    pub(crate) fn inner_xml(&self) -> String {
        if self.children.is_empty() {
            return escape(&self.text);
        }
        let child = |child: &Self| format!("<{0}>{1}</{0}>", child.name, child.inner_xml());
        self.children.iter().map(child).collect()
    }
}

fn innermost(open: &mut [Element]) -> &mut Element {
    open.last_mut().expect("the document itself is never closed")
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(letter) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(letter.to_string());
    }
    let name = reference.xml10_content();
    let text = resolve_predefined_entity(&name).ok_or_else(|| format!("unknown entity {name}"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_attributes_and_references_are_resolved() {
        let document = "<?xml version='1.0'?><a:x xmlns:a='urn:a' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>\
            <b xmlns='urn:b' i:type='sf:Kind' other='1'>1 &lt; &#50; <![CDATA[& 3]]></b><a:c i:nil='true'/></a:x>";
        let root = Element::parse(document.as_bytes()).unwrap();
        assert_eq!((root.name.as_str(), root.namespace.as_str()), ("x", "urn:a"));
        let b = root.child("b").unwrap();
        assert_eq!((b.text.as_str(), b.kind.as_deref(), b.namespace.as_str()), ("1 < 2 & 3", Some("Kind"), "urn:b"));
        assert!(root.child("c").unwrap().nil);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for document in ["", "x", "<a>", "<a></b>", "<p:a/>", "<!DOCTYPE a><a/>", "<a>&other;</a>", "<a b=c/>"] {
            assert!(Element::parse(document.as_bytes()).is_err(), "{document}");
        }
    }
}
