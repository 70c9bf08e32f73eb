//! The fields of the language, and the nearest one to a name that is none.

/// What can be compared with a field's values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
}

pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The variant of `holdup`'s `Field`.
    pub(crate) variant: &'static str,
    pub(crate) kind: Kind,
    /// Whether it takes a key: `query("q")`.
    pub(crate) keyed: bool,
    /// Whether `request.` or `response.` may stand before it.
    pub(crate) sided: bool,
    /// Whether only the response has it.
    pub(crate) of_response: bool,
}

const fn text(name: &'static str, variant: &'static str) -> Field {
    Field { name, variant, kind: Kind::Text, keyed: false, sided: false, of_response: false }
}

pub(crate) const FIELDS: [Field; 12] = [
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
];

pub(crate) fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// What was probably meant by a name that is no field.
pub(crate) fn advice(name: &str) -> String {
    let nearest = FIELDS.iter().map(|field| (distance(name, field.name), field.name)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 2 && distance < name.len() => format!("; did you mean `{nearest}`?"),
        _ => format!("; there are {}", FIELDS.map(|field| field.name).join(", ")),
    }
}

/// Levenshtein's.
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
