//! Differences between two sets of manifests as text and Markdown.

use std::fmt::Write as _;

use super::plan::write_field;
use super::{count, shown, style};
use crate::desired::compare::{Difference, Kind};

/// For a terminal.
pub fn text(base: &str, differences: &[Difference]) -> String {
    let mut out = String::new();
    for difference in differences {
        let (glyph, look) = match difference.change {
            Kind::Added => ("+", style::CREATE),
            Kind::Changed => ("~", style::UPDATE),
            Kind::Replaced => ("±", style::REPLACE),
            Kind::Removed => ("-", style::DELETE),
        };
        writeln!(out, "{}", style::paint(look, &format!("{glyph} {}", difference.address))).ok();
        if difference.change != Kind::Removed {
            difference.fields.iter().for_each(|field| write_field(&mut out, field));
        }
    }
    if !differences.is_empty() {
        out.push('\n');
    }
    writeln!(out, "{} against {base}.", count(differences.len(), "change")).ok();
    out
}

/// For a comment on a pull request.
pub fn markdown(base: &str, differences: &[Difference]) -> String {
    let mut out = format!("### farpost diff against `{base}`\n\n");
    if differences.is_empty() {
        out.push_str("The manifests declare the same.\n");
        return out;
    }
    out.push_str("| declaration | change | fields |\n|---|---|---|\n");
    for Difference { address, change, fields } in differences {
        let word = match change {
            Kind::Added => "added",
            Kind::Changed => "changed",
            Kind::Replaced => "changed, needs a new object",
            Kind::Removed => "removed",
        };
        let fields: Vec<String> = match change {
            Kind::Added | Kind::Removed => Vec::new(),
            Kind::Changed | Kind::Replaced => fields
                .iter()
                .map(|field| {
                    let side =
                        |value: &Option<serde_json::Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), shown);
                    cell(&format!("{}: {} → {}", field.path, side(&field.before), side(&field.after)))
                })
                .collect(),
        };
        writeln!(out, "| `{address}` | {word} | {} |", fields.join("<br>")).ok();
    }
    out
}

/// Text that cannot end its cell or become markup.
fn cell(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('|', "\\|").replace('`', "\\`")
}
