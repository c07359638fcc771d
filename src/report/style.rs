//! How meanings look on a terminal. Text is always written with these codes; the stream that it goes to takes them
//! out where there is no terminal or the user wants none.

use anstyle::{AnsiColor, Style};

use crate::plan::Action;

pub const CREATE: Style = AnsiColor::Green.on_default();
pub const UPDATE: Style = AnsiColor::Yellow.on_default();
pub const REPLACE: Style = AnsiColor::Magenta.on_default();
pub const DELETE: Style = AnsiColor::Red.on_default();
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const HINT: Style = AnsiColor::Cyan.on_default();
pub const STRONG: Style = Style::new().bold();
pub const FAINT: Style = Style::new().dimmed();

/// The look of an action.
pub fn of(action: Action) -> Style {
    match action {
        Action::Create => CREATE,
        Action::Update => UPDATE,
        Action::Replace => REPLACE,
        Action::Delete => DELETE,
        Action::None => FAINT,
    }
}

/// `text` in `style`.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
