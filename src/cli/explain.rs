//! `farpost explain`

use std::process::ExitCode;

use super::schema::unknown_kind;
use super::{Failure, Global, Output, json, print};
use crate::docs;

/// Explain a kind or a field
///
/// Without an argument: the kinds. With a field (Subnet.outpostArn, Service.loadBalancers.containerPort): that field.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// KIND or KIND.field
    what: Option<String>,
}

pub(super) fn explain(global: &Global, args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let Some(what) = &args.what else {
        print(&docs::kinds());
        return Ok(ExitCode::SUCCESS);
    };
    let (kind, field) = what.split_once('.').map_or((what.as_str(), None), |(kind, field)| (kind, Some(field)));
    if global.output == Output::Json {
        print(&json(&crate::schema::document(kind).ok_or_else(|| unknown_kind(kind))?));
        return Ok(ExitCode::SUCCESS);
    }
    let page = docs::page(kind).ok_or_else(|| unknown_kind(kind))?;
    let text = match field {
        None => page,
        Some(field) => docs::field(kind, field).map_err(|near| {
            let help = near.map_or_else(
                || format!("`farpost explain {kind}` lists its fields"),
                |near| format!("did you mean {kind}.{near}?"),
            );
            Failure::because(format!("{kind} has no field {}", crate::diagnostic::quote(field)), help)
        })?,
    };
    print(&text);
    Ok(ExitCode::SUCCESS)
}
