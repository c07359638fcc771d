//! A plan as Markdown, for a comment on a pull request.

use std::fmt::Write as _;

use super::plan::why;
use super::{count, flat, shown};
use crate::plan::{Action, Change, Plan};

/// Comments longer than this are refused by the forges; what is cut is said.
const LONGEST: usize = 60_000;

/// The plan with one fold an object.
pub fn plan(plan: &Plan) -> String {
    let place = &plan.place;
    let mut out = format!("### farpost plan: `{}`\n\n", place.stack);
    let total = plan.pending().count();
    if total == 0 && plan.refusals.is_empty() {
        writeln!(
            out,
            "No changes: {} in `{}`, {} as declared.",
            count(plan.changes.len(), "object"),
            place.account,
            place.region
        )
        .ok();
        return out;
    }
    writeln!(out, "In `{}`, {}.\n", place.account, place.region).ok();
    out.push_str("| action | objects |\n|---|---|\n");
    for action in [Action::Create, Action::Update, Action::Replace, Action::Delete] {
        let names: Vec<String> = plan
            .pending()
            .filter(|change| change.action == action)
            .map(|change| format!("`{}`", change.address))
            .collect();
        if !names.is_empty() {
            writeln!(out, "| {} {} | {} |", action.word(), names.len(), names.join(" ")).ok();
        }
    }
    out.push('\n');
    for refusal in &plan.refusals {
        let address = refusal.address.as_ref().map(|address| format!("`{address}`: ")).unwrap_or_default();
        writeln!(out, "> **refused** ({}) {address}{}. {}\n", refusal.code, refusal.message, refusal.help).ok();
    }
    for note in &plan.notes {
        let address = note.address.as_ref().map(|address| format!("`{address}`: ")).unwrap_or_default();
        writeln!(out, "> note: {address}{}\n", escape(&note.message)).ok();
    }
    let mut left_out = 0;
    for change in plan.pending() {
        let fold = fold(plan, change);
        if out.len() + fold.len() > LONGEST {
            left_out += 1;
        } else {
            out.push_str(&fold);
        }
    }
    if left_out > 0 {
        writeln!(out, "\n{} left out for length; `farpost plan` shows everything.", count(left_out, "change")).ok();
    }
    out
}

fn fold(plan: &Plan, change: &Change) -> String {
    let why = why(change).map(|text| format!(": {}", escape(&text))).unwrap_or_default();
    let mut out = format!(
        "<details><summary>{} <code>{}</code>{why}</summary>\n\n```diff\n",
        change.action.word(),
        escape(&change.address.to_string())
    );
    if change.action == Action::Create {
        for (path, value) in plan.declared(change).iter().flat_map(|spec| flat("", spec)) {
            writeln!(out, "+ {path}: {}", fenced(&value)).ok();
        }
    } else if change.action == Action::Delete {
        writeln!(out, "- {}", change.live.as_ref().map_or("", |live| &live.id)).ok();
    }
    for field in change.fields.iter().filter(|_| change.action != Action::Create) {
        let forces = if field.forces_replacement { "  (forces replacement)" } else { "" };
        if let Some(before) = &field.before {
            writeln!(out, "- {}: {}{forces}", field.path, fenced(&shown(before))).ok();
        }
        if let Some(after) = &field.after {
            writeln!(out, "+ {}: {}{forces}", field.path, fenced(&shown(after))).ok();
        }
    }
    out.push_str("```\n\n</details>\n");
    out
}

/// Text that cannot end the fence it stands in.
fn fenced(text: &str) -> String {
    text.replace("```", "`\u{200b}``")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
