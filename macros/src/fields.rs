//! The fields of the language, and the nearest one to an unknown name.

use crate::ast::Stage;

/// The type of values that a field is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Time,
}

pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The variant of `holdup`'s `Field`.
    pub(crate) variant: &'static str,
    pub(crate) kind: Kind,
    /// Whether it takes a key, as in `query("q")`.
    pub(crate) keyed: bool,
    /// Whether `request.` or `response.` may precede it.
    pub(crate) sided: bool,
    /// Whether only the response has it.
    pub(crate) of_response: bool,
    /// The stage whose parts have it, if only parts do.
    pub(crate) of_part: Option<Stage>,
}

const fn text(name: &'static str, variant: &'static str) -> Field {
    Field { name, variant, kind: Kind::Text, keyed: false, sided: false, of_response: false, of_part: None }
}

const fn part(name: &'static str, variant: &'static str, stage: Stage) -> Field {
    Field { of_part: Some(stage), ..text(name, variant) }
}

/// A yes-or-no property of a flow.
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    /// The variant of `holdup`'s `Flag`.
    pub(crate) variant: &'static str,
    pub(crate) known: Known,
}

/// When a flag is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    AtRequest,
    AtResponse,
    /// Only for flows that have ended and were recorded.
    OfRecordings,
}

const fn flag(name: &'static str, variant: &'static str, known: Known) -> Flag {
    Flag { name, variant, known }
}

pub(crate) const FLAGS: [Flag; 10] = [
    flag("asset", "Asset", Known::AtResponse),
    flag("websocket", "Websocket", Known::AtRequest),
    flag("navigation", "Navigation", Known::AtRequest),
    flag("answered", "Answered", Known::AtResponse),
    flag("unanswered", "Unanswered", Known::AtRequest),
    flag("failed", "Failed", Known::OfRecordings),
    flag("replayed", "Replayed", Known::OfRecordings),
    flag("replayed_request", "ReplayedRequest", Known::OfRecordings),
    flag("replayed_response", "ReplayedResponse", Known::OfRecordings),
    flag("marked", "Marked", Known::OfRecordings),
];

pub(crate) fn find_flag(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}

/// The values of `direction` and `opcode`.
pub(crate) const DIRECTIONS: [&str; 2] = ["to_server", "to_client"];
pub(crate) const OPCODES: [&str; 2] = ["text", "binary"];

/// The values of `resource`, by `sec-fetch-dest`.
pub(crate) const RESOURCES: [&str; 19] = [
    "document",
    "iframe",
    "frame",
    "script",
    "style",
    "image",
    "font",
    "xhr",
    "audio",
    "video",
    "track",
    "worker",
    "sharedworker",
    "serviceworker",
    "manifest",
    "object",
    "embed",
    "report",
    "websocket",
];

pub(crate) const FIELDS: [Field; 32] = [
    text("url", "Url"),
    text("scheme", "Scheme"),
    text("host", "Host"),
    Field { kind: Kind::Number, ..text("port", "Port") },
    text("path", "Path"),
    Field { keyed: true, ..text("query", "Query") },
    text("method", "Method"),
    Field { keyed: true, sided: true, ..text("header", "Header") },
    Field { keyed: true, ..text("cookie", "Cookie") },
    Field { sided: true, ..text("body", "Body") },
    Field { sided: true, ..text("content_type", "ContentType") },
    Field { kind: Kind::Number, of_response: true, ..text("status", "Status") },
    Field { sided: true, ..text("headers", "Headers") },
    Field { kind: Kind::Number, sided: true, ..text("size", "Size") },
    Field { keyed: true, sided: true, ..text("json", "Json") },
    Field { keyed: true, ..text("form", "Form") },
    text("operation", "Operation"),
    text("resource", "Resource"),
    text("client", "Client"),
    text("server", "Server"),
    Field { kind: Kind::Time, of_response: true, ..text("elapsed", "Elapsed") },
    Field { kind: Kind::Number, ..text("occurrence", "Occurrence") },
    part("message", "Message", Stage::Message),
    part("direction", "Direction", Stage::Message),
    part("opcode", "Opcode", Stage::Message),
    part("event", "Event", Stage::Event),
    part("data", "Data", Stage::Event),
    part("id", "Id", Stage::Event),
    part("chunk", "Chunk", Stage::Chunk),
    Field { kind: Kind::Number, ..part("offset", "Offset", Stage::Chunk) },
    text("marker", "Marker"),
    text("comment", "Comment"),
];

/// The methods that a filter can name without quotes.
pub(crate) const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"];

pub(crate) fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// Returns a suggestion for an unknown name.
pub(crate) fn advice(name: &str) -> String {
    let names = || FIELDS.iter().map(|field| field.name).chain(FLAGS.iter().map(|flag| flag.name));
    match nearest(&name.to_lowercase(), names()) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; there are {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// Returns the nearest name, if it is at most two edits away.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) = names.map(|known| (distance(name, known), known)).min()?;
    (distance <= 2 && distance < name.len()).then_some(nearest)
}

/// Returns the Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_recognised() {
        assert_eq!(advice("ulr"), "; did you mean `url`?");
        assert_eq!(advice("methd"), "; did you mean `method`?");
        assert!(advice("colour").starts_with("; there are url, "));
    }
}
