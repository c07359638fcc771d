//! `farpost plan`

use std::process::ExitCode;

use super::saved::Saving;
use super::session::{Manifests, connect, make_plan};
use super::{Failure, Global, Output, json, print, talk};
use crate::plan::{Goal, Guards, Plan};
use crate::report;

/// Show what would change
///
/// Reads live AWS and changes nothing. With --out the plan is kept, to be applied later as it is.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    pub(super) reading: Reading,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    saving: Saving,
}

/// How live AWS is read and what a plan may do.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Reading {
    /// Read everything, also what digests in tags stand for
    #[arg(long)]
    pub(super) deep: bool,
    /// The most objects that may be deleted or replaced in one run [default: a fifth of the stack, at least 5]
    #[arg(long, value_name = "NUMBER")]
    pub(super) max_deletes: Option<usize>,
}

impl Reading {
    pub(super) fn guards(&self) -> Guards {
        Guards { max_deletes: self.max_deletes }
    }
}

pub(super) async fn plan(global: &Global, args: &PlanArgs) -> Result<ExitCode, Failure> {
    args.saving.prepare()?;
    let desired = args.manifests.load(global)?;
    let aws = connect(global, &desired.stack).await?;
    let plan = make_plan(&aws, &desired, Goal::Converge, args.reading.guards(), args.reading.deep).await?;
    show(global, &plan);
    args.saving.save(global, &desired, &plan, args.reading.deep)?;
    if !plan.refusals.is_empty() {
        return Ok(Failure::REFUSED.into());
    }
    let has_changes = args.detailed_exitcode && !plan.is_empty();
    Ok(if has_changes { Failure::CHANGES.into() } else { ExitCode::SUCCESS })
}

/// Writes a plan in the form that was asked for.
pub(super) fn show(global: &Global, plan: &Plan) {
    let plan = &plan.shown();
    match global.output {
        Output::Json => print(&json(plan)),
        Output::Markdown => print(&report::markdown::plan(plan)),
        Output::Text | Output::Github | Output::Sarif => {
            print(&report::plan::text(plan));
            talk(&report::plan::refusals(&plan.refusals));
        }
    }
}
