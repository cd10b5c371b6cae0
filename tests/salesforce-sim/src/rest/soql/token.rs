//! The words, literals and signs of a query.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, brackets or a comma.
    Sign(&'static str),
}

const SIGNS: [&str; 10] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","];

pub(super) fn tokenize(soql: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = soql.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(if sign == "<>" { "!=" } else { sign }));
            rest = &rest[sign.len()..];
        } else if first == '\'' {
            let (literal, length) = text(&rest[1..])?;
            tokens.push(Token::Text(literal));
            rest = &rest[length + 1..];
        } else {
            let is_word = |letter: char| letter.is_alphanumeric() || "_.-:+".contains(letter);
            let more = rest[first.len_utf8()..].find(|letter| !is_word(letter));
            let end = more.map_or(rest.len(), |more| more + first.len_utf8());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A literal after its opening quote, and how many bytes it takes with its closing one.
fn text(rest: &str) -> Result<(String, usize), String> {
    let mut literal = String::new();
    let mut letters = rest.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\'' => return Ok((literal, at + 1)),
            '\\' => literal.extend(letters.next().map(|(_, letter)| letter)),
            other => literal.push(other),
        }
    }
    Err("unterminated string literal".to_owned())
}
