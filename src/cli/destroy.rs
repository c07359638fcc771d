//! `farpost destroy`

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use super::session::{Manifests, make_plan};
use super::writer::{Locking, as_writer};
use super::{Failure, Global, apply, talk, word};
use crate::apply::Wait;
use crate::aws::{Access, Aws, Patience};
use crate::desired::{Desired, LeasePlace, Stack};
use crate::plan::{Goal, Guards, Refusal};

/// Delete everything of a stack
///
/// What belongs to the stack is read from the tags of the objects, so manifests are not needed: they only say which
/// stack, as --stack does. The stack's name has to be typed, either when farpost asks for it, or as --stack NAME --yes.
#[derive(Debug, clap::Args)]
pub struct DestroyArgs {
    /// Files and directories with the stack's manifests
    #[arg(value_name = "PATH", required_unless_present = "stack")]
    paths: Vec<PathBuf>,
    /// The stack by name. Without a PATH, account and region are those of the credentials; with one, it must be the name
    /// that the manifests have
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// With --stack and no PATH: the lease that the stack's manifests declare
    #[arg(long, value_name = "s3://BUCKET/KEY", requires = "stack", conflicts_with = "paths", value_parser = s3_url)]
    lease: Option<(String, String)>,
    #[command(flatten)]
    locking: Locking,
    /// Do not ask for the stack's name; --stack has to say it
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn destroy(global: &Global, args: &DestroyArgs) -> Result<ExitCode, Failure> {
    let nothing = match &args.stack {
        Some(name) if args.paths.is_empty() => {
            let mut stack = named(global, name).await?;
            stack.lease = args.lease.clone().map(|(bucket, key)| {
                let owner = stack.account.clone();
                LeasePlace { bucket, key, owner }
            });
            Desired::nothing(stack)
        }
        _ => {
            let declared = Manifests { paths: args.paths.clone() }.load(global)?;
            check_name(global, args, &declared.stack.name)?;
            declared.destroyed()
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
        let terms = apply::Terms { yes: args.yes, wait: Wait::Stable, once: None };
        apply::run(global, &writer, &nothing, plan, Goal::Destroy, terms).await
    })
    .await
}

fn s3_url(text: &str) -> Result<(String, String), String> {
    match text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok((bucket.to_owned(), key.to_owned())),
        _ => Err("write s3://BUCKET/KEY".to_owned()),
    }
}

/// Refuses to delete a stack whose name nobody has typed, or another one than the one that was.
fn check_name(global: &Global, args: &DestroyArgs, name: &str) -> Result<(), Failure> {
    let paths: Vec<String> = args.paths.iter().map(|path| word(&path.to_string_lossy())).collect();
    // Where that leads is part of it: the same command without it may be about the real account.
    let command = format!("farpost destroy {} --stack {} --yes{}", paths.join(" "), word(name), global.target());
    let (code, message) = match &args.stack {
        Some(typed) if typed == name => return Ok(()),
        Some(typed) => ("another-stack", format!("the manifests are those of the stack {name}, and not of {typed}")),
        None if args.yes || !std::io::stdin().is_terminal() => {
            ("name-not-typed", format!("everything of the stack {name} would be deleted, and its name was not typed"))
        }
        None => return Ok(()),
    };
    let help = format!("if that is meant: {command}");
    Err(Failure::Refused(vec![Refusal { address: None, code: code.to_owned(), message, help }]))
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
