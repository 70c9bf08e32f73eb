//! Draws the model. Colours are those of the terminal, light or dark; with `NO_COLOR` there are none, since signs and words
//! say the same.

use super::keys::{KEYS, Key};
use super::model::{Model, Pane, Screen};
use super::row::Row;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many characters without a width may follow one that has a width.
const MARKS: usize = 8;
/// Below this, nothing can be shown.
const LEAST: (u16, u16) = (20, 5);

pub(crate) struct Theme {
    pub(crate) has_color: bool,
}

impl Theme {
    fn color(&self, color: Color) -> Style {
        if self.has_color { Style::new().fg(color) } else { Style::new() }
    }
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws everything. Remembers in the model what is on the screen.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &mut Model, theme: &Theme) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        frame.render_widget(Paragraph::new("too small"), area);
        return;
    }
    let rows = [Constraint::Length(1), Constraint::Min(1), Constraint::Length(1), Constraint::Length(1)];
    let [head, body, notice, bar] = Layout::vertical(rows).areas(area);
    frame.render_widget(title(model, head.width.into()), head);
    match model.screen {
        Screen::List => list(frame, model, theme, body),
        Screen::Order => order(frame, model, theme, body),
        Screen::Flow => flow(frame, model, theme, body),
        Screen::Help => lines(frame, model, &help(), body),
        Screen::Events => {
            let all: Vec<_> = model.lines.iter().map(|line| Line::raw(line.clone())).collect();
            lines(frame, model, &all, body);
        }
    }
    frame.render_widget(at_the_bottom(model, notice.width.into()), notice);
    frame.render_widget(keys(model, bar.width.into()), bar);
}

fn title(model: &Model, width: usize) -> Line<'static> {
    let what = match &model.test {
        Some(test) if model.is_paused => format!("test {test} (paused)"),
        Some(test) => format!("test {test}"),
        None => format!("proxy {}", model.proxy),
    };
    let holds = match (&model.intercept, model.is_on) {
        (None, _) => "holds nothing".to_owned(),
        (Some(filter), true) => format!("holds {filter}"),
        (Some(filter), false) => format!("holding is off ({filter})"),
    };
    let held = model.parked().len();
    let view = if model.view.is_empty() { String::new() } else { format!("  shows only {}", model.view) };
    let text = format!(" {what}   {} flows, {held} held   {holds}{view}", model.rows.len());
    Line::styled(pad(&text, width), REVERSED)
}

/// A person types here, or is told something.
fn at_the_bottom(model: &Model, width: usize) -> Line<'static> {
    match (&model.prompt, &model.notice) {
        (Some((prompt, text)), _) => {
            let words = format!("{}: ", prompt.words());
            // The end of what is typed stays in sight.
            let room = width.saturating_sub(words.width().min(width / 2) + 2);
            let skip = text.width().saturating_sub(room);
            let tail: String = text.chars().skip(skip).collect();
            Line::from(vec![
                Span::styled(fit(&words, width / 2 + 1), BOLD),
                Span::raw(tail),
                Span::styled(" ", REVERSED),
            ])
        }
        (None, Some(notice)) => Line::styled(fit(notice, width), BOLD),
        (None, None) => Line::raw(""),
    }
}

/// The keys that do something now, in words.
fn keys(model: &Model, width: usize) -> Line<'static> {
    if model.prompt.is_some() {
        // Why what was typed is refused.
        let refused = model.notice.as_ref().map(|notice| Line::styled(fit(notice, width), BOLD));
        return refused.unwrap_or_else(|| Line::from("enter: do it   esc: leave it   ctrl-u: clear"));
    }
    let size = |key: &Key| key.name.width() + key.words.width() + 3;
    let works: Vec<_> = KEYS.iter().filter(|key| (key.works)(model)).collect();
    // Whatever has no room, the help has.
    let (help, others): (Vec<_>, Vec<_>) = works.into_iter().partition(|key| key.name == "?");
    let mut left = width.saturating_sub(help.iter().map(|key| size(key)).sum());
    let fits = |key: &&Key| {
        let fits = size(key) <= left;
        left -= if fits { size(key) } else { left };
        fits
    };
    let shown = others.into_iter().take_while(fits).collect::<Vec<_>>().into_iter().chain(help);
    let spans = shown.flat_map(|key| [Span::styled(key.name, BOLD), Span::raw(format!(" {}  ", key.words))]);
    Line::from(spans.collect::<Vec<_>>())
}

fn list(frame: &mut Frame<'_>, model: &mut Model, theme: &Theme, area: Rect) {
    if model.visible.is_empty() {
        let hint = if model.rows.is_empty() {
            "no flows yet: open a page in the browser of this proxy"
        } else {
            "no flow matches what `f` shows only"
        };
        frame.render_widget(Paragraph::new(hint).style(FAINT).wrap(Wrap { trim: true }), area);
        return;
    }
    let height = usize::from(area.height);
    let at = model.selected.and_then(|selected| model.visible.binary_search(&selected).ok()).unwrap_or(0);
    model.top = model.top.clamp(at.saturating_sub(height - 1), at);
    let shown = model.visible.iter().skip(model.top).take(height).filter_map(|id| model.rows.get(id));
    let all: Vec<_> = shown.map(|row| row_line(row, model, theme, area.width.into())).collect();
    frame.render_widget(Paragraph::new(all), area);
}

fn row_line(row: &Row, model: &Model, theme: &Theme, width: usize) -> Line<'static> {
    let is_selected = model.selected == Some(row.id);
    let mark = match (is_selected, model.marked.contains(&row.id)) {
        (true, true) => ">*",
        (true, false) => "> ",
        (false, true) => " *",
        (false, false) => "  ",
    };
    let edited = if model.edited.contains(&row.id) { "e" } else { " " };
    let state = row.held().map_or("  ".to_owned(), |held| format!("▮{held}"));
    let status = match (row.status, &row.outcome) {
        (_, Some(outcome)) if outcome != "delivered" => "---".to_owned(),
        (Some(status), _) => status.to_string(),
        (None, _) => "...".to_owned(),
    };
    let end = format!("{:>7} {:>8}", row.size.map_or(String::new(), size), row.ms.map_or(String::new(), time));
    let with_end = width >= 70;
    let fixed = mark.width() + state.width() + 1 + 2 + 7 + 4 + if with_end { end.width() + 1 } else { 0 };
    let mut url = format!("{}{}", row.host, row.path);
    if row.parts > 0 {
        url = format!("{url} ({} parts)", row.parts);
    }
    if let Some(outcome) = row.outcome.as_ref().filter(|outcome| *outcome != "delivered") {
        url = format!("{url}  {outcome}");
    }
    let url = pad(&url, width.saturating_sub(fixed));
    let style = match (row.held(), row.status) {
        (Some(_), _) => theme.color(Color::Yellow).add_modifier(Modifier::BOLD),
        (None, Some(400..)) => theme.color(Color::Red),
        _ if row.outcome.as_deref().is_some_and(|outcome| outcome.starts_with("failed")) => theme.color(Color::Red),
        _ if row.outcome.is_none() => FAINT,
        _ => Style::new(),
    };
    let style = if is_selected { style.add_modifier(Modifier::REVERSED) } else { style };
    let text = format!(
        "{mark}{state}{edited} {} {status} {url}{}",
        pad(&row.method, 7),
        if with_end { format!(" {end}") } else { String::new() }
    );
    Line::styled(fit(&text, width), style)
}

fn order(frame: &mut Frame<'_>, model: &Model, theme: &Theme, area: Rect) {
    let parked = model.parked();
    if parked.is_empty() {
        frame.render_widget(Paragraph::new("nothing is held").style(FAINT), area);
        return;
    }
    let width = usize::from(area.width);
    let lines = parked.iter().enumerate().map(|(at, (row, parked))| {
        let what = match &*parked.stage {
            "request" => "its request".to_owned(),
            "response" => format!("its answer{}", row.status.map_or(String::new(), |status| format!(" {status}"))),
            stage => format!("{stage} {}", parked.id),
        };
        let by = if parked.line == "the console" {
            String::new()
        } else {
            format!("  by {} of {}", parked.rule, parked.line)
        };
        let text = format!("{:>2}  {} {}{}  ▮ {what}{by}", at + 1, pad(&row.method, 7), row.host, row.path);
        Line::styled(fit(&text, width), theme.color(Color::Yellow))
    });
    let head = Line::styled(
        fit("held, in the order in which they came; each is waited for until the page has processed it", width),
        FAINT,
    );
    frame.render_widget(Paragraph::new([head].into_iter().chain(lines).collect::<Vec<_>>()), area);
}

fn flow(frame: &mut Frame<'_>, model: &mut Model, theme: &Theme, area: Rect) {
    let [tabs, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    let tab = |pane: &Pane| {
        let style = if *pane == model.pane { REVERSED } else { Style::new() };
        [Span::styled(format!(" {} ", pane.name()), style), Span::raw(" ")]
    };
    frame.render_widget(Line::from(Pane::ALL.iter().flat_map(tab).collect::<Vec<_>>()), tabs);
    let Some(shown) = &model.shown else {
        frame.render_widget(Paragraph::new("..").style(FAINT), body);
        return;
    };
    let texts = |name: &str| {
        let all = shown[name].as_array().into_iter().flatten().filter_map(|line| line.as_str());
        all.map(|line| Line::raw(line.to_owned())).collect::<Vec<_>>()
    };
    let text = match model.pane {
        Pane::Request => message(shown["request"].as_str(), theme),
        Pane::Response => match shown["response"].as_str() {
            Some(text) => message(Some(text), theme),
            None => vec![Line::styled("no response so far", FAINT)],
        },
        Pane::Parts => texts("parts"),
        Pane::Events => texts("events"),
    };
    lines(frame, model, &text, body);
}

/// A head with its names in bold, and the body.
fn message(text: Option<&str>, theme: &Theme) -> Vec<Line<'static>> {
    let mut in_head = true;
    let line = |(at, line): (usize, &str)| {
        in_head &= !line.is_empty();
        match line.split_once(": ").filter(|_| in_head && at > 0) {
            Some((name, value)) => Line::from(vec![
                Span::styled(format!("{name}: "), theme.color(Color::Cyan)),
                Span::raw(value.to_owned()),
            ]),
            None => Line::styled(line.to_owned(), if at == 0 { BOLD } else { Style::new() }),
        }
    };
    text.unwrap_or_default().lines().enumerate().map(line).collect()
}

/// Shows lines from where the person has scrolled to.
fn lines(frame: &mut Frame<'_>, model: &mut Model, all: &[Line<'static>], area: Rect) {
    let height = usize::from(area.height);
    model.scroll = model.scroll.min(all.len().saturating_sub(height));
    let width = usize::from(area.width);
    let shown = all.iter().skip(model.scroll).take(height).map(|line| shortened(line, model.pan, width));
    let mut shown: Vec<_> = shown.collect();
    let below = all.len().saturating_sub(model.scroll + height);
    if let Some(last) = shown.last_mut().filter(|_| below > 0) {
        *last = Line::styled(fit(&format!("  .. {} more lines: j, ctrl-f", below + 1), width), FAINT);
    }
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(shown), area);
}

/// A long line costs time to lay out: only what is in sight is.
fn shortened(line: &Line<'static>, pan: usize, width: usize) -> Line<'static> {
    let (mut skip, mut left) = (pan, width);
    let mut spans = Vec::new();
    for span in &line.spans {
        let skipped = fit(&span.content, skip);
        skip -= skipped.width().min(skip);
        let text = fit(&span.content[skipped.len()..], left);
        left -= text.width().min(left);
        spans.push(Span::styled(text, span.style));
    }
    Line::from(spans).style(line.style)
}

fn help() -> Vec<Line<'static>> {
    let key = |name: &str, words: &str| {
        Line::from(vec![Span::styled(format!("{name:>9}  "), BOLD), Span::raw(words.to_owned())])
    };
    let mut all = vec![Line::raw("")];
    all.extend(KEYS.iter().map(|it| key(it.name, it.words)));
    all.extend([
        key("1 to 9", "release the n-th of what is held"),
        key("j k", "down, up; g G: first, last; ctrl-f ctrl-b: by pages"),
        key("h l", "the left and the right of long lines"),
        key("esc", "back; select nothing"),
        Line::raw(""),
        Line::raw("  ▮Q held at its request   ▮A held at its answer   ▮P parts of its stream are held"),
        Line::raw("  a filter without ~q or ~s holds a flow twice: its request, and then its answer"),
        Line::raw(""),
        Line::raw("  ~u regex  URL        ~m regex  method     ~b regex  body       ~h regex  header"),
        Line::raw("  ~q  request          ~s  response         ~c 404  status       ~t regex  content type"),
        Line::raw("  ~d regex  host       ~bq ~bs  body of request, response       & | ! ( )"),
    ]);
    all
}

/// Returns as much of a text as fits.
fn fit(text: &str, width: usize) -> String {
    let (mut left, mut marks) = (width, 0);
    let fits = |char: &char| {
        let size = char.width().unwrap_or(0);
        // Any number of marks can stand on one letter.
        marks = if size == 0 { marks + 1 } else { 0 };
        let fits = size <= left && marks <= MARKS;
        left -= size.min(left);
        fits
    };
    text.chars().take_while(fits).collect()
}

fn pad(text: &str, width: usize) -> String {
    let mut text = fit(text, width);
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(text.width())));
    text
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn time(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.2} s", ms / 1e3) }
}
