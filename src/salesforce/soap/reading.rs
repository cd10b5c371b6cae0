//! Reads an envelope's elements in order, up to the first of its body. Elements are known by their local names: clients
//! use any prefix, and an element of another namespace by the same name is taken for the real one rather than overlooked.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{SoapFault, SoapOpening, Splice};

const ENVELOPE: &[&str] = &["Envelope"];
const BODY: &[&str] = &["Envelope", "Body"];
const HEADER: &[&str] = &["Envelope", "Header"];
const SESSION_HEADER: &[&str] = &["Envelope", "Header", "SessionHeader"];

/// What has been seen so far, and where in the tree the reader is.
struct State<'a> {
    text: &'a str,
    /// The namespace for a `SessionHeader` to put in where there is none.
    namespace: &'a str,
    /// The local names of the elements that are open.
    open: Vec<&'a str>,
    /// The prefix of `Envelope`, with its colon.
    prefix: &'a str,
    header_seen: bool,
    session_header_seen: bool,
    session_id: Option<String>,
    /// Where the text of `sessionId` begins, while that is open.
    id_begins: Option<usize>,
    splice: Option<Splice>,
}

/// Reads the beginning in `text`; `None` if it ends too early.
pub(super) fn read(text: &str, namespace: &str) -> Result<Option<SoapOpening>, SoapFault> {
    let mark = text.strip_prefix('\u{feff}').map_or(0, |rest| text.len() - rest.len());
    let mut reader = Reader::from_str(&text[mark..]);
    let position = |reader: &Reader<&[u8]>| mark + usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
    let mut state = State::new(text, namespace);
    loop {
        let begins = position(&reader);
        let event = match reader.read_event() {
            Ok(event) => event,
            // Markup that is not closed may only be cut off.
            Err(Error::Syntax(_) | Error::IllFormed(IllFormedError::UnclosedReference)) => return Ok(None),
            Err(_) => return Err(SoapFault::Form),
        };
        let span = begins..position(&reader);
        match event {
            Event::Start(_) | Event::Empty(_) if state.is_at(BODY) => return Ok(Some(state.finish(span))),
            Event::Start(tag) => state.start(&tag, span)?,
            Event::Empty(tag) => state.empty(&tag, span)?,
            Event::End(_) => state.end(span.start)?,
            Event::Text(piece) => state.add(&piece)?,
            Event::CData(piece) => state.add(&piece)?,
            Event::GeneralRef(reference) => state.add(resolve(&reference)?.as_str())?,
            Event::DocType(_) => return Err(SoapFault::DocumentType),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::Eof => return Ok(None),
        }
    }
}

/// The text of the first element of this local name.
pub(super) fn text_of(name: &str, text: &str) -> Option<String> {
    let mut reader = Reader::from_str(text);
    let mut found: Option<String> = None;
    loop {
        match (reader.read_event().ok()?, &mut found) {
            (Event::Start(tag), None) if tag.local_name().as_ref() == name => found = Some(String::new()),
            (Event::Text(piece), Some(text)) => text.push_str(&piece),
            (Event::CData(piece), Some(text)) => text.push_str(&piece),
            (Event::GeneralRef(reference), Some(text)) => text.push_str(&resolve(&reference).ok()?),
            (Event::End(_), Some(text)) => return Some(text.trim_ascii().to_owned()),
            (Event::Eof, _) => return None,
            _ => {}
        }
    }
}

impl<'a> State<'a> {
    fn new(text: &'a str, namespace: &'a str) -> Self {
        Self {
            text,
            namespace,
            open: Vec::new(),
            prefix: "",
            header_seen: false,
            session_header_seen: false,
            session_id: None,
            id_begins: None,
            splice: None,
        }
    }

    fn is_at(&self, path: &[&str]) -> bool {
        self.open == path
    }

    fn start(&mut self, tag: &BytesStart<'_>, span: Range<usize>) -> Result<(), SoapFault> {
        let (prefix, name) = self.name(tag, &span);
        self.enter(name)?;
        match name {
            _ if self.open.is_empty() => self.prefix = prefix,
            "Header" if self.is_at(ENVELOPE) => self.splice_in(span.end..span.end, String::new(), String::new()),
            "Body" if self.is_at(ENVELOPE) && !self.header_seen => self.splice_in_header(span.start),
            "sessionId" if self.is_at(SESSION_HEADER) => self.id_begins = Some(span.end),
            _ => {}
        }
        self.open.push(name);
        Ok(())
    }

    fn empty(&mut self, tag: &BytesStart<'_>, span: Range<usize>) -> Result<(), SoapFault> {
        let (prefix, name) = self.name(tag, &span);
        self.enter(name)?;
        let raw = &self.text[span.clone()];
        let opened = format!("{}>", raw.trim_end_matches('>').trim_end_matches('/'));
        let closed = format!("</{prefix}{name}>");
        match name {
            // An empty envelope or body calls nothing.
            _ if self.open.is_empty() => return Err(SoapFault::Form),
            "Body" if self.is_at(ENVELOPE) => return Err(SoapFault::Form),
            "Header" if self.is_at(ENVELOPE) => self.splice_in(span, opened, closed),
            "SessionHeader" if self.is_at(HEADER) => return Err(SoapFault::Form),
            "sessionId" if self.is_at(SESSION_HEADER) => {
                self.splice = Some(Splice { replaces: span, before: opened, after: closed });
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, begins: usize) -> Result<(), SoapFault> {
        let name = self.open.pop().ok_or(SoapFault::Form)?;
        if let Some(id_begins) = self.id_begins.take() {
            self.splice = Some(Splice { replaces: id_begins..begins, before: String::new(), after: String::new() });
        }
        // What ends before an operation began calls nothing.
        let calls_nothing = self.open.is_empty() || (name == "Body" && self.is_at(ENVELOPE));
        let has_no_id = name == "SessionHeader" && self.is_at(HEADER) && self.session_id.is_none();
        if calls_nothing || has_no_id { Err(SoapFault::Form) } else { Ok(()) }
    }

    /// Checks that an element of this name may begin here, and notes those that may come only once.
    fn enter(&mut self, name: &str) -> Result<(), SoapFault> {
        if self.id_begins.is_some() {
            return Err(SoapFault::Form);
        }
        let seen_before = match name {
            _ if self.open.is_empty() => return if name == "Envelope" { Ok(()) } else { Err(SoapFault::Form) },
            "Header" if self.is_at(ENVELOPE) => std::mem::replace(&mut self.header_seen, true),
            "SessionHeader" if self.is_at(HEADER) => std::mem::replace(&mut self.session_header_seen, true),
            "sessionId" if self.is_at(SESSION_HEADER) => self.session_id.replace(String::new()).is_some(),
            _ => false,
        };
        if seen_before { Err(SoapFault::Repeated) } else { Ok(()) }
    }

    fn add(&mut self, piece: &str) -> Result<(), SoapFault> {
        match &mut self.session_id {
            Some(id) if self.id_begins.is_some() => id.push_str(piece),
            _ if self.open.is_empty() && !piece.trim_ascii().is_empty() => return Err(SoapFault::Form),
            _ => {}
        }
        Ok(())
    }

    /// Notes where a whole session header goes, unless one comes.
    fn splice_in(&mut self, replaces: Range<usize>, before: String, after: String) {
        let before = format!("{before}<SessionHeader xmlns=\"{}\"><sessionId>", self.namespace);
        let after = format!("</sessionId></SessionHeader>{after}");
        self.splice = Some(Splice { replaces, before, after });
    }

    fn splice_in_header(&mut self, at: usize) {
        self.splice_in(at..at, format!("<{}Header>", self.prefix), format!("</{}Header>", self.prefix));
    }

    /// Prefix with its colon, and local name, as the text has them.
    fn name(&self, tag: &BytesStart<'_>, span: &Range<usize>) -> (&'a str, &'a str) {
        let begins = span.start + 1;
        let name = self.text.get(begins..begins + tag.name().as_ref().len()).unwrap_or_default();
        let local = name.rfind(':').map_or(0, |colon| colon + 1);
        name.split_at(local)
    }

    /// What was found when the element at `span` begins, which names the operation.
    fn finish(self, span: Range<usize>) -> SoapOpening {
        let name = self.text[span.start + 1..span.end].trim_end_matches(['/', '>']);
        let name = name.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        let operation = name.rsplit(':').next().unwrap_or_default().to_owned();
        let session_id = self.session_id.map(|id| id.trim_ascii().to_owned()).filter(|id| !id.is_empty());
        SoapOpening { session_id, operation, splice: self.splice.unwrap_or_default() }
    }
}

/// The character that a reference in text stands for. SOAP has no entities but XML's own.
fn resolve(reference: &BytesRef<'_>) -> Result<String, SoapFault> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => resolve_predefined_entity(reference).map(str::to_owned).ok_or(SoapFault::Form),
        Err(_) => Err(SoapFault::Form),
    }
}
