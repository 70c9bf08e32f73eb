//! The effect of a rule on a body, for a test to compare.

use crate::flow::FlowId;
use crate::proxy;
use crate::sanitize::sanitize;
use bytes::Bytes;
use similar::TextDiff;
use std::fmt;

/// What a rule did to the last flow that it was applied to.
///
/// For a rule that changes no response body, only the fact that it was applied is known.
#[derive(Clone)]
pub struct Applied(pub(super) Option<proxy::Applied>);

impl Applied {
    /// Returns the flow's id, or `None` if the rule changes no response body.
    #[must_use]
    pub fn flow(&self) -> Option<FlowId> {
        self.0.as_ref().map(|applied| applied.flow)
    }

    /// Returns the body that upstream sent, with its content-encoding undone.
    ///
    /// It includes the changes of earlier rules. `None` if the body could not be read, or if the rule changes no
    /// response body.
    #[must_use]
    pub fn upstream(&self) -> Option<&Bytes> {
        self.0.as_ref()?.upstream.as_ref()
    }

    /// Returns the body that was sent instead.
    ///
    /// `None` if it is a file of more than 1 MiB, which is streamed, or if the rule changes no response body.
    #[must_use]
    pub fn served(&self) -> Option<&Bytes> {
        self.0.as_ref()?.served.as_ref()
    }

    /// Returns the difference between the two bodies as a unified diff.
    ///
    /// Bodies that are not text are described by their sizes. If nothing has changed, or if the upstream's body could
    /// not be read, the result is a line that states this.
    #[must_use]
    pub fn diff(&self) -> String {
        let Some(applied) = &self.0 else { return "the rule changes no body\n".to_owned() };
        let Some(upstream) = &applied.upstream else {
            return format!("{}: what upstream sent could not be read\n", applied.url);
        };
        let Some(served) = &applied.served else {
            return format!("{}: {} bytes became a file of more than a mebibyte\n", applied.url, upstream.len());
        };
        if upstream == served {
            return format!("{}: nothing has changed: upstream sends the same {} bytes\n", applied.url, upstream.len());
        }
        let (Ok(old), Ok(new)) = (std::str::from_utf8(upstream), std::str::from_utf8(served)) else {
            return format!("{}: {} bytes became {}\n", applied.url, upstream.len(), served.len());
        };
        let diff = TextDiff::from_lines(old, new);
        diff.unified_diff().header(&format!("{} (upstream)", applied.url), "(served)").to_string()
    }
}

impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Applied"),
            Some(applied) => {
                let text = format!("Applied to {} {}\n{}", applied.flow, applied.url, self.diff());
                f.write_str(&sanitize(&text))
            }
        }
    }
}
