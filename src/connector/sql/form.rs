//! Whether a query only reads, judged by its form: one `SELECT`, or `WITH … SELECT`, that writes nowhere and
//! locks nothing.
//!
//! The databases read quotes and comments each in its own way. What they would read differently is refused
//! here, so that there is one reading, and nothing can stand where one of them sees a comment and another a
//! command. This is the first of three layers: the session only reads, and so does the account
//! (docs/decisions/0016).

use crate::definition::reader::Span;

/// Why a query is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormFault {
    /// Where in the query, in bytes.
    pub at: Span,
    pub what: String,
    pub help: &'static str,
}

/// A part of a query that is no blank and no comment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A word outside quotes, in capitals.
    Word(String),
    /// A text or name in quotes: it commands nothing.
    Quoted,
    Number,
    Symbol(char),
}

const PLAIN: &str = "say it in another way: the databases read this differently";
const QUOTE_IT: &str = "a query may only read; a column of that name is written in quotes";
/// Words that change something, wherever they stand.
const CHANGING: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "MERGE", "INTO"];
/// Functions that reach what a session that only reads does not protect: files, other servers, other
/// sessions, locks and settings. Those that end with `_` stand for all that begin so.
const REACHING: [&str; 20] = [
    "DBLINK",
    "DBLINK_",
    "GET_LOCK",
    "LOAD_EXTENSION",
    "LOAD_FILE",
    "LO_",
    "NEXTVAL",
    "PG_ADVISORY_",
    "PG_CANCEL_BACKEND",
    "PG_LS_",
    "PG_NOTIFY",
    "PG_READ_",
    "PG_RELOAD_CONF",
    "PG_TERMINATE_BACKEND",
    "PG_TRY_ADVISORY_",
    "READFILE",
    "SETVAL",
    "SET_CONFIG",
    "WRITEFILE",
    "XP_",
];

/// Looks at the whole query; the first fault is told.
pub fn judge(query: &str) -> Result<(), FormFault> {
    let tokens = tokens(query)?;
    let fault = |place: usize, what: String, help| {
        let at = tokens.get(place).map_or(Span { start: 0, end: query.len() }, |(_, at)| *at);
        Err(FormFault { at, what, help })
    };
    let word = |place: usize| match tokens.get(place) {
        Some((Token::Word(word), _)) => word.as_str(),
        _ => "",
    };
    if !["SELECT", "WITH"].contains(&word(0)) {
        let what = "this is not a query: it does not begin with SELECT or WITH".to_owned();
        return fault(0, what, "write one SELECT");
    }
    let mut depth = 0_i32;
    for (place, (token, _)) in tokens.iter().enumerate() {
        let next = tokens.get(place + 1).map(|(token, _)| token);
        let is_called = next == Some(&Token::Symbol('('));
        // `n.update` is a column, and `1.INTO` is none.
        let after_dot = place > 1
            && tokens[place - 1].0 == Token::Symbol('.')
            && matches!(tokens[place - 2].0, Token::Word(_) | Token::Quoted);
        match token {
            Token::Symbol(';') => {
                let what = "a `;` ends a statement, and there is only one".to_owned();
                return fault(place, what, "take it out, and whatever follows it");
            }
            Token::Symbol('?') => {
                let what = "a `?` stands for a value, and none is given".to_owned();
                return fault(place, what, "write the value");
            }
            Token::Symbol('(') => depth += 1,
            Token::Symbol(')') => depth -= 1,
            Token::Word(word) if is_called && reaches(word) => {
                let what = format!("`{word}` reaches beyond what is read");
                return fault(place, what, "leave it out: a query reads tables and nothing else");
            }
            Token::Word(_) if after_dot => {}
            Token::Word(word) if CHANGING.contains(&word.as_str()) => {
                return fault(place, format!("`{word}` changes something"), QUOTE_IT);
            }
            Token::Word(first) if first == "REPLACE" && !is_called => {
                return fault(place, "`REPLACE` changes something".to_owned(), QUOTE_IT);
            }
            Token::Word(first) if locks(first, word(place + 1)) => {
                let what = format!("`{first} {}` locks what it reads", word(place + 1));
                return fault(
                    place,
                    what,
                    "leave it out: whoever works there must not wait for us",
                );
            }
            Token::Word(_) | Token::Quoted | Token::Number | Token::Symbol(_) => {}
        }
        if depth < 0 {
            return fault(place, "this `)` closes nothing".to_owned(), "take it out");
        }
    }
    match depth {
        0 => Ok(()),
        _ => fault(tokens.len() - 1, "a `(` is never closed".to_owned(), "close it"),
    }
}

fn reaches(word: &str) -> bool {
    REACHING.iter().any(|known| *known == word || (known.ends_with('_') && word.starts_with(known)))
}

fn locks(first: &str, second: &str) -> bool {
    match first {
        "FOR" => ["UPDATE", "SHARE", "NO", "KEY"].contains(&second),
        "LOCK" => second == "IN",
        _ => false,
    }
}

/// Cuts a query into its parts. What has two readings is a fault.
fn tokens(query: &str) -> Result<Vec<(Token, Span)>, FormFault> {
    let mut found = Vec::new();
    let mut rest = query.char_indices().peekable();
    let fault = |start: usize, end: usize, what: &str, help| FormFault {
        at: Span { start, end },
        what: what.to_owned(),
        help,
    };
    while let Some((start, letter)) = rest.next() {
        let behind = &query[start + letter.len_utf8()..];
        let mut skip_to = |end: usize| while rest.next_if(|(at, _)| *at < end).is_some() {};
        match letter {
            ' ' | '\t' | '\n' | '\r' => {}
            _ if letter.is_control() => {
                let what = "a control character stands here";
                return Err(fault(start, start + 1, what, "take it out"));
            }
            '-' if behind.starts_with('-') => {
                if !behind[1..].is_empty() && !behind[1..].starts_with([' ', '\t', '\n', '\r']) {
                    let what = "`--` begins a comment in some databases, and in some it does not";
                    return Err(fault(
                        start,
                        start + 2,
                        what,
                        "write a blank behind it, or between",
                    ));
                }
                skip_to(start + query[start..].find('\n').unwrap_or(query.len() - start));
            }
            '/' if behind.starts_with('*') => {
                let end = behind[1..].find("*/").map(|at| start + 2 + at);
                let end = end.ok_or_else(|| {
                    fault(start, start + 2, "this comment is never closed", "close it with `*/`")
                })?;
                let inside = &query[start + 2..end];
                if inside.starts_with(['!', '+', 'M']) || inside.contains("/*") {
                    let what = "some databases do what stands in this comment";
                    return Err(fault(start, end + 2, what, "take the comment out"));
                }
                skip_to(end + 2);
            }
            '\'' | '"' | '`' => {
                let end = behind.find(letter).map(|at| start + 1 + at);
                let end = end.ok_or_else(|| {
                    fault(start, start + 1, "this quote is never closed", "close it")
                })?;
                if query[start..end].contains('\\') {
                    let what = "a backslash in quotes is read differently by each database";
                    return Err(fault(start, end + 1, what, PLAIN));
                }
                // A quote in quotes is written twice, and so is a second text directly behind the first:
                // either way it commands nothing.
                found.push((Token::Quoted, Span { start, end: end + 1 }));
                skip_to(end + 1);
            }
            '#' | '$' | '\\' => {
                let what =
                    format!("`{letter}` outside quotes is read differently by each database");
                return Err(fault(start, start + 1, &what, PLAIN));
            }
            '[' => {
                let inside = behind.split_once(']').map(|(inside, _)| inside);
                let plain = |letter: char| letter.is_alphanumeric() || "_ ,:-".contains(letter);
                let is_plain = |inside: &str| inside.chars().all(plain) && !inside.contains("--");
                if !inside.is_some_and(is_plain) {
                    let what = "what stands in these brackets is read differently by each database";
                    return Err(fault(start, start + 1, what, PLAIN));
                }
                found.push((Token::Symbol('['), Span { start, end: start + 1 }));
            }
            _ if letter.is_ascii_digit() => {
                let goes_on = |c: char| c.is_alphanumeric() || c == '_';
                let length = query[start..].find(|c| !goes_on(c)).unwrap_or(query.len() - start);
                if !is_number(&query[start..start + length]) {
                    let what = "some databases read this as a number and a word behind it";
                    let help = "write a blank between, or quotes around a name";
                    return Err(fault(start, start + length, what, help));
                }
                found.push((Token::Number, Span { start, end: start + length }));
                skip_to(start + length);
            }
            _ if letter.is_alphanumeric() || letter == '_' => {
                let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
                let length = query[start..].find(|c| !goes_on(c)).unwrap_or(query.len() - start);
                let word = query[start..start + length].to_ascii_uppercase();
                found.push((Token::Word(word), Span { start, end: start + length }));
                skip_to(start + length);
            }
            _ => {
                found.push((Token::Symbol(letter), Span { start, end: start + letter.len_utf8() }))
            }
        }
    }
    Ok(found)
}

/// `12`, `0x1F`, and `1e5` without its sign.
fn is_number(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match (lower.strip_prefix("0x"), lower.split_once('e')) {
        (Some(hex), _) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        (None, Some((whole, power))) => digits(whole) && digits(power),
        (None, None) => digits(&lower),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(query: &str) -> String {
        judge(query).map_or_else(|fault| fault.what, |()| "good".to_owned())
    }

    #[test]
    fn what_only_reads_is_good() {
        for query in [
            "SELECT 1",
            "select a.account_ref || a.account_cd from ctaccount a -- the reference\nwhere 1 = 1",
            "WITH owed AS (SELECT account_ref, sum(notice_balance) FROM ctnotice GROUP BY 1) SELECT * FROM owed",
            "SELECT 'DELETE; DROP', \"update\", `into`, n.\"delete\", n.update FROM n /* a; b */",
            "SELECT 'O''BRIEN'",
            "SELECT REPLACE(x, 'a', 'b'), substring(x FROM 1 FOR 3) FROM t",
            "SELECT x[1], ARRAY[1, 2], [order no] FROM t",
            "SELECT 1.5e3, -1, a::text, x->>'y' FROM t",
            "SELECT deleted_ind, insert_date, into_care FROM t",
        ] {
            assert_eq!(told(query), "good", "{query}");
        }
    }

    #[test]
    fn b54_what_writes_locks_or_hides_is_refused_by_form() {
        for query in [
            "",
            "-- nothing",
            "DELETE FROM t",
            "(SELECT 1)",
            "TABLE t",
            "VALUES (1)",
            "EXPLAIN ANALYZE DELETE FROM t",
            "SELECT 1; DROP TABLE t",
            "SELECT 1;",
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
            "WITH x AS (SELECT 1) UPDATE t SET a = 1",
            "SELECT * INTO u FROM t",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM t FOR\n/* x */ NO KEY UPDATE",
            "SELECT * FROM t FOR SHARE",
            "SELECT * FROM t LOCK IN SHARE MODE",
            "COPY t TO PROGRAM 'sh'",
            "ATTACH 'x.db' AS x",
            "PRAGMA writable_schema = 1",
            "EXEC xp_cmdshell 'dir'",
            "SELECT xp_cmdshell('dir')",
            "CALL f()",
            "SELECT lo_import('/etc/passwd')",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT dblink_exec('x', 'y')",
            "SELECT set_config('transaction_read_only', 'off', false)",
            "SELECT load_extension('x')",
            "SELECT pg_advisory_lock(1)",
            // Ways out of the brackets that we put around it.
            "SELECT 1) AS q; DROP TABLE t; --",
            "SELECT 1) AS q, (SELECT 2",
            "SELECT (1",
            // Where one database sees a comment or a text, and another a command.
            "SELECT 1 /*! INTO OUTFILE '/tmp/x' */",
            "SELECT 1 /*M!100100 ; DROP TABLE t */",
            "SELECT /*+ MAX_EXECUTION_TIME(0) */ 1",
            "SELECT 1 /* /* */ ; DROP TABLE t -- */ */",
            "SELECT 1 --1\n; DROP TABLE t",
            "SELECT 1 # x\n; DROP TABLE t",
            "SELECT '\\'; DROP TABLE t; -- '",
            "SELECT $$ ; DROP TABLE t; $$",
            "SELECT $a$ ' $a$; DROP TABLE t; --'",
            "SELECT [a'] ; DROP TABLE t; --' ]",
            "SELECT 'x",
            "SELECT x[1",
            "SELECT 1 /* x",
            "SELECT ?",
            "SELECT 1INTO u FROM t",
            "SELECT 1.INTO u FROM t",
            "SELECT 1$a$ ; DROP TABLE t; $a$",
            "SELECT 1\u{0}",
            "SEL\u{200b}ECT 1",
        ] {
            assert_ne!(told(query), "good", "{query}");
        }
    }

    #[test]
    fn a_fault_has_its_place() {
        let query = "SELECT *\nFROM t\nFOR UPDATE";
        let fault = judge(query).expect_err("it locks");
        assert_eq!(&query[fault.at.start..], "FOR UPDATE");
        assert_eq!(fault.what, "`FOR UPDATE` locks what it reads");
    }
}
