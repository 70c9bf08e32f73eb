//! The report of an exploration: in words, as a schedule, and as code.

use super::paste::as_code;
use crate::schedule::{Event, Plan, Trace};
use std::fmt::Write;
use std::time::Duration;

/// A race that an exploration has found.
pub(crate) struct Race<'a> {
    /// The name of the test, with its module path.
    pub(crate) test: &'a str,
    pub(crate) plan: &'a Plan,
    pub(crate) executions: usize,
    /// How many orders were tried before this one, the natural one included.
    pub(crate) passed: usize,
    pub(crate) took: Duration,
    /// The line of the file of failing orders that had this one.
    pub(crate) remembered: Option<String>,
    /// Where it is kept from now on.
    pub(crate) kept: Option<String>,
    /// How the test fails in this order.
    pub(crate) failure: &'a str,
    pub(crate) passing: &'a Trace,
    pub(crate) failing: &'a Trace,
    /// The user's actions, in words.
    pub(crate) actions: &'a [String],
}

impl Race<'_> {
    /// Returns the headline and the text below it.
    pub(crate) fn text(&self) -> String {
        let name = self.test.rsplit("::").next().unwrap_or(self.test);
        let mut text = format!("race: {name} {}\n", self.headline());
        if !self.plan.can_be_told() {
            text += "  no schedule reproduces it: even the whole order below does not fail when it is replayed\n";
        } else {
            self.schedule(&mut text);
        }
        text += "\nfailure in this order:\n";
        self.failure.trim().lines().for_each(|failure| push(&mut text, "  ", failure));
        text += "\nevents, in the order that passes and in this one (* marks the first difference):\n";
        side_by_side(&mut text, &self.lines(self.passing), &self.lines(self.failing));
        text
    }
}

impl Race<'_> {
    /// Returns how many orders were tried, with which result.
    pub(crate) fn headline(&self) -> String {
        let (tried, took) = (self.passed + 1, self.took.as_secs_f64());
        let executions = self.executions;
        if let Some(place) = &self.remembered {
            return format!("failed again in the order of {place} ({took:.1} s); the natural order passes");
        }
        format!(
            "failed in 1 of {tried} explored orders ({executions} executions, {took:.1} s); the natural order passes"
        )
    }

    /// Returns when the test fails, as a clause.
    pub(crate) fn sentence(&self) -> String {
        in_words(self.plan, self.actions)
    }

    /// Returns the command that replays the schedule, quoted for a shell.
    pub(crate) fn command(&self) -> String {
        // The harness knows a test by its path below the crate.
        let name = self.test.split_once("::").map_or(self.test, |(_, path)| path);
        let quoted = self.plan.to_string().replace('\'', r"'\''");
        format!("HOLDUP_SCHEDULE='{quoted}' cargo test {name} -- --exact")
    }

    /// Returns the option of the attribute that pins the schedule.
    pub(crate) fn attribute(&self) -> String {
        format!("schedule = {:?}", self.plan.to_string())
    }

    /// Returns the schedule as code of a test.
    pub(crate) fn code(&self) -> String {
        as_code(self.plan, self.failing)
    }

    /// Returns an event in words.
    pub(crate) fn event(&self, event: &Event) -> String {
        event_in_words(event, self.actions)
    }

    fn schedule(&self, text: &mut String) {
        line(text, "minimal", &self.sentence());
        line(text, "replay", &self.command());
        line(
            text,
            "pinned",
            &format!("{} in #[mitm_test(..)], next to the options of `explore(..)`", self.attribute()),
        );
        line(
            text,
            "letters",
            "r: response or message, q: request, a: action; X > Y: X not before Y; ff, af, lf, la: what comes first",
        );
        if let Some(kept) = &self.kept {
            line(text, "kept", kept);
        }
        *text += "  as code, in a test without `explore`:\n";
        self.code().lines().for_each(|code| push(text, "    ", code));
    }

    fn lines(&self, trace: &Trace) -> Vec<String> {
        let line = |event: &Event| match event {
            Event::Act(n) => format!("{event} {}", action(self.actions, *n)),
            other => other.to_string(),
        };
        trace.fired().map(line).collect()
    }
}

/// Returns an action in words.
fn action(actions: &[String], n: usize) -> &str {
    actions.get(n.wrapping_sub(1)).map_or("", String::as_str)
}

fn line(text: &mut String, title: &str, says: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "  {:<9}{says}", format!("{title}:"));
}

fn push(text: &mut String, indent: &str, line: &str) {
    let _ = writeln!(text, "{indent}{line}");
}

fn event_in_words(event: &Event, actions: &[String]) -> String {
    match event {
        Event::Act(n) if !action(actions, *n).is_empty() => format!("the user's action {n} ({})", action(actions, *n)),
        other => other.in_words(),
    }
}

/// Returns a schedule as a sentence.
fn in_words(plan: &Plan, actions: &[String]) -> String {
    let in_words = |event: &Event| event_in_words(event, actions);
    let constraint = |one: &crate::schedule::Constraint| {
        let verb = |event: &Event| match event {
            Event::Act(_) => "happens",
            Event::Send(_) => "reaches the server",
            Event::Deliver(_) => "reaches the page",
        };
        format!("{} {} after {}", in_words(&one.late), verb(&one.late), in_words(&one.early))
    };
    match plan.constraints.as_slice() {
        [] => format!("{}, without other constraints", plan.base.in_words()),
        all => all.iter().map(constraint).collect::<Vec<_>>().join(", and "),
    }
}

fn side_by_side(text: &mut String, left: &[String], right: &[String]) {
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or_default().max(10);
    let parts = left.iter().zip(right).position(|(left, right)| left != right);
    let empty = String::new();
    for at in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(at).unwrap_or(&empty), right.get(at).unwrap_or(&empty));
        let mark = if Some(at) == parts { '*' } else { ' ' };
        let _ = writeln!(text, " {mark}{:>3}  {left:<width$}  {right}", at + 1);
    }
}

/// Reports where two runs of the same order differ; `None` if they do not.
pub(crate) fn nondeterminism(test: &str, one: &Trace, other: &Trace) -> Option<String> {
    let (at, mine) = one.parts_from(other)?;
    let (_, its) = other.parts_from(one)?;
    let name = test.rsplit("::").next().unwrap_or(test);
    let only = |event: Option<&Event>, run| event.map(|event| format!("\n  {event} appeared only in run {run}"));
    let mut text = format!("{name} cannot be explored: two runs in the same order differ at step {}", at + 1);
    text += &only(mine, 1).unwrap_or_default();
    text += &only(its, 2).filter(|_| its != mine).unwrap_or_default();
    text += "\n  This is not a race, but something that the order does not control: polling, a clock, random numbers, \
        state that\n  the last run left on the server.\n  \
        help: leave such flows out with `explore(ignore(path == \"/poll\"))`, or have the fixture set up the same state each time";
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_told_in_words() {
        let says = |schedule: &str| in_words(&schedule.parse().expect(schedule), &["goto /".to_owned()]);
        assert_eq!(
            says("h1;ff;r:GET /a#1 > r:GET /b#1"),
            "the response to GET /a reaches the page after the response to GET /b"
        );
        assert_eq!(
            says("h1;ff;r:GET /a#1 > a1"),
            "the response to GET /a reaches the page after the user's action 1 (goto /)"
        );
        assert_eq!(
            says("h1;ff;r:MESSAGE /socket joined#2 > r:EVENT /events tick#1"),
            "the WebSocket message joined of /socket (2nd) reaches the page after the server-sent event tick of /events"
        );
        assert_eq!(says("h1;af"), "the user acts before any response arrives, without other constraints");
    }
}
