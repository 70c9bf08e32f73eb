//! Filters in mitmproxy's syntax: `~u /ajax & ~m POST`.
//!
//! Whatever mitmproxy accepts means the same here, except for likely mistakes, which are errors that include the fix.
//! What it rejects without need (`(~q)`, `~q&~s`, `(a b)`) is accepted. [`Filter::from_str`] lists the differences.

mod operators;
mod tokens;

use super::{Field, Filter, Op, Term};
use operators::{Meaning, OPERATORS, meaning};
use std::fmt;
use std::str::FromStr;
use tokens::{Token, tokens};

/// The error for a text that is not a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    /// The position of the error in bytes.
    at: usize,
    what: String,
}

impl FilterError {
    /// Returns the position of the error in the text, in characters, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (column, what) = (self.column(), &self.what);
        write!(f, "bad filter at column {column}: {what}\n    {}\n    {:>column$}", self.text, '^')
    }
}

impl std::error::Error for FilterError {}

impl FromStr for Filter {
    type Err = FilterError;

    /// Parses a filter in mitmproxy's syntax. As in mitmproxy, its regexes ignore case.
    ///
    /// `~a ~all ~b ~bq ~bs ~c ~comment ~d ~dst ~e ~h ~hq ~hs ~http ~m ~marked ~marker ~q ~replay ~replayq ~replays ~s
    /// ~src ~t ~tq ~ts ~u ~websocket`, a bare regex for the URL, `!`, `&`, `|`, parentheses, and a space for an "and"
    /// of the lowest precedence.
    ///
    /// # Errors
    /// Fails for what mitmproxy rejects, and for these, which it accepts with another meaning than intended: `~c 2..`
    /// (it means "status 2 and the URL has two characters"), a parenthesis directly after a word (quote `~u a(b)`,
    /// which means `~u a & ~u b`), an operator without its operand (`a & & b` searches for `&`), and `and`, `or`, `not`
    /// as bare words.
    ///
    /// It accepts what mitmproxy rejects: operators without spaces between (`~q|~s`), parentheses around any expression
    /// (`(~q)`, `(a b)`), and an operator directly behind a parenthesis. A rule at the request does not take what tests the
    /// response, as in `~q | ~s`: write `response:` before it.
    ///
    /// Other differences: case is folded beyond ASCII (`~u ÄPFEL` matches `äpfel`); bodies are read in their charset, with
    /// their content-encoding undone; `$` matches at the end of a header's line; `~a` ignores case; `~meta` matches nothing, since
    /// flows have no metadata; `~d` and `~u` match where the request goes, not a `host` header that differs from it;
    /// regexes are those of the `regex` crate, which has no look-around and no back-references.
    ///
    /// ```
    /// # use holdup::Filter;
    /// let filter: Filter = "~u /ajax & ~m POST".parse()?;
    /// assert_eq!(filter.to_string(), r#"url ~ "(?i)/ajax" && method ~ "(?i)POST""#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader { text, tokens: tokens(text)?, at: 0, depth: 0 };
        let filter = reader.sequence()?;
        match reader.peek() {
            None => Ok(filter),
            Some(_) => Err(reader.error("this parenthesis has no opening parenthesis")),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    /// How many parentheses and `!` enclose the next token.
    depth: usize,
}

/// The deepest nesting: code that parses, prints or evaluates a filter recurses as deep.
const DEEPEST: usize = 200;

impl Reader<'_> {
    /// Parses expressions side by side: the "and" of the lowest precedence.
    fn sequence(&mut self) -> Result<Filter, FilterError> {
        let mut all = vec![self.either()?];
        while self.peek().is_some_and(|token| *token != Token::Close) {
            all.push(self.either()?);
        }
        Ok(alone_or(all, Filter::All))
    }

    fn either(&mut self) -> Result<Filter, FilterError> {
        let mut any = vec![self.both()?];
        while self.eat(&Token::Or) {
            any.push(self.both()?);
        }
        Ok(alone_or(any, Filter::Any))
    }

    fn both(&mut self) -> Result<Filter, FilterError> {
        let mut all = vec![self.unary()?];
        while self.eat(&Token::And) {
            all.push(self.unary()?);
        }
        Ok(alone_or(all, Filter::All))
    }

    fn unary(&mut self) -> Result<Filter, FilterError> {
        if self.depth == DEEPEST {
            return Err(self.error(&format!("more than {DEEPEST} nested parentheses and `!`")));
        }
        self.depth += 1;
        let filter = self.nested();
        self.depth -= 1;
        filter
    }

    fn nested(&mut self) -> Result<Filter, FilterError> {
        if self.eat(&Token::Not) {
            return Ok(Filter::Not(Box::new(self.unary()?)));
        }
        if self.eat(&Token::Open) {
            let inner = self.sequence()?;
            return if self.eat(&Token::Close) { Ok(inner) } else { Err(self.error("a parenthesis is not closed")) };
        }
        match self.peek().cloned() {
            Some(Token::Operator(name)) => self.operator(&name),
            Some(Token::Text { text, quoted }) => self.url(&text, quoted),
            Some(Token::Close) => Err(self.error("this parenthesis has no opening parenthesis")),
            Some(_) => Err(self.error("this operator needs an expression before it; put such a text in quotes")),
            None => Err(self.error("expected an expression, as in `~u /ajax & ~m POST`")),
        }
    }

    fn operator(&mut self, name: &str) -> Result<Filter, FilterError> {
        let Some(meaning) = meaning(name) else {
            return Err(self.error(&format!("there is no operator `~{name}`; there are {OPERATORS}")));
        };
        self.at += 1;
        match (meaning, self.peek().cloned()) {
            (Meaning::Always(true), _) => Ok(Filter::All(vec![])),
            (Meaning::Always(false), _) => Ok(Filter::Any(vec![])),
            (Meaning::Flag(flag), _) => Ok(Filter::Flag(flag)),
            (Meaning::Status, Some(Token::Text { text, quoted: false })) => self.status(&text),
            (Meaning::Text(..), Some(Token::Text { text, quoted: false })) if is_joint(&text) => {
                Err(self.error(&format!("`~{name}` needs a regex before this; if this is the regex, put it in quotes")))
            }
            (Meaning::Text(_, flags), Some(Token::Text { text, .. })) if name == "meta" => {
                self.term(Field::Marker, flags, &text).map(|_| Filter::Any(vec![]))
            }
            (Meaning::Text(field, flags), Some(Token::Text { text, .. })) => self.term(field, flags, &text),
            (Meaning::Status, _) => Err(self.error("`~c` needs a status: `~c 404`")),
            (Meaning::Text(..), _) => {
                Err(self
                    .error(&format!("`~{name}` needs a regex; put one with parentheses in quotes: `~{name} \"a|b\"`")))
            }
        }
    }

    fn status(&mut self, text: &str) -> Result<Filter, FilterError> {
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit()) {
            return Err(self.error(
                "`~c` takes one status, such as `~c 404`; for several, `~c 200 | ~c 201`, or as tokens `status >= 200`",
            ));
        }
        let wanted = text.trim_start_matches('0');
        let term = Term::new(Field::Status, Op::Equals, if wanted.is_empty() { "0" } else { wanted });
        self.finish(term)
    }

    /// Parses a bare regex, for the URL.
    fn url(&mut self, text: &str, quoted: bool) -> Result<Filter, FilterError> {
        if !quoted && is_joint(text) {
            return Err(self.error("this operator needs an expression before it; put such a text in quotes"));
        }
        if !quoted && matches!(text, "and" | "or" | "not") {
            return Err(self.error(
                "write `&`, `|` or `!`; bare words are searched for in the URL, and in quotes this one is too",
            ));
        }
        self.term(Field::Url, "i", text)
    }

    fn term(&mut self, field: Field, flags: &str, regex: &str) -> Result<Filter, FilterError> {
        // Created without the flags first, so that an error shows what was written.
        let term = match Term::new(field.clone(), Op::Matches, regex) {
            Ok(_) => Term::new(field, Op::Matches, format!("(?{flags}){regex}")),
            // The `regex` crate draws the pattern over several lines; the last one is the reason.
            Err(why) => Err(format!("bad regex: {}", why.rsplit("error: ").next().unwrap_or_default())),
        };
        self.finish(term)
    }

    fn finish(&mut self, term: Result<Term, String>) -> Result<Filter, FilterError> {
        let term = term.map_err(|why| self.error(&why))?;
        self.at += 1;
        Ok(Filter::Term(term))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn eat(&mut self, token: &Token) -> bool {
        let eats = self.peek() == Some(token);
        self.at += usize::from(eats);
        eats
    }

    /// Returns an error at the next token, or at the end.
    fn error(&self, what: &str) -> FilterError {
        let at = self.tokens.get(self.at).map_or(self.text.trim_end().len(), |(at, _)| *at);
        FilterError { text: self.text.to_owned(), at, what: what.to_owned() }
    }
}

/// Returns whether a word was clearly meant to join two others.
fn is_joint(text: &str) -> bool {
    matches!(text, "&" | "|" | "!" | "&&" | "||")
}

fn alone_or(mut filters: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    if filters.len() == 1 { filters.remove(0) } else { join(filters) }
}

#[cfg(test)]
mod tests;
