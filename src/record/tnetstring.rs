//! tnetstrings, as mitmproxy's flow files have them (`mitmproxy/io/tnetstring.py`). Pure.

use std::fmt::Write as _;

/// A value of a flow file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Bytes(Vec<u8>),
    Text(String),
    List(Vec<Self>),
    /// In the order of its keys.
    Dict(Vec<(String, Self)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// Makes a dict.
pub(super) fn dict(pairs: Vec<(&str, Value)>) -> Value {
    Value::Dict(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Value {
    /// Returns the value as it is written: `<length>:<payload><tag>`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        let tag = match self {
            Self::Null => b'~',
            Self::Bool(value) => {
                payload.extend_from_slice(if *value { b"true" } else { b"false" });
                b'!'
            }
            Self::Integer(number) => {
                payload.extend_from_slice(number.to_string().as_bytes());
                b'#'
            }
            Self::Float(number) => {
                payload.extend_from_slice(float(*number).as_bytes());
                b'^'
            }
            Self::Bytes(bytes) => {
                payload.extend_from_slice(bytes);
                b','
            }
            Self::Text(text) => {
                payload.extend_from_slice(text.as_bytes());
                b';'
            }
            Self::List(items) => {
                items.iter().for_each(|item| item.write(&mut payload));
                b']'
            }
            Self::Dict(pairs) => {
                for (key, value) in pairs {
                    Self::Text(key.clone()).write(&mut payload);
                    value.write(&mut payload);
                }
                b'}'
            }
        };
        out.extend_from_slice(payload.len().to_string().as_bytes());
        out.push(b':');
        out.extend_from_slice(&payload);
        out.push(tag);
    }
}

/// Returns a number as Python's `repr` writes it: always with a point.
fn float(number: f64) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = write!(text, "{number:?}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_mitmproxy_writes_them() {
        let value = dict(vec![
            ("a", Value::List(vec![Value::Integer(-3), true.into(), Value::Null])),
            ("b", Value::Float(1_764_000_000.03)),
            ("c", Value::Bytes(b"\x00\xff".to_vec())),
            ("d", "ä".into()),
        ]);
        let mut out = Vec::new();
        value.write(&mut out);
        let expected = b"62:1:a;15:2:-3#4:true!0:~]1:b;13:1764000000.03^1:c;2:\x00\xff,1:d;2:\xc3\xa4;}";
        assert_eq!(out, expected, "{}", String::from_utf8_lossy(&out));
    }
}
