//! The error that ends a flow without a response.

/// Makes hyper end a stream, or on HTTP/1 the connection, without a response.
#[derive(Debug)]
pub(super) struct Cut(pub(super) h2::Error);

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("aborted by a rule")
    }
}

impl std::error::Error for Cut {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
