//! Verbs that change a flow by code: `edit!`, `redirect!`, and `rewrite!` for headers and URLs.

use super::{Rule, Verbs};
use crate::filter::Filter;
use crate::flow::{Request, Target, Whole};
use crate::report::misuse;
use crate::rules::{Action, AnyEdit, Editable};
use crate::sanitize::{is_unambiguous, placeholder};
use http::{HeaderName, HeaderValue, Uri, header};
use std::pin::Pin;

/// The host that the `host` header of a redirected request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// The new host.
    Follows,
    /// The original host.
    Kept,
}

impl Verbs {
    /// Changes flows with a closure: `mitm.edit::<Response>(filter!(..), |response| ..)`.
    ///
    /// The body is read first. See [`edit!`](crate::edit).
    ///
    /// # Panics
    /// When the filter does not fit the stage, as `status` at the request.
    #[track_caller]
    pub fn edit<S: Editable>(&self, filter: Filter, change: impl Fn(&mut S) + Send + Sync + 'static) -> Rule {
        self.edit_async(filter, move |mut head: S| {
            change(&mut head);
            Box::pin(std::future::ready(head))
        })
    }

    /// Changes flows with a closure that returns a future; otherwise like [`edit`](Self::edit).
    ///
    /// # Panics
    /// When the filter does not fit the stage, as `status` at the request.
    #[track_caller]
    pub fn edit_async<S: Editable>(
        &self,
        filter: Filter,
        change: impl Fn(S) -> Pin<Box<dyn Future<Output = S> + Send>> + Send + Sync + 'static,
    ) -> Rule {
        let AnyEdit(edit) = S::edit(change);
        self.rule(S::NAME, filter, Action::Edit { edit, verb: "edit!", says: "..".to_owned(), of_body: true })
    }

    /// Redirects requests to another server. See [`redirect!`](crate::redirect).
    ///
    /// # Panics
    /// When `to` is not an absolute `http` or `https` URL.
    #[track_caller]
    pub fn redirect(&self, filter: Filter, to: impl AsRef<str>, host: HostHeader) -> Rule {
        let to = to.as_ref();
        let uri: Option<Uri> = to.parse().ok();
        let target = uri.as_ref().filter(|uri| uri.scheme().is_some()).and_then(Target::of);
        let (Some(uri), Some(target)) = (uri, target) else {
            misuse(&format!("redirect! needs an absolute URL, such as \"https://staging.test\", not {to:?}"))
        };
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let change = move |request: &mut Request| {
            request.target = target.clone();
            if let Some(path) = redirected(&path, &request.path_and_query) {
                request.path_and_query = path;
            }
            if host == HostHeader::Follows
                && let Ok(value) = HeaderValue::try_from(target.authority())
            {
                request.headers.insert(header::HOST, value);
            }
        };
        let kept = if host == HostHeader::Kept { ", keep_host" } else { "" };
        self.change(filter, "redirect!", format!("{to:?}{kept}"), change)
    }

    /// Sets a header. See [`rewrite!`](crate::rewrite).
    ///
    /// # Panics
    /// When `name` or `value` is not valid in a header.
    #[track_caller]
    pub fn rewrite_header<S: Editable + Headed>(
        &self,
        filter: Filter,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Rule {
        let (name, value) = (header_name(name.as_ref()), value.as_ref());
        let Ok(header) = HeaderValue::try_from(value) else { misuse(&format!("{value:?} cannot be a header's value")) };
        let shown = if is_unambiguous(name.as_str()) { placeholder(value) } else { format!("{value:?}") };
        let says = format!("header({:?}) => {shown}", name.as_str());
        self.change(filter, "rewrite!", says, move |head: &mut S| {
            head.headers().insert(name.clone(), header.clone());
        })
    }

    /// Removes a header. See [`rewrite!`](crate::rewrite).
    ///
    /// # Panics
    /// When `name` is not a valid header name.
    #[track_caller]
    pub fn remove_header<S: Editable + Headed>(&self, filter: Filter, name: impl AsRef<str>) -> Rule {
        let name = header_name(name.as_ref());
        let says = format!("header({:?}) => none", name.as_str());
        self.change(filter, "rewrite!", says, move |head: &mut S| {
            head.headers().remove(&name);
        })
    }

    /// Rewrites the path and query. See [`rewrite!`](crate::rewrite).
    ///
    /// # Panics
    /// When `pattern` is not a valid regex.
    #[track_caller]
    pub fn rewrite_url(&self, filter: Filter, pattern: impl AsRef<str>, with: impl AsRef<str>) -> Rule {
        let (pattern, with) = (pattern.as_ref(), with.as_ref().to_owned());
        let regex = match regex::Regex::new(pattern) {
            Ok(regex) => regex,
            Err(error) => misuse(&format!("rewrite! needs a regex: {error}")),
        };
        let says = format!("url({pattern:?}) => {with:?}");
        self.change(filter, "rewrite!", says, move |request: &mut Request| {
            let path = regex.replace_all(&request.path_and_query, with.as_str()).into_owned();
            // A request path must start with `/`.
            request.path_and_query = if path.starts_with('/') { path } else { format!("/{path}") };
        })
    }

    /// Declares a change that does not read the body.
    #[track_caller]
    fn change<S: Editable>(
        &self,
        filter: Filter,
        verb: &'static str,
        says: String,
        change: impl Fn(&mut S) + Send + Sync + 'static,
    ) -> Rule {
        let AnyEdit(edit) = S::edit(move |mut head: S| {
            change(&mut head);
            Box::pin(std::future::ready(head))
        });
        self.rule(S::NAME, filter, Action::Edit { edit, verb, says, of_body: false })
    }
}

#[track_caller]
fn header_name(name: &str) -> HeaderName {
    match HeaderName::try_from(name) {
        Ok(name) => name,
        Err(_) => misuse(&format!("{name:?} can be no header's name")),
    }
}

/// Returns the path of a request for `asked` that is redirected to the path `to`, or `None` if it keeps its own.
///
/// A path that ends in `/` is put before the original one.
fn redirected(to: &str, asked: &str) -> Option<String> {
    match to {
        "/" => None,
        prefix if prefix.ends_with('/') => Some(format!("{}{asked}", prefix.trim_end_matches('/'))),
        whole => Some(whole.to_owned()),
    }
}

/// A message with headers.
#[doc(hidden)]
pub trait Headed: Whole {
    #[doc(hidden)]
    fn headers(&mut self) -> &mut http::HeaderMap;
}

impl Headed for Request {
    fn headers(&mut self) -> &mut http::HeaderMap {
        self.headers_mut()
    }
}

impl Headed for crate::flow::Response {
    fn headers(&mut self) -> &mut http::HeaderMap {
        self.headers_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::redirected;

    #[test]
    fn a_path_is_kept_prefixed_or_replaced() {
        assert_eq!(redirected("/", "/a?b"), None);
        assert_eq!(redirected("/v2/", "/a?b").as_deref(), Some("/v2/a?b"));
        assert_eq!(redirected("/other?c", "/a?b").as_deref(), Some("/other?c"));
    }
}
