//! `farpost graph`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use super::session::Manifests;
use super::{Failure, Global, print, talk};
use crate::report;

/// Draw what needs what
#[derive(Debug, clap::Args)]
pub struct GraphArgs {
    #[command(flatten)]
    manifests: Manifests,
    /// What to draw it as [default: what the ending of --out says, or mermaid]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Mermaid,
    Dot,
    Svg,
}

pub(super) fn graph(global: &Global, args: &GraphArgs) -> Result<ExitCode, Failure> {
    let desired = args.manifests.load(global)?;
    let ending = args.out.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
    let by_ending = match ending {
        Some("svg") => Some(Format::Svg),
        Some("dot" | "gv") => Some(Format::Dot),
        Some("mmd" | "mermaid") => Some(Format::Mermaid),
        _ => None,
    };
    let format = match (args.format, by_ending, ending) {
        (Some(asked), Some(meant), Some(ending)) if asked != meant => {
            let message = format!("--format and the ending .{ending} of --out do not agree");
            return Err(Failure::because(message, "leave --format out, or choose another ending"));
        }
        (None, None, Some(ending)) => {
            let message = format!("what to draw cannot be told from the ending .{ending}");
            return Err(Failure::because(message, "pass --format, or end with .svg, .dot or .mmd"));
        }
        (asked, meant, _) => asked.or(meant).unwrap_or(Format::Mermaid),
    };
    let picture = match format {
        Format::Mermaid => report::graph::mermaid(&desired),
        Format::Dot => report::graph::dot(&desired),
        Format::Svg => report::graph::svg(&desired).map_err(Failure::wrong)?,
    };
    match &args.out {
        None => print(&picture),
        Some(path) => {
            std::fs::write(path, picture)
                .map_err(|error| Failure::wrong(format!("cannot write {}: {error}", path.display())))?;
            talk(&format!("wrote {}\n", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
