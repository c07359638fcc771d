//! `farpost apply`

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::output::{ApplyOutput, FORMAT_VERSION};
use super::plan::{Reading, show};
use super::saved::{self, Once};
use super::session::{Manifests, make_plan};
use super::writer::{Locking, Writer, as_writer};
use super::{Failure, Global, LogFormat, Output, print, talk};
use crate::apply::{Outcome, Wait, apply_waiting as carry_out, settle};
use crate::aws::Aws;
use crate::desired::Desired;
use crate::plan::{Goal, Guards, Plan};
use crate::report::progress::{Telling, tell};
use crate::report::{self, count, style};

/// Make AWS what the manifests say
///
/// Plans, asks, carries the plan out and plans again to prove that nothing is left to do. A PATH that is a saved plan
/// (`farpost plan --out`) is applied as it is, once, and only while what it was made of is still so; manifests that are
/// given beside it must be those it was made of.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    locking: Locking,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// How long to wait for what was created or changed
    #[arg(long, value_enum, default_value_t)]
    wait: Wait,
    /// Apply a saved plan only if it is signed by this public key, or one of this file of allowed signers
    #[arg(long, value_name = "FILE")]
    verify: Option<PathBuf>,
}

pub(super) async fn apply(global: &Global, args: &ApplyArgs) -> Result<ExitCode, Failure> {
    if let Some((path, manifests)) = saved::among(&args.manifests.paths)? {
        let terms = Terms { yes: args.yes, wait: args.wait, once: None };
        return saved::apply(global, &path, manifests, args.verify.as_ref(), &args.locking, terms).await;
    }
    saved::refuse_unsigned(args.verify.as_ref())?;
    let desired = args.manifests.load(global)?;
    let (guards, deep) = (args.reading.guards(), args.reading.deep);
    as_writer(global, &desired.stack, &args.locking, async |writer| {
        let plan = make_plan(&writer.aws, &desired, Goal::Converge, guards, deep);
        let plan = writer.unless_stopped(plan).await??;
        let terms = Terms { yes: args.yes, wait: args.wait, once: None };
        run(global, &writer, &desired, plan, Goal::Converge, terms).await
    })
    .await
}

/// On which terms a plan is carried out.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// Nobody is asked.
    pub(super) yes: bool,
    pub(super) wait: Wait,
    /// Of a saved plan, which is applied once.
    pub(super) once: Option<&'a Once<'a>>,
}

/// Shows a plan, asks, carries it out and proves that it worked.
pub(super) async fn run(
    global: &Global,
    writer: &Writer,
    desired: &Desired,
    plan: Plan,
    goal: Goal,
    terms: Terms<'_>,
) -> Result<ExitCode, Failure> {
    let once = terms.once;
    if !plan.refusals.is_empty() {
        show(global, &plan);
        return Ok(Failure::REFUSED.into());
    }
    if global.output != Output::Json {
        show(global, &plan);
    }
    if plan.steps.is_empty() {
        settle(&writer.held, &plan);
        finish(global, &plan, &Outcome::default(), &Ok(Some(plan.clone())), once.is_some());
        return Ok(ExitCode::SUCCESS);
    }
    if !terms.yes && !confirmed(writer, &plan).await? {
        return Err(Failure::wrong("not confirmed; nothing was changed"));
    }
    let aws = &writer.aws;
    if let Some(once) = once {
        once.begin(aws).await?;
    }
    let mut outcome = carry_out_telling(global, aws, plan.clone(), terms.wait, writer.stop.clone()).await;
    let mut proof = None;
    if outcome.is_complete() {
        let again = make_plan(aws, desired, goal, Guards { max_deletes: Some(usize::MAX) }, false);
        proof = tokio::select! {
            biased;
            () = writer.stop.cancelled() => None,
            plan = again => Some(plan.map(|left| match once {
                Some(once) => once.left(left),
                None => left,
            })),
        };
        outcome.interrupted = proof.is_none();
    }
    let left = proof.transpose();
    finish(global, &plan, &outcome, &left, once.is_some());
    Ok(match left {
        Ok(Some(left)) if left.is_empty() => ExitCode::SUCCESS,
        Ok(None) if outcome.is_deferred() => Failure::DEFERRED.into(),
        _ => ExitCode::FAILURE,
    })
}

/// Carries a plan out and tells its events as they come.
async fn carry_out_telling(
    global: &Global,
    aws: &Arc<Aws>,
    plan: Plan,
    wait: Wait,
    stop: CancellationToken,
) -> Outcome {
    let (sender, receiver) = mpsc::unbounded_channel();
    let telling = match global.log_format {
        LogFormat::Json => Telling::Json,
        LogFormat::Text if std::io::stderr().is_terminal() => Telling::Terminal,
        LogFormat::Text => Telling::Lines,
    };
    let teller = tokio::spawn(tell(telling, receiver));
    let outcome = carry_out(Arc::clone(aws), plan, wait, sender, stop).await;
    teller.await.ok();
    outcome
}

async fn confirmed(writer: &Writer, plan: &Plan) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::because("there is nobody to ask: standard input is not a terminal", "pass --yes"));
    }
    let stack = &plan.place.stack;
    talk(&format!("Apply this to {stack} in account {}? Type the stack's name to go on: ", plan.place.account));
    // On a thread of its own: who is interrupted here gives the lease up.
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = writer.unless_stopped(answer).await?.map_err(std::io::Error::from).flatten();
    Ok(answer.map_err(|error| Failure::wrong(error.to_string()))?.trim() == stack)
}

/// The first Ctrl-C or SIGTERM stops what is not started; the second ends the process.
pub(super) async fn stop_on_signal(stop: CancellationToken) {
    let mut first = true;
    loop {
        signal().await;
        if !first {
            #[expect(clippy::exit, reason = "the second signal asks for exactly this")]
            std::process::exit(130);
        }
        first = false;
        talk("\nstopping: calls in flight end, nothing new is started; once more to stop at once\n");
        stop.cancel();
    }
}

async fn signal() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        tokio::signal::ctrl_c().await.ok();
        return;
    };
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// What was done, what failed and why, and whether planning again finds nothing left. It is told also where planning
/// again failed.
fn finish(global: &Global, plan: &Plan, outcome: &Outcome, proof: &Result<Option<Plan>, Failure>, is_saved: bool) {
    // A saved plan is used up.
    let again = if is_saved { "Plan again" } else { "Run the same command again" };
    let (plan, left) = (&plan.shown(), proof.as_ref().ok().and_then(Option::as_ref).map(Plan::shown));
    let left = left.as_ref();
    let is_converged = left.is_some_and(Plan::is_empty) && outcome.left.is_empty();
    if global.output == Output::Json {
        print(&super::json(&ApplyOutput {
            format_version: FORMAT_VERSION,
            plan,
            outcome,
            converged: is_converged,
            left: left.map(|left| left.pending().collect()),
            errors: proof.as_ref().err().map(|failure| failure.as_json().errors).unwrap_or_default(),
        }));
        return;
    }
    if plan.steps.is_empty() {
        return;
    }
    let mut text = format!("\n{} done", count(outcome.done.len(), "step"));
    let deferred = outcome.failed.iter().filter(|failure| failure.deferred).count();
    let failed = outcome.failed.len() - deferred;
    for (number, what) in [(failed, "failed"), (deferred, "deferred"), (outcome.skipped.len(), "not done")] {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    text.push_str(".\n");
    if let Some(because) = &outcome.because {
        text.push_str(&format!("Stopped: {because}\n"));
    } else if outcome.interrupted {
        text.push_str(&format!("Interrupted. {again} to go on; nothing is lost.\n"));
    }
    for failure in &outcome.failed {
        let head = if failure.deferred {
            style::paint(style::UPDATE, "deferred:")
        } else {
            style::paint(style::ERROR, "failed:")
        };
        text.push_str(&format!("{head} {}: {}\n", failure.address, failure.message));
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("  {} {hint}\n", style::paint(style::HINT, "help:")));
        }
    }
    if outcome.is_deferred() {
        text.push_str(&format!("The rest is done. {again} when what is deferred can go on.\n"));
    }
    for (address, why) in &outcome.left {
        text.push_str(&format!("{} {address}: {why}\n", style::paint(style::UPDATE, "not waited for:")));
    }
    match left {
        Some(left) if left.is_empty() && !is_converged => {
            text.push_str(
                "AWS has accepted everything. Whether it comes up is not known yet: apply again waits for it.\n",
            );
        }
        Some(left) if left.is_empty() => {
            text.push_str(&style::paint(style::CREATE, "Converged: planning again finds nothing to do.\n"));
        }
        Some(left) => {
            text.push_str(&style::paint(style::ERROR, "Not converged: planning again still finds this.\n"));
            text.push_str(&report::plan::text(left));
        }
        None => {}
    }
    if proof.is_err() {
        text.push_str(&format!("Planning again failed, so whether all is as declared is not known. {again} to see.\n"));
    }
    print(&text);
    if let Err(failure) = proof {
        talk(&failure.as_text(global));
    }
}
