//! `farpost destroy`

use std::path::PathBuf;
use std::process::ExitCode;

use super::session::{Manifests, connect, make_plan};
use super::{Failure, Global, apply, talk};
use crate::apply::Wait;
use crate::aws::{Access, Aws, Patience};
use crate::desired::{Desired, Stack};
use crate::plan::{Goal, Guards};

/// Delete everything of a stack
///
/// What belongs to the stack is read from the tags of the objects, so manifests are not needed: they only say which
/// stack, as --stack does.
#[derive(Debug, clap::Args)]
pub struct DestroyArgs {
    /// Files and directories with the stack's manifests
    #[arg(value_name = "PATH", required_unless_present = "stack", conflicts_with = "stack")]
    paths: Vec<PathBuf>,
    /// The stack by name; account and region are those of the credentials
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn destroy(global: &Global, args: &DestroyArgs) -> Result<ExitCode, Failure> {
    let nothing = match &args.stack {
        Some(name) => Desired::nothing(named(global, name).await?),
        None => {
            let declared = Manifests { paths: args.paths.clone() }.load(global)?;
            let mut nothing = Desired::nothing(declared.stack);
            nothing.rules = declared.rules;
            nothing
        }
    };
    let aws = connect(global, &nothing.stack).await?;
    let plan = make_plan(&aws, &nothing, Goal::Destroy, Guards::default(), true).await?;
    if plan.changes.is_empty() {
        let place = &plan.place;
        let message = format!("nothing in {}, {} belongs to a stack {}\n", place.account, place.region, place.stack);
        talk(&message);
    }
    apply::run(global, &aws, &nothing, plan, Goal::Destroy, args.yes, Wait::Stable).await
}

/// A stack of this name in whatever account and region the credentials are for.
async fn named(global: &Global, name: &str) -> Result<Stack, Failure> {
    if let Some(file) = &global.sandbox {
        let (account, region) = super::session::sandbox_place(file)?;
        return Ok(Stack { name: name.to_owned(), account, region, ..Stack::default() });
    }
    let access = Access {
        region: global.region.clone(),
        profile: global.profile.clone(),
        endpoint_url: global.endpoint_url.clone(),
    };
    let aws = Aws::connect(&access, None, Patience::AWS).await?;
    Ok(Stack { name: name.to_owned(), account: aws.account().await?, region: aws.region.clone(), ..Stack::default() })
}
