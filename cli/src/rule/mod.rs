//! Rules on the command line: `--rule 'replace!(path == "/app.js", "app.js")'`.
//!
//! The macros' own parser reads them (`macros/src/`), and here its expansion is carried out instead of compiled: so there is one
//! language, and one set of messages.

mod argument;
mod filter;
mod value;

use crate::verb;
use argument::{answer, kind, pace};
use filter::filter;
use holdup::__private::Verbs;
use holdup::{Chunk, HostHeader, Message, Mitm, Request, Response, ServerEvent};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::time::Duration;
use syn::{Expr, ExprMethodCall};
use value::{duration, literal, name, text};

type Read<T> = Result<T, String>;

/// Declares a rule.
pub(crate) fn declare(mitm: &Mitm, text: &str) -> Read<()> {
    let said = syn::parse_str::<syn::Macro>(text)
        .map_err(|_| format!("{text:?} is no rule: write it as in a test, `delay!(url ~ \"x\", 300ms)`"))?;
    let name = said.path.get_ident().map(ToString::to_string).unwrap_or_default();
    let expanded = match &*name {
        "hold" => verb::hold(said.tokens),
        "delay" => verb::delay(said.tokens),
        "throttle" => verb::throttle(said.tokens),
        "abort" => verb::abort(said.tokens),
        "respond" => verb::respond(said.tokens),
        "replace" => verb::replace(said.tokens),
        "rewrite" => verb::rewrite(said.tokens),
        "redirect" => verb::redirect(said.tokens),
        "edit" | "watch" => return Err(format!("{name}! needs a test around it: press T in the console to write one")),
        _ => {
            return Err(format!(
                "{name:?} is no rule: there are hold!, delay!, throttle!, abort!, respond!, replace!, rewrite!, redirect!"
            ));
        }
    };
    let call = match syn::parse2::<Expr>(expanded).map_err(|error| error.to_string())? {
        Expr::MethodCall(call) => call,
        Expr::Macro(refused) => {
            return Err(literal(&syn::parse2(refused.mac.tokens).map_err(|error| error.to_string())?)?);
        }
        _ => return Err(format!("{name}! cannot be used here")),
    };
    refusable(|| act(mitm, &call))
}

/// Calls what refuses a misuse by a panic, since it expects a line of a test, and returns that as an error.
pub(crate) fn refusable(call: impl FnOnce() -> Read<()>) -> Read<()> {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let done = catch_unwind(AssertUnwindSafe(call));
    set_hook(hook);
    done.unwrap_or_else(|panic| {
        Err(panic.downcast_ref::<String>().map_or("it cannot be declared", String::as_str).to_owned())
    })
}

/// Calls a method with the type of the stage.
macro_rules! at {
    ($stage:expr, [$($type:ident),*], $call:ident, $method:ident $arguments:tt) => {
        match $stage {
            $(stringify!($type) => drop($call.$method::<$type> $arguments),)*
            other => return Err(format!("it does not act at {other}")),
        }
    };
}

#[expect(clippy::too_many_lines, reason = "a table of the verbs")]
fn act(verbs: &Verbs, call: &ExprMethodCall) -> Read<()> {
    let stage = call.turbofish.as_ref().and_then(|types| match types.args.first() {
        Some(syn::GenericArgument::Type(syn::Type::Path(path))) => {
            path.path.segments.last().map(|it| it.ident.to_string())
        }
        _ => None,
    });
    let stage = stage.unwrap_or_default();
    let argument = |n: usize| call.args.iter().nth(n).ok_or("an argument is missing");
    let filter = filter(argument(0)?)?;
    match &*call.method.to_string() {
        "hold" => match &*stage {
            "Request" => drop(verbs.hold::<Request>(filter).optional()),
            "Response" => drop(verbs.hold::<Response>(filter).optional()),
            "Message" => drop(verbs.hold::<Message>(filter).optional()),
            "ServerEvent" => drop(verbs.hold::<ServerEvent>(filter).optional()),
            _ => drop(verbs.hold::<Chunk>(filter).optional()),
        },
        "delay" => match argument(1)? {
            Expr::Range(range) => {
                let end = |end: &Option<Box<Expr>>| end.as_deref().map_or(Ok(Duration::ZERO), duration);
                let by = end(&range.start)?..end(&range.end)?;
                at!(&*stage, [Request, Response, Message, ServerEvent, Chunk], verbs, delay(filter, by));
            }
            by => {
                let by = duration(by)?;
                at!(&*stage, [Request, Response, Message, ServerEvent, Chunk], verbs, delay(filter, by));
            }
        },
        "throttle" => {
            let pace = pace(argument(1)?)?;
            at!(&*stage, [Request, Response], verbs, throttle(filter, pace));
        }
        "abort" => {
            let kind = kind(argument(1)?)?;
            at!(&*stage, [Request, Response, Message, ServerEvent, Chunk], verbs, abort(filter, kind));
        }
        "respond" => {
            let answer = answer(argument(1)?)?;
            at!(&*stage, [Request, Response], verbs, respond(filter, answer));
        }
        "replace" => match argument(1)? {
            Expr::Call(folder) if name(&folder.func) == "dir" => {
                drop(verbs.replace(filter, holdup::dir(text(folder.args.first().ok_or("which folder?")?)?)));
            }
            file => drop(verbs.replace(filter, text(file)?.as_str())),
        },
        "rewrite" => {
            let (pattern, with) = (text(argument(1)?)?, text(argument(2)?)?);
            at!(&*stage, [Request, Response, Message, ServerEvent], verbs, rewrite(filter, &pattern, with));
        }
        "rewrite_url" => drop(verbs.rewrite_url(filter, &text(argument(1)?)?, &text(argument(2)?)?)),
        "rewrite_header" => {
            let (name, value) = (text(argument(1)?)?, text(argument(2)?)?);
            at!(&*stage, [Request, Response], verbs, rewrite_header(filter, &name, &value));
        }
        "remove_header" => {
            let name = text(argument(1)?)?;
            at!(&*stage, [Request, Response], verbs, remove_header(filter, &name));
        }
        "redirect" => {
            let host = if name(argument(2)?) == "Kept" { HostHeader::Kept } else { HostHeader::Follows };
            drop(verbs.redirect(filter, &text(argument(1)?)?, host));
        }
        other => return Err(format!("{other}! cannot be used here")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(rule: &str) -> String {
        let mitm = Mitm::start().await.expect("a proxy");
        let refused = declare(&mitm, rule).err().unwrap_or_default();
        drop(mitm.stop().await);
        refused
    }

    async fn asked(rules: &[&str], url: &str) -> (u16, String) {
        let mitm = Mitm::start().await.expect("a proxy");
        for rule in rules {
            assert_eq!(declare(&mitm, rule), Ok(()), "{rule}");
        }
        let response = mitm.client().expect("a client").get(url).send().await.expect("a response");
        let said = (response.status().as_u16(), response.text().await.unwrap_or_default());
        drop(mitm.stop().await);
        said
    }

    #[tokio::test]
    async fn rules_mean_what_they_mean_in_a_test() {
        let page = "respond!(host == \"a.test\" && !(path ~ \"^/x\"), (201, [(\"content-type\", \"text/html\")], \"the cat\"))";
        let teh = "rewrite!(content_type ~ \"html\", \"the\" => \"teh\")";
        assert_eq!(asked(&[page, teh], "http://a.test/").await, (201, "teh cat".to_owned()));
        let file = std::env::temp_dir().join(format!("holdup-rule-{}.txt", std::process::id()));
        std::fs::write(&file, "local").expect("a file");
        let local = format!("replace!(path == \"/app.js\", {:?})", file.display().to_string());
        assert_eq!(asked(&[page, &local], "http://a.test/app.js").await.1, "local");
        std::fs::remove_file(file).expect("the file");
        let json = "respond!(query(\"q\") == \"1\" || path == \"/none\", json!({\"a\": [1, null]}))";
        assert_eq!(asked(&[json], "http://a.test/?q=1").await, (200, "{\"a\":[1,null]}".to_owned()));
        for rule in [
            "hold!(response: method == POST && elapsed > 300ms)",
            "delay!(message: direction == \"to_client\", 10ms..20ms)",
            "throttle!(asset, Profile::SLOW_3G)",
            "throttle!(asset, 50_000)",
            "abort!(event: data contains \"x\", discard)",
            "abort!(url ~ \"x\", truncate(10))",
            "rewrite!(request: websocket, header(\"x\") => none)",
            "rewrite!(\"~u x & ~m GET\", url(\"^/a\") => \"/b\")",
            "redirect!(host == \"a\", \"https://b.test\", keep_host)",
            "respond!(path == \"/x\", 503)",
        ] {
            assert_eq!(refused(rule).await, "", "{rule}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_in_the_words_of_the_macros() {
        for (rule, why) in [
            ("hold!(pth == \"/x\")", "did you mean `path`?"),
            ("hold!(path == \"/x\"", "is no rule"),
            ("abort!(path == \"/x\", rest)", "did you mean `reset`?"),
            ("delay!(path == \"/x\", 300)", "a time needs its unit"),
            ("edit!(path == \"/x\", |x| x)", "needs a test around it"),
            ("replace!(path == \"/x\", \"/none/at/all\")", "cannot read"),
            ("rewrite!(url ~ \"x\", \"(\" => \"y\")", "regex"),
            ("respond!(path == {x}, 200)", "is code"),
            ("hold!(status == 200)", "put `response:`"),
        ] {
            let said = refused(rule).await;
            assert!(said.contains(why), "{rule}: {said}");
        }
    }
}
