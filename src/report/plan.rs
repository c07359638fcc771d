//! A plan as text.

use std::fmt::Write as _;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{count, flat, shown, style};
use crate::plan::{Action, Change, FieldChange, Plan, Reason, Refusal};

/// The whole plan: what changes and why, notes, and a summary.
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    for change in plan.pending() {
        write_change(&mut out, plan, change);
    }
    for change in plan.changes.iter().filter(|change| matches!(change.reason, Reason::NotReady(_))) {
        if let Reason::NotReady(why) = &change.reason {
            writeln!(out, "{} {}: not ready: {why}", style::paint(style::UPDATE, "…"), change.address).ok();
        }
    }
    for note in &plan.notes {
        let address = note.address.as_ref().map(|address| format!("{address}: ")).unwrap_or_default();
        writeln!(out, "{} {address}{}", style::paint(style::HINT, "note:"), note.message).ok();
    }
    if !out.is_empty() {
        out.push('\n');
    }
    writeln!(out, "{}", summary(plan)).ok();
    out
}

/// Counts of each action, on one line.
pub fn summary(plan: &Plan) -> String {
    let parts: Vec<String> = [Action::Create, Action::Update, Action::Replace, Action::Delete]
        .into_iter()
        .filter(|action| plan.count(*action) > 0)
        .map(|action| style::paint(style::of(action), &format!("{} to {}", plan.count(action), action.word())))
        .collect();
    let unchanged = plan.count(Action::None);
    let calls = count(usize::try_from(plan.calls.values().sum::<u64>()).unwrap_or(usize::MAX), "call");
    let place = format!("{} in {}, {}", plan.place.stack, plan.place.account, plan.place.region);
    if parts.is_empty() {
        format!("No changes. {place}: {} as declared; {calls} to AWS.", count(unchanged, "object"))
    } else {
        format!("Plan: {}; {unchanged} unchanged. {place}; {calls} to AWS.", parts.join(", "))
    }
}

/// What stands in the way of a plan, each with what to do.
pub fn refusals(refusals: &[Refusal]) -> String {
    let mut out = String::new();
    for refusal in refusals {
        let address = refusal.address.as_ref().map(|address| format!("{address}: ")).unwrap_or_default();
        let head = style::paint(style::ERROR, &format!("refused[{}]", refusal.code));
        writeln!(
            out,
            "{head}: {address}{}\n  {} {}",
            refusal.message,
            style::paint(style::HINT, "help:"),
            refusal.help
        )
        .ok();
    }
    out
}

fn write_change(out: &mut String, plan: &Plan, change: &Change) {
    let look = style::of(change.action);
    let id = change.live.as_ref().map(|live| format!(" ({})", live.id)).unwrap_or_default();
    let because = why(change).map(|text| format!(" {}", style::paint(style::FAINT, &text))).unwrap_or_default();
    let head = style::paint(look, &format!("{} {}", change.action.glyph(), change.address));
    writeln!(out, "{head}{id}{because}").ok();
    if change.action == Action::Create {
        for (path, value) in plan.declared(change).iter().flat_map(|spec| flat("", spec)) {
            writeln!(out, "      {path}: {value}").ok();
        }
        return;
    }
    for field in &change.fields {
        write_field(out, field);
    }
}

pub(super) fn write_field(out: &mut String, field: &FieldChange) {
    let forces = if field.forces_replacement {
        format!("  {}", style::paint(style::REPLACE, "forces replacement"))
    } else {
        String::new()
    };
    if let (Some(Value::String(before)), Some(Value::String(after))) = (&field.before, &field.after)
        && (before.contains('\n') || after.contains('\n'))
    {
        writeln!(out, "      {}:{forces}", field.path).ok();
        write_lines(out, before, after);
        return;
    }
    let side = |value: &Option<Value>, look| match value {
        Some(value) => style::paint(look, &shown(value)),
        None => style::paint(style::FAINT, "(none)"),
    };
    let (before, after) = (side(&field.before, style::DELETE), side(&field.after, style::CREATE));
    writeln!(out, "      {}: {before} → {after}{forces}", field.path).ok();
}

fn write_lines(out: &mut String, before: &str, after: &str) {
    let diff = TextDiff::from_lines(before, after);
    for group in diff.grouped_ops(2) {
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let (sign, look) = match change.tag() {
                ChangeTag::Delete => ("-", style::DELETE),
                ChangeTag::Insert => ("+", style::CREATE),
                ChangeTag::Equal => (" ", style::FAINT),
            };
            let line: String = change
                .value()
                .trim_end()
                .chars()
                .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
                .collect();
            writeln!(out, "        {}", style::paint(look, &format!("{sign} {line}"))).ok();
        }
    }
}

/// Why a change is made, and which of two comes first, in words.
pub fn why(change: &Change) -> Option<String> {
    let parts: Vec<String> =
        reason(&change.reason).into_iter().chain(change.order.as_ref().map(ToString::to_string)).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The reason in words, where the fields do not say it.
pub fn reason(reason: &Reason) -> Option<String> {
    match reason {
        Reason::Unchanged | Reason::Missing | Reason::Differs => None,
        Reason::NotReady(why) => Some(format!("not ready: {why}")),
        Reason::CannotUpdate(paths) => Some(format!("cannot be changed in place: {}", paths.join(", "))),
        Reason::Holds(gone) => Some(format!("uses {gone}, which must be deleted first")),
        Reason::Follows(anew) => Some(format!("loses its reference to {anew} while that is made anew")),
        Reason::NotDeclared => Some("not declared any more".to_owned()),
        Reason::Superseded(by) => Some(format!("{by} has replaced it")),
        Reason::Destroy => None,
        Reason::Retained => Some("kept by its lifecycle".to_owned()),
    }
}
