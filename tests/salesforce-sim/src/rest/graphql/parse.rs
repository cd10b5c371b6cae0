//! A GraphQL document of one query, with variables put in and without fragments.

use serde_json::{Map, Value};

/// Deeper documents are refused.
const DEEPEST: usize = 30;

/// A field that is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    alias: Option<String>,
    pub(super) name: String,
    /// An object.
    pub(super) arguments: Value,
    pub(super) selected: Vec<Field>,
}

impl Field {
    /// The name of its answer.
    pub(super) fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// The field of this name within it.
    pub(super) fn select(&self, name: &str) -> Option<&Self> {
        self.selected.iter().find(|field| field.name == name)
    }
}

/// The fields that the query asks for, or what is wrong with the document.
pub(super) fn parse(document: &str, variables: &Value) -> Result<Vec<Field>, String> {
    let mut parser = Parser { rest: document, variables };
    if parser.word() == Some("query") {
        parser.take_word()?;
        if parser.word().is_some() {
            parser.take_word()?;
        }
        if parser.take("(") {
            // The types of variables are not looked at.
            let end = parser.rest.find(')').ok_or("Invalid Syntax : unclosed variables")?;
            parser.rest = &parser.rest[end + 1..];
        }
    }
    let fields = parser.selection(0)?;
    parser.skip();
    if parser.rest.is_empty() { Ok(fields) } else { Err(parser.offending()) }
}

struct Parser<'a> {
    rest: &'a str,
    variables: &'a Value,
}

impl<'a> Parser<'a> {
    fn selection(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEEPEST || !self.take("{") {
            return Err(self.offending());
        }
        let mut fields = Vec::new();
        while !self.take("}") {
            fields.push(self.field(depth)?);
        }
        if fields.is_empty() { Err("Invalid Syntax : an empty selection".to_owned()) } else { Ok(fields) }
    }

    fn field(&mut self, depth: usize) -> Result<Field, String> {
        let first = self.take_word()?.to_owned();
        let (alias, name) = if self.take(":") { (Some(first), self.take_word()?.to_owned()) } else { (None, first) };
        let arguments = if self.take("(") { self.members(")", depth)? } else { Map::new() };
        while self.take("@") {
            self.take_word()?;
            if self.take("(") {
                self.members(")", depth)?;
            }
        }
        self.skip();
        let selected = if self.rest.starts_with('{') { self.selection(depth + 1)? } else { Vec::new() };
        Ok(Field { alias, name, arguments: Value::Object(arguments), selected })
    }

    /// `name: value` up to what closes them.
    fn members(&mut self, close: &str, depth: usize) -> Result<Map<String, Value>, String> {
        let mut members = Map::new();
        while !self.take(close) {
            let name = self.take_word()?.to_owned();
            if !self.take(":") {
                return Err(self.offending());
            }
            members.insert(name, self.value(depth + 1)?);
        }
        Ok(members)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err(self.offending());
        }
        if self.take("$") {
            let name = self.take_word()?;
            return Ok(self.variables[name].clone());
        }
        if self.take("{") {
            return Ok(Value::Object(self.members("}", depth)?));
        }
        if self.take("[") {
            let mut list = Vec::new();
            while !self.take("]") {
                list.push(self.value(depth + 1)?);
            }
            return Ok(Value::Array(list));
        }
        if self.rest.starts_with('"') {
            // A string is written as in JSON.
            let mut strings = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
            let text = strings.next().and_then(Result::ok).ok_or_else(|| self.offending())?;
            self.rest = &self.rest[strings.byte_offset()..];
            return Ok(Value::from(text));
        }
        let word = self.take_word()?;
        Ok(serde_json::from_str(word).unwrap_or_else(|_| Value::from(word)))
    }

    /// Spaces, commas and comments mean nothing.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
            let Some(comment) = self.rest.strip_prefix('#') else { return };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The word or number that comes next.
    fn word(&mut self) -> Option<&'a str> {
        self.skip();
        let is_word = |letter: char| letter.is_alphanumeric() || "_-.".contains(letter);
        let end = self.rest.find(|letter| !is_word(letter)).unwrap_or(self.rest.len());
        Some(&self.rest[..end]).filter(|word| !word.is_empty() && !word.starts_with('.'))
    }

    fn take_word(&mut self) -> Result<&'a str, String> {
        let word = self.word().ok_or_else(|| self.offending())?;
        self.rest = &self.rest[word.len()..];
        Ok(word)
    }

    fn offending(&self) -> String {
        let token = self.rest.chars().next().map_or("<EOF>".to_owned(), String::from);
        format!("Invalid Syntax : offending token '{token}'")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_is_taken_apart() {
        let document = "query Q($n: Int = 1) { # all\n a: x(first: $n, where: {Name: {in: [\"\\\"1\\\"\", DESC]}}) @optional { y } }";
        let fields = parse(document, &json!({"n": 3})).unwrap();
        assert_eq!((fields[0].key(), fields[0].name.as_str()), ("a", "x"));
        assert_eq!(fields[0].arguments, json!({"first": 3, "where": {"Name": {"in": ["\"1\"", "DESC"]}}}));
        assert_eq!(fields[0].select("y").unwrap().selected, []);
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for document in ["", "{", "{}", "{a", "{a}}", "{a(b)}", "{a(b:)}", "mutation {a}", "{ ...f }", "{a(b: \"c)}"] {
            assert!(parse(document, &Value::Null).is_err(), "{document}");
        }
    }
}
