//! One comparison of a filter: a field, an operator, a value.

use super::{Field, Op, Required, Truth, View, impossible};
use crate::sanitize::{placeholder, shorten};
use regex::Regex;
use std::cmp::Ordering;
use std::ops::RangeInclusive;

/// A comparison: a field, an operator, and a value.
#[derive(Clone, Debug)]
pub struct Term {
    pub(super) field: Field,
    pub(super) op: Op,
    pub(super) wanted: String,
    regex: Option<Regex>,
    number: Option<i64>,
    /// The range of `in`, including both ends.
    range: Option<RangeInclusive<i64>>,
}

/// Hosts are compared as clients send them: in lower case, `bücher.test` as `xn--bcher-kva.test`.
fn as_sent(field: &Field, wanted: String) -> String {
    match (field, url::Host::parse(&wanted)) {
        (Field::Host, Ok(url::Host::Domain(name))) => name,
        _ => wanted,
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        (&self.field, self.op, &self.wanted) == (&other.field, other.op, &other.wanted)
    }
}

impl Term {
    /// Creates a comparison.
    ///
    /// # Errors
    /// Fails with the reason if the value is no regex for `~` or `!~`, no range for `in`, or no number where one is
    /// needed.
    pub fn new(field: Field, op: Op, wanted: impl Into<String>) -> Result<Self, String> {
        let wanted = as_sent(&field, wanted.into());
        let regex = match op {
            Op::Matches | Op::MatchesNot => Some(Regex::new(&wanted).map_err(|e| format!("bad regex in `~`: {e}"))?),
            _ => None,
        };
        let range = match op {
            Op::In => Some(
                field.range(&wanted).ok_or_else(|| format!("`{wanted}` is not a range: `200..300`, `200..=299`"))?,
            ),
            _ => None,
        };
        let has_size = field.is_number() && op != Op::Contains && regex.is_none() && range.is_none();
        let number = match (has_size, field.number(&wanted)) {
            (false, _) => None,
            (true, Some(number)) => Some(number),
            (true, None) => return Err(format!("`{wanted}` is not a {}", field.example())),
        };
        Ok(Self { field, op, wanted, regex, number, range })
    }

    /// Creates a comparison that a test has written.
    ///
    /// # Errors
    /// As [`new`](Self::new); also if no flow has such a value.
    pub(crate) fn written(field: Field, op: Op, wanted: impl Into<String>) -> Result<Self, String> {
        let wanted = wanted.into();
        match impossible::why_name(&field).or_else(|| impossible::why(&field, op, &wanted)) {
            Some(why) => Err(why),
            None => Self::new(field, op, wanted),
        }
    }

    pub(super) fn matches(&self, view: &View<'_>) -> Truth {
        let found = self.field.find(view);
        let positive = self.op.denies().unwrap_or(self.op);
        let hit = found.values.iter().any(|value| self.holds(positive, value));
        let truth = match (hit, found.missing) {
            (true, _) => Truth::Yes,
            (false, None) => Truth::No,
            (false, Some(need)) => Truth::Unknown(need),
        };
        if self.op.denies().is_some() { truth.not() } else { truth }
    }

    fn holds(&self, op: Op, value: &str) -> bool {
        if let Some(regex) = &self.regex {
            return regex.is_match(value);
        }
        if let Some(range) = &self.range {
            return self.field.number(value).is_some_and(|value| range.contains(&value));
        }
        if op == Op::Contains {
            return value.contains(&self.wanted);
        }
        let order = match (self.number, self.field.number(value)) {
            (Some(wanted), Some(value)) => value.cmp(&wanted),
            _ => self.compare_text(value),
        };
        match op {
            Op::Less => order == Ordering::Less,
            Op::AtMost => order != Ordering::Greater,
            Op::Greater => order == Ordering::Greater,
            Op::AtLeast => order != Ordering::Less,
            _ => order == Ordering::Equal,
        }
    }

    /// Compares as text. Hosts and schemes are case-insensitive.
    fn compare_text(&self, value: &str) -> Ordering {
        match self.field {
            Field::Host | Field::Scheme => value.cmp(&self.wanted.to_ascii_lowercase()),
            _ => value.cmp(&self.wanted),
        }
    }

    /// Returns whether its value is a number, not a text.
    pub(super) fn has_size(&self) -> bool {
        self.number.is_some()
    }

    pub(super) fn has_capture(&self) -> bool {
        let of_place = matches!(self.field, Field::Path | Field::Url) && self.op == Op::Matches;
        of_place && self.regex.as_ref().is_some_and(|regex| regex.captures_len() > 1)
    }

    pub(super) fn capture(&self, view: &View<'_>) -> Option<String> {
        let regex = self.regex.as_ref().filter(|_| self.has_capture())?;
        let found = self.field.find(view);
        Some(regex.captures(found.values.first()?)?.get(1)?.as_str().to_owned())
    }

    pub(super) fn required(&self) -> Option<Required<'_>> {
        let wanted = self.wanted.as_str();
        match (&self.field, self.op) {
            (Field::Path, Op::Equals) => Some(Required::Path(wanted)),
            (Field::Host, Op::Equals) => Some(Required::Host(wanted)),
            (Field::Path, Op::Matches) => Some(Required::PathPattern(wanted)),
            (Field::Url, Op::Matches) => Some(Required::UrlPattern(wanted)),
            _ => None,
        }
    }

    /// Returns the offsets at which its truth changes.
    pub(super) fn cuts(&self) -> Vec<u64> {
        if self.field != Field::Offset {
            return vec![];
        }
        let ends = self.range.iter().flat_map(|range| [*range.start(), range.end().saturating_add(1)]);
        let around = self.number.iter().flat_map(|number| [*number, number.saturating_add(1)]);
        let at = match self.op {
            Op::Less | Op::AtLeast => self.number.into_iter().collect(),
            Op::AtMost | Op::Greater => around.skip(1).collect(),
            Op::In => ends.collect(),
            // The chunk at an offset is everything from there on.
            _ => around.take(1).collect::<Vec<_>>(),
        };
        at.into_iter().filter_map(|at| u64::try_from(at).ok()).collect()
    }

    /// Returns a hint for a regex that misses a text which contains it literally: some of its characters are special.
    pub(super) fn literal_hint(&self, view: &View<'_>) -> &'static str {
        let there = || self.field.find(view).values.iter().any(|value| value.contains(&self.wanted));
        if self.op == Op::Matches && there() {
            " (that text is there, but as a regex it means something else: use `contains`, or escape it)"
        } else {
            ""
        }
    }

    pub(super) fn value_wanted(&self) -> String {
        if self.field.is_secret() { placeholder(&self.wanted) } else { self.value() }
    }

    pub(super) fn value_seen(&self, view: &View<'_>) -> String {
        let found = self.field.find(view);
        match found.values.as_slice() {
            [_, ..] if self.field.is_secret() => {
                found.values.iter().map(|value| placeholder(value)).collect::<Vec<_>>().join(" and ")
            }
            [] if found.missing.is_some() => "not known here".to_owned(),
            [] => "absent".to_owned(),
            [one] => shown(one),
            many => many.iter().map(|value| shown(value)).collect::<Vec<_>>().join(" and "),
        }
    }
}

/// Formats a value for a report: quoted, cut to a line.
fn shown(value: &str) -> String {
    match shorten(value, 80) {
        (all, false) => format!("{all:?}"),
        (start, true) => format!("{start:?}.. ({} characters)", value.chars().count()),
    }
}
