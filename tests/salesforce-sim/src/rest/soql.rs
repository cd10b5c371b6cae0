//! As much of SOQL as lists an org's records:
//! `SELECT fields|COUNT() FROM Object [WHERE field =|!= literal [AND ...]] [LIMIT n] [OFFSET n]`.

use serde_json::Value;

use crate::state::objects::{Fields, text};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    /// Empty for `COUNT()`.
    pub(crate) fields: Vec<String>,
    pub(crate) object: String,
    conditions: Vec<Condition>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Condition {
    field: String,
    equal: bool,
    /// `None` is `null`.
    literal: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

impl Query {
    /// The query, or what is wrong with it.
    pub(crate) fn parse(soql: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokenize(soql)?, next: 0 };
        let query = parser.query()?;
        match parser.peek() {
            None => Ok(query),
            Some(token) => Err(format!("unexpected token: {token:?}")),
        }
    }

    pub(crate) fn admits(&self, record: &Fields) -> bool {
        self.conditions.iter().all(|condition| {
            let value = record.get(&condition.field).filter(|value| !value.is_null());
            let same = match (&condition.literal, value) {
                (None, None) => true,
                (Some(literal), Some(value)) => text(value).eq_ignore_ascii_case(literal),
                _ => false,
            };
            same == condition.equal
        })
    }

    /// The row a query shows of a record.
    pub(crate) fn row(&self, record: &Fields, version: &str) -> Value {
        let object = &self.object;
        let id = record.get("Id").map(text).unwrap_or_default();
        let mut row = Fields::new();
        row.insert(
            "attributes".to_owned(),
            serde_json::json!({
                "type": object,
                "url": format!("/services/data/{version}/sobjects/{object}/{id}"),
            }),
        );
        for field in &self.fields {
            row.insert(field.clone(), record.get(field).cloned().unwrap_or_default());
        }
        Value::Object(row)
    }
}

fn tokenize(soql: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = soql.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            letter if letter.is_whitespace() => {}
            '\'' => {
                let mut literal = String::new();
                loop {
                    match letters.next() {
                        Some('\'') => break,
                        Some('\\') => literal.extend(letters.next()),
                        Some(letter) => literal.push(letter),
                        None => return Err("unterminated string literal".to_owned()),
                    }
                }
                tokens.push(Token::Text(literal));
            }
            ',' | '(' | ')' | '=' | '!' => tokens.push(Token::Sign(letter)),
            _ => {
                let mut word = String::from(letter);
                while let Some(more) = letters.next_if(|letter| letter.is_alphanumeric() || "_.-:+".contains(*letter)) {
                    word.push(more);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn query(&mut self) -> Result<Query, String> {
        self.expect("SELECT")?;
        let fields = self.fields()?;
        self.expect("FROM")?;
        let object = self.word()?;
        let mut conditions = Vec::new();
        if self.take("WHERE") {
            conditions.push(self.condition()?);
            while self.take("AND") {
                conditions.push(self.condition()?);
            }
        }
        let limit = if self.take("LIMIT") { Some(self.number()?) } else { None };
        let offset = if self.take("OFFSET") { self.number()? } else { 0 };
        Ok(Query { fields, object, conditions, limit, offset })
    }

    fn fields(&mut self) -> Result<Vec<String>, String> {
        let mut fields = vec![self.word()?];
        if fields[0].eq_ignore_ascii_case("COUNT") && self.sign('(') {
            return if self.sign(')') { Ok(Vec::new()) } else { Err("only COUNT() is supported".to_owned()) };
        }
        while self.sign(',') {
            fields.push(self.word()?);
        }
        Ok(fields)
    }

    fn condition(&mut self) -> Result<Condition, String> {
        let field = self.word()?;
        let equal = !self.sign('!');
        if !self.sign('=') {
            return Err("expected = or !=".to_owned());
        }
        let literal = match self.step() {
            Some(Token::Text(text)) => Some(text),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("null") => None,
            Some(Token::Word(word)) => Some(word),
            other => return Err(format!("expected a literal, found {other:?}")),
        };
        Ok(Condition { field, equal, literal })
    }

    fn expect(&mut self, keyword: &str) -> Result<(), String> {
        if self.take(keyword) { Ok(()) } else { Err(format!("expected {keyword}, found {:?}", self.peek())) }
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.next += usize::from(found);
        found
    }

    fn word(&mut self) -> Result<String, String> {
        match self.step() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("expected a name, found {other:?}")),
        }
    }

    fn number(&mut self) -> Result<usize, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("expected a number, found {word}"))
    }

    fn step(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_understood_whatever_its_case_and_spacing() {
        let query =
            Query::parse("select Id,Name from Account where Name='O\\'Hara' AND Rank__c != null limit 5").unwrap();
        assert_eq!(query.fields, ["Id", "Name"]);
        assert_eq!((query.object.as_str(), query.limit), ("Account", Some(5)));
        let record = |name: &str| {
            let fields = serde_json::json!({"Name": name, "Rank__c": 1});
            fields.as_object().cloned().unwrap()
        };
        assert!(query.admits(&record("O'Hara")));
        assert!(!query.admits(&record("other")));
    }

    #[test]
    fn what_is_not_a_query_is_refused() {
        for soql in ["", "SELECT", "SELECT Id FROM", "SELECT Id FROM A WHERE", "SELECT Id FROM A x"] {
            assert!(Query::parse(soql).is_err(), "{soql}");
        }
    }
}
