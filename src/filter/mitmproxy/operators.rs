//! The operators of mitmproxy's syntax: `~u`, `~m` and the others.

use crate::filter::{Field, Flag, Side};

/// What an operator tests.
pub(super) enum Meaning {
    Always(bool),
    Flag(Flag),
    Status,
    /// A regex with these flags on this field.
    Text(Field, &'static str),
}

impl Meaning {
    pub(super) fn takes_text(&self) -> bool {
        matches!(self, Self::Status | Self::Text(..))
    }
}

/// All operators, for the error about an unknown one.
pub(super) const OPERATORS: &str = "~a ~all ~b ~bq ~bs ~c ~comment ~d ~dns ~dst ~e ~h ~hq ~hs ~http ~m ~marked ~marker ~meta ~q ~replay \
                         ~replayq ~replays ~s ~src ~t ~tcp ~tq ~ts ~u ~udp ~websocket";

pub(super) fn meaning(operator: &str) -> Option<Meaning> {
    use Meaning::{Always, Status, Text};
    const LINES: &str = "imR";
    const WHOLE: &str = "is";
    Some(match operator {
        "all" | "http" => Always(true),
        "tcp" | "udp" | "dns" => Always(false),
        "a" => Meaning::Flag(Flag::Asset),
        "e" => Meaning::Flag(Flag::Failed),
        "q" => Meaning::Flag(Flag::Unanswered),
        "s" => Meaning::Flag(Flag::Answered),
        "websocket" => Meaning::Flag(Flag::Websocket),
        "marked" => Meaning::Flag(Flag::Marked),
        "replay" => Meaning::Flag(Flag::Replayed),
        "replayq" => Meaning::Flag(Flag::ReplayedRequest),
        "replays" => Meaning::Flag(Flag::ReplayedResponse),
        "c" => Status,
        "b" => Text(Field::Body(Side::Either), WHOLE),
        "bq" => Text(Field::Body(Side::Request), WHOLE),
        "bs" => Text(Field::Body(Side::Response), WHOLE),
        "h" => Text(Field::Headers(Side::Either), LINES),
        "hq" => Text(Field::Headers(Side::Request), LINES),
        "hs" => Text(Field::Headers(Side::Response), LINES),
        "t" => Text(Field::ContentType(Side::Either), "i"),
        "tq" => Text(Field::ContentType(Side::Request), "i"),
        "ts" => Text(Field::ContentType(Side::Response), "i"),
        "m" => Text(Field::Method, "i"),
        "d" => Text(Field::Host, "i"),
        "u" => Text(Field::Url, "i"),
        "src" => Text(Field::Client, "i"),
        "dst" => Text(Field::Server, "i"),
        "marker" => Text(Field::Marker, "i"),
        "comment" => Text(Field::Comment, "im"),
        "meta" => Text(Field::Marker, "i"),
        _ => return None,
    })
}
