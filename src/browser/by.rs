//! Locators: how a test says which element it means.

use fantoccini::Locator;
use std::fmt;

/// Says which element of a page is meant. A `&str` is a CSS selector.
///
/// `By::role("button", "Save")` finds what a user sees as the button "Save", and survives changes of classes and structure.
/// Roles are those of ARIA, explicit (`role=".."`) or implied by the element. The name is an approximation of the
/// accessible name: `aria-label`, `aria-labelledby`, a `<label>`, the text, `alt`, `title`, `placeholder`, or the `value` of
/// a button, each with white space collapsed, and equal as a whole.
///
/// ```no_run
/// use holdup::By;
/// # use holdup::prelude::*;
/// # async fn example(browser: Browser) -> TestResult {
/// browser.type_into(By::label("Search"), "ab").await?;
/// browser.click(By::role("button", "Go")).await?;
/// browser.wait(By::text("No results")).await?;
/// browser.wait_gone("#spinner").await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct By {
    kind: Kind,
    /// As a failure shows it.
    says: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Css(String),
    XPath(String),
}

impl By {
    /// The first element that matches a CSS selector.
    #[must_use]
    pub fn css(selector: impl Into<String>) -> Self {
        let selector = selector.into();
        Self { says: selector.clone(), kind: Kind::Css(selector) }
    }

    /// The first element that matches an XPath.
    #[must_use]
    pub fn xpath(path: impl Into<String>) -> Self {
        let path = path.into();
        Self { says: path.clone(), kind: Kind::XPath(path) }
    }

    /// The first element with this ARIA role and this name.
    #[must_use]
    pub fn role(role: &str, name: &str) -> Self {
        let path = format!("//*[(@role={} or (not(@role) and ({})))][{}]", quoted(role), implied(role), named(name));
        Self { kind: Kind::XPath(path), says: format!("{role} {name:?}") }
    }

    /// The innermost element with this text, white space collapsed.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let has = format!("normalize-space(.)={}", quoted(text));
        let path = format!("//body//*[not(self::script or self::style) and {has} and not(*[{has}])]");
        Self { kind: Kind::XPath(path), says: format!("text {text:?}") }
    }

    /// The form field with this label: a `<label>`, `aria-label` or `aria-labelledby`.
    #[must_use]
    pub fn label(label: &str) -> Self {
        let path = format!(
            "//*[self::input or self::select or self::textarea or @contenteditable or @role][{}]",
            labelled(label)
        );
        Self { kind: Kind::XPath(path), says: format!("field {label:?}") }
    }

    /// The XPath, if it is one: reports show words in its place.
    pub(super) fn xpath_in_words(&self) -> Option<(&str, &str)> {
        match &self.kind {
            Kind::XPath(path) if *path != self.says => Some((path, &self.says)),
            _ => None,
        }
    }

    pub(super) fn locator(&self) -> Locator<'_> {
        match &self.kind {
            Kind::Css(selector) => Locator::Css(selector),
            Kind::XPath(path) => Locator::XPath(path),
        }
    }
}

/// A CSS selector.
impl<T: AsRef<str> + ?Sized> From<&T> for By {
    fn from(selector: &T) -> Self {
        Self::css(selector.as_ref())
    }
}

/// A CSS selector.
impl From<String> for By {
    fn from(selector: String) -> Self {
        Self::css(selector)
    }
}

impl From<&Self> for By {
    fn from(by: &Self) -> Self {
        by.clone()
    }
}

/// As a failure shows it: the selector, or `button "Save"`.
impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}

/// The elements that have a role without saying so (HTML-AAM), as a condition of XPath.
fn implied(role: &str) -> &'static str {
    match role {
        "article" => "self::article",
        "button" => {
            "self::button or self::summary or (self::input and (@type='button' or @type='submit' or @type='reset' or @type='image'))"
        }
        "cell" => "self::td",
        "checkbox" => "self::input and @type='checkbox'",
        "combobox" => "self::select and not(@multiple)",
        "dialog" => "self::dialog",
        "heading" => "self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6",
        "img" | "image" => "self::img",
        "link" => "(self::a or self::area) and @href",
        "list" => "self::ul or self::ol",
        "listbox" => "self::select and @multiple",
        "listitem" => "self::li",
        "main" => "self::main",
        "navigation" => "self::nav",
        "option" => "self::option",
        "progressbar" => "self::progress",
        "radio" => "self::input and @type='radio'",
        "row" => "self::tr",
        "searchbox" => "self::input and @type='search'",
        "slider" => "self::input and @type='range'",
        "spinbutton" => "self::input and @type='number'",
        "status" => "self::output",
        "table" => "self::table",
        "textbox" => {
            "self::textarea or (self::input and (not(@type) or @type='text' or @type='email' or @type='tel' or @type='url' or @type='password'))"
        }
        _ => "false()",
    }
}

fn named(name: &str) -> String {
    let name_ = quoted(name);
    let own =
        ["@alt", "@title", "@placeholder", "self::input[@type='button' or @type='submit' or @type='reset']/@value"]
            .map(|of| format!("normalize-space({of})={name_}"));
    format!("{} or normalize-space(.)={name_} or {}", labelled(name), own.join(" or "))
}

fn labelled(label: &str) -> String {
    let text = format!("normalize-space(.)={}", quoted(label));
    format!(
        "normalize-space(@aria-label)={} or @aria-labelledby=//*[{text}]/@id or @id=//label[{text}]/@for or ancestor::label[{text}]",
        quoted(label)
    )
}

/// A string of XPath, which has no escapes.
fn quoted(text: &str) -> String {
    if !text.contains('\'') {
        return format!("'{text}'");
    }
    let parts = text.split('\'').map(|part| format!("'{part}'")).collect::<Vec<_>>();
    format!("concat({})", parts.join(", \"'\", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locator_shows_itself_in_the_words_of_the_test() {
        assert_eq!(By::from("#save").to_string(), "#save");
        assert_eq!(By::role("button", "Save").to_string(), "button \"Save\"");
        assert_eq!(quoted("it's \"so\""), "concat('it', \"'\", 's \"so\"')");
    }
}
