//! Rust's tokens with their lines: names, and marks one by one with `::` as one. Comments and what
//! stands in quotes are left out, so that a word in them is never taken for a path.
//!
//! Written here because the library that does it counts lines only with a feature that would have
//! every macro of the build compiled twice.

/// A name or a mark, and its line.
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// The tokens of a file. A quotation is one token, `"`.
pub fn read(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = next(rest, first);
        let (token, after) = rest.split_at(length);
        match kind {
            Kind::Nothing => {}
            Kind::Quoted => tokens.push(Token { text: "\"".to_owned(), line }),
            Kind::Plain => {
                let name = token.strip_prefix("r#").unwrap_or(token);
                tokens.push(Token { text: name.to_owned(), line });
            }
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

enum Kind {
    Nothing,
    Quoted,
    Plain,
}

/// What the text begins with, and how many bytes of it.
fn next(text: &str, first: char) -> (Kind, usize) {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    if first.is_whitespace() {
        return (Kind::Nothing, first.len_utf8());
    }
    if text.starts_with("//") {
        return (Kind::Nothing, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Kind::Nothing, block_comment(text));
    }
    if let Some(length) = quotation(text) {
        return (Kind::Quoted, length);
    }
    if text.starts_with("::") {
        return (Kind::Plain, 2);
    }
    let word = text.strip_prefix("r#").map_or(0, |_| 2);
    if text[word..].starts_with(in_word) {
        let end = text[word..].find(|c| !in_word(c)).map_or(text.len(), |end| word + end);
        return (Kind::Plain, end);
    }
    (Kind::Plain, first.len_utf8())
}

/// The length of a comment that may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let (change, step) = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth = depth.saturating_add_signed(change);
        at += step;
        if depth == 0 {
            break;
        }
    }
    at.min(text.len())
}

/// The length of a string or a character that the text begins with; a lifetime is neither.
fn quotation(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""];
    let prefix = prefix.iter().find(|prefix| {
        text.strip_prefix(**prefix).is_some_and(|rest| {
            let bare = rest.trim_start_matches('#');
            bare.starts_with('"') && (bare.len() == rest.len() || prefix.ends_with('r'))
                || rest.starts_with('\'') && ["b", ""].contains(prefix)
        })
    })?;
    let body = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let close = format!("\"{}", "#".repeat(hashes));
        let inside = prefix.len() + hashes + 1;
        let end = text[inside..].find(&close);
        return Some(end.map_or(text.len(), |end| inside + end + close.len()));
    }
    let quote = body.chars().next()?;
    let mut escaped = false;
    let mut inside = body.char_indices().skip(1);
    let end = inside.find(|(_, c)| {
        let ends = !escaped && *c == quote;
        escaped = !escaped && *c == '\\';
        ends
    });
    let end = end.map(|(end, _)| prefix.len() + end + 1);
    if quote == '"' {
        return Some(end.unwrap_or(text.len()));
    }
    // `'a'` and `'\n'` are characters; `'a` is a lifetime, wherever the next quote stands.
    let one = body[1..].starts_with('\\') || body.chars().nth(2) == Some('\'');
    end.filter(|_| one)
}

#[test]
fn comments_and_quotations_are_no_names() {
    let cases = [
        ("a::b", "a :: b"),
        ("a/* b /* c */ d */e // f\ng", "a e g"),
        ("/// a\n#[b]", "# [ b ]"),
        (r#"a("b \" c", d)"#, "a ( \" , d )"),
        (r###"r#"a " b"# c br"d" b"e" r"\" f"###, "\" c \" \" \" f"),
        ("'a' '\\'' b'c' '\\u{e9}' 'é' d", "\" \" \" \" \" d"),
        ("&'a str, 'b: loop", "& ' a str , ' b : loop"),
        ("r#type r", "type r"),
        ("1..2", "1 . . 2"),
    ];
    for (text, wanted) in cases {
        let found: Vec<String> = read(text).into_iter().map(|token| token.text).collect();
        assert_eq!(found.join(" "), wanted, "{text}");
    }
    let lines: Vec<usize> = read("a\n\"b\nc\" d\n/* \n */ e").iter().map(|t| t.line).collect();
    assert_eq!(lines, [1, 2, 3, 5]);
}
