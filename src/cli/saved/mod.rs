//! Saved plans: `farpost plan --out FILE` and `farpost apply FILE`.

mod claim;
mod file;
mod signature;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;

use self::claim::Claim;
use super::apply::{Terms, run};
use super::session::Manifests;
use super::writer::{Locking, as_writer};
use super::{Failure, Global, Output, talk, word};
use crate::aws::Aws;
use crate::desired::Desired;
use crate::kinds::Purpose;
use crate::observed::survey;
use crate::plan::saved::SavedPlan;
use crate::plan::{Goal, Guards, Plan, Refusal, plan};
use crate::rules;

/// Where a plan is saved to, and who answers for it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Saving {
    /// Save the plan for `farpost apply FILE`, readable by its owner alone
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Sign the saved plan with this SSH key (or the public half of one that ssh-agent holds), in FILE.sig
    #[arg(long, value_name = "KEY", requires = "out")]
    sign: Option<PathBuf>,
}

impl Saving {
    /// Whether the plan can be saved at all, before AWS is asked anything.
    ///
    /// # Errors
    /// Something is in the way.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        if let Some(path) = &self.out {
            file::check_target(path)?;
            if let Some(key) = &self.sign {
                signature::check_key(key)?;
            }
        }
        Ok(())
    }

    /// Saves a plan where that was asked for.
    ///
    /// # Errors
    /// The file cannot be written, or ssh-keygen does not sign.
    pub(super) fn save(&self, global: &Global, desired: &Desired, plan: &Plan, deep: bool) -> Result<(), Failure> {
        let Some(path) = &self.out else { return Ok(()) };
        let shown = path.display();
        if !plan.refusals.is_empty() {
            talk(&format!("{shown} was not written: a plan that is refused cannot be saved\n"));
            return Ok(());
        }
        let text = SavedPlan::new(desired, plan, deep, Timestamp::now()).to_text();
        let signed = self.sign.as_ref().map(|key| signature::sign(text.as_bytes(), key)).transpose()?;
        file::write(path, &text, signed.as_deref())?;
        let by = if signed.is_some() { ", signed" } else { "" };
        let (file, target) = (word(&path.to_string_lossy()), global.target());
        let public = |key: &PathBuf| word(&key.with_extension("pub").to_string_lossy());
        let verify = self.sign.as_ref().map(|key| format!(" --verify {}", public(key))).unwrap_or_default();
        talk(&format!("saved to {shown}{by}; apply it with: farpost apply {file}{verify}{target}\n"));
        Ok(())
    }
}

/// The saved plan among the paths that were given, and the rest of them.
///
/// # Errors
/// There are several, or a file is nothing that can be applied.
pub(super) fn among(paths: &[PathBuf]) -> Result<Option<(PathBuf, Vec<PathBuf>)>, Failure> {
    let (mut plans, mut others) = (Vec::new(), Vec::new());
    for path in paths {
        if file::is_saved_plan(path)? { plans.push(path.clone()) } else { others.push(path.clone()) }
    }
    if let [first, second, ..] = &plans[..] {
        let message = format!("{} and {} are saved plans both", first.display(), second.display());
        return Err(Failure::because(message, "apply one, plan again, and apply the other"));
    }
    Ok(plans.pop().map(|plan| (plan, others)))
}

/// Refuses manifests where a signature is asked for: they carry none.
pub(super) fn refuse_unsigned(verify: Option<&PathBuf>) -> Result<(), Failure> {
    if verify.is_none() {
        return Ok(());
    }
    let message = "--verify is for a saved plan, and these are manifests, which carry no signature";
    Err(refused("unsigned", message, "save and sign a plan: farpost plan PATH --out FILE --sign KEY"))
}

/// Applies a saved plan, once, if everything that it was made of is still so.
pub(super) async fn apply(
    global: &Global,
    path: &Path,
    manifests: Vec<PathBuf>,
    verify: Option<&PathBuf>,
    locking: &Locking,
    terms: Terms<'_>,
) -> Result<ExitCode, Failure> {
    let bytes = file::read(path)?;
    if let Some(allowed) = verify {
        let by = signature::verify(&bytes, path, allowed)?;
        talk(&format!("{} is signed by {by}\n", path.display()));
    }
    let saved = SavedPlan::from_text(&bytes)
        .map_err(|unreadable| refused("plan-file", &format!("{}: {unreadable}", path.display()), unreadable.help()))?;
    let desired = if !manifests.is_empty() {
        same_manifests(global, &saved, manifests)?
    } else if saved.complete {
        saved.desired(&path.to_string_lossy()).map_err(Failure::Findings)?
    } else {
        let message = format!("{} does not hold the sensitive values that its manifests declare", path.display());
        let help = format!("give the manifests, too: farpost apply {} PATH", path.display());
        return Err(Failure::because(message, help));
    };
    let claim = Claim::new(&saved, desired.stack.lease.clone());
    claim.refuse_used()?;
    if global.output != Output::Json {
        let digest = saved.manifests.get(..12).unwrap_or_default();
        talk(&format!("plan {} of {}, manifests {digest}\n", saved.id.get(..8).unwrap_or_default(), saved.made));
    }
    let once = Once { saved: &saved, claim };
    as_writer(global, &desired.stack, locking, async |writer| {
        let plan = writer.unless_stopped(renewed(&writer.aws, &desired, &saved)).await??;
        run(global, &writer, &desired, plan, Goal::Converge, Terms { once: Some(&once), ..terms }).await
    })
    .await
}

/// Reads AWS again and makes the saved plan one of today.
async fn renewed(aws: &Aws, desired: &Desired, saved: &SavedPlan) -> Result<Plan, Failure> {
    let purpose = if saved.deep { Purpose::Deep } else { Purpose::Survey };
    let survey = survey(aws, &desired.place(), &desired.wanted(), purpose).await?;
    // How many may go was settled when the plan was made; that it is the same plan is what is asked now.
    let guards = Guards { max_deletes: Some(usize::MAX) };
    let fresh = plan(desired, &survey, Goal::Converge, guards, aws.counts());
    let moved = saved.moved(&fresh);
    if !moved.is_empty() {
        return Err(Failure::Refused(moved));
    }
    let mut plan = saved.renewed(&fresh);
    rules::judge(desired, &mut plan, Timestamp::now());
    Ok(plan)
}

/// What manifests declare that are those of the plan.
fn same_manifests(global: &Global, saved: &SavedPlan, paths: Vec<PathBuf>) -> Result<Desired, Failure> {
    let desired = Manifests { paths }.load(global)?;
    let now = desired.declarations();
    if crate::manifest::digest(&now) == saved.manifests {
        return Ok(desired);
    }
    let what = saved.declared_otherwise(&now).join(", ");
    let message = format!("the manifests are not those that the plan was made of: {what}");
    Err(refused("manifests-moved", &message, "plan again, or check out what the plan was made of"))
}

fn refused(code: &str, message: &str, help: &str) -> Failure {
    Failure::Refused(vec![Refusal {
        address: None,
        code: code.to_owned(),
        message: message.to_owned(),
        help: help.to_owned(),
    }])
}

/// What applying a saved plan promises beside what applying promises.
#[derive(Debug)]
pub(super) struct Once<'a> {
    saved: &'a SavedPlan,
    claim: Claim,
}

impl Once<'_> {
    /// From here on the plan is used, whatever becomes of it.
    ///
    /// # Errors
    /// It is used already, or that cannot be noted.
    pub(super) async fn begin(&self, aws: &Aws) -> Result<(), Failure> {
        self.claim.take()?;
        let taken = self.claim.take_for_all(aws).await;
        if matches!(&taken, Err(failure) if !matches!(failure, Failure::Refused(_))) {
            // Nothing was written, and nobody has noted it: it can be applied once that can be.
            self.claim.give_back();
        }
        taken
    }

    /// What is left of this plan. Whatever else differs is told, and nothing that this plan has failed at.
    pub(super) fn left(&self, later: Plan) -> Plan {
        let (own, others) = self.saved.part_of(later);
        if !others.is_empty() {
            let names: Vec<String> = others.iter().map(ToString::to_string).collect();
            talk(&format!("note: not part of this plan, and not as declared: {}; plan again\n", names.join(", ")));
        }
        own
    }
}
