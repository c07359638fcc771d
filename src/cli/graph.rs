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
    /// What to draw it as
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write to this file instead of standard output; its ending chooses the format
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Mermaid,
    Dot,
    Svg,
}

pub(super) fn graph(global: &Global, args: &GraphArgs) -> Result<ExitCode, Failure> {
    let desired = args.manifests.load(global)?;
    let ending = args.out.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
    let format = match ending {
        Some("svg") => Format::Svg,
        Some("dot" | "gv") => Format::Dot,
        Some("mmd" | "mermaid") => Format::Mermaid,
        _ => args.format,
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
