//! Plans, events and outcomes as text, Markdown or JSON. Says what a piece of text means; [`style`] how it looks.

pub mod differences;
pub mod graph;
pub mod markdown;
pub mod plan;
pub mod progress;
pub mod sarif;
pub mod style;
mod value;

pub use self::value::{flat, shown};

/// `1 object`, `2 objects`.
pub fn count(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}
