//! What a rule made of a body: for the test to compare.

use crate::flow::FlowId;
use crate::proxy;
use crate::sanitize::sanitize;
use bytes::Bytes;
use similar::TextDiff;
use std::fmt;

/// What a rule did to the last flow that it was applied to. Of a rule that changes no body, there is nothing to see but that
/// it was applied.
#[derive(Clone)]
pub struct Applied(pub(super) Option<proxy::Applied>);

impl Applied {
    /// The flow.
    #[must_use]
    pub fn flow(&self) -> Option<FlowId> {
        self.0.as_ref().map(|applied| applied.flow)
    }

    /// What upstream sent (or an earlier rule made of it), with its content-encoding undone. None if it could not be read, or
    /// the rule changes no body.
    #[must_use]
    pub fn upstream(&self) -> Option<&Bytes> {
        self.0.as_ref()?.upstream.as_ref()
    }

    /// What went on in its place. None if that is a file of more than a mebibyte, which is read as it goes out.
    #[must_use]
    pub fn served(&self) -> Option<&Bytes> {
        self.0.as_ref()?.served.as_ref()
    }

    /// What has changed, as a unified diff. Bodies that are no text are told by their sizes, and a line says so where nothing
    /// has changed or what upstream sent could not be read.
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
