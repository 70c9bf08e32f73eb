//! Splits a text into tokens.

use super::FilterError;
use super::operators::meaning;
use std::iter::Peekable;
use std::str::CharIndices;

/// A token of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `~u`: the name without the tilde.
    Operator(String),
    /// A bare or quoted text.
    Text {
        text: String,
        quoted: bool,
    },
    Not,
    And,
    Or,
    Open,
    Close,
}

/// Returns the tokens of a text, each with its offset in bytes.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    let error = |at, what: &str| FilterError { text: text.to_owned(), at, what: what.to_owned() };
    let mut tokens: Vec<(usize, Token)> = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some(&(at, c)) = rest.peek() {
        let token = match c {
            c if c.is_whitespace() => {
                rest.next();
                continue;
            }
            '(' | ')' => {
                rest.next();
                let after = text[..at].chars().next_back();
                let behind_word = matches!(tokens.last(), Some((_, Token::Text { .. })))
                    && after.is_some_and(|before| !before.is_whitespace());
                if c == '(' && behind_word {
                    return Err(error(at, &in_quotes(text, &tokens)));
                }
                if c == '(' { Token::Open } else { Token::Close }
            }
            '~' => {
                rest.next();
                Token::Operator(take_while(&mut rest, char::is_alphanumeric))
            }
            '\'' | '"' => {
                rest.next();
                let text = quoted(&mut rest, c).ok_or_else(|| error(at, "this quote is not closed"))?;
                Token::Text { text, quoted: true }
            }
            '!' if !wants_text(&tokens) => {
                rest.next();
                Token::Not
            }
            '&' | '|' if joins(&tokens) => {
                rest.next();
                if c == '&' { Token::And } else { Token::Or }
            }
            _ => {
                let text = take_while(&mut rest, |c| !c.is_whitespace() && !"()~'\"".contains(c));
                Token::Text { text, quoted: false }
            }
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

/// Returns what to write for a regex with a parenthesis: the operator and the text of the user, in quotes, in which a
/// backslash is written twice.
fn in_quotes(text: &str, tokens: &[(usize, Token)]) -> String {
    let start = tokens.last().map_or(0, |(at, _)| *at);
    let regex = text[start..].split_whitespace().next().unwrap_or_default();
    let operator = match tokens.iter().rev().nth(1) {
        Some((_, Token::Operator(name))) => format!("~{name} "),
        _ => String::new(),
    };
    let quoted = regex.replace('\\', "\\\\").replace('"', "\\\"");
    format!("a parenthesis that belongs to a regex must be in quotes: `{operator}\"{quoted}\"`")
}

/// Returns whether the next token is the text of an operator.
fn wants_text(tokens: &[(usize, Token)]) -> bool {
    matches!(tokens.last(), Some((_, Token::Operator(name))) if meaning(name).is_some_and(|meaning| meaning.takes_text()))
}

/// Returns whether `&` or `|` is an operator here, after a complete expression.
fn joins(tokens: &[(usize, Token)]) -> bool {
    match tokens.last() {
        Some((_, Token::Text { .. } | Token::Close)) => true,
        Some((_, Token::Operator(_))) => !wants_text(tokens),
        _ => false,
    }
}

fn take_while(rest: &mut Peekable<CharIndices<'_>>, wanted: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    while let Some((_, c)) = rest.next_if(|(_, c)| wanted(*c)) {
        text.push(c);
    }
    text
}

/// Returns the text up to the closing quote, with its escapes resolved; `None` if there is no closing quote.
fn quoted(rest: &mut Peekable<CharIndices<'_>>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()?.1 {
            c if c == quote => return Some(text),
            '\\' => text.push(match rest.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'f' => '\x0c',
                other => other,
            }),
            c => text.push(c),
        }
    }
}
