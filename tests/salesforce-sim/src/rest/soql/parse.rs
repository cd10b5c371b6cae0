//! From a query's text to what it asks.

use super::condition::{Comparison, Condition};
use super::token::{Token, tokenize};
use super::{Order, Query};

/// Conditions in more brackets than these are refused.
const DEEPEST: usize = 20;

pub(super) fn parse(soql: &str) -> Result<Query, String> {
    let mut parser = Parser { tokens: tokenize(soql)?, next: 0 };
    let query = parser.query()?;
    match parser.peek() {
        None => Ok(query),
        Some(token) => Err(format!("unexpected token: {token:?}")),
    }
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
        let condition = if self.take("WHERE") { self.condition(0)? } else { Condition::All(Vec::new()) };
        let order = if self.take("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.take("LIMIT") { Some(self.number()?) } else { None };
        let offset = if self.take("OFFSET") { self.number()? } else { 0 };
        Ok(Query { fields, object, condition, order, limit, offset })
    }

    fn fields(&mut self) -> Result<Vec<String>, String> {
        let mut fields = vec![self.word()?];
        if fields[0].eq_ignore_ascii_case("COUNT") && self.sign("(") {
            return if self.sign(")") { Ok(Vec::new()) } else { Err("only COUNT() is supported".to_owned()) };
        }
        while self.sign(",") {
            fields.push(self.word()?);
        }
        Ok(fields)
    }

    /// One condition, or several joined by AND or by OR; a mixture needs brackets, as in life.
    fn condition(&mut self, depth: usize) -> Result<Condition, String> {
        let first = self.single(depth)?;
        let word = if self.take("AND") {
            "AND"
        } else if self.take("OR") {
            "OR"
        } else {
            return Ok(first);
        };
        let mut joined = vec![first, self.single(depth)?];
        while self.take(word) {
            joined.push(self.single(depth)?);
        }
        Ok(if word == "AND" { Condition::All(joined) } else { Condition::Any(joined) })
    }

    fn single(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > DEEPEST {
            return Err("too many brackets".to_owned());
        }
        if self.take("NOT") {
            return Ok(Condition::Not(Box::new(self.single(depth + 1)?)));
        }
        if self.sign("(") {
            let within = self.condition(depth + 1)?;
            return if self.sign(")") { Ok(within) } else { Err("expected )".to_owned()) };
        }
        let field = self.word()?;
        let excluded = self.take("NOT");
        if self.take("IN") {
            let one_of = Condition::OneOf { field, literals: self.literals()? };
            return Ok(if excluded { Condition::Not(Box::new(one_of)) } else { one_of });
        }
        let by = self.comparison()?;
        Ok(Condition::Compared { field, by, literal: self.literal()? })
    }

    fn comparison(&mut self) -> Result<Comparison, String> {
        let signs = [
            ("=", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<", Comparison::Less),
            ("<=", Comparison::AtMost),
            (">", Comparison::More),
            (">=", Comparison::AtLeast),
        ];
        if self.take("LIKE") {
            return Ok(Comparison::Like);
        }
        let found = signs.into_iter().find(|(sign, _)| self.sign(sign));
        found.map(|(_, by)| by).ok_or_else(|| format!("expected a comparison, found {:?}", self.peek()))
    }

    fn literals(&mut self) -> Result<Vec<Option<String>>, String> {
        if !self.sign("(") {
            return Err("expected (".to_owned());
        }
        let mut literals = vec![self.literal()?];
        while self.sign(",") {
            literals.push(self.literal()?);
        }
        if self.sign(")") { Ok(literals) } else { Err("expected )".to_owned()) }
    }

    fn literal(&mut self) -> Result<Option<String>, String> {
        match self.step() {
            Some(Token::Text(text)) => Ok(Some(text)),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("null") => Ok(None),
            Some(Token::Word(word)) => Ok(Some(word)),
            other => Err(format!("expected a literal, found {other:?}")),
        }
    }

    fn order(&mut self) -> Result<Vec<Order>, String> {
        self.expect("BY")?;
        let mut order = Vec::new();
        loop {
            let field = self.word()?;
            let descending = self.take("DESC");
            if !descending {
                self.take("ASC");
            }
            let nulls_last = self.take("NULLS") && {
                let last = self.take("LAST");
                if !last {
                    self.expect("FIRST")?;
                }
                last
            };
            order.push(Order { field, descending, nulls_last });
            if !self.sign(",") {
                return Ok(order);
            }
        }
    }

    fn expect(&mut self, keyword: &str) -> Result<(), String> {
        if self.take(keyword) { Ok(()) } else { Err(format!("expected {keyword}, found {:?}", self.peek())) }
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
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
