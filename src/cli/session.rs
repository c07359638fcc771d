//! What the commands that touch AWS have in common: manifests, connection, guards, plan.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;
use tokio::time::Instant;

use super::failure::findings_text;
use super::saved;
use super::{Failure, Global, Output, talk};
use crate::aws::{Access, Aws, Patience};
use crate::desired::{self, Desired, Stack};
use crate::diagnostic;
use crate::kinds::Purpose;
use crate::manifest;
use crate::observed::{Shared, SurveyError, check_account, survey};
use crate::plan::{Goal, Guards, Plan, Refusal, plan};
use crate::rules;
use crate::sandbox::client::SandboxClient;
use crate::sandbox::world::World;
use crate::sandbox::{OpenError, Sandbox};

/// How often a sandbox's file that is in use is tried again.
const LOCKED: Duration = Duration::from_millis(50);

/// The manifests that a command works on.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Manifests {
    /// Files and directories with manifests
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
}

impl Manifests {
    /// Loads and checks the manifests; warnings are told, errors fail.
    pub(super) fn load(&self, global: &Global) -> Result<Desired, Failure> {
        if let Some((plan, _)) = saved::among(&self.paths)? {
            let message = format!("{} is a saved plan, and this takes manifests", plan.display());
            return Err(Failure::because(message, format!("apply it with: farpost apply {}", plan.display())));
        }
        let (desired, findings) = self.check();
        match desired {
            Some(desired) => {
                if !findings.is_empty() && global.output != Output::Json {
                    talk(&findings_text(&findings, global));
                }
                Ok(desired)
            }
            None if has_vanished(&findings) => Err(Failure::Vanished(findings)),
            None => Err(Failure::Findings(findings)),
        }
    }

    /// Loads and checks the manifests.
    pub(super) fn check(&self) -> (Option<Desired>, Vec<diagnostic::Diagnostic>) {
        let (documents, mut findings) = manifest::load(&self.paths, &desired::kind_names());
        let is_broken = diagnostic::has_errors(&findings);
        let (desired, more) = desired::check(documents);
        // What could not be read may hold the missing Stack or the target of a reference: then those say nothing new.
        let is_echo = |finding: &diagnostic::Diagnostic| matches!(&*finding.code, "no-stack" | "REF-02" | "REF-03");
        findings.extend(more.into_iter().filter(|finding| !(is_broken && is_echo(finding))));
        let desired = desired.map(|mut desired| {
            desired.blank = blank_files(&findings);
            desired
        });
        diagnostic::sort(&mut findings);
        (desired.filter(|_| !is_broken), findings)
    }
}

/// The files without a letter in them.
fn blank_files(findings: &[diagnostic::Diagnostic]) -> Vec<String> {
    let blank = findings.iter().filter(|one| one.code == "blank-manifest");
    blank.filter_map(|one| Some(one.primary.as_ref()?.file.path().to_owned())).collect()
}

/// Whether the manifests, or some that were named, are not there; and not only wrong.
fn has_vanished(findings: &[diagnostic::Diagnostic]) -> bool {
    let is = |codes: &[&str]| findings.iter().any(|one| codes.contains(&&*one.code));
    let nothing_else =
        findings.iter().all(|one| matches!(&*one.code, "no-stack" | "empty-manifest" | "blank-manifest"));
    is(&["no-manifests", "unreadable"]) || (nothing_else && is(&["empty-manifest", "blank-manifest"]))
}

/// Connects to AWS or to the sandbox and refuses any region but the stack's. Whose account it is, [`survey`] learns from
/// its first answer.
pub(super) async fn connect(global: &Global, stack: &Stack) -> Result<Arc<Aws>, Failure> {
    connect_within(global, stack, Duration::ZERO).await
}

/// As [`connect`]; waits so long for a sandbox's file that another process uses.
pub(super) async fn connect_within(global: &Global, stack: &Stack, patience: Duration) -> Result<Arc<Aws>, Failure> {
    let aws = connect_anywhere(global, stack, patience).await?;
    if aws.region == stack.region {
        return Ok(Arc::new(aws));
    }
    let mut refusals = vec![Refusal {
        address: None,
        code: "wrong-region".to_owned(),
        message: format!("the stack {} belongs to region {}; {} was asked for", stack.name, stack.region, aws.region),
        help: "pass the stack's region with --region, or leave it out".to_owned(),
    }];
    // Who has both wrong learns both at once.
    if let Err(SurveyError::Account(wrong)) = check_account(&aws, &stack.place(), &Shared::default()).await {
        refusals.push(wrong.into());
    }
    Err(Failure::Refused(refusals))
}

async fn connect_anywhere(global: &Global, stack: &Stack, patience: Duration) -> Result<Aws, Failure> {
    let mut access = Access {
        region: global.region.clone(),
        profile: global.profile.clone(),
        endpoint_url: global.endpoint_url.clone(),
    };
    let Some(file) = &global.sandbox else {
        // The stack says where it lives; only what the user asks for by name overrides that, and is then refused.
        access.region.get_or_insert_with(|| stack.region.clone());
        return Ok(Aws::connect(&access, None, Patience::AWS).await?);
    };
    let world = World::at(&stack.account, &stack.region);
    let until = Instant::now() + patience;
    let sandbox = loop {
        match Sandbox::open(file, world.clone()) {
            Ok(sandbox) => break sandbox,
            Err(OpenError::Locked { .. }) if Instant::now() < until => tokio::time::sleep(LOCKED).await,
            Err(error) => return Err(Failure::wrong(chain(&error))),
        }
    };
    access.region.get_or_insert_with(|| sandbox.region());
    let http = SharedHttpClient::new(SandboxClient::new(Arc::new(sandbox)));
    Ok(Aws::connect(&access, Some(http), Patience::SANDBOX).await?)
}

/// An error with its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

/// Reads AWS and plans.
pub(super) async fn make_plan(
    aws: &Aws,
    desired: &Desired,
    goal: Goal,
    guards: Guards,
    deep: bool,
) -> Result<Plan, Failure> {
    let purpose = if deep { Purpose::Deep } else { Purpose::Survey };
    let survey = survey(aws, &desired.place(), &desired.wanted(), purpose).await?;
    let mut plan = plan(desired, &survey, goal, guards, aws.counts());
    rules::judge(desired, &mut plan, Timestamp::now());
    Ok(plan)
}

/// Account and region of a sandbox file that exists.
pub(super) fn sandbox_place(file: &std::path::Path) -> Result<(String, String), Failure> {
    if !file.exists() {
        let message = format!("there is no sandbox in {}", file.display());
        return Err(Failure::because(message, "it is made by the first `farpost apply PATH --sandbox`"));
    }
    let sandbox = Sandbox::open(file, World::default()).map_err(|error| Failure::wrong(chain(&error)))?;
    Ok((sandbox.account(), sandbox.region()))
}
