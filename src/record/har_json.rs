//! Reads the entries of a HAR one by one: the JSON of a whole file takes many times its size. Pure.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// Calls `take` with each value of `log.entries`, and its position. Returns whether there is such a list.
pub(super) fn entries(text: &str, take: &mut dyn FnMut(usize, Value)) -> serde_json::Result<bool> {
    let mut found = false;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Seed { path: &["log", "entries"], found: &mut found, take }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

/// Reads what is at a path, and nothing else.
struct Seed<'a> {
    path: &'a [&'static str],
    found: &'a mut bool,
    take: &'a mut dyn FnMut(usize, Value),
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.path {
            [] => deserializer.deserialize_seq(self),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`log.entries`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match self.path.split_first() {
                Some((name, path)) if *name == key => {
                    map.next_value_seed(Seed { path, found: &mut *self.found, take: &mut *self.take })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        *self.found = true;
        let mut at = 0;
        while let Some(value) = seq.next_element()? {
            (self.take)(at, value);
            at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_among_other_things() {
        let read = |text: &str| {
            let mut all = Vec::new();
            let found = entries(text, &mut |at, value| all.push((at, value))).map_err(|error| error.is_data());
            found.map(|found| (found, all.len()))
        };
        assert_eq!(
            read("{\"a\": [1], \"log\": {\"pages\": [], \"entries\": [1, {}, \"x\"], \"b\": {}}}"),
            Ok((true, 3))
        );
        assert_eq!(read("{\"log\": {}}"), Ok((false, 0)));
        for (text, is_data) in [("{\"log\": []}", true), ("[1]", true), ("{", false), ("{} x", false), ("", false)] {
            assert_eq!(read(text), Err(is_data), "{text}");
        }
    }
}
