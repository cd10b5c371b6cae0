//! Rust source as far as the rules need it: without comments, literals and tests, and as paths that it names.

/// The source with comments and the insides of literals blanked out, line for line.
pub fn bare(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let length = literal(rest, out.ends_with(is_word)).unwrap_or(0);
        if length > 0 {
            let (cut, after) = rest.split_at(length);
            // A quote stays in its place, so that what was there is not glued together.
            out.push('"');
            out.extend(cut.chars().filter(|c| *c == '\n'));
            rest = after;
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

/// How long the comment or literal is that begins here; `None` if none does.
fn literal(text: &str, within_word: bool) -> Option<usize> {
    let until = |mark: &str, from: usize| text[from..].find(mark).map_or(text.len(), |at| from + at + mark.len());
    if text.starts_with("//") {
        return Some(until("\n", 0) - usize::from(text.contains('\n')));
    }
    if text.starts_with("/*") {
        return Some(until("*/", 2));
    }
    let prefix = ["br", "r", "b", ""].into_iter().find(|prefix| text.starts_with(prefix)).unwrap_or_default();
    let (prefix, body) = if within_word { ("", text) } else { (prefix, &text[prefix.len()..]) };
    let hashes = body.len() - body.trim_start_matches('#').len();
    if prefix.ends_with('r') && body[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(until(&end, prefix.len() + hashes + 1));
    }
    if body.starts_with('"') {
        return Some(prefix.len() + quoted(body, '"')?);
    }
    // A lifetime has no closing quote after one character or escape.
    let mut chars = body.strip_prefix('\'')?.chars();
    let is_char = match chars.next()? {
        '\\' => true,
        _ => chars.next() == Some('\''),
    };
    is_char.then(|| Some(prefix.len() + quoted(body, '\'')?)).flatten()
}

/// The length of a literal between two quotes, with its escapes.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Takes every item marked `#[cfg(test)]` out of bare source; tells which modules of other files are only for tests.
pub fn without_tests(bare: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut out, mut modules, mut rest) = (String::new(), Vec::new(), bare);
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let end = item_end(item);
        let words: Vec<&str> = item[..end].split_whitespace().collect();
        if let [.., "mod", name] = words[..]
            && let Some(name) = name.strip_suffix(';')
        {
            modules.push(name.to_owned());
        }
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    (out, modules)
}

/// Where the item ends that begins here: after its `;`, or after the block that closes its first `{`.
fn item_end(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// Every path that bare source names, its `use` trees spelt out.
pub fn paths(bare: &str) -> Vec<Vec<String>> {
    let tokens = tokens(bare);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "use" {
            at += 1;
            tree(&tokens, &mut at, &[], &mut paths);
        } else if is_name(tokens[at]) && (at == 0 || !matches!(tokens[at - 1], "::" | ".")) {
            let mut path = vec![tokens[at].to_owned()];
            while tokens.get(at + 1) == Some(&"::") && tokens.get(at + 2).is_some_and(|next| is_name(next)) {
                path.push(tokens[at + 2].to_owned());
                at += 2;
            }
            if path.len() > 1 {
                paths.push(path);
            }
            at += 1;
        } else {
            at += 1;
        }
    }
    paths
}

fn tree(tokens: &[&str], at: &mut usize, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match *token {
            "::" => {}
            "{" => {
                while tokens.get(*at).is_some_and(|token| *token != "}") {
                    tree(tokens, at, &path, paths);
                    *at += usize::from(tokens.get(*at) == Some(&","));
                }
                *at += 1;
                return;
            }
            "as" => *at += 1,
            name if is_name(name) || name == "*" => path.push(name.to_owned()),
            _ => {
                *at -= 1;
                break;
            }
        }
    }
    paths.push(path);
}

fn tokens(bare: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = bare.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
