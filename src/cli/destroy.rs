//! `farpost destroy`

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use super::session::{Manifests, connect, make_plan};
use super::{Failure, Global, apply, talk};
use crate::aws::{Access, Aws, Patience};
use crate::desired::{Desired, Stack};
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
    /// Do not ask for the stack's name; --stack has to say it
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn destroy(global: &Global, args: &DestroyArgs) -> Result<ExitCode, Failure> {
    let nothing = match &args.stack {
        Some(name) if args.paths.is_empty() => Desired::nothing(named(global, name).await?),
        _ => {
            let declared = Manifests { paths: args.paths.clone() }.load(global)?;
            check_name(args, &declared.stack.name)?;
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
    apply::run(global, &aws, &nothing, plan, Goal::Destroy, args.yes, None).await
}

/// Refuses to delete a stack whose name nobody has typed, or another one than the one that was.
fn check_name(args: &DestroyArgs, name: &str) -> Result<(), Failure> {
    let paths: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    let command = format!("farpost destroy {} --stack {name} --yes", paths.join(" "));
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
