//! `farpost destroy`

use std::path::PathBuf;
use std::process::ExitCode;

use super::session::{Manifests, make_plan};
use super::writer::{Locking, as_writer};
use super::{Failure, Global, apply, talk};
use crate::apply::Wait;
use crate::aws::{Access, Aws, Patience};
use crate::desired::{Desired, LeasePlace, Stack};
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
    /// With --stack: the lease that the stack's manifests declare
    #[arg(long, value_name = "s3://BUCKET/KEY", requires = "stack", value_parser = s3_url)]
    lease: Option<(String, String)>,
    #[command(flatten)]
    locking: Locking,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn destroy(global: &Global, args: &DestroyArgs) -> Result<ExitCode, Failure> {
    let nothing = match &args.stack {
        Some(name) => {
            let mut stack = named(global, name).await?;
            stack.lease = args.lease.clone().map(|(bucket, key)| {
                let owner = stack.account.clone();
                LeasePlace { bucket, key, owner }
            });
            Desired::nothing(stack)
        }
        None => {
            let declared = Manifests { paths: args.paths.clone() }.load(global)?;
            let mut nothing = Desired::nothing(declared.stack);
            nothing.rules = declared.rules;
            nothing
        }
    };
    as_writer(global, &nothing.stack, &args.locking, async |writer| {
        let plan = make_plan(&writer.aws, &nothing, Goal::Destroy, Guards::default(), true);
        let plan = writer.unless_stopped(plan).await??;
        if plan.changes.is_empty() {
            let place = &plan.place;
            let message =
                format!("nothing in {}, {} belongs to a stack {}\n", place.account, place.region, place.stack);
            talk(&message);
        }
        apply::run(global, &writer, &nothing, plan, Goal::Destroy, args.yes, Wait::Stable).await
    })
    .await
}

fn s3_url(text: &str) -> Result<(String, String), String> {
    match text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok((bucket.to_owned(), key.to_owned())),
        _ => Err("write s3://BUCKET/KEY".to_owned()),
    }
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
