//! `farpost schema`

use std::process::ExitCode;

use super::{Failure, json, print};
use crate::desired::kind_names;
use crate::schema;

/// Print the JSON Schema of manifests, for editors
///
/// Without KIND: of a whole document of any kind.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// Only documents of this kind
    kind: Option<String>,
}

pub(super) fn schema(args: &SchemaArgs) -> Result<ExitCode, Failure> {
    let schema = match &args.kind {
        None => schema::manifest(),
        Some(name) => schema::document(name).ok_or_else(|| unknown_kind(name))?,
    };
    print(&json(&schema));
    Ok(ExitCode::SUCCESS)
}

/// There is no such kind; which one may be meant.
pub(super) fn unknown_kind(name: &str) -> Failure {
    let kinds = kind_names();
    let help = crate::manifest::suggest::closest(name, kinds.iter().copied())
        .map_or_else(|| format!("kinds are {}", kinds.join(", ")), |near| format!("did you mean {near}?"));
    Failure::because(format!("there is no kind {}", crate::diagnostic::quote(name)), help)
}
